#include "engine/lane.h"

#include "base/clock.h"
#include "engine/crash.h"
#include "engine/dispatch.h"
#include "engine/foresight.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH           1024
#define IDLE_MS         100
#define UNCONFIRMED_MS  10 /* how soon confirmations are looked for while some are pending */
#define HOUSEKEEPING_NS NS_PER_S
#define EXPIRE_MOST     1000

const int64_t LATENCY_BOUNDS_NS[16] = {
    100 * NS_PER_US,  250 * NS_PER_US, 500 * NS_PER_US, NS_PER_MS,
    2500 * NS_PER_US, 5 * NS_PER_MS,   10 * NS_PER_MS,  25 * NS_PER_MS,
    50 * NS_PER_MS,   100 * NS_PER_MS, 250 * NS_PER_MS, 500 * NS_PER_MS,
    NS_PER_S,         5 * NS_PER_S,    60 * NS_PER_S,   INT64_MAX,
};

enum call_state { CALL_QUEUED, CALL_RUNNING, CALL_DONE, CALL_WITHDRAWN };

struct lane_call {
    struct lane_call *next;
    void (*run)(struct lane *lane, void *argument);
    void *argument;
    enum call_state state; /* guarded by the lane's lock */
};

static inline void count(_Atomic uint64_t *counter, uint64_t more) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static void beat(struct lane *lane) {
    atomic_store_explicit(&lane->beat_ns, clock_monotonic_ns(), memory_order_relaxed);
}

/* ---- calls ---- */

static struct timespec deadline_after(int64_t timeout_ns) {
    const int64_t at = clock_monotonic_ns() + timeout_ns;
    return (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
}

static struct lane_call *take_call(struct lane *lane) {
    struct lane_call *call = lane->calls;
    if (call != NULL)
        lane->calls = call->next;
    return call;
}

/* Runs what is queued, and stays while the lane is held. */
static void serve_calls(struct lane *lane) {
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        struct lane_call *call = take_call(lane);
        if (call != NULL) {
            call->state = CALL_RUNNING;
            pthread_mutex_unlock(&lane->lock);
            call->run(lane, call->argument);
            dispatch_settle(lane);
            beat(lane);
            pthread_mutex_lock(&lane->lock);
            call->state = CALL_DONE;
            pthread_cond_broadcast(&lane->changed);
            continue;
        }
        if (!lane->is_held || lane->should_stop)
            break;
        beat(lane);
        const struct timespec until = deadline_after(IDLE_MS * NS_PER_MS);
        pthread_cond_timedwait(&lane->changed, &lane->lock, &until);
    }
    atomic_store(&lane->has_calls, lane->should_stop);
    pthread_mutex_unlock(&lane->lock);
}

static void post(struct lane *lane, struct lane_call *call) {
    pthread_mutex_lock(&lane->lock);
    struct lane_call **last = &lane->calls;
    while (*last != NULL)
        last = &(*last)->next;
    *last = call;
    atomic_store(&lane->has_calls, true);
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
    lane->options.source->ops->wake(lane->options.source, lane->options.index);
}

static void withdraw(struct lane *lane, struct lane_call *call) {
    struct lane_call **link = &lane->calls;
    while (*link != NULL && *link != call)
        link = &(*link)->next;
    if (*link == call)
        *link = call->next;
    call->state = CALL_WITHDRAWN;
}

static bool await(struct lane *lane, struct lane_call *call, const struct timespec *until) {
    pthread_mutex_lock(&lane->lock);
    while (call->state != CALL_DONE) {
        if (call->state == CALL_RUNNING) {
            pthread_cond_wait(&lane->changed, &lane->lock);
        } else if (pthread_cond_timedwait(&lane->changed, &lane->lock, until) != 0 &&
                   call->state == CALL_QUEUED) {
            withdraw(lane, call);
            break;
        }
    }
    const bool did = call->state == CALL_DONE;
    pthread_mutex_unlock(&lane->lock);
    return did;
}

bool lanes_call(struct lane **lanes, size_t count_lanes,
                void (*run)(struct lane *lane, void *argument), void **arguments,
                int64_t timeout_ns, bool *did) {
    struct lane_call *calls = calloc(count_lanes + 1, sizeof *calls);
    bool is_complete = calls != NULL;
    if (calls == NULL)
        return false;
    const struct timespec until = deadline_after(timeout_ns);
    for (size_t i = 0; i < count_lanes; i++) {
        calls[i] = (struct lane_call){.run = run, .argument = arguments[i]};
        post(lanes[i], &calls[i]);
    }
    for (size_t i = 0; i < count_lanes; i++) {
        const bool did_this = await(lanes[i], &calls[i], &until);
        if (did != NULL)
            did[i] = did_this;
        is_complete &= did_this;
    }
    free(calls);
    return is_complete;
}

bool lane_call(struct lane *lane, void (*run)(struct lane *lane, void *argument), void *argument,
               int64_t timeout_ns) {
    return lanes_call(&lane, 1, run, &argument, timeout_ns, NULL);
}

static void begin_hold(struct lane *lane, void *argument) {
    (void)argument;
    pthread_mutex_lock(&lane->lock);
    lane->is_held = true;
    lane->held_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&lane->lock);
}

bool lane_hold(struct lane *lane, int64_t timeout_ns) {
    return lane_call(lane, begin_hold, NULL, timeout_ns);
}

void lane_release_hold(struct lane *lane) {
    pthread_mutex_lock(&lane->lock);
    lane->is_held = false;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

/* ---- what it owns ---- */

struct partition *lane_partition(const struct lane *lane, int32_t number) {
    if (number == PARTITION_GLOBAL)
        return lane->global;
    return number >= 0 && (size_t)number < lane->partition_capacity ? lane->partitions[number]
                                                                    : NULL;
}

bool lane_adopt(struct lane *lane, struct partition *partition) {
    if (partition->number == PARTITION_GLOBAL) {
        lane->global = partition;
    } else {
        const size_t number = (size_t)partition->number;
        if (number >= lane->partition_capacity) {
            const size_t capacity = (number + 16) & ~(size_t)15;
            struct partition **grown =
                realloc(lane->partitions, capacity * sizeof *lane->partitions);
            if (grown == NULL)
                return false;
            memset(grown + lane->partition_capacity, 0,
                   (capacity - lane->partition_capacity) * sizeof *grown);
            lane->partitions = grown;
            lane->partition_capacity = capacity;
        }
        lane->partitions[number] = partition;
    }
    partition->lane = lane;
    count(&lane->counts.unconfirmed, partition->pending_count);
    for (size_t i = 0; i < partition->seat_count; i++)
        instance_set_in_hand(partition->seats[i]->instance, &lane->in_hand);
    atomic_store(&lane->has_wakes, true); /* some may have asked while it was parked */
    return true;
}

void lane_expel(struct lane *lane, struct partition *partition) {
    if (lane->global == partition)
        lane->global = NULL;
    else if (lane_partition(lane, partition->number) == partition)
        lane->partitions[partition->number] = NULL;
    partition->lane = NULL;
    for (size_t i = 0; i < partition->seat_count; i++)
        instance_set_in_hand(partition->seats[i]->instance, NULL);
    atomic_fetch_sub(&lane->counts.unconfirmed, partition->pending_count);
}

void lane_use_projection(struct lane *lane, struct projection *projection,
                         struct decoder *decoder) {
    decoder_free(lane->decoder);
    projection_free(lane->projection);
    lane->decoder = decoder;
    lane->projection = projection;
}

void lane_event(struct lane *lane, struct seat *seat, const t5_event *event) {
    (void)lane;
    instance_event(seat->instance, event);
}

/* Collects confirmations, and stores what is done. */
static void store_partition(struct lane *lane, struct partition *partition) {
    for (size_t topic = 0; topic < partition->topic_count; topic++) {
        struct progress *progress = &partition->topics[topic];
        if (progress->first != NULL) {
            const uint64_t collected = progress_collect(progress);
            partition->pending_count -= collected;
            count(&lane->counts.unconfirmed, (uint64_t)0 - collected);
        }
        const int64_t done = progress_done(progress);
        if (!progress->is_owned || done == progress->stored || done == SOURCE_NO_OFFSET)
            continue;
        struct source *source = lane->options.source;
        if (source->ops->store(source, (uint32_t)topic, partition->number, done))
            progress->stored = done;
    }
}

void lane_store(struct lane *lane) {
    for (size_t i = 0; i < lane->partition_capacity; i++) {
        if (lane->partitions[i] != NULL)
            store_partition(lane, lane->partitions[i]);
    }
}

/* ---- once a second ---- */

struct expiry {
    struct lane *lane;
    struct partition *partition;
};

static void symbol_expired(void *context, uint32_t id, const char *text, size_t size) {
    struct expiry *expiry = context;
    for (size_t i = 0; i < expiry->partition->seat_count; i++)
        instance_symbol_expired(expiry->partition->seats[i]->instance, id, text, size);
    if (id < expiry->partition->route_capacity)
        expiry->partition->route_by_symbol[id] = NULL;
    count(&expiry->lane->counts.symbols_expired, 1);
}

static void expire_symbols(struct lane *lane, struct partition *partition, int64_t coarse_ns) {
    struct expiry expiry = {lane, partition};
    if (partition != NULL)
        symbols_expire(partition->symbols, coarse_ns - lane->options.config->symbol_idle_ns,
                       EXPIRE_MOST, symbol_expired, &expiry);
}

static void resume_due(struct lane *lane, struct partition *partition, int64_t coarse_ns) {
    for (size_t i = 0; partition != NULL && i < partition->seat_count; i++) {
        struct seat *seat = partition->seats[i];
        if (atomic_load(&seat->suspension) != SUSPENDED_NOT &&
            coarse_ns >= atomic_load(&seat->resume_ns))
            dispatch_resume(lane, seat);
    }
}

static void keep_house(struct lane *lane, int64_t coarse_ns) {
    if (lane->options.is_replay || coarse_ns < lane->housekeeping_ns)
        return;
    lane->housekeeping_ns = coarse_ns + HOUSEKEEPING_NS;
    const bool does_expire = lane->options.config->symbol_idle_ns > 0;
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        resume_due(lane, partition, coarse_ns);
        if (does_expire)
            expire_symbols(lane, partition, coarse_ns);
    }
}

/* ---- the loop ---- */

/* A moment without reading; calls are served as soon as they come. */
static void rest(struct lane *lane) {
    pthread_mutex_lock(&lane->lock);
    if (lane->calls == NULL && !lane->should_stop) {
        const struct timespec until = deadline_after(UNCONFIRMED_MS * NS_PER_MS);
        pthread_cond_timedwait(&lane->changed, &lane->lock, &until);
    }
    pthread_mutex_unlock(&lane->lock);
}

/* Whether too much is unconfirmed; waits a little for the sinks then. */
static bool is_throttled(struct lane *lane) {
    const uint64_t unconfirmed =
        atomic_load_explicit(&lane->counts.unconfirmed, memory_order_relaxed);
    const bool is_full = unconfirmed >= (uint64_t)lane->options.config->max_unconfirmed;
    if (is_full != lane->is_throttled) {
        lane->is_throttled = is_full;
        /* In a replay it is the pace of whoever reads the signals. */
        log_write(lane->options.log, lane->options.is_replay ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
                  "engine",
                  is_full ? "lane %" PRIu32 " stopped draining: %" PRIu64
                            " records wait for a sink ([take5] max_unconfirmed)"
                          : "lane %" PRIu32 " drains again: %" PRIu64 " records wait for a sink",
                  lane->options.index, unconfirmed);
    }
    if (!is_full)
        return false;
    count(&lane->counts.throttled, 1);
    rest(lane);
    return true;
}

static void observe(_Atomic uint64_t *buckets, _Atomic uint64_t *sum_us, int64_t latency_ns) {
    if (latency_ns < 0)
        latency_ns = 0;
    size_t i = 0;
    while (latency_ns >= LATENCY_BOUNDS_NS[i] && i < 15)
        i++;
    count(&buckets[i], 1);
    count(sum_us, (uint64_t)(latency_ns / NS_PER_US));
}

static void observe_latency(struct lane *lane, const struct record *record) {
    const int64_t now = clock_wall_ns();
    if (record->kafka_time_ms != RECORD_NO_TIME)
        observe(lane->counts.kafka_latency, &lane->counts.kafka_latency_sum_us,
                now - record->kafka_time_ms * NS_PER_MS);
    if (lane->message.flags & T5_MESSAGE_HAS_EVENT_TIME)
        observe(lane->counts.event_latency, &lane->counts.event_latency_sum_us,
                now - lane->message.event_time_ns);
}

static void handle_batch(struct lane *lane, struct record *records, size_t n) {
    const int64_t coarse_ns = clock_coarse_ns();
    struct foresight foresight = {{0}};
    uint64_t ticks = clock_ticks();
    for (size_t i = 0; i < n; i++) {
        if (__builtin_expect(atomic_load_explicit(&lane->has_calls, memory_order_relaxed), 0)) {
            observe_flush(lane->options.observed);
            serve_calls(lane);
            if (lane->should_stop)
                break; /* the rest is not seen, and comes again */
            ticks = clock_ticks();
        }
        foresee(&foresight, lane, records, n, i);
        dispatch_record(lane, &records[i], &ticks, coarse_ns);
        if (i < SAMPLES_PER_BATCH && !lane->options.is_replay) {
            samples_add(&lane->samples, &records[i]);
            if (i == 0)
                observe_latency(lane, &records[i]);
        }
    }
    observe_flush(lane->options.observed);
    atomic_store_explicit(&lane->in_hand.topic, NULL, memory_order_relaxed);
}

static int idle_ms(const struct lane *lane, int64_t next_wall_ns, int64_t now_ns) {
    int64_t wait_ms = IDLE_MS;
    if (atomic_load_explicit(&lane->counts.unconfirmed, memory_order_relaxed) > 0)
        wait_ms = UNCONFIRMED_MS;
    if (next_wall_ns != INT64_MAX) {
        const int64_t until_ms = (next_wall_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        if (until_ms < wait_ms)
            wait_ms = until_ms > 0 ? until_ms : 0;
    }
    return (int)wait_ms;
}

static void *lane_main(void *argument) {
    struct lane *lane = argument;
    struct source *source = lane->options.source;
    struct record *records = calloc(BATCH, sizeof *records);
    if (records == NULL) {
        log_write(lane->options.log, LOG_LEVEL_CRITICAL, "engine",
                  "lane %" PRIu32 " has no memory for a batch", lane->options.index);
        return NULL;
    }
    crash_enter_thread(&lane->in_hand);
    while (!lane->should_stop) {
        beat(lane);
        if (atomic_load(&lane->has_calls)) {
            serve_calls(lane);
            continue;
        }
        lane_store(lane);
        journal_flush(&lane->journal, clock_coarse_ns(), false);
        if (is_throttled(lane))
            continue;
        int64_t next_wall_ns = INT64_MAX, now_ns = 0;
        if (!lane->options.is_replay) {
            now_ns = clock_wall_ns();
            next_wall_ns = dispatch_wall_timers(lane, now_ns);
            keep_house(lane, clock_coarse_ns());
        }
        dispatch_wakes(lane);
        if (lane->options.is_draining != NULL && atomic_load(lane->options.is_draining)) {
            atomic_store(&lane->is_dry, true);
            rest(lane);
            continue;
        }
        atomic_store_explicit(&lane->is_dry, false, memory_order_relaxed);
        const size_t n = source->ops->read(source, lane->options.index, records, BATCH,
                                           idle_ms(lane, next_wall_ns, now_ns));
        if (n == 0)
            continue;
        handle_batch(lane, records, n);
        source->ops->release(source, lane->options.index, records, n);
    }
    lane_store(lane);
    journal_flush(&lane->journal, 0, true);
    crash_leave_thread();
    free(records);
    return NULL;
}

struct lane *lane_new(const struct lane_options *options, struct projection *projection,
                      struct decoder *decoder, struct error *error) {
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        error_set_memory(error, sizeof *lane, "a lane");
        return NULL;
    }
    lane->options = *options;
    lane->slow_ticks = clock_ns_ticks(options->config->slow_callback_ns);
    lane->message.size = sizeof lane->message;
    journal_writer_init(&lane->journal, options->journal);
    const size_t samples = options->is_replay ? 0 : (size_t)options->config->rehearsal_messages;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lane->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&lane->lock, NULL);
    lane->projection = projection;
    lane->decoder = decoder;
    beat(lane);
    if (!samples_init(&lane->samples, samples)) {
        error_set_memory(error, samples, "a lane's samples");
        goto failed;
    }
    const int status = pthread_create(&lane->thread, NULL, lane_main, lane);
    if (status != 0) {
        error_set_errno(error, status, "cannot start the thread of lane %" PRIu32, options->index);
        goto failed;
    }
    char name[16];
    snprintf(name, sizeof name, "lane-%" PRIu32, options->index);
    pthread_setname_np(lane->thread, name);
    return lane;

failed:
    samples_release(&lane->samples);
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
    return NULL;
}

void lane_stop(struct lane *lane) {
    pthread_mutex_lock(&lane->lock);
    lane->should_stop = true;
    atomic_store(&lane->has_calls, true);
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
    lane->options.source->ops->wake(lane->options.source, lane->options.index);
    pthread_join(lane->thread, NULL);
}

void lane_free(struct lane *lane) {
    if (lane == NULL)
        return;
    decoder_free(lane->decoder);
    projection_free(lane->projection);
    samples_release(&lane->samples);
    journal_writer_release(&lane->journal);
    free(lane->partitions);
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}
