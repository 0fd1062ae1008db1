/*
 * Joins two topics by symbol, and cannot hide in which order their messages came: it keeps a
 * digest, a symbol, of topic and offset of each. Says the digest with each message of asset_trends
 * ("joined") and with a timer of event time every five minutes ("tick").
 *
 * So its signals are the same only if messages and timers come in the same order, and if save and
 * load keep all. With -DPLUGIN_FORGETS it has no save.
 */
#include "plugin.h"

#include <stdlib.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "joiner"
#endif

#define STATE_VERSION 1
#define TICK_NS       (INT64_C(300) * 1000000000)
#define TIMER_KEY     7

enum topic { TOPIC_BARS, TOPIC_TRENDS };

struct symbol {
    uint64_t digest;
    uint64_t messages; /* 0: never seen */
    double close;      /* of the newest bar, NaN: none */
};

struct joiner {
    t5_host *host;
    struct symbol *symbols;
    uint32_t capacity;
};

static struct symbol *symbol_at(struct joiner *joiner, uint32_t id) {
    if (id >= joiner->capacity) {
        uint32_t capacity = joiner->capacity > 0 ? joiner->capacity : 64;
        while (capacity <= id)
            capacity *= 2;
        struct symbol *larger = realloc(joiner->symbols, capacity * sizeof *larger);
        if (larger == NULL)
            return NULL;
        memset(larger + joiner->capacity, 0, (capacity - joiner->capacity) * sizeof *larger);
        joiner->symbols = larger;
        joiner->capacity = capacity;
    }
    return &joiner->symbols[id];
}

static int32_t create(const t5_create_args *args, void **self) {
    struct joiner *joiner = calloc(1, sizeof *joiner);
    if (joiner == NULL)
        return t5_fail(args->host, "no memory");
    joiner->host = args->host;
    *self = joiner;
    return T5_OK;
}

static void destroy(void *self) {
    struct joiner *joiner = self;
    free(joiner->symbols);
    free(joiner);
}

/* FNV-1a, a word at a time. */
static uint64_t mix(uint64_t digest, uint64_t word) {
    return (digest ^ word) * UINT64_C(0x100000001b3);
}

/* What a double holds exactly. */
static double digest_of(const struct symbol *symbol) {
    return (double)(symbol->digest >> 12);
}

static int32_t say(struct joiner *joiner, const char *name, const struct symbol *symbol) {
    char data[96];
    t5_signal signal = t5_signal_init(name, digest_of(symbol), 1);
    snprintf(data, sizeof data, "{\"messages\":%llu,\"close\":%.17g}",
             (unsigned long long)symbol->messages, symbol->close);
    if (isfinite(symbol->close))
        signal.data = t5_text(data);
    return t5_emit(joiner->host, &signal);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct joiner *joiner = self;
    struct symbol *symbol = symbol_at(joiner, message->symbol_id);
    if (symbol == NULL)
        return t5_fail(joiner->host, "no memory");
    if (symbol->messages++ == 0) {
        symbol->digest = UINT64_C(0xcbf29ce484222325);
        symbol->close = (double)NAN;
        if (t5_arm_timer(joiner->host, message->symbol_id, TIMER_KEY,
                         t5_now(joiner->host) + TICK_NS) != T5_OK)
            return t5_fail(joiner->host, "no timer");
    }
    symbol->digest = mix(mix(symbol->digest, message->topic), (uint64_t)message->offset);
    if (message->topic == TOPIC_BARS) {
        symbol->close = message->close;
        return T5_OK;
    }
    return say(joiner, "joined", symbol);
}

static int32_t on_timer(void *self, const t5_timer *timer) {
    struct joiner *joiner = self;
    struct symbol *symbol = symbol_at(joiner, timer->symbol_id);
    if (symbol == NULL)
        return t5_fail(joiner->host, "no memory");
    symbol->digest = mix(symbol->digest, (uint64_t)timer->due_ns);
    if (say(joiner, "tick", symbol) != T5_OK)
        return T5_ERROR;
    return t5_arm_timer(joiner->host, timer->symbol_id, TIMER_KEY, timer->due_ns + TICK_NS);
}

#ifndef PLUGIN_FORGETS
static int32_t save(void *self, const t5_save_args *args) {
    const struct joiner *joiner = self;
    (void)args;
    for (uint32_t id = 0; id < joiner->capacity; id++) {
        const struct symbol *symbol = &joiner->symbols[id];
        if (symbol->messages > 0 &&
            t5_record_write(joiner->host, id, symbol, sizeof *symbol) != T5_OK)
            return t5_fail(joiner->host, "cannot write");
    }
    return T5_OK;
}

static int32_t load(void *self, const t5_load_args *args) {
    struct joiner *joiner = self;
    t5_record record;
    int32_t code;
    if (args->state_version != STATE_VERSION)
        return t5_fail(joiner->host, "state version %u is unknown", args->state_version);
    while ((code = t5_record_read(joiner->host, &record)) == T5_OK) {
        struct symbol *symbol =
            record.symbol_id != T5_NO_SYMBOL ? symbol_at(joiner, record.symbol_id) : NULL;
        if (symbol == NULL || record.data_size != sizeof *symbol)
            return t5_fail(joiner->host, "a record of %zu bytes is no symbol", record.data_size);
        memcpy(symbol, record.data, sizeof *symbol);
    }
    return code == T5_END ? T5_OK : T5_ERROR;
}
#endif

static const char *const topics[] = {"bar_trends", "asset_trends", NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .summary = "joins bars and trends, and tells their order",
            .topics = topics, .state_version = STATE_VERSION, .create = create, .destroy = destroy,
#ifndef PLUGIN_FORGETS
            .save = save, .load = load,
#endif
            .on_message = on_message, .on_timer = on_timer);
