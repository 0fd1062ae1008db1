#include "engine/history/behind.h"

#include "base/clock.h"
#include "engine/core/core.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/lane.h"
#include "engine/lane/suspension.h"

#include <inttypes.h>
#include <stdlib.h>

#define OPEN_MS  5000
#define AGAIN_NS NS_PER_S

/* One partition number's reading, on its way. */
struct opening {
    struct partition *partition;
    struct history_part *parts;
    int64_t *wanted; /* by part: where it was to begin */
    size_t count;
    struct source_history *history;
    int64_t total; /* offsets to go */
    bool is_too_far, did;
};

/* A task's position, and the lowest of all, in each topic that it wants. */
static void add_task(struct opening *opening, struct task *task) {
    for (size_t topic = 0; topic < opening->partition->topic_count; topic++) {
        if (task->deployment->topics[topic] == NOT_WANTED)
            continue;
        if (task->position[topic] == SOURCE_NO_OFFSET)
            task->position[topic] = opening->partition->topics[topic].next;
        const int64_t position = task->position[topic];
        if (position == SOURCE_NO_OFFSET)
            continue;
        size_t at = 0;
        while (at < opening->count && opening->parts[at].topic != topic)
            at++;
        if (at == opening->count)
            opening->parts[opening->count++] = (struct history_part){
                .topic = (uint32_t)topic,
                .partition = opening->partition->number,
                .from = position,
            };
        else if (position < opening->parts[at].from)
            opening->parts[at].from = position;
    }
}

static void collect(struct lane *lane, void *argument) {
    struct opening *opening = argument;
    struct partition *partition = opening->partition;
    atomic_store(&partition->wants_history, false);
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (atomic_load(&task->suspension) == SUSPENDED_CATCHING_UP && !task->needs_warm_up)
            add_task(opening, task);
    }
    for (size_t i = 0; i < opening->count; i++) {
        const int64_t next = partition->topics[opening->parts[i].topic].next;
        opening->wanted[i] = opening->parts[i].from;
        opening->total += next > opening->parts[i].from ? next - opening->parts[i].from : 0;
    }
    const int64_t most = lane->options.config->max_catch_up;
    opening->is_too_far = most > 0 && opening->total > most;
    /* The memory that it needs on the lane. */
    opening->did = opening->count == 0 || catch_up_begin(lane, partition, false);
}

/* Nobody is fed: they are told what they missed. */
static void give_up(struct lane *lane, void *argument) {
    struct opening *opening = argument;
    struct partition *partition = opening->partition;
    for (size_t i = 0; i < partition->task_count; i++) {
        if (atomic_load(&partition->tasks[i]->suspension) == SUSPENDED_CATCHING_UP)
            task_resume(partition->tasks[i], false, lane->options.log);
    }
    if (partition->catch_up != NULL)
        atomic_store(&partition->catch_up->is_over, true);
}

/* What the log no longer has they are told of. */
static void skip_deleted(struct lane *lane, const struct opening *opening,
                         const struct history_part *part, int64_t wanted) {
    const struct partition *partition = opening->partition;
    if (part->from <= wanted)
        return;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        int64_t *position = &task->position[part->topic];
        if (atomic_load(&task->suspension) != SUSPENDED_CATCHING_UP ||
            *position == SOURCE_NO_OFFSET || *position >= part->from)
            continue;
        log_change_event(
            lane->options.log, LOG_LEVEL_WARNING, "engine", "catch_up.messages_deleted",
            "%s on partition %" PRId32 ": %s no longer has offsets %" PRId64 " to %" PRId64
            ": they were deleted before it processed them; it is told of the gap",
            task->deployment->name, partition->number,
            topics_name(lane->options.topics, part->topic), *position, part->from - 1);
        task_tell_gap(task, part->topic, *position, part->from);
        *position = part->from;
    }
}

/* ---- warm-up: where it begins ---- */

/* How long the first record is waited for, whose time is the stream's: there may be none. */
#define FIRST_RECORD_NS NS_PER_S

/* One task's. */
struct warming {
    struct partition *partition;
    struct task *task; /* NULL: nobody needs it */
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
    for (size_t topic = 0; topic < partition->topic_count; topic++) {
        if (warming->task->deployment->topics[topic] != NOT_WANTED &&
            warming->task->position[topic] != SOURCE_NO_OFFSET)
            warming->parts[warming->count++] = (struct history_part){
                .topic = (uint32_t)topic,
                .partition = partition->number,
                .from = SOURCE_NO_OFFSET,
                .from_ms = from_ms > 0 ? from_ms : 0,
            };
    }
}

static void place_cold(struct lane *lane, void *argument) {
    struct warming *warming = argument;
    (void)lane;
    for (size_t i = 0; i < warming->count; i++) {
        int64_t *position = &warming->task->position[warming->parts[i].topic];
        if (warming->parts[i].from < *position)
            *position = warming->parts[i].from;
    }
    warming->task->needs_warm_up = false;
    warming->partition->cold_ns = 0;
}

/* Finds out where one of them begins. `*is_done`: nobody needs it any more. */
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

/* True: where they begin is known of all, or will be in a moment (`*is_waiting`). */
static bool warm_all(struct engine *engine, struct partition *partition, bool *is_waiting,
                     struct error *error) {
    bool did = true;
    *is_waiting = false;
    for (bool is_done = false; did && !is_done && !*is_waiting;) {
        struct warming warming = {.partition = partition};
        warming.parts = calloc(partition->topic_count + 1, sizeof *warming.parts);
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

/* Catch-ups that began during one look at all partitions: they have one cause, and one line. */
struct begun {
    size_t count;
    int32_t partition; /* the last of them */
    int64_t messages;
};

static void say_begun(const struct engine *engine, const struct begun *begun) {
    char which[32];
    if (begun->count == 0)
        return;
    if (begun->count == 1)
        snprintf(which, sizeof which, "partition %" PRId32, begun->partition);
    else
        snprintf(which, sizeof which, "%zu partitions", begun->count);
    log_change_event(engine->log, LOG_LEVEL_INFO, "engine", "catch_up.begun",
                     "%s: catch-up begun, with %" PRId64 " messages to process", which,
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
    begun->partition = partition->number;
    begun->count++;
    begun->messages += opening->total;
    return true;
}

static bool open_for(struct engine *engine, struct partition *partition, struct begun *begun,
                     struct error *error) {
    struct opening opening = {.partition = partition};
    opening.parts = calloc(partition->topic_count + 1, sizeof *opening.parts);
    opening.wanted = calloc(partition->topic_count + 1, sizeof *opening.wanted);
    bool did = opening.parts != NULL && opening.wanted != NULL;
    if (!did)
        error_set_memory(error, "a catch-up");
    did = did && call(engine, &opening, collect, error);
    if (did && !opening.did)
        did = error_set_memory(error, "a catch-up");
    if (did && opening.is_too_far) {
        log_change_event(engine->log, LOG_LEVEL_WARNING, "engine", "catch_up.too_far",
                         "partition %" PRId32
                         ": strategies that are behind are told of a gap: %" PRId64
                         " messages are more than [checkpoint] max_catch_up = %" PRId64,
                         partition->number, opening.total, engine->config->max_catch_up);
        did = call(engine, &opening, give_up, error);
    } else if (did && opening.count > 0) {
        did = open_history(engine, &opening, begun, error);
    }
    free(opening.parts);
    free(opening.wanted);
    return did;
}

/* ---- the end ---- */

struct ending {
    struct partition *partition;
    struct catch_up *catch_up;
};

static void end_on_lane(struct lane *lane, void *argument) {
    struct ending *ending = argument;
    const struct partition *partition = ending->partition;
    (void)lane;
    if (partition->catch_up != NULL && atomic_load(&partition->catch_up->is_over) &&
        !atomic_load(&partition->wants_history))
        ending->catch_up = catch_up_end(ending->partition);
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

/* A partition is read by one reading at a time: the one before ends. */
static bool close_former(struct engine *engine, struct partition *partition, struct error *error) {
    struct taking taking = {.partition = partition};
    if (!lane_call(partition->home, take_reading, &taking, engine->config->revoke_timeout_ns,
                   error))
        return false;
    engine->options.source->ops->history->close(taking.history);
    return true;
}

/* It is opened again in a while. */
static void note_unreadable(struct engine *engine, struct partition *partition,
                            const struct error *error) {
    partition->history_ns = clock_monotonic_ns() + AGAIN_NS;
    atomic_store(&partition->wants_history, true);
    log_change_event(engine->log, LOG_LEVEL_WARNING, "engine", "catch_up.unreadable",
                     "partition %" PRId32
                     ": cannot read the messages to catch up with, retrying: %s",
                     partition->number, error->text);
}

static void open_when_due(struct engine *engine, struct partition *partition, struct begun *begun) {
    struct error error = {0};
    bool is_waiting = false;
    if (clock_monotonic_ns() < partition->history_ns)
        return;
    if (close_former(engine, partition, &error) &&
        warm_all(engine, partition, &is_waiting, &error) && !is_waiting &&
        open_for(engine, partition, begun, &error)) {
        partition->history_ns = 0;
        return;
    }
    if (is_waiting)
        return;
    note_unreadable(engine, partition, &error);
}

void behind_poll(struct engine *engine) {
    lock_only_writer(status_lock);
    struct begun begun = {0};
    if (engine->options.source->ops->history == NULL || atomic_load(&engine->is_stopping))
        return;
    for (size_t i = 0; i < engine->partition_count; i++) {
        struct partition *partition = engine->partitions[i];
        if (partition->lane == NULL)
            continue;
        struct catch_up *catch_up = partition->catch_up;
        if (catch_up != NULL && atomic_load(&catch_up->has_failed) &&
            !atomic_load(&partition->wants_history))
            note_unreadable(engine, partition, &catch_up->error);
        if (atomic_load(&partition->wants_history))
            open_when_due(engine, partition, &begun);
        else if (catch_up != NULL && atomic_load(&catch_up->is_over))
            end_when_over(engine, partition);
    }
    say_begun(engine, &begun);
}
