/*
 * Partitions go: revoked, parked, dropped. What comes is in arrival.c. Control thread; what touches
 * a lane's partitions is a lane call.
 */
#include "engine/ownership.h"

#include "base/clock.h"
#include "engine/dispatch.h"
#include "engine/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

t5_event ownership_event(enum t5_event_kind kind) {
    return (t5_event){.size = sizeof(t5_event),
                      .kind = (uint32_t)kind,
                      .topic = UINT32_MAX,
                      .symbol_id = T5_NO_SYMBOL,
                      .from_offset = -1,
                      .to_offset = -1};
}

size_t ownership_held(const struct partition *partition, const struct deployment *deployment,
                      uint32_t *missing) {
    size_t held = 0;
    for (size_t i = 0; i < partition->topic_count; i++) {
        if (deployment->topics[i] == NOT_WANTED)
            continue;
        if (partition->topics[i].is_owned)
            held++;
        else if (missing != NULL)
            *missing = deployment->topics[i];
    }
    return held;
}

void ownership_tell_extent(struct lane *lane, struct seat *seat, bool is_forced) {
    uint32_t missing = UINT32_MAX;
    if (seat->partition->number == PARTITION_GLOBAL)
        return;
    const size_t held = ownership_held(seat->partition, seat->deployment, &missing);
    const bool is_part = held < seat->deployment->wanted_count;
    if (!is_forced && is_part == seat->was_told_part)
        return;
    seat->was_told_part = is_part;
    t5_event event = ownership_event(is_part ? T5_EVENT_PART : T5_EVENT_ASSIGNED);
    if (is_part)
        event.topic = missing;
    lane_event(lane, seat, &event);
}

size_t ownership_gather(struct source_part *parts, size_t count) {
    size_t same = 1;
    for (size_t i = 1; i < count; i++) {
        if (parts[i].partition == parts[0].partition) {
            const struct source_part part = parts[i];
            parts[i] = parts[same];
            parts[same++] = part;
        }
    }
    return same;
}

struct source_part *ownership_copy_parts(struct engine *engine, const struct source_part *parts,
                                         size_t count) {
    struct source_part *copy = malloc((count + 1) * sizeof *copy);
    if (copy == NULL)
        log_write(engine->log, LOG_LEVEL_CRITICAL, "engine",
                  "out of memory for an assignment of %zu partitions", count);
    else
        memcpy(copy, parts, count * sizeof *copy);
    return copy;
}

/* ---- revoke ---- */

/* One partition number's share of a revocation. */
struct departure {
    struct engine *engine;
    struct partition *partition;
    const struct source_part *parts;
    size_t count;
    bool is_lost;
};

/* Nothing more of these topics is dispatched. Lane. */
static void cease(struct lane *lane, void *argument) {
    struct departure *departure = argument;
    (void)lane;
    for (size_t i = 0; i < departure->count; i++)
        departure->partition->topics[departure->parts[i].topic].is_owned = false;
}

/* Stores what is done by now, then parks the partition or tells its instances what it lost. Lane.
 */
static void depart(struct lane *lane, void *argument) {
    struct departure *departure = argument;
    struct partition *partition = departure->partition;
    for (size_t i = 0; i < departure->count && !departure->is_lost; i++) {
        struct progress *progress = &partition->topics[departure->parts[i].topic];
        const uint64_t collected = progress_collect(progress);
        partition->pending_count -= collected;
        atomic_fetch_sub(&lane->counts.unconfirmed, collected);
        const int64_t done = progress_done(progress);
        if (done == SOURCE_NO_OFFSET || done == progress->stored)
            continue;
        struct source *source = lane->options.source;
        if (source->ops->store(source, departure->parts[i].topic, partition->number, done))
            progress->stored = done;
    }
    if (partition_is_owned(partition)) {
        for (size_t i = 0; i < partition->seat_count; i++)
            ownership_tell_extent(lane, partition->seats[i], false);
        return;
    }
    for (size_t i = 0; i < partition->seat_count; i++) {
        const t5_event event = ownership_event(T5_EVENT_PARKED);
        lane_event(lane, partition->seats[i], &event);
    }
    lane_expel(lane, partition);
    partition->parked_ns = clock_monotonic_ns();
}

void ownership_flush(struct engine *engine, int64_t timeout_ns) {
    struct outbox *outbox = engine->options.outbox;
    const int64_t until = clock_monotonic_ns() + timeout_ns;
    for (size_t i = 0; i <= outbox->signal_sink_count; i++) {
        struct sink *sink =
            i < outbox->signal_sink_count ? outbox->signal_sinks[i] : outbox->letter_sink;
        const int64_t left_ms = (until - clock_monotonic_ns()) / NS_PER_MS;
        if (sink != NULL)
            sink->ops->flush(sink, left_ms > 0 ? (int)left_ms : 0);
    }
}

void ownership_revoked(void *context, const struct source_part *parts, size_t count, bool is_lost) {
    struct engine *engine = context;
    const int64_t timeout_ns = engine->config->revoke_timeout_ns;
    struct source_part *left = ownership_copy_parts(engine, parts, count);
    struct departure *departures = calloc(count + 1, sizeof *departures);
    size_t departure_count = 0;
    atomic_fetch_add(&engine->revoked_count, 1);
    for (size_t done = 0; left != NULL && departures != NULL && done < count;) {
        const size_t same = ownership_gather(left + done, count - done);
        struct partition *partition = engine_partition(engine, left[done].partition);
        if (partition != NULL && partition->lane != NULL)
            departures[departure_count++] =
                (struct departure){engine, partition, left + done, same, is_lost};
        done += same;
    }
    for (size_t i = 0; i < departure_count; i++) {
        if (!lane_call(departures[i].partition->lane, cease, &departures[i], timeout_ns))
            log_error(engine->log, "engine",
                      "partition %" PRId32 ": its lane does not answer; it is revoked all the same",
                      departures[i].partition->number);
    }
    if (!is_lost && departure_count > 0)
        ownership_flush(engine, timeout_ns);
    for (size_t i = 0; i < departure_count; i++)
        lane_call(departures[i].partition->home, depart, &departures[i], timeout_ns);
    free(departures);
    free(left);
    ownership_judge_global(engine);
    ownership_prune(engine);
}

/* ---- GLOBAL ---- */

/* A wanted topic of which this host lacks a partition, by the strategy's index; NOT_WANTED: it has
 * all of them, as far as is known. */
static uint32_t missing_topic(const struct engine *engine, const struct deployment *deployment) {
    struct source *source = engine->options.source;
    for (uint32_t topic = 0; topic < deployment->topic_count; topic++) {
        int32_t held = 0;
        if (deployment->topics[topic] == NOT_WANTED || source->ops->partitions == NULL)
            continue;
        for (size_t i = 0; i < engine->partition_count; i++)
            held += engine->partitions[i]->topics[topic].is_owned;
        if (held < source->ops->partitions(source, topic))
            return deployment->topics[topic];
    }
    return NOT_WANTED;
}

/* Lane. */
static void judge_global(struct lane *lane, void *argument) {
    const struct engine *engine = argument;
    for (size_t i = 0; lane->global != NULL && i < lane->global->seat_count; i++) {
        struct seat *seat = lane->global->seats[i];
        const uint32_t missing = missing_topic(engine, seat->deployment);
        const bool is_part = missing != NOT_WANTED;
        if (is_part != seat->was_told_part) {
            t5_event event = ownership_event(is_part ? T5_EVENT_PART : T5_EVENT_ASSIGNED);
            seat->was_told_part = is_part;
            if (is_part)
                event.topic = missing;
            lane_event(lane, seat, &event);
        }
        const int suspension = atomic_load(&seat->suspension);
        if (is_part && suspension == SUSPENDED_NOT && !seat->deployment->global_partial)
            dispatch_suspend(lane, seat, SUSPENDED_PARTIAL, INT64_MAX);
        else if (!is_part && suspension == SUSPENDED_PARTIAL)
            dispatch_resume(lane, seat);
    }
}

void ownership_judge_global(struct engine *engine) {
    if (engine->lane_count == 1 && !atomic_load(&engine->is_stopping))
        lane_call(engine->lanes[0], judge_global, engine, engine->config->revoke_timeout_ns);
}

/* ---- the parked ---- */

static void deactivate_all(struct lane *lane, void *argument) {
    struct partition *partition = argument;
    for (size_t i = 0; i < partition->seat_count; i++) {
        instance_set_in_hand(partition->seats[i]->instance, &lane->in_hand);
        instance_deactivate(partition->seats[i]->instance);
        instance_set_in_hand(partition->seats[i]->instance, NULL);
    }
}

void ownership_discard(struct engine *engine, struct partition *partition) {
    if (!partition->is_fresh)
        lane_call(partition->home, deactivate_all, partition, engine->config->revoke_timeout_ns);
    engine_remove_partition(engine, partition);
    if (partition->pending_count > 0)
        ownership_flush(engine, engine->config->revoke_timeout_ns);
    for (size_t topic = 0; topic < partition->topic_count; topic++)
        partition->pending_count -= progress_collect(&partition->topics[topic]);
    if (partition->pending_count > 0)
        log_warning(engine->log, "engine",
                    "partition %" PRId32 ": %" PRIu64
                    " records are dropped before a sink confirmed them; they come again",
                    partition->number, partition->pending_count);
    for (size_t topic = 0; topic < partition->topic_count; topic++)
        progress_abandon(&partition->topics[topic], &engine->orphans);
    for (size_t i = 0; i < partition->seat_count; i++)
        instance_set_in_hand(partition->seats[i]->instance, &engine->loader_hand);
    partition_free(partition);
}

static void expel_global(struct lane *lane, void *argument) {
    lane_expel(lane, argument);
}

void ownership_end(struct engine *engine) {
    while (engine->partition_count > 0) {
        struct partition *partition = engine->partitions[0];
        if (partition->lane != NULL)
            lane_call(partition->lane, expel_global, partition, engine->config->revoke_timeout_ns);
        ownership_discard(engine, partition);
    }
}

void ownership_prune(struct engine *engine) {
    const int64_t now = clock_monotonic_ns();
    progress_collect(&engine->orphans);
    for (;;) {
        struct partition *oldest = NULL;
        size_t parked = 0;
        for (size_t i = 0; i < engine->partition_count; i++) {
            struct partition *partition = engine->partitions[i];
            if (partition->lane != NULL)
                continue;
            parked++;
            if (oldest == NULL || partition->parked_ns < oldest->parked_ns)
                oldest = partition;
        }
        if (oldest == NULL || (parked <= (size_t)engine->config->park_max_count &&
                               now - oldest->parked_ns <= engine->config->park_max_age_ns))
            return;
        log_info(engine->log, "engine",
                 "partition %" PRId32 ": parked for %.0f s, its state is dropped", oldest->number,
                 (double)(now - oldest->parked_ns) / (double)NS_PER_S);
        ownership_discard(engine, oldest);
    }
}
