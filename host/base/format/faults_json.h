/*
 * base/format/faults_json.h - faults for programs.
 */
#ifndef TAKE5_BASE_FORMAT_FAULTS_JSON_H
#define TAKE5_BASE_FORMAT_FAULTS_JSON_H

#include "base/faults.h"
#include "base/format/json_writer.h"

/* "faults":[..],"warnings":[..] into an object that has begun. */
void faults_json(const struct faults *faults, struct json_writer *json) __attribute__((nonnull));

#endif
