#include "conformance/script/messages_script.h"

#include "base/array.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define STRETCHES        3
#define START_MS         1718630400000LL /* 2024-06-17T13:20:00Z */
#define HALF_HOUR_MS     (30 * 60 * 1000LL)
#define DAY_MS           (24 * 3600 * 1000LL)
#define ARRIVES_AFTER_MS 20
/* So many symbols at once, and so many of those that there are fall silent. */
#define MOST_SYMBOLS     64
#define SILENT           2

const char *const script_symbols[] = {"QQQ",  "SPY",  "AAPL", "TSLA", "MSFT",
                                      "NVDA", "AMZN", "META", NULL};

/* ---- a list of messages ---- */

void script_init(struct script *script) {
    memset(script, 0, sizeof *script);
}

void script_release(struct script *script) {
    for (size_t i = 0; i < script->count; i++) {
        free(script->items[i].key);
        free(script->items[i].payload);
    }
    free(script->items);
    symbols_free(script->symbols);
    script_init(script);
}

/* A copy of the bytes; the script notes when memory runs out. */
static void script_add(struct script *script, const struct script_message *message) {
    struct script_message copy = *message;
    copy.key = message->key != NULL ? text_dup(message->key, message->key_size) : NULL;
    copy.payload = text_dup(message->payload, message->payload_size);
    if (copy.payload == NULL || (message->key != NULL && copy.key == NULL) ||
        !ARRAY_GROW(script->items, script->count, script->capacity)) {
        free(copy.key);
        free(copy.payload);
        script->is_oom = true;
        return;
    }
    script->items[script->count++] = copy;
}

/* ---- the feed's messages ---- */

struct writer {
    struct script *script;
    const struct script_options *options;
    int64_t newest_ms;
};

/* Which of the feed's roles a topic's messages look like: its own, or for one that the feed does
 * not know, one of them. */
static uint32_t feed_role(const char *role, size_t topic) {
    for (uint32_t i = 0; i < MARKET_ROLES; i++)
        if (strcmp(role, market_role_name(i)) == 0)
            return i;
    return (uint32_t)(topic % MARKET_ROLES);
}

static void write_message(struct writer *writer, const struct market_message *given,
                          uint32_t topic) {
    if (given->event_time_ms > writer->newest_ms)
        writer->newest_ms = given->event_time_ms;
    struct script_message message = {
        .key = (char *)given->key,
        .key_size = given->key_size,
        .payload = (char *)given->payload,
        .payload_size = given->payload_size,
        .kafka_time_ms = writer->newest_ms + ARRIVES_AFTER_MS,
        .topic = topic,
    };
    script_add(writer->script, &message);
}

static bool is_topic_wanted(const struct script_options *options, size_t topic) {
    return options->role == NULL || strcmp(options->role, options->description->topics[topic]) == 0;
}

static struct market *open_market(const struct script_options *options, uint32_t stretch,
                                  int64_t start_ms) {
    const char *const *names =
        options->symbols != NULL ? (const char *const *)options->symbols : script_symbols;
    const char *symbols[MOST_SYMBOLS];
    size_t all = 0;
    struct error error;
    while (names[all] != NULL)
        all++;
    const size_t silent = all > SILENT ? SILENT : 0;
    const size_t count = all - silent < MOST_SYMBOLS ? all - silent : MOST_SYMBOLS;
    for (size_t i = 0; i < count; i++)
        symbols[i] = names[(i + stretch) % all];
    const struct market_options market_options = {
        .seed = options->seed * STRETCHES + stretch,
        .symbols = symbols,
        .symbol_count = count,
        .envelope = options->envelope,
        .late_share = options->late_share,
        .start_ms = start_ms,
    };
    return market_new(&market_options, &error);
}

static void write_stretch(struct writer *writer, uint32_t stretch, int64_t start_ms) {
    const struct script_options *options = writer->options;
    const struct description *description = options->description;
    const size_t end = options->count * (stretch + 1) / STRETCHES;
    struct market *market = open_market(options, stretch, start_ms);
    if (market == NULL) {
        writer->script->is_oom = true;
        return;
    }
    while (writer->script->count < end && !writer->script->is_oom) {
        struct market_message message;
        market_next(market, &message);
        for (size_t i = 0; i < description->topic_count && writer->script->count < end; i++)
            if (is_topic_wanted(options, i) && feed_role(description->topics[i], i) == message.role)
                write_message(writer, &message, (uint32_t)i);
    }
    market_free(market);
}

/* ---- a recording's messages ---- */

/* The strategy's index of a record's topic. False: it does not want it. */
static bool find_topic(const struct script_options *options, uint32_t topic, uint32_t *index) {
    const struct description *description = options->description;
    const struct script_recording *recording = options->recording;
    for (size_t i = 0; topic < recording->topic_count && i < description->topic_count; i++) {
        *index = (uint32_t)i;
        if (strcmp(description->topics[i], recording->topics[topic].role) == 0)
            return is_topic_wanted(options, i);
    }
    return false;
}

static void write_recording(struct script *script, const struct script_options *options) {
    const struct script_recording *recording = options->recording;
    for (size_t i = 0; i < recording->count && script->count < options->count; i++) {
        const struct record *record = &recording->records[i];
        struct script_message message = {
            .key = (char *)record->key,
            .key_size = record->key_size,
            .payload = (char *)record->payload,
            .payload_size = record->payload_size,
            .kafka_time_ms = record->kafka_time_ms,
        };
        if (record->payload != NULL && find_topic(options, record->topic, &message.topic))
            script_add(script, &message);
    }
}

void script_market(struct script *script, const struct script_options *options) {
    struct writer writer = {.script = script, .options = options};
    int64_t start_ms = START_MS;
    if (options->recording != NULL && options->envelope == MARKET_MIXED) {
        write_recording(script, options);
        return;
    }
    for (uint32_t stretch = 0; stretch < STRETCHES && !script->is_oom; stretch++) {
        write_stretch(&writer, stretch, start_ms);
        start_ms = writer.newest_ms + (stretch == 0 ? HALF_HOUR_MS : DAY_MS);
    }
}

/* ---- what their envelopes say ---- */

static void read_envelope(struct script_message *item, struct decoder *decoder,
                          struct symbols *symbols) {
    const struct record record = {.payload = item->payload,
                                  .payload_size = item->payload_size,
                                  .key = item->key,
                                  .key_size = item->key_size,
                                  .kafka_time_ms = item->kafka_time_ms};
    t5_message message = {.size = (uint32_t)sizeof message};
    uint32_t warnings;
    item->symbol = SYMBOL_NONE;
    item->is_usable = decoder_decode(decoder, &record, &message, &warnings) == DECODE_OK &&
                      (message.flags & T5_MESSAGE_TIME_SUSPECT) == 0;
    if (!item->is_usable)
        return;
    item->event_time_ns = message.event_time_ns;
    item->symbol = symbols_intern(symbols, message.symbol.data, message.symbol.len, NULL);
}

bool script_read(struct script *script, const struct decode_limits *limits) {
    struct error error;
    struct projection *projection = projection_new();
    struct decoder *decoder = projection != NULL && projection_seal(projection, &error)
                                  ? decoder_new(projection, limits, &error)
                                  : NULL;
    script->symbols = symbols_new(SYMBOL_NONE - 1);
    const bool is_good = decoder != NULL && script->symbols != NULL;
    for (size_t i = 0; is_good && i < script->count; i++)
        read_envelope(&script->items[i], decoder, script->symbols);
    decoder_free(decoder);
    projection_free(projection);
    return is_good;
}
