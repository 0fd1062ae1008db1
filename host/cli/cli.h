/*
 * cli/cli.h - what the subcommands share: exit codes, options for the configuration, and what
 * people read. Data goes to stdout, messages to stderr.
 */
#ifndef TAKE5_CLI_CLI_H
#define TAKE5_CLI_CLI_H

#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "config/config.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78 };

/*
 * Ends a command that has had strategies' code in the process, when everything is written and
 * freed: without the destructors of their files and the handlers that they left for the exit, which
 * nobody can stop or name. (Builds with sanitizers run them, and then look for leaks.) Gives
 * `code`, if it returns.
 */
int leave_without_strategies(int code);

/* ---- options that several commands have ---- */

/* -c FILE and -s SECTION.KEY=VALUE. */
struct config_options {
    const char *path;
    struct config_override *overrides; /* each is one text that is owned, by `section` */
    size_t override_count, override_capacity;
    bool is_demo;
    bool is_trusting_nobody; /* see struct config_request */
    const char *worker;      /* likewise */
    const char *in_force;    /* likewise */
    bool is_bare;            /* no file unless one is named: the system's is none of its business */
    const char *origin;      /* of the overrides that are added from here on; see config_override */
};

/* Adds an override "SECTION.KEY=VALUE"; false with a message on stderr. A section with a name in it
 * is written with its colon ("strategy:alpha.span=5m"). */
bool config_options_add(struct config_options *options, const char *argument);
/* The same of a key "SECTION.KEY" and a value. */
bool config_options_set(struct config_options *options, const char *key, const char *value);
void config_options_release(struct config_options *options);

/* Whether there is a file to load: the one that was named, or the system's. */
bool config_options_has_file(const struct config_options *options);

/* Loads by the options, from the system's file without -c if that is there. All faults go to
 * stderr; NULL when there is an error. */
struct config *config_options_load(const struct config_options *options);
/* The same, to look further at what has errors (config_load_anyway()), see `has_errors`. */
struct config *config_options_load_anyway(const struct config_options *options, bool *has_errors);
/* The same as the first, with the faults for the caller to say. */
struct config *config_options_read(const struct config_options *options, struct faults *faults);
/* Of the same file no more than where a running host is. A file that nobody named, and that this
 * user may not read, counts as one that leaves everything at the service's defaults. */
struct config_control;
bool config_options_read_control(const struct config_options *options,
                                 struct config_control *control, struct faults *faults);

/*
 * What people read. Names of files, texts of strategies and of messages may hold anything, so what
 * could steer a terminal becomes visible on the way (text_visible()): whatever is put into a text
 * for people goes through one of these. JSON does not: its strings are escaped.
 */
/* On stdout; line breaks are kept. */
void print_out(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* On stdout as it is, for programs. False, and noted (note_oom()): it is incomplete. */
bool print_text(const struct text *text);
/* A line each on stderr. */
void print_faults(const struct faults *faults);
/* HEAD and TEXT as a line on stderr. */
void print_notice(const char *head, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "take5: TEXT" on stderr. */
void print_err(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same of an error; gives `code`. */
int fail(int code, const struct error *error);
/* A log for a command that is not the service: warnings, on stderr. NULL: out of memory, which was
 * reported. */
struct log *log_for_command(void);
/* Memory was short for something that was to be printed: says so, and the command ends with
 * EXIT_FAILED instead of EXIT_GOOD. */
void note_oom(void);
bool was_oom(void);

#endif
