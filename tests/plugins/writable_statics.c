/*
 * Keeps a count in a writable static, which its instances share. Loads; `take5 inspect` shows sizes
 * of .data and .bss that say so.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "writable_statics"
#endif

static uint64_t seen[512] = {1};
static uint64_t zeroed[1024];

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    seen[message->symbol_id % 512]++;
    zeroed[message->symbol_id % 1024]++;
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_nothing,
            .destroy = destroy_nothing, .on_message = on_message);
