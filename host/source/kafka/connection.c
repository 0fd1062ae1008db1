/*
 * Connection and group, each change logged once. librdkafka reports when all brokers are gone, but
 * not when one is back: that is seen in metadata answers and in the statistics.
 */
#include "base/clock.h"
#include "base/text.h"
#include "source/kafka/consumer_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kafka_connection_log(const rd_kafka_t *client, int level, const char *facility,
                          const char *text) {
    struct kafka_source *self = rd_kafka_opaque(client);
    enum log_level ours = level <= 2   ? LOG_LEVEL_CRITICAL
                          : level == 3 ? LOG_LEVEL_ERROR
                          : level == 4 ? LOG_LEVEL_WARNING
                          : level <= 6 ? LOG_LEVEL_INFO
                                       : LOG_LEVEL_DEBUG;
    /* kafka_connection_error() and kafka_connection_fatal() get these too, and log changes. */
    if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0 ||
        strcmp(facility, "FATAL") == 0)
        ours = LOG_LEVEL_DEBUG;
    /* It has no broker's error, only "Success", and not what follows. */
    if (strcmp(facility, "SESSTMOUT") == 0) {
        kafka_member_lost(self);
        log_change_event(
            self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "group.session_lost",
            "the coordinator of group \"%s\" has not answered for session.timeout.ms = "
            "%lld s: this host gives its partitions up and rejoins",
            self->group, (long long)(self->session_ns / NS_PER_S));
        return;
    }
    /* Requests without an answer, one by one: what matters is logged as a change of state. */
    if (strcmp(facility, "REQTMOUT") == 0)
        ours = LOG_LEVEL_DEBUG;
    /* For a deleted topic "topic.deleted" says it, and what follows. */
    const size_t size = strlen(text);
    if (strcmp(facility, "PARTCNT") == 0 && size > 5 && strcmp(text + size - 5, " to 0") == 0)
        ours = LOG_LEVEL_DEBUG;
    if (strcmp(facility, "MAXPOLL") == 0)
        kafka_member_lost(self);
    if (log_is_on(self->log, KAFKA_ROOM, ours))
        log_write(self->log, ours, KAFKA_ROOM, "%s: %s", facility, text);
}

/* Without "(after 0ms in state CONNECT, 3 identical error(s) suppressed)", which differs each time
 * and means nothing. */
static void connection_trim(const char *reason, char *text, size_t size) {
    /* It guesses a broker before 0.10; it is one that hangs. "GroupCoordinator: HOST:PORT: ..." */
    const char *request = strstr(reason, ": ApiVersionRequest failed: Local: Timed out");
    if (request != NULL) {
        const char *group = "GroupCoordinator: ";
        if (strncmp(reason, group, strlen(group)) == 0)
            reason += strlen(group);
        snprintf(text, size,
                 "%.*s takes connections and answers nothing: the broker hangs or is overloaded",
                 (int)(request - reason), reason);
        return;
    }
    const char *end = strstr(reason, " (after ");
    int length = end ? (int)(end - reason) : (int)strlen(reason);
    snprintf(text, size, "%.*s", length, reason);
}

static void connection_trouble(struct kafka_source *self, bool is_refused, const char *text) {
    lock_acquire(&self->mutex, kafka_lock);
    self->is_refused = is_refused;
    snprintf(self->trouble, sizeof self->trouble, "%s", text);
    lock_release(&self->mutex, kafka_lock);
}

static void connection_lost(struct kafka_source *self) {
    bool was_connected = atomic_exchange(&self->is_connected, false);
    self->down_ns = clock_monotonic_ns();
    self->silent_count = 0;
    self->is_trouble_new = false;
    if (self->is_down_logged)
        return;
    self->is_down_logged = true;
    if (!was_connected && self->refused[0] != '\0')
        return;                   /* it was reached, and that was logged */
    lock_only_writer(kafka_lock); /* of `trouble` */
    log_change_event(self->log, LOG_LEVEL_WARNING, KAFKA_ROOM,
                     was_connected ? "broker.lost" : "broker.unreachable", "%s %s%s%s; retrying",
                     was_connected ? "lost the connection to" : "cannot reach", self->servers,
                     self->trouble[0] ? ": " : "", self->trouble);
}

void kafka_connection_connected(struct kafka_source *self) {
    self->silent_count = 0;
    if (atomic_exchange(&self->is_connected, true))
        return;
    log_change_event(self->log, LOG_LEVEL_INFO, KAFKA_ROOM, "broker.connected", "connected to %s%s",
                     self->servers, self->was_connected ? " again" : "");
    self->was_connected = true;
    self->is_down_logged = false;
    self->refused[0] = '\0';
    self->is_trouble_new = false;
    connection_trouble(self, false, "");
}

/* A connection that is open, without an answer from the other end. */
static void connection_silent(struct kafka_source *self, int64_t idle_ns) {
    if (!atomic_load(&self->is_connected))
        return;
    char text[64];
    snprintf(text, sizeof text, "no response from any broker for %lld s",
             (long long)(idle_ns / NS_PER_S));
    connection_trouble(self, false, text);
    connection_lost(self);
}

void kafka_connection_brokers(struct kafka_source *self, bool is_any_up, int64_t time_ns,
                              int64_t idle_ns) {
    if (is_any_up && idle_ns >= 0 && time_ns - idle_ns > atomic_load(&self->answer_ns))
        atomic_store(&self->answer_ns, time_ns - idle_ns);
    if (is_any_up && idle_ns > self->silence_ns) {
        connection_silent(self, idle_ns);
        return;
    }
    if (is_any_up) {
        /* Statistics from before the loss may arrive after it. */
        if (time_ns > self->down_ns)
            kafka_connection_connected(self);
        /* One of several brokers may be away while others answer. */
        if (self->is_trouble_new)
            log_info(self->log, KAFKA_ROOM, "%s", self->trouble);
        self->is_trouble_new = false;
        return;
    }
    /* A single one may fall between two connections. */
    if (atomic_load(&self->is_connected) && ++self->silent_count >= 3)
        connection_lost(self);
}

void kafka_connection_fatal(struct kafka_source *self) {
    char text[512];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(self->client, text, sizeof text);
    self->is_fenced = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    if (self->fatal.code == ERROR_NONE)
        error_set(&self->fatal, ERROR_STATE, "Kafka consumer group \"%s\": %s (%s)", self->group,
                  text, rd_kafka_err2name(code));
}

/* Not temporary, like a broker that restarts: someone has to act. */
static void connection_refused(struct kafka_source *self, int code, const char *reason) {
    const bool is_login = code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
    const char *answer = strstr(reason, "SASL authentication error: ");
    char text[sizeof self->trouble];
    snprintf(text, sizeof text, "%s: %.230s", is_login ? "login refused" : "TLS failed",
             answer != NULL ? answer + strlen("SASL authentication error: ") : reason);
    if (strcmp(text, self->refused) != 0)
        log_event(self->log, LOG_LEVEL_ERROR, KAFKA_ROOM, "broker.refused",
                  "%s: %s; no messages are read; check %s; retrying", self->servers, text,
                  is_login ? "[kafka] sasl.mechanism, sasl.username and the password, and that the "
                             "brokers know the user"
                           : "[kafka] security.protocol, ssl.ca.location, and the certificates");
    snprintf(self->refused, sizeof self->refused, "%s", text);
    connection_trouble(self, true, text);
}

void kafka_connection_error(rd_kafka_t *client, int code, const char *reason, void *opaque) {
    (void)client;
    struct kafka_source *self = opaque;
    char text[sizeof self->trouble];
    connection_trim(reason, text, sizeof text);

    switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        kafka_connection_fatal(self);
        break;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        connection_lost(self);
        break;
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        connection_refused(self, code, text);
        break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        self->is_trouble_new = atomic_load(&self->is_connected);
        connection_trouble(self, false, text);
        break;
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        /* Twice for each partition of a deleted topic; once is enough (consumer.c). */
        log_debug(self->log, KAFKA_ROOM, "%s (%s)", text, rd_kafka_err2name(code));
        break;
    default:
        log_warning(self->log, KAFKA_ROOM, "%s (%s)", text, rd_kafka_err2name(code));
    }
}

/* Why there is no connection, or what it is waiting for. */
REQUIRES(kafka_lock)
static void connection_describe_lost(const struct kafka_source *self, char *text, size_t size) {
    const int64_t answer_ns = atomic_load(&self->answer_ns);
    char last[64] = "";
    if (answer_ns > 0)
        snprintf(last, sizeof last, "; last response %lld s ago",
                 (long long)((clock_monotonic_ns() - answer_ns) / NS_PER_S));
    if (atomic_load(&self->is_connected))
        snprintf(text, size, "no response from %.200s%s", self->servers, last);
    else if (self->trouble[0])
        snprintf(text, size, "%s %.60s: %.170s%s",
                 self->is_refused ? "no access to" : "cannot reach", self->servers, self->trouble,
                 last);
    else
        snprintf(text, size, "connecting to %.200s%s", self->servers, last);
}

static int describe_wait(const struct kafka_source *self, char *text, size_t size) {
    const int64_t left_s = kafka_joining_left_s(self, atomic_load(&self->joining_ns));
    if (left_s == 0)
        return snprintf(text, size,
                        "joining group %.100s for longer than session.timeout.ms (%lld s): another "
                        "member lives, and does not rejoin",
                        self->group, (long long)(self->session_ns / NS_PER_S));
    return snprintf(text, size,
                    "joining group %.100s; it waits for a member that ended without leaving, "
                    "%lld s more at most (session.timeout.ms)",
                    self->group, (long long)left_s);
}

REQUIRES(kafka_lock)
static void connection_describe(const struct kafka_source *self, const struct source_status *status,
                                char *text, size_t size) {
    if (!status->is_connected) {
        connection_describe_lost(self, text, size);
        return;
    }
    int length;
    if (atomic_load(&self->is_unattended))
        length =
            snprintf(text, size, "connected to %.60s; no messages are read: no strategy is running",
                     self->servers);
    else if (!status->is_assigned && !atomic_load(&self->is_joining_logged))
        length = snprintf(text, size, "joining group %.100s", self->group);
    else if (!status->is_assigned)
        length = describe_wait(self, text, size);
    else
        length = snprintf(text, size, "connected to %.200s", self->servers);
    if (self->missing[0] && length > 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, "; waiting for topics: %s", self->missing);
}

/* For the status, which shows a silent broker at once; all else waits until it is more than a
 * pause. */
static bool is_quiet(const struct kafka_source *self) {
    const int64_t answer_ns = atomic_load(&self->answer_ns);
    return atomic_load(&self->has_partitions) && answer_ns > 0 &&
           clock_monotonic_ns() - answer_ns > self->quiet_ns;
}

void kafka_connection_status(struct kafka_source *self, struct source_status *status) {
    status->is_connected = atomic_load(&self->is_connected) && !is_quiet(self);
    status->is_assigned = atomic_load(&self->is_assigned);
    status->answer_ns = atomic_load(&self->answer_ns);
    status->commit_ns = atomic_load(&self->commit_ns);
    lock_acquire(&self->mutex, kafka_lock);
    memcpy(status->missing, self->missing, sizeof status->missing);
    kafka_stand_describe(self, status->standing, sizeof status->standing);
    connection_describe(self, status, status->detail, sizeof status->detail);
    lock_release(&self->mutex, kafka_lock);
}
