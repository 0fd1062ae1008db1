/*
 * Crashes two calls deep, at a line that a comment marks: HOW says in which way. Built with debug
 * information, with none, and without symbols: what the host says of it is told by each.
 */
#include "plugin.h"

#include <string.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_deep"
#endif

enum { STORE, LIBRARY, LOOP, STOP };

#ifndef HOW
#define HOW STORE
#endif

static volatile int spins;
static char *volatile nowhere;

__attribute__((noinline)) static int deepest(int how) {
    if (how == LIBRARY)
        memset(nowhere, 1, 1 << 20); /* here: library */
    if (how == STOP)
        __builtin_trap(); /* here: stop */
    while (how == LOOP)
        spins++;                   /* here: loop */
    *(volatile char *)nowhere = 1; /* here: store */
    return spins;
}

__attribute__((noinline)) static int deep(int how) {
    return deepest(how) + 1; /* here: call */
}

static int32_t on_message(void *self, const t5_message *message) {
    const int64_t offset = t5_parameter_integer(self, "offset");
    if (offset < 0 || offset == message->offset)
        spins += deep(HOW);
    return T5_OK;
}

static const t5_parameter offset = {.size = sizeof offset,
                                    .type = T5_PARAMETER_INTEGER,
                                    .name = "offset",
                                    .help = "of the message that kills it; -1: any",
                                    .default_value = "-1"};
static const t5_parameter *const parameters[] = {&offset, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters,
            .create = create_handle, .destroy = destroy_nothing, .on_message = on_message);
