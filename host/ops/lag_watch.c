#include "ops/lag_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SMALL   100 /* messages */
#define SWING_S 3   /* of messages: what batches and commits may make of it */

static double seconds(int64_t from_ns, int64_t to_ns) {
    return (double)(to_ns - from_ns) / (double)NS_PER_S;
}

static int64_t busy_before(const struct lag_sample *sample, const char *name) {
    for (size_t i = 0; i < sample->strategy_count; i++) {
        if (strcmp(sample->strategies[i].name, name) == 0)
            return sample->strategies[i].busy_ns;
    }
    return 0;
}

/* The share of the lanes' time that strategies took since the last look, and who took most. */
static double busy_share(const struct lag_sample *last, const struct lag_sample *sample,
                         const char **most) {
    int64_t sum_ns = 0, most_ns = 0;
    *most = NULL;
    for (size_t i = 0; i < sample->strategy_count; i++) {
        const struct lag_watch_strategy *strategy = &sample->strategies[i];
        const int64_t ns = strategy->busy_ns - busy_before(last, strategy->name);
        if (ns <= 0)
            continue;
        sum_ns += ns;
        if (ns > most_ns) {
            most_ns = ns;
            *most = strategy->name;
        }
    }
    const double share = (double)sum_ns / (double)(sample->now_ns - last->now_ns) /
                         (double)(sample->lanes > 0 ? sample->lanes : 1);
    return share < 1 ? share : 1;
}

static void describe_growth(const struct lag_watch *watch, const struct lag_sample *sample,
                            double rate, char *text, size_t size) {
    const char *most;
    const double share = busy_share(&watch->last, sample, &most);
    const int length = snprintf(text, size,
                                "consumer lag is growing: %" PRId64 " messages behind, %" PRId64
                                " more than %.0f s ago, at %.0f "
                                "messages/s; strategies use %.0f%% of the lanes' time",
                                sample->lag, sample->lag - watch->anchor,
                                seconds(watch->anchor_ns, sample->now_ns), rate, share * 100);
    if (most != NULL && length > 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, ", most of it %s", most);
}

static void follow(struct lag_watch *watch, const struct lag_sample *sample) {
    if (sample->lag < watch->last.lag) {
        watch->rises = 0;
    } else if (sample->lag > watch->last.lag) {
        if (watch->rises == 0) {
            watch->anchor = watch->last.lag;
            watch->anchor_ns = watch->last.now_ns;
        }
        watch->rises++;
    }
}

enum lag_word lag_watch(struct lag_watch *watch, const struct lag_sample *sample, char *text,
                        size_t size) {
    enum lag_word word = LAG_QUIET;
    if (sample->lag < 0 || watch->last.now_ns == 0 || watch->last.lag < 0 ||
        sample->now_ns <= watch->last.now_ns) {
        watch->rises = 0;
        goto done;
    }
    follow(watch, sample);
    const double rate = (double)(sample->messages - watch->last.messages) /
                        seconds(watch->last.now_ns, sample->now_ns);
    const double swing = rate * SWING_S > SMALL ? rate * SWING_S : SMALL;
    if (watch->rises >= LAG_WATCH_RISES && (double)(sample->lag - watch->anchor) >= swing &&
        sample->lag / 2 >= watch->reported) {
        describe_growth(watch, sample, rate, text, size);
        watch->reported = sample->lag;
        word = LAG_GROWS;
    } else if (watch->reported > 0 &&
               ((double)sample->lag <= swing || sample->lag <= watch->reported / 10)) {
        snprintf(text, size, "consumer lag is back to %" PRId64, sample->lag);
        watch->reported = 0;
        word = LAG_IS_BACK;
    }

done:
    watch->last = *sample;
    return word;
}
