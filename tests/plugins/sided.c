/*
 * A strategy whose signals say a side, each by the cents of the price alone, so that a test can
 * tell all of them: the sign of the value, and the opposite as a number called "side", beside it
 * (NAMED) or in the data (DATA). One in five says nothing. -DSHIFT=n turns some sides around;
 * -DWIDER emits where the other builds do not.
 */
#include "plugin.h"

#include <math.h>

#ifndef READ_AS
#define READ_AS T5_SIDE_NONE
#endif
#ifndef SHIFT
#define SHIFT 0
#endif
#ifndef TILT
#define TILT 0
#endif
#ifndef WIDER
#define WIDER 0
#endif

static int32_t on_message(void *self, const t5_message *message) {
    if ((message->flags & T5_MESSAGE_HAS_PRICE) == 0)
        return T5_OK;
    const long long cents = llround(message->price * 100);
    if (cents % 5 == 0 && !(WIDER && cents % 10 == 0))
        return T5_OK;
    const int side = (int)((cents + (cents % 11 == 0 ? SHIFT : 0)) % 3) - 1;
    const char *name = side > 0 ? "up" : side < 0 ? "down" : "flat";
    t5_signal signal = t5_signal_init(name, side * 1.5 * (1 + TILT), (double)(cents % 13) / 12);
#if defined(DATA)
    signal.data = t5_text(side > 0 ? "{\"side\":-1}" : side < 0 ? "{\"side\": 0.5}" : "{\"x\":1}");
    return t5_emit(self, &signal);
#else
    const t5_named_value values[] = {t5_named_integer("side", -side)};
    return t5_emit_values(self, signal, values, 1);
#endif
}

T5_STRATEGY("sided", "1.0.0", .topics = bar_trends, .side = READ_AS, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
