#include "tearsheet/tearsheet_private.h"

#include "base/array.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIMIT (SYMBOL_NONE - 1)

struct tearsheet *tearsheet_new(const struct tearsheet_options *options) {
    struct tearsheet *tearsheet = calloc(1, sizeof *tearsheet);
    if (tearsheet == NULL)
        return NULL;
    tearsheet->options = *options;
    tearsheet->mark_keys = symbols_new(NO_LIMIT);
    tearsheet->name_keys = symbols_new(NO_LIMIT);
    tearsheet->curve_keys = symbols_new(TEARSHEET_GATHERED);
    if (tearsheet->mark_keys != NULL && tearsheet->name_keys != NULL &&
        tearsheet->curve_keys != NULL)
        return tearsheet;
    tearsheet_free(tearsheet);
    return NULL;
}

void tearsheet_free(struct tearsheet *tearsheet) {
    if (tearsheet == NULL)
        return;
    for (size_t i = 0; i < tearsheet->mark_count; i++)
        free(tearsheet->marks[i].items);
    for (size_t i = 0; i < tearsheet->name_count; i++) {
        free(tearsheet->names[i].deployment);
        free(tearsheet->names[i].name);
    }
    for (size_t i = 0; i < tearsheet->curve_count; i++) {
        free(tearsheet->curves[i].deployment);
        free(tearsheet->curves[i].series);
        thin_release(&tearsheet->curves[i].curve);
    }
    for (size_t i = 0; i < tearsheet->equity_count; i++) {
        free(tearsheet->equity[i].deployment);
        thin_release(&tearsheet->equity[i].curve);
    }
    symbols_free(tearsheet->mark_keys);
    symbols_free(tearsheet->name_keys);
    symbols_free(tearsheet->curve_keys);
    free(tearsheet->marks);
    free(tearsheet->names);
    free(tearsheet->curves);
    free(tearsheet->equity);
    free(tearsheet);
}

/* ---- keys ---- */

static bool key_add(struct tearsheet_key *key, const void *data, size_t size) {
    if (size > sizeof key->bytes - key->size)
        return false;
    if (size > 0)
        memcpy(key->bytes + key->size, data, size);
    key->size += size;
    return true;
}

bool tearsheet_key_of(struct tearsheet_key *key, t5_str symbol, uint32_t time_frame_s) {
    key->size = 0;
    return key_add(key, &time_frame_s, sizeof time_frame_s) &&
           key_add(key, symbol.data, symbol.len);
}

t5_str tearsheet_key_symbol(const char *bytes, size_t symbol_size) {
    return (t5_str){bytes + sizeof(uint32_t), symbol_size};
}

uint32_t tearsheet_key_frame(const char *bytes) {
    uint32_t time_frame_s;
    memcpy(&time_frame_s, bytes, sizeof time_frame_s);
    return time_frame_s;
}

/* Two names, of which the first holds no NUL. */
static bool key_add_names(struct tearsheet_key *key, t5_str first, t5_str second) {
    return key_add(key, first.data, first.len) && key_add(key, "", 1) &&
           key_add(key, second.data, second.len);
}

/* What nobody asked for need not be kept. */
static bool is_wanted(const struct tearsheet *tearsheet, t5_str symbol) {
    for (size_t i = 0; i < tearsheet->options.symbol_count; i++)
        if (t5_str_equal(symbol, t5_text(tearsheet->options.symbols[i])))
            return true;
    return tearsheet->options.symbol_count == 0;
}

/* ---- signals ---- */

static bool name_of(struct tearsheet *tearsheet, const struct signal *signal, uint32_t *id) {
    struct tearsheet_key key = {.size = 0};
    if (!key_add_names(&key, signal->deployment, signal->name))
        return false;
    *id = symbols_intern(tearsheet->name_keys, key.bytes, key.size, NULL);
    if (*id != tearsheet->name_count)
        return *id < tearsheet->name_count;
    struct tearsheet_name name = {text_dup(signal->deployment.data, signal->deployment.len),
                                  text_dup(signal->name.data, signal->name.len)};
    const bool did = name.deployment != NULL && name.name != NULL &&
                     ARRAY_GROW(tearsheet->names, tearsheet->name_count, tearsheet->name_capacity);
    if (did) {
        tearsheet->names[tearsheet->name_count++] = name;
        return true;
    }
    free(name.deployment);
    free(name.name);
    return false;
}

static struct marks *marks_of(struct tearsheet *tearsheet, const struct tearsheet_key *key) {
    const uint32_t id = symbols_intern(tearsheet->mark_keys, key->bytes, key->size, NULL);
    if (id == SYMBOL_NONE || id > tearsheet->mark_count) /* memory ran out, now or before */
        return NULL;
    if (id == tearsheet->mark_count) {
        if (!ARRAY_GROW(tearsheet->marks, tearsheet->mark_count, tearsheet->mark_capacity))
            return NULL;
        tearsheet->marks[tearsheet->mark_count++] = (struct marks){.step = 1};
    }
    return &tearsheet->marks[id];
}

static bool marks_add(struct marks *marks, const struct mark *mark) {
    const bool is_kept = marks->total++ % marks->step == 0;
    if (!is_kept)
        return true;
    if (marks->count == TEARSHEET_MARKS) {
        for (size_t i = 0; i < marks->count / 2; i++)
            marks->items[i] = marks->items[2 * i];
        marks->count /= 2;
        marks->step *= 2;
    }
    if (!ARRAY_GROW(marks->items, marks->count, marks->capacity))
        return false;
    marks->items[marks->count++] = *mark;
    return true;
}

static bool add_signal(struct tearsheet *tearsheet, const struct signal *signal) {
    struct tearsheet_key key;
    struct mark mark = {
        .time_ns = signal->event_time_ns,
        .price = signal->price > 0 ? signal->price : (double)NAN,
        .value = signal->value,
        .confidence = signal->confidence,
        .by_value = (int8_t)((signal->value > 0) - (signal->value < 0)),
        .by_name = evaluation_named_side(signal),
    };
    if (!is_wanted(tearsheet, signal->symbol) ||
        !tearsheet_key_of(&key, signal->symbol, signal->time_frame_s))
        return true;
    struct marks *marks = marks_of(tearsheet, &key);
    return marks != NULL && name_of(tearsheet, signal, &mark.name) && marks_add(marks, &mark);
}

bool tearsheet_add_signal(struct tearsheet *tearsheet, const struct signal *signal) {
    if (add_signal(tearsheet, signal))
        return true;
    tearsheet->has_lost_signals = true;
    return false;
}

/* ---- published series ---- */

static bool make_curve(struct tearsheet *tearsheet, const struct signal *point) {
    struct published_curve curve = {
        .deployment = text_dup(point->deployment.data, point->deployment.len),
        .series = text_dup(point->name.data, point->name.len),
        .symbol_size = point->symbol.len,
        .curve = thin_of(TEARSHEET_SERIES_RUNS),
    };
    if (curve.deployment != NULL && curve.series != NULL &&
        ARRAY_GROW(tearsheet->curves, tearsheet->curve_count, tearsheet->curve_capacity)) {
        tearsheet->curves[tearsheet->curve_count++] = curve;
        return true;
    }
    free(curve.deployment);
    free(curve.series);
    return false;
}

static bool add_point(struct tearsheet *tearsheet, const struct signal *point) {
    struct tearsheet_key key;
    if (!is_wanted(tearsheet, point->symbol) ||
        !tearsheet_key_of(&key, point->symbol, point->time_frame_s) || !key_add(&key, "", 1) ||
        !key_add_names(&key, point->deployment, point->name))
        return true;
    const uint32_t id = symbols_intern(tearsheet->curve_keys, key.bytes, key.size, NULL);
    if (id == SYMBOL_NONE) {
        const bool is_full = symbols_is_full(tearsheet->curve_keys);
        tearsheet->curves_left += is_full;
        return is_full;
    }
    if (id == tearsheet->curve_count && !make_curve(tearsheet, point))
        return false;
    return id < tearsheet->curve_count &&
           thin_add(&tearsheet->curves[id].curve, point->event_time_ns, point->value);
}

bool tearsheet_add_point(struct tearsheet *tearsheet, const struct signal *point) {
    if (add_point(tearsheet, point))
        return true;
    tearsheet->has_lost_points = true;
    return false;
}

/* ---- equity ---- */

static bool make_equity(struct tearsheet *tearsheet, const char *deployment) {
    struct equity equity = {.deployment = strdup(deployment),
                            .curve = thin_of(TEARSHEET_CURVE_RUNS)};
    if (equity.deployment != NULL &&
        ARRAY_GROW(tearsheet->equity, tearsheet->equity_count, tearsheet->equity_capacity)) {
        tearsheet->equity[tearsheet->equity_count++] = equity;
        return true;
    }
    free(equity.deployment);
    return false;
}

/* The evaluation goes from deployment to deployment. */
static struct equity *equity_of(struct tearsheet *tearsheet, const char *deployment) {
    const size_t count = tearsheet->equity_count;
    const bool is_new =
        count == 0 || strcmp(tearsheet->equity[count - 1].deployment, deployment) != 0;
    if (is_new && !make_equity(tearsheet, deployment))
        return NULL;
    return &tearsheet->equity[tearsheet->equity_count - 1];
}

void tearsheet_add_equity(void *context, const char *deployment, int64_t time_ns, double equity) {
    struct tearsheet *tearsheet = context;
    struct equity *of = equity_of(tearsheet, deployment);
    if (of == NULL || !thin_add(&of->curve, time_ns, equity))
        tearsheet->has_lost_equity = true;
}
