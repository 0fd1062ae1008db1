/*
 * commands/authoring/check_input.h - the author's own recording for `take5 check X.so --input`.
 */
#ifndef TAKE5_COMMANDS_AUTHORING_CHECK_INPUT_H
#define TAKE5_COMMANDS_AUTHORING_CHECK_INPUT_H

#include "base/error.h"
#include "cli/time_arg.h"
#include "config/config.h"
#include "log/log.h"
#include "message/record.h"
#include "message/symbols.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each case gets its own copy, so that there is a bound. */
#define CHECK_INPUT_MOST 20000

struct check_input_options {
    const char *path;  /* "-": the standard input */
    const char *topic; /* of lines without one; NULL: by shape */
    struct csv_arg symbols, mappings;
};

struct check_input {
    struct record *records; /* with their own memory */
    size_t count, capacity;
    bool is_cut; /* the recording has more */
    bool is_oom;
    uint64_t bad_lines;
    struct symbols *symbols; /* of what was read */
};

/* The first messages of the recording that the options let pass. Release in either case. False with
 * an error, also when there is none. */
bool check_input_read(struct check_input *input, const struct check_input_options *options,
                      const struct config *config, struct log *log, struct error *error);
void check_input_release(struct check_input *input);

#endif
