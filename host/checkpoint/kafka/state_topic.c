#include "checkpoint/kafka/state_topic_private.h"

#include "base/array.h"
#include "base/clock.h"
#include "config/schema/client_conf.h"
#include "source/kafka/client_properties.h"

#include <stdlib.h>
#include <string.h>

/* How long a start waits for brokers that do not answer: then it continues, and they are asked
 * again. */
#define BEGIN_NS (5 * NS_PER_S)

/* ---- life ---- */

static void reader_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    const struct state_topic *self = opaque;
    (void)client;
    log_debug(self->log, "kafka", "reading topic %s: %s (%s)", self->topic, reason,
              rd_kafka_err2name((rd_kafka_resp_err_t)code));
}

static void reader_log(const rd_kafka_t *client, int level, const char *facility,
                       const char *text) {
    const struct state_topic *self = rd_kafka_opaque(client);
    (void)level;
    log_debug(self->log, "kafka", "reading topic %s: %s: %s", self->topic, facility, text);
}

/* Transactions that an earlier process left open would delay the reading. */
static bool look_first(struct state_topic *self, struct error *error) {
    const int64_t until_ns = clock_monotonic_ns() + BEGIN_NS;
    struct error why = {0};
    const enum topic_answer answer = state_topic_look(self, until_ns, &why);
    if (answer == TOPIC_IS_WRONG) {
        *error = why;
        return false;
    }
    if (answer != TOPIC_IS_UNKNOWN && transactions_begin(&self->transactions, until_ns, &why))
        return true;
    log_change(self->log, LOG_LEVEL_WARNING, "kafka", "checkpoints are not written yet: %s",
               why.text);
    return true;
}

static bool state_topic_begin(struct store_backend *backend, const struct backend_owner *owner,
                              struct error *error) {
    struct state_topic *self = (struct state_topic *)backend;
    char text[512];
    self->owner = *owner;
    self->reader = rd_kafka_new(RD_KAFKA_CONSUMER, self->reader_conf, text, sizeof text);
    if (self->reader == NULL)
        return error_set(error, ERROR_SYSTEM, "topic %s: librdkafka makes no consumer: %s",
                         self->topic, text);
    self->reader_conf = NULL; /* now the client's */
    return look_first(self, error);
}

static void state_topic_free(struct store_backend *backend) {
    struct state_topic *self = (struct state_topic *)backend;
    lock_alone(state_topic_lock);
    transactions_release(&self->transactions);
    for (struct state_place *place = self->places, *next; place != NULL; place = next) {
        next = place->next;
        state_place_free(place);
    }
    batch_release(&self->batch);
    batch_release(&self->journals);
    if (self->reader != NULL)
        rd_kafka_destroy(self->reader);
    if (self->reader_conf != NULL)
        rd_kafka_conf_destroy(self->reader_conf);
    pthread_mutex_destroy(&self->lock);
    free(self->medium_name);
    free(self->topic);
    free(self->servers);
    free(self);
}

static const struct store_backend_ops STATE_TOPIC_OPS = {
    .is_shared = true,
    .begin = state_topic_begin,
    .find = state_topic_find,
    .find_before = state_topic_find_before,
    .look = state_topic_look_at,
    .resume = state_topic_resume,
    .read_order = state_topic_read_order,
    .highest = state_topic_highest,
    .write = state_topic_write,
    .prune = state_topic_prune,
    .append = state_topic_append,
    .sync = state_topic_sync,
    .remove_journals = state_topic_remove_journals,
    .free = state_topic_free,
};

static bool make_reader(struct state_topic *self, const struct config *config,
                        struct error *error) {
    static const struct client_property properties[] = {
        {"isolation.level", "read_committed"},
        /* It reads to the end, where the brokers would wait for more. */
        {"fetch.wait.max.ms", "10"},
    };
    self->reader_conf = kafka_properties_make_reader(config, "take5-state", error);
    if (self->reader_conf == NULL)
        return false;
    rd_kafka_conf_set_opaque(self->reader_conf, self);
    rd_kafka_conf_set_error_cb(self->reader_conf, reader_error);
    rd_kafka_conf_set_log_cb(self->reader_conf, reader_log);
    return client_conf_set_all(self->reader_conf, CLIENT_PROPERTIES(properties), error);
}

static bool make_writer(struct state_topic *self, const struct state_topic_options *options,
                        struct error *error) {
    char *id = text_format("take5-state.%s.%s", options->config->group_id, options->host_id);
    if (id == NULL)
        return error_set_memory(error, "a producer");
    rd_kafka_conf_t *conf = kafka_properties_make_producer(options->config, "take5-state", error);
    const bool did = conf != NULL && transactions_init(&self->transactions, conf, self->topic, id,
                                                       self->log, error);
    free(id);
    return did;
}

static bool copy_texts(struct state_topic *self, const struct config *config) {
    self->topic = strdup(config->checkpoint_topic);
    self->servers = strdup(config->bootstrap_servers != NULL ? config->bootstrap_servers : "");
    self->medium_name = text_format("topic %s", config->checkpoint_topic);
    return self->topic != NULL && self->servers != NULL && self->medium_name != NULL;
}

struct store_backend *state_topic_backend_new(const struct state_topic_options *options,
                                              struct error *error) {
    struct state_topic *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, "the state topic");
        return NULL;
    }
    self->ops = STATE_TOPIC_OPS;
    self->backend.ops = &self->ops;
    self->log = options->log;
    pthread_mutex_init(&self->lock, NULL);
    batch_init(&self->batch);
    batch_init(&self->journals);
    if (!copy_texts(self, options->config))
        error_set_memory(error, "the state topic");
    else if (make_reader(self, options->config, error) && make_writer(self, options, error)) {
        self->ops.medium = self->medium_name;
        return &self->backend;
    }
    state_topic_free(&self->backend);
    return NULL;
}
