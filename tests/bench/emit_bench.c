/*
 * emit_bench - what a signal costs the lane, from `emit` to its return.
 *
 *   emit_bench [ROUNDS [SIGNALS]]
 *   emit_bench once [KIND]
 *
 * An instance emits 100 signals of 8 numbers for each message, through the service and the
 * publisher: to a sink that only keeps them, the same as in a host with HTTP, which observes the
 * latest of each of 1000 symbols, to one and to two files of JSON lines on /dev/null, and to the
 * log on /dev/null. The clock is read before and after the signals of a message; then
 * the sinks are waited for, or signals would pile up, which are emitted faster than any sink
 * writes. One line of JSON a kind: ns a signal of the calling thread's CPU time (with what the
 * strategy needs to fill it in), and ns of the process's other threads, as median, minimum and
 * maximum over the rounds (default 9) of SIGNALS each (default 20000).
 *
 * `once` emits 10000 signals to the first kind, or to that of the number, for callgrind:
 *   valgrind --tool=callgrind --toggle-collect=service_emit emit_bench once
 */
#include "base/blocks.h"
#include "base/clock.h"
#include "engine/core/deployment.h"
#include "engine/core/topic_table.h"
#include "engine/lane/publisher.h"
#include "feedstats/feed_stats.h"
#include "message/projection.h"
#include "sink/sink.h"
#include "strategy/instance/instance.h"
#include "strategy/plugin/description.h"

#include <take5/take5.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PER_MESSAGE 100
#define MAX_ROUNDS  1000

static int64_t cpu_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- a sink that takes what comes ---- */

struct taking_sink {
    struct sink sink;
    struct delivery *taken[PER_MESSAGE];
    size_t count;
};

static bool take(struct sink *sink, struct delivery *delivery) {
    struct taking_sink *self = (struct taking_sink *)sink;
    delivery_retain(delivery);
    self->taken[self->count++] = delivery;
    return true;
}

static bool take_flush(struct sink *sink, int timeout_ms) {
    struct taking_sink *self = (struct taking_sink *)sink;
    (void)timeout_ms;
    for (; self->count > 0; self->count--) {
        delivery_confirm(self->taken[self->count - 1]);
        delivery_release(self->taken[self->count - 1]);
    }
    return true;
}

static void take_close(struct sink *sink, int timeout_ms) {
    (void)take_flush(sink, timeout_ms);
    free(sink);
}

static const struct sink_ops take_ops = {.push = take, .flush = take_flush, .close = take_close};

static struct sink *taking_sink_new(void) {
    struct taking_sink *self = calloc(1, sizeof *self);
    if (self == NULL)
        exit(1);
    self->sink.ops = &take_ops;
    return &self->sink;
}

/* ---- the strategy ---- */

#define SYMBOLS 1000

static struct mine {
    t5_host *host;
    int64_t lane_ns;
    bool has_symbols; /* each signal is of the next symbol, not of the message's */
    size_t next;
    char symbols[SYMBOLS][8];
} mine;

static t5_str next_symbol(void) {
    if (!mine.has_symbols)
        return (t5_str){NULL, 0};
    return t5_text(mine.symbols[mine.next++ % SYMBOLS]);
}

static int32_t create(const t5_create_args *args, void **self) {
    mine.host = args->host;
    *self = &mine;
    return T5_OK;
}

static void destroy(void *self) {
    (void)self;
}

static int32_t on_message(void *self, const t5_message *message) {
    (void)self;
    const double price = message->price;
    const int64_t before = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < PER_MESSAGE; i++) {
        const double x = price + i;
        const t5_named_value values[] = {
            t5_named_number("close", x),          t5_named_number("mean", x * 1.0001),
            t5_named_number("slope", x / 7),      t5_named_number("intercept", x * 0.37),
            t5_named_number("deviation", x / 93), t5_named_number("upper", x * 1.02),
            t5_named_number("lower", x * 0.98),   t5_named_number("score", x / 311)};
        t5_signal signal = t5_signal_init("momentum_up", x / 500, 0.75);
        signal.symbol = next_symbol();
        if (t5_emit_values(mine.host, signal, values, 8) != T5_OK)
            exit(1);
    }
    mine.lane_ns += cpu_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    return T5_OK;
}

static const char *const topic_names[] = {"bar_trends", NULL};
static const t5_strategy strategy = {
    .size = (uint32_t)sizeof strategy,
    .name = "momentum",
    .version = "1.0.0",
    .topics = topic_names,
    .create = create,
    .destroy = destroy,
    .on_message = on_message,
};

/* ---- the lane ---- */

struct lane {
    struct publisher publisher;
    struct blocks *blocks;
    struct feed_stats *feed_stats;
    struct feed_lane *observed; /* NULL: not now */
    struct deployment deployment;
    struct task task;
    struct instance *instance;
    struct symbols *symbols;
    struct projection *projection;
    uint64_t ticks;
    int64_t offset;
};

static bool emit(void *context, struct instance *instance, const struct emitted_signal *emitted) {
    struct lane *lane = context;
    (void)instance;
    struct delivery *delivery =
        publisher_signal(&lane->publisher, &lane->task, emitted, NULL, 1, lane->blocks);
    if (delivery == NULL)
        return false;
    if (lane->observed != NULL)
        feed_lane_signal(lane->observed, 0, emitted->name.data, emitted->name.len, delivery);
    publisher_send(&lane->publisher, delivery);
    return true;
}

static void lane_init(struct lane *lane) {
    struct faults faults = FAULTS_INIT;
    struct error error;
    struct topics *topics = calloc(1, sizeof *topics + sizeof *topics->items);
    lane->blocks = blocks_new();
    lane->symbols = symbols_new(1000);
    lane->projection = projection_new();
    if (topics == NULL || lane->blocks == NULL || lane->symbols == NULL || lane->projection == NULL)
        exit(1);
    topics->count = 1;
    topics->items[0] = (struct topic){"bar_trends", "ib.bar.trends", 13};
    lane->publisher.topics = topics;
    lane->deployment.name = "momentum-fast";
    lane->deployment.description =
        description_new(&strategy, "momentum.so", strategy.name, strategy.version, &faults);
    if (lane->deployment.description == NULL ||
        !parameters_check(lane->deployment.description, NULL, &lane->deployment.parameters,
                          &faults))
        exit(1);
    lane->deployment.spec = (struct instance_spec){
        .deployment = lane->deployment.name,
        .descriptor = &strategy,
        .description = lane->deployment.description,
        .parameters = &lane->deployment.parameters,
    };
    lane->task = (struct task){.deployment = &lane->deployment, .origin = "fresh"};
    const struct instance_env env = {
        .mode = T5_MODE_LIVE,
        .symbols = lane->symbols,
        .max_signals_per_callback = PER_MESSAGE,
        .max_timers = 1,
        .context = lane,
        .emit = emit,
    };
    lane->instance = instance_create(&lane->deployment.spec, &env, lane->projection, NULL, &error);
    if (lane->instance == NULL)
        exit(1);
    instance_activate(lane->instance);
    lane->feed_stats = feed_stats_new(1, &error);
    if (lane->feed_stats == NULL)
        exit(1);
    for (int i = 0; i < SYMBOLS; i++)
        snprintf(mine.symbols[i], sizeof mine.symbols[i], "S%d", i);
    lane->ticks = clock_ticks();
}

static void give(struct lane *lane) {
    t5_message message = {
        .size = (uint32_t)sizeof message,
        .flags = T5_MESSAGE_HAS_EVENT_TIME | T5_MESSAGE_HAS_PRICE,
        .offset = lane->offset,
        .symbol = t5_text("AAPL"),
        .symbol_id = symbols_intern(lane->symbols, "AAPL", 4, NULL),
        .event_time_ns = 1718658930000000000 + lane->offset * NS_PER_S,
        .price = 480.25 + (double)(lane->offset % 1000) / 100,
        .time_frame_s = 60,
        .topic_name = t5_text("ib.bar.trends"),
    };
    lane->task.cause = (struct cause){0, 0, lane->offset++, 0};
    (void)instance_message(lane->instance, &message, 0, &lane->ticks);
    feed_lane_flush(lane->observed);
}

/* ---- the kinds ---- */

enum kind { KEPT, OBSERVED, JSONL, TWO_JSONL, TO_LOG, KINDS };
static const char *const kinds[] = {"kept", "observed", "jsonl", "two jsonl", "log"};

static struct sink *add(struct lane *lane, struct sink *sink) {
    if (sink == NULL)
        exit(1);
    lane->publisher.signal_sinks[lane->publisher.signal_sink_count++] = sink;
    return sink;
}

static void wire(struct lane *lane, size_t kind, struct log *log) {
    struct error error;
    mine.has_symbols = kind == OBSERVED;
    lane->observed = kind == OBSERVED ? feed_stats_lane(lane->feed_stats, 0) : NULL;
    if (kind == KEPT || kind == OBSERVED)
        add(lane, taking_sink_new());
    for (size_t i = JSONL; kind <= TWO_JSONL && i <= kind; i++)
        add(lane, sink_jsonl_new("/dev/null", false, log, &error));
    if (kind == TO_LOG)
        add(lane, sink_log_new(log, &error));
}

static void unwire(struct lane *lane) {
    for (size_t i = 0; i < lane->publisher.signal_sink_count; i++)
        lane->publisher.signal_sinks[i]->ops->close(lane->publisher.signal_sinks[i], 10000);
    lane->publisher.signal_sink_count = 0;
}

static void flush(struct lane *lane) {
    for (size_t i = 0; i < lane->publisher.signal_sink_count; i++)
        lane->publisher.signal_sinks[i]->ops->flush(lane->publisher.signal_sinks[i], 60000);
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void say(const char *name, double *figures, size_t count) {
    qsort(figures, count, sizeof *figures, compare);
    printf(",\"%s\":[%.0f,%.0f,%.0f]", name, figures[count / 2], figures[0], figures[count - 1]);
}

static void measure(struct lane *lane, size_t kind, size_t rounds, size_t signals) {
    static double of_lane[MAX_ROUNDS], of_others[MAX_ROUNDS];
    for (size_t round = 0; round < rounds; round++) {
        mine.lane_ns = 0;
        const int64_t all = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
        const int64_t own = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
        for (size_t i = 0; i < signals / PER_MESSAGE; i++) {
            give(lane);
            flush(lane);
        }
        const int64_t others =
            (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - all) - (cpu_ns(CLOCK_THREAD_CPUTIME_ID) - own);
        of_lane[round] = (double)mine.lane_ns / (double)signals;
        of_others[round] = (double)others / (double)signals;
    }
    printf("{\"sinks\":\"%s\",\"signals\":%zu", kinds[kind], signals);
    say("lane_ns", of_lane, rounds);
    say("others_ns", of_others, rounds);
    printf("}\n");
}

int main(int argc, char **argv) {
    const bool is_once = argc > 1 && strcmp(argv[1], "once") == 0;
    size_t rounds = argc > 1 && !is_once ? (size_t)atol(argv[1]) : 9;
    const size_t signals = argc > 2 && !is_once ? (size_t)atol(argv[2]) : 20000;
    struct error error;
    struct log *log = log_new();
    static struct lane lane;
    if (log == NULL || !log_configure(log,
                                      &(struct log_options){.level = LOG_LEVEL_INFO,
                                                            .format = LOG_FORMAT_CONSOLE,
                                                            .color = LOG_COLOR_NEVER,
                                                            .path = "/dev/null"},
                                      &error))
        return 1;
    lane_init(&lane);
    if (rounds < 1 || rounds > MAX_ROUNDS)
        rounds = 9;
    const size_t first = is_once && argc > 2 ? (size_t)atol(argv[2]) % KINDS : 0;
    for (size_t kind = first; kind < (is_once ? first + 1 : KINDS); kind++) {
        wire(&lane, kind, log);
        measure(&lane, kind, is_once ? 1 : rounds, is_once ? 10000 : signals);
        unwire(&lane);
    }
    instance_destroy(lane.instance);
    feed_stats_free(lane.feed_stats);
    blocks_free(lane.blocks);
    log_free(log);
    return 0;
}
