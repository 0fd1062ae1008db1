/*
 * Joins all three topics, and tells on itself: what it says is one chain a partition number, and
 * one a symbol. It keeps digests of every message, timer and gap that it was handed. Each message
 * whose offset is a multiple of five makes a signal with
 *
 *   before, after            the digest at the last signal, and now
 *   seen                     what came between, in its order: TOPIC:OFFSET, and for a gap
 *                            TOPIC:FROM-TO (the first that was not seen, the first that will be)
 *   messages, timers, digest the symbol's
 *
 * So one message that is lost, doubled or in another place shows in all signals after it, and the
 * signals of a partition number together tell the order in which its messages were handled.
 *
 * With -DPLUGIN_ONE_TOPIC it wants one topic, and the order is no question. -DBUILD_NUMBER=n makes
 * distinct builds of one version. -DPLUGIN_HISTORY_US=n: each message of history takes so long.
 * -DPLUGIN_FAILS=1: FAILS messages in a row from some offsets on it does not know, and with the
 * parameter `fails` says that it cannot handle them (from FAILS_FROM on), or does not want them
 * (from REJECTS_FROM on); at the offset `crashes_at` it crashes. -DPLUGIN_PLANTS=... plants a
 * fault, for who judges its signals to find (tests/nemesis): one signal is not said, the first one
 * that follows a load is said otherwise than it would have been, or one message is not known any
 * more.
 */
#include "plugin.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "chain"
#endif
#ifndef BUILD_NUMBER
#define BUILD_NUMBER 1
#endif

#ifndef PLUGIN_HISTORY_US
#define PLUGIN_HISTORY_US 0
#endif
#ifndef PLUGIN_FAILS
#define PLUGIN_FAILS 0
#endif

/* Keeps builds from being the same file. */
__attribute__((used)) static volatile const int build_number = BUILD_NUMBER;

#define PLANTS_NOTHING 0
#define PLANTS_LOSS    1
#define PLANTS_REPEAT  2
#define PLANTS_STATE   3
#ifndef PLUGIN_PLANTS
#define PLUGIN_PLANTS PLANTS_NOTHING
#endif
#define PLANTED_AT 500 /* offset of the message */

#define FAILS        3
#define FAILS_FROM   500
#define REJECTS_FROM 1500

#define STATE_VERSION 1
#define EVERY         5
#ifndef TICK_MS
#define TICK_MS 700
#endif
#define TICK_NS   ((int64_t)TICK_MS * 1000000)
#define TIMER_KEY 1
#define START     UINT64_C(0xcbf29ce484222325)
#define LINE_SIZE 48 /* of one entry of `seen` as text */

struct symbol {
    uint64_t digest;
    uint64_t messages; /* 0: never seen */
    uint64_t timers;
};

/* A message, or a gap when `to` is not 0. */
struct seen {
    int64_t from, to;
    uint64_t topic;
};

struct chain {
    t5_host *host;
    struct symbol *symbols;
    uint32_t capacity;
    uint64_t before, after;
    struct seen *seen; /* since the last signal */
    size_t seen_count, seen_capacity;
    bool is_loaded; /* and has said nothing since */
    bool does_fail;
    int64_t crashes_at; /* -1: nowhere */
};

/* FNV-1a, a word at a time. */
static void mix(uint64_t *digest, uint64_t word) {
    *digest = (*digest ^ word) * UINT64_C(0x100000001b3);
    *digest ^= *digest >> 29;
}

static struct symbol *symbol_at(struct chain *chain, uint32_t id) {
    if (id >= chain->capacity) {
        uint32_t capacity = chain->capacity > 0 ? chain->capacity : 64;
        while (capacity <= id)
            capacity *= 2;
        struct symbol *larger = realloc(chain->symbols, capacity * sizeof *larger);
        if (larger == NULL)
            return NULL;
        memset(larger + chain->capacity, 0, (capacity - chain->capacity) * sizeof *larger);
        chain->symbols = larger;
        chain->capacity = capacity;
    }
    return &chain->symbols[id];
}

static struct seen *add_seen(struct chain *chain) {
    if (chain->seen_count == chain->seen_capacity) {
        const size_t capacity = chain->seen_capacity > 0 ? chain->seen_capacity * 2 : 64;
        struct seen *larger = realloc(chain->seen, capacity * sizeof *larger);
        if (larger == NULL)
            return NULL;
        chain->seen = larger;
        chain->seen_capacity = capacity;
    }
    return &chain->seen[chain->seen_count++];
}

static int32_t create(const t5_create_args *args, void **self) {
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return t5_fail(args->host, "no memory");
    chain->host = args->host;
    chain->before = chain->after = START;
    chain->does_fail = PLUGIN_FAILS && t5_parameter_integer(args->host, "fails") != 0;
    chain->crashes_at = PLUGIN_FAILS ? t5_parameter_integer(args->host, "crashes_at") : -1;
    *self = chain;
    return T5_OK;
}

static void destroy(void *self) {
    struct chain *chain = self;
    free(chain->symbols);
    free(chain->seen);
    free(chain);
}

/* ---- what it says ---- */

static size_t print_seen(const struct chain *chain, char *text, size_t size) {
    size_t length = 0;
    for (size_t i = 0; i < chain->seen_count; i++) {
        const struct seen *seen = &chain->seen[i];
        length += (size_t)snprintf(text + length, size - length, "%s%llu:%lld", i > 0 ? "," : "",
                                   (unsigned long long)seen->topic, (long long)seen->from);
        if (seen->to != 0)
            length += (size_t)snprintf(text + length, size - length, "-%lld", (long long)seen->to);
    }
    return length;
}

static bool is_planted(int fault, bool is_here) {
    return PLUGIN_PLANTS == fault && is_here;
}

static int32_t say(struct chain *chain, const struct symbol *symbol, const t5_message *message) {
    const size_t size = 256 + chain->seen_count * LINE_SIZE;
    char *data = malloc(size);
    if (data == NULL)
        return t5_fail(chain->host, "no memory");
    size_t length = (size_t)snprintf(
        data, size,
        "{\"before\":\"%016llx\",\"after\":\"%016llx\",\"messages\":%llu,\"timers\":%llu,"
        "\"digest\":\"%016llx\",\"seen\":\"",
        (unsigned long long)chain->before, (unsigned long long)chain->after,
        (unsigned long long)symbol->messages, (unsigned long long)symbol->timers,
        (unsigned long long)symbol->digest);
    const bool is_history = (message->flags & T5_MESSAGE_HISTORY) != 0;
    if (is_planted(PLANTS_REPEAT, chain->is_loaded && !is_history))
        length += (size_t)snprintf(data + length, size - length, "planted ");
    chain->is_loaded &= is_history;
    length += print_seen(chain, data + length, size - length);
    (void)snprintf(data + length, size - length, "\"}");
    t5_signal signal = t5_signal_init("link", (double)(symbol->digest >> 12), 1);
    signal.data = t5_text(data);
    const int32_t code = is_planted(PLANTS_LOSS, message->offset == PLANTED_AT)
                             ? T5_OK
                             : t5_emit(chain->host, &signal);
    free(data);
    chain->before = chain->after;
    chain->seen_count = 0;
    return code;
}

/* ---- what it is handed ---- */

static void take_time(const t5_message *message) {
    const struct timespec time = {.tv_nsec = PLUGIN_HISTORY_US * 1000L};
    if (PLUGIN_HISTORY_US > 0 && (message->flags & T5_MESSAGE_HISTORY) != 0)
        (void)nanosleep(&time, NULL);
}

/* Whether it passes the message by; with this answer. */
static bool fails_at(const struct chain *chain, int64_t offset, int32_t *code) {
    const bool is_error = PLUGIN_FAILS && offset >= FAILS_FROM && offset < FAILS_FROM + FAILS;
    const bool is_reject = PLUGIN_FAILS && offset >= REJECTS_FROM && offset < REJECTS_FROM + FAILS;
    *code = T5_OK;
    if (chain->does_fail && is_error)
        *code = t5_fail(chain->host, "planted");
    if (chain->does_fail && is_reject) {
        (void)t5_fail(chain->host, "planted");
        *code = T5_REJECT;
    }
    return is_error || is_reject;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct chain *chain = self;
    int32_t code;
    take_time(message);
    if (message->offset == chain->crashes_at)
        abort();
    if (fails_at(chain, message->offset, &code))
        return code;
    if (is_planted(PLANTS_STATE, message->offset == PLANTED_AT + 1))
        return T5_OK;
    struct symbol *symbol = symbol_at(chain, message->symbol_id);
    struct seen *seen = add_seen(chain);
    if (symbol == NULL || seen == NULL)
        return t5_fail(chain->host, "no memory");
    *seen = (struct seen){.from = message->offset, .topic = message->topic};
    if (symbol->messages++ == 0) {
        symbol->digest = START;
        if (t5_arm_timer(chain->host, message->symbol_id, TIMER_KEY,
                         t5_now(chain->host) + TICK_NS) != T5_OK)
            return t5_fail(chain->host, "no timer");
    }
    uint64_t price;
    memcpy(&price, &message->price, sizeof price);
    const uint64_t words[] = {message->topic, (uint64_t)message->offset,
                              (uint64_t)message->event_time_ns, price};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        mix(&symbol->digest, words[i]);
        mix(&chain->after, words[i]);
    }
    return message->offset % EVERY == 0 ? say(chain, symbol, message) : T5_OK;
}

static int32_t on_timer(void *self, const t5_timer *timer) {
    struct chain *chain = self;
    struct symbol *symbol = symbol_at(chain, timer->symbol_id);
    if (symbol == NULL)
        return t5_fail(chain->host, "no memory");
    symbol->timers++;
    mix(&symbol->digest, (uint64_t)timer->due_ns);
    mix(&chain->after, (uint64_t)timer->due_ns);
    return t5_arm_timer(chain->host, timer->symbol_id, TIMER_KEY, timer->due_ns + TICK_NS);
}

static void on_event(void *self, const t5_event *event) {
    struct chain *chain = self;
    if (event->kind != T5_EVENT_GAP)
        return;
    struct seen *seen = add_seen(chain);
    if (seen == NULL) {
        t5_log(chain->host, T5_LOG_ERROR, "no memory: a gap is not noted");
        return;
    }
    *seen = (struct seen){event->from_offset, event->to_offset, event->topic};
    mix(&chain->after, (uint64_t)event->to_offset);
}

/* ---- state: a record a symbol, and one of the chain: before, after, then what was seen ---- */

static int32_t save_chain(struct chain *chain) {
    const size_t size = 2 * sizeof(uint64_t) + chain->seen_count * sizeof *chain->seen;
    char *bytes = malloc(size);
    if (bytes == NULL)
        return t5_fail(chain->host, "no memory");
    memcpy(bytes, &chain->before, sizeof chain->before);
    memcpy(bytes + sizeof chain->before, &chain->after, sizeof chain->after);
    if (chain->seen_count > 0)
        memcpy(bytes + 2 * sizeof(uint64_t), chain->seen, chain->seen_count * sizeof *chain->seen);
    const int32_t code = t5_record_write(chain->host, T5_NO_SYMBOL, bytes, size);
    free(bytes);
    return code == T5_OK ? T5_OK : t5_fail(chain->host, "cannot write");
}

static int32_t save(void *self, const t5_save_args *args) {
    struct chain *chain = self;
    (void)args;
    for (uint32_t id = 0; id < chain->capacity; id++) {
        const struct symbol *symbol = &chain->symbols[id];
        if (symbol->messages > 0 &&
            t5_record_write(chain->host, id, symbol, sizeof *symbol) != T5_OK)
            return t5_fail(chain->host, "cannot write");
    }
    return save_chain(chain);
}

static int32_t load_chain(struct chain *chain, const t5_record *record) {
    const char *bytes = record->data;
    if (record->data_size < 2 * sizeof(uint64_t) ||
        (record->data_size - 2 * sizeof(uint64_t)) % sizeof *chain->seen != 0)
        return t5_fail(chain->host, "a record of %zu bytes is no chain", record->data_size);
    memcpy(&chain->before, bytes, sizeof chain->before);
    memcpy(&chain->after, bytes + sizeof chain->before, sizeof chain->after);
    for (size_t at = 2 * sizeof(uint64_t); at < record->data_size; at += sizeof *chain->seen) {
        struct seen *seen = add_seen(chain);
        if (seen == NULL)
            return t5_fail(chain->host, "no memory");
        memcpy(seen, bytes + at, sizeof *seen);
    }
    return T5_OK;
}

static int32_t load(void *self, const t5_load_args *args) {
    struct chain *chain = self;
    t5_record record;
    int32_t code;
    chain->is_loaded = true;
    if (args->state_version != STATE_VERSION)
        return t5_fail(chain->host, "state version %u is unknown", args->state_version);
    while ((code = t5_record_read(chain->host, &record)) == T5_OK) {
        if (record.symbol_id == T5_NO_SYMBOL) {
            if (load_chain(chain, &record) != T5_OK)
                return T5_ERROR;
            continue;
        }
        struct symbol *symbol = symbol_at(chain, record.symbol_id);
        if (symbol == NULL || record.data_size != sizeof *symbol)
            return t5_fail(chain->host, "a record of %zu bytes is no symbol", record.data_size);
        memcpy(symbol, record.data, sizeof *symbol);
    }
    return code == T5_END ? T5_OK : T5_ERROR;
}

#ifdef PLUGIN_ONE_TOPIC
static const char *const topics[] = {"bar_trends", NULL};
#else
static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};
#endif

#if PLUGIN_FAILS
static const t5_parameter fails = {.size = sizeof fails,
                                   .type = T5_PARAMETER_BOOLEAN,
                                   .name = "fails",
                                   .help = "whether it says what it does not handle",
                                   .default_value = "no"};
static const t5_parameter crashes_at = {.size = sizeof crashes_at,
                                        .type = T5_PARAMETER_INTEGER,
                                        .name = "crashes_at",
                                        .help = "offset; -1: nowhere",
                                        .default_value = "-1"};
static const t5_parameter *const parameters[] = {&fails, &crashes_at, NULL};
#else
static const t5_parameter *const parameters[] = {NULL};
#endif

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .parameters = parameters,
            .summary = "says which messages it was handed, and in which order", .topics = topics,
            .state_version = STATE_VERSION, .create = create, .destroy = destroy, .save = save,
            .load = load, .on_message = on_message, .on_timer = on_timer, .on_event = on_event);
