/* What `take5 checkpoint` and `capsule` read of the topic, while hosts may write it. */
#include "base/array.h"
#include "checkpoint/checkpoint_files.h"
#include "checkpoint/kafka/state_reader.h"
#include "checkpoint/kafka/state_topic_private.h"

#include "base/clock.h"
#include "source/kafka/client_properties.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS (45 * NS_PER_S)
#define LOOK_NS     (10 * NS_PER_S)

/* Reads one partition of the topic: a replica for each number found in it. */
struct survey {
    const char *group;
    struct replica **replicas;
    size_t count, capacity;
};

static struct replica *replica_of(struct survey *survey, int32_t number) {
    for (size_t i = 0; i < survey->count; i++) {
        if (survey->replicas[i]->partition == number)
            return survey->replicas[i];
    }
    if (!ARRAY_GROW(survey->replicas, survey->count, survey->capacity))
        return NULL;
    struct replica *replica = malloc(sizeof *replica);
    if (replica == NULL)
        return NULL;
    replica_init(replica, survey->group, number, NULL);
    survey->replicas[survey->count++] = replica;
    return replica;
}

static bool add(void *context, const rd_kafka_message_t *message) {
    struct survey *survey = context;
    const char *group, *place;
    int32_t number;
    if (!stored_parse_owner(message->key, message->key_len, &group, &place) ||
        strcmp(group, survey->group) != 0 || !files_place_parse(place, &number))
        return true;
    struct replica *replica = replica_of(survey, number);
    return replica != NULL &&
           replica_add(replica, message->key, message->key_len, message->payload, message->len);
}

struct listing {
    const struct config *config;
    const char **topics; /* names from the configuration */
    struct state_topic_entry *items;
    size_t count, capacity;
};

static void measure(const struct replica *replica, struct state_topic_entry *entry) {
    entry->records = replica->best.count;
    entry->bytes = replica_size(replica);
    for (size_t i = 0; i < replica->frame_count; i++)
        entry->journal_bytes += replica->frames[i].frames.section.len;
    if (replica->damaged_number > 0)
        entry->damaged = replica->damaged;
}

/* False: out of memory. */
static bool read_order(const struct listing *listing, const struct replica *replica,
                       struct order *order) {
    struct error error;
    if (!order_init(order, replica->best.checkpoint.number))
        return false;
    for (size_t i = 0; i < replica->frame_count && !order->is_broken; i++) {
        if (state_order_add(listing->config->checkpoint_topic, replica, &replica->frames[i],
                            listing->topics, listing->config->topic_count, order, &error))
            continue;
        if (error.code == ERROR_MEMORY)
            return false;
        order_break(order);
    }
    return true;
}

static bool add_entry(struct listing *listing, const struct replica *replica, struct error *error) {
    if (replica->best.checkpoint.number == 0 && replica->damaged_number == 0)
        return true;
    if (!ARRAY_GROW(listing->items, listing->count, listing->capacity))
        return error_set_memory(error, "a list of checkpoints");
    struct state_topic_entry *entry = &listing->items[listing->count++];
    *entry = (struct state_topic_entry){.partition = replica->partition};
    checkpoint_init(&entry->checkpoint);
    measure(replica, entry);
    if (!read_order(listing, replica, &entry->order))
        return error_set_memory(error, "a journal");
    if (replica_get(replica, &entry->checkpoint, error))
        return true;
    entry->damaged = *error;
    return error->code != ERROR_MEMORY;
}

static bool must_rewind(const struct survey *survey) {
    bool must_rewind = false;
    for (size_t i = 0; i < survey->count; i++)
        must_rewind |= survey->replicas[i]->must_rewind;
    return must_rewind;
}

static bool survey_partition(rd_kafka_t *client, const struct config *config, int32_t partition,
                             struct listing *listing, struct error *error) {
    struct survey survey = {.group = config->group_id};
    const struct reader_options options = {.client = client,
                                           .topic = config->checkpoint_topic,
                                           .partition = partition,
                                           .patience_ns = PATIENCE_NS};
    bool did = reader_read(&options, add, &survey, error) == READER_AT_END;
    while (did && must_rewind(&survey)) {
        for (size_t i = 0; i < survey.count; i++)
            replica_rewind(survey.replicas[i]);
        did = reader_read(&options, add, &survey, error) == READER_AT_END;
    }
    for (size_t i = 0; did && i < survey.count; i++)
        did = add_entry(listing, survey.replicas[i], error);
    for (size_t i = 0; i < survey.count; i++) {
        replica_release(survey.replicas[i]);
        free(survey.replicas[i]);
    }
    free(survey.replicas);
    return did;
}

static int compare_entries(const void *left, const void *right) {
    const struct state_topic_entry *a = left, *b = right;
    return (a->partition > b->partition) - (a->partition < b->partition);
}

static bool survey_topic(rd_kafka_t *client, const struct config *config, struct listing *listing,
                         struct error *error) {
    const int32_t partitions = topic_count_partitions(client, config->checkpoint_topic,
                                                      clock_monotonic_ns() + LOOK_NS, error);
    if (partitions == 0)
        return error_set(error, ERROR_INVALID, "there is no topic %s", config->checkpoint_topic);
    bool did = partitions > 0;
    for (int32_t i = 0; did && i < partitions; i++)
        did = survey_partition(client, config, i, listing, error);
    if (listing->count > 0)
        qsort(listing->items, listing->count, sizeof *listing->items, compare_entries);
    return did;
}

static void ignore_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    (void)client;
    log_debug(opaque, "kafka", "%s (%s)", reason, rd_kafka_err2name((rd_kafka_resp_err_t)code));
}

static void ignore_log(const rd_kafka_t *client, int level, const char *facility,
                       const char *text) {
    (void)level;
    log_debug(rd_kafka_opaque(client), "kafka", "%s: %s", facility, text);
}

bool state_topic_read(const struct config *config, struct log *log,
                      struct state_topic_entry **entries, size_t *count, struct error *error) {
    struct listing listing = {.config = config,
                              .topics = calloc(config->topic_count + 1, sizeof *listing.topics)};
    char text[512];
    *entries = NULL;
    *count = 0;
    rd_kafka_conf_t *conf = kafka_properties_make_reader(config, "take5-state", error);
    if (conf == NULL) {
        free(listing.topics);
        return false;
    }
    for (size_t i = 0; listing.topics != NULL && i < config->topic_count; i++)
        listing.topics[i] = config->topics[i].name;
    rd_kafka_conf_set_opaque(conf, log);
    rd_kafka_conf_set_error_cb(conf, ignore_error);
    rd_kafka_conf_set_log_cb(conf, ignore_log);
    (void)rd_kafka_conf_set(conf, "isolation.level", "read_committed", text, sizeof text);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        free(listing.topics);
        return error_set(error, ERROR_SYSTEM, "librdkafka makes no consumer: %s", text);
    }
    const bool did = listing.topics != NULL ? survey_topic(client, config, &listing, error)
                                            : error_set_memory(error, "topics");
    rd_kafka_destroy(client);
    free(listing.topics);
    if (!did) {
        state_topic_entries_free(listing.items, listing.count);
        return false;
    }
    *entries = listing.items;
    *count = listing.count;
    return true;
}

void state_topic_entries_free(struct state_topic_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        checkpoint_release(&entries[i].checkpoint);
        order_release(&entries[i].order);
    }
    free(entries);
}
