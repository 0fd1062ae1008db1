#include "commands/research/evaluate_print.h"

#include "base/format/json_writer.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/progress_line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

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
    print_out("  %s: ", group->name);
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
            print_out("%s: no signals\n", deployment->name);
            continue;
        }
        print_out("%s\n", deployment->name);
        print_positions(deployment);
        for (size_t g = 0; g < evaluation_group_count(evaluation); g++) {
            const struct evaluation_group *group = evaluation_group(evaluation, g);
            if (group->deployment == deployment->name)
                print_group(group, options);
        }
    }
}

/* ---- JSON ---- */

static void put_parts(struct json_writer *json, const struct evaluate_part *parts, size_t count) {
    json_begin_array(json, "parts");
    for (size_t i = 0; i < count; i++) {
        json_begin_object(json, NULL);
        json_integer(json, "from_ns", parts[i].from_ns);
        json_integer(json, "to_ns", parts[i].to_ns);
        evaluation_put_deployments(parts[i].evaluation, json);
        json_end_object(json);
    }
    json_end_array(json);
}

void evaluate_print_json(const struct evaluation *evaluation, const struct evaluate_part *parts,
                         size_t part_count) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    evaluation_put(evaluation, &json);
    if (part_count > 0)
        put_parts(&json, parts, part_count);
    json_end_object(&json);
    text_putc(&text, '\n');
    (void)print_text(&text);
    text_release(&text);
}
