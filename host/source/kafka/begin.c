/*
 * Where a partition begins in which the group has no committed offset. Left to the client, the
 * reset policy would be applied again at each start and for each partition that is added: with
 * `latest`, what came meanwhile would be lost.
 *
 * The rule: at its beginning, with one exception. With `latest`, if the group has no offset in any
 * partition of the topic, those that exist when this host first sees the topic begin at their end
 * at that time, however much later they are assigned. All others are newer than the group: one
 * without an offset beside some with, one that is created while this host runs, and one in which
 * the group had an offset and no longer has one, which was recreated with its topic. The result is
 * committed at the assignment.
 *
 * The topics thread asks the brokers once for each topic; an assignment asks none.
 */
#include "base/clock.h"
#include "base/text.h"
#include "source/kafka/consumer_private.h"

#include <inttypes.h>
#include <string.h>

/* How long the topics thread waits for each answer; and in all if partitions are asked for one by
 * one, since one without a leader keeps the client from asking for any. */
#define ANSWER_MS         3000
#define ALONE_MS          500
#define ALONE_MOST_MS     3000
/* Checks until a partition without a known end is taken as it is; and until that is logged. */
#define LOOKS_MOST        5
#define LOOKS_LOGGED      3
#define COMMIT_TIMEOUT_MS 5000

int64_t kafka_begin_policy(const char *value) {
    static const struct {
        const char *name;
        int64_t offset;
    } policies[] = {
        {"earliest", RD_KAFKA_OFFSET_BEGINNING}, {"beginning", RD_KAFKA_OFFSET_BEGINNING},
        {"smallest", RD_KAFKA_OFFSET_BEGINNING}, {"latest", RD_KAFKA_OFFSET_END},
        {"largest", RD_KAFKA_OFFSET_END},        {"end", RD_KAFKA_OFFSET_END},
    };
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
        if (strcmp(value, policies[i].name) == 0)
            return policies[i].offset;
    return RD_KAFKA_OFFSET_INVALID;
}

/* ---- the topics thread ---- */

static rd_kafka_topic_partition_list_t *ask_list(const struct kafka_topic *topic, int64_t where) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(topic->answer_count);
    for (int32_t i = 0; i < topic->answer_count; i++)
        rd_kafka_topic_partition_list_add(list, topic->name, i)->offset = where;
    return list;
}

/* Whether the group has an offset in any partition. */
static rd_kafka_resp_err_t ask_group(struct kafka_source *self, const struct kafka_topic *topic,
                                     bool *has_offset) {
    rd_kafka_topic_partition_list_t *list = ask_list(topic, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = rd_kafka_committed(self->client, list, ANSWER_MS);
    rd_kafka_resp_err_t code_of_one = RD_KAFKA_RESP_ERR_NO_ERROR;
    *has_offset = false;
    for (int i = 0; !code && i < list->cnt; i++) {
        if (list->elems[i].err)
            code_of_one = list->elems[i].err;
        else if (list->elems[i].offset >= 0)
            *has_offset = true;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code || *has_offset ? code : code_of_one;
}

static rd_kafka_resp_err_t ask_alone(struct kafka_source *self,
                                     rd_kafka_topic_partition_list_t *list) {
    const int64_t until = clock_monotonic_ns() + ALONE_MOST_MS * NS_PER_MS;
    rd_kafka_resp_err_t worst = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *entry = &list->elems[i];
        rd_kafka_topic_partition_list_t *alone = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(alone, entry->topic, entry->partition)->offset =
            entry->offset;
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (!atomic_load(&self->is_look_ending) && clock_monotonic_ns() < until)
            code = rd_kafka_offsets_for_times(self->client, alone, ALONE_MS);
        if (!code)
            code = alone->elems[0].err;
        if (code)
            worst = code;
        entry->offset = code ? RD_KAFKA_OFFSET_INVALID : alone->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(alone);
    }
    return worst;
}

/* Times that mean beginning and end become offsets; a partition without an answer gets none. */
static rd_kafka_resp_err_t ask_offsets(struct kafka_source *self,
                                       rd_kafka_topic_partition_list_t *list) {
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(self->client, list, ANSWER_MS);
    return code ? ask_alone(self, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Counts a check that failed; false: try another one. */
static bool ask_is_enough(struct kafka_source *self, struct kafka_topic *topic, const char *what,
                          rd_kafka_resp_err_t code) {
    topic->ask_count++;
    if (topic->ask_count == LOOKS_LOGGED)
        log_warning(
            self->log, KAFKA_ROOM,
            "topic \"%s\": no broker has answered %s, which [kafka] auto.offset.reset = latest "
            "needs to know: %s; no messages are read until then; retrying",
            topic->name, what, rd_kafka_err2str(code));
    return topic->ask_count >= LOOKS_MOST;
}

bool kafka_begin_ask(struct kafka_source *self, struct kafka_topic *topic) {
    if (topic->answer || topic->is_seen || topic->absent_count > 0 || topic->begins != NULL)
        return true;
    int64_t where = self->reset;
    if (where == RD_KAFKA_OFFSET_INVALID)
        return true;
    if (where == RD_KAFKA_OFFSET_END) {
        bool has_offset;
        const rd_kafka_resp_err_t code = ask_group(self, topic, &has_offset);
        if (code) {
            (void)ask_is_enough(self, topic, "whether the group has offsets in it", code);
            return false;
        }
        where = has_offset ? RD_KAFKA_OFFSET_BEGINNING : where;
    }
    if (atomic_load(&self->is_look_ending))
        return false;
    rd_kafka_topic_partition_list_t *list = ask_list(topic, where);
    const rd_kafka_resp_err_t code = ask_offsets(self, list);
    if (code && where == RD_KAFKA_OFFSET_END &&
        !ask_is_enough(self, topic, "where its partitions end", code)) {
        rd_kafka_topic_partition_list_destroy(list);
        return false;
    }
    topic->begins = list;
    return true;
}

/* ---- control ---- */

void kafka_begin_learn(struct kafka_topic *topic) {
    for (int i = 0; topic->begins != NULL && i < topic->begins->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &topic->begins->elems[i];
        struct kafka_part *part = kafka_group_part(topic, entry->partition);
        if (part != NULL && !entry->err && entry->offset >= 0)
            part->begun = entry->offset;
    }
    kafka_begin_forget(topic);
}

void kafka_begin_forget(struct kafka_topic *topic) {
    if (topic->begins != NULL)
        rd_kafka_topic_partition_list_destroy(topic->begins);
    topic->begins = NULL;
}

/* "bar_trends 0 at 12, 1 at 7, historic_stats 0 at 3" */
static void begin_log(struct kafka_source *self, const struct topic_partition *parts,
                      size_t count) {
    struct text known, unknown;
    text_init(&known);
    text_init(&unknown);
    for (size_t i = 0; i < count; i++) {
        const char *topic = self->topics[parts[i].topic].name;
        if (parts[i].is_new && parts[i].offset >= 0)
            text_printf(&known, "%s%s %" PRId32 " at %" PRId64, known.size > 0 ? ", " : "", topic,
                        parts[i].partition, parts[i].offset);
        else if (parts[i].is_new && self->reset != RD_KAFKA_OFFSET_INVALID)
            text_printf(&unknown, "%s%s %" PRId32, unknown.size > 0 ? ", " : "", topic,
                        parts[i].partition);
    }
    if (known.size > 0)
        log_info(self->log, KAFKA_ROOM, "no committed offset, starting at: %s", known.data);
    if (unknown.size > 0)
        log_warning(
            self->log, KAFKA_ROOM,
            "no committed offset, and no broker has answered where to start: %s; reading from "
            "the beginning of the log",
            unknown.data);
    text_release(&known);
    text_release(&unknown);
}

/* Its offset is gone, which only happens with the topic, or by hand. */
static bool begin_was_recreated(const struct kafka_source *self, const struct kafka_part *part) {
    return part != NULL && part->had_offset && self->reset != RD_KAFKA_OFFSET_INVALID;
}

static int64_t begin_where(const struct kafka_source *self, const struct kafka_topic *topic,
                           int32_t partition, const struct kafka_part *part) {
    if (begin_was_recreated(self, part) || (topic->is_seen && partition >= topic->first_count))
        return 0;
    return part != NULL ? part->begun : SOURCE_NO_OFFSET;
}

void kafka_begin_find(struct kafka_source *self, struct topic_partition *parts, size_t count) {
    struct text recreated;
    text_init(&recreated);
    for (size_t i = 0; i < count; i++) {
        struct kafka_topic *topic = &self->topics[parts[i].topic];
        struct kafka_part *part = kafka_group_part(topic, parts[i].partition);
        if (!parts[i].is_new) {
            if (part != NULL && parts[i].offset != SOURCE_NO_OFFSET)
                part->had_offset = true;
            continue;
        }
        parts[i].offset = begin_where(self, topic, parts[i].partition, part);
        if (!begin_was_recreated(self, part))
            continue;
        text_printf(&recreated, "%s%s %" PRId32, recreated.size > 0 ? ", " : "", topic->name,
                    parts[i].partition);
        part->begun = 0;
        part->committed_by_us = SOURCE_NO_OFFSET;
    }
    if (recreated.size > 0)
        log_change_event(
            self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "topic.recreated",
            "the group has no committed offsets any more, the topic was recreated: %s; "
            "reading from the "
            "beginning",
            recreated.data);
    text_release(&recreated);
    begin_log(self, parts, count);
}

void kafka_begin_commit(struct kafka_source *self, const struct topic_partition *parts,
                        size_t count) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count + 1);
    for (size_t i = 0; i < count; i++)
        if (parts[i].is_new && parts[i].offset >= 0)
            rd_kafka_topic_partition_list_add(list, self->topics[parts[i].topic].name,
                                              parts[i].partition)
                ->offset = parts[i].offset;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0)
        code = kafka_commit_list(self, list, COMMIT_TIMEOUT_MS);
    if (code)
        log_warning(self->log, KAFKA_ROOM,
                    "the start offsets of %d partitions are not committed yet: %s; retrying",
                    list->cnt, rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
}
