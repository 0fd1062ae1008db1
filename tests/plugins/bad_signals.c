/*
 * Says on each message every kind of signal that emit must refuse, then one good signal. Exactly
 * the good one may come through. An accepted bad one is answered with an error.
 */
#include "plugin.h"

#include <math.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "bad_signals"
#endif

#define BAD_SIGNALS 10

static char long_text[70000];

static int32_t on_message(void *self, const t5_message *message) {
    t5_signal bad[BAD_SIGNALS];
    (void)message;
    for (int i = 0; i < BAD_SIGNALS; i++)
        bad[i] = t5_signal_init("bad", 1, 1);
    memset(long_text, 'x', sizeof long_text);
    bad[0].value = (double)NAN;
    bad[1].value = (double)INFINITY;
    bad[2].confidence = 1.5;
    bad[3].confidence = (double)NAN;
    bad[4].name = t5_text("two words");
    bad[5].name = t5_text("");
    bad[6].symbol = (t5_str){long_text, 65};
    bad[7].data = t5_text("[1, 2]");
    bad[8].data = (t5_str){long_text, sizeof long_text};
    bad[9].size = 8;
    for (int i = 0; i < BAD_SIGNALS; i++)
        if (t5_emit(self, &bad[i]) != T5_ERROR)
            return t5_fail(self, "bad signal %d was not refused", i);
    t5_signal good = t5_signal_init("good", 1, 0.5);
    good.data = t5_text("{\"a\": [1, 2]}");
    return t5_emit(self, &good);
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .create = create_handle,
            .destroy = destroy_nothing, .on_message = on_message);
