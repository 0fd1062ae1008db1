/*
 * Leaks, or spins, in live work alone; which of the two, the build's name says:
 *
 *   leaks   16 MiB a message, written to, never freed; without memory it says that the message
 *           failed
 *   spins   never comes back from on_message at offset `offset` (-1: any), and uses its processor
 */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

#ifndef PLUGIN_SPINS
#define PLUGIN_SPINS 0
#endif

struct leaker {
    t5_host *host;
    int is_live;
};

static int32_t create(const t5_create_args *args, void **self) {
    struct leaker *leaker = calloc(1, sizeof *leaker);
    if (leaker == NULL)
        return t5_fail(args->host, "no memory");
    leaker->host = args->host;
    *self = leaker;
    return T5_OK;
}

static void destroy(void *self) {
    free(self);
}

static void activate(void *self, const t5_activate_args *args) {
    struct leaker *leaker = self;
    leaker->is_live = args->mode == T5_MODE_LIVE;
}

static int32_t on_message(void *self, const t5_message *message) {
    static const size_t size = (size_t)16 << 20;
    struct leaker *leaker = self;
    if (!leaker->is_live)
        return T5_OK;
    if (PLUGIN_SPINS) {
        const int64_t offset = t5_parameter_integer(leaker->host, "offset");
        for (volatile int i = 0; offset < 0 || offset == message->offset; i = !i) {}
        return T5_OK;
    }
    void *volatile lost = malloc(size);
    if (lost == NULL)
        return t5_fail(leaker->host, "no memory");
    memset(lost, 1, size);
    return T5_OK;
}

static const t5_parameter offset = {.size = sizeof offset,
                                    .type = T5_PARAMETER_INTEGER,
                                    .name = "offset",
                                    .help = "of the message that it spins on; -1: any",
                                    .default_value = "-1"};
static const t5_parameter *const parameters[] = {&offset, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters, .create = create,
            .destroy = destroy, .activate = activate, .on_message = on_message);
