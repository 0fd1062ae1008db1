/*
 * eight: reads eight fields of each message, by its topic, and does nothing with them but a sum.
 * The strategy whose cost is the host's.
 *
 * It is a measuring instrument as well, by its parameters: with `report` it writes what meter.h
 * measures once all messages have come, `totals` of them for the partition numbers 0, 1, ... With
 * `stamped` it takes the messages for those of fill -s and notes how old they are, `totals` then
 * being one number. `fields` = no leaves the fields out: a strategy that wants none. `burn` makes
 * each callback take as many nanoseconds: a strategy that is slower than the client; `sleeps` = yes
 * makes it use no processor meanwhile, as one that waits for something else. `signals` =
 * yes emits a signal of eight numbers for each message, or for one in `every`, and times some of
 * those calls; when messages are stamped, so are these signals.
 *
 * What it measures belongs to the process and not to an instance, hence the statics, which no other
 * strategy should have.
 */
#include <take5/take5.h>

#include "meter.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TOPICS = 3, FIELDS = 8, PARTITIONS = 64, PATH_SIZE = 1024 };

/* Every so many calls one is timed: reading the thread's clock costs more than the call. */
#define TIMED_CALL_EVERY 32

static const char *const paths[TOPICS * FIELDS] = {
    "barData.close",
    "barData.wap",
    "barData.tradeCount",
    "lastSampleStats.mean",
    "lastSampleStats.std",
    "lastSampleStats.change",
    "lastSampleStats.slope",
    "lastSampleStats.sampleSize",

    "barData.close",
    "stats.mean",
    "stats.std",
    "stats.variance",
    "stats.range",
    "stats.standardError",
    "stats.sampleSize",
    "z_score",

    "trendData.wSma_slope",
    "trendData.wSma_intercept",
    "trendData.wSma_slope_std_err",
    "trendData.predictedNext",
    "trendData.rSquared",
    "trendData.residual",
    "trendData.sampleSize",
    "direction",
};

/* Of the deployment that measures. */
static struct meter meter;
static struct latencies latencies;
static char report[PATH_SIZE];
static uint64_t totals[PARTITIONS];
static _Atomic uint64_t seen[PARTITIONS]; /* with `warm` */
static _Atomic bool has_begun;
static _Atomic int partitions_left;

struct eight {
    t5_host *host;
    double sum;
    uint64_t count;
    uint64_t total; /* 0: this deployment does not measure */
    uint64_t warm;  /* messages of its own that go by before it begins */
    _Atomic uint64_t *seen;
    uint32_t stamp_field; /* index; 0: messages bear no stamp */
    int64_t burn_ns;
    bool does_sleep;
    uint64_t emits_every; /* so many messages one signal; 0: none */
    bool reads_fields;
};

/* ---- its life ---- */

static int parse_totals(const char *text) {
    int count = 0;
    uint64_t sum = 0;
    for (char *end; *text != '\0' && count < PARTITIONS; text = *end == ',' ? end + 1 : end) {
        totals[count] = strtoull(text, &end, 10);
        if (end == text)
            return -1;
        sum += totals[count++];
    }
    meter.messages = sum;
    int left = 0;
    for (int i = 0; i < count; i++)
        left += totals[i] > 0;
    atomic_store(&partitions_left, left);
    return count;
}

/* The loader thread makes one instance after the other, so the statics are set by the first. */
static int32_t begin_measuring(struct eight *eight, const t5_create_args *args, t5_str path) {
    const int is_stamped = t5_parameter_integer(args->host, "stamped") != 0;
    if (report[0] == '\0') {
        const t5_str text = t5_parameter_text(args->host, "totals");
        char list[1024];
        if (path.len >= sizeof report || text.len >= sizeof list)
            return t5_fail(args->host, "report or totals is too long");
        memcpy(list, text.data, text.len);
        list[text.len] = '\0';
        if (parse_totals(list) < 1 || meter.messages == 0)
            return t5_fail(args->host, "totals must be numbers with commas between them");
        if (is_stamped && !latencies_init(&latencies, meter.messages))
            return t5_fail(args->host, "out of memory");
        memcpy(report, path.data, path.len);
        report[path.len] = '\0';
    }
    const size_t number = (size_t)args->partition % PARTITIONS;
    eight->total = is_stamped ? meter.messages : totals[number];
    eight->warm = eight->total * (uint64_t)t5_parameter_integer(args->host, "warm") / 100;
    eight->seen = &seen[number];
    if (is_stamped)
        return args->host->services->declare_field(args->host, "sentNs", 6, &eight->stamp_field);
    return T5_OK;
}

static int32_t create(const t5_create_args *args, void **self) {
    struct eight *eight = calloc(1, sizeof *eight);
    if (eight == NULL)
        return t5_fail(args->host, "out of memory");
    eight->host = args->host;
    eight->burn_ns = t5_parameter_integer(args->host, "burn");
    eight->does_sleep = t5_parameter_integer(args->host, "sleeps") != 0;
    if (t5_parameter_integer(args->host, "signals") != 0)
        eight->emits_every = (uint64_t)t5_parameter_integer(args->host, "every");
    eight->reads_fields = t5_parameter_integer(args->host, "fields") != 0;
    int32_t code = T5_OK;
    uint32_t index;
    for (size_t i = 0; eight->reads_fields && i < TOPICS * FIELDS && code == T5_OK; i++)
        code = args->host->services->declare_field(args->host, paths[i], strlen(paths[i]), &index);
    const t5_str path = t5_parameter_text(args->host, "report");
    if (code == T5_OK && path.len > 0 && args->mode == T5_MODE_LIVE)
        code = begin_measuring(eight, args, path);
    if (code != T5_OK) {
        free(eight);
        return code;
    }
    *self = eight;
    return T5_OK;
}

/* ---- measuring ---- */

static void finish(const struct latencies *noted) {
    meter.last = meter_read();
    (void)meter_report(&meter, noted, report);
}

static void begin(void) {
    meter.first = meter_read();
    for (size_t i = 0; i < PARTITIONS; i++)
        meter.messages -= atomic_load(&seen[i]);
}

static void note(struct eight *eight, const t5_message *message) {
    if (!atomic_load_explicit(&has_begun, memory_order_relaxed)) {
        if (eight->count > eight->warm && !atomic_exchange(&has_begun, true))
            begin();
        else
            atomic_store(eight->seen, eight->count);
    }
    if (eight->stamp_field > 0) {
        if (latencies.count == latencies.capacity)
            return;
        latencies_add(&latencies, t5_field(message, eight->stamp_field)->integer);
        if (latencies.count == latencies.capacity)
            finish(&latencies);
    } else if (eight->count == eight->total && atomic_fetch_sub(&partitions_left, 1) == 1) {
        finish(NULL);
    }
}

static void burn(const struct eight *eight) {
    const int64_t until = meter_clock_ns(CLOCK_MONOTONIC) + eight->burn_ns;
    const struct timespec time = {.tv_sec = (time_t)(eight->burn_ns / 1000000000),
                                  .tv_nsec = (long)(eight->burn_ns % 1000000000)};
    if (eight->does_sleep)
        (void)nanosleep(&time, NULL);
    while (!eight->does_sleep && meter_clock_ns(CLOCK_MONOTONIC) < until)
        continue;
}

/* ---- messages ---- */

/* Seven numbers and one that is a text in one of the topics. */
static double sum_of_fields(const t5_message *message, uint32_t first) {
    const t5_value *last = t5_field(message, first + 7);
    return (t5_field_number(message, first) + t5_field_number(message, first + 1)) +
           (t5_field_number(message, first + 2) + t5_field_number(message, first + 3)) +
           (t5_field_number(message, first + 4) + t5_field_number(message, first + 5)) +
           t5_field_number(message, first + 6) +
           (last->type == T5_VALUE_TEXT ? (double)last->length : last->number);
}

static int32_t emit(const struct eight *eight, const t5_message *message) {
    static const char *const names[FIELDS] = {"first", "second", "third",   "fourth",
                                              "fifth", "sixth",  "seventh", "price"};
    t5_named_value values[FIELDS + 1];
    uint32_t count = FIELDS;
    for (uint32_t i = 0; i < FIELDS - 1; i++)
        values[i] =
            t5_named_number(names[i], t5_field_number(message, message->topic * FIELDS + i));
    values[FIELDS - 1] = t5_named_number(names[FIELDS - 1], message->price);
    if (eight->stamp_field > 0)
        values[count++] =
            t5_named_integer("sentNs", t5_field(message, eight->stamp_field)->integer);
    const t5_signal signal = t5_signal_init("eight", (double)eight->count, 1);
    if (eight->total == 0 || eight->count % TIMED_CALL_EVERY != 0)
        return t5_emit_values(eight->host, signal, values, count);
    /* The clock's own time is that between two reads with nothing between them. */
    const int64_t before_ns = meter_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const int64_t begin_ns = meter_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    const int32_t code = t5_emit_values(eight->host, signal, values, count);
    const int64_t end_ns = meter_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    meter.calls++;
    meter.call_cpu_ns += (end_ns - begin_ns) - (begin_ns - before_ns);
    return code;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct eight *eight = self;
    if (eight->reads_fields)
        eight->sum += sum_of_fields(message, message->topic * FIELDS);
    eight->count++;
    if (eight->emits_every > 0 && eight->count % eight->emits_every == 0 &&
        emit(eight, message) != T5_OK)
        return t5_fail(eight->host, "the signal was refused");
    if (eight->burn_ns > 0)
        burn(eight);
    if (eight->total > 0)
        note(eight, message);
    return T5_OK;
}

/* ---- what it is ---- */

static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};

static const t5_parameter fields = {
    .size = sizeof fields,
    .type = T5_PARAMETER_BOOLEAN,
    .name = "fields",
    .help = "whether the eight are read; else none is wanted",
    .default_value = "yes",
};
static const t5_parameter report_path = {
    .size = sizeof report_path,
    .type = T5_PARAMETER_TEXT,
    .name = "report",
    .help = "where the measurement is written; empty: nothing is measured",
    .default_value = "",
};
static const t5_parameter totals_list = {
    .size = sizeof totals_list,
    .type = T5_PARAMETER_TEXT,
    .name = "totals",
    .help = "messages to come, by partition number",
    .default_value = "0",
};
static const t5_parameter warm = {
    .size = sizeof warm,
    .type = T5_PARAMETER_INTEGER,
    .name = "warm",
    .help = "percent of the messages that go by before it begins",
    .default_value = "0",
    .min = "0",
    .max = "99",
};
static const t5_parameter stamped = {
    .size = sizeof stamped,
    .type = T5_PARAMETER_BOOLEAN,
    .name = "stamped",
    .help = "messages bear the time of sending",
    .default_value = "no",
};
static const t5_parameter burn_time = {
    .size = sizeof burn_time,
    .type = T5_PARAMETER_INTEGER,
    .name = "burn",
    .help = "nanoseconds that each callback takes",
    .default_value = "0",
    .min = "0",
};
static const t5_parameter sleeps = {
    .size = sizeof sleeps,
    .type = T5_PARAMETER_BOOLEAN,
    .name = "sleeps",
    .help = "whether it sleeps in that time",
    .default_value = "no",
};
static const t5_parameter emits_signals = {
    .size = sizeof emits_signals,
    .type = T5_PARAMETER_BOOLEAN,
    .name = "signals",
    .help = "whether each message gets a signal of eight numbers, on one lane",
    .default_value = "no",
};
static const t5_parameter signals_every = {
    .size = sizeof signals_every,
    .type = T5_PARAMETER_INTEGER,
    .name = "every",
    .help = "of so many messages one gets a signal",
    .default_value = "1",
    .min = "1",
};
static const t5_parameter *const parameters[] = {
    &fields,    &report_path, &totals_list,   &warm,          &stamped,
    &burn_time, &sleeps,      &emits_signals, &signals_every, NULL};

T5_STRATEGY("eight", "1.0.0", .summary = "reads eight fields of each message", .topics = topics,
            .scope = T5_SCOPE_KEYED, .parameters = parameters, .create = create, .destroy = free,
            .on_message = on_message);
