/*
 * trend: where the closes of a symbol are going, for each topic and time frame by itself.
 *
 * A *series* is what one topic says of one symbol in one time frame: the closes of the last two
 * hours, in order of event time. Once a minute of event time, when a point arrives that is not
 * late, the closes of the last half hour (or the last five points, when there are fewer) are
 * analysed, and the outcome is the signal `trend`:
 *
 *   value       total change: last close - first close
 *   confidence  share of the steps that go the way of the total change; halved when VOLATILE
 *   data        topic, timeFrame (s), direction (UP, DOWN, FLAT, VOLATILE), strength, totalChange,
 *               meanStep, minPrice, maxPrice, firstPrice, lastPrice, positiveSteps, negativeSteps,
 *               points (in the analysis), prices (of those with a close), ignored (points of the
 *               series so far that were older than its window)
 *
 * Points without a close (barData.close) are points but no prices. Messages without a time frame,
 * or with a suspect event time, enter no series. analysis.c has the formulas, course.c what they
 * are about.
 */
#include "analysis.h"

#include <take5/frames.h>
#include <take5/take5.h>
#include <take5/window.h>

/* 2: by time frame, and in it by topic. */
#define STATE_VERSION 2

/* One point of a series is its close; NaN when the message had none. */
struct series {
    uint32_t topic; /* index into `topics` below */
    uint32_t time_frame_s;
    int64_t analysed_ns; /* event time of the last analysis, or of the first point */
    uint64_t ignored;    /* points older than the window */
    t5_window closes;
    uint64_t dropped;        /* points that the window has dropped: the number of its oldest */
    struct running *running; /* of the points of the last analysis; NULL while they are few */
};

enum { TOPICS = 3 };

/* The series of one symbol in one time frame, by topic. */
struct frame {
    struct series series[TOPICS];
};

struct trend {
    t5_host *host;
    t5_frames frames;
    int64_t window_ns;   /* how long points are kept */
    int64_t interval_ns; /* between two analyses of a series */
    int64_t span_ns;     /* what an analysis looks at */
    size_t min_points;   /* or at so many of the newest, when the span holds fewer */
    struct rules rules;
};

/* ---- series ---- */

static int32_t frame_init(void *context, uint32_t symbol_id, uint32_t time_frame_s, void *item) {
    const struct trend *t = context;
    struct frame *f = item;
    (void)symbol_id;
    for (uint32_t i = 0; i < TOPICS; i++) {
        f->series[i].topic = i;
        f->series[i].time_frame_s = time_frame_s;
        t5_window_init(&f->series[i].closes, t->window_ns, sizeof(double));
    }
    return T5_OK;
}

static void frame_release(void *context, void *item) {
    struct frame *f = item;
    (void)context;
    for (size_t i = 0; i < TOPICS; i++) {
        t5_window_release(&f->series[i].closes);
        if (f->series[i].running != NULL)
            running_release(f->series[i].running);
        free(f->series[i].running);
    }
}

static void frame_save(void *context, const void *item, t5_bytes *out) {
    const struct frame *f = item;
    (void)context;
    for (size_t i = 0; i < TOPICS; i++) {
        t5_bytes_put_i64(out, f->series[i].analysed_ns);
        t5_bytes_put_u64(out, f->series[i].ignored);
        t5_window_save(&f->series[i].closes, out);
    }
}

static int32_t series_load(struct series *s, t5_reader *in) {
    s->analysed_ns = t5_reader_i64(in);
    s->ignored = t5_reader_u64(in);
    return t5_window_load(&s->closes, in);
}

static int32_t frame_load(void *context, void *item, t5_reader *in) {
    struct frame *f = item;
    (void)context;
    for (size_t i = 0; i < TOPICS; i++) {
        if (series_load(&f->series[i], in) != T5_OK)
            return T5_ERROR;
    }
    return T5_OK;
}

/* ---- the life of an instance ---- */

static int32_t create(const t5_create_args *args, void **self) {
    t5_host *host = args->host;
    struct trend *t = calloc(1, sizeof *t);
    if (t == NULL)
        return t5_fail(host, "out of memory");
    t->host = host;
    t->window_ns = t5_parameter_integer(host, "window");
    t->interval_ns = t5_parameter_integer(host, "interval");
    t->span_ns = t5_parameter_integer(host, "span");
    t->min_points = (size_t)t5_parameter_integer(host, "min_points");
    t->rules.flat_share = t5_parameter_number(host, "flat_share");
    t->rules.flat_strength = t5_parameter_number(host, "flat_strength");
    t->rules.strength_scale = t5_parameter_number(host, "strength_scale");
    t->rules.volatile_ratio = t5_parameter_number(host, "volatile_ratio");
    t->rules.volatile_factor = t5_parameter_number(host, "volatile_factor");
    const t5_frames_type type = {.init = frame_init,
                                 .release = frame_release,
                                 .save = frame_save,
                                 .load = frame_load,
                                 .context = t};
    t5_frames_init(&t->frames, sizeof(struct frame), &type);
    *self = t;
    return T5_OK;
}

static void destroy(void *self) {
    struct trend *t = self;
    t5_frames_release(&t->frames);
    free(t);
}

/* ---- the analysis ---- */

/* First point of those that an analysis at `now_ns` looks at; count when there are too few. */
static size_t analysis_begin(const struct trend *t, const t5_window *closes, int64_t now_ns) {
    const size_t count = t5_window_count(closes);
    const int64_t from_ns = now_ns < INT64_MIN + t->span_ns ? INT64_MIN : now_ns - t->span_ns;
    const size_t begin = t5_window_lower_bound(closes, from_ns);
    if (count - begin >= t->min_points)
        return begin;
    return count >= t->min_points ? count - t->min_points : count;
}

/* So few points are walked sooner than kept up. */
#define FEW_POINTS 16

/* The course of the points from number `begin` of the window on. */
static struct course course_from(struct series *s, size_t begin) {
    const double *points = t5_window_items(&s->closes);
    const size_t count = t5_window_count(&s->closes);
    if (s->running == NULL && count - begin > FEW_POINTS)
        s->running = calloc(1, sizeof *s->running); /* without it we walk */
    if (s->running == NULL || count - begin <= FEW_POINTS)
        return course_of(points + begin, count - begin);
    return running_course(s->running, points, s->dropped, s->dropped + begin, s->dropped + count);
}

static void emit(const struct trend *t, const struct series *s, size_t points,
                 const struct course *c, const struct analysis *a);

static void analyse_series(const struct trend *t, struct series *s, int64_t now_ns) {
    const size_t begin = analysis_begin(t, &s->closes, now_ns);
    const size_t points = t5_window_count(&s->closes) - begin;
    struct analysis a;
    if (points == 0)
        return;
    const struct course c = course_from(s, begin);
    if (c.prices >= 2 && analyse(&c, &t->rules, &a))
        emit(t, s, points, &c, &a);
}

/* ---- messages ---- */

static const char *const topics[TOPICS + 1] = {"bar_trends", "historic_stats", "asset_trends",
                                               NULL};

static void emit(const struct trend *t, const struct series *s, size_t points,
                 const struct course *c, const struct analysis *a) {
    const t5_named_value values[] = {
        t5_named_text("topic", t5_text(topics[s->topic])),
        t5_named_integer("timeFrame", s->time_frame_s),
        t5_named_text("direction", t5_text(direction_name(a->direction))),
        t5_named_number("strength", a->strength),
        t5_named_number("totalChange", a->total_change),
        t5_named_number("meanStep", a->mean_step),
        t5_named_number("minPrice", c->min),
        t5_named_number("maxPrice", c->max),
        t5_named_number("firstPrice", c->first),
        t5_named_number("lastPrice", c->last),
        t5_named_integer("positiveSteps", (int64_t)c->positive_steps),
        t5_named_integer("negativeSteps", (int64_t)c->negative_steps),
        t5_named_integer("points", (int64_t)points),
        t5_named_integer("prices", (int64_t)c->prices),
        t5_named_integer("ignored", (int64_t)s->ignored),
    };
    /* A refusal is counted and logged by the host. */
    (void)t5_emit_values(t->host, t5_signal_init("trend", a->total_change, a->confidence), values,
                         sizeof values / sizeof *values);
}

/* Unsigned: two times may lie further apart than 292 years. */
static int is_due(const struct trend *t, const struct series *s, int64_t now_ns) {
    return now_ns >= s->analysed_ns &&
           (uint64_t)now_ns - (uint64_t)s->analysed_ns >= (uint64_t)t->interval_ns;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct trend *t = self;
    if (message->time_frame_s == 0 || (message->flags & T5_MESSAGE_TIME_SUSPECT))
        return T5_OK;
    struct frame *f = t5_frames_get(&t->frames, message->symbol_id, message->time_frame_s);
    if (f == NULL)
        return t5_fail(t->host, "out of memory for a series of %.*s", (int)message->symbol.len,
                       message->symbol.data);

    struct series *s = &f->series[message->topic];
    const size_t before = t5_window_count(&s->closes);
    const double close = isfinite(message->close) ? message->close : (double)NAN;
    switch (t5_window_add(&s->closes, message->event_time_ns, &close)) {
    case T5_WINDOW_NEWEST:
        s->dropped += before + 1 - t5_window_count(&s->closes);
        break;
    case T5_WINDOW_LATE:
        /* At the time of the last analysis or after, it comes behind the points of that. */
        if (s->running != NULL && message->event_time_ns < s->analysed_ns)
            running_reset(s->running);
        return T5_OK;
    case T5_WINDOW_TOO_OLD:
        s->ignored++;
        return T5_OK;
    default:
        return t5_fail(t->host, "out of memory for a point of %.*s", (int)message->symbol.len,
                       message->symbol.data);
    }
    if (before == 0) {
        s->analysed_ns = message->event_time_ns;
        return T5_OK;
    }
    if (is_due(t, s, message->event_time_ns)) {
        s->analysed_ns = message->event_time_ns;
        analyse_series(t, s, message->event_time_ns);
    }
    return T5_OK;
}

static void on_event(void *self, const t5_event *event) {
    struct trend *t = self;
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        t5_frames_drop(&t->frames, event->symbol_id);
}

/* ---- state ---- */

static int32_t save(void *self, const t5_save_args *args) {
    const struct trend *t = self;
    (void)args;
    return t5_frames_save(&t->frames, t->host);
}

/* Version 1 has a symbol's series one behind the other, each with topic and time frame. */
static int32_t load_series(struct trend *t, const t5_record *record) {
    t5_reader in;
    t5_reader_init(&in, record->data, record->data_size);
    const uint64_t count = t5_reader_u64(&in);
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t topic = t5_reader_u32(&in);
        const uint32_t time_frame_s = t5_reader_u32(&in);
        struct frame *f = NULL;
        if (!in.is_bad && topic < TOPICS)
            f = t5_frames_get(&t->frames, record->symbol_id, time_frame_s);
        if (f == NULL || t5_window_count(&f->series[topic].closes) > 0 ||
            series_load(&f->series[topic], &in) != T5_OK)
            return T5_ERROR;
    }
    return t5_reader_done(&in) ? T5_OK : T5_ERROR;
}

static int32_t load_version_1(struct trend *t) {
    t5_record record;
    int32_t code;
    while ((code = t5_record_read(t->host, &record)) == T5_OK) {
        if (record.symbol_id == T5_NO_SYMBOL || load_series(t, &record) != T5_OK)
            return t5_fail(t->host,
                           "the record of symbol \"%.*s\" (%zu bytes) is not one of trend's, or "
                           "memory ran out",
                           (int)record.symbol.len, record.symbol.data, record.data_size);
    }
    return code == T5_END ? T5_OK : t5_fail(t->host, "the state could not be read to its end");
}

static int32_t load(void *self, const t5_load_args *args) {
    struct trend *t = self;
    if (args->state_version == 1)
        return load_version_1(t);
    if (args->state_version != STATE_VERSION)
        return t5_fail(t->host, "state of version %u; this trend reads versions 1 and %d",
                       args->state_version, STATE_VERSION);
    return t5_frames_load(&t->frames, t->host);
}

/* ---- what the host knows of us ---- */

#define PARAMETER(id, kind, default_value_text, min_text, max_text, help_text)                     \
    static const t5_parameter id = {.size = sizeof(t5_parameter),                                  \
                                    .type = T5_PARAMETER_##kind,                                   \
                                    .name = #id,                                                   \
                                    .help = (help_text),                                           \
                                    .default_value = (default_value_text),                         \
                                    .min = (min_text),                                             \
                                    .max = (max_text)}

PARAMETER(window, DURATION, "120m", "1s", "30d", "how long points are kept, back from the newest");
PARAMETER(interval, DURATION, "60s", "0", "1d", "event time between two analyses of a series");
PARAMETER(span, DURATION, "30m", "0", "30d", "what an analysis looks at, back from its point");
PARAMETER(min_points, INTEGER, "5", "2", "100000",
          "an analysis looks at so many points at least, or says nothing");
PARAMETER(flat_share, NUMBER, "0.001", "0", "1",
          "FLAT when the total change is below this share of the first price");
PARAMETER(flat_strength, NUMBER, "0.1", "0", "1", "strength of FLAT");
PARAMETER(strength_scale, NUMBER, "100", "0", "1000000",
          "strength is the share of the first price times this, at most 1");
PARAMETER(volatile_ratio, NUMBER, "3", "0", "1000000",
          "VOLATILE when the way is longer than the total change times this");
PARAMETER(volatile_factor, NUMBER, "0.5", "0", "1", "what VOLATILE multiplies the confidence by");

static const t5_parameter *const parameters[] = {
    &window,        &interval,       &span,           &min_points,      &flat_share,
    &flat_strength, &strength_scale, &volatile_ratio, &volatile_factor, NULL};

/* Without a state it is fed the points of its window. */
static int32_t describe(const t5_describe_args *args, t5_description *description) {
    description->warm_up_ns = t5_setting_duration(args, &window);
    return T5_OK;
}

T5_STRATEGY("trend", "1.0.0", .summary = "direction, strength and confidence of the recent closes",
            .topics = topics, .scope = T5_SCOPE_KEYED, .state_version = STATE_VERSION,
            .parameters = parameters, .describe = describe, .create = create, .destroy = destroy,
            .load = load, .on_message = on_message, .on_event = on_event, .save = save);
