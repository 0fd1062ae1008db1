/* Per partition number: the checkpoint to begin with, the order behind it, and the messages. */
#include "commands/proof/prove_private.h"

#include "checkpoint/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the messages ---- */

/* The lowest that is kept of each. */
static bool oldest_positions(const struct kept *kept, struct positions *oldest) {
    for (size_t i = 0; i < kept->count; i++) {
        const struct checkpoint *checkpoint = &kept->checkpoints[i];
        if (!kept_is_candidate(kept, i))
            continue;
        for (size_t p = 0; p < checkpoint->positions.count; p++) {
            const struct position *item = &checkpoint->positions.items[p];
            if (positions_find(oldest, item->topic, item->partition) == NULL &&
                !positions_add(oldest, item->topic, item->partition, item->next))
                return false;
        }
    }
    return true;
}

static bool record_messages(struct proof *proof, const struct kept *kept, struct error *error) {
    struct positions oldest;
    positions_init(&oldest);
    proof->spool = text_format("%s/messages.jsonl", proof->temp.directory);
    const bool did = (proof->spool != NULL && oldest_positions(kept, &oldest)) ||
                     error_set_memory(error, "positions");
    const bool is_good =
        did && messages_record(proof->config, &oldest, proof->spool, proof->log, error);
    positions_release(&oldest);
    return is_good;
}

static bool read_messages(struct proof *proof, const struct kept *kept, struct error *error) {
    proof->recording_paths = calloc(proof->recordings.count + 1, sizeof *proof->recording_paths);
    if (proof->recording_paths == NULL)
        return error_set_memory(error, "paths");
    if (proof->recordings.count == 0) {
        if (!record_messages(proof, kept, error))
            return false;
        proof->recording_paths[proof->recording_count++] = proof->spool;
    }
    for (size_t i = 0; i < proof->recordings.count; i++)
        proof->recording_paths[proof->recording_count++] = proof->recordings.items[i];
    for (size_t i = 0; i < proof->recording_count; i++)
        if (!messages_read(&proof->messages, proof->recording_paths[i], proof->config, error))
            return false;
    return true;
}

/* ---- one partition number ---- */

int64_t window_position(const struct positions *positions, const char *topic, int32_t partition) {
    const struct position *position = positions_find(positions, topic, partition);
    return position != NULL ? position->next : 0;
}

/* Where the window begins in a topic. */
static int64_t window_from(const struct proof *proof, const struct checkpoint *checkpoint,
                           uint32_t topic) {
    const int64_t position =
        window_position(&checkpoint->positions, proof->topics[topic], checkpoint->partition);
    const struct stream *stream = messages_stream(&proof->messages, topic, checkpoint->partition);
    return proof->from_ms == NO_TIME_MS ? position : stream_find(stream, proof->from_ms);
}

static bool is_early_enough(const struct proof *proof, const struct checkpoint *checkpoint) {
    for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
        if (window_position(&checkpoint->positions, proof->topics[topic], checkpoint->partition) >
            window_from(proof, checkpoint, topic))
            return false;
    }
    return true;
}

/* The newest that is at or before the beginning of the window, and without a beginning the oldest.
 * `*oldest`: of all that are there. */
static const struct checkpoint *choose(const struct proof *proof, const struct kept *kept,
                                       int32_t partition, size_t *index,
                                       const struct checkpoint **oldest) {
    const struct checkpoint *chosen = NULL;
    *oldest = NULL;
    for (size_t i = 0; i < kept->count; i++) {
        const struct checkpoint *checkpoint = &kept->checkpoints[i];
        if (kept->files[i].partition != partition || !kept_is_candidate(kept, i))
            continue;
        if (*oldest == NULL)
            *oldest = checkpoint;
        if (!is_early_enough(proof, checkpoint) || (proof->from_ms == NO_TIME_MS && chosen != NULL))
            continue;
        chosen = checkpoint;
        *index = i;
    }
    return chosen;
}

/* From when on the window of a partition number may begin. */
static void doubt_too_old(struct proof *proof, const struct checkpoint *oldest) {
    int64_t time_ms = NO_TIME_MS;
    char text[40];
    for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
        const struct stream *stream = messages_stream(&proof->messages, topic, oldest->partition);
        const int64_t next =
            window_position(&oldest->positions, proof->topics[topic], oldest->partition);
        for (size_t i = 0; stream != NULL && i < stream->count; i++) {
            if (stream->items[i].offset < next && stream->items[i].time_ms >= time_ms)
                time_ms = stream->items[i].time_ms + 1;
        }
    }
    prove_doubt(proof, NULL,
                "partition %" PRId32 ": the oldest checkpoint that is kept (number %" PRIu64
                ", taken at %s) lies behind --from: its states are younger than that; take a "
                "--from behind it, or none for all that can be proven",
                oldest->partition, oldest->number,
                prove_time(time_ms != NO_TIME_MS ? time_ms : oldest->taken_ms, text));
}

bool window_find_base(const struct proof *proof, struct proof_part *part) {
    bool is_found = false;
    for (size_t i = 0; i < proof->notes.count; i++) {
        const struct note *note = &proof->notes.items[i];
        bool is_before = note->time_ms <= part->checkpoint.taken_ms;
        for (size_t topic = 0;
             note_has_partition(note, part->partition) && topic < proof->config->topic_count;
             topic++) {
            int64_t next;
            is_before = (topic == 0 || is_before) &&
                        (!note_position(note, part->partition, NULL, proof->topics[topic], &next) ||
                         next <= window_position(&part->checkpoint.positions, proof->topics[topic],
                                                 part->partition));
        }
        if (!is_before)
            break;
        part->base = i;
        is_found = true;
    }
    return is_found;
}

int64_t window_run_end(const struct proof_part *part, uint64_t index) {
    const struct order_run *run = order_at(&part->order, index);
    const int64_t end = run->from + run->span;
    if (index >= part->end)
        return 0;
    return index + 1 == part->end && end > part->last_offset + 1 ? part->last_offset + 1 : end;
}

/* A host that runs has gone on since its topics were read: what came behind what they had then is
 * not missing, the window ends before it. */
static int64_t known_end(const struct proof *proof, const struct stream *stream) {
    return proof->spool != NULL && stream != NULL && stream->count > 0
               ? stream->items[stream->count - 1].offset + 1
               : INT64_MAX;
}

/* Up to the last message of the window. */
static void find_end(const struct proof *proof, struct proof_part *part) {
    bool is_over = false;
    for (uint64_t i = order_begin(&part->order); !is_over && i < order_end(&part->order); i++) {
        const struct order_run *run = order_at(&part->order, i);
        const struct stream *stream =
            messages_stream(&proof->messages, run->stream, part->partition);
        const int64_t known = known_end(proof, stream), run_end = run->from + run->span;
        const int64_t end = stream != NULL && stream->end < known ? stream->end : known;
        is_over = run_end > known;
        if (stream == NULL || run_end <= stream->begin || run->from >= end)
            continue;
        part->end = i + 1;
        part->last_offset = (run_end < end ? run_end : end) - 1;
    }
}

static void set_window(struct proof *proof, const struct checkpoint *checkpoint) {
    for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
        struct stream *stream = messages_stream(&proof->messages, topic, checkpoint->partition);
        if (stream == NULL)
            continue;
        stream->begin = window_from(proof, checkpoint, topic);
        stream->end = proof->to_ms == NO_TIME_MS ? INT64_MAX : stream_find(stream, proof->to_ms);
    }
}

/* ---- holes ---- */

static void doubt_missing(struct proof *proof, const struct proof_part *part, uint32_t topic,
                          int64_t offset) {
    prove_doubt(proof, NULL,
                "a hole: the host processed offset %" PRId64 " of %s partition %" PRId32 ", and %s",
                offset, proof->topics[topic], part->partition,
                proof->spool != NULL ? "the topic no longer has it (retention, compaction)"
                                     : "the recording does not have it");
}

static void doubt_unordered(struct proof *proof, const struct proof_part *part, uint32_t topic,
                            int64_t from, int64_t to) {
    prove_doubt(proof, NULL,
                "a hole: offsets from %" PRId64 " to %" PRId64 " of %s partition %" PRId32
                " are not in the journal: another host processed them, or the order of that time "
                "was lost",
                from, to - 1, proof->topics[topic], part->partition);
}

/* A message that is in the window, and in no run. */
static void check_processed(struct proof *proof, const struct proof_part *part, uint32_t topic,
                            int64_t next) {
    const struct stream *stream = messages_stream(&proof->messages, topic, part->partition);
    char text[40];
    if (stream == NULL || proof->to_ms == NO_TIME_MS)
        return;
    const int64_t from = next > stream->begin ? next : stream->begin;
    for (size_t i = 0; i < stream->count; i++) {
        const struct message_at *item = &stream->items[i];
        if (item->offset < from || item->offset >= stream->end)
            continue;
        prove_doubt(proof, NULL,
                    "offset %" PRId64 " of %s partition %" PRId32 " (%s) is in the window, and the "
                    "host has not processed it",
                    item->offset, proof->topics[topic], part->partition,
                    prove_time(item->time_ms, text));
        return;
    }
}

/* All that was processed is there, and its place in the order is known. */
static bool check_holes(struct proof *proof, const struct proof_part *part, struct error *error) {
    int64_t *next = calloc(proof->config->topic_count + 1, sizeof *next);
    if (next == NULL)
        return error_set_memory(error, "positions");
    for (uint32_t topic = 0; topic < proof->config->topic_count; topic++)
        next[topic] =
            window_position(&part->checkpoint.positions, proof->topics[topic], part->partition);
    const size_t before = proof->doubt_count;
    for (uint64_t i = order_begin(&part->order); i < part->end && proof->doubt_count == before;
         i++) {
        const struct order_run *run = order_at(&part->order, i);
        struct stream *stream = messages_stream(&proof->messages, run->stream, part->partition);
        const int64_t end = window_run_end(part, i);
        const bool is_cut = end < run->from + (int64_t)run->span;
        if (end <= next[run->stream])
            continue;
        if (run->from > next[run->stream] && stream_count(stream, next[run->stream], run->from) > 0)
            doubt_unordered(proof, part, run->stream, next[run->stream], run->from);
        else if (run->from >= next[run->stream] && !stream_has(stream, run->from))
            doubt_missing(proof, part, run->stream, run->from);
        else if (!is_cut && !stream_has(stream, end - 1))
            doubt_missing(proof, part, run->stream, end - 1);
        proof->places = stream_set_places(stream, next[run->stream], end, proof->places);
        next[run->stream] = end;
    }
    for (uint32_t topic = 0; topic < proof->config->topic_count && proof->doubt_count == before;
         topic++)
        check_processed(proof, part, topic, next[topic]);
    for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
        struct stream *stream = messages_stream(&proof->messages, topic, part->partition);
        if (stream != NULL && stream->end > next[topic])
            stream->end = next[topic];
    }
    free(next);
    return true;
}

/* ---- all ---- */

bool window_read_order(struct proof *proof, struct proof_part *part, const struct checkpoint *from,
                       struct error *error) {
    if (!order_init(&part->order, from->number))
        return error_set_memory(error, "a journal");
    if (!checkpoint_order_read(proof->config->state_dir, proof->config->group_id, proof->topics,
                               proof->config->topic_count, from, &part->order, error)) {
        if (error->code == ERROR_MEMORY)
            return false;
        prove_doubt(proof, NULL, "%s", error->text);
    } else if (part->order.is_broken) {
        prove_doubt(proof, NULL,
                    "partition %" PRId32 ": a hole: the journal lacks the order of some messages",
                    part->partition);
    }
    return true;
}

static bool add_part(struct proof *proof, struct kept *kept, int32_t partition,
                     struct error *error) {
    const struct checkpoint *oldest;
    size_t index = 0;
    const struct checkpoint *chosen = choose(proof, kept, partition, &index, &oldest);
    if (chosen == NULL) {
        if (oldest != NULL)
            doubt_too_old(proof, oldest);
        return true;
    }
    struct proof_part *part = &proof->parts[proof->part_count++];
    part->partition = partition;
    part->path = strdup(kept->files[index].path);
    set_window(proof, chosen);
    if (part->path == NULL)
        return error_set_memory(error, "a path");
    if (!window_read_order(proof, part, oldest, error))
        return false;
    part->checkpoint = kept->checkpoints[index];
    checkpoint_init(&kept->checkpoints[index]);
    if (!window_find_base(proof, part)) {
        char text[40];
        prove_doubt(proof, NULL,
                    "which strategies ran when checkpoint %" PRIu64 " of partition %" PRId32
                    " was taken (%s) is not noted",
                    part->checkpoint.number, partition,
                    prove_time(part->checkpoint.taken_ms, text));
    }
    find_end(proof, part);
    return check_holes(proof, part, error);
}

static bool add_parts(struct proof *proof, struct kept *kept, struct error *error) {
    proof->parts = calloc(kept->count + 1, sizeof *proof->parts);
    if (proof->parts == NULL)
        return error_set_memory(error, "partitions");
    for (size_t i = 0; i < kept->count; i++) {
        const int32_t partition = kept->files[i].partition;
        if (partition < 0 || (i > 0 && kept->files[i - 1].partition == partition))
            continue;
        if (!add_part(proof, kept, partition, error))
            return false;
    }
    if (proof->part_count == 0 && proof->doubt_count == 0)
        prove_doubt(proof, NULL, "%s has no checkpoints: there is nothing to begin with",
                    proof->config->state_dir);
    return true;
}

bool window_find(struct proof *proof, struct error *error) {
    struct kept kept = {0};
    const bool did = kept_read(&kept, proof->config->state_dir, error) &&
                     read_messages(proof, &kept, error) && add_parts(proof, &kept, error);
    kept_release(&kept);
    return did;
}

int64_t window_begin(const struct proof *proof, const struct proof_part *part,
                     const char *deployment, uint32_t topic) {
    const struct checkpoint_part *own =
        deployment != NULL ? checkpoint_part(&part->checkpoint, deployment) : NULL;
    const struct position *position =
        own != NULL ? positions_find(&own->positions, proof->topics[topic], part->partition) : NULL;
    return position != NULL ? position->next
                            : window_position(&part->checkpoint.positions, proof->topics[topic],
                                              part->partition);
}

void window_release(struct proof *proof) {
    for (size_t i = 0; i < proof->part_count; i++) {
        free(proof->parts[i].path);
        checkpoint_release(&proof->parts[i].checkpoint);
        order_release(&proof->parts[i].order);
    }
    free(proof->parts);
    messages_release(&proof->messages);
    free(proof->recording_paths);
    free(proof->spool);
}
