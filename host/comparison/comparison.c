#include "comparison/comparison.h"

#include <cjson/cJSON.h>
#include <math.h>

/* ---- parts of signals ---- */

static bool is_near(double a, double b, double eps) {
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    const double size = fmax(1, fmax(fabs(a), fabs(b)));
    return a == b || fabs(a - b) <= eps * size;
}

static bool is_of_one(const struct comparison *comparison, const struct signal *a,
                      const struct signal *b) {
    return a->event_time_ns == b->event_time_ns && a->time_frame_s == b->time_frame_s &&
           t5_str_equal(a->name, b->name) && t5_str_equal(a->symbol, b->symbol) &&
           (!comparison->has_deployments || t5_str_equal(a->deployment, b->deployment));
}

/* ---- data ---- */

/* NULL is nothing, and is like nothing else. */
static bool is_alike(const cJSON *a, const cJSON *b, double eps) {
    if (a == NULL || b == NULL)
        return a == b;
    if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
        return is_near(a->valuedouble, b->valuedouble, eps);
    if (cJSON_IsArray(a) && cJSON_IsArray(b)) {
        for (a = a->child, b = b->child; a != NULL && b != NULL; a = a->next, b = b->next)
            if (!is_alike(a, b, eps))
                return false;
        return a == b;
    }
    if (!cJSON_IsObject(a) || !cJSON_IsObject(b))
        return cJSON_Compare(a, b, true);
    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
        return false;
    for (const cJSON *child = a->child; child != NULL; child = child->next)
        if (!is_alike(child, cJSON_GetObjectItemCaseSensitive(b, child->string), eps))
            return false;
    return true;
}

static bool is_same_value(const t5_value *a, const t5_value *b) {
    if (a->type != b->type)
        return false;
    if (a->type == T5_VALUE_TEXT)
        return t5_str_equal(t5_value_text(a), t5_value_text(b));
    return a->integer == b->integer &&
           (a->number == b->number || (isnan(a->number) && isnan(b->number)));
}

/* False: a closer look is needed. */
static bool has_same_data(const struct signal *a, const struct signal *b) {
    if (a->value_count != b->value_count || !t5_str_equal(a->data, b->data))
        return false;
    for (uint32_t i = 0; i < a->value_count; i++) {
        const t5_named_value left = signal_value_at(a, i), right = signal_value_at(b, i);
        if (!t5_str_equal(left.name, right.name) || !is_same_value(&left.value, &right.value))
            return false;
    }
    return true;
}

static bool has_data(const struct signal *signal) {
    return signal->data.len > 0 || signal->value_count > 0;
}

/* As readers get it. NULL: it has none, or memory ran out (`*is_good` false). */
static cJSON *data_of(const struct signal *signal, bool *is_good) {
    struct text text;
    if (!has_data(signal))
        return NULL;
    text_init(&text);
    signal_write_members(signal, &text);
    cJSON *data = text_is_oom(&text) ? NULL : cJSON_ParseWithLength(text.data, text.size);
    text_release(&text);
    *is_good = *is_good && data != NULL;
    return data;
}

static bool compare_data(const struct signal *a, const struct signal *b, double eps,
                         bool *is_changed) {
    bool is_good = true;
    *is_changed = false;
    if (has_same_data(a, b))
        return true;
    cJSON *left = data_of(a, &is_good), *right = data_of(b, &is_good);
    *is_changed = is_good && !is_alike(left, right, eps);
    cJSON_Delete(left);
    cJSON_Delete(right);
    return is_good;
}

/* ---- a pair, and a place ---- */

/* False: memory ran out. */
static bool compare_pair(const struct signal *a, const struct signal *b, double eps,
                         unsigned *changes) {
    bool is_changed;
    if (!compare_data(a, b, eps, &is_changed))
        return false;
    *changes = (is_near(a->value, b->value, eps) ? 0U : COMPARISON_VALUE) |
               (is_near(a->confidence, b->confidence, eps) ? 0U : COMPARISON_CONFIDENCE) |
               (is_changed || !is_near(a->price, b->price, eps) ? COMPARISON_DATA : 0U);
    return true;
}

static size_t find_pair(const struct comparison *comparison, const struct signal *signal,
                        struct comparison_side among, const bool *paired) {
    for (size_t i = 0; i < among.count; i++)
        if (!paired[i] && is_of_one(comparison, signal, among.signals[i]))
            return i;
    return COMPARISON_NONE;
}

bool comparison_place(const struct comparison *comparison, struct comparison_side older,
                      struct comparison_side newer, bool *paired, comparison_visit *visit,
                      void *context) {
    for (size_t i = 0; i < newer.count; i++)
        paired[i] = false;
    for (size_t i = 0; i < older.count; i++) {
        const size_t pair = find_pair(comparison, older.signals[i], newer, paired);
        unsigned changes = 0;
        if (pair != COMPARISON_NONE) {
            paired[pair] = true;
            if (!compare_pair(older.signals[i], newer.signals[pair], comparison->eps, &changes))
                return false;
        }
        if (!visit(context, i, pair, changes))
            return false;
    }
    for (size_t i = 0; i < newer.count; i++)
        if (!paired[i] && !visit(context, COMPARISON_NONE, i, 0))
            return false;
    return true;
}
