/*
 * Partitions come: fresh instances, a state from disk, or parked ones resumed. Control thread; what
 * touches a lane's partitions is a lane call.
 */
#include "base/clock.h"
#include "engine/internal.h"
#include "engine/keep.h"
#include "engine/ownership.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *topic_name(const struct engine *engine, size_t topic) {
    return engine->options.config->topics[topic].name;
}

static void tell_gap(struct lane *lane, struct seat *seat, size_t topic, int64_t from, int64_t to) {
    if (seat->deployment->topics[topic] == NOT_WANTED)
        return;
    t5_event event = ownership_event(T5_EVENT_GAP);
    event.topic = seat->deployment->topics[topic];
    event.from_offset = from == SOURCE_NO_OFFSET ? -1 : from;
    event.to_offset = to == SOURCE_NO_OFFSET ? -1 : to;
    lane_event(lane, seat, &event);
}

struct gap {
    bool is_there;
    int64_t from, to;
};

/* One partition number's share of an assignment. */
struct arrival {
    struct engine *engine;
    struct partition *partition;
    bool is_joining;       /* not at work yet: to be adopted */
    struct gap *gaps;      /* by topic: offsets that its instances did not see */
    struct state **states; /* by seat, from disk; NULL: none */
    bool *did_load;        /* by seat */
    bool did_adopt;
};

static void load_states(struct lane *lane, void *argument) {
    struct arrival *arrival = argument;
    (void)lane;
    for (size_t i = 0; i < arrival->partition->seat_count; i++) {
        struct error error = {0};
        const char *why = NULL;
        struct seat *seat = arrival->partition->seats[i];
        if (arrival->states[i] == NULL)
            continue;
        if (!instance_takes_state(seat->instance, arrival->states[i], &why))
            error_set(&error, ERROR_INVALID, "%s", why);
        else
            arrival->did_load[i] = instance_load(seat->instance, arrival->states[i], &error);
        if (arrival->did_load[i])
            seat->origin = "loaded";
        else
            log_warning(arrival->engine->log, "engine",
                        "%s on partition %" PRId32 ": the saved state is not used: %s",
                        seat->deployment->name, seat->partition->number, error.text);
    }
}

static void arrive(struct lane *lane, void *argument) {
    struct arrival *arrival = argument;
    struct partition *partition = arrival->partition;
    if (arrival->is_joining && !lane_adopt(lane, partition))
        return;
    arrival->did_adopt = true;
    partition->global = lane->global;
    for (size_t i = 0; i < partition->seat_count; i++) {
        struct seat *seat = partition->seats[i];
        if (partition->is_fresh) {
            instance_activate(seat->instance);
            const t5_event event = ownership_event(
                strcmp(seat->origin, "fresh") == 0 ? T5_EVENT_FRESH : T5_EVENT_RESUMED);
            lane_event(lane, seat, &event);
        } else if (partition->is_resumed) {
            const t5_event event = ownership_event(T5_EVENT_RESUMED);
            seat->origin = "resumed";
            lane_event(lane, seat, &event);
        }
        for (size_t topic = 0; topic < partition->topic_count; topic++) {
            if (arrival->gaps[topic].is_there)
                tell_gap(lane, seat, topic, arrival->gaps[topic].from, arrival->gaps[topic].to);
        }
        ownership_tell_extent(lane, seat, partition->is_fresh);
    }
    for (size_t i = 0; lane->global != NULL && i < lane->global->seat_count; i++) {
        for (size_t topic = 0; topic < partition->topic_count; topic++) {
            if (arrival->gaps[topic].is_there)
                tell_gap(lane, lane->global->seats[i], topic, -1, -1);
        }
    }
    partition->is_fresh = false;
    partition->is_resumed = false;
}

/* Loads what the disk has; an instance that refuses it is made anew, fresh. */
static void take_states_from_disk(struct arrival *arrival, const struct source_part *parts,
                                  size_t count, struct projection *draft) {
    struct engine *engine = arrival->engine;
    struct partition *partition = arrival->partition;
    const size_t stored_count = partition->seat_count;
    struct stored_state *stored = calloc(stored_count + 1, sizeof *stored);
    if (stored == NULL)
        return;
    for (size_t i = 0; i < partition->seat_count; i++) {
        if (keep_find(engine, partition->seats[i], parts, count, &stored[i]))
            arrival->states[i] = &stored[i].state;
    }
    if (lane_call(engine_home(engine, partition->number), load_states, arrival,
                  engine->config->revoke_timeout_ns)) {
        for (size_t i = 0; i < partition->seat_count; i++) {
            struct error error = {0};
            struct seat *seat = partition->seats[i];
            if (arrival->states[i] == NULL || arrival->did_load[i])
                continue;
            instance_destroy(seat->instance);
            seat->instance = NULL;
            if (!fill_seat(engine, seat, seat->deployment, draft, &error)) {
                log_error(engine->log, "engine", "%s on partition %" PRId32 ": does not run: %s",
                          seat->deployment->name, partition->number, error.text);
                seat_free(seat);
                memmove(&partition->seats[i], &partition->seats[i + 1],
                        (partition->seat_count - i) * sizeof *partition->seats);
                memmove(&arrival->states[i], &arrival->states[i + 1],
                        (partition->seat_count - i) * sizeof *arrival->states);
                memmove(&arrival->did_load[i], &arrival->did_load[i + 1],
                        (partition->seat_count - i) * sizeof *arrival->did_load);
                partition->seat_count--;
                i--;
            }
        }
    }
    for (size_t i = 0; i < stored_count; i++)
        stored_state_release(&stored[i]);
    free(stored);
}

/* Whether nobody else moved the offset since this host held the topic: it is still the one that
 * this host committed last (a lost assignment or a broker's outage leaves stores uncommitted), or
 * the one that it was given. */
static bool is_topic_as_left(const struct engine *engine, const struct progress *progress,
                             const struct source_part *part) {
    struct source *source = engine->options.source;
    if (part->offset == progress->stored)
        return true;
    const int64_t committed = source->ops->committed != NULL
                                  ? source->ops->committed(source, part->topic, part->partition)
                                  : SOURCE_NO_OFFSET;
    return part->offset == (committed != SOURCE_NO_OFFSET ? committed : progress->assigned_at);
}

static bool is_as_left(const struct engine *engine, const struct partition *partition,
                       const struct source_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct progress *progress = &partition->topics[parts[i].topic];
        if (is_topic_as_left(engine, progress, &parts[i]))
            continue;
        log_warning(engine->log, "engine",
                    "partition %" PRId32 ": starts fresh, its state is dropped: the committed "
                    "offset of %s is %" PRId64 ", and this host left it at %" PRId64,
                    partition->number, topic_name(engine, parts[i].topic), parts[i].offset,
                    progress->stored);
        return false;
    }
    return true;
}

static void begin_topic(struct partition *partition, const struct source_part *part) {
    struct progress *progress = &partition->topics[part->topic];
    progress->is_owned = true;
    progress->assigned_at = part->offset;
    progress->next = part->offset;
    progress->stored = part->offset;
}

/* Makes the arrival of one number ready; false when memory ran out. */
static bool prepare_arrival(struct arrival *arrival, const struct source_part *parts,
                            size_t count) {
    struct engine *engine = arrival->engine;
    const int32_t number = parts[0].partition;
    struct partition *partition = engine_partition(engine, number);
    arrival->gaps = calloc(engine->options.config->topic_count + 1, sizeof *arrival->gaps);
    if (arrival->gaps == NULL)
        return false;
    if (partition != NULL && partition->lane == NULL &&
        !is_as_left(engine, partition, parts, count)) {
        for (size_t i = 0; i < count; i++)
            arrival->gaps[parts[i].topic] = (struct gap){true, -1, parts[i].offset};
        ownership_discard(engine, partition);
        partition = NULL;
    }
    arrival->is_joining = partition == NULL || partition->lane == NULL;
    if (partition == NULL) {
        partition = partition_new(number, engine->roster, engine->options.config->topic_count,
                                  (uint32_t)engine->config->max_symbols);
        if (partition == NULL)
            return false;
        partition->home = engine_home(engine, number);
        partition->is_fresh = true;
        if (!engine_add_partition(engine, partition)) {
            partition_free(partition);
            return false;
        }
    } else if (arrival->is_joining) {
        partition->is_resumed = true;
        log_info(engine->log, "engine", "partition %" PRId32 ": resumed with its state", number);
    }
    arrival->partition = partition;
    return true;
}

/* The topics of an arrival begin. On the lane when the partition is at work, else anywhere. */
static void begin_topics(struct arrival *arrival, const struct source_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct progress *progress = &arrival->partition->topics[parts[i].topic];
        if (!arrival->partition->is_fresh && progress->next != SOURCE_NO_OFFSET) {
            if (is_topic_as_left(arrival->engine, progress, &parts[i])) {
                progress->is_owned = true;
                progress->assigned_at = parts[i].offset;
                /* The client has forgotten what it was given and did not commit: the lane gives it
                 * anew. Else a topic that is silent from now on would stay uncommitted. */
                progress->stored = parts[i].offset;
                continue;
            }
            arrival->gaps[parts[i].topic] = (struct gap){true, progress->next, parts[i].offset};
        }
        begin_topic(arrival->partition, &parts[i]);
    }
}

struct beginning {
    struct arrival *arrival;
    const struct source_part *parts;
    size_t count;
};

static void begin_topics_on_lane(struct lane *lane, void *argument) {
    struct beginning *beginning = argument;
    (void)lane;
    begin_topics(beginning->arrival, beginning->parts, beginning->count);
}

/* Everything that an arrival needs before its lane sees it. */
static bool complete_arrival(struct arrival *arrival, const struct source_part *parts, size_t count,
                             struct error *error) {
    struct engine *engine = arrival->engine;
    struct partition *partition = arrival->partition;
    if (arrival->is_joining) {
        begin_topics(arrival, parts, count);
    } else {
        struct beginning beginning = {arrival, parts, count};
        if (!lane_call(partition->home, begin_topics_on_lane, &beginning,
                       engine->config->revoke_timeout_ns))
            return error_set(error, ERROR_TIMEOUT, "its lane did not answer");
    }
    if (!partition->is_fresh)
        return true;
    struct projection *draft = fill_draft(engine);
    if (draft == NULL)
        return error_set_memory(error, 0, "a projection");
    fill_partition(engine, partition, draft);
    arrival->states = calloc(partition->seat_count + 1, sizeof *arrival->states);
    arrival->did_load = calloc(partition->seat_count + 1, sizeof *arrival->did_load);
    if (arrival->states == NULL || arrival->did_load == NULL) {
        projection_free(draft);
        return error_set_memory(error, 0, "a partition's states");
    }
    if (engine->options.keeps_state)
        take_states_from_disk(arrival, parts, count, draft);
    return fill_use_draft(engine, draft, error);
}

static void assign_number(struct engine *engine, const struct source_part *parts, size_t count) {
    struct arrival arrival = {.engine = engine};
    struct error error = {0};
    bool did = prepare_arrival(&arrival, parts, count);
    if (!did)
        error_set_memory(&error, 0, "a partition");
    did = did && complete_arrival(&arrival, parts, count, &error);
    if (did) {
        did = lane_call(arrival.partition->home, arrive, &arrival,
                        engine->config->revoke_timeout_ns) &&
              arrival.did_adopt;
        if (!did)
            error_set(&error, ERROR_TIMEOUT, "its lane did not take it over");
    }
    if (!did) {
        log_error(engine->log, "engine",
                  "partition %" PRId32 " cannot be worked on, its messages wait: %s",
                  parts[0].partition, error.text);
        if (arrival.partition != NULL && arrival.is_joining && arrival.partition->lane == NULL)
            ownership_discard(engine, arrival.partition);
    }
    free(arrival.states);
    free(arrival.did_load);
    free(arrival.gaps);
}

void ownership_assigned(void *context, struct source_part *parts, size_t count) {
    struct engine *engine = context;
    struct source_part *left = ownership_copy_parts(engine, parts, count);
    atomic_fetch_add(&engine->assigned_count, 1);
    keep_take_global(engine, parts, count);
    for (size_t done = 0; left != NULL && done < count;) {
        const size_t same = ownership_gather(left + done, count - done);
        assign_number(engine, left + done, same);
        done += same;
    }
    free(left);
    ownership_judge_global(engine);
    ownership_prune(engine);
}

bool ownership_begin_global(struct engine *engine, struct error *error) {
    if (engine->lane_count != 1)
        return true;
    struct arrival arrival = {.engine = engine, .is_joining = true};
    arrival.gaps = calloc(engine->options.config->topic_count + 1, sizeof *arrival.gaps);
    struct partition *partition =
        partition_new(PARTITION_GLOBAL, engine->roster, engine->options.config->topic_count,
                      (uint32_t)engine->config->max_symbols);
    struct projection *draft = fill_draft(engine);
    bool did = false;
    if (arrival.gaps == NULL || partition == NULL || draft == NULL) {
        error_set_memory(error, 0, "the GLOBAL deployments");
        goto done;
    }
    partition->home = engine->lanes[0];
    partition->is_fresh = true;
    arrival.partition = partition;
    fill_partition(engine, partition, draft);
    did = fill_use_draft(engine, draft, error);
    draft = NULL;
    if (!did)
        goto done;
    if (!engine_add_partition(engine, partition)) {
        did = error_set_memory(error, 0, "the GLOBAL deployments");
        goto done;
    }
    did = lane_call(engine->lanes[0], arrive, &arrival, engine->config->revoke_timeout_ns) ||
          error_set(error, ERROR_TIMEOUT, "the lane does not answer");
    partition = NULL;
done:
    partition_free(partition);
    projection_free(draft);
    free(arrival.gaps);
    return did;
}
