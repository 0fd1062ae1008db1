/*
 * base/format/faults_json.h - faults for programs.
 */
#ifndef TAKE5_BASE_FORMAT_FAULTS_JSON_H
#define TAKE5_BASE_FORMAT_FAULTS_JSON_H

#include "base/faults.h"
#include "base/format/json_writer.h"

/* The texts of the errors, or of the warnings, as an array. */
void faults_json_list(const struct faults *faults, bool are_warnings, const char *name,
                      struct json_writer *json) __attribute__((nonnull));
/* "faults":[..],"warnings":[..] into an object that has begun. */
void faults_json(const struct faults *faults, struct json_writer *json) __attribute__((nonnull));

#endif
