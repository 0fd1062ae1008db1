#include "commands/research/evaluate_csv.h"

#include "base/format/csv_writer.h"
#include "cli/cli.h"

const char *const evaluate_table_names[] = {"returns", "calibration", "positions", NULL};

static void begin_row(struct csv_writer *csv, const struct evaluation_group *group,
                      int64_t horizon_ns) {
    csv_text(csv, group->deployment);
    csv_text(csv, group->name);
    csv_number(csv, (double)horizon_ns / 1e9);
}

static void put_returns(struct csv_writer *csv, const struct evaluation_group *group, size_t number,
                        const struct evaluation_options *options) {
    const struct evaluation_returns *returns = &group->returns[number];
    begin_row(csv, group, options->horizons_ns[number]);
    csv_unsigned(csv, group->signals);
    csv_unsigned(csv, group->longs);
    csv_unsigned(csv, group->shorts);
    csv_unsigned(csv, group->flats);
    csv_unsigned(csv, group->unpriced);
    csv_unsigned(csv, returns->count);
    csv_number(csv, returns->hit_rate);
    csv_number(csv, returns->mean);
    csv_number(csv, returns->median);
    csv_number(csv, returns->worst);
    csv_end_row(csv);
}

static void put_bins(struct csv_writer *csv, const struct evaluation_group *group, size_t number,
                     const struct evaluation_options *options) {
    for (size_t i = 0; i < EVALUATION_BINS; i++) {
        const struct evaluation_bin *bin = &group->returns[number].bins[i];
        begin_row(csv, group, options->horizons_ns[number]);
        csv_number(csv, (double)i / EVALUATION_BINS);
        csv_number(csv, (double)(i + 1) / EVALUATION_BINS);
        csv_unsigned(csv, bin->count);
        csv_number(csv, bin->confidence);
        csv_number(csv, bin->hit_rate);
        csv_end_row(csv);
    }
}

typedef void put_call(struct csv_writer *csv, const struct evaluation_group *group, size_t number,
                      const struct evaluation_options *options);

static void put_groups(struct csv_writer *csv, const struct evaluation *evaluation,
                       const struct evaluation_options *options, put_call *put) {
    for (size_t g = 0; g < evaluation_group_count(evaluation); g++) {
        for (size_t i = 0; i < options->horizon_count; i++)
            put(csv, evaluation_group(evaluation, g), i, options);
    }
}

static void put_positions(struct csv_writer *csv, const struct evaluation *evaluation) {
    for (size_t i = 0; i < evaluation_deployment_count(evaluation); i++) {
        const struct evaluation_deployment *deployment = evaluation_deployment(evaluation, i);
        if (deployment->side == T5_SIDE_NONE)
            continue;
        csv_text(csv, deployment->name);
        csv_unsigned(csv, deployment->signals);
        csv_unsigned(csv, deployment->series);
        csv_unsigned(csv, deployment->trades);
        csv_number(csv, deployment->turnover);
        csv_number(csv, deployment->turnover_per_day);
        csv_number(csv, deployment->profit);
        csv_number(csv, deployment->drawdown);
        csv_number(csv, deployment->sharpe);
        csv_end_row(csv);
    }
}

static void put_table(struct csv_writer *csv, const struct evaluation *evaluation,
                      const struct evaluation_options *options, enum evaluate_table table) {
    static const char *const returns[] = {
        "deployment", "name",  "horizon_s", "signals", "longs",  "shorts", "flats",
        "unpriced",   "count", "hit_rate",  "mean",    "median", "worst",  NULL};
    static const char *const bins[] = {"deployment", "name",       "horizon_s", "from", "to",
                                       "count",      "confidence", "hit_rate",  NULL};
    static const char *const positions[] = {
        "deployment",       "signals", "series",   "trades", "turnover",
        "turnover_per_day", "profit",  "drawdown", "sharpe", NULL};
    switch (table) {
    case EVALUATE_RETURNS:
        csv_row(csv, returns);
        put_groups(csv, evaluation, options, put_returns);
        break;
    case EVALUATE_CALIBRATION:
        csv_row(csv, bins);
        put_groups(csv, evaluation, options, put_bins);
        break;
    case EVALUATE_POSITIONS:
        csv_row(csv, positions);
        put_positions(csv, evaluation);
        break;
    }
}

void evaluate_print_csv(const struct evaluation *evaluation,
                        const struct evaluation_options *options, enum evaluate_table table) {
    struct text text;
    struct csv_writer csv = csv_writer_of(&text);
    text_init(&text);
    put_table(&csv, evaluation, options, table);
    (void)print_text(&text);
    text_release(&text);
}
