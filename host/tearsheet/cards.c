/* Symbols and time frames of which there is anything, and their order on the page. */
#include "tearsheet/tearsheet_private.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* Found, or made. NULL: no memory, or too long a symbol. */
static struct card *card_of(struct cards *cards, t5_str symbol, uint32_t time_frame_s) {
    struct tearsheet_key key;
    if (!tearsheet_key_of(&key, symbol, time_frame_s))
        return NULL;
    const uint32_t id = symbols_intern(cards->keys, key.bytes, key.size, NULL);
    if (id == SYMBOL_NONE || id > cards->count) {
        cards->is_oom = true;
        return NULL;
    }
    if (id < cards->count)
        return &cards->items[id];
    if (!ARRAY_GROW(cards->items, cards->count, cards->capacity)) {
        cards->is_oom = true;
        return NULL;
    }
    const char *bytes = symbols_text(cards->keys, id, NULL);
    cards->items[cards->count] = (struct card){.symbol = tearsheet_key_symbol(bytes, symbol.len),
                                               .time_frame_s = time_frame_s};
    return &cards->items[cards->count++];
}

static void add_prices(void *context, const char *symbol, size_t symbol_size,
                       const struct price_series *series) {
    struct card *card = card_of(context, (t5_str){symbol, symbol_size}, series->time_frame_s);
    if (card != NULL)
        card->prices = series;
}

/* The card of what has that symbol and time frame; without one it belongs to the symbol's lowest,
 * as the evaluation has it. */
static struct card *home_of(struct cards *cards, const struct evaluation *evaluation, t5_str symbol,
                            uint32_t time_frame_s) {
    const struct price_series *series = evaluation_find_prices(evaluation, symbol, time_frame_s);
    return card_of(cards, symbol, series != NULL ? series->time_frame_s : time_frame_s);
}

static void add_marks(struct cards *cards, const struct tearsheet *tearsheet,
                      const struct evaluation *evaluation) {
    for (uint32_t id = 0; id < tearsheet->mark_count; id++) {
        size_t size;
        const char *bytes = symbols_text(tearsheet->mark_keys, id, &size);
        const uint32_t time_frame_s = tearsheet_key_frame(bytes);
        struct card *card =
            home_of(cards, evaluation, tearsheet_key_symbol(bytes, size - sizeof time_frame_s),
                    time_frame_s);
        if (card == NULL)
            continue;
        card->marks[time_frame_s == 0] = &tearsheet->marks[id];
        card->signals += tearsheet->marks[id].total;
    }
}

static void add_published(struct cards *cards, const struct tearsheet *tearsheet,
                          const struct evaluation *evaluation) {
    for (uint32_t id = 0; id < tearsheet->curve_count; id++) {
        const struct published_curve *curve = &tearsheet->curves[id];
        const char *bytes = symbols_text(tearsheet->curve_keys, id, NULL);
        struct card *card =
            home_of(cards, evaluation, tearsheet_key_symbol(bytes, curve->symbol_size),
                    tearsheet_key_frame(bytes));
        if (card == NULL)
            continue;
        if (!ARRAY_GROW(card->published, card->published_count, card->published_capacity)) {
            cards->is_oom = true;
            return;
        }
        card->published[card->published_count++] = curve;
    }
}

/* ---- order ---- */

static void note_asked(struct cards *cards, const struct tearsheet_options *options) {
    for (size_t i = 0; i < cards->count; i++) {
        struct card *card = &cards->items[i];
        while (card->asked < options->symbol_count &&
               !t5_str_equal(card->symbol, t5_text(options->symbols[card->asked])))
            card->asked++;
    }
}

/* Those that nobody asked for are none of it. */
static void drop_unasked(struct cards *cards, const struct tearsheet_options *options) {
    size_t kept = 0;
    for (size_t i = 0; i < cards->count; i++) {
        if (options->symbol_count == 0 || cards->items[i].asked < options->symbol_count)
            cards->items[kept++] = cards->items[i];
        else
            free(cards->items[i].published);
    }
    cards->count = kept;
}

static int compare_texts(t5_str a, t5_str b) {
    const size_t shorter = a.len < b.len ? a.len : b.len;
    const int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static size_t price_count(const struct card *card) {
    return card->prices != NULL ? card->prices->count : 0;
}

/* What was asked for as it was; then the most signals, the most prices, names. */
static int compare_cards(const void *a, const void *b) {
    const struct card *left = a, *right = b;
    const size_t prices = price_count(left), others = price_count(right);
    if (left->asked != right->asked)
        return left->asked < right->asked ? -1 : 1;
    if (left->signals != right->signals)
        return left->signals > right->signals ? -1 : 1;
    if (prices != others)
        return prices > others ? -1 : 1;
    const int order = compare_texts(left->symbol, right->symbol);
    return order != 0 ? order
                      : (left->time_frame_s > right->time_frame_s) -
                            (left->time_frame_s < right->time_frame_s);
}

static int compare_published(const void *a, const void *b) {
    const struct published_curve *const *left = a, *const *right = b;
    const int order = strcmp((*left)->deployment, (*right)->deployment);
    return order != 0 ? order : strcmp((*left)->series, (*right)->series);
}

static void sort(struct cards *cards) {
    if (cards->count > 0)
        qsort(cards->items, cards->count, sizeof *cards->items, compare_cards);
    for (size_t i = 0; i < cards->count; i++)
        if (cards->items[i].published_count > 0)
            qsort(cards->items[i].published, cards->items[i].published_count,
                  sizeof(const struct published_curve *), compare_published);
}

bool cards_init(struct cards *cards, const struct tearsheet *tearsheet,
                const struct evaluation *evaluation) {
    *cards = (struct cards){.keys = symbols_new(SYMBOL_NONE - 1)};
    if (cards->keys == NULL)
        return false;
    evaluation_visit_prices(evaluation, add_prices, cards);
    add_marks(cards, tearsheet, evaluation);
    add_published(cards, tearsheet, evaluation);
    note_asked(cards, &tearsheet->options);
    drop_unasked(cards, &tearsheet->options);
    sort(cards);
    return !cards->is_oom;
}

void cards_release(struct cards *cards) {
    for (size_t i = 0; i < cards->count; i++)
        free(cards->items[i].published);
    free(cards->items);
    symbols_free(cards->keys);
}
