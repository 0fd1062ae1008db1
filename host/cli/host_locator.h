/*
 * cli/host_locator.h - the running host that `ctl` and `top` speak to: where it is, and what to do
 * when it does not answer.
 *
 * A configuration that is broken just now, or that this user may not read whole, is no reason not
 * to find it.
 */
#ifndef TAKE5_CLI_HOST_LOCATOR_H
#define TAKE5_CLI_HOST_LOCATOR_H

#include "base/text.h"
#include "cli/options.h"
#include "config/control_endpoint.h"

struct host_locator {
    /* As given. */
    struct config_options options;
    const char *socket_option, *run_dir_option; /* NULL: not given */
    const char *worker; /* of that host, which alone is asked; NULL: the host */
    /* Found. */
    struct config_control place;
};

/* Rows of both commands' tables (cli/options.h). */
#define OPTIONS_LOCATOR(command, member)                                                           \
    OPTIONS_CONFIG(command, member.options),                                                       \
        {0, "run-dir", "DIR", OPTION_TEXT(command, member.run_dir_option),                         \
         "the host's run directory; overrides the configuration"},                                 \
        {0, "socket", "PATH", OPTION_TEXT(command, member.socket_option), "the host's socket"}, {  \
        0, "worker", "NAME", OPTION_NAME(command, member.worker), "only this worker of the host"   \
    }

/* options_parse(), and fills `place` of the locator in `target`; false with the exit code, and what
 * is wrong on stderr. */
bool host_locator_parse(const struct command *command, void *target, struct host_locator *locator,
                        int *argc, char ***argv, int *code);
void host_locator_release(struct host_locator *locator);

/* The request as the host gets it: "WORDS", or "@WORKER WORDS". */
void host_locator_request(const struct host_locator *locator, const char *words,
                          struct text *request);

/* Why nobody answers there, and what to do: a sentence or two; "" when somebody does. */
const char *host_locator_advice(const struct host_locator *locator, char *text, size_t size);
/* The error and the advice, on stderr. */
void host_locator_print_error(const struct host_locator *locator, const struct error *error);

#endif
