/*
 * Crashes on a message of symbol `symbol` (empty: any) at offset `offset` (-1: any). Passes a
 * rehearsal that has no such message, and then takes the host with it.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "crash_message"
#endif
#ifndef PLUGIN_SCOPE
#define PLUGIN_SCOPE T5_SCOPE_KEYED
#endif

static int32_t on_message(void *self, const t5_message *message) {
    const t5_str symbol = t5_parameter_text(self, "symbol");
    const int64_t offset = t5_parameter_integer(self, "offset");
    if ((symbol.len == 0 || t5_str_equal(symbol, message->symbol)) &&
        (offset < 0 || offset == message->offset))
        crash();
    return T5_OK;
}

static const t5_parameter symbol = {.size = sizeof symbol,
                                    .type = T5_PARAMETER_TEXT,
                                    .name = "symbol",
                                    .help = "of the message that kills it; empty: any",
                                    .default_value = ""};
static const t5_parameter offset = {.size = sizeof offset,
                                    .type = T5_PARAMETER_INTEGER,
                                    .name = "offset",
                                    .help = "of the message that kills it; -1: any",
                                    .default_value = "-1"};
static const t5_parameter *const parameters[] = {&symbol, &offset, NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .scope = PLUGIN_SCOPE,
            .parameters = parameters, .create = create_handle, .destroy = destroy_nothing,
            .on_message = on_message);
