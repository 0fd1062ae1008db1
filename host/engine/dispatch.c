#include "engine/dispatch.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ERROR_LOG_EVERY_NS (10 * NS_PER_S)

/* Single writer: a load and a store, no locked instruction. */
static inline void count(_Atomic uint64_t *counter, uint64_t more) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static const char *topic_name(const struct lane *lane, uint32_t topic) {
    const struct config *config = lane->options.outbox->config;
    return topic < config->topic_count ? config->topics[topic].name : "-";
}

/* ---- what a signal or letter of the message in hand holds back ---- */

static struct pending *hold(struct lane *lane) {
    if (lane->pending == NULL && lane->progress != NULL) {
        lane->pending = progress_hold(lane->progress, lane->hold_offset);
        if (lane->pending != NULL) {
            lane->progress_partition->pending_count++;
            count(&lane->counts.unconfirmed, 1);
        }
    }
    return lane->pending;
}

void dispatch_settle(struct lane *lane) {
    in_hand_settle(&lane->in_hand);
    if (lane->pending != NULL)
        pending_drop(lane->pending);
    lane->pending = NULL;
    lane->progress = NULL;
    lane->progress_partition = NULL;
}

bool lane_emit(void *context, struct instance *instance, const struct emission *emission) {
    struct seat *seat = context;
    struct lane *lane = seat->partition->home;
    (void)instance;
    struct pending *pending = NULL;
    if (lane->options.outbox->signal_sink_count > 0 && lane->progress != NULL) {
        pending = hold(lane);
        if (pending == NULL)
            return false;
    }
    return outbox_signal(lane->options.outbox, seat, emission, pending, lane->sequence);
}

void lane_wake(void *context, struct instance *instance) {
    struct seat *seat = context;
    struct lane *lane = seat->partition->home;
    (void)instance;
    atomic_store(&seat->is_woken, true);
    atomic_store(&lane->has_wakes, true);
    lane->options.source->ops->wake(lane->options.source, lane->options.index);
}

/* A letter that cannot be made holds its offset back: the message comes again after a restart. */
static void bury(struct lane *lane, const struct record *record, const char *reason,
                 const char *message, const char *deployment) {
    if (lane->options.unusable != NULL)
        lane->options.unusable(lane->options.unusable_context, record, reason, message, deployment);
    struct pending *pending = hold(lane);
    if (pending == NULL || !outbox_letter(lane->options.outbox, lane->options.source, record,
                                          reason, message, deployment, pending)) {
        if (pending != NULL)
            pending_add_hold(pending);
        log_write(lane->options.log, LOG_LEVEL_CRITICAL, "engine",
                  "out of memory: no dead letter for %s/%" PRId32 "/%" PRId64
                  "; its offset is held back until a restart",
                  topic_name(lane, record->topic), record->partition, record->offset);
    }
}

/* ---- errors, suspension ---- */

static void remember_error(struct lane *lane, struct seat *seat, const char *text) {
    pthread_mutex_lock(lane->options.status_lock);
    snprintf(seat->last_error, sizeof seat->last_error, "%s", text);
    pthread_mutex_unlock(lane->options.status_lock);
}

/* Says an error, but not more often than every ten seconds for one instance. */
static void say_error(struct lane *lane, struct seat *seat, const char *what) {
    const int64_t now = clock_wall_ns();
    if (seat->last_error_ns != 0 && now - seat->last_error_ns < ERROR_LOG_EVERY_NS) {
        seat->unsaid_errors++;
        return;
    }
    char text[256];
    snprintf(text, sizeof text, "%s at %s/%" PRId32 "/%" PRId64 ": %s", what,
             topic_name(lane, seat->cause.topic), seat->cause.partition, seat->cause.offset,
             instance_complaint(seat->instance));
    remember_error(lane, seat, text);
    seat->last_error_ns = now;
    if (seat->unsaid_errors > 0)
        log_warning(lane->options.log, "strategy", "%s: %s (and %" PRIu64 " more since)",
                    seat->deployment->name, text, seat->unsaid_errors);
    else
        log_warning(lane->options.log, "strategy", "%s: %s", seat->deployment->name, text);
    seat->unsaid_errors = 0;
}

void dispatch_suspend(struct lane *lane, struct seat *seat, enum suspension why,
                      int64_t resume_ns) {
    if (atomic_load(&seat->suspension) == SUSPENDED_NOT) {
        for (size_t i = 0; i < seat->partition->topic_count; i++)
            seat->gap_from[i] = SOURCE_NO_OFFSET;
    }
    atomic_store(&seat->resume_ns, resume_ns);
    atomic_store(&seat->suspension, (int)why);
    count(&seat->suspensions, 1);
    char until[64] = "until resumed";
    if (resume_ns != INT64_MAX)
        snprintf(until, sizeof until, "for %.1f s",
                 (double)(resume_ns - clock_coarse_ns()) / (double)NS_PER_S);
    log_warning(lane->options.log, "strategy", "%s on partition %" PRId32 ": suspended (%s), %s",
                seat->deployment->name, seat->partition->number, suspension_name(why), until);
}

static int64_t next_offset(const struct lane *lane, const struct seat *seat, size_t topic) {
    if (seat->partition->number != PARTITION_GLOBAL)
        return seat->partition->topics[topic].next;
    (void)lane;
    return SOURCE_NO_OFFSET; /* many partitions: no one offset */
}

void dispatch_resume(struct lane *lane, struct seat *seat) {
    atomic_store(&seat->suspension, (int)SUSPENDED_NOT);
    atomic_store(&seat->resume_ns, 0);
    seat->errors_in_row = 0;
    log_info(lane->options.log, "strategy", "%s on partition %" PRId32 ": back to work",
             seat->deployment->name, seat->partition->number);
    for (size_t i = 0; i < seat->partition->topic_count; i++) {
        if (seat->gap_from[i] == SOURCE_NO_OFFSET || seat->deployment->topics[i] == NOT_WANTED)
            continue;
        const bool is_global = seat->partition->number == PARTITION_GLOBAL;
        const int64_t to = next_offset(lane, seat, i);
        lane_event(lane, seat,
                   &(t5_event){.size = sizeof(t5_event),
                               .kind = T5_EVENT_GAP,
                               .topic = seat->deployment->topics[i],
                               .symbol_id = T5_NO_SYMBOL,
                               .from_offset = is_global ? -1 : seat->gap_from[i],
                               .to_offset = to == SOURCE_NO_OFFSET ? -1 : to});
        seat->gap_from[i] = SOURCE_NO_OFFSET;
    }
}

static void count_error(struct lane *lane, struct seat *seat, const char *what) {
    const struct config *config = lane->options.config;
    say_error(lane, seat, what);
    seat->errors_in_row++;
    /* In a replay nothing may depend on the machine's clock. */
    if (lane->options.is_replay || seat->errors_in_row < (uint64_t)config->error_run)
        return;
    if (seat->suspend_ns == 0)
        seat->suspend_ns = config->suspend_ns;
    dispatch_suspend(lane, seat, SUSPENDED_ERRORS, clock_coarse_ns() + seat->suspend_ns);
    seat->suspend_ns *= 2;
    if (seat->suspend_ns > config->suspend_max_ns)
        seat->suspend_ns = config->suspend_max_ns;
}

static void count_reject(struct lane *lane, struct seat *seat, const struct record *record) {
    const struct config *config = lane->options.config;
    say_error(lane, seat, "rejected");
    bury(lane, record, "rejected", instance_complaint(seat->instance), seat->deployment->name);
    if (lane->options.is_replay)
        return;
    const int64_t now = clock_coarse_ns();
    if (now - seat->reject_window_ns > 60 * NS_PER_S) {
        seat->reject_window_ns = now;
        seat->rejects_in_window = 0;
    }
    if (++seat->rejects_in_window < (uint64_t)config->reject_rate)
        return;
    seat->rejects_in_window = 0;
    if (seat->suspend_ns == 0)
        seat->suspend_ns = config->suspend_ns;
    dispatch_suspend(lane, seat, SUSPENDED_REJECTS, now + seat->suspend_ns);
    seat->suspend_ns *= 2;
    if (seat->suspend_ns > config->suspend_max_ns)
        seat->suspend_ns = config->suspend_max_ns;
}

void dispatch_slow(void *context, struct instance *instance, enum callback callback,
                   int64_t took_ns) {
    struct seat *seat = context;
    struct lane *lane = seat->partition->home;
    const int64_t now = clock_wall_ns();
    char more[96] = "";
    (void)instance;
    /* As often as an error: one that is slow is so with every message. */
    if (seat->last_slow_ns != 0 && now - seat->last_slow_ns < ERROR_LOG_EVERY_NS) {
        seat->unsaid_slow++;
        if (took_ns > seat->slowest_ns)
            seat->slowest_ns = took_ns;
        return;
    }
    if (seat->unsaid_slow > 0)
        snprintf(more, sizeof more, " (and %" PRIu64 " more since, up to %.1f ms)",
                 seat->unsaid_slow, (double)seat->slowest_ns / (double)NS_PER_MS);
    log_warning(lane->options.log, "strategy",
                "%s: slow %s at %s/%" PRId32 "/%" PRId64 ": took %.1f ms, more than %.0f ms%s",
                seat->deployment->name, callback_name(callback),
                topic_name(lane, seat->cause.topic), seat->cause.partition, seat->cause.offset,
                (double)took_ns / (double)NS_PER_MS,
                (double)lane->options.config->slow_callback_ns / (double)NS_PER_MS, more);
    seat->last_slow_ns = now;
    seat->slowest_ns = 0;
    seat->unsaid_slow = 0;
}

/* ---- one record ---- */

/* Whether a suspended seat lets the message pass by; puts it back to work when its time has come.
 */
static bool passes_by(struct lane *lane, struct seat *seat, const struct record *record,
                      int64_t coarse_ns) {
    if (coarse_ns >= atomic_load_explicit(&seat->resume_ns, memory_order_relaxed)) {
        dispatch_resume(lane, seat);
        return false;
    }
    if (seat->gap_from[record->topic] == SOURCE_NO_OFFSET)
        seat->gap_from[record->topic] = record->offset;
    count(&seat->passed, 1);
    return true;
}

static void call_seat(struct lane *lane, const struct route_entry *entry,
                      const struct record *record, uint64_t *ticks_now) {
    struct seat *seat = entry->seat;
    seat->cause = (struct cause){
        .topic = record->topic, .partition = record->partition, .offset = record->offset};
    const int32_t code = instance_message(seat->instance, &lane->message, entry->topic, ticks_now);
    if (__builtin_expect(code == T5_OK, 1)) {
        seat->errors_in_row = 0;
        return;
    }
    if (code == T5_REJECT)
        count_reject(lane, seat, record);
    else
        count_error(lane, seat, "on_message failed");
}

static void route_message(struct lane *lane, struct partition *partition,
                          const struct record *record, uint64_t *ticks_now, int64_t coarse_ns) {
    t5_message *message = &lane->message;
    const uint32_t id =
        symbols_intern(partition->symbols, message->symbol.data, message->symbol.len, NULL);
    if (id == SYMBOL_NONE) {
        count(&lane->counts.bad[DECODE_TOO_MANY_SYMBOLS], 1);
        char text[128];
        snprintf(text, sizeof text,
                 "symbol table of partition %" PRId32 " is full at %" PRIu32
                 " symbols ([decode] max_symbols)",
                 partition->number, symbols_count(partition->symbols));
        bury(lane, record, decode_reason_name(DECODE_TOO_MANY_SYMBOLS), text, NULL);
        return;
    }
    symbols_touch(partition->symbols, id, coarse_ns);
    count(&lane->counts.decoded, 1);
    if (lane->options.observed != NULL) {
        /* The table's text: the message's may go with the message. */
        t5_str symbol = {.len = 0};
        symbol.data = symbols_text(partition->symbols, id, &symbol.len);
        observe_message(lane->options.observed, record->topic, record->partition, id, symbol,
                        message, (uint32_t)(coarse_ns >> 30));
    }
    struct route *route = id < partition->route_capacity ? partition->route_by_symbol[id] : NULL;
    if (__builtin_expect(route == NULL, 0)) {
        route = partition_route(partition, id, message->symbol.data, message->symbol.len);
        if (route == NULL) {
            bury(lane, record, "no-memory", "no memory to route the message", NULL);
            return;
        }
    }
    if (route->begin[record->topic] < route->begin[record->topic + 1])
        *ticks_now = clock_ticks(); /* decoding is not the first strategy's time */
    uint32_t global_id = SYMBOL_NONE;
    const struct route_entry *entry = route->entries + route->begin[record->topic];
    const struct route_entry *end = route->entries + route->begin[record->topic + 1];
    for (; entry < end; entry++) {
        if (entry->time_frames != NULL &&
            !deployment_wants_time_frame(entry->seat->deployment, message->time_frame_s))
            continue;
        if (__builtin_expect(atomic_load_explicit(&entry->seat->suspension, memory_order_relaxed) !=
                                 SUSPENDED_NOT,
                             0) &&
            passes_by(lane, entry->seat, record, coarse_ns))
            continue;
        message->symbol_id = id;
        if (entry->is_global) {
            if (global_id == SYMBOL_NONE) {
                global_id = symbols_intern(lane->global->symbols, message->symbol.data,
                                           message->symbol.len, NULL);
                symbols_touch(lane->global->symbols, global_id, coarse_ns);
            }
            message->symbol_id = global_id;
        }
        call_seat(lane, entry, record, ticks_now);
    }
}

static void tell_gap(struct lane *lane, struct partition *partition, uint32_t topic, int64_t from,
                     int64_t to) {
    for (size_t i = 0; partition != NULL && i < partition->seat_count; i++) {
        struct seat *seat = partition->seats[i];
        if (seat->deployment->topics[topic] == NOT_WANTED)
            continue;
        lane_event(lane, seat,
                   &(t5_event){.size = sizeof(t5_event),
                               .kind = T5_EVENT_GAP,
                               .topic = seat->deployment->topics[topic],
                               .symbol_id = T5_NO_SYMBOL,
                               .from_offset = from,
                               .to_offset = to});
    }
}

/*
 * A record that is not the next one. Below: seen already, unless the log now ends before what was
 * expected, which means that it was made anew or cut; then reading goes on where it begins. Above:
 * a hole that compaction or control records left, unless the log now begins above what was
 * expected, which means that messages were deleted before they were read. Gives whether to handle
 * the record.
 */
static bool is_to_handle(struct lane *lane, struct partition *partition,
                         const struct record *record) {
    struct source *source = lane->options.source;
    struct progress *progress = &partition->topics[record->topic];
    int64_t low, high;
    const bool is_known = source->ops->range != NULL &&
                          source->ops->range(source, record->topic, record->partition, &low, &high);
    if (record->offset < progress->next && !(is_known && high < progress->next)) {
        count(&lane->counts.seen, 1);
        return false;
    }
    if (record->offset > progress->next && !(is_known && low > progress->next))
        return true;
    log_warning(lane->options.log, "engine",
                "%s/%" PRId32 ": offset %" PRId64 " was next, and the log now has %" PRId64
                " to %" PRId64 ": %s; reading on from %" PRId64,
                topic_name(lane, record->topic), record->partition, progress->next, low, high,
                record->offset < progress->next ? "the topic was made anew"
                                                : "messages were deleted before they were read",
                record->offset);
    tell_gap(lane, partition, record->topic, progress->next, record->offset);
    tell_gap(lane, lane->global, record->topic, -1, -1);
    return true;
}

void dispatch_record(struct lane *lane, const struct record *record, uint64_t *ticks_now,
                     int64_t coarse_ns) {
    struct partition *partition = lane_partition(lane, record->partition);
    if (partition == NULL || !partition->topics[record->topic].is_owned) {
        count(&lane->counts.not_owned, 1);
        return;
    }
    struct progress *progress = &partition->topics[record->topic];
    if (record->offset != progress->next && progress->next != SOURCE_NO_OFFSET &&
        !is_to_handle(lane, partition, record))
        return;
    if (__builtin_expect(lane->journal.journal != NULL, 0))
        journal_note(&lane->journal, record);
    lane->progress = progress;
    lane->progress_partition = partition;
    lane->hold_offset = record->offset;
    lane->sequence = lane->options.sequence != NULL ? lane->options.sequence(record) : 0;
    atomic_store_explicit(&lane->in_hand.topic, topic_name(lane, record->topic),
                          memory_order_relaxed);
    atomic_store_explicit(&lane->in_hand.partition, record->partition, memory_order_relaxed);
    atomic_store_explicit(&lane->in_hand.offset, record->offset, memory_order_relaxed);
    count(&lane->counts.messages, 1);
    count(&lane->counts.bytes, record->payload_size + record->key_size);

    uint32_t remarks = 0;
    const enum decode_reason reason =
        decoder_decode(lane->decoder, record, &lane->message, &remarks);
    if (__builtin_expect(reason == DECODE_OK, 1)) {
        lane->message.topic_name.data = topic_name(lane, record->topic);
        lane->message.topic_name.len = strlen(lane->message.topic_name.data);
        if (__builtin_expect(remarks != 0, 0)) {
            count(&lane->counts.key_differs, (remarks & DECODE_REMARK_KEY_DIFFERS) != 0);
            count(&lane->counts.non_finite, (remarks & DECODE_REMARK_NON_FINITE) != 0);
            count(&lane->counts.suspect_time, (remarks & DECODE_REMARK_SUSPECT_TIME) != 0);
        }
        route_message(lane, partition, record, ticks_now, coarse_ns);
    } else {
        count(&lane->counts.bad[reason], 1);
        bury(lane, record, decode_reason_name(reason), decoder_complaint(lane->decoder), NULL);
    }
    progress->next = record->offset + 1;
    dispatch_settle(lane);
}

/* ---- between messages ---- */

/* Signals of a wall-clock timer or such hold back the next offset of the topic that the seat's last
 * message came from. */
static void take_cause(struct lane *lane, const struct seat *seat) {
    lane->progress = NULL;
    if (seat->cause.topic == NOT_WANTED)
        return;
    struct partition *partition = lane_partition(lane, seat->cause.partition);
    if (partition == NULL || !partition->topics[seat->cause.topic].is_owned)
        return;
    lane->progress = &partition->topics[seat->cause.topic];
    lane->progress_partition = partition;
    lane->hold_offset = lane->progress->next;
}

static int64_t fire_due(struct lane *lane, struct partition *partition, int64_t now_ns) {
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < partition->seat_count; i++) {
        struct seat *seat = partition->seats[i];
        if (atomic_load_explicit(&seat->suspension, memory_order_relaxed) != SUSPENDED_NOT)
            continue;
        if (instance_next_wall_ns(seat->instance) <= now_ns) {
            take_cause(lane, seat);
            if (instance_wall_timers(seat->instance, now_ns) > 0)
                count_error(lane, seat, "on_timer failed");
            dispatch_settle(lane);
        }
        const int64_t due = instance_next_wall_ns(seat->instance);
        if (due < next)
            next = due;
    }
    return next;
}

int64_t dispatch_wall_timers(struct lane *lane, int64_t now_ns) {
    int64_t next = lane->global != NULL ? fire_due(lane, lane->global, now_ns) : INT64_MAX;
    for (size_t i = 0; i < lane->partition_capacity; i++) {
        if (lane->partitions[i] == NULL)
            continue;
        const int64_t due = fire_due(lane, lane->partitions[i], now_ns);
        if (due < next)
            next = due;
    }
    return next;
}

static void serve_wakes(struct partition *partition) {
    for (size_t i = 0; partition != NULL && i < partition->seat_count; i++) {
        if (atomic_exchange(&partition->seats[i]->is_woken, false))
            instance_woken(partition->seats[i]->instance);
    }
}

void dispatch_wakes(struct lane *lane) {
    if (!atomic_exchange(&lane->has_wakes, false))
        return;
    serve_wakes(lane->global);
    for (size_t i = 0; i < lane->partition_capacity; i++)
        serve_wakes(lane->partitions[i]);
}
