/*
 * Signals that carry named values: of each type, beside data and alone.
 */
#include "plugin.h"

static int32_t on_message(void *self, const t5_message *message) {
    const t5_named_value values[] = {
        t5_named_number("z", 0.1), t5_named_integer("n", 9007199254740993),
        t5_named_boolean("is_up", 1), t5_named_text("why", t5_text("say \"so\"")),
        t5_named_number("gone", (double)NAN)};
    t5_signal signal = t5_signal_init("alone", 1, 1);
    (void)message;
    (void)t5_emit_values(self, signal, values, 5);
    signal.name = t5_text("beside");
    signal.data = t5_text(" {\"a\": 1} ");
    signal.price = 7.5;
    signal.time_frame_s = 300;
    (void)t5_emit_values(self, signal, values, 1);
    signal.name = t5_text("empty");
    signal.data = t5_text("{ }");
    (void)t5_emit_values(self, signal, values, 1);
    return T5_OK;
}

T5_STRATEGY("carries", "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
