/* What came out of an evaluation, as JSON. */
#include "base/format/json_writer.h"
#include "evaluation/evaluation_private.h"

static const char *side_name(enum t5_side side) {
    return side == T5_SIDE_VALUE ? "value" : side == T5_SIDE_NAMED ? "named" : "none";
}

static void put_returns(struct json_writer *json, const struct evaluation_returns *returns,
                        int64_t horizon_ns) {
    json_begin_object(json, NULL);
    json_number(json, "horizon_s", (double)horizon_ns / 1e9);
    json_unsigned(json, "count", returns->count);
    json_number(json, "hit_rate", returns->hit_rate);
    json_number(json, "mean", returns->mean);
    json_number(json, "median", returns->median);
    json_number(json, "worst", returns->worst);
    json_begin_array(json, "calibration");
    for (size_t i = 0; i < EVALUATION_BINS; i++) {
        const struct evaluation_bin *bin = &returns->bins[i];
        json_begin_object(json, NULL);
        json_unsigned(json, "count", bin->count);
        json_number(json, "confidence", bin->confidence);
        json_number(json, "hit_rate", bin->hit_rate);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}

static void put_group(struct json_writer *json, const struct evaluation_group *group,
                      const struct evaluation_options *options) {
    json_begin_object(json, NULL);
    json_text(json, "name", group->name);
    json_unsigned(json, "signals", group->signals);
    json_unsigned(json, "longs", group->longs);
    json_unsigned(json, "shorts", group->shorts);
    json_unsigned(json, "flats", group->flats);
    json_unsigned(json, "unpriced", group->unpriced);
    json_begin_array(json, "returns");
    for (size_t i = 0; i < options->horizon_count; i++)
        put_returns(json, &group->returns[i], options->horizons_ns[i]);
    json_end_array(json);
    json_end_object(json);
}

static void put_deployment(struct json_writer *json, const struct evaluation *evaluation,
                           const struct evaluation_deployment *deployment) {
    json_begin_object(json, NULL);
    json_text(json, "name", deployment->name);
    json_text(json, "side", side_name(deployment->side));
    json_unsigned(json, "signals", deployment->signals);
    if (deployment->side != T5_SIDE_NONE) {
        json_begin_object(json, "positions");
        json_unsigned(json, "series", deployment->series);
        json_unsigned(json, "trades", deployment->trades);
        json_number(json, "turnover", deployment->turnover);
        json_number(json, "turnover_per_day", deployment->turnover_per_day);
        json_number(json, "profit", deployment->profit);
        json_number(json, "drawdown", deployment->drawdown);
        json_number(json, "sharpe", deployment->sharpe);
        json_end_object(json);
    }
    json_begin_array(json, "names");
    for (size_t g = 0; g < evaluation_group_count(evaluation); g++) {
        const struct evaluation_group *group = evaluation_group(evaluation, g);
        if (group->deployment == deployment->name)
            put_group(json, group, &evaluation->options);
    }
    json_end_array(json);
    json_end_object(json);
}

void evaluation_put_deployments(const struct evaluation *evaluation, struct json_writer *json) {
    json_begin_array(json, "deployments");
    for (size_t i = 0; i < evaluation_deployment_count(evaluation); i++)
        put_deployment(json, evaluation, evaluation_deployment(evaluation, i));
    json_end_array(json);
}

void evaluation_put(const struct evaluation *evaluation, struct json_writer *json) {
    int64_t first_ns, last_ns;
    json_unsigned(json, "prices", evaluation_prices(evaluation, &first_ns, &last_ns));
    json_integer(json, "first_price_ns", first_ns);
    json_integer(json, "last_price_ns", last_ns);
    json_number(json, "cost", evaluation->options.cost);
    json_number(json, "period_s", (double)evaluation->options.period_ns / 1e9);
    evaluation_put_deployments(evaluation, json);
}
