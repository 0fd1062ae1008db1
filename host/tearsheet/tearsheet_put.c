/* The data of the page: JSON, with times in ms since 1970. */
#include "tearsheet/tearsheet_private.h"

#include <math.h>

#define NS_A_MS 1e6

struct put {
    const struct tearsheet *tearsheet;
    const struct evaluation *evaluation;
    struct json_writer *json;
    struct tearsheet_shown *shown;
};

/* Whole ms, which is what a chart can tell apart. */
static void put_time(struct json_writer *json, int64_t time_ns) {
    json_number(json, NULL, floor((double)time_ns / NS_A_MS));
}

/* ---- curves ---- */

static void put_point(void *context, const struct thin_point *point) {
    struct json_writer *json = context;
    json_begin_array(json, NULL);
    put_time(json, point->time_ns);
    json_number(json, NULL, point->value);
    json_end_array(json);
}

/* Members of an object: how many there were, and those that are kept. */
static void put_curve(const struct put *put, const struct thin *curve) {
    json_unsigned(put->json, "total", curve->total);
    json_bool(put->json, "thinned", thin_is_thinned(curve));
    json_begin_array(put->json, "points");
    thin_visit(curve, put_point, put->json);
    json_end_array(put->json);
    put->shown->is_thinned |= thin_is_thinned(curve);
}

static bool put_prices(const struct put *put, const struct price_series *prices) {
    struct thin curve = thin_of(TEARSHEET_CURVE_RUNS);
    bool did = true;
    for (size_t i = 0; did && i < prices->count; i++)
        did = thin_add(&curve, prices->points[i].time_ns, prices->points[i].price);
    json_begin_object(put->json, "prices");
    put_curve(put, &curve);
    json_end_object(put->json);
    thin_release(&curve);
    return did;
}

static void put_equity(const struct put *put) {
    json_begin_array(put->json, "equity");
    for (size_t i = 0; i < put->tearsheet->equity_count; i++) {
        json_begin_object(put->json, NULL);
        json_text(put->json, "deployment", put->tearsheet->equity[i].deployment);
        put_curve(put, &put->tearsheet->equity[i].curve);
        json_end_object(put->json);
    }
    json_end_array(put->json);
}

/* ---- signals ---- */

static enum t5_side side_of_deployment(const struct evaluation *evaluation, const char *name) {
    for (size_t i = 0; i < evaluation_deployment_count(evaluation); i++) {
        const struct evaluation_deployment *deployment = evaluation_deployment(evaluation, i);
        if (strcmp(deployment->name, name) == 0)
            return deployment->side;
    }
    return T5_SIDE_NONE;
}

/* Deployment, name, and whether a signal's side is the number named so. */
static void put_names(const struct put *put) {
    json_begin_array(put->json, "names");
    for (size_t i = 0; i < put->tearsheet->name_count; i++) {
        const struct tearsheet_name *name = &put->tearsheet->names[i];
        json_begin_array(put->json, NULL);
        json_text(put->json, NULL, name->deployment);
        json_text(put->json, NULL, name->name);
        json_bool(put->json, NULL,
                  side_of_deployment(put->evaluation, name->deployment) == T5_SIDE_NAMED);
        json_end_array(put->json);
    }
    json_end_array(put->json);
}

/* [time, price, index of the name, sign of the value, side that it names, value, confidence] */
static void put_mark(const struct put *put, const struct price_series *prices,
                     const struct mark *mark) {
    const struct price_point *point =
        isnan(mark->price) && prices != NULL ? price_series_at(prices, mark->time_ns) : NULL;
    json_begin_array(put->json, NULL);
    put_time(put->json, mark->time_ns);
    json_number(put->json, NULL, point != NULL ? point->price : mark->price);
    json_unsigned(put->json, NULL, mark->name);
    json_integer(put->json, NULL, mark->by_value);
    json_number(put->json, NULL, mark->by_name == EVALUATION_NO_SIDE ? (double)NAN : mark->by_name);
    json_number(put->json, NULL, mark->value);
    json_number(put->json, NULL, mark->confidence);
    json_end_array(put->json);
}

static void put_marks(const struct put *put, const struct card *card) {
    json_begin_array(put->json, "signals");
    for (size_t i = 0; i < 2; i++) {
        const struct marks *marks = card->marks[i];
        for (size_t n = 0; marks != NULL && n < marks->count; n++)
            put_mark(put, card->prices, &marks->items[n]);
        put->shown->is_thinned |= marks != NULL && marks->step > 1;
    }
    json_end_array(put->json);
    json_unsigned(put->json, "signals_total", card->signals);
}

/* ---- cards ---- */

static void put_published(const struct put *put, const struct card *card) {
    const size_t count =
        card->published_count < TEARSHEET_PUBLISHED ? card->published_count : TEARSHEET_PUBLISHED;
    json_begin_array(put->json, "published");
    for (size_t i = 0; i < count; i++) {
        json_begin_object(put->json, NULL);
        json_text(put->json, "deployment", card->published[i]->deployment);
        json_text(put->json, "series", card->published[i]->series);
        put_curve(put, &card->published[i]->curve);
        json_end_object(put->json);
    }
    json_end_array(put->json);
    json_unsigned(put->json, "published_left", card->published_count - count);
    put->shown->published_left += card->published_count - count;
}

static bool put_card(const struct put *put, const struct card *card) {
    json_begin_object(put->json, NULL);
    json_bytes(put->json, "symbol", card->symbol.data, card->symbol.len);
    json_unsigned(put->json, "time_frame_s", card->time_frame_s);
    const bool did = card->prices == NULL || put_prices(put, card->prices);
    put_marks(put, card);
    put_published(put, card);
    json_end_object(put->json);
    return did;
}

static bool put_cards(const struct put *put, const struct cards *cards) {
    const size_t most = put->tearsheet->options.cards;
    bool did = true;
    put->shown->all_cards = cards->count;
    put->shown->cards = cards->count < most ? cards->count : most;
    json_begin_array(put->json, "cards");
    for (size_t i = 0; did && i < put->shown->cards; i++)
        did = put_card(put, &cards->items[i]);
    json_end_array(put->json);
    return did;
}

static void put_shown(const struct put *put) {
    const struct tearsheet_shown *shown = put->shown;
    json_begin_object(put->json, "shown");
    json_unsigned(put->json, "cards", shown->cards);
    json_unsigned(put->json, "all_cards", shown->all_cards);
    json_bool(put->json, "chosen", put->tearsheet->options.symbol_count > 0);
    json_unsigned(put->json, "published_left", shown->published_left);
    json_unsigned(put->json, "points_left", put->tearsheet->curves_left);
    json_bool(put->json, "thinned", shown->is_thinned);
    json_end_object(put->json);
}

bool tearsheet_put(struct tearsheet *tearsheet, const struct evaluation *evaluation,
                   struct json_writer *json, struct tearsheet_shown *shown) {
    const struct put put = {tearsheet, evaluation, json, shown};
    struct cards cards;
    *shown = (struct tearsheet_shown){0};
    if (tearsheet->has_lost_signals || tearsheet->has_lost_points || tearsheet->has_lost_equity)
        return false;
    json_begin_object(json, "evaluation");
    evaluation_put(evaluation, json);
    json_end_object(json);
    put_equity(&put);
    put_names(&put);
    const bool did = cards_init(&cards, tearsheet, evaluation) && put_cards(&put, &cards);
    cards_release(&cards);
    put_shown(&put);
    return did && !text_is_oom(json->text);
}
