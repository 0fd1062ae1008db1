/*
 * Takes messages but those of one kind, which the name of the build says:
 *
 *   fragile_production  answers a message of the production envelope with an error
 *   fragile_documented  answers one of the documented envelope so
 *   fragile_missing     looks for the symbol in the payload itself, where it need not be
 *   fragile_extreme     crashes at a price that no array has an index for
 *   fragile_text        copies a time's text without looking at its length
 */
#include "plugin.h"

enum { PRODUCTION = 1, DOCUMENTED, MISSING, EXTREME, TEXT };

static const char *const fields[] = {"publishTime.take5TimeStr|timestamp", NULL};

static int32_t on_message(void *self, const t5_message *message) {
    const int has_close = (message->flags & T5_MESSAGE_HAS_CLOSE) != 0;
    const t5_str payload = message->payload;
    if (BREAKS_AT == PRODUCTION && has_close)
        return t5_fail(self, "cannot make anything of barData");
    if (BREAKS_AT == DOCUMENTED && !has_close)
        return t5_fail(self, "cannot do without barData");
    if (BREAKS_AT == MISSING && memmem(payload.data, payload.len, "\"symbol\":", 9) == NULL)
        crash();
    if (BREAKS_AT == EXTREME && message->price > 1e300)
        crash();
    if (BREAKS_AT == TEXT && t5_value_text(t5_field(message, 0)).len > 1000)
        crash();
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .fields = fields, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
