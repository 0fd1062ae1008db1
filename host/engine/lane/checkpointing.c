#include "engine/lane/checkpointing.h"

#include "base/clock.h"
#include "base/sync/counter.h"
#include "engine/lane/catch_up.h"
#include "sink/transaction/transactor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Between two appends to a journal: offsets are stored up to that much later. */
#define APPEND_NS (200 * NS_PER_MS)
/* Where a partition number's checkpoints fall in the interval, so that not all are due at once. */
#define SPREAD    16
#define SPREAD_BY 7

static int64_t spread_ns(const struct lane *lane, const struct partition *partition) {
    const int64_t place = partition->number > 0 ? partition->number : 0;
    return lane->options.config->checkpoint_interval_ns / SPREAD * (place * SPREAD_BY % SPREAD + 1);
}

/* ---- journal ---- */

bool checkpointing_begin(struct lane *lane, struct partition *partition, struct order *order,
                         struct order_tail *tail) {
    if (order == NULL)
        return true;
    /* A partition without any checkpoint has nothing to fall back to: its first one is due at
     * once. */
    if (order->segments[0].number != 0)
        partition->checkpoint_ns = clock_coarse_ns() + spread_ns(lane, partition);
    struct partition_journal *journal = &partition->journal;
    journal->appended = calloc(partition->stream_count + 1, sizeof *journal->appended);
    journal->noted_to = calloc(partition->stream_count + 1, sizeof *journal->noted_to);
    journal->written = calloc(partition->stream_count + 1, sizeof *journal->written);
    if (journal->appended == NULL || journal->noted_to == NULL || journal->written == NULL)
        return false;
    for (uint64_t i = order_begin(order); i < order_end(order); i++) {
        const struct order_run *run = order_at(order, i);
        if (run->stream == ORDER_CLOCK && run->from > partition->clock_ns)
            partition->clock_ns = run->from;
        if (run->stream != ORDER_CLOCK && run->from + run->span > journal->noted_to[run->stream])
            journal->noted_to[run->stream] = run->from + run->span;
    }
    for (size_t i = 0; i < partition->stream_count; i++)
        journal->written[i] = partition->streams[i].next;
    partition->order = order;
    journal->tail = tail;
    journal->tail_to = UINT64_MAX;
    return true;
}

void checkpointing_cover(struct partition *partition) {
    struct partition_journal *journal = &partition->journal;
    if (journal->tail != NULL && !order_tail_note(journal->tail, partition->order))
        journal->append_ns = 0; /* append to the file soon */
}

static void note_written(struct partition *partition, bool is_all) {
    struct partition_journal *journal = &partition->journal;
    if (journal->tail != NULL && journal->tail_to != UINT64_MAX)
        order_tail_drop(journal->tail, journal->tail_to);
    if (partition->owes_checkpoint)
        return;
    for (size_t i = 0; i < partition->stream_count; i++)
        journal->written[i] = is_all ? partition->streams[i].next : journal->appended[i];
}

void checkpointing_cut(struct partition *partition, size_t stream, int64_t offset) {
    if (partition->order == NULL || partition->journal.noted_to[stream] <= offset)
        return;
    if (partition->journal.tail != NULL)
        order_tail_cut(partition->journal.tail);
    partition->journal.tail_to = UINT64_MAX; /* what is being written does not include the cut */
    order_cut(partition->order, (uint32_t)stream, offset);
    partition->journal.noted_to[stream] = offset;
}

void checkpointing_resume(struct partition *partition) {
    if (partition->order == NULL)
        return;
    for (size_t i = 0; i < partition->stream_count; i++) {
        if (partition->streams[i].next != SOURCE_NO_OFFSET)
            checkpointing_cut(partition, i, partition->streams[i].next);
    }
    partition->journal.ticket = 0;
    note_written(partition, true);
}

static bool has_untaken(const struct order *order) {
    return order->taken < order_end(order) || order->cuts.size > 0;
}

static void append(struct lane *lane, struct partition *partition) {
    struct partition_journal *journal = &partition->journal;
    struct text frames;
    uint64_t number;
    text_init(&frames);
    while (order_put_frames(partition->order, &number, &frames)) {
        journal->ticket =
            checkpoint_store_append(lane->options.store, partition->number, number, &frames);
        text_reset(&frames);
    }
    text_release(&frames);
    journal->tail_to = partition->order->taken;
    for (size_t i = 0; i < partition->stream_count; i++)
        journal->appended[i] = partition->streams[i].next;
}

void checkpointing_journal(struct lane *lane, struct partition *partition, int64_t coarse_ns) {
    if (partition == NULL || partition->order == NULL)
        return;
    struct partition_journal *journal = &partition->journal;
    if (journal->ticket != 0) {
        if (!checkpoint_store_is_done(lane->options.store, journal->ticket))
            return;
        checkpointing_journal_written(partition);
    }
    if (!has_untaken(partition->order)) {
        note_written(partition, true);
    } else if (coarse_ns - journal->append_ns >= APPEND_NS) {
        journal->append_ns = coarse_ns;
        append(lane, partition);
        if (journal->ticket == 0) /* no memory to write it with: work goes on */
            note_written(partition, true);
    }
}

uint64_t checkpointing_journal_now(struct lane *lane, struct partition *partition) {
    if (partition == NULL || partition->order == NULL)
        return 0;
    append(lane, partition);
    return partition->journal.ticket;
}

void checkpointing_journal_written(struct partition *partition) {
    if (partition->order == NULL)
        return;
    partition->journal.ticket = 0;
    note_written(partition, false);
}

int64_t checkpointing_limit(const struct partition *partition, size_t stream, int64_t done) {
    if (partition == NULL || partition->order == NULL || stream >= partition->stream_count)
        return done;
    const int64_t written = partition->journal.written[stream];
    return written == SOURCE_NO_OFFSET || done < written ? done : written;
}

/* Whether what is known of its suspension would be lost with the process. */
static bool is_place_unsaved(const struct lane *lane, struct task *task) {
    if (task->place_ticket != 0 && task->place_ticket != TASK_NOT_PUT &&
        checkpoint_store_is_done(lane->options.store, task->place_ticket))
        task->place_ticket = 0;
    return task->place_ticket != 0;
}

int64_t checkpointing_place_limit(const struct lane *lane, struct partition *partition,
                                  size_t stream, int64_t done) {
    if (partition == NULL || !partition->has_unsaved_place || stream >= partition->stream_count)
        return done;
    bool has_any = false;
    const bool is_kept =
        partition->order != NULL && lane->options.config->checkpoint_interval_ns != 0;
    for (size_t i = 0; is_kept && i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (!is_place_unsaved(lane, task))
            continue;
        has_any = true;
        const int64_t position = task->position[stream];
        if (task_wants(task, stream) && position != SOURCE_NO_OFFSET && position < done)
            done = position;
    }
    partition->has_unsaved_place = has_any;
    return done;
}

/* ---- checkpoints ---- */

static bool add_position(const struct lane *lane, const struct partition *partition, size_t stream,
                         int64_t offset, struct positions *positions) {
    return positions_add(
        positions, topics_name(lane->options.topics, partition_stream_topic(partition, stream)),
        partition_stream_number(partition, stream), offset);
}

bool checkpointing_positions(const struct lane *lane, const struct partition *partition,
                             const struct task *task, struct positions *positions) {
    for (size_t i = 0; i < partition->stream_count; i++) {
        int64_t next = partition->streams[i].next;
        if (task != NULL && task->position[i] != SOURCE_NO_OFFSET && task->position[i] < next)
            next = task->position[i];
        if (next != SOURCE_NO_OFFSET && !add_position(lane, partition, i, next, positions))
            return false;
    }
    return true;
}

int64_t checkpointing_position(const struct lane *lane, const struct partition *partition,
                               const struct positions *positions, size_t stream) {
    const struct position *position = positions_find(
        positions, topics_name(lane->options.topics, partition_stream_topic(partition, stream)),
        partition_stream_number(partition, stream));
    return position != NULL ? position->next : SOURCE_NO_OFFSET;
}

bool checkpointing_place(const struct lane *lane, const struct task *task,
                         struct checkpoint_part *part) {
    const struct partition *partition = task->partition;
    if (!checkpointing_positions(lane, partition, task, &part->positions))
        return false;
    for (size_t i = 0; i < partition->stream_count; i++) {
        if (task->history_to[i] != SOURCE_NO_OFFSET && task->position[i] < task->history_to[i] &&
            !add_position(lane, partition, i, task->history_to[i], &part->history_to))
            return false;
    }
    return true;
}

static bool add_stored(const struct lane *lane, const struct partition *partition,
                       struct positions *positions) {
    for (size_t i = 0; i < partition->stream_count; i++) {
        const struct offset_tracker *tracker = lane_tracker(lane, partition, i);
        if (tracker != NULL && tracker->stored != SOURCE_NO_OFFSET &&
            !add_position(lane, partition, i, tracker->stored, positions))
            return false;
    }
    return true;
}

/* Whether its current state is in a checkpoint on the disk. */
static bool is_on_disk(const struct lane *lane, const struct partition *partition,
                       uint64_t number) {
    return number != 0 && checkpoint_store_has(lane->options.store, partition->number, number);
}

/* What concerns every checkpoint is logged when it changes. */
static void note_unsaved(struct lane *lane, struct task *task, const char *why) {
    char text[sizeof task->last_error];
    snprintf(text, sizeof text, "its state is not in the checkpoint: %.200s", why);
    lane_note_error(lane, task, text);
    if (!atomic_exchange(&task->is_unsaved, true))
        log_change_event(lane->options.log, LOG_LEVEL_ERROR, "engine", "state.not_saved",
                         "%s on partition %" PRId32 ": %s", task->deployment->name,
                         task->partition->number, text);
}

static void note_saved_again(struct lane *lane, struct task *task) {
    if (atomic_load_explicit(&task->is_unsaved, memory_order_relaxed) &&
        atomic_exchange(&task->is_unsaved, false))
        log_change_event(lane->options.log, LOG_LEVEL_INFO, "engine", "state.saved_again",
                         "%s on partition %" PRId32 ": its state is saved again",
                         task->deployment->name, task->partition->number);
}

/* A strategy that cannot save is left out, and would start without state. False: out of memory. */
static bool save_task(struct lane *lane, struct task *task, struct checkpoint_part *part,
                      struct error *error) {
    const uint64_t mark = task_mark(task);
    part->has_state = task->made_of->description->has_save;
    if (!part->has_state)
        return true;
    if (task->saved_mark == mark && is_on_disk(lane, task->partition, task->saved_number)) {
        part->same_as = task->saved_number;
        return true;
    }
    struct error why = {0};
    const struct state_size size = instance_state_size(task->instance); /* when it was last saved */
    state_reserve(&part->state, &size);
    if (instance_save_unsorted(task->instance, T5_SAVE_CHECKPOINT, &part->state, &why)) {
        task->saved_mark = mark;
        note_saved_again(lane, task);
        return true;
    }
    if (why.code == ERROR_MEMORY) {
        *error = why;
        return false;
    }
    part->has_state = false;
    note_unsaved(lane, task, why.text);
    return true;
}

static bool add_absent(const struct lane *lane, const struct partition *partition,
                       const struct checkpoint_part *absent, struct checkpoint *checkpoint) {
    struct checkpoint_part *part = checkpoint_add_part(checkpoint, absent->deployment);
    if (part == NULL || !positions_add_all(&part->positions, &absent->positions) ||
        !positions_add_all(&part->history_to, &absent->history_to))
        return false;
    part->worked_ms = absent->worked_ms;
    part->has_state = absent->has_state;
    if (!part->has_state)
        return true;
    if (!is_on_disk(lane, partition, absent->same_as))
        return state_copy(&part->state, &absent->state);
    part->same_as = absent->same_as;
    return true;
}

static int compare_parts(const void *a, const void *b) {
    return strcmp(((const struct checkpoint_part *)a)->deployment,
                  ((const struct checkpoint_part *)b)->deployment);
}

/* Where the clock was set back, when the checkpoint was taken does not say where its deployments
 * ran last. */
static void stamp(const struct lane *lane, struct checkpoint *checkpoint) {
    const int64_t stamp_ms = checkpoint_store_stamp_ms(lane->options.store);
    for (size_t i = 0; stamp_ms > checkpoint->taken_ms && i < checkpoint->part_count; i++) {
        if (checkpoint->parts[i].worked_ms == 0)
            checkpoint->parts[i].worked_ms = stamp_ms;
    }
}

static bool fill(struct lane *lane, struct partition *partition, struct checkpoint *checkpoint,
                 struct error *error) {
    checkpoint->partition = partition->number;
    checkpoint->taken_ms = clock_wall_ns() / NS_PER_MS;
    checkpoint->group = strdup(lane->options.config->group_id);
    if (checkpoint->group == NULL ||
        !checkpointing_positions(lane, partition, NULL, &checkpoint->positions))
        return error_set_memory(error, "a checkpoint");
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        /* It has no state yet, or the other worker still has it. */
        if (task_is_cold(task) || task->is_ahead || task->moved_order != NULL)
            continue;
        struct checkpoint_part *part = checkpoint_add_part(checkpoint, task->deployment->name);
        const bool is_behind = atomic_load(&task->suspension) != SUSPENDED_NOT;
        if (part == NULL || (is_behind && !checkpointing_place(lane, task, part)))
            return error_set_memory(error, "a checkpoint");
        if (!save_task(lane, task, part, error))
            return false;
    }
    for (size_t i = 0; i < partition->absent_count; i++) {
        if (!add_absent(lane, partition, &partition->absent[i], checkpoint))
            return error_set_memory(error, "a checkpoint");
    }
    stamp(lane, checkpoint);
    if (checkpoint->part_count > 0)
        qsort(checkpoint->parts, checkpoint->part_count, sizeof *checkpoint->parts, compare_parts);
    return true;
}

/* Whether a task is behind, and will be fed in the order from before the checkpoints; false when
 * that order is so large that nothing more might be noted. */
static bool needs_old_order(const struct partition *partition) {
    bool is_behind = partition->catch_up != NULL;
    for (size_t i = 0; i < partition->task_count; i++)
        is_behind |= atomic_load(&partition->tasks[i]->suspension) != SUSPENDED_NOT;
    return is_behind && partition->order->count < ORDER_MOST_RUNS / 2;
}

/* From now on its tasks' states are in that checkpoint. */
static void note_saved(struct lane *lane, struct partition *partition, uint64_t number,
                       uint64_t ticket) {
    partition->checkpoint_number = number;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        task->saved_number = number;
        if (task->place_ticket == TASK_NOT_PUT)
            task->place_ticket = ticket;
        if (atomic_load(&task->suspension) != SUSPENDED_NOT) {
            task->was_behind = true; /* in that checkpoint */
            task->level_number = 0;
        } else if (task->level_number == 0) {
            task->level_number = number;
        }
    }
    if (partition_newcomers(partition) == NEWCOMERS_LEVEL) {
        partition_admit(partition);
        partition->awaited_ticket = ticket;
    }
    for (size_t i = 0; i < partition->absent_count; i++)
        partition->absent[i].same_as = number;
    if (partition->order == NULL)
        return;
    if (!order_begin_segment(partition->order, number))
        partition->order->is_broken = true;
    const uint64_t oldest = checkpoint_store_oldest(lane->options.store, partition->number);
    if (oldest != 0 && !needs_old_order(partition))
        order_drop_before(partition->order, oldest);
}

static uint64_t put(struct lane *lane, struct partition *partition, struct checkpoint *checkpoint,
                    struct error *error) {
    struct positions stored;
    uint64_t ticket = 0;
    positions_init(&stored);
    checkpoint->number = checkpoint_store_next_number(lane->options.store, partition->number);
    const uint64_t number = checkpoint->number;
    if (number == 0)
        error_set(error, ERROR_SYSTEM, "its directory cannot be read");
    else if (add_stored(lane, partition, &stored))
        ticket = checkpoint_store_put(lane->options.store, checkpoint, &stored);
    if (ticket == 0 && number != 0)
        error_set_memory(error, "a checkpoint");
    else if (ticket != 0)
        note_saved(lane, partition, number, ticket);
    positions_release(&stored);
    return ticket;
}

/* Changes with every record that was handed to any task. */
static uint64_t mark_of(const struct partition *partition) {
    uint64_t mark = 0;
    for (size_t i = 0; i < partition->stream_count; i++)
        mark += (uint64_t)partition->streams[i].next;
    for (size_t i = 0; i < partition->task_count; i++)
        mark += task_mark(partition->tasks[i]);
    return mark;
}

/* Before the first assignment the GLOBAL instances have no position, and no earlier state. */
static bool has_place(const struct checkpoint *checkpoint) {
    return checkpoint->positions.count > 0;
}

/* Whether the signals of newcomers that were admitted without a checkpoint are not committed yet.
 */
static bool awaits_commit(struct partition *partition) {
    if (partition->awaits_commit && transactor_undecided(partition->home->options.transactor) == 0)
        partition->awaits_commit = false;
    return partition->awaits_commit;
}

bool checkpointing_is_above_committed(const struct lane *lane, const struct partition *partition) {
    bool is_above = false;
    for (size_t i = 0; i < partition->stream_count; i++) {
        const struct offset_tracker *tracker = lane_tracker(lane, partition, i);
        is_above |=
            tracker != NULL && tracker->tenure != NULL && tracker->next > tracker->tenure->closed;
    }
    return is_above;
}

/* One that is owed is above what was committed: exactly once, nothing else is committed before it,
 * nor are the signals that wait. */
static bool is_owed_above(const struct partition *partition) {
    const struct lane *lane = partition->home;
    return partition->owes_checkpoint && lane->options.transactor != NULL &&
           checkpointing_is_above_committed(lane, partition);
}

bool checkpointing_can_take(struct partition *partition) {
    return !catch_up_is_held(partition) && !awaits_commit(partition) &&
           (!catch_up_has_unconfirmed(partition) || is_owed_above(partition));
}

/* Whether there is anything that the last one does not have. */
static bool has_news(const struct partition *partition, uint64_t mark) {
    bool has_news = partition->checkpoint_number == 0 || partition->checkpoint_mark != mark;
    for (size_t i = 0; i < partition->task_count; i++)
        has_news |=
            partition->tasks[i]->place_ticket == TASK_NOT_PUT || partition->tasks[i]->is_newcomer;
    return has_news;
}

static uint64_t take(struct lane *lane, struct partition *partition, struct error *error) {
    const uint64_t mark = mark_of(partition);
    struct checkpoint checkpoint;
    uint64_t ticket = 0;
    if (!(has_news(partition, mark) || partition->owes_checkpoint))
        return 0;
    const int64_t began_ns = clock_monotonic_ns();
    checkpoint_init(&checkpoint);
    if (partition->order != NULL) /* the segment ends here */
        (void)checkpointing_journal_now(lane, partition);
    if (fill(lane, partition, &checkpoint, error) && has_place(&checkpoint))
        ticket = put(lane, partition, &checkpoint, error);
    if (ticket != 0) {
        partition->checkpoint_mark = mark;
        if (partition->owes_checkpoint) /* no offset before it is on the disk */
            partition->journal.ticket = partition->awaited_ticket = ticket;
        partition->owes_checkpoint = false;
    }
    checkpoint_release(&checkpoint);
    const int64_t pause_ns = clock_monotonic_ns() - began_ns;
    if (ticket != 0)
        atomic_store_explicit(&lane->pause_ns, pause_ns, memory_order_relaxed);
    if (pause_ns > atomic_load_explicit(&lane->longest_pause_ns, memory_order_relaxed))
        atomic_store_explicit(&lane->longest_pause_ns, pause_ns, memory_order_relaxed);
    counter_add(&lane->checkpoints, ticket != 0);
    return ticket;
}

uint64_t checkpointing_take(struct lane *lane, struct partition *partition, struct error *error) {
    return checkpointing_can_take(partition) ? take(lane, partition, error) : 0;
}

uint64_t checkpointing_take_with(struct lane *lane, struct partition *partition,
                                 struct error *error) {
    return !catch_up_is_held(partition) ? take(lane, partition, error) : 0;
}

/* An owed checkpoint does not wait for its turn. */
static bool is_due(const struct partition *partition, int64_t interval_ns, int64_t coarse_ns) {
    return partition->owes_checkpoint || (interval_ns > 0 && coarse_ns >= partition->checkpoint_ns);
}

void checkpointing_due(struct lane *lane, int64_t coarse_ns) {
    const int64_t interval_ns = lane->options.config->checkpoint_interval_ns;
    if (lane->options.store == NULL)
        return;
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        if (partition == NULL || !is_due(partition, interval_ns, coarse_ns) ||
            partition_newcomers(partition) != NEWCOMERS_NONE || /* see epochs_close() */
            !checkpointing_can_take(partition) || partition->order == NULL)
            continue;
        if (atomic_flag_test_and_set(lane->options.saving))
            return;
        struct error error = {0};
        (void)checkpointing_take(lane, partition, &error);
        atomic_flag_clear(lane->options.saving);
        partition->checkpoint_ns =
            coarse_ns + (partition->checkpoint_ns == 0 ? spread_ns(lane, partition) : interval_ns);
        if (error.code != ERROR_NONE)
            log_change_event(lane->options.log, LOG_LEVEL_ERROR, "engine", "checkpoint.failed",
                             "partition %" PRId32 ": no checkpoint: %s", partition->number,
                             error.text);
        return;
    }
}
