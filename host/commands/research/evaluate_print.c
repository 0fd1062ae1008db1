#include "commands/research/evaluate_print.h"

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/progress_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char *side_name(enum t5_side side) {
    return side == T5_SIDE_VALUE ? "value" : side == T5_SIDE_NAMED ? "named" : "none";
}

/* ---- tables ---- */

/* A share as per cent, "-" without one. */
static void print_percent(double share, int width, int decimals) {
    if (isnan(share))
        printf("%*s", width, "-");
    else
        printf("%*.*f%%", width - 1, decimals, share * 100);
}

static void print_number(double number, int width, int decimals) {
    if (isnan(number))
        printf("%*s", width, "-");
    else
        printf("%*.*f", width, decimals, number);
}

static void print_returns(const struct evaluation_group *group,
                          const struct evaluation_options *options) {
    for (size_t i = 0; i < options->horizon_count; i++) {
        const struct evaluation_returns *returns = &group->returns[i];
        char horizon[32];
        format_duration(options->horizons_ns[i], horizon, sizeof horizon);
        printf("    %-8s %10" PRIu64, horizon, returns->count);
        print_percent(returns->hit_rate, 9, 1);
        print_percent(returns->mean, 11, 4);
        print_percent(returns->median, 11, 4);
        print_percent(returns->worst, 11, 4);
        putchar('\n');
    }
}

/* Bins of the first horizon that nothing fell into are left out. */
static void print_bins(const struct evaluation_group *group) {
    const struct evaluation_returns *returns = &group->returns[0];
    printf("    confidence %11s%9s%11s\n", "count", "hits", "mean conf.");
    for (size_t i = 0; i < EVALUATION_BINS && returns->count > 0; i++) {
        const struct evaluation_bin *bin = &returns->bins[i];
        if (bin->count == 0)
            continue;
        printf("    %.1f to %.1f %11" PRIu64, (double)i / EVALUATION_BINS,
               (double)(i + 1) / EVALUATION_BINS, bin->count);
        print_percent(bin->hit_rate, 9, 1);
        print_number(bin->confidence, 11, 3);
        putchar('\n');
    }
}

static void print_group(const struct evaluation_group *group,
                        const struct evaluation_options *options) {
    char count[40];
    format_count(group->signals, count, sizeof count);
    say("  %s: ", group->name);
    printf("%s signal%s", count, text_plural(group->signals));
    if (group->longs + group->shorts + group->flats > 0)
        printf(", %" PRIu64 " long, %" PRIu64 " short, %" PRIu64 " flat", group->longs,
               group->shorts, group->flats);
    if (group->unpriced > 0)
        printf(", %" PRIu64 " without a price", group->unpriced);
    printf("\n    %-8s %10s%9s%11s%11s%11s\n", "after", "count", "hits", "mean", "median", "worst");
    print_returns(group, options);
    print_bins(group);
}

static void print_positions(const struct evaluation_deployment *deployment) {
    if (deployment->side == T5_SIDE_NONE) {
        printf("  no positions: the strategy declares no side (.side in its descriptor)\n");
        return;
    }
    printf("  positions by %s: %" PRIu64 " trade%s in %zu series, turnover ",
           deployment->side == T5_SIDE_VALUE ? "the sign of the value" : "the number named side",
           deployment->trades, text_plural(deployment->trades), deployment->series);
    print_number(deployment->turnover, 0, 1);
    printf(" units, ");
    print_number(deployment->turnover_per_day, 0, 1);
    printf(" a day\n    profit ");
    print_percent(deployment->profit, 0, 4);
    printf(", largest drawdown ");
    print_percent(deployment->drawdown, 0, 4);
    printf(", Sharpe ratio ");
    print_number(deployment->sharpe, 0, 2);
    putchar('\n');
}

void evaluate_print(const struct evaluation *evaluation, const struct evaluation_options *options) {
    for (size_t i = 0; i < evaluation_deployment_count(evaluation); i++) {
        const struct evaluation_deployment *deployment = evaluation_deployment(evaluation, i);
        if (deployment->signals == 0) {
            say("%s: no signals\n", deployment->name);
            continue;
        }
        say("%s\n", deployment->name);
        print_positions(deployment);
        for (size_t g = 0; g < evaluation_group_count(evaluation); g++) {
            const struct evaluation_group *group = evaluation_group(evaluation, g);
            if (group->deployment == deployment->name)
                print_group(group, options);
        }
    }
}

/* ---- JSON ---- */

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
                           const struct evaluation_deployment *deployment,
                           const struct evaluation_options *options) {
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
            put_group(json, group, options);
    }
    json_end_array(json);
    json_end_object(json);
}

void evaluate_print_json(const struct evaluation *evaluation,
                         const struct evaluation_options *options) {
    int64_t first_ns, last_ns;
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    json_unsigned(&json, "prices", evaluation_prices(evaluation, &first_ns, &last_ns));
    json_integer(&json, "first_price_ns", first_ns);
    json_integer(&json, "last_price_ns", last_ns);
    json_number(&json, "cost", options->cost);
    json_number(&json, "period_s", (double)options->period_ns / 1e9);
    json_begin_array(&json, "deployments");
    for (size_t i = 0; i < evaluation_deployment_count(evaluation); i++)
        put_deployment(&json, evaluation, evaluation_deployment(evaluation, i), options);
    json_end_array(&json);
    json_end_object(&json);
    if (text_is_oom(&text))
        note_oom();
    else
        printf("%s\n", text.data);
    text_release(&text);
}
