/* Of a crash: the checkpoint to begin with, and what was handed over from there to the fatal
 * message. */
#include "commands/proof/prove_private.h"

#include "base/clock.h"
#include "checkpoint/kafka/state_topic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the checkpoint ---- */

static int64_t begin_of(const struct checkpoint *checkpoint, const struct checkpoint_part *own,
                        const char *topic) {
    const struct position *position = positions_find(&own->positions, topic, checkpoint->partition);
    return position != NULL ? position->next
                            : window_position(&checkpoint->positions, topic, checkpoint->partition);
}

/* Whether the crash lies behind it. */
static bool is_before(const struct proof *proof, const struct checkpoint *checkpoint,
                      const struct proof_crash *crash) {
    const struct checkpoint_part *own = checkpoint_part(checkpoint, crash->record->deployment);
    if (own == NULL)
        return false;
    return crash->topic == UINT32_MAX
               ? checkpoint->taken_ms <= crash->record->time_ns / NS_PER_MS
               : begin_of(checkpoint, own, proof->topics[crash->topic]) <= crash->record->offset;
}

/* The newest. SIZE_MAX: there is none. */
static size_t choose(const struct proof *proof, const struct kept *kept,
                     const struct proof_crash *crash) {
    size_t chosen = SIZE_MAX;
    for (size_t i = 0; i < kept->count; i++) {
        if (kept->files[i].partition == crash->partition && kept_is_candidate(kept, i) &&
            is_before(proof, &kept->checkpoints[i], crash))
            chosen = i;
    }
    return chosen;
}

/* The journal from there on has what was handed over: also to one that lies behind its checkpoint.
 */
static const struct checkpoint *oldest(const struct proof *proof, const struct kept *kept) {
    const struct proof_part *part = &proof->parts[0];
    for (size_t i = 0; i < kept->count; i++) {
        if (kept->files[i].partition == part->partition && kept_is_candidate(kept, i) &&
            kept->checkpoints[i].number < part->checkpoint.number)
            return &kept->checkpoints[i];
    }
    return &part->checkpoint;
}

static bool refuse_global(const char *deployment, struct error *error) {
    return error_set(error, ERROR_STATE,
                     "%s is GLOBAL: it is handed all partitions, and a capsule has those of one "
                     "number; `take5 record` and `take5 replay` do its messages again",
                     deployment);
}

static bool is_global(const struct kept *kept, const char *deployment) {
    for (size_t i = 0; i < kept->count; i++) {
        if (!kept->files[i].is_journal && kept->files[i].partition < 0 &&
            checkpoint_part(&kept->checkpoints[i], deployment) != NULL)
            return true;
    }
    return false;
}

static bool take_checkpoint(struct proof *proof, struct kept *kept, const struct proof_crash *crash,
                            struct error *error) {
    struct proof_part *part = &proof->parts[0];
    if (is_global(kept, crash->record->deployment))
        return refuse_global(crash->record->deployment, error);
    const size_t index = choose(proof, kept, crash);
    checkpoint_init(&part->checkpoint);
    part->partition = part->checkpoint.partition = crash->partition;
    if (index == SIZE_MAX)
        return true;
    part->path = strdup(kept->files[index].path);
    part->checkpoint = kept->checkpoints[index];
    checkpoint_init(&kept->checkpoints[index]);
    return part->path != NULL || error_set_memory(error, "a path");
}

/* From the state topic: the newest of the partition number, with the order behind it. */
static bool take_entry(struct proof *proof, struct state_topic_entry *entry,
                       const struct proof_crash *crash, struct error *error) {
    struct proof_part *part = &proof->parts[0];
    const char *name = crash->record->deployment;
    if (entry->checkpoint.number == 0)
        return true;
    if (entry->partition < 0 && checkpoint_part(&entry->checkpoint, name) != NULL)
        return refuse_global(name, error);
    if (entry->partition != crash->partition || !is_before(proof, &entry->checkpoint, crash))
        return true;
    part->path = text_format("topic %s", proof->config->checkpoint_topic);
    if (part->path == NULL)
        return error_set_memory(error, "a path");
    part->checkpoint = entry->checkpoint;
    checkpoint_init(&entry->checkpoint);
    part->order = entry->order;
    entry->order = (struct order){0};
    return true;
}

/* With [checkpoint] store = kafka. A topic that cannot be read is a doubt. */
static bool take_stored(struct proof *proof, const struct proof_crash *crash, struct error *error) {
    struct state_topic_entry *entries;
    size_t count;
    if (proof->config->checkpoint_store != CHECKPOINT_STORE_KAFKA)
        return true;
    if (!state_topic_read(proof->config, proof->log, &entries, &count, error)) {
        if (error->code == ERROR_MEMORY)
            return false;
        prove_doubt(proof, NULL, "the states in topic %s cannot be read: %s",
                    proof->config->checkpoint_topic, error->text);
        return true;
    }
    bool did = true;
    for (size_t i = 0; did && i < count; i++)
        did = take_entry(proof, &entries[i], crash, error);
    state_topic_entries_free(entries, count);
    return did;
}

/* ---- the messages ---- */

/* From where the deployment began; from the beginning of the log, without a checkpoint. */
static bool put_positions(const struct proof *proof, struct positions *from) {
    const struct proof_part *part = &proof->parts[0];
    bool did = true;
    for (uint32_t topic = 0; did && topic < proof->config->topic_count; topic++)
        did = positions_add(from, proof->topics[topic], part->partition,
                            window_begin(proof, part, proof->runs[0].names[0], topic));
    return did;
}

static bool record_messages(struct proof *proof, struct error *error) {
    struct positions from;
    positions_init(&from);
    proof->spool = text_format("%s/messages.jsonl", proof->temp.directory);
    bool did = (proof->spool != NULL && put_positions(proof, &from)) ||
               error_set_memory(error, "positions");
    did = did && messages_record(proof->config, &from, proof->spool, proof->log, error);
    positions_release(&from);
    return did;
}

static bool read_messages(struct proof *proof, struct error *error) {
    proof->recording_paths = calloc(proof->recordings.count + 1, sizeof *proof->recording_paths);
    if (proof->recording_paths == NULL)
        return error_set_memory(error, "paths");
    for (size_t i = 0; i < proof->recordings.count; i++)
        proof->recording_paths[proof->recording_count++] = proof->recordings.items[i];
    if (proof->recordings.count == 0) {
        if (!record_messages(proof, error))
            return false;
        proof->recording_paths[proof->recording_count++] = proof->spool;
    }
    for (size_t i = 0; i < proof->recording_count; i++) {
        if (!messages_read(&proof->messages, proof->recording_paths[i], proof->config, error))
            return false;
    }
    return true;
}

static bool check_fatal(const struct proof *proof, const struct proof_crash *crash,
                        struct error *error) {
    if (crash->topic == UINT32_MAX)
        return true;
    const struct stream *stream = messages_stream(&proof->messages, crash->topic, crash->partition);
    return stream_has(stream, crash->record->offset) ||
           error_set(error, ERROR_STATE,
                     "the fatal message, offset %" PRId64 " of %s partition %" PRId32 ", is not in "
                     "the %s",
                     crash->record->offset, proof->topics[crash->topic], crash->partition,
                     proof->spool != NULL ? "topic any more (retention, compaction): --recording "
                                            "takes it from a recording"
                                          : "recording");
}

/* ---- the order ---- */

/* The earliest of those that come next, by Kafka's time; NULL: there are no more. */
static const struct message_at *earliest(const struct proof *proof, const size_t *next,
                                         uint32_t *topic) {
    const struct message_at *found = NULL;
    for (uint32_t i = 0; i < proof->config->topic_count; i++) {
        const struct stream *stream =
            messages_stream(&proof->messages, i, proof->parts[0].partition);
        if (stream == NULL || next[i] >= stream->count ||
            (found != NULL && stream->items[next[i]].time_ms >= found->time_ms))
            continue;
        found = &stream->items[next[i]];
        *topic = i;
    }
    return found;
}

/* Where nobody noted it: each topic in its order, and all by their times. */
static bool order_by_time(struct proof *proof, struct error *error) {
    struct proof_part *part = &proof->parts[0];
    size_t *next = calloc(proof->config->topic_count + 1, sizeof *next);
    const struct message_at *message;
    uint32_t topic = 0;
    if (next == NULL || !order_init(&part->order, 0)) {
        free(next);
        return error_set_memory(error, "an order");
    }
    while ((message = earliest(proof, next, &topic)) != NULL) {
        if (message->offset >= window_begin(proof, part, proof->runs[0].names[0], topic))
            order_note(&part->order, topic, message->offset);
        next[topic]++;
    }
    free(next);
    return !part->order.is_broken || error_set_memory(error, "an order");
}

/* The topic has the order behind its newest checkpoint, and no other. */
static bool find_stored_order(struct proof *proof, struct error *error) {
    struct proof_part *part = &proof->parts[0];
    const struct checkpoint_part *own = checkpoint_part(&part->checkpoint, proof->runs[0].names[0]);
    if (!checkpoint_order_read_tail(proof->config->state_dir, proof->config->group_id,
                                    proof->topics, proof->config->topic_count, &part->checkpoint,
                                    &part->order, error))
        return false;
    if (own->positions.count == 0 && !part->order.is_broken)
        return true;
    prove_doubt(proof, NULL,
                "topic %s has not the whole order of the messages up to the crash: it is therefore "
                "that of their times",
                proof->config->checkpoint_topic);
    order_release(&part->order);
    return order_by_time(proof, error);
}

static bool find_order(struct proof *proof, const struct kept *kept, struct error *error) {
    struct proof_part *part = &proof->parts[0];
    const size_t doubts = proof->doubt_count;
    if (part->checkpoint.number == 0) {
        prove_doubt(proof, NULL,
                    "no checkpoint before the crash has anything of %s: it begins without a state, "
                    "with the first message that there is",
                    proof->runs[0].names[0]);
        return order_by_time(proof, error);
    }
    if (part->order.segment_count > 0)
        return find_stored_order(proof, error);
    if (!window_read_order(proof, part, oldest(proof, kept), error))
        return false;
    if (proof->doubt_count == doubts)
        return true;
    prove_doubt(proof, NULL, "the order of messages is therefore that of their times");
    order_release(&part->order);
    return order_by_time(proof, error);
}

/* It ends with the fatal message, which nobody may have noted: the process ended with it. */
static bool find_end(struct proof *proof, const struct proof_crash *crash, struct error *error) {
    struct proof_part *part = &proof->parts[0];
    const int64_t fatal = crash->record->offset;
    part->end = order_end(&part->order);
    part->last_offset = INT64_MAX - 1;
    if (crash->topic == UINT32_MAX && part->end > order_begin(&part->order))
        return true;
    if (crash->topic == UINT32_MAX) { /* something has to come, for instances to be made */
        order_note(&part->order, 0, window_begin(proof, part, crash->record->deployment, 0));
        part->end = order_end(&part->order);
        return !part->order.is_broken || error_set_memory(error, "an order");
    }
    part->last_offset = fatal;
    for (uint64_t i = order_begin(&part->order); i < order_end(&part->order); i++) {
        const struct order_run *run = order_at(&part->order, i);
        if (run->stream != crash->topic || fatal < run->from || fatal >= run->from + run->span)
            continue;
        part->end = i + 1;
        return true;
    }
    order_note(&part->order, crash->topic, fatal);
    part->end = order_end(&part->order);
    return !part->order.is_broken || error_set_memory(error, "an order");
}

/* ---- what ran ---- */

/* The process that crashed began with what it had noted; it was handed everything since the
 * checkpoint itself. */
static bool find_base(struct proof *proof, const struct proof_crash *crash, struct error *error) {
    struct proof_part *part = &proof->parts[0];
    const int64_t time_ms = crash->record->time_ns / NS_PER_MS;
    const char *name = crash->record->deployment;
    if (!window_find_base(proof, part) || proof->notes.items[part->base].time_ms > time_ms)
        part->base = 0;
    for (size_t i = part->base; i < proof->notes.count; i++) {
        const struct note *note = &proof->notes.items[i];
        if (note->time_ms <= time_ms && note_is_start(note))
            part->base = i;
    }
    while (part->base < proof->notes.count &&
           note_deployment(proof->notes.items[part->base].json, name) == NULL)
        part->base++;
    return part->base < proof->notes.count ||
           error_set(error, ERROR_STATE,
                     "%s/provenance.jsonl has nothing of %s: which build ran, "
                     "with which settings, is not known",
                     proof->config->state_dir, name);
}

bool crash_window_find(struct proof *proof, const struct proof_crash *crash, struct error *error) {
    struct kept kept = {0};
    proof->parts = calloc(1, sizeof *proof->parts);
    if (proof->parts == NULL)
        return error_set_memory(error, "a partition");
    proof->part_count = 1;
    const bool did = kept_read(&kept, proof->config->state_dir, error) &&
                     take_checkpoint(proof, &kept, crash, error) &&
                     take_stored(proof, crash, error) && read_messages(proof, error) &&
                     check_fatal(proof, crash, error) && find_order(proof, &kept, error) &&
                     find_end(proof, crash, error) && find_base(proof, crash, error);
    kept_release(&kept);
    return did;
}
