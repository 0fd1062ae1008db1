#include "evaluation/evaluation_private.h"

#include "base/array.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIMIT (SYMBOL_NONE - 1)

struct evaluation *evaluation_new(const struct evaluation_options *options) {
    struct evaluation *evaluation = calloc(1, sizeof *evaluation);
    if (evaluation == NULL)
        return NULL;
    evaluation->options = *options;
    evaluation->prices = prices_new();
    evaluation->symbols = symbols_new(NO_LIMIT);
    evaluation->group_names = symbols_new(NO_LIMIT);
    evaluation->deployment_names = symbols_new(NO_LIMIT);
    if (evaluation->prices != NULL && evaluation->symbols != NULL &&
        evaluation->group_names != NULL && evaluation->deployment_names != NULL)
        return evaluation;
    evaluation_free(evaluation);
    return NULL;
}

void evaluation_free(struct evaluation *evaluation) {
    if (evaluation == NULL)
        return;
    for (size_t i = 0; i < evaluation->group_count; i++) {
        free(evaluation->groups[i].name);
        for (size_t h = 0; h < EVALUATION_HORIZONS; h++)
            free(evaluation->groups[i].returns[h].items);
    }
    prices_free(evaluation->prices);
    symbols_free(evaluation->symbols);
    symbols_free(evaluation->group_names);
    symbols_free(evaluation->deployment_names);
    free(evaluation->entries);
    free(evaluation->groups);
    free(evaluation->deployments);
    free(evaluation);
}

bool evaluation_add_price(struct evaluation *evaluation, t5_str symbol, uint32_t time_frame_s,
                          int64_t time_ns, double price, uint64_t place) {
    const struct price_point point = {time_ns, price, place};
    if (prices_add(evaluation->prices, symbol.data, symbol.len, time_frame_s, &point))
        return true;
    evaluation->has_lost_prices = true;
    return false;
}

/* ---- signals ---- */

static int8_t sign_of(double number) {
    return (int8_t)((number > 0) - (number < 0));
}

static int8_t side_in_data(t5_str data) {
    if (data.len == 0 || memmem(data.data, data.len, "side", 4) == NULL)
        return EVALUATION_NO_SIDE;
    cJSON *tree = cJSON_ParseWithLength(data.data, data.len);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, "side");
    const int8_t side = cJSON_IsNumber(item) ? sign_of(item->valuedouble) : EVALUATION_NO_SIDE;
    cJSON_Delete(tree);
    return side;
}

/* The number called "side" among what it carries. */
int8_t evaluation_named_side(const struct signal *signal) {
    for (uint32_t i = 0; i < signal->value_count; i++) {
        const t5_named_value named = signal_value_at(signal, i);
        if (!t5_str_equal(named.name, t5_text("side")))
            continue;
        return t5_value_is_number(&named.value) && isfinite(named.value.number)
                   ? sign_of(named.value.number)
                   : EVALUATION_NO_SIDE;
    }
    return side_in_data(signal->data);
}

static struct deployment *deployment_of(struct evaluation *evaluation, const char *name,
                                        size_t size) {
    bool is_new = false;
    const uint32_t id = symbols_intern(evaluation->deployment_names, name, size, &is_new);
    if (id == SYMBOL_NONE)
        return NULL;
    if (id == evaluation->deployment_count) { /* also when there was no memory for it before */
        if (!ARRAY_GROW(evaluation->deployments, evaluation->deployment_count,
                        evaluation->deployment_capacity))
            return NULL;
        evaluation->deployments[evaluation->deployment_count++] = (struct deployment){
            .result = {.name = symbols_text(evaluation->deployment_names, id, NULL),
                       .side = T5_SIDE_NONE}};
    }
    return &evaluation->deployments[id];
}

static bool make_group(struct evaluation *evaluation, const struct signal *signal) {
    const struct deployment *deployment =
        deployment_of(evaluation, signal->deployment.data, signal->deployment.len);
    char *name = text_dup(signal->name.data, signal->name.len);
    if (deployment == NULL || name == NULL ||
        !ARRAY_GROW(evaluation->groups, evaluation->group_count, evaluation->group_capacity)) {
        free(name);
        return false;
    }
    struct group *group = &evaluation->groups[evaluation->group_count++];
    *group = (struct group){.name = name,
                            .deployment = (uint32_t)(deployment - evaluation->deployments)};
    return true;
}

static bool group_of(struct evaluation *evaluation, const struct signal *signal, uint32_t *id) {
    char key[GROUP_KEY_SIZE];
    const size_t size = signal->deployment.len + 1 + signal->name.len;
    if (size > sizeof key)
        return false;
    memcpy(key, signal->deployment.data, signal->deployment.len);
    key[signal->deployment.len] = '\0';
    memcpy(key + signal->deployment.len + 1, signal->name.data, signal->name.len);
    *id = symbols_intern(evaluation->group_names, key, size, NULL);
    if (*id == SYMBOL_NONE)
        return false;
    return *id < evaluation->group_count || make_group(evaluation, signal);
}

static bool add_entry(struct evaluation *evaluation, const struct signal *signal) {
    uint32_t group;
    const uint32_t symbol =
        symbols_intern(evaluation->symbols, signal->symbol.data, signal->symbol.len, NULL);
    if (symbol == SYMBOL_NONE || !group_of(evaluation, signal, &group) ||
        !ARRAY_GROW(evaluation->entries, evaluation->entry_count, evaluation->entry_capacity))
        return false;
    evaluation->entries[evaluation->entry_count++] = (struct entry){
        .time_ns = signal->event_time_ns,
        .price = signal->price > 0 ? signal->price : (double)NAN,
        .confidence = signal->confidence,
        .symbol = symbol,
        .time_frame_s = signal->time_frame_s,
        .group = group,
        .by_value = sign_of(signal->value),
        .by_name = evaluation_named_side(signal),
    };
    return true;
}

bool evaluation_add_signal(struct evaluation *evaluation, const struct signal *signal) {
    if (add_entry(evaluation, signal))
        return true;
    evaluation->has_lost_signals = true;
    return false;
}

bool evaluation_set_side(struct evaluation *evaluation, const char *deployment, enum t5_side side) {
    struct deployment *found = deployment_of(evaluation, deployment, strlen(deployment));
    if (found != NULL)
        found->result.side = side;
    return found != NULL;
}

void evaluation_follow_equity(struct evaluation *evaluation, evaluation_follow *follow,
                              void *context) {
    evaluation->follow = follow;
    evaluation->follow_context = context;
}

/* ---- forward returns ---- */

static bool add_return(struct returns *returns, double value) {
    if (!ARRAY_GROW(returns->items, returns->count, returns->capacity))
        return false;
    returns->items[returns->count++] = value;
    return true;
}

static size_t bin_of(double confidence) {
    const double bin = floor(confidence * EVALUATION_BINS);
    return bin < 0 ? 0 : bin >= EVALUATION_BINS ? EVALUATION_BINS - 1 : (size_t)bin;
}

/* Sums, which finish_returns() makes rates and means of. */
static bool take_return(struct group *group, size_t horizon, double value, double confidence) {
    struct evaluation_returns *result = &group->result.returns[horizon];
    struct evaluation_bin *bin = &result->bins[bin_of(confidence)];
    if (!add_return(&group->returns[horizon], value))
        return false;
    result->hit_rate += value > 0;
    result->mean += value;
    bin->count++;
    bin->confidence += confidence;
    bin->hit_rate += value > 0;
    return true;
}

static void count_side(struct evaluation_group *result, int8_t side) {
    result->signals++;
    result->longs += side == 1;
    result->shorts += side == -1;
    result->flats += side == 0;
}

static bool take_returns(struct evaluation *evaluation, struct entry *entry) {
    struct group *group = &evaluation->groups[entry->group];
    struct deployment *deployment = &evaluation->deployments[group->deployment];
    const bool has_sides = deployment->result.side != T5_SIDE_NONE;
    const int8_t side = evaluation_side_of(evaluation, entry);
    size_t symbol_size;
    const char *symbol = symbols_text(evaluation->symbols, entry->symbol, &symbol_size);
    entry->series = prices_find(evaluation->prices, symbol, symbol_size, entry->time_frame_s);
    if (entry->series != NULL && isnan(entry->price)) {
        const struct price_point *point = price_series_at(entry->series, entry->time_ns);
        entry->price = point != NULL ? point->price : (double)NAN;
    }
    deployment->result.signals++;
    count_side(&group->result, side);
    if (has_sides && (side == 0 || side == EVALUATION_NO_SIDE))
        return true;
    if (entry->series == NULL || isnan(entry->price)) {
        group->result.unpriced++;
        return true;
    }
    for (size_t i = 0; i < evaluation->options.horizon_count; i++) {
        const int64_t horizon_ns = evaluation->options.horizons_ns[i];
        const struct price_point *exit =
            entry->time_ns <= INT64_MAX - horizon_ns
                ? price_series_from(entry->series, entry->time_ns + horizon_ns)
                : NULL;
        if (exit == NULL)
            continue;
        const double change = exit->price / entry->price - 1;
        if (!take_return(group, i, has_sides && side < 0 ? -change : change, entry->confidence))
            return false;
    }
    return true;
}

static int compare_numbers(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double share(double part, uint64_t whole) {
    return whole > 0 ? part / (double)whole : (double)NAN;
}

static void finish_returns(struct returns *returns, struct evaluation_returns *result) {
    const size_t count = returns->count;
    if (count > 0)
        qsort(returns->items, count, sizeof *returns->items, compare_numbers);
    result->count = count;
    result->hit_rate = share(result->hit_rate, count);
    result->mean = share(result->mean, count);
    result->worst = count > 0 ? returns->items[0] : (double)NAN;
    result->median =
        count > 0 ? (returns->items[(count - 1) / 2] + returns->items[count / 2]) / 2 : (double)NAN;
    for (size_t i = 0; i < EVALUATION_BINS; i++) {
        struct evaluation_bin *bin = &result->bins[i];
        bin->confidence = share(bin->confidence, bin->count);
        bin->hit_rate = share(bin->hit_rate, bin->count);
    }
}

static int compare_groups(const void *a, const void *b) {
    const struct group *left = a, *right = b;
    const int order = strcmp(left->result.deployment, right->result.deployment);
    return order != 0 ? order : strcmp(left->name, right->name);
}

static int compare_deployments(const void *a, const void *b) {
    const struct deployment *left = a, *right = b;
    return strcmp(left->result.name, right->result.name);
}

bool evaluation_finish(struct evaluation *evaluation) {
    if (evaluation->has_lost_prices || evaluation->has_lost_signals ||
        !prices_seal(evaluation->prices))
        return false;
    for (size_t i = 0; i < evaluation->entry_count; i++)
        if (!take_returns(evaluation, &evaluation->entries[i]))
            return false;
    for (size_t i = 0; i < evaluation->group_count; i++) {
        struct group *group = &evaluation->groups[i];
        group->result.deployment = evaluation->deployments[group->deployment].result.name;
        group->result.name = group->name;
        for (size_t h = 0; h < evaluation->options.horizon_count; h++)
            finish_returns(&group->returns[h], &group->result.returns[h]);
    }
    const bool did = evaluation_hold_positions(evaluation);
    /* No place in an array means anything from here on. */
    if (evaluation->group_count > 0)
        qsort(evaluation->groups, evaluation->group_count, sizeof *evaluation->groups,
              compare_groups);
    if (evaluation->deployment_count > 0)
        qsort(evaluation->deployments, evaluation->deployment_count,
              sizeof *evaluation->deployments, compare_deployments);
    return did;
}

/* ---- results ---- */

size_t evaluation_group_count(const struct evaluation *evaluation) {
    return evaluation->group_count;
}

const struct evaluation_group *evaluation_group(const struct evaluation *evaluation, size_t index) {
    return &evaluation->groups[index].result;
}

size_t evaluation_deployment_count(const struct evaluation *evaluation) {
    return evaluation->deployment_count;
}

const struct evaluation_deployment *evaluation_deployment(const struct evaluation *evaluation,
                                                          size_t index) {
    return &evaluation->deployments[index].result;
}

size_t evaluation_prices(const struct evaluation *evaluation, int64_t *first_ns, int64_t *last_ns) {
    prices_span(evaluation->prices, first_ns, last_ns);
    return prices_count(evaluation->prices);
}

void evaluation_visit_prices(const struct evaluation *evaluation, prices_visit_call *visit,
                             void *context) {
    prices_visit(evaluation->prices, visit, context);
}

const struct price_series *evaluation_find_prices(const struct evaluation *evaluation,
                                                  t5_str symbol, uint32_t time_frame_s) {
    return prices_find(evaluation->prices, symbol.data, symbol.len, time_frame_s);
}
