#include "commands/research/sweep/sweep_print.h"

#include "base/format/csv_writer.h"
#include "base/format/json_writer.h"
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_POINTS 20 /* for people */

/* ---- what was chosen ---- */

/* A part on which the best was chosen, and the one on which it is shown: the same for the whole. */
struct choice_step {
    size_t chosen_on, shown_on;
};

static size_t step_count(const struct sweep_results *results, enum sweep_mode mode) {
    return mode == SWEEP_WHOLE ? 1 : results->part_count - 1;
}

static struct choice_step step_of(size_t number, enum sweep_mode mode) {
    return (struct choice_step){number, mode == SWEEP_WHOLE ? number : number + 1};
}

/* Its place among all by that part, from 1. */
static size_t rank_of(const struct sweep_results *results, enum sweep_figure figure, size_t part,
                      size_t point) {
    const double own = sweep_figure(sweep_figures(results, point, part), figure);
    size_t rank = 1;
    for (size_t i = 0; i < results->point_count; i++)
        rank += sweep_is_better(figure, sweep_figure(sweep_figures(results, i, part), figure), own);
    return rank;
}

/* ---- for people ---- */

static void print_number(double number, int width, double factor, const char *unit) {
    char text[32] = "-";
    if (!isnan(number))
        snprintf(text, sizeof text, "%.4g%s", number * factor, unit);
    print_out(" %*s", width, text);
}

static void print_point(const struct sweep_grid *grid, size_t point) {
    for (size_t i = 0; i < grid->axis_count; i++)
        print_out("%s%-12s", i > 0 ? " " : "", sweep_grid_value(grid, point, i));
}

static void print_figures(const struct sweep_figures *figures) {
    print_out(" %9" PRIu64 " %8" PRIu64, figures->signals, figures->trades);
    print_number(figures->profit, 10, 100, "%");
    print_number(figures->drawdown, 10, 100, "%");
    print_number(figures->sharpe, 8, 1, "");
    print_number(figures->hit_rate, 8, 100, "%");
    print_number(figures->mean, 10, 100, "%");
}

static void print_head(const struct sweep_grid *grid, const char *behind) {
    for (size_t i = 0; i < grid->axis_count; i++)
        print_out("%s%-12s", i > 0 ? " " : "", grid->axes[i].name);
    print_out(" %9s %8s %10s %10s %8s %8s %10s%s\n", "signals", "trades", "profit", "drawdown",
              "sharpe", "hits", "mean", behind);
}

static void print_table(const struct sweep_grid *grid, const struct sweep_results *results,
                        enum sweep_figure figure, const size_t *order, bool is_split) {
    char head[32] = "";
    if (is_split)
        snprintf(head, sizeof head, " %14s", "later");
    print_head(grid, head);
    for (size_t i = 0; i < results->point_count && i < MOST_POINTS; i++) {
        print_point(grid, order[i]);
        print_figures(sweep_figures(results, order[i], 0));
        if (is_split)
            print_number(sweep_figure(sweep_figures(results, order[i], 1), figure), 14, 1, "");
        print_out("\n");
    }
    if (results->point_count > MOST_POINTS)
        print_out("... --csv has all %zu points\n", results->point_count);
}

static void print_chosen(const struct sweep_grid *grid, const struct sweep_results *results,
                         enum sweep_figure figure, struct choice_step step, size_t point) {
    const char *name = sweep_figure_names[figure - 1];
    print_out("best by %s:", name);
    for (size_t i = 0; i < grid->axis_count; i++)
        print_out(" %s = %s", grid->axes[i].name, sweep_grid_value(grid, point, i));
    print_number(sweep_figure(sweep_figures(results, point, step.chosen_on), figure), 0, 1, "");
    if (step.shown_on != step.chosen_on) {
        print_out("; on the later part, which it was not chosen on:");
        print_number(sweep_figure(sweep_figures(results, point, step.shown_on), figure), 0, 1, "");
        print_out(" (place %zu of %zu)", rank_of(results, figure, step.shown_on, point),
                  results->point_count);
    }
    print_out("\n");
}

bool sweep_print(const struct sweep_grid *grid, const struct sweep_results *results,
                 enum sweep_mode mode, enum sweep_figure figure) {
    for (size_t i = 0; i < step_count(results, mode); i++) {
        const struct choice_step step = step_of(i, mode);
        size_t *order = sweep_order(results, figure, step.chosen_on);
        if (order == NULL)
            return false;
        if (mode != SWEEP_WALK_FORWARD)
            print_table(grid, results, figure, order, mode == SWEEP_SPLIT);
        print_chosen(grid, results, figure, step, order[0]);
        free(order);
    }
    return true;
}

/* ---- CSV ---- */

static void put_csv_row(struct csv_writer *csv, const struct sweep_grid *grid,
                        const struct sweep_results *results, size_t point, size_t part) {
    const struct sweep_figures *figures = sweep_figures(results, point, part);
    for (size_t i = 0; i < grid->axis_count; i++)
        csv_text(csv, sweep_grid_value(grid, point, i));
    csv_unsigned(csv, part);
    csv_integer(csv, results->parts[part].from_ns);
    csv_integer(csv, results->parts[part].to_ns);
    csv_unsigned(csv, figures->signals);
    csv_unsigned(csv, figures->trades);
    csv_number(csv, figures->turnover);
    csv_number(csv, figures->profit);
    csv_number(csv, figures->drawdown);
    csv_number(csv, figures->sharpe);
    csv_number(csv, figures->hit_rate);
    csv_number(csv, figures->mean);
    csv_end_row(csv);
}

static bool flush(struct text *text) {
    const bool did = print_text(text);
    text_release(text);
    return did;
}

bool sweep_print_csv(const struct sweep_grid *grid, const struct sweep_results *results) {
    static const char *const names[] = {"part",   "from_ns",  "to_ns",  "signals",
                                        "trades", "turnover", "profit", "drawdown",
                                        "sharpe", "hit_rate", "mean",   NULL};
    struct text text;
    struct csv_writer csv = csv_writer_of(&text);
    text_init(&text);
    for (size_t i = 0; i < grid->axis_count; i++)
        csv_text(&csv, grid->axes[i].name);
    csv_row(&csv, names);
    for (size_t point = 0; point < results->point_count; point++) {
        for (size_t part = 0; part < results->part_count; part++)
            put_csv_row(&csv, grid, results, point, part);
    }
    return flush(&text);
}

/* ---- JSON ---- */

static void put_parameters(struct json_writer *json, const struct sweep_grid *grid, size_t point) {
    json_begin_object(json, "parameters");
    for (size_t i = 0; i < grid->axis_count; i++)
        json_text(json, grid->axes[i].name, sweep_grid_value(grid, point, i));
    json_end_object(json);
}

static void put_part(struct json_writer *json, const struct sweep_figures *figures) {
    json_begin_object(json, NULL);
    json_unsigned(json, "signals", figures->signals);
    json_unsigned(json, "trades", figures->trades);
    json_number(json, "turnover", figures->turnover);
    json_number(json, "profit", figures->profit);
    json_number(json, "drawdown", figures->drawdown);
    json_number(json, "sharpe", figures->sharpe);
    json_number(json, "hit_rate", figures->hit_rate);
    json_number(json, "mean", figures->mean);
    json_end_object(json);
}

static void put_spans(struct json_writer *json, const struct sweep_results *results) {
    json_begin_array(json, "parts");
    for (size_t i = 0; i < results->part_count; i++) {
        json_begin_object(json, NULL);
        json_integer(json, "from_ns", results->parts[i].from_ns);
        json_integer(json, "to_ns", results->parts[i].to_ns);
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_points(struct json_writer *json, const struct sweep_grid *grid,
                       const struct sweep_results *results) {
    json_begin_array(json, "points");
    for (size_t point = 0; point < results->point_count; point++) {
        json_begin_object(json, NULL);
        put_parameters(json, grid, point);
        json_begin_array(json, "parts");
        for (size_t part = 0; part < results->part_count; part++)
            put_part(json, sweep_figures(results, point, part));
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
}

/* Each choice: the point, on which part it was chosen, on which it is shown, and its place there.
 */
static bool put_chosen(struct json_writer *json, const struct sweep_grid *grid,
                       const struct sweep_results *results, enum sweep_mode mode,
                       enum sweep_figure figure) {
    json_begin_array(json, "chosen");
    for (size_t i = 0; i < step_count(results, mode); i++) {
        const struct choice_step step = step_of(i, mode);
        size_t *order = sweep_order(results, figure, step.chosen_on);
        if (order == NULL)
            return false;
        json_begin_object(json, NULL);
        json_unsigned(json, "point", order[0]);
        put_parameters(json, grid, order[0]);
        json_unsigned(json, "chosen_on", step.chosen_on);
        json_unsigned(json, "shown_on", step.shown_on);
        json_unsigned(json, "place", rank_of(results, figure, step.shown_on, order[0]));
        json_end_object(json);
        free(order);
    }
    json_end_array(json);
    return true;
}

bool sweep_print_json(const struct sweep_grid *grid, const struct sweep_results *results,
                      enum sweep_mode mode, enum sweep_figure figure) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    json_text(&json, "deployment", grid->deployment);
    json_text(&json, "by", sweep_figure_names[figure - 1]);
    put_spans(&json, results);
    put_points(&json, grid, results);
    const bool did = put_chosen(&json, grid, results, mode, figure);
    json_end_object(&json);
    text_putc(&text, '\n');
    return flush(&text) && did;
}
