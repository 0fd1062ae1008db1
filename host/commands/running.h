/*
 * commands/running.h - the running host that `ctl` and `top` speak to: where it is, and what to do
 * when it does not answer.
 *
 * A configuration that is broken just now, or that this user may not read whole, is no reason not
 * to find it.
 */
#ifndef TAKE5_COMMANDS_RUNNING_H
#define TAKE5_COMMANDS_RUNNING_H

#include "commands/commands.h"
#include "config/control.h"

#include <getopt.h>

struct running {
    /* As given. */
    struct config_options options;
    const char *socket_option, *run_dir_option; /* NULL: not given */
    /* Found. */
    struct config_control place;
};

/* What both commands know besides their own: "c:s:", and these. */
#define RUNNING_SHORT_OPTIONS "c:s:"
#define RUNNING_LONG_OPTIONS                                                                       \
    {"socket", required_argument, NULL, 'S'}, {                                                    \
        "run-dir", required_argument, NULL, 'R'                                                    \
    }

/* Takes one option of getopt's; false when it is none of these, or wrong. */
bool running_take(struct running *running, int option, char *argument);
/* Fills `place`; false with what is wrong on stderr. */
bool running_find(struct running *running);
void running_release(struct running *running);

/* Why nobody answers there, and what to do: a sentence or two; "" when somebody does. */
const char *running_advice(const struct running *running, char *text, size_t size);
/* The error and the advice, on stderr. */
void running_complain(const struct running *running, const struct error *error);

#endif
