/*
 * Declared KEYED, and compares each price with the one of whatever symbol came before. What it says
 * depends on which symbols share its partition.
 */
#include "plugin.h"

#include <math.h>
#include <stdlib.h>

struct mine {
    t5_host *host;
    double last; /* of any symbol */
};

static int32_t create(const t5_create_args *args, void **self) {
    struct mine *m = calloc(1, sizeof *m);
    if (m == NULL)
        return t5_fail(args->host, "out of memory");
    m->host = args->host;
    m->last = (double)NAN;
    *self = m;
    return T5_OK;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct mine *m = self;
    if (!isfinite(message->price))
        return T5_OK;
    const double lead = message->price - m->last;
    m->last = message->price;
    if (!isfinite(lead))
        return T5_OK;
    const t5_signal signal = t5_signal_init("lead", lead, 1);
    return t5_emit(m->host, &signal);
}

static int32_t save(void *self, const t5_save_args *args) {
    struct mine *m = self;
    (void)args;
    return t5_record_write(m->host, T5_NO_SYMBOL, &m->last, sizeof m->last);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct mine *m = self;
    t5_record record;
    (void)args;
    if (t5_record_read(m->host, &record) != T5_OK || record.data_size != sizeof m->last)
        return t5_fail(m->host, "that is no price");
    memcpy(&m->last, record.data, sizeof m->last);
    return T5_OK;
}

T5_STRATEGY("relates_symbols", "1.0.0", .topics = bar_trends, .state_version = 1, .create = create,
            .destroy = free, .on_message = on_message, .save = save, .load = load);
