/*
 * Wants a field that is in its author's messages and in no others, and says what it is given.
 * Cannot do with 0.
 */
#include "plugin.h"

#include <math.h>

static const char *const fields[] = {"mine.own", NULL};

static int32_t on_message(void *self, const t5_message *message) {
    t5_host *host = self;
    const t5_value *own = t5_field(message, 0);
    if (!t5_value_is_number(own) || !isfinite(own->number))
        return T5_OK;
    if (fpclassify(own->number) == FP_ZERO)
        return t5_fail(host, "own is 0");
    const t5_signal signal = t5_signal_init("own", own->number, 1);
    (void)t5_emit(host, &signal);
    return T5_OK;
}

T5_STRATEGY("wants_field", "1.0.0", .topics = bar_trends, .fields = fields, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
