#include "engine/lane/lane.h"

#include "base/array.h"
#include "base/blocks.h"
#include "base/clock.h"
#include "base/sync/counter.h"
#include "engine/crash/crash.h"
#include "engine/lane/catch_up.h"
#include "engine/lane/checkpointing.h"
#include "engine/lane/deviation.h"
#include "engine/lane/dispatch.h"
#include "engine/lane/dispatch_late.h"
#include "engine/lane/emit.h"
#include "engine/lane/epochs.h"
#include "engine/lane/meddling.h"
#include "engine/lane/prefetch.h"
#include "engine/lane/shadowing.h"

#include <inttypes.h>
#include <stdlib.h>

#define BATCH           1024
#define IDLE_MS         100
#define PAUSE_LOGGED_NS (1 * NS_PER_S)
#define UNCONFIRMED_MS  10 /* how soon to look for confirmations while some are missing */
#define HOUSEKEEPING_NS NS_PER_S
#define FEED_NS         (200 * NS_PER_US) /* of catching up, between two reads of the stream */
#define EXPIRE_MOST     1000

static void note_heartbeat(struct lane *lane) {
    atomic_store_explicit(&lane->heartbeat_ns, clock_monotonic_ns(), memory_order_relaxed);
}

/* ---- calls ---- */

static void run_call(void *owner, void *argument) {
    struct lane *lane = owner;
    const struct lane_call *call = argument;
    call->run(lane, call->argument);
    emit_settle(lane);
    if (!lane->options.is_replay)
        shadowing_find(lane);
    lane_watch_handlers(lane);
}

static void tick(void *owner) {
    note_heartbeat(owner);
}

static void serve_calls(struct lane *lane) {
    lane_watch_strategies(lane, true); /* before the calls' own guard blames another deployment */
    mailbox_serve(&lane->mailbox, lane, tick);
}

static void post(struct lane *lane, void (*run)(struct lane *lane, void *argument),
                 void *argument) {
    lane->call = (struct lane_call){{.run = run_call, .argument = &lane->call}, run, argument};
    mailbox_post(&lane->mailbox, &lane->call.base);
    lane->options.source->ops->wake(lane->options.source, lane->options.index);
}

bool lanes_call(struct lane **lanes, size_t count_lanes,
                void (*run)(struct lane *lane, void *argument), void *argument, int64_t timeout_ns,
                struct error *error) {
    const int64_t until_ns =
        timeout_ns == LANE_NO_LIMIT ? MAILBOX_NO_LIMIT : clock_monotonic_ns() + timeout_ns;
    bool is_complete = true;
    for (size_t i = 0; i < count_lanes; i++)
        post(lanes[i], run, argument);
    for (size_t i = 0; i < count_lanes; i++) {
        if (!mailbox_await(&lanes[i]->mailbox, &lanes[i]->call.base, until_ns))
            is_complete = error_set(error, ERROR_TIMEOUT,
                                    "lane %" PRIu32 " did not respond in time: a callback is stuck "
                                    "or very slow (see status)",
                                    lanes[i]->options.index);
    }
    return is_complete;
}

bool lane_call(struct lane *lane, void (*run)(struct lane *lane, void *argument), void *argument,
               int64_t timeout_ns, struct error *error) {
    return lanes_call(&lane, 1, run, argument, timeout_ns, error);
}

static void begin_hold(struct lane *lane, void *argument) {
    (void)argument;
    mailbox_hold(&lane->mailbox);
}

bool lane_hold(struct lane *lane, int64_t timeout_ns, struct error *error) {
    return lane_call(lane, begin_hold, NULL, timeout_ns, error);
}

/* ---- what it owns ---- */

bool lane_adopt(struct lane *lane, struct partition *partition) {
    if (partition->number == PARTITION_GLOBAL) {
        lane->global = partition;
    } else {
        const size_t number = (size_t)partition->number;
        if (!ARRAY_REACH(lane->partitions, number, lane->partition_capacity))
            return false;
        lane->partitions[number] = partition;
    }
    atomic_store_explicit(&partition->lane, lane, memory_order_release);
    counter_add(&lane->counts.unconfirmed, partition->in_flight_count);
    counter_add(&lane->counts.unconfirmed_bytes, partition_in_flight_bytes(partition));
    for (size_t i = 0; i < partition->task_count; i++)
        instance_set_current_call(partition->tasks[i]->instance, lane->current_call);
    atomic_store(&lane->has_wakes, true); /* some may have asked while it was parked */
    return true;
}

void lane_detach(struct lane *lane, struct partition *partition) {
    if (lane->global == partition)
        lane->global = NULL;
    else if (lane_partition(lane, partition->number) == partition)
        lane->partitions[partition->number] = NULL;
    /* This lane still makes what calls remain into its instances. */
    atomic_store_explicit(&partition->lane, NULL, memory_order_release);
    atomic_fetch_sub(&lane->counts.unconfirmed, partition->in_flight_count);
    atomic_fetch_sub(&lane->counts.unconfirmed_bytes, partition_in_flight_bytes(partition));
}

void lane_use_projection(struct lane *lane, struct projection *projection,
                         struct decoder *decoder) {
    decoder_free(lane->decoder);
    projection_free(lane->projection);
    lane->decoder = decoder;
    lane->projection = projection;
}

static int64_t limit(const struct lane *lane, struct partition *partition, size_t stream,
                     int64_t done) {
    return checkpointing_place_limit(lane, partition, stream,
                                     checkpointing_limit(partition, stream, done));
}

void lane_store_topic(struct lane *lane, struct partition *partition, size_t topic,
                      bool does_store) {
    struct source *source = lane->options.source;
    struct offset_tracker *tracker = &partition->topics[topic];
    if (tracker->first != NULL) {
        const uint64_t bytes = tracker->in_flight_bytes;
        const uint64_t collected = offset_tracker_collect(tracker);
        partition->in_flight_count -= collected;
        counter_add(&lane->counts.unconfirmed, (uint64_t)0 - collected);
        counter_add(&lane->counts.unconfirmed_bytes, tracker->in_flight_bytes - bytes);
    }
    if (lane->options.transactor != NULL) {
        epochs_learn(lane, partition, topic);
        return;
    }
    int64_t done = limit(lane, partition, topic, offset_tracker_done(tracker));
    if (lane->global != NULL)
        done = limit(lane, lane->global,
                     partition_stream(lane->global, (uint32_t)topic, partition->number), done);
    if (does_store && done != tracker->stored && done != SOURCE_NO_OFFSET &&
        source->ops->store(source, (uint32_t)topic, partition->number, done))
        tracker->stored = done;
}

void lane_store(struct lane *lane) {
    const int64_t coarse_ns = clock_coarse_ns();
    checkpointing_journal(lane, lane->global, coarse_ns);
    for (size_t i = 0; i < lane->partition_capacity; i++) {
        struct partition *partition = lane->partitions[i];
        if (partition == NULL)
            continue;
        checkpointing_journal(lane, partition, coarse_ns);
        for (size_t topic = 0; topic < partition->topic_count; topic++)
            lane_store_topic(lane, partition, topic,
                             offset_tracker_is_owned(&partition->topics[topic]));
    }
}

/* ---- once a second ---- */

struct expiry {
    struct lane *lane;
    struct partition *partition;
};

static void symbol_expired(void *context, uint32_t id, const char *text, size_t size) {
    struct expiry *expiry = context;
    for (size_t i = 0; i < expiry->partition->task_count; i++) {
        deviation_besides(expiry->partition->tasks[i], "a symbol that expired");
        instance_symbol_expired(expiry->partition->tasks[i]->instance, id, text, size);
    }
    if (id < expiry->partition->route_capacity)
        expiry->partition->route_by_symbol[id] = NULL;
    counter_add(&expiry->lane->counts.symbols_expired, 1);
}

static void expire_symbols(struct lane *lane, struct partition *partition, int64_t coarse_ns) {
    struct expiry expiry = {lane, partition};
    if (partition != NULL)
        symbols_expire(partition->symbols, coarse_ns - lane->options.config->symbol_idle_ns,
                       EXPIRE_MOST, symbol_expired, &expiry);
}

static void look_at_suspended(struct lane *lane, struct partition *partition, int64_t coarse_ns) {
    for (size_t i = 0; partition != NULL && i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (atomic_load(&task->suspension) == SUSPENDED_NOT)
            continue;
        task_count_behind(task);
        if (coarse_ns >= atomic_load(&task->resume_ns))
            dispatch_resume(lane, task, true);
    }
}

static void keep_house(struct lane *lane, int64_t coarse_ns) {
    if (lane->options.is_replay || coarse_ns < lane->housekeeping_ns)
        return;
    lane->housekeeping_ns = coarse_ns + HOUSEKEEPING_NS;
    shadowing_look_when_due(lane, clock_ticks());
    const bool does_expire = lane->options.config->symbol_idle_ns > 0;
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        look_at_suspended(lane, partition, coarse_ns);
        if (does_expire)
            expire_symbols(lane, partition, coarse_ns);
    }
}

/* ---- the loop ---- */

/* Whether too much is unconfirmed. Once it is, it stays so until half of that is left, so that lane
 * and sinks work at the same time. */
static bool is_full(const struct lane *lane) {
    const struct config *config = lane->options.config;
    const uint64_t parts = lane->full_ns != 0 ? 2 : 1;
    const uint64_t count = ((uint64_t)config->max_unconfirmed + parts - 1) / parts;
    const uint64_t bytes = ((uint64_t)config->max_unconfirmed_bytes + parts - 1) / parts;
    return counter_read(&lane->counts.unconfirmed) >= count ||
           counter_read(&lane->counts.unconfirmed_bytes) >= bytes;
}

/* A lane that is faster than its sinks often pauses briefly; only a long pause is logged. In a
 * replay the reader of the signals sets the pace. */
static void log_pause(struct lane *lane, bool is_paused) {
    lane->is_pause_logged = is_paused;
    log_change_event(
        lane->options.log, lane->options.is_replay ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "engine",
        is_paused ? "lane.paused" : "lane.resumed",
        "lane %" PRIu32 " %s: %" PRIu64 " records await sink acknowledgement, with %" PRIu64
        " bytes%s",
        lane->options.index, is_paused ? "paused" : "resumed",
        counter_read(&lane->counts.unconfirmed), counter_read(&lane->counts.unconfirmed_bytes),
        is_paused ? " ([take5] max_unconfirmed, max_unconfirmed_bytes)" : "");
}

/* Waits briefly for the sinks if too much is unconfirmed. */
static bool is_throttled(struct lane *lane) {
    if (!is_full(lane)) {
        lane->full_ns = 0;
        if (lane->is_pause_logged)
            log_pause(lane, false);
        return false;
    }
    const int64_t now_ns = clock_monotonic_ns();
    if (lane->full_ns == 0)
        lane->full_ns = now_ns;
    else if (!lane->is_pause_logged && now_ns - lane->full_ns >= PAUSE_LOGGED_NS)
        log_pause(lane, true);
    counter_add(&lane->counts.throttled, 1);
    mailbox_rest(&lane->mailbox, UNCONFIRMED_MS * NS_PER_MS);
    return true;
}

static void count_latency(_Atomic uint64_t *buckets, _Atomic uint64_t *sum_us, int64_t latency_ns) {
    if (latency_ns < 0)
        latency_ns = 0;
    size_t i = 0;
    while (latency_ns >= LATENCY_BOUNDS_NS[i] && i + 1 < LATENCY_BUCKETS)
        i++;
    counter_add(&buckets[i], 1);
    counter_add(sum_us, (uint64_t)(latency_ns / NS_PER_US));
}

static void observe_latency(struct lane *lane, const struct record *record) {
    const int64_t now = clock_wall_ns();
    if (record->kafka_time_ms != RECORD_NO_TIME)
        count_latency(lane->counts.kafka_latency, &lane->counts.kafka_latency_sum_us,
                      clock_span_ns(clock_ms_ns(record->kafka_time_ms), now));
    if (lane->message.flags & T5_MESSAGE_HAS_EVENT_TIME)
        count_latency(lane->counts.event_latency, &lane->counts.event_latency_sum_us,
                      clock_span_ns(lane->message.event_time_ns, now));
}

static void handle_batch(struct lane *lane, struct record *records, size_t n) {
    const int64_t coarse_ns = clock_coarse_ns();
    struct prefetch prefetch = {{0}};
    uint64_t ticks = clock_ticks();
    for (size_t i = 0; i < n; i++) {
        if (__builtin_expect(atomic_load_explicit(&lane->mailbox.has_mail, memory_order_relaxed),
                             0)) {
            feed_lane_flush(lane->options.observed);
            serve_calls(lane);
            if (mailbox_has_ended(&lane->mailbox))
                break; /* the rest is not seen, and comes again */
            ticks = clock_ticks();
        }
        if (__builtin_expect(lane->is_broken, 0))
            break;
        prefetch_records(&prefetch, lane, records, n, i);
        lane->is_sampling = i == 0 && !lane->options.is_replay;
        if (__builtin_expect(lane->options.ahead_ns != NULL, 0) &&
            lane->options.ahead_ns(&records[i]) > 0)
            dispatch_history(lane, &records[i], &ticks, coarse_ns);
        else
            dispatch_record(lane, &records[i], &ticks, coarse_ns);
        shadowing_look_when_due(lane, ticks);
        if (i < SAMPLES_PER_BATCH && !lane->options.is_replay) {
            samples_add(&lane->samples, &records[i]);
            if (i == 0)
                observe_latency(lane, &records[i]);
        }
    }
    lane->is_sampling = false;
    feed_lane_flush(lane->options.observed);
    atomic_store_explicit(&lane->current_call->topic, NULL, memory_order_relaxed);
}

/* Feeds instances that are behind, for about this long in all. False: there was nothing to feed. */
static bool catch_up(struct lane *lane, int64_t budget_ns) {
    bool did = false, has_any = false;
    if (!lane->has_catch_up)
        return false;
    for (size_t i = 0; i <= lane->partition_capacity; i++) {
        struct partition *partition =
            i < lane->partition_capacity ? lane->partitions[i] : lane->global;
        if (partition == NULL || partition->catch_up == NULL)
            continue;
        has_any = true;
        did |= catch_up_step(lane, partition, budget_ns);
    }
    lane->has_catch_up = has_any;
    return did;
}

static int idle_ms(const struct lane *lane, int most_ms, int64_t next_wall_ns, int64_t now_ns) {
    int64_t wait_ms = most_ms;
    if (wait_ms > UNCONFIRMED_MS &&
        atomic_load_explicit(&lane->counts.unconfirmed, memory_order_relaxed) > 0)
        wait_ms = UNCONFIRMED_MS;
    if (next_wall_ns != INT64_MAX) {
        const int64_t until_ms = (next_wall_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        if (until_ms < wait_ms)
            wait_ms = until_ms > 0 ? until_ms : 0;
    }
    return (int)wait_ms;
}

static bool is_draining(const struct lane *lane) {
    return lane->options.is_draining != NULL && atomic_load(lane->options.is_draining);
}

static void note_dry(struct lane *lane) {
    if (atomic_exchange(&lane->is_dry, true) || lane->options.changed == NULL)
        return;
    event_signal(lane->options.changed);
}

static void *lane_main(void *argument) {
    struct lane *lane = argument;
    struct source *source = lane->options.source;
    struct record *records = lane->records;
    bool is_feeding = false;
    crash_enter_thread(lane->current_call);
    (void)guard_begin(&lane->guard);
    lane->current_call->guard = &lane->guard;
    while (!mailbox_has_ended(&lane->mailbox)) {
        note_heartbeat(lane);
        if (atomic_load(&lane->mailbox.has_mail)) {
            serve_calls(lane);
            continue;
        }
        lane_watch_strategies(lane, false);
        lane_store(lane);
        feed_lane_flush(lane->options.observed); /* of calls, and of catch-ups */
        journal_flush(&lane->journal, clock_coarse_ns(), false);
        const int most_ms =
            lane->options.transactor != NULL ? epochs_close_due(lane, IDLE_MS) : IDLE_MS;
        if (is_throttled(lane)) {
            /* What waits for a recovery to finish is not committed earlier. */
            if (lane->options.transactor != NULL)
                (void)catch_up(lane, FEED_NS);
            continue;
        }
        int64_t next_wall_ns = INT64_MAX, now_ns = 0;
        if (!lane->options.is_replay) {
            now_ns = clock_wall_ns();
            next_wall_ns = dispatch_wall_timers(lane, now_ns);
            keep_house(lane, clock_coarse_ns());
            checkpointing_due(lane, clock_coarse_ns());
        }
        dispatch_wakes(lane);
        shadowing_compare_all(lane); /* what was emitted between messages */
        feed_lane_flush(lane->options.observed);
        const bool is_broken = breakdown_has_come(lane->options.breakdown, NULL);
        if (is_broken || is_draining(lane)) {
            note_dry(lane);
            /* Offsets wait for the instances that are behind to get level with the stream. */
            if (is_broken || !catch_up(lane, FEED_NS))
                mailbox_rest(&lane->mailbox, UNCONFIRMED_MS * NS_PER_MS);
            continue;
        }
        atomic_store_explicit(&lane->is_dry, false, memory_order_relaxed);
        const size_t n =
            source->ops->read(source, lane->options.index, records, BATCH,
                              is_feeding ? 0 : idle_ms(lane, most_ms, next_wall_ns, now_ns));
        const int64_t began_ns = n > 0 && lane->has_catch_up ? clock_monotonic_ns() : 0;
        if (n > 0) {
            handle_batch(lane, records, n);
            source->ops->release(source, lane->options.index, records, n);
        }
        /* As long as the stream took, so that both make progress. */
        const int64_t took_ns = began_ns != 0 ? clock_monotonic_ns() - began_ns : 0;
        is_feeding = catch_up(lane, took_ns > FEED_NS ? took_ns : FEED_NS);
    }
    lane_store(lane);
    journal_flush(&lane->journal, 0, true);
    crash_leave_thread();
    return NULL;
}

struct lane *lane_new(const struct lane_options *options, struct projection *projection,
                      struct decoder *decoder, struct error *error) {
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        error_set_memory(error, "a lane");
        return NULL;
    }
    lane->options = *options;
    lane->scope.unconfirmed = &lane->counts.unconfirmed;
    lane->scope.unconfirmed_bytes = &lane->counts.unconfirmed_bytes;
    lane->current_call =
        options->current_call != NULL ? options->current_call : &lane->own_current_call;
    lane->slow_ticks = clock_ns_ticks(options->config->slow_callback_ns);
    lane->look_ticks = clock_ns_ticks(HOUSEKEEPING_NS);
    lane->looked_ticks = clock_ticks();
    lane->message.size = sizeof lane->message;
    journal_writer_init(&lane->journal, options->journal);
    const size_t samples = options->is_replay ? 0 : (size_t)options->config->rehearsal_messages;
    mailbox_init(&lane->mailbox, options->hurry_ns);
    lane->projection = projection;
    lane->decoder = decoder;
    note_heartbeat(lane);
    lane->records = calloc(BATCH, sizeof *lane->records);
    lane->blocks = blocks_new();
    if (lane->records == NULL || lane->blocks == NULL || !samples_init(&lane->samples, samples)) {
        error_set_memory(error, "a lane's records");
        goto failed;
    }
    for (size_t i = 0; i < options->sample_count; i++)
        if ((uint32_t)options->samples[i].partition % (uint32_t)options->config->lanes ==
            options->index)
            samples_add(&lane->samples, &options->samples[i]);
    lane->options.samples = NULL;
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
    free(lane->records);
    blocks_free(lane->blocks);
    samples_release(&lane->samples);
    mailbox_release(&lane->mailbox);
    free(lane);
    return NULL;
}

void lane_stop(struct lane *lane) {
    mailbox_stop(&lane->mailbox);
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
    free(lane->records);
    blocks_free(lane->blocks);
    free(lane->partitions);
    epoch_open_release(&lane->epoch);
    free(lane->tenures);
    mailbox_release(&lane->mailbox);
    free(lane);
}
