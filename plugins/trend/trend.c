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
 * or with a suspect event time, enter no series. analysis.c has the formulas.
 */
#include "analysis.h"

#include <take5/decimal.h>
#include <take5/symbols.h>
#include <take5/take5.h>
#include <take5/window.h>

#include <stdio.h>

#define STATE_VERSION 1

/* One point of a series is its close; NaN when the message had none. */
struct series {
    uint32_t topic; /* index into `topics` below */
    uint32_t time_frame_s;
    int64_t analysed_ns; /* event time of the last analysis, or of the first point */
    uint64_t ignored;    /* points older than the window */
    t5_window closes;
};

/* The series of one symbol, sorted by topic and time frame. */
struct book {
    struct series *items;
    size_t count;
    size_t capacity;
};

struct trend {
    t5_host *host;
    t5_symbols books;
    int64_t window_ns;   /* how long points are kept */
    int64_t interval_ns; /* between two analyses of a series */
    int64_t span_ns;     /* what an analysis looks at */
    size_t min_points;   /* or at so many of the newest, when the span holds fewer */
    struct rules rules;
    double *prices; /* of the analysis in hand */
    size_t price_capacity;
};

/* ---- series ---- */

/* Where the series is, or would be. */
static size_t series_place(const struct book *book, uint32_t topic, uint32_t time_frame_s) {
    size_t low = 0, high = book->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct series *s = &book->items[middle];
        if (s->topic < topic || (s->topic == topic && s->time_frame_s < time_frame_s))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Makes room at `place` for a new series. NULL: no memory. */
static struct series *book_insert(struct book *book, size_t place) {
    if (book->count == book->capacity) {
        const size_t capacity = book->capacity > 0 ? 2 * book->capacity : 4;
        struct series *items = realloc(book->items, capacity * sizeof *items);
        if (items == NULL)
            return NULL;
        book->items = items;
        book->capacity = capacity;
    }
    memmove(book->items + place + 1, book->items + place,
            (book->count - place) * sizeof *book->items);
    book->count++;
    return memset(&book->items[place], 0, sizeof *book->items);
}

/* The series, made now if it is new. NULL: no memory. */
static struct series *book_series(const struct trend *t, struct book *book, uint32_t topic,
                                  uint32_t time_frame_s) {
    const size_t place = series_place(book, topic, time_frame_s);
    if (place < book->count && book->items[place].topic == topic &&
        book->items[place].time_frame_s == time_frame_s)
        return &book->items[place];
    struct series *s = book_insert(book, place);
    if (s == NULL)
        return NULL;
    s->topic = topic;
    s->time_frame_s = time_frame_s;
    t5_window_init(&s->closes, t->window_ns, sizeof(double));
    return s;
}

static void book_release(void *context, void *item) {
    struct book *b = item;
    (void)context;
    for (size_t i = 0; i < b->count; i++)
        t5_window_release(&b->items[i].closes);
    free(b->items);
}

static void book_save(void *context, const void *item, t5_bytes *out) {
    const struct book *b = item;
    (void)context;
    t5_bytes_put_u64(out, b->count);
    for (size_t i = 0; i < b->count; i++) {
        const struct series *s = &b->items[i];
        t5_bytes_put_u32(out, s->topic);
        t5_bytes_put_u32(out, s->time_frame_s);
        t5_bytes_put_i64(out, s->analysed_ns);
        t5_bytes_put_u64(out, s->ignored);
        t5_window_save(&s->closes, out);
    }
}

static int32_t book_load(void *context, void *item, t5_reader *in) {
    const struct trend *t = context;
    struct book *b = item;
    const uint64_t count = t5_reader_u64(in);
    for (uint64_t i = 0; i < count; i++) {
        const uint32_t topic = t5_reader_u32(in);
        const uint32_t time_frame_s = t5_reader_u32(in);
        const int64_t analysed_ns = t5_reader_i64(in);
        if (in->is_short || series_place(b, topic, time_frame_s) != b->count)
            return T5_ERROR;
        struct series *s = book_series(t, b, topic, time_frame_s);
        if (s == NULL || b->count != i + 1)
            return T5_ERROR; /* no memory, or twice the same */
        s->analysed_ns = analysed_ns;
        s->ignored = t5_reader_u64(in);
        if (t5_window_load(&s->closes, in) != T5_OK)
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
    const t5_symbols_type type = {
        .release = book_release, .save = book_save, .load = book_load, .context = t};
    t5_symbols_init(&t->books, sizeof(struct book), &type);
    *self = t;
    return T5_OK;
}

static void destroy(void *self) {
    struct trend *t = self;
    t5_symbols_release(&t->books);
    free(t->prices);
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

/* The closes of the points from `begin` on, into t->prices. 0: no memory. */
static int gather_prices(struct trend *t, const t5_window *closes, size_t begin, size_t *count) {
    const size_t points = t5_window_count(closes) - begin;
    const double *items = t5_window_items(closes);
    if (points > t->price_capacity) {
        double *prices = realloc(t->prices, 2 * points * sizeof *prices);
        if (prices == NULL)
            return 0;
        t->prices = prices;
        t->price_capacity = 2 * points;
    }
    *count = 0;
    for (size_t i = 0; i < points; i++)
        if (!isnan(items[begin + i]))
            t->prices[(*count)++] = items[begin + i];
    return 1;
}

static void say(const struct trend *t, const t5_message *message, const struct series *s,
                size_t points, size_t prices, const struct analysis *a);

static int32_t analyse_series(struct trend *t, const t5_message *message, const struct series *s) {
    const size_t begin = analysis_begin(t, &s->closes, message->event_time_ns);
    const size_t points = t5_window_count(&s->closes) - begin;
    size_t prices;
    struct analysis a;
    if (points == 0)
        return T5_OK;
    if (!gather_prices(t, &s->closes, begin, &prices))
        return t5_fail(t->host, "out of memory for %zu prices", points);
    if (prices >= 2 && analyse(t->prices, prices, &t->rules, &a))
        say(t, message, s, points, prices, &a);
    return T5_OK;
}

/* ---- messages ---- */

static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};

static void say(const struct trend *t, const t5_message *message, const struct series *s,
                size_t points, size_t prices, const struct analysis *a) {
    const double numbers[] = {a->strength,  a->total_change, a->mean_step, a->min_price,
                              a->max_price, a->first_price,  a->last_price};
    char texts[sizeof numbers / sizeof *numbers][T5_DECIMAL_SIZE];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)t5_decimal(texts[i], numbers[i]);
    char data[768];
    const int size =
        snprintf(data, sizeof data,
                 "{\"topic\":\"%s\",\"timeFrame\":%u,\"direction\":\"%s\",\"strength\":%s,"
                 "\"totalChange\":%s,\"meanStep\":%s,\"minPrice\":%s,\"maxPrice\":%s,"
                 "\"firstPrice\":%s,\"lastPrice\":%s,\"positiveSteps\":%zu,\"negativeSteps\":%zu,"
                 "\"points\":%zu,\"prices\":%zu,\"ignored\":%llu}",
                 topics[s->topic], s->time_frame_s, direction_name(a->direction), texts[0],
                 texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], a->positive_steps,
                 a->negative_steps, points, prices, (unsigned long long)s->ignored);
    t5_signal signal = t5_signal_init("trend", a->total_change, a->confidence);
    signal.symbol = message->symbol;
    signal.data.data = data;
    signal.data.len = (size_t)size;
    (void)t5_emit(t->host, &signal); /* a refusal is counted and logged by the host */
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
    struct book *b = t5_symbols_get(&t->books, message->symbol_id);
    struct series *s = b != NULL ? book_series(t, b, message->topic, message->time_frame_s) : NULL;
    if (s == NULL)
        return t5_fail(t->host, "out of memory for a series of %.*s", (int)message->symbol.len,
                       message->symbol.data);

    const int is_first = t5_window_count(&s->closes) == 0;
    const double close = isfinite(message->close) ? message->close : (double)NAN;
    switch (t5_window_add(&s->closes, message->event_time_ns, &close)) {
    case T5_WINDOW_NEWEST:
        break;
    case T5_WINDOW_LATE:
        return T5_OK;
    case T5_WINDOW_TOO_OLD:
        s->ignored++;
        return T5_OK;
    default:
        return t5_fail(t->host, "out of memory for a point of %.*s", (int)message->symbol.len,
                       message->symbol.data);
    }
    if (is_first) {
        s->analysed_ns = message->event_time_ns;
        return T5_OK;
    }
    if (!is_due(t, s, message->event_time_ns))
        return T5_OK;
    s->analysed_ns = message->event_time_ns;
    return analyse_series(t, message, s);
}

static void on_event(void *self, const t5_event *event) {
    struct trend *t = self;
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        t5_symbols_drop(&t->books, event->symbol_id);
}

/* ---- state ---- */

static int32_t save(void *self, const t5_save_args *args) {
    const struct trend *t = self;
    (void)args;
    return t5_symbols_save(&t->books, t->host);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct trend *t = self;
    if (args->state_version != STATE_VERSION)
        return t5_fail(t->host, "state of version %u; this trend reads version %d",
                       args->state_version, STATE_VERSION);
    return t5_symbols_load(&t->books, t->host);
}

/* ---- what the host knows of us ---- */

#define PARAMETER(id, kind, preset_text, min_text, max_text, help_text)                            \
    static const t5_parameter id = {.size = sizeof(t5_parameter),                                  \
                                    .type = T5_PARAMETER_##kind,                                   \
                                    .name = #id,                                                   \
                                    .help = help_text,                                             \
                                    .preset = preset_text,                                         \
                                    .min = min_text,                                               \
                                    .max = max_text}

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

T5_STRATEGY("trend", "1.0.0", .summary = "direction, strength and confidence of the recent closes",
            .topics = topics, .scope = T5_SCOPE_KEYED, .state_version = STATE_VERSION,
            .parameters = parameters, .create = create, .destroy = destroy, .load = load,
            .on_message = on_message, .on_event = on_event, .save = save);
