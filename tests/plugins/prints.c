/*
 * Prints to stdout and stderr in create, and writes into every descriptor that it can guess. What
 * it prints in a rehearsal goes nowhere; a rehearsal whose answers it spoils is refused.
 */
#include "plugin.h"

#include <stdio.h>
#include <unistd.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "prints"
#endif

static int32_t create(const t5_create_args *args, void **self) {
    static const char words[] = "these bytes are none of the host's\n";
    *self = NULL;
    puts("hello from create");
    (void)fflush(stdout);
    if (t5_parameter_integer(args->host, "scribble") != 0)
        for (int fd = 3; fd < 64; fd++)
            if (write(fd, words, sizeof words) < 0)
                continue;
    return T5_OK;
}

static const t5_parameter scribble = {.size = sizeof scribble,
                                      .type = T5_PARAMETER_BOOLEAN,
                                      .name = "scribble",
                                      .help = "write into descriptors that are not its own",
                                      .default_value = "no"};
static const t5_parameter *const parameters[] = {&scribble, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters, .create = create,
            .destroy = destroy_nothing, .on_message = accept_message);
