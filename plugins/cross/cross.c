/*
 * cross: when the trend lines of two time frames of a symbol will meet.
 *
 * Each message of `asset_trends` brings a fitted line for one time frame. With each one the newest
 * lines of the symbol's time frames, in rising order of time frame, are compared: the 1st with the
 * 3rd, the 2nd with the 4th. Lines that will meet within the hour, both significant and at an angle
 * worth the name, are the signal `cross`:
 *
 *   value       +1 golden, -1 death, 0 none (crossing.c: lines that cross ahead are golden)
 *   confidence  sum of both |slope / standard error| over 10, at most 1; 0 for none
 *   data        type (golden, death, none), reason (for none), timeFrameA, timeFrameB (s),
 *               slopeA, slopeB, interceptA, interceptB, tA, tB, x (seconds ahead, exact), angle
 *               (radians), predictedCrossTime (whole seconds ahead). x and angle are left out when
 *               a test before them decided; a number beyond a double is null.
 *
 * Why there is none is said only with `report_none = yes`. A pair of which one line has no slope or
 * no intercept says nothing at all. Messages without a time frame, or with a suspect event time,
 * are not looked at. crossing.c has the formulas.
 */
#include "crossing.h"

#include <take5/frames.h>
#include <take5/take5.h>

#define STATE_VERSION 1

/* In which each of the usual time frames, the longest of 26 minutes, has had a message. */
#define WARM_UP_NS (30 * 60 * 1000000000LL)

/* The newest message of a time frame. */
struct frame {
    uint32_t time_frame_s;
    uint32_t is_known; /* one has come */
    int64_t event_time_ns;
    struct line line; /* NaN where the message said nothing */
};

struct cross {
    t5_host *host;
    t5_frames frames;
    struct rules rules;
    int require_same_time;
    int report_none;
};

/* Where a line may stand, the first number counts: new names before old, outer object before
 * inner. Null, text and numbers beyond a double count as absent. */
enum { PLACES = 4 };
static const char *const fields[] = {
    "trendData.wSma_slope",
    "trendData.smaSlope",
    "trendVector.trendData.wSma_slope",
    "trendVector.trendData.smaSlope",
    "trendData.wSma_intercept",
    "trendData.smaIntercept",
    "trendVector.trendData.wSma_intercept",
    "trendVector.trendData.smaIntercept",
    "trendData.wSma_slope_std_err",
    "trendData.smaSlopeStdErr",
    "trendVector.trendData.wSma_slope_std_err",
    "trendVector.trendData.smaSlopeStdErr",
    NULL,
};

static double first_number(const t5_message *message, uint32_t first_field) {
    for (uint32_t i = first_field; i < first_field + PLACES; i++) {
        const t5_value *value = t5_field(message, i);
        if (t5_value_is_number(value) && isfinite(value->number))
            return value->number;
    }
    return (double)NAN;
}

static struct line line_of(const t5_message *message) {
    return line_init(first_number(message, 0), first_number(message, PLACES),
                     first_number(message, 2 * PLACES));
}

/* ---- time frames ---- */

static int32_t frame_init(void *context, uint32_t symbol_id, uint32_t time_frame_s, void *item) {
    struct frame *f = item;
    (void)context;
    (void)symbol_id;
    f->time_frame_s = time_frame_s;
    return T5_OK;
}

static void frame_save(void *context, const void *item, t5_bytes *out) {
    const struct frame *f = item;
    (void)context;
    t5_bytes_put_i64(out, f->event_time_ns);
    t5_bytes_put_f64(out, f->line.slope);
    t5_bytes_put_f64(out, f->line.intercept);
    t5_bytes_put_f64(out, f->line.std_err);
}

static int32_t frame_load(void *context, void *item, t5_reader *in) {
    struct frame *f = item;
    (void)context;
    f->event_time_ns = t5_reader_i64(in);
    const double slope = t5_reader_f64(in);
    const double intercept = t5_reader_f64(in);
    const double std_err = t5_reader_f64(in);
    if (in->is_bad || isinf(slope) || isinf(intercept) || isinf(std_err))
        return T5_ERROR; /* never written */
    f->line = line_init(slope, intercept, std_err);
    f->is_known = 1;
    return T5_OK;
}

/* ---- the life of an instance ---- */

static int32_t create(const t5_create_args *args, void **self) {
    static const t5_frames_type type = {.init = frame_init, .save = frame_save, .load = frame_load};
    t5_host *host = args->host;
    struct cross *c = calloc(1, sizeof *c);
    if (c == NULL)
        return t5_fail(host, "out of memory");
    c->host = host;
    c->rules.min_t = t5_parameter_number(host, "min_t");
    c->rules.parallel = t5_parameter_number(host, "parallel");
    c->rules.max_ahead_s = (double)t5_parameter_integer(host, "max_ahead") / 1e9;
    c->rules.min_angle = t5_parameter_number(host, "min_angle");
    c->rules.confidence_scale = t5_parameter_number(host, "confidence_scale");
    c->require_same_time = t5_parameter_integer(host, "require_same_time") != 0;
    c->report_none = t5_parameter_integer(host, "report_none") != 0;
    t5_frames_init(&c->frames, sizeof(struct frame), &type);
    *self = c;
    return T5_OK;
}

static void destroy(void *self) {
    struct cross *c = self;
    t5_frames_release(&c->frames);
    free(c);
}

/* ---- signals ---- */

static void emit(const struct cross *c, const struct frame *a, const struct frame *b,
                 const struct crossing *crossing) {
    const char *type = outcome_type(crossing->outcome);
    const char *reason = outcome_reason(crossing->outcome);
    t5_named_value values[13];
    uint32_t count = 0;
    values[count++] = t5_named_text("type", t5_text(type));
    if (reason != NULL)
        values[count++] = t5_named_text("reason", t5_text(reason));
    values[count++] = t5_named_integer("timeFrameA", a->time_frame_s);
    values[count++] = t5_named_integer("timeFrameB", b->time_frame_s);
    values[count++] = t5_named_number("slopeA", a->line.slope);
    values[count++] = t5_named_number("slopeB", b->line.slope);
    values[count++] = t5_named_number("interceptA", a->line.intercept);
    values[count++] = t5_named_number("interceptB", b->line.intercept);
    values[count++] = t5_named_number("tA", crossing->t_a);
    values[count++] = t5_named_number("tB", crossing->t_b);
    if (!isnan(crossing->x_s))
        values[count++] = t5_named_number("x", crossing->x_s);
    if (!isnan(crossing->angle))
        values[count++] = t5_named_number("angle", crossing->angle);
    if (reason == NULL)
        values[count++] = t5_named_number("predictedCrossTime", crossing->predicted_s);
    /* A refusal is counted and logged by the host. */
    (void)t5_emit_values(
        c->host, t5_signal_init("cross", outcome_value(crossing->outcome), crossing->confidence),
        values, count);
}

static void compare(const struct cross *c, const struct frame *a, const struct frame *b) {
    if (isnan(a->line.slope) || isnan(a->line.intercept) || isnan(b->line.slope) ||
        isnan(b->line.intercept))
        return;
    struct crossing crossing = {
        .outcome = OUTCOME_NOT_SAME_TIME, .x_s = (double)NAN, .angle = (double)NAN};
    if (!c->require_same_time || a->event_time_ns == b->event_time_ns)
        crossing = crossing_of(&a->line, &b->line, &c->rules);
    if (c->report_none || outcome_reason(crossing.outcome) == NULL)
        emit(c, a, b, &crossing);
}

/* ---- messages ---- */

/* The symbol's time frames number `first` and `first` + 2, when there are so many. */
static void compare_from(const struct cross *c, uint32_t symbol_id, uint32_t first) {
    if (t5_frames_count(&c->frames, symbol_id) > first + 2)
        compare(c, t5_frames_at(&c->frames, symbol_id, first).item,
                t5_frames_at(&c->frames, symbol_id, first + 2).item);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct cross *c = self;
    if (message->time_frame_s == 0 || (message->flags & T5_MESSAGE_TIME_SUSPECT))
        return T5_OK;
    struct frame *f = t5_frames_get(&c->frames, message->symbol_id, message->time_frame_s);
    if (f == NULL)
        return t5_fail(c->host, "out of memory for a time frame of %.*s", (int)message->symbol.len,
                       message->symbol.data);
    if (!f->is_known || message->event_time_ns >= f->event_time_ns) {
        f->is_known = 1;
        f->event_time_ns = message->event_time_ns;
        f->line = line_of(message);
    }
    compare_from(c, message->symbol_id, 0);
    compare_from(c, message->symbol_id, 1);
    return T5_OK;
}

static void on_event(void *self, const t5_event *event) {
    struct cross *c = self;
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        t5_frames_drop(&c->frames, event->symbol_id);
}

/* ---- state ---- */

static int32_t save(void *self, const t5_save_args *args) {
    const struct cross *c = self;
    (void)args;
    return t5_frames_save(&c->frames, c->host);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct cross *c = self;
    if (args->state_version != STATE_VERSION)
        return t5_fail(c->host, "state of version %u; this cross reads version %d",
                       args->state_version, STATE_VERSION);
    return t5_frames_load(&c->frames, c->host);
}

/* ---- what the host knows of us ---- */

static const char *const topics[] = {"asset_trends", NULL};

#define PARAMETER(id, kind, default_value_text, min_text, max_text, help_text)                     \
    static const t5_parameter id = {.size = sizeof(t5_parameter),                                  \
                                    .type = T5_PARAMETER_##kind,                                   \
                                    .name = #id,                                                   \
                                    .help = (help_text),                                           \
                                    .default_value = (default_value_text),                         \
                                    .min = (min_text),                                             \
                                    .max = (max_text)}

PARAMETER(min_t, NUMBER, "2", "0", "1000000",
          "a slope is significant from this |slope / standard error| on");
PARAMETER(parallel, NUMBER, "1e-10", "0", "1000000",
          "slopes that differ by less are parallel, price per second");
PARAMETER(max_ahead, DURATION, "1h", "1s", "365d", "a crossing further ahead is too far");
PARAMETER(min_angle, NUMBER, "0.01", "0", "1.6", "a smaller angle is too shallow, radians");
PARAMETER(confidence_scale, NUMBER, "10", "0.000001", "1000000",
          "confidence is the sum of both |slope / standard error| over this, at most 1");
PARAMETER(require_same_time, BOOLEAN, "no", NULL, NULL,
          "compare only messages of the same event time");
PARAMETER(report_none, BOOLEAN, "no", NULL, NULL, "say also why there is no crossing");

static const t5_parameter *const parameters[] = {
    &min_t,       &parallel, &max_ahead, &min_angle, &confidence_scale, &require_same_time,
    &report_none, NULL};

T5_STRATEGY("cross", "1.0.0", .summary = "when the trend lines of two time frames will cross",
            .topics = topics, .scope = T5_SCOPE_KEYED, .state_version = STATE_VERSION,
            .fields = fields, .parameters = parameters, .warm_up_ns = WARM_UP_NS, .create = create,
            .destroy = destroy, .load = load, .on_message = on_message, .on_event = on_event,
            .save = save);
