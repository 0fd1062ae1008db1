#include "conformance/messages_script.h"

#include "base/array.h"
#include "base/text.h"
#include "conformance/json_edit.h"
#include "synth/market_random.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STRETCHES        3
#define DEFAULT_SYMBOLS  4
#define START_MS         1718630400000LL /* 2024-06-17T13:20:00Z */
#define HALF_HOUR_MS     (30 * 60 * 1000LL)
#define DAY_MS           (24 * 3600 * 1000LL)
#define ARRIVES_AFTER_MS 20
/* So many of the feed's own messages are looked at for the fields that it carries. */
#define PROBED           120

static const char *const names[] = {"QQQ",  "SPY",  "AAPL", "TSLA", "MSFT", "NVDA",
                                    "AMZN", "META", "IWM",  "DIA",  "GLD",  "TLT"};
enum { NAMES = sizeof names / sizeof *names };

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
    script_init(script);
}

void script_add(struct script *script, const struct script_message *message) {
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
    const char **lacking; /* declared fields that the feed does not carry */
    size_t lacking_count;
    struct market_random random;
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

/* Fills in what the feed lacks; gives a new text to be freed, or NULL. */
static char *with_fields(struct writer *writer, const char *payload, size_t size) {
    cJSON *root = cJSON_ParseWithLength(payload, size);
    bool is_good = root != NULL;
    for (size_t i = 0; i < writer->lacking_count && is_good; i++) {
        char number[32];
        if (market_random_below(&writer->random, 4) == 0)
            (void)snprintf(number, sizeof number, "%" PRIu32,
                           market_random_below(&writer->random, 1000));
        else
            (void)snprintf(number, sizeof number, "%.6f",
                           market_random_bell(&writer->random) * 100);
        is_good = json_put_path(root, writer->lacking[i], number);
    }
    char *text = is_good ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
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
    char *filled = NULL;
    if (writer->lacking_count > 0) {
        filled = with_fields(writer, given->payload, given->payload_size);
        if (filled == NULL) {
            writer->script->is_oom = true;
            return;
        }
        message.payload = filled;
        message.payload_size = strlen(filled);
    }
    script_add(writer->script, &message);
    free(filled);
}

static bool is_topic_wanted(const struct script_options *options, size_t topic) {
    return options->role == NULL || strcmp(options->role, options->description->topics[topic]) == 0;
}

static struct market *open_market(const struct script_options *options, uint32_t stretch,
                                  int64_t start_ms, enum market_envelope envelope) {
    const uint32_t wanted = options->symbols > 0 ? options->symbols : DEFAULT_SYMBOLS;
    const uint32_t count = wanted < NAMES ? wanted : NAMES;
    const char *symbols[NAMES];
    struct error error;
    /* Some of the symbols fall silent from one stretch to the next. */
    for (uint32_t i = 0; i < count; i++)
        symbols[i] = names[(i + stretch) % NAMES];
    const struct market_options market_options = {
        .seed = options->seed * STRETCHES + stretch,
        .symbols = symbols,
        .symbol_count = count,
        .envelope = envelope,
        .late_share = options->late_share,
        .start_ms = start_ms,
    };
    return market_new(&market_options, &error);
}

static void write_stretch(struct writer *writer, uint32_t stretch, int64_t start_ms) {
    const struct script_options *options = writer->options;
    const struct description *description = options->description;
    const size_t end = options->count * (stretch + 1) / STRETCHES;
    struct market *market = open_market(options, stretch, start_ms, options->envelope);
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

/* ---- fields that the feed lacks ---- */

/* Strikes from the list what one message has. */
static void strike_present(struct writer *writer, const struct market_message *message) {
    cJSON *root = cJSON_ParseWithLength(message->payload, message->payload_size);
    if (root == NULL)
        return;
    for (size_t i = 0; i < writer->lacking_count;) {
        if (json_has_path(root, writer->lacking[i]))
            writer->lacking[i] = writer->lacking[--writer->lacking_count];
        else
            i++;
    }
    cJSON_Delete(root);
}

static void list_lacking(struct writer *writer) {
    const struct description *description = writer->options->description;
    writer->lacking = calloc(description->field_count + 1, sizeof *writer->lacking);
    struct market *market = open_market(writer->options, 0, START_MS, MARKET_MIXED);
    if (writer->lacking == NULL || market == NULL) {
        writer->script->is_oom = true;
    } else {
        for (size_t i = 0; i < description->field_count; i++)
            writer->lacking[writer->lacking_count++] = description->fields[i];
        for (int i = 0; i < PROBED && writer->lacking_count > 0; i++) {
            struct market_message message;
            market_next(market, &message);
            strike_present(writer, &message);
        }
    }
    market_free(market);
}

void script_market(struct script *script, const struct script_options *options) {
    struct writer writer = {.script = script, .options = options};
    int64_t start_ms = START_MS;
    market_random_init(&writer.random, options->seed);
    if (!options->is_bare)
        list_lacking(&writer);
    for (uint32_t stretch = 0; stretch < STRETCHES && !script->is_oom; stretch++) {
        write_stretch(&writer, stretch, start_ms);
        start_ms = writer.newest_ms + (stretch == 0 ? HALF_HOUR_MS : DAY_MS);
    }
    free(writer.lacking);
}
