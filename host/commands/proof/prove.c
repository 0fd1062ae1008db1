/*
 * Whether the signals of a live host are what its strategies give for its messages: the states of a
 * checkpoint, fed the messages since then once more in the order in which the host was, through the
 * same builds with the same settings (rerun/rerun.h).
 */
#include "commands/proof/prove_private.h"

#include "commands/proof/proof.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define MOST_DOUBTS 20 /* for people */

/* Exit codes: as a test has them. */
enum { PROVEN = EXIT_GOOD, REFUTED = EXIT_FAILED, UNDECIDED = PROVE_UNDECIDED };

/* ---- the steps ---- */

static void check_store(struct proof *proof) {
    if (proof->config->worker_count > 0 && proof->options.worker == NULL)
        prove_doubt(proof, NULL,
                    "the configuration has workers, each with a state of its own: name one with "
                    "--worker");
    if (proof->config->checkpoint_store != CHECKPOINT_STORE_DIRECTORY)
        prove_doubt(proof, NULL,
                    "[checkpoint] store = kafka keeps the newest checkpoint alone, and a proof "
                    "needs one before the window: store = directory does");
}

static bool rerun_all(struct proof *proof, struct error *error) {
    if (!compare_read_live(proof, error))
        return false;
    progress_line_init(&proof->progress);
    for (size_t i = 0; i < proof->run_count; i++) {
        struct error failure = {0};
        if (rerun_and_compare(proof, i, &failure))
            continue;
        if (failure.code == ERROR_MEMORY) {
            *error = failure;
            return false;
        }
        prove_doubt(proof, proof->runs[i].names[0], "%s", failure.text);
        return true; /* and what it lacks is no divergence */
    }
    compare_end(proof);
    return true;
}

/* False with an error: nobody can say. What stands against all of it is no ground to look at
 * signals. */
static bool decide(struct proof *proof, struct error *error) {
    if (!notes_read(&proof->notes, proof->config->state_dir, error) || !window_find(proof, error) ||
        !prove_find_files(proof, error))
        return false;
    if (proof->doubt_count > 0)
        return true;
    return rerun_look_at_hand(proof, error) && plan_runs(proof, error) && rerun_all(proof, error);
}

/* ---- results ---- */

static void print_line(const char *head, const char *line) {
    print_out("  %s %s\n", head, line != NULL ? line : "nothing");
}

static const char *head_of(const struct proof *proof, const struct doubt *doubt) {
    if (!doubt->is_of_hand)
        return "cannot be decided";
    return strcmp(certificate_verdict(proof), "refuted") == 0
               ? "what is at hand is not what ran"
               : "cannot be decided, since no signal tells what is at hand from what ran,";
}

static void print_doubt(const struct proof *proof, const struct doubt *doubt) {
    const bool is_of_one = doubt->deployment != NULL;
    print_out("%s%s%s: %s\n", head_of(proof, doubt), is_of_one ? " of " : "",
              is_of_one ? doubt->deployment : "", doubt->text);
}

static void print_result(const struct proof *proof) {
    print_out("%s: %" PRIu64 " signal%s the same, %" PRIu64 " changed, %" PRIu64
              " only live, %" PRIu64 " only in the rerun of %" PRIu64 " messages\n",
              certificate_verdict(proof), proof->same, text_plural(proof->same), proof->changed,
              proof->only_live, proof->only_again, proof->fed);
    for (size_t i = 0; i < proof->doubt_count && i < MOST_DOUBTS; i++)
        print_doubt(proof, &proof->doubts[i]);
    if (proof->doubt_count > MOST_DOUBTS)
        print_out("... --json has all %zu reasons\n", proof->doubt_count);
    if (!proof->has_first)
        return;
    char text[40];
    print_out("\nthe first divergence, at a message of %s:\n",
              prove_time(proof->first.time_ms > 0 ? proof->first.time_ms : 0, text));
    print_line("live ", proof->first_live);
    print_line("rerun", proof->first_again);
}

static void print_json(const struct proof *proof) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    certificate_put_result(proof, &json);
    json_end_object(&json);
    text_putc(&text, '\n');
    (void)print_text(&text);
    text_release(&text);
}

static int judge(const struct proof *proof) {
    const char *verdict = certificate_verdict(proof);
    return strcmp(verdict, "proven") == 0    ? PROVEN
           : strcmp(verdict, "refuted") == 0 ? REFUTED
                                             : UNDECIDED;
}

static int prove(struct proof *proof) {
    struct error error = {0};
    int code;
    if (!prove_load(proof, &code, &error))
        return code;
    check_store(proof);
    if (proof->doubt_count == 0 && !decide(proof, &error))
        prove_doubt(proof, NULL, "%s", error.text);
    if (proof->is_oom) {
        print_err("cannot be decided: out of memory");
        return UNDECIDED;
    }
    if (proof->certificate != NULL && !certificate_write(proof, &error)) {
        print_err("%s", error.text);
        return UNDECIDED;
    }
    if (proof->is_json)
        print_json(proof);
    else
        print_result(proof);
    return judge(proof);
}

/* ---- the command ---- */

static int run(int argc, char **argv) {
    struct proof proof = {.from_ms = NO_TIME_MS, .to_ms = NO_TIME_MS, .places = 1};
    int code = EXIT_USAGE;
    text_init(&proof.journals);
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(&command_prove, &proof, &argc, &argv, &code))
        code = proof.to_ms == NO_TIME_MS || check_span(proof.from_ms, proof.to_ms)
                   ? prove(&proof)
                   : usage(&command_prove);
    prove_release(&proof);
    return code == EXIT_CONFIG ? UNDECIDED : code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct proof, options),
    {0, "from", "TIME", OPTION_TIME_MS(struct proof, from_ms),
     "the window begins at this Kafka timestamp: 2024-06-17T21:15:30Z or an epoch number (default: "
     "at the oldest checkpoint that is kept)"},
    {0, "to", "TIME", OPTION_TIME_MS(struct proof, to_ms),
     "it ends before this timestamp (default: with the last message that was processed)"},
    {0, "recording", "FILE", OPTION_LIST(struct proof, recordings),
     "take the messages from recordings instead of the topics"},
    {0, "signals", "FILE", OPTION_TEXT(struct proof, signals),
     "the live host's signals as JSON lines (default: the file or topic that the configuration has "
     "them go to)"},
    {0, "strategies", "DIRECTORY", OPTION_LIST(struct proof, strategies),
     "also search this directory for the builds that ran, by their hashes"},
    {0, "as-given", NULL, OPTION_FLAG(struct proof, is_as_given),
     "use the builds and settings at hand, even where those that ran are known and available; the "
     "result is then at best undecided"},
    {'o', "output", "FILE", OPTION_TEXT(struct proof, certificate),
     "write a certificate there: the verdict, and the hashes of all that it stands on"},
    {0, "worker", "NAME", OPTION_TEXT(struct proof, options.worker), "that worker's state"},
    {0, "json", NULL, OPTION_FLAG(struct proof, is_json), "print the result as JSON"},
    {'q', "quiet", NULL, OPTION_FLAG(struct proof, is_quiet), "no progress"},
    OPTIONS_END,
};

const struct command command_prove = {
    .name = "prove",
    .usage = "[options]",
    .summary = "prove that a live host's signals are what its strategies give",
    .description =
        "Takes the newest checkpoint before the window, feeds the strategies that ran the messages "
        "since then once more, in the order in which the host processed them, through the same "
        "reloads, and compares their signals with those of the live host: by id, then byte by "
        "byte. Ends with 0: proven, 1: refuted, 2: cannot be decided, and why."
        "\n\n"
        "Only what is kept can be proven: from the oldest checkpoint on, of which the newest three "
        "are kept, one each [checkpoint] interval. A copy of state_dir, a recording and the "
        "signals of a time can be proven later, elsewhere.",
    .examples = "take5 prove -c take5.ini                  # all that can be proven\n"
                "take5 prove -c take5.ini --from 2024-06-17T21:15:30Z -o proof.json",
    .options = options,
    .run = run,
};
