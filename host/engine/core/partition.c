#include "engine/core/partition.h"

#include "base/array.h"
#include "base/sync/counter.h"
#include "source/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *suspension_name(enum suspension suspension) {
    switch (suspension) {
    case SUSPENDED_NOT:
        return "running";
    case SUSPENDED_ERRORS:
        return "errors";
    case SUSPENDED_REJECTS:
        return "rejects";
    case SUSPENDED_OPERATOR:
        return "operator";
    case SUSPENDED_PARTIAL:
        return "partitions on another host";
    case SUSPENDED_SLOW:
        return "too slow";
    case SUSPENDED_CATCHING_UP:
        return "catching up";
    }
    return "unknown";
}

struct partition *partition_new(int32_t number, struct deployment_set *deployment_set,
                                size_t topic_count, uint32_t max_symbols) {
    struct partition *partition = calloc(1, sizeof *partition);
    if (partition == NULL)
        return NULL;
    partition->first_ms = RECORD_NO_TIME;
    partition->number = number;
    partition->topic_count = topic_count;
    partition->deployment_set = deployment_set_retain(deployment_set);
    partition->symbols = symbols_new(max_symbols);
    partition->topics = calloc(topic_count + 1, sizeof *partition->topics);
    partition->tasks = calloc(deployment_set->count + 1, sizeof *partition->tasks);
    if (partition->symbols == NULL || partition->topics == NULL || partition->tasks == NULL) {
        partition_free(partition);
        return NULL;
    }
    for (size_t i = 0; i < topic_count; i++)
        offset_tracker_init(&partition->topics[i]);
    offset_tracker_init(&partition->late);
    if (number != PARTITION_GLOBAL) {
        partition->streams = partition->topics;
        partition->stream_count = topic_count;
    }
    return partition;
}

const char *partition_name(const struct partition *partition, char text[PARTITION_NAME_SIZE]) {
    if (partition->number == PARTITION_GLOBAL)
        return "the GLOBAL deployments";
    snprintf(text, PARTITION_NAME_SIZE, "partition %" PRId32, partition->number);
    return text;
}

/* ---- streams ---- */

static bool grow_offsets(int64_t **offsets, size_t from, size_t to, int64_t value) {
    if (!ARRAY_RESIZE(*offsets, to + 1))
        return false;
    for (size_t i = from; i < to; i++)
        (*offsets)[i] = value;
    return true;
}

static bool grow_tasks(struct partition *partition, size_t from, size_t to) {
    bool did = true;
    for (size_t i = 0; did && i < partition->task_count; i++)
        did = grow_offsets(&partition->tasks[i]->position, from, to, SOURCE_NO_OFFSET) &&
              grow_offsets(&partition->tasks[i]->history_to, from, to, SOURCE_NO_OFFSET);
    return did;
}

static bool grow_journal(struct partition *partition, size_t from, size_t to) {
    struct partition_journal *journal = &partition->journal;
    return partition->order == NULL ||
           (grow_offsets(&journal->appended, from, to, SOURCE_NO_OFFSET) &&
            grow_offsets(&journal->noted_to, from, to, 0) &&
            grow_offsets(&journal->written, from, to, SOURCE_NO_OFFSET));
}

bool partition_add_streams(struct partition *partition, int32_t number) {
    const size_t from = partition->stream_count;
    const size_t to = ((size_t)number + 1) * partition->topic_count;
    if (to <= from)
        return true;
    if (!ARRAY_RESIZE(partition->streams, to + 1) || !grow_tasks(partition, from, to) ||
        !grow_journal(partition, from, to))
        return false;
    for (size_t i = from; i < to; i++)
        offset_tracker_init(&partition->streams[i]);
    partition->stream_count = to;
    return true;
}

static void free_refusal(struct refusal *refusal) {
    free(refusal->deployment);
    free(refusal->why);
}

REQUIRES(status_lock)
static void forget_refusal(struct partition *partition, const char *deployment) {
    size_t kept = 0;
    for (size_t i = 0; i < partition->refusal_count; i++) {
        if (strcmp(partition->refusals[i].deployment, deployment) == 0)
            free_refusal(&partition->refusals[i]);
        else
            partition->refusals[kept++] = partition->refusals[i];
    }
    partition->refusal_count = kept;
}

void partition_note_refusal(struct partition *partition, const char *deployment, const char *why) {
    forget_refusal(partition, deployment);
    if (why == NULL)
        return;
    struct refusal refusal = {strdup(deployment), strdup(why)};
    if (refusal.deployment == NULL || refusal.why == NULL ||
        !ARRAY_RESIZE(partition->refusals, partition->refusal_count + 1))
        free_refusal(&refusal);
    else
        partition->refusals[partition->refusal_count++] = refusal;
}

bool partition_reserve_absent(struct partition *partition) {
    const size_t room = partition->absent_count + partition->absent_reserved + 1;
    if (!ARRAY_RESIZE(partition->absent, room))
        return false;
    partition->absent_reserved++;
    return true;
}

bool partition_keep_absent(struct partition *partition, struct checkpoint_part *part) {
    partition_forget_absent(partition, part->deployment);
    if (partition->absent_reserved > 0)
        partition->absent_reserved--;
    else if (!ARRAY_RESIZE(partition->absent, partition->absent_count + 1))
        return false;
    partition->absent[partition->absent_count++] = *part;
    memset(part, 0, sizeof *part);
    state_init(&part->state);
    return true;
}

struct checkpoint_part *partition_absent(const struct partition *partition,
                                         const char *deployment) {
    for (size_t i = 0; i < partition->absent_count; i++) {
        if (strcmp(partition->absent[i].deployment, deployment) == 0)
            return &partition->absent[i];
    }
    return NULL;
}

void partition_forget_absent(struct partition *partition, const char *deployment) {
    struct checkpoint_part *part = partition_absent(partition, deployment);
    if (part == NULL)
        return;
    checkpoint_part_release(part);
    *part = partition->absent[--partition->absent_count];
}

const char *partition_refusal(const struct partition *partition, const char *deployment) {
    for (size_t i = 0; i < partition->refusal_count; i++) {
        if (strcmp(partition->refusals[i].deployment, deployment) == 0)
            return partition->refusals[i].why;
    }
    return NULL;
}

void partition_free(struct partition *partition) {
    if (partition == NULL)
        return;
    lock_alone(status_lock);
    partition_forget_routes(partition);
    for (size_t i = 0; i < partition->task_count; i++)
        task_free(partition->tasks[i]);
    free(partition->tasks);
    for (size_t i = 0; i < partition->refusal_count; i++)
        free_refusal(&partition->refusals[i]);
    free(partition->refusals);
    for (size_t i = 0; i < partition->absent_count; i++)
        checkpoint_part_release(&partition->absent[i]);
    free(partition->absent);
    for (size_t i = 0; partition->topics != NULL && i < partition->topic_count; i++)
        offset_tracker_release(&partition->topics[i]);
    offset_tracker_release(&partition->late);
    if (partition->streams != partition->topics)
        free(partition->streams); /* nothing is in flight there */
    free(partition->topics);
    symbols_free(partition->symbols);
    order_tail_free(partition->journal.tail);
    order_free(partition->order);
    free(partition->journal.appended);
    free(partition->journal.noted_to);
    free(partition->journal.written);
    deployment_set_release(partition->deployment_set);
    free(partition);
}

size_t partition_count_states(const struct partition *partition) {
    size_t count = 0;
    for (size_t i = 0; i < partition->task_count; i++)
        count += partition->tasks[i]->made_of->description->has_save &&
                 task_mark(partition->tasks[i]) > 0;
    return count;
}

struct task *task_new(struct partition *partition, struct deployment *deployment) {
    struct task *task = calloc(1, sizeof *task);
    if (task == NULL)
        return NULL;
    task->position = calloc(partition->stream_count + 1, sizeof *task->position);
    task->history_to = calloc(partition->stream_count + 1, sizeof *task->history_to);
    if (deployment->shadow_of != NULL)
        task->shadow = shadow_new();
    if (task->position == NULL || task->history_to == NULL ||
        (deployment->shadow_of != NULL && task->shadow == NULL)) {
        shadow_free(task->shadow);
        free(task->position);
        free(task->history_to);
        free(task);
        return NULL;
    }
    task->partition = partition;
    task->missed = MISSED_NOT_COUNTED;
    task_forget_positions(task);
    task->deployment = deployment_retain(deployment);
    task->made_of = deployment_retain(deployment);
    task->origin = "fresh";
    task->cause = (struct cause){.topic = NOT_WANTED, .partition = partition->number, .offset = -1};
    return task;
}

void task_free(struct task *task) {
    if (task == NULL)
        return;
    if (task->instance != NULL)
        instance_destroy(task->instance);
    deployment_release(task->deployment);
    deployment_release(task->made_of);
    shadow_free(task->shadow);
    task_drop_moved_order(task);
    free(task->position);
    free(task->history_to);
    free(task);
}

void partition_link_shadows(struct partition *partition) {
    for (size_t i = 0; i < partition->task_count; i++)
        partition->tasks[i]->shadows = NULL;
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        struct shadow *shadow = task->shadow;
        if (shadow == NULL)
            continue;
        shadow->task = task;
        shadow->original = partition_task(partition, task->deployment->shadow_of);
        if (shadow->original == NULL)
            continue;
        shadow->next = shadow->original->shadows;
        shadow->original->shadows = shadow;
    }
}

void partition_compare(struct partition *partition) {
    partition->is_comparing = false;
    for (size_t i = 0; i < partition->task_count; i++)
        if (partition->tasks[i]->shadow != NULL)
            shadow_compare(partition->tasks[i]->shadow);
}

static void notify(struct task *task, enum t5_event_kind kind, uint32_t topic, int64_t from,
                   int64_t to) {
    const t5_event event = {.size = sizeof event,
                            .kind = (uint32_t)kind,
                            .topic = topic,
                            .symbol_id = T5_NO_SYMBOL,
                            .from_offset = from,
                            .to_offset = to};
    instance_event(task->instance, &event);
}

void task_notify(struct task *task, enum t5_event_kind kind) {
    notify(task, kind, UINT32_MAX, -1, -1);
}

void task_notify_gap(struct task *task, size_t stream, int64_t from, int64_t to) {
    const bool is_global = task->partition->number == PARTITION_GLOBAL;
    const uint32_t topic = partition_stream_topic(task->partition, stream);
    if (task->deployment->topics[topic] != NOT_WANTED)
        notify(task, T5_EVENT_GAP, task->deployment->topics[topic],
               is_global || from == SOURCE_NO_OFFSET ? -1 : from,
               is_global || to == SOURCE_NO_OFFSET ? -1 : to);
}

void task_notify_extent(struct task *task, uint32_t missing, bool is_forced) {
    const bool is_partial = missing != NOT_WANTED;
    if (!is_forced && is_partial == task->was_notified_partial)
        return;
    task->was_notified_partial = is_partial;
    notify(task, is_partial ? T5_EVENT_PARTIAL : T5_EVENT_ASSIGNED, missing, -1, -1);
}

uint64_t task_mark(const struct task *task) {
    struct instance_counts *counts = instance_counts(task->instance);
    return counter_read(&counts->messages) + counter_read(&counts->timers_fired) +
           counter_read(&counts->events);
}

void task_forget_positions(struct task *task) {
    for (size_t i = 0; i < task->partition->stream_count; i++)
        task->position[i] = task->history_to[i] = SOURCE_NO_OFFSET;
    task->is_ahead = false;
    task_drop_moved_order(task);
}

/* ---- newcomers ---- */

static bool is_newcomer(const struct task *task, int *suspension) {
    *suspension = atomic_load(&task->suspension);
    return task->is_newcomer && !task->is_ahead &&
           (*suspension == SUSPENDED_NOT || *suspension == SUSPENDED_CATCHING_UP);
}

enum newcomers partition_newcomers(const struct partition *partition) {
    enum newcomers newcomers = NEWCOMERS_NONE;
    int suspension;
    for (size_t i = 0; i < partition->task_count; i++) {
        if (!is_newcomer(partition->tasks[i], &suspension))
            continue;
        if (suspension == SUSPENDED_CATCHING_UP)
            return NEWCOMERS_BEHIND;
        newcomers = NEWCOMERS_LEVEL;
    }
    return newcomers;
}

void partition_admit(struct partition *partition) {
    int suspension;
    for (size_t i = 0; i < partition->task_count; i++) {
        if (is_newcomer(partition->tasks[i], &suspension))
            partition->tasks[i]->is_newcomer = false;
    }
}

int64_t task_time_ms(const struct task *task) {
    const struct partition *partition = task->partition;
    int64_t least = RECORD_NO_TIME;
    for (size_t i = 0; i < partition->stream_count; i++) {
        const struct offset_tracker *stream = &partition->streams[i];
        if (task_wants(task, i) && offset_tracker_is_owned(stream) &&
            stream->time_ms != RECORD_NO_TIME &&
            (least == RECORD_NO_TIME || stream->time_ms < least))
            least = stream->time_ms;
    }
    return least;
}

void task_take_place(struct task *task, const struct task *from) {
    const size_t size = task->partition->stream_count * sizeof *task->position;
    memcpy(task->position, from->position, size);
    memcpy(task->history_to, from->history_to, size);
    task->needs_warm_up = from->needs_warm_up;
    task->has_place = from->has_place;
    task->warm_up_to_ms = from->warm_up_to_ms;
    task->missed = from->missed;
    task->was_behind = from->was_behind;
    task->is_ahead = from->is_ahead;
    task->is_newcomer = from->is_newcomer;
}

bool task_is_ahead(const struct task *task, size_t stream, int64_t next) {
    const struct partition *partition = task->partition;
    for (size_t i = 0; task->is_ahead && i < partition->stream_count; i++) {
        const int64_t its_next = i == stream ? next : partition->streams[i].next;
        if (task_wants(task, i) && its_next != SOURCE_NO_OFFSET &&
            task->position[i] != SOURCE_NO_OFFSET &&
            (task->position[i] > its_next || task->history_to[i] > its_next))
            return true;
    }
    return false;
}

void task_drop_moved_order(struct task *task) {
    order_free(task->moved_order);
    task->moved_order = NULL;
}

bool task_is_behind(const struct task *task) {
    for (size_t i = 0; i < task->partition->stream_count; i++) {
        if (task_wants(task, i) && task->position[i] != SOURCE_NO_OFFSET &&
            task->position[i] < task->partition->streams[i].next)
            return true;
    }
    return false;
}

void task_count_behind(struct task *task) {
    uint64_t behind = 0;
    for (size_t i = 0; i < task->partition->stream_count; i++) {
        const int64_t next = task->partition->streams[i].next;
        if (task_wants(task, i) && task->position[i] != SOURCE_NO_OFFSET &&
            task->position[i] < next)
            behind += (uint64_t)(next - task->position[i]);
    }
    atomic_store_explicit(&task->behind, behind, memory_order_relaxed);
}

void task_count_missed(struct task *task) {
    if (task->missed != MISSED_NOT_COUNTED)
        return;
    task->missed = 0;
    for (size_t i = 0; i < task->partition->stream_count; i++) {
        const int64_t next = task->partition->streams[i].next;
        const int64_t from =
            task->position[i] > task->history_to[i] ? task->position[i] : task->history_to[i];
        if (task_wants(task, i) && task->position[i] != SOURCE_NO_OFFSET && from < next)
            task->missed += next - from;
    }
}

struct task *partition_task(const struct partition *partition, const char *deployment) {
    for (size_t i = 0; i < partition->task_count; i++) {
        if (strcmp(partition->tasks[i]->deployment->name, deployment) == 0)
            return partition->tasks[i];
    }
    return NULL;
}

void partition_forget_routes(struct partition *partition) {
    while (partition->routes != NULL) {
        struct route *next = partition->routes->next;
        free(partition->routes->members);
        free(partition->routes->begin);
        free(partition->routes->entries);
        free(partition->routes);
        partition->routes = next;
    }
    free(partition->route_by_symbol);
    partition->route_by_symbol = NULL;
    partition->route_capacity = 0;
}

/* Candidate number `index`: the partition's own tasks, then the GLOBAL ones. */
static struct task *candidate(const struct partition *partition, size_t index) {
    return index < partition->task_count ? partition->tasks[index]
                                         : partition->global->tasks[index - partition->task_count];
}

static size_t candidate_count(const struct partition *partition) {
    return partition->task_count + (partition->global != NULL ? partition->global->task_count : 0);
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct route_entry *)a)->task->deployment->name,
                  ((const struct route_entry *)b)->task->deployment->name);
}

static struct route *route_new(const struct partition *partition, const uint64_t *members,
                               size_t words) {
    const size_t candidates = candidate_count(partition);
    struct route *route = calloc(1, sizeof *route);
    if (route == NULL)
        return NULL;
    route->members = malloc(words * sizeof *members);
    route->begin = calloc(partition->topic_count + 1, sizeof *route->begin);
    route->entries = calloc(candidates * partition->topic_count + 1, sizeof *route->entries);
    if (route->members == NULL || route->begin == NULL || route->entries == NULL) {
        free(route->members);
        free(route->begin);
        free(route->entries);
        free(route);
        return NULL;
    }
    memcpy(route->members, members, words * sizeof *members);
    size_t count = 0;
    for (size_t topic = 0; topic < partition->topic_count; topic++) {
        route->begin[topic] = count;
        for (size_t i = 0; i < candidates; i++) {
            struct task *task = candidate(partition, i);
            const bool is_member = (members[i / 64] >> (i % 64)) & 1;
            if (!is_member || task->deployment->topics[topic] == NOT_WANTED)
                continue;
            route->entries[count++] = (struct route_entry){
                .task = task,
                .topic = task->deployment->topics[topic],
                .is_global = i >= partition->task_count,
                .time_frames = task->deployment->time_frames,
            };
        }
        if (count > route->begin[topic])
            qsort(route->entries + route->begin[topic], count - route->begin[topic],
                  sizeof *route->entries, compare_entries);
    }
    route->begin[partition->topic_count] = count;
    return route;
}

struct route *partition_route(struct partition *partition, uint32_t symbol_id, const char *symbol,
                              size_t size) {
    if (!ARRAY_REACH(partition->route_by_symbol, symbol_id, partition->route_capacity))
        return NULL;
    struct route *route = partition->route_by_symbol[symbol_id];
    if (route != NULL)
        return route;
    const size_t candidates = candidate_count(partition);
    const size_t words = candidates / 64 + 1;
    uint64_t *members = calloc(words, sizeof *members);
    if (members == NULL)
        return NULL;
    for (size_t i = 0; i < candidates; i++) {
        struct deployment *deployment = candidate(partition, i)->deployment;
        if (!deployment_wants_symbol(deployment, symbol, size))
            continue;
        members[i / 64] |= UINT64_C(1) << (i % 64);
        deployment_meet_symbol(deployment, symbol, size);
    }
    for (route = partition->routes; route != NULL; route = route->next) {
        if (memcmp(route->members, members, words * sizeof *members) == 0)
            break;
    }
    if (route == NULL) {
        route = route_new(partition, members, words);
        if (route != NULL) {
            route->next = partition->routes;
            partition->routes = route;
        }
    }
    free(members);
    partition->route_by_symbol[symbol_id] = route;
    return route;
}

bool partition_is_owned(const struct partition *partition) {
    for (size_t i = 0; i < partition->topic_count; i++) {
        if (offset_tracker_is_owned(&partition->topics[i]))
            return true;
    }
    return false;
}

uint32_t partition_missing(const struct partition *partition, const struct deployment *deployment) {
    uint32_t missing = NOT_WANTED;
    for (size_t i = 0; i < partition->topic_count; i++) {
        if (!offset_tracker_is_owned(&partition->topics[i]) && deployment->topics[i] != NOT_WANTED)
            missing = deployment->topics[i];
    }
    return missing;
}

uint64_t partition_in_flight_bytes(const struct partition *partition) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < partition->topic_count; i++)
        bytes += partition->topics[i].in_flight_bytes;
    return bytes;
}
