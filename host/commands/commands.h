/*
 * commands/commands.h - the subcommands, and what they share.
 *
 * Commands are the one room that prints and decides exit codes. Data goes to stdout, talk to
 * stderr.
 */
#ifndef TAKE5_COMMANDS_COMMANDS_H
#define TAKE5_COMMANDS_COMMANDS_H

#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78 };

struct command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
    bool is_hidden;
    bool has_help; /* answers --help itself, with its options one by one */
};

/* NULL-named at the end. */
extern const struct command commands[];

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_list(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_new(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_record(int argc, char **argv);
int command_feed(int argc, char **argv);
int command_ctl(int argc, char **argv);
int command_top(int argc, char **argv);
int command_dlq(int argc, char **argv);
int command_version(int argc, char **argv);
int command_rehearse(int argc, char **argv);
int command_conformance(int argc, char **argv);

/* ---- options that several commands have ---- */

#define MAX_OVERRIDES 64

/* -c FILE and -s SECTION.KEY=VALUE. */
struct config_options {
    const char *path;
    struct config_override overrides[MAX_OVERRIDES];
    size_t override_count;
    char *texts[MAX_OVERRIDES]; /* owned */
    bool is_demo;
};

/* Adds an override "SECTION.KEY=VALUE"; false with a message on stderr. A section with a name in it
 * is written with its colon ("strategy:alpha.span=5m"). */
bool config_options_add(struct config_options *options, const char *argument);
void config_options_release(struct config_options *options);

/* Whether there is a file to load: the one that was named, or the system's. */
bool config_options_has_file(const struct config_options *options);

/* Loads by the options, from /etc/take5/take5.ini without -c if that is there. All faults go to
 * stderr; NULL when there is an error. */
struct config *config_options_load(const struct config_options *options);
/* The same, with the faults for the caller to say. */
struct config *config_options_read(const struct config_options *options, struct faults *faults);
/* Of the same file no more than where a running host is. A file that nobody named, and that this
 * user may not read, counts as one that leaves everything at the service's defaults. */
struct config_control;
bool config_options_read_control(const struct config_options *options,
                                 struct config_control *control, struct faults *faults);

void print_faults(const struct faults *faults);
/* "take5: TEXT" on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The usage of one command, on stderr; gives EXIT_USAGE. */
int usage(const char *command);

#endif
