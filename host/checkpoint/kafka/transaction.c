/*
 * Errors of transactions are of three classes. Retriable ones are retried, until the time is over.
 * Those that require it lead to an abort. After any other the client is replaced: with the same id,
 * so that the brokers abort what it had open. Only if a commit ended so is the outcome unknown.
 */
#include "checkpoint/kafka/transaction.h"

#include "base/array.h"
#include "base/clock.h"
#include "config/schema/client_conf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS    3
#define FULL_MS     10
/* Time for an abort, after the time of what it follows. */
#define ABORT_NS    (2 * NS_PER_S)
/* Two transactions in a row: the brokers want the markers of the first to be written. */
#define BACKOFF_MS  "5"
#define LINGER_MS   "2"
#define MOST_QUEUED "1000000"

/* ---- life ---- */

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    struct transactions *self = opaque;
    (void)client;
    const size_t at = (size_t)message->partition;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->partition < 0)
        return;
    while (self->partition_count <= at) {
        if (!ARRAY_RESIZE(self->ends, self->partition_count + 1))
            return;
        self->ends[self->partition_count++] = 0;
    }
    self->was_recreated |= message->offset < self->ends[at];
    self->ends[at] = message->offset + 1;
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    const struct transactions *self = opaque;
    (void)client;
    log_debug(self->log, "kafka", "writing to topic %s: %s (%s)", self->topic, reason,
              rd_kafka_err2name((rd_kafka_resp_err_t)code));
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    const struct transactions *self = rd_kafka_opaque(client);
    (void)level;
    log_debug(self->log, "kafka", "writing to topic %s: %s: %s", self->topic, facility, text);
}

bool transactions_init(struct transactions *self, rd_kafka_conf_t *conf, const char *topic,
                       const char *id, struct log *log, struct error *error) {
    char limit[16];
    const struct client_property properties[] = {
        {"transactional.id", id},      {"transaction.timeout.ms", limit},
        {"message.timeout.ms", limit}, {"retry.backoff.ms", BACKOFF_MS},
        {"linger.ms", LINGER_MS},      {"queue.buffering.max.messages", MOST_QUEUED},
    };
    *self = (struct transactions){.conf = conf, .log = log};
    snprintf(limit, sizeof limit, "%d", TRANSACTION_TIMEOUT_MS);
    self->topic = strdup(topic);
    if (self->topic == NULL)
        return error_set_memory(error, "a producer");
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    return client_conf_set_all(conf, CLIENT_PROPERTIES(properties), error) ||
           error_prefix(error, "the state topic's producer: ");
}

static void drop_client(struct transactions *self) {
    if (self->client != NULL) {
        rd_kafka_purge(self->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                         RD_KAFKA_PURGE_F_NON_BLOCKING);
        rd_kafka_destroy(self->client);
    }
    self->client = NULL;
    self->is_ready = false;
}

void transactions_release(struct transactions *self) {
    drop_client(self);
    if (self->conf != NULL)
        rd_kafka_conf_destroy(self->conf);
    free(self->topic);
    free(self->ends);
    *self = (struct transactions){0};
}

/* ---- requests ---- */

static int left_ms(int64_t until_ns) {
    const int64_t left_ms = (until_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms > 1 ? (int)left_ms : 1;
}

enum answer { ANSWER_GOOD, ANSWER_ABORT, ANSWER_BAD };

/* Repeats it until there is a final answer, or the time is over (ANSWER_BAD). */
static enum answer ask(struct transactions *self, const char *what,
                       rd_kafka_error_t *(*call)(rd_kafka_t *client, int timeout_ms),
                       int64_t until_ns, struct error *error) {
    for (;;) {
        rd_kafka_error_t *answer = call(self->client, left_ms(until_ns));
        if (answer == NULL)
            return ANSWER_GOOD;
        const bool goes_on = rd_kafka_error_is_retriable(answer) && clock_monotonic_ns() < until_ns;
        const bool is_abort =
            rd_kafka_error_txn_requires_abort(answer) && !rd_kafka_error_is_fatal(answer);
        error_set(error, ERROR_SYSTEM, "topic %s: cannot %s: %s (%s)", self->topic, what,
                  rd_kafka_error_string(answer), rd_kafka_error_name(answer));
        if (rd_kafka_error_code(answer) == RD_KAFKA_RESP_ERR__FENCED)
            error_set(error, ERROR_SYSTEM,
                      "topic %s: cannot %s: another process writes with the same transactional.id: "
                      "each host needs a host_id of its own",
                      self->topic, what);
        rd_kafka_error_destroy(answer);
        if (!goes_on)
            return is_abort ? ANSWER_ABORT : ANSWER_BAD;
    }
}

static rd_kafka_error_t *begin(rd_kafka_t *client, int timeout_ms) {
    (void)timeout_ms;
    return rd_kafka_begin_transaction(client);
}

static bool make_ready(struct transactions *self, int64_t until_ns, struct error *error) {
    char text[512];
    if (self->client == NULL) {
        rd_kafka_conf_t *conf = rd_kafka_conf_dup(self->conf);
        self->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
        if (self->client == NULL) {
            rd_kafka_conf_destroy(conf);
            return error_set(error, ERROR_SYSTEM, "topic %s: librdkafka makes no producer: %s",
                             self->topic, text);
        }
    }
    if (self->is_ready)
        return true;
    self->is_ready =
        ask(self, "begin to write", rd_kafka_init_transactions, until_ns, error) == ANSWER_GOOD;
    if (!self->is_ready)
        drop_client(self);
    return self->is_ready;
}

bool transactions_begin(struct transactions *self, int64_t until_ns, struct error *error) {
    return make_ready(self, until_ns, error);
}

/* ---- writing ---- */

static bool produce_one(struct transactions *self, const struct batch *batch,
                        const struct batch_record *record, int64_t until_ns, struct error *error) {
    const char *bytes = batch->bytes.data;
    for (;;) {
        const rd_kafka_resp_err_t code = rd_kafka_producev(
            self->client, RD_KAFKA_V_TOPIC(self->topic), RD_KAFKA_V_PARTITION(record->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY((void *)(bytes + record->key_at), record->key_size),
            RD_KAFKA_V_VALUE(record->is_tombstone ? NULL : (void *)(bytes + record->value_at),
                             record->value_size),
            RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return true;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || clock_monotonic_ns() >= until_ns)
            return error_set(error, ERROR_SYSTEM, "topic %s[%" PRId32 "]: %s (%s)", self->topic,
                             record->partition, rd_kafka_err2str(code), rd_kafka_err2name(code));
        rd_kafka_poll(self->client, FULL_MS);
    }
}

static bool produce(struct transactions *self, const struct batch *batch, int64_t until_ns,
                    struct error *error) {
    for (size_t i = 0; i < batch->count; i++) {
        if (!produce_one(self, batch, &batch->records[i], until_ns, error))
            return false;
    }
    const rd_kafka_resp_err_t code = rd_kafka_flush(self->client, left_ms(until_ns));
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           error_set(error, ERROR_TIMEOUT, "topic %s: not written in time: %s", self->topic,
                     rd_kafka_err2str(code));
}

static enum transaction_outcome abort_it(struct transactions *self) {
    struct error ignored;
    rd_kafka_purge(self->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    if (ask(self, "abort", rd_kafka_abort_transaction, clock_monotonic_ns() + ABORT_NS, &ignored) !=
        ANSWER_GOOD)
        drop_client(self); /* the next one has the same id: that aborts it */
    return TRANSACTION_ABORTED;
}

static enum transaction_outcome write_once(struct transactions *self, const struct batch *batch,
                                           int64_t until_ns, struct error *error) {
    if (!make_ready(self, until_ns, error))
        return TRANSACTION_ABORTED;
    if (ask(self, "begin a transaction", begin, until_ns, error) != ANSWER_GOOD) {
        drop_client(self);
        return TRANSACTION_ABORTED;
    }
    if (!produce(self, batch, until_ns, error))
        return abort_it(self);
    switch (ask(self, "commit", rd_kafka_commit_transaction, until_ns, error)) {
    case ANSWER_GOOD:
        return TRANSACTION_COMMITTED;
    case ANSWER_ABORT:
        return abort_it(self);
    default:
        drop_client(self);
        return TRANSACTION_UNKNOWN;
    }
}

enum transaction_outcome transactions_write(struct transactions *self, const struct batch *batch,
                                            int64_t until_ns, struct error *error) {
    enum transaction_outcome outcome = write_once(self, batch, until_ns, error);
    for (int i = 1; i < ATTEMPTS && outcome == TRANSACTION_ABORTED && self->client != NULL &&
                    clock_monotonic_ns() < until_ns;
         i++)
        outcome = write_once(self, batch, until_ns, error);
    return outcome;
}
