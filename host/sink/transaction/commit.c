#include "sink/transaction/transactor_private.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between two attempts. */
#define PAUSE_FIRST_NS  (100 * NS_PER_MS)
#define PAUSE_MOST_NS   (5 * NS_PER_S)
/* Until the group has given this member its generation. */
#define OUTDATED_NS     (50 * NS_PER_MS)
/* How long an open transaction waits for the disk and the other sinks; then it is aborted, before
 * the brokers do so, and the next attempt waits for them first. */
#define DURABLE_MOST_NS (TRANSACTOR_TIMEOUT_MS / 4 * NS_PER_MS)
#define DURABLE_STEP_NS (100 * NS_PER_MS)
#define DURABLE_REST_NS (5 * NS_PER_MS)
#define ASK_MS          10000

enum attempt {
    ATTEMPT_DONE,
    ATTEMPT_AGAIN,   /* aborted, and another attempt is likely to work */
    ATTEMPT_FAILED,  /* aborted */
    ATTEMPT_IN_DOUBT /* the producer is unusable, or a commit has no answer */
};

/* ---- its name in the offsets ---- */

#define TAG_SIZE 64

/* In the metadata of every offset of the epoch, before the part's note: if it is committed for one
 * offset, the whole epoch is. */
static void write_tag(const struct transactor *self, const struct epoch *epoch,
                      char tag[TAG_SIZE]) {
    snprintf(tag, TAG_SIZE, "take5 %s %" PRIu64, self->run, epoch->number);
}

static rd_kafka_topic_partition_list_t *list_parts(const struct transactor *self,
                                                   const struct epoch *epoch) {
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)epoch->part_count + 1);
    char tag[TAG_SIZE];
    write_tag(self, epoch, tag);
    for (size_t i = 0; i < epoch->part_count; i++) {
        const struct epoch_part *part = &epoch->parts[i];
        if (part->is_gone)
            continue;
        rd_kafka_topic_partition_t *entry =
            rd_kafka_topic_partition_list_add(list, part->tenure->topic, part->tenure->partition);
        entry->offset = part->offset;
        entry->metadata = text_format("%s%s", tag, part->note != NULL ? part->note : "");
        entry->metadata_size = entry->metadata != NULL ? strlen(entry->metadata) : 0;
    }
    return list;
}

/* ---- what has to be safe first ---- */

static int64_t sooner(int64_t a_ns, int64_t b_ns) {
    return a_ns < b_ns ? a_ns : b_ns;
}

static bool is_durable(struct transactor *self, const struct epoch *epoch, int64_t for_ns) {
    if (epoch->ticket != 0 && self->user.await_durable != NULL &&
        !self->user.await_durable(self->user.context, epoch->ticket, for_ns))
        return false;
    for (size_t i = 0; i < self->beside_count; i++) {
        struct sink *sink = self->beside[i];
        if (!sink->ops->flush(sink, (int)(for_ns / NS_PER_MS)))
            return false;
    }
    return true;
}

/* False: not in time, or it is time to stop. */
static bool await_durable(struct transactor *self, const struct epoch *epoch, int64_t until_ns) {
    for (;;) {
        const int64_t left_ns = until_ns - clock_monotonic_ns();
        if (is_durable(self, epoch, sooner(DURABLE_STEP_NS, left_ns > 0 ? left_ns : 0)))
            return true;
        if (left_ns <= 0 || transactor_must_stop(self))
            return false;
        transactor_rest(self, DURABLE_REST_NS); /* a sink may answer at once that it cannot */
    }
}

/* ---- one attempt ---- */

static enum attempt aborted(struct transactor *self, enum attempt then) {
    const enum answer answer = transactor_abort(self);
    transactor_count(self, aborted, 1);
    return answer == ANSWER_DONE ? then : ATTEMPT_FAILED;
}

/* It did not get to a commit: nothing of it becomes visible. */
static enum attempt give_up(struct transactor *self, enum answer answer, enum attempt then) {
    if (answer == ANSWER_FATAL || answer == ANSWER_STOP) {
        transactor_count(self, aborted, 1); /* by the next producer, or by the brokers */
        return ATTEMPT_FAILED;
    }
    return aborted(self, transactor_is_outdated(self) || self->has_reduced ? ATTEMPT_AGAIN : then);
}

static enum answer send_offsets(struct transactor *self, struct epoch *epoch,
                                const rd_kafka_consumer_group_metadata_t *metadata) {
    rd_kafka_topic_partition_list_t *list = list_parts(self, epoch);
    const enum answer answer =
        list->cnt > 0 ? transactor_send_offsets(self, list, metadata) : ANSWER_DONE;
    rd_kafka_topic_partition_list_destroy(list);
    return answer;
}

static enum attempt commit(struct transactor *self, struct epoch *epoch) {
    const enum answer answer = transactor_commit(self);
    if (answer == ANSWER_DONE)
        return ATTEMPT_DONE;
    /* What librdkafka wants aborted may have been committed nevertheless. */
    epoch->is_in_doubt = true;
    if (answer == ANSWER_ABORT)
        (void)aborted(self, ATTEMPT_FAILED);
    return ATTEMPT_IN_DOUBT;
}

static enum attempt attempt(struct transactor *self, struct epoch *epoch,
                            const rd_kafka_consumer_group_metadata_t *metadata) {
    enum answer answer = transactor_begin(self);
    if (answer != ANSWER_DONE)
        return ATTEMPT_FAILED;
    answer = transactor_produce(self, epoch);
    if (answer == ANSWER_DONE)
        answer = send_offsets(self, epoch, metadata);
    if (answer == ANSWER_DONE)
        answer = transactor_await_reports(self);
    if (answer != ANSWER_DONE)
        return give_up(self, answer, ATTEMPT_FAILED);
    self->is_late =
        !self->is_late && !await_durable(self, epoch, clock_monotonic_ns() + DURABLE_MOST_NS);
    if (self->is_late)
        return give_up(self, ANSWER_ABORT, ATTEMPT_AGAIN);
    return commit(self, epoch);
}

/* ---- outcome unknown ---- */

static bool has_tag(const rd_kafka_topic_partition_t *entry, const char *tag) {
    const char *text = entry->metadata;
    const size_t size = strlen(tag);
    return entry->metadata_size >= size && memcmp(text, tag, size) == 0 &&
           (entry->metadata_size == size || text[size] == ' ');
}

/* Whether it was committed; false: not known yet. */
static bool find_out(struct transactor *self, struct epoch *epoch, bool *did_commit) {
    rd_kafka_topic_partition_list_t *list = list_parts(self, epoch);
    char tag[TAG_SIZE];
    *did_commit = false;
    write_tag(self, epoch, tag);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0)
        code = self->group.committed(self->group.context, list, ASK_MS);
    for (int i = 0; !code && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        code = entry->err;
        *did_commit |= !code && has_tag(entry, tag);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code && !*did_commit)
        transactor_set_trouble(self, code, rd_kafka_err2str(code));
    return !code || *did_commit;
}

/* ---- until it is decided ---- */

static void back_off(struct transactor *self) {
    transactor_failing(self);
    transactor_rest(self, self->pause_ns);
    self->pause_ns = sooner(self->pause_ns * 2, PAUSE_MOST_NS);
}

static void decided(struct transactor *self, struct epoch *epoch) {
    const int64_t wait_ns = clock_monotonic_ns() - epoch->closed_ns;
    uint64_t shortened = 0;
    for (const struct sink_entry *entry = epoch->records.first; entry; entry = entry->after)
        shortened += entry->level > 0;
    lock_acquire(&self->mutex, transactor_lock);
    self->counts.committed++;
    self->counts.confirmed += epoch->record_count;
    self->counts.shortened += shortened;
    self->counts.wait_ns = wait_ns;
    self->counts.wait_sum_us += (uint64_t)(wait_ns / NS_PER_US);
    self->counts.wait_count++;
    lock_release(&self->mutex, transactor_lock);
    epoch_committed(epoch);
    self->pause_ns = PAUSE_FIRST_NS;
    transactor_recovered(self);
}

static void drop_gone(struct transactor *self, struct epoch *epoch) {
    const size_t records = epoch->record_count;
    const size_t parts = epoch_drop_gone(epoch);
    if (records == epoch->record_count)
        return; /* only offsets were dropped: there is nothing to emit again */
    transactor_count(self, dropped, 1);
    log_event(self->log, LOG_LEVEL_WARNING, "sink", "transaction.dropped",
              "transactions of %s: %zu partitions were revoked before their last %zu records were "
              "committed; these are dropped, and the host that has the partitions emits them again",
              self->id, parts, records - epoch->record_count);
}

/* False: undecided. */
static bool settle_doubt(struct transactor *self, struct epoch *epoch) {
    bool did_commit;
    if (!find_out(self, epoch, &did_commit)) {
        back_off(self);
        return false;
    }
    epoch->is_in_doubt = false;
    log_event(self->log, LOG_LEVEL_INFO, "sink", "transaction.resolved",
              "transactions of %s: the commit without an answer %s", self->id,
              did_commit ? "had gone through" : "had not gone through; committing it again");
    if (did_commit)
        decided(self, epoch);
    return did_commit;
}

static void enter_doubt(struct transactor *self) {
    transactor_count(self, unknown, 1);
    log_event(
        self->log, LOG_LEVEL_WARNING, "sink", "transaction.in_doubt",
        "transactions of %s: a commit got no answer that can be trusted: %s; asking the group "
        "for its committed offsets",
        self->id, self->trouble);
    self->is_broken = true; /* the next one's init_transactions ends what it holds */
}

/* True: decided. */
static bool try_to_commit(struct transactor *self, struct epoch *epoch) {
    drop_gone(self, epoch);
    if (epoch_is_empty(epoch))
        return true;
    rd_kafka_consumer_group_metadata_t *metadata = self->group.metadata(self->group.context);
    if (metadata == NULL) {
        transactor_rest(self, OUTDATED_NS);
        return false;
    }
    /* Once more: what was ours when the generation was requested is ours in that generation. */
    drop_gone(self, epoch);
    enum attempt result = ATTEMPT_AGAIN;
    self->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!epoch_is_empty(epoch) && (!self->is_late || await_durable(self, epoch, INT64_MAX)))
        result = attempt(self, epoch, metadata);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    switch (result) {
    case ATTEMPT_DONE:
        decided(self, epoch);
        return true;
    case ATTEMPT_AGAIN:
        if (transactor_is_outdated(self))
            transactor_rest(self, OUTDATED_NS);
        return false;
    case ATTEMPT_FAILED:
        back_off(self);
        return false;
    case ATTEMPT_IN_DOUBT:
        enter_doubt(self);
        return false;
    }
    return false;
}

bool transactor_decide(struct transactor *self, struct epoch *epoch) {
    epoch->number = self->next_number++;
    if (self->pause_ns == 0)
        self->pause_ns = PAUSE_FIRST_NS;
    while (!transactor_must_stop(self)) {
        if (!transactor_open(self)) {
            back_off(self);
            continue;
        }
        if (epoch->is_in_doubt ? settle_doubt(self, epoch) : try_to_commit(self, epoch))
            return true;
    }
    return false;
}
