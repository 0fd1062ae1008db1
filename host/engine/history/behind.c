#include "engine/history/behind.h"

#include "base/clock.h"
#include "engine/core/core.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/deviation.h"
#include "engine/lane/lane.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>
#include <stdlib.h>

#define OPEN_MS  5000
#define AGAIN_NS NS_PER_S

/* One partition number's reading, while it is being opened. */
struct opening {
    struct partition *partition;
    const struct task *alone; /* the task that it is for: catch_up_alone() */
    struct history_part *parts;
    int64_t *wanted; /* by part: where it was to begin */
    size_t count;
    struct source_history *history;
    int64_t total; /* number of offsets to read */
    bool did;
};

/* The part of that stream, added with `from` if it is new. */
static struct history_part *part_of(struct opening *opening, size_t stream, int64_t from) {
    const uint32_t topic = partition_stream_topic(opening->partition, stream);
    const int32_t number = partition_stream_number(opening->partition, stream);
    for (size_t i = 0; i < opening->count; i++) {
        if (opening->parts[i].topic == topic && opening->parts[i].partition == number)
            return &opening->parts[i];
    }
    struct history_part *part = &opening->parts[opening->count++];
    *part = (struct history_part){.topic = topic, .partition = number, .from = from};
    return part;
}

static size_t stream_of(const struct partition *partition, const struct history_part *part) {
    return partition_stream(partition, part->topic, part->partition);
}

/* Only a partition that this host has can be fed here. */
static bool is_here(const struct lane *lane, const struct partition *partition, size_t stream) {
    const struct offset_tracker *tracker = lane_tracker(lane, partition, stream);
    return tracker != NULL &&
           (partition->number != PARTITION_GLOBAL || offset_tracker_is_owned(tracker));
}

/* Adds the task's position in each stream that it wants; the lowest of all tasks counts. */
static void add_task(const struct lane *lane, struct opening *opening, struct task *task) {
    const struct partition *partition = opening->partition;
    for (size_t stream = 0; stream < partition->stream_count; stream++) {
        if (!task_wants(task, stream))
            continue;
        if (task->position[stream] == SOURCE_NO_OFFSET)
            task->position[stream] = partition->streams[stream].next;
        const int64_t position = task->position[stream];
        if (position == SOURCE_NO_OFFSET || !is_here(lane, partition, stream))
            continue;
        struct history_part *part = part_of(opening, stream, position);
        if (position < part->from)
            part->from = position;
    }
}

static void collect(struct lane *lane, void *argument) {
    struct opening *opening = argument;
    struct partition *partition = opening->partition;
    atomic_store(&partition->wants_history, false);
    opening->alone = catch_up_alone(partition);
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (catch_up_is_for(opening->alone, task) && !task->needs_warm_up)
            add_task(lane, opening, task);
    }
    for (size_t i = 0; i < opening->count; i++) {
        const int64_t next = partition->streams[stream_of(partition, &opening->parts[i])].next;
        opening->wanted[i] = opening->parts[i].from;
        opening->total += next > opening->parts[i].from ? next - opening->parts[i].from : 0;
    }
    /* The memory that it needs on the lane. */
    const bool is_held = partition_newcomers(partition) != NEWCOMERS_NONE;
    opening->did = opening->count == 0 || catch_up_begin(lane, partition, is_held);
}

/* Notifies the tasks of what the log no longer has. */
static void skip_deleted(struct lane *lane, const struct opening *opening,
                         const struct history_part *part, int64_t wanted) {
    const struct partition *partition = opening->partition;
    const size_t stream = stream_of(partition, part);
    char name[PARTITION_NAME_SIZE];
    if (part->from <= wanted)
        return;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        int64_t *position = &task->position[stream];
        if (!catch_up_is_for(opening->alone, task) || *position == SOURCE_NO_OFFSET ||
            *position >= part->from)
            continue;
        log_change_event(lane->options.log, LOG_LEVEL_WARNING, "engine",
                         "catch_up.messages_deleted",
                         "%s on %s: %s no longer has offsets %" PRId64 " to %" PRId64
                         ": they were deleted before it processed them; it gets a GAP event",
                         task->deployment->name, partition_name(partition, name),
                         topics_name(lane->options.topics, part->topic), *position, part->from - 1);
        deviation_gap(task, stream, *position, part->from);
        *position = part->from;
    }
}

/* ---- tasks that are too far behind ---- */

/* For this task, the messages that it missed are no real ones any more. */
static void give_up(const struct lane *lane, struct task *task) {
    char name[PARTITION_NAME_SIZE];
    const bool has_warm_up = task->deployment->warm_up_ns > 0;
    log_change_event(lane->options.log, LOG_LEVEL_WARNING, "engine", "catch_up.too_far",
                     "%s on %s: %" PRId64 " messages were not handed to it, more than [checkpoint] "
                     "max_catch_up = %" PRId64 ": it gets a GAP event, and %s",
                     task->deployment->name, partition_name(task->partition, name), task->missed,
                     lane->options.config->max_catch_up,
                     has_warm_up ? "is warmed up: no signals of what it missed"
                                 : "continues with the next message");
    task->missed = 0;
    if (!has_warm_up) {
        task_resume(task, false, lane->options.log);
        return;
    }
    task_drop_moved_order(task);
    deviation_besides(task, "a warm-up in place of messages that it missed");
    task->needs_warm_up = task->has_place = true;
    task->warm_up_to_ms = task_time_ms(task);
}

static void judge_missed(struct lane *lane, void *argument) {
    struct partition *partition = argument;
    const int64_t most = lane->options.config->max_catch_up;
    bool is_any = false;
    for (size_t i = 0; most > 0 && i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (atomic_load(&task->suspension) != SUSPENDED_CATCHING_UP || task->is_ahead ||
            task->missed <= most)
            continue;
        give_up(lane, task);
        is_any = true;
    }
    if (is_any)
        catch_up_leave(lane, partition);
}

/* ---- warm-up: where it begins ---- */

/* How long to wait for the first record, whose time is the stream's: there may be none. */
#define FIRST_RECORD_NS NS_PER_S

/* One task's warm-up. */
struct warming {
    struct partition *partition;
    struct task *task; /* NULL: no longer needed */
    struct history_part *parts;
    size_t count;
    bool is_waiting; /* for the stream's first record */
};

static void find_cold(struct lane *lane, void *argument) {
    struct warming *warming = argument;
    struct partition *partition = warming->partition;
    (void)lane;
    for (size_t i = 0; warming->task == NULL && i < partition->task_count; i++) {
        if (partition->tasks[i]->needs_warm_up)
            warming->task = partition->tasks[i];
    }
    if (warming->task == NULL)
        return;
    if (partition->cold_ns == 0)
        partition->cold_ns = clock_monotonic_ns();
    int64_t to_ms = warming->task->warm_up_to_ms;
    if (to_ms == RECORD_NO_TIME)
        to_ms = partition->first_ms;
    warming->is_waiting =
        to_ms == RECORD_NO_TIME && clock_monotonic_ns() - partition->cold_ns < FIRST_RECORD_NS;
    if (to_ms == RECORD_NO_TIME)
        to_ms = clock_wall_ns() / NS_PER_MS;
    const int64_t from_ms = to_ms - warming->task->deployment->warm_up_ns / NS_PER_MS;
    for (size_t stream = 0; stream < partition->stream_count; stream++) {
        if (task_wants(warming->task, stream) && is_here(lane, partition, stream) &&
            warming->task->position[stream] != SOURCE_NO_OFFSET)
            warming->parts[warming->count++] = (struct history_part){
                .topic = partition_stream_topic(partition, stream),
                .partition = partition_stream_number(partition, stream),
                .from = SOURCE_NO_OFFSET,
                .from_ms = from_ms > 0 ? from_ms : 0,
            };
    }
}

/* For a task that was too far behind: what it has not been fed by now is history, from there on. */
static void place_behind(struct task *task, size_t stream, int64_t from) {
    const int64_t next = task->partition->streams[stream].next;
    const int64_t begin = from < next ? from : next;
    if (begin > task->position[stream]) {
        deviation_gap(task, stream, task->position[stream], begin);
        task->position[stream] = begin;
    }
    if (next > task->history_to[stream])
        task->history_to[stream] = next;
}

static void place_cold(struct lane *lane, void *argument) {
    struct warming *warming = argument;
    struct task *task = warming->task;
    (void)lane;
    for (size_t i = 0; i < warming->count; i++) {
        const size_t stream = stream_of(warming->partition, &warming->parts[i]);
        const int64_t from = warming->parts[i].from;
        if (task->has_place)
            place_behind(task, stream, from);
        else if (from < task->position[stream])
            task->position[stream] = from;
    }
    task->needs_warm_up = task->has_place = false;
    warming->partition->cold_ns = 0;
}

/* Finds out where one of them begins. `*is_done`: it is no longer needed. */
static bool warm_one(struct engine *engine, struct warming *warming, bool *is_done,
                     struct error *error) {
    struct source *source = engine->options.source;
    const int64_t timeout_ns = engine->config->revoke_timeout_ns;
    if (!lane_call(warming->partition->home, find_cold, warming, timeout_ns, error))
        return false;
    *is_done = warming->task == NULL;
    if (*is_done || warming->is_waiting)
        return true;
    if (warming->count > 0) {
        struct source_history *history =
            source->ops->history->open(source, warming->partition->home->options.index,
                                       warming->parts, warming->count, OPEN_MS, error);
        if (history == NULL)
            return false;
        source->ops->history->close(history);
    }
    return lane_call(warming->partition->home, place_cold, warming, timeout_ns, error);
}

/* True: where they begin is known for all, or will be soon (`*is_waiting`). */
static bool warm_all(struct engine *engine, struct partition *partition, bool *is_waiting,
                     struct error *error) {
    bool did = true;
    *is_waiting = false;
    for (bool is_done = false; did && !is_done && !*is_waiting;) {
        struct warming warming = {.partition = partition};
        warming.parts = calloc(partition->stream_count + 1, sizeof *warming.parts);
        did = (warming.parts != NULL || error_set_memory(error, "a warm-up")) &&
              warm_one(engine, &warming, &is_done, error);
        *is_waiting = warming.is_waiting;
        free(warming.parts);
    }
    return did;
}

/* ---- the reading ---- */

static void begin(struct lane *lane, void *argument) {
    struct opening *opening = argument;
    for (size_t i = 0; i < opening->count; i++)
        skip_deleted(lane, opening, &opening->parts[i], opening->wanted[i]);
    catch_up_read(lane, opening->partition, opening->history, opening->parts, opening->count);
    opening->did = true;
}

static bool call(struct engine *engine, struct opening *opening,
                 void (*run)(struct lane *lane, void *argument), struct error *error) {
    opening->did = false;
    return lane_call(opening->partition->home, run, opening, engine->config->revoke_timeout_ns,
                     error);
}

/* Catch-ups that began during one pass over all partitions: they have one cause, and one log
 * line. */
struct begun {
    size_t count;
    const struct partition *partition; /* the last of them */
    int64_t messages;
};

static void log_begun(const struct engine *engine, const struct begun *begun) {
    char which[PARTITION_NAME_SIZE];
    if (begun->count == 0)
        return;
    if (begun->count > 1)
        snprintf(which, sizeof which, "%zu partitions", begun->count);
    log_change_event(engine->log, LOG_LEVEL_INFO, "engine", "catch_up.begun",
                     "%s: catch-up begun, with %" PRId64 " messages to process",
                     begun->count > 1 ? which : partition_name(begun->partition, which),
                     begun->messages);
}

static bool open_history(struct engine *engine, struct opening *opening, struct begun *begun,
                         struct error *error) {
    struct source *source = engine->options.source;
    struct partition *partition = opening->partition;
    opening->history = source->ops->history->open(source, partition->home->options.index,
                                                  opening->parts, opening->count, OPEN_MS, error);
    if (opening->history == NULL)
        return false;
    if (!call(engine, opening, begin, error)) {
        source->ops->history->close(opening->history);
        return false;
    }
    begun->partition = partition;
    begun->count++;
    begun->messages += opening->total;
    return true;
}

static bool open_for(struct engine *engine, struct partition *partition, struct begun *begun,
                     struct error *error) {
    struct opening opening = {.partition = partition};
    opening.parts = calloc(partition->stream_count + 1, sizeof *opening.parts);
    opening.wanted = calloc(partition->stream_count + 1, sizeof *opening.wanted);
    bool did = opening.parts != NULL && opening.wanted != NULL;
    if (!did)
        error_set_memory(error, "a catch-up");
    did = did && call(engine, &opening, collect, error);
    if (did && !opening.did)
        did = error_set_memory(error, "a catch-up");
    if (did && opening.count > 0)
        did = open_history(engine, &opening, begun, error);
    free(opening.parts);
    free(opening.wanted);
    return did;
}

/* ---- the end ---- */

struct ending {
    struct partition *partition;
    struct catch_up *catch_up;
};

/* A task with a moved order is fed next. */
static void end_on_lane(struct lane *lane, void *argument) {
    struct ending *ending = argument;
    struct partition *partition = ending->partition;
    (void)lane;
    if (partition->catch_up == NULL || !atomic_load(&partition->catch_up->is_over) ||
        atomic_load(&partition->wants_history))
        return;
    ending->catch_up = catch_up_end(partition);
    catch_up_leave_unconfirmed(ending->catch_up, partition);
    atomic_store(&partition->wants_history, catch_up_alone(partition) != NULL);
}

static void end_when_over(struct engine *engine, struct partition *partition) {
    struct ending ending = {.partition = partition};
    struct error error;
    if (lane_call(partition->home, end_on_lane, &ending, engine->config->revoke_timeout_ns, &error))
        catch_up_free(ending.catch_up, &engine->orphans);
}

void behind_end(struct engine *engine, struct partition *partition) {
    catch_up_free(catch_up_end(partition), &engine->orphans);
}

/* ---- in turn ---- */

struct taking {
    struct partition *partition;
    struct source_history *history;
};

static void take_reading(struct lane *lane, void *argument) {
    struct taking *taking = argument;
    (void)lane;
    taking->history = catch_up_take_reading(taking->partition);
}

/* A partition has one reading at a time: the previous one is closed. */
static bool close_former(struct engine *engine, struct partition *partition, struct error *error) {
    struct taking taking = {.partition = partition};
    if (!lane_call(partition->home, take_reading, &taking, engine->config->revoke_timeout_ns,
                   error))
        return false;
    engine->options.source->ops->history->close(taking.history);
    return true;
}

/* Opening it will be tried again later. */
static void note_unreadable(struct engine *engine, struct partition *partition,
                            const struct error *error) {
    char name[PARTITION_NAME_SIZE];
    partition->history_ns = clock_monotonic_ns() + AGAIN_NS;
    atomic_store(&partition->wants_history, true);
    log_change_event(engine->log, LOG_LEVEL_WARNING, "engine", "catch_up.unreadable",
                     "%s: cannot read the messages to catch up with, retrying: %s",
                     partition_name(partition, name), error->text);
}

static void open_when_due(struct engine *engine, struct partition *partition, struct begun *begun) {
    struct error error = {0};
    bool is_waiting = false;
    if (clock_monotonic_ns() < partition->history_ns)
        return;
    if (close_former(engine, partition, &error) &&
        lane_call(partition->home, judge_missed, partition, engine->config->revoke_timeout_ns,
                  &error) &&
        warm_all(engine, partition, &is_waiting, &error) && !is_waiting &&
        open_for(engine, partition, begun, &error)) {
        partition->history_ns = 0;
        return;
    }
    if (is_waiting)
        return;
    note_unreadable(engine, partition, &error);
}

/* A partition of a topic is read by one reading at a time: the GLOBAL deployments, which need all
 * of them, wait for those of the partition numbers, and these for theirs. */
static bool is_read_elsewhere(const struct engine *engine, const struct partition *partition) {
    lock_only_writer(status_lock);
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct partition *other = engine->partitions[i];
        const bool is_in_the_way =
            other != partition && !partition_is_parked(other) &&
            (other->number == PARTITION_GLOBAL || partition->number == PARTITION_GLOBAL);
        if (is_in_the_way && other->catch_up != NULL &&
            (other->number != PARTITION_GLOBAL || other->catch_up->history != NULL))
            return true;
    }
    return false;
}

void behind_poll(struct engine *engine) {
    lock_only_writer(status_lock);
    struct begun begun = {0};
    if (engine->options.source->ops->history == NULL || atomic_load(&engine->is_stopping))
        return;
    for (size_t i = 0; i < engine->partition_count; i++) {
        struct partition *partition = engine->partitions[i];
        if (partition_is_parked(partition))
            continue;
        struct catch_up *catch_up = partition->catch_up;
        if (catch_up != NULL && atomic_load(&catch_up->has_failed) &&
            !atomic_load(&partition->wants_history))
            note_unreadable(engine, partition, &catch_up->error);
        if (atomic_load(&partition->wants_history)) {
            if (!is_read_elsewhere(engine, partition))
                open_when_due(engine, partition, &begun);
        } else if (catch_up != NULL && atomic_load(&catch_up->is_over))
            end_when_over(engine, partition);
    }
    log_begun(engine, &begun);
}
