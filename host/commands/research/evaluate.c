#include "base/units.h"
#include "commands/research/evaluate_print.h"
#include "commands/research/replay.h"
#include "commands/research/replay_stats.h"
#include "commands/research/research.h"
#include "evaluation/evaluation.h"

#include <string.h>

#define DEFAULT_HORIZONS "1m,5m,30m"
#define DEFAULT_PERIOD   (3600 * INT64_C(1000000000))

struct evaluate {
    struct replay_options replay;
    struct csv_arg horizons;
    double cost;
    int64_t period_ns;
    bool is_json;
    struct evaluation_options options;
    struct evaluation *evaluation;
    bool is_oom;
};

/* ---- while it replays ---- */

static bool on_signal(void *context, const struct delivery *delivery) {
    struct evaluate *evaluate = context;
    return delivery->signal == NULL ||
           evaluation_add_signal(evaluate->evaluation, delivery->signal);
}

/* Memory that runs out is told by evaluation_finish(). */
static void on_message(void *context, const t5_message *message) {
    struct evaluate *evaluate = context;
    if ((message->flags & T5_MESSAGE_HAS_PRICE) != 0 && message->symbol.len > 0)
        evaluation_add_price(evaluate->evaluation, message->symbol, message->time_frame_s,
                             message->event_time_ns, message->price);
}

static void on_end(void *context, const struct replay_summary *summary) {
    struct evaluate *evaluate = context;
    for (size_t i = 0; i < summary->stats->count; i++) {
        const struct replay_stats_entry *entry = &summary->stats->entries[i];
        if (!evaluation_set_side(evaluate->evaluation, entry->name, entry->side))
            evaluate->is_oom = true;
    }
    evaluate->is_oom |= summary->stats->is_oom;
}

/* ---- the command ---- */

static bool take_horizons(struct evaluate *evaluate) {
    struct evaluation_options *options = &evaluate->options;
    if (evaluate->horizons.count == 0 &&
        !csv_arg_add(&evaluate->horizons, "--horizons", DEFAULT_HORIZONS))
        return false;
    if (evaluate->horizons.count > EVALUATION_HORIZONS) {
        complain("--horizons: at most %d", EVALUATION_HORIZONS);
        return false;
    }
    for (size_t i = 0; i < evaluate->horizons.count; i++) {
        const char *text = evaluate->horizons.items[i];
        if (!parse_duration_ns(text, &options->horizons_ns[i]) || options->horizons_ns[i] == 0) {
            complain("--horizons %s: must be durations above 0, such as " DEFAULT_HORIZONS, text);
            return false;
        }
    }
    options->horizon_count = evaluate->horizons.count;
    options->cost = evaluate->cost;
    options->period_ns = evaluate->period_ns;
    return true;
}

static int judge(struct evaluate *evaluate) {
    int64_t first_ns, last_ns;
    if (evaluate->is_oom || !evaluation_finish(evaluate->evaluation)) {
        complain("out of memory for the evaluation");
        return EXIT_FAILED;
    }
    if (evaluation_group_count(evaluate->evaluation) == 0) {
        complain("nothing to evaluate: no signal was emitted");
        return EXIT_FAILED;
    }
    if (evaluation_prices(evaluate->evaluation, &first_ns, &last_ns) == 0) {
        complain("nothing to evaluate by: no message of the recording has a price");
        return EXIT_FAILED;
    }
    if (evaluate->is_json)
        evaluate_print_json(evaluate->evaluation, &evaluate->options);
    else
        evaluate_print(evaluate->evaluation, &evaluate->options);
    return EXIT_GOOD;
}

static int evaluate(struct evaluate *evaluate, struct signals *signals) {
    const struct replay_listener listener = {evaluate, on_signal, on_message, on_end};
    evaluate->evaluation = evaluation_new(&evaluate->options);
    if (evaluate->evaluation == NULL) {
        complain("out of memory for the evaluation");
        return EXIT_FAILED;
    }
    evaluate->replay.listener = &listener;
    const int code = replay(&evaluate->replay, signals);
    return code == EXIT_GOOD ? judge(evaluate) : code;
}

static int run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct evaluate command = {.replay = REPLAY_OPTIONS_INIT, .period_ns = DEFAULT_PERIOD};
    struct error error = {0};
    int code = EXIT_FAILED;
    if (replay_parse(&command_evaluate, &command, &command.replay, argc, argv, &code)) {
        if (!take_horizons(&command))
            code = usage(&command_evaluate);
        else
            code = signals_start(&signals, &error) ? evaluate(&command, &signals)
                                                   : fail(EXIT_FAILED, &error);
    }
    evaluation_free(command.evaluation);
    csv_arg_release(&command.horizons);
    replay_options_release(&command.replay);
    return code;
}

static const struct option_row options[] = {
    {0, "horizons", "D,D", OPTION_LIST(struct evaluate, horizons),
     "returns after these times (default: " DEFAULT_HORIZONS ")"},
    {0, "cost", "SHARE", OPTION_SHARE(struct evaluate, cost),
     "what trading one unit costs, of its value: 0.0005 or 0.05% (default: 0)"},
    {0, "period", "D", OPTION_DURATION(struct evaluate, period_ns, 1000000000, 0),
     "the Sharpe ratio is of returns over this time (default: 1h)"},
    {0, "json", NULL, OPTION_FLAG(struct evaluate, is_json), "print JSON"},
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
        "how much the price moved their way, and whether the confidence told that; by deployment, "
        "if its strategy declares a side, what positions after its signals would have brought. The "
        "definitions are in the guide, under Evaluate.",
    .examples = "take5 evaluate ./alpha.so day.jsonl",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
