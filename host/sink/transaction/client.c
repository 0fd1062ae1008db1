#include "sink/transaction/transactor_private.h"

#include "base/clock.h"
#include "base/text.h"
#include "sink/kafka_record.h"

#include <stdio.h>
#include <string.h>

#define FULL_POLL_MS  5
#define RETRY_NS      (20 * NS_PER_MS)
#define PURGE_MS      50
#define PURGE_MOST_NS (2 * NS_PER_S)

/* ---- what the client reports ---- */

static const char *topic_of(const struct transactor *self, const struct sink_entry *entry) {
    return entry->delivery->kind == DELIVERY_SIGNAL ? self->signal_topic : self->dead_letter_topic;
}

/* A record was refused; one that was only purged with others was not. */
static void refused(struct transactor *self, struct sink_entry *entry, rd_kafka_resp_err_t code) {
    if (code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return;
    if (kafka_record_is_refused_for_good(code) &&
        kafka_record_reduce(entry, code, topic_of(self, entry), self->log)) {
        self->has_reduced = true;
        return;
    }
    if (code != RD_KAFKA_RESP_ERR__FATAL)
        transactor_set_trouble(self, code, rd_kafka_err2str(code));
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    struct transactor *self = opaque;
    self->on_their_way--;
    if (message->err)
        refused(self, message->_private, message->err);
    self->has_refused |= message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool is_fencing(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* It has become unusable; logged once. */
static void break_down(struct transactor *self, rd_kafka_resp_err_t code) {
    if (self->is_broken)
        return;
    self->is_broken = true;
    if (!is_fencing(code))
        return;
    transactor_count(self, fenced, 1);
    log_event(self->log, LOG_LEVEL_WARNING, "sink", "transaction.fenced",
              "transactions of %s: the broker has fenced this producer: a transaction took longer "
              "than %d ms, or another process has the same transactional id (are two hosts of the "
              "group configured with one [take5] host_id?); going on with a new producer",
              self->id, TRANSACTOR_TIMEOUT_MS);
}

static void failed(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    struct transactor *self = opaque;
    char text[sizeof self->trouble];
    snprintf(text, sizeof text, "%s", reason);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        transactor_set_trouble(self, rd_kafka_fatal_error(client, text, sizeof text), text);
        break_down(self, self->code);
    } else {
        transactor_set_trouble(self, self->code, text); /* recovery is in progress: no failure */
    }
}

static int statistics(rd_kafka_t *client, char *json, size_t size, void *opaque) {
    (void)client;
    (void)json;
    (void)size;
    (void)opaque;
    return 0;
}

/* What matters is returned by the calls, and logged there. */
static void log_of_client(const rd_kafka_t *client, int level, const char *facility,
                          const char *text) {
    const struct transactor *self = rd_kafka_opaque(client);
    (void)level;
    if (log_is_on(self->log, "sink", LOG_LEVEL_DEBUG))
        log_write(self->log, LOG_LEVEL_DEBUG, "sink", "transactions of %s: %s: %s", self->id,
                  facility, text);
}

/* ---- faults ---- */

bool transactor_is_outdated(const struct transactor *self) {
    switch (self->code) {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        return true;
    default:
        return false;
    }
}

/* What a call has answered; destroys it. `*is_pending`: it is not done yet. */
static enum answer judge(struct transactor *self, rd_kafka_error_t *error, bool *is_pending) {
    *is_pending = false;
    if (error == NULL)
        return ANSWER_DONE;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    enum answer answer = ANSWER_FATAL;
    if (rd_kafka_error_is_fatal(error))
        answer = ANSWER_FATAL;
    else if (rd_kafka_error_txn_requires_abort(error))
        answer = ANSWER_ABORT;
    else if (rd_kafka_error_is_retriable(error))
        *is_pending = true;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        char text[sizeof self->trouble];
        code = rd_kafka_fatal_error(self->client, text, sizeof text);
    }
    transactor_set_trouble(self, code, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    if (answer == ANSWER_FATAL && !*is_pending)
        break_down(self, code);
    return answer;
}

static void begin_step(struct transactor *self, const char *step) {
    atomic_store(&self->step_ns, clock_monotonic_ns());
    atomic_store(&self->step, step);
}

/* Waits before a call that is only not done yet is repeated. False: the time to stop came first. */
static bool await_repeat(struct transactor *self) {
    if (transactor_must_stop(self))
        return false;
    transactor_failing(self);
    transactor_rest(self, RETRY_NS);
    return true;
}

static enum answer end_step(struct transactor *self, enum answer answer, bool is_pending) {
    atomic_store(&self->step, NULL);
    return is_pending ? ANSWER_STOP : answer;
}

static enum answer insist(struct transactor *self, const char *step,
                          rd_kafka_error_t *(*request)(rd_kafka_t *client, int timeout_ms)) {
    enum answer answer;
    bool is_pending;
    begin_step(self, step);
    do
        answer = judge(self, request(self->client, TRANSACTOR_CALL_MS), &is_pending);
    while (is_pending && await_repeat(self));
    return end_step(self, answer, is_pending);
}

enum answer transactor_begin(struct transactor *self) {
    bool is_pending;
    const enum answer answer = judge(self, rd_kafka_begin_transaction(self->client), &is_pending);
    return is_pending ? ANSWER_FATAL : answer;
}

enum answer transactor_commit(struct transactor *self) {
    return insist(self, "commit a transaction", rd_kafka_commit_transaction);
}

enum answer transactor_abort(struct transactor *self) {
    const enum answer answer = insist(self, "abort a transaction", rd_kafka_abort_transaction);
    return answer == ANSWER_ABORT ? ANSWER_FATAL : answer;
}

enum answer transactor_send_offsets(struct transactor *self,
                                    const rd_kafka_topic_partition_list_t *list,
                                    const rd_kafka_consumer_group_metadata_t *metadata) {
    enum answer answer;
    bool is_pending;
    begin_step(self, "take offsets into a transaction");
    do
        answer = judge(self,
                       rd_kafka_send_offsets_to_transaction(self->client, list, metadata,
                                                            2 * TRANSACTOR_CALL_MS),
                       &is_pending);
    while (is_pending && await_repeat(self));
    return end_step(self, answer, is_pending);
}

/* ---- producing ---- */

enum answer transactor_await_reports(struct transactor *self) {
    while (self->on_their_way > 0) {
        rd_kafka_flush(self->client, TRANSACTOR_CALL_MS);
        if (self->on_their_way > 0 && transactor_must_stop(self))
            return ANSWER_STOP;
    }
    return self->is_broken ? ANSWER_FATAL : self->has_refused ? ANSWER_ABORT : ANSWER_DONE;
}

static enum answer produce(struct transactor *self, struct sink_entry *entry) {
    rd_kafka_topic_t *topic =
        entry->delivery->kind == DELIVERY_SIGNAL ? self->signals : self->dead_letters;
    for (;;) {
        const rd_kafka_resp_err_t code = kafka_record_produce(self->client, topic, entry);
        if (!code) {
            self->on_their_way++;
            return ANSWER_DONE;
        }
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            refused(self, entry, code);
            return self->is_broken ? ANSWER_FATAL : ANSWER_ABORT;
        }
        rd_kafka_poll(self->client, FULL_POLL_MS);
        if (transactor_must_stop(self))
            return ANSWER_STOP;
    }
}

/* A broker refuses a batch as a whole: a suspect goes alone. */
static enum answer produce_alone(struct transactor *self, struct sink_entry *entry) {
    enum answer answer = transactor_await_reports(self);
    if (answer == ANSWER_DONE)
        answer = produce(self, entry);
    return answer == ANSWER_DONE ? transactor_await_reports(self) : answer;
}

enum answer transactor_produce(struct transactor *self, struct epoch *epoch) {
    enum answer answer = ANSWER_DONE;
    self->has_refused = self->has_reduced = false;
    begin_step(self, "take records");
    for (struct sink_entry *entry = epoch->records.first; entry != NULL && answer == ANSWER_DONE;
         entry = entry->after)
        answer = entry->is_suspect ? produce_alone(self, entry) : produce(self, entry);
    rd_kafka_poll(self->client, 0);
    atomic_store(&self->step, NULL);
    return answer;
}

/* ---- the producer ---- */

static rd_kafka_topic_t *open_topic(struct transactor *self, const char *name) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(self->client, name, NULL);
    if (topic == NULL) {
        char text[sizeof self->trouble];
        snprintf(text, sizeof text, "topic \"%s\": %s", name,
                 rd_kafka_err2str(rd_kafka_last_error()));
        transactor_set_trouble(self, rd_kafka_last_error(), text);
    }
    return topic;
}

static bool open_client(struct transactor *self) {
    const struct producer_callbacks callbacks = {self, delivered, failed, statistics,
                                                 log_of_client};
    struct error error;
    self->is_ready = self->is_broken = false;
    self->client = producer_new(&self->setup, &callbacks, &error);
    if (self->client == NULL) {
        transactor_set_trouble(self, RD_KAFKA_RESP_ERR__INVALID_ARG, error.text);
        return false;
    }
    if ((self->signal_topic == NULL ||
         (self->signals = open_topic(self, self->signal_topic)) != NULL) &&
        (self->dead_letter_topic == NULL ||
         (self->dead_letters = open_topic(self, self->dead_letter_topic)) != NULL))
        return true;
    transactor_close_client(self);
    return false;
}

bool transactor_open(struct transactor *self) {
    if (self->is_broken)
        transactor_close_client(self);
    if (self->client == NULL && !open_client(self))
        return false;
    if (self->is_ready)
        return true;
    if (insist(self, "begin with transactions", rd_kafka_init_transactions) == ANSWER_DONE)
        self->is_ready = true;
    else
        self->is_broken = true;
    return self->is_ready;
}

/* All that is on its way is returned first: it refers to records. */
void transactor_close_client(struct transactor *self) {
    if (self->client == NULL)
        return;
    begin_step(self, "end its producer");
    rd_kafka_purge(self->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    const int64_t until_ns = clock_monotonic_ns() + PURGE_MOST_NS;
    while (self->on_their_way > 0 && clock_monotonic_ns() < until_ns)
        rd_kafka_poll(self->client, PURGE_MS);
    if (self->signals != NULL)
        rd_kafka_topic_destroy(self->signals);
    if (self->dead_letters != NULL)
        rd_kafka_topic_destroy(self->dead_letters);
    rd_kafka_destroy(self->client);
    atomic_store(&self->step, NULL);
    self->client = NULL;
    self->signals = self->dead_letters = NULL;
    self->on_their_way = 0;
    self->is_ready = self->is_broken = false;
}
