#include "base/clock.h"
#include "base/units.h"
#include "commands/research/evaluate_csv.h"
#include "commands/research/evaluate_options.h"
#include "commands/research/evaluate_print.h"
#include "commands/research/replay/replay.h"
#include "commands/research/replay/replay_stats.h"
#include "commands/research/research.h"
#include "evaluation/evaluation.h"

#include <stdlib.h>
#include <string.h>

struct evaluate {
    struct replay_options replay;
    struct evaluate_options arguments;
    bool is_json;
    unsigned csv; /* enum evaluate_table; 0: none */
    struct evaluation_options options;
    struct evaluation *evaluation;
    bool is_oom;
    /* For `take5 sweep`: parts of it, between shares of its time; no signal is a result too. */
    bool is_swept;
    struct csv_arg shares;
    struct evaluate_part *parts;
    size_t part_count;
};

/* ---- while it replays ---- */

static bool on_signal(void *context, const struct delivery *delivery) {
    struct evaluate *evaluate = context;
    return delivery->signal == NULL ||
           evaluation_add_signal(evaluate->evaluation, delivery->signal);
}

static void on_message(void *context, const t5_message *message, uint64_t place) {
    struct evaluate *evaluate = context;
    evaluate_take_message(evaluate->evaluation, message, place);
}

static void on_end(void *context, const struct replay_summary *summary) {
    struct evaluate *evaluate = context;
    evaluate->is_oom |= !evaluate_take_sides(evaluate->evaluation, summary);
}

/* ---- parts ---- */

/* The time at the share of what there is; the last price is in the last part. */
static bool time_at(const struct evaluate *evaluate, size_t index, int64_t first_ns,
                    int64_t last_ns, int64_t *time_ns) {
    double share = index == 0 ? 0 : 1;
    if (index > 0 && index <= evaluate->shares.count) {
        const char *text = evaluate->shares.items[index - 1];
        char *end;
        share = strtod(text, &end);
        if (*end != '\0' || !(share > 0 && share < 1)) {
            print_err("--parts %s: must be shares between 0 and 1", text);
            return false;
        }
    }
    /* Whole milliseconds, which a reader whose numbers are doubles has exactly. */
    const int64_t at_ns = index > evaluate->shares.count
                              ? last_ns + NS_PER_MS
                              : first_ns + (int64_t)(share * (double)(last_ns - first_ns));
    *time_ns = at_ns - (at_ns % NS_PER_MS + NS_PER_MS) % NS_PER_MS;
    return true;
}

static bool make_parts(struct evaluate *evaluate) {
    int64_t first_ns, last_ns;
    if (evaluate->shares.count == 0)
        return true;
    evaluate->parts = calloc(evaluate->shares.count + 1, sizeof *evaluate->parts);
    evaluation_prices(evaluate->evaluation, &first_ns, &last_ns);
    for (size_t i = 0; evaluate->parts != NULL && i <= evaluate->shares.count; i++) {
        struct evaluate_part *part = &evaluate->parts[i];
        if (!time_at(evaluate, i, first_ns, last_ns, &part->from_ns) ||
            !time_at(evaluate, i + 1, first_ns, last_ns, &part->to_ns))
            return false;
        part->evaluation = evaluation_part(evaluate->evaluation, part->from_ns, part->to_ns);
        evaluate->part_count++;
        if (part->evaluation == NULL || !evaluation_finish(part->evaluation))
            break;
    }
    const bool did = evaluate->part_count == evaluate->shares.count + 1 &&
                     evaluate->parts[evaluate->part_count - 1].evaluation != NULL;
    if (!did)
        print_err("out of memory for the evaluation");
    return did;
}

static void release_parts(struct evaluate *evaluate) {
    for (size_t i = 0; i < evaluate->part_count; i++)
        evaluation_free(evaluate->parts[i].evaluation);
    free(evaluate->parts);
}

/* ---- the command ---- */

static int judge(struct evaluate *evaluate) {
    int64_t first_ns, last_ns;
    if (!evaluate->is_oom && !make_parts(evaluate))
        return EXIT_FAILED;
    if (evaluate->is_oom || !evaluation_finish(evaluate->evaluation)) {
        print_err("out of memory for the evaluation");
        return EXIT_FAILED;
    }
    if (evaluation_group_count(evaluate->evaluation) == 0 && !evaluate->is_swept) {
        print_err("nothing to evaluate: no signal was emitted");
        return EXIT_FAILED;
    }
    if (evaluation_prices(evaluate->evaluation, &first_ns, &last_ns) == 0) {
        print_err("nothing to evaluate by: no message of the recording has a price");
        return EXIT_FAILED;
    }
    if (evaluate->is_json)
        evaluate_print_json(evaluate->evaluation, evaluate->parts, evaluate->part_count);
    else if (evaluate->csv > 0)
        evaluate_print_csv(evaluate->evaluation, &evaluate->options,
                           (enum evaluate_table)evaluate->csv);
    else
        evaluate_print(evaluate->evaluation, &evaluate->options);
    return EXIT_GOOD;
}

static int evaluate(struct evaluate *evaluate, struct signals *signals) {
    const struct replay_listener listener = {
        .context = evaluate, .signal = on_signal, .message = on_message, .end = on_end};
    evaluate->evaluation = evaluation_new(&evaluate->options);
    if (evaluate->evaluation == NULL) {
        print_err("out of memory for the evaluation");
        return EXIT_FAILED;
    }
    evaluate->replay.listener = &listener;
    const int code = replay(&evaluate->replay, signals);
    return code == EXIT_GOOD ? judge(evaluate) : code;
}

static bool check(struct evaluate *evaluate) {
    if (evaluate->is_json && evaluate->csv > 0) {
        print_err("--json and --csv: give one of them");
        return false;
    }
    return evaluate_options_take(&evaluate->arguments, &evaluate->options);
}

static int run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct evaluate command = {.replay = REPLAY_OPTIONS_INIT, .arguments = EVALUATE_OPTIONS_INIT};
    struct error error = {0};
    int code = EXIT_FAILED;
    if (replay_parse(&command_evaluate, &command, &command.replay, argc, argv, &code)) {
        if (!check(&command))
            code = usage(&command_evaluate);
        else
            code = signals_start(&signals, &error) ? evaluate(&command, &signals)
                                                   : fail(EXIT_FAILED, &error);
    }
    release_parts(&command);
    evaluation_free(command.evaluation);
    csv_arg_release(&command.shares);
    evaluate_options_release(&command.arguments);
    replay_options_release(&command.replay);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_EVALUATE(struct evaluate, arguments),
    {0, "json", NULL, OPTION_FLAG(struct evaluate, is_json), "print JSON"},
    {0, "csv", "TABLE",
     OPTION_CHOICE(struct evaluate, csv, unsigned, EVALUATE_RETURNS, evaluate_table_names),
     "print a table as CSV: returns, calibration or positions"},
    /* For `take5 sweep`. */
    {0, "swept", NULL, OPTION_FLAG(struct evaluate, is_swept), NULL},
    {0, "parts", "S,S", OPTION_LIST(struct evaluate, shares), NULL},
    {0, "origin", "FILE", OPTION_TEXT(struct evaluate, replay.config.origin), NULL},
    OPTIONS_REPLAY(struct evaluate, replay),
    OPTIONS_END,
};

const struct command command_evaluate = {
    .name = "evaluate",
    .usage = "[options] [STRATEGY.so... | DIRECTORY] FILE... | -",
    .summary = "what the signals of a replay were worth",
    .description =
        "Replays recordings as `take5 replay` does, and compares each signal with the prices that "
        "follow it in the recording: by deployment and name how many there were, how often and by "
        "how much the price moved their way, and whether the confidence predicted that; by "
        "deployment, if its strategy declares a side, what positions taken on its signals would "
        "have earned. The definitions are in the guide, under Evaluate.",
    .examples = "take5 evaluate ./alpha.so day.jsonl",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
