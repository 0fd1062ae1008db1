/*
 * Two replays of the same messages, each in a process of its own: so two builds of one strategy,
 * under one name, are never in one process, and both have a core.
 */
#include "base/format/csv_writer.h"
#include "base/format/json_writer.h"
#include "cli/progress_line.h"
#include "commands/research/diff_compare.h"
#include "commands/research/replay/replay.h"
#include "commands/research/replay/replay_arguments.h"
#include "commands/research/research.h"
#include "os/output_child.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SYMBOLS 20 /* for people */

/* Exit codes, as diff(1) has them. */
enum { SAME = EXIT_GOOD, DIFFERENT = EXIT_FAILED, UNDECIDED = EXIT_USAGE };

struct diff_command {
    struct replay_options replay;
    double eps;
    bool is_json, is_csv, is_list;
    struct progress_line progress;
};

/* What is compared: a strategy, a directory of them, or a configuration. */
static bool begin(const struct diff_command *command, const char *what, int file_count,
                  char *const *files, struct output_child *child, struct error *error) {
    struct arguments arguments = {0};
    arguments_add(&arguments, "take5");
    arguments_add(&arguments, "replay");
    arguments_add(&arguments, "-q");
    arguments_add(&arguments, "--places");
    arguments_add_replay(&arguments, &command->replay);
    if (!choice_is_strategy(what))
        arguments_add(&arguments, "-c%s", what);
    arguments_add(&arguments, "--");
    if (choice_is_strategy(what))
        arguments_add(&arguments, "%s", what);
    for (int i = 0; i < file_count; i++)
        arguments_add(&arguments, "%s", files[i]);
    const bool did = !arguments.is_oom ? output_child_begin(child, arguments.items, error)
                                       : error_set_memory(error, "the arguments of a replay");
    arguments_release(&arguments);
    return did;
}

/* ---- results ---- */

static void print_signal(const char *head, const char *text) {
    print_out("  %s %s\n", head, text != NULL ? text : "nothing");
}

static int compare_symbols(const void *a, const void *b) {
    const struct diff_symbol *left = a, *right = b;
    const uint64_t more = diff_count(&left->counts), other = diff_count(&right->counts);
    return more != other ? (more < other ? 1 : -1) : strcmp(left->name, right->name);
}

static void print_table(const struct diff *diff) {
    print_out("\n  %-16s %12s %12s %12s %12s\n", "symbol", "same", "changed", "only old",
              "only new");
    for (size_t i = 0; i < diff->symbol_count; i++) {
        const struct diff_symbol *symbol = &diff->by_symbol[i];
        const uint64_t differences = diff_count(&symbol->counts);
        if (differences == 0)
            break;
        if (i == MOST_SYMBOLS) {
            print_out("  ... --csv has all %zu symbols\n", diff->symbol_count);
            break;
        }
        print_out("  %-16s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", symbol->name,
                  symbol->counts.same, symbol->counts.changed, symbol->counts.only_old,
                  symbol->counts.only_new);
    }
}

static void print_result(const struct diff *diff) {
    const struct diff_counts *counts = &diff->counts;
    print_out("%" PRIu64 " same, %" PRIu64 " changed, %" PRIu64 " only in the old, %" PRIu64
              " only in the new\n",
              counts->same, counts->changed, counts->only_old, counts->only_new);
    if (counts->changed > 0)
        print_out("of the changed ones: value of %" PRIu64 ", confidence of %" PRIu64
                  ", price or data of %" PRIu64 "\n",
                  diff->value_changes, diff->confidence_changes, diff->data_changes);
    if (!diff->has_first)
        return;
    print_out("\nthe first difference:\n");
    print_signal("old", diff->first_old);
    print_signal("new", diff->first_new);
    print_table(diff);
}

/* All symbols, those with the most differences first. */
static void print_csv(const struct diff *diff) {
    static const char *const names[] = {"symbol", "same", "changed", "only_old", "only_new", NULL};
    struct text text;
    struct csv_writer csv = csv_writer_of(&text);
    text_init(&text);
    csv_row(&csv, names);
    for (size_t i = 0; i < diff->symbol_count; i++) {
        const struct diff_counts *counts = &diff->by_symbol[i].counts;
        csv_text(&csv, diff->by_symbol[i].name);
        csv_unsigned(&csv, counts->same);
        csv_unsigned(&csv, counts->changed);
        csv_unsigned(&csv, counts->only_old);
        csv_unsigned(&csv, counts->only_new);
        csv_end_row(&csv);
    }
    (void)print_text(&text);
    text_release(&text);
}

static void put_counts(struct json_writer *json, const struct diff_counts *counts) {
    json_unsigned(json, "same", counts->same);
    json_unsigned(json, "changed", counts->changed);
    json_unsigned(json, "only_old", counts->only_old);
    json_unsigned(json, "only_new", counts->only_new);
}

static void put_signal(struct json_writer *json, const char *name, const char *text) {
    text_puts(json_value(json, name), text != NULL ? text : "null");
}

static void print_json(const struct diff *diff) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    put_counts(&json, &diff->counts);
    json_unsigned(&json, "changed_value", diff->value_changes);
    json_unsigned(&json, "changed_confidence", diff->confidence_changes);
    json_unsigned(&json, "changed_data", diff->data_changes);
    if (diff->has_first) {
        json_begin_object(&json, "first");
        put_signal(&json, "old", diff->first_old);
        put_signal(&json, "new", diff->first_new);
        json_end_object(&json);
    }
    json_begin_array(&json, "symbols");
    for (size_t i = 0; i < diff->symbol_count; i++) {
        json_begin_object(&json, NULL);
        json_text(&json, "symbol", diff->by_symbol[i].name);
        put_counts(&json, &diff->by_symbol[i].counts);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    text_putc(&text, '\n');
    (void)print_text(&text);
    text_release(&text);
}

static void print(const struct diff_command *command, struct diff *diff) {
    if (diff->symbol_count > 0)
        qsort(diff->by_symbol, diff->symbol_count, sizeof *diff->by_symbol, compare_symbols);
    if (command->is_json)
        print_json(diff);
    else if (command->is_csv)
        print_csv(diff);
    else if (!command->is_list)
        print_result(diff);
}

/* ---- the command ---- */

static void on_progress(void *context, uint64_t count) {
    struct diff_command *command = context;
    if (!command->replay.is_quiet && progress_line_is_due(&command->progress))
        progress_line_show(&command->progress, "comparing", "signals", count, -1);
}

/* Both children must have come to their end: half a replay is no ground to say anything. */
static bool end(struct output_child children[2], char *const *names) {
    bool did = true;
    for (int i = 0; i < 2; i++) {
        const int code = output_child_end(&children[i]);
        if (code != 0)
            print_err("the replay of %s failed (%s %d)", names[i],
                      code > 128 ? "signal" : "exit code", code > 128 ? code - 128 : code);
        did = did && code == 0;
    }
    return did;
}

static int compare(struct diff_command *command, int argc, char **argv) {
    struct output_child children[2] = {OUTPUT_CHILD_INIT, OUTPUT_CHILD_INIT};
    struct error error = {0};
    struct diff diff;
    if (!diff_init(&diff, command->eps)) {
        print_err("out of memory");
        return UNDECIDED;
    }
    diff.list = command->is_list ? stdout : NULL;
    diff.progress = on_progress;
    diff.context = command;
    progress_line_init(&command->progress);
    const bool did = begin(command, argv[0], argc - 2, argv + 2, &children[0], &error) &&
                     begin(command, argv[1], argc - 2, argv + 2, &children[1], &error) &&
                     diff_compare(&diff, children[0].output, children[1].output, &error);
    progress_line_clear(&command->progress);
    const bool did_end = end(children, argv);
    int code = UNDECIDED;
    if (did && did_end) {
        print(command, &diff);
        code = diff_count(&diff.counts) == 0 ? SAME : DIFFERENT;
    } else if (!did && (did_end || error.code != ERROR_STATE)) {
        print_err("%s", error.text);
    }
    diff_release(&diff);
    return code;
}

/* Two strategies or two configurations, and files that can be read twice. */
static bool check_operands(const struct diff_command *command, int argc, char **argv) {
    const bool is_strategy = choice_is_strategy(argv[0]);
    if (command->is_json + command->is_csv + command->is_list > 1) {
        print_err("--json, --csv and --list: give one of them");
        return false;
    }
    if (is_strategy != choice_is_strategy(argv[1])) {
        print_err("%s and %s: give two strategies, or two configurations", argv[0], argv[1]);
        return false;
    }
    if (!is_strategy && command->replay.config.path != NULL) {
        print_err("-c %s beside two configurations: give one or the other",
                  command->replay.config.path);
        return false;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "-") != 0 && !choice_is_strategy(argv[i]))
            continue;
        print_err("%s: give recordings behind the two that are compared; each is read twice, so "
                  "the standard input cannot be one",
                  argv[i]);
        return false;
    }
    return check_span(command->replay.source.from_ns, command->replay.source.until_ns);
}

static int run(int argc, char **argv) {
    struct diff_command command = {.replay = REPLAY_OPTIONS_INIT};
    int code = EXIT_FAILED;
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(&command_diff, &command, &argc, &argv, &code))
        code = check_operands(&command, argc, argv) ? compare(&command, argc, argv)
                                                    : usage(&command_diff);
    replay_options_release(&command.replay);
    return code == EXIT_CONFIG ? UNDECIDED : code;
}

static const struct option_row options[] = {
    {0, "eps", "E", OPTION_POSITIVE(struct diff_command, eps),
     "numbers a and b count as the same when they differ by at most E * max(1, |a|, |b|) (default: "
     "not at all)"},
    {0, "json", NULL, OPTION_FLAG(struct diff_command, is_json), "print JSON, with all symbols"},
    {0, "csv", NULL, OPTION_FLAG(struct diff_command, is_csv),
     "print the table by symbol as CSV, with all symbols"},
    {0, "list", NULL, OPTION_FLAG(struct diff_command, is_list),
     "print each difference instead, a line of JSON with its kind (changed, only_old, only_new) "
     "and "
     "both signals"},
    OPTIONS_REPLAY(struct diff_command, replay),
    OPTIONS_END,
};

const struct command command_diff = {
    .name = "diff",
    .usage = "[options] OLD.so NEW.so FILE...\n[options] OLD.ini NEW.ini FILE...",
    .summary = "compare the signals of two builds, or of two configurations",
    .description =
        "Replays the recordings with each of the two, in a process of its own, and compares their "
        "signals by cause: those of one message are the same signal when deployment, name, symbol, "
        "event time and time frame are the same. Counts, and shows the first difference. Ends with "
        "0 when there is none, 1 when there are some, and 2 when that is not known.",
    .examples = "take5 diff old/alpha.so new/alpha.so day.jsonl",
    .options = options,
    .min_operands = 3,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
