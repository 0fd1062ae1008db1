/* `take5 capsule`: a crash as a directory in which it can be done again. */
#include "commands/proof/prove_private.h"

#include "base/clock.h"
#include "capsule/attempt.h"
#include "capsule/capsule.h"
#include "commands/proof/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 3

struct capsule_command {
    struct proof proof;
    const char *directory;
    int64_t timeout_ns;
    bool has_gdb;
};

/* ---- make ---- */

static int make(struct capsule_command *command, const char *crash_file) {
    struct proof *proof = &command->proof;
    struct error error = {0};
    int code = EXIT_FAILED;
    if (command->directory == NULL) {
        print_err("capsule make: give -o DIRECTORY, where the capsule is written");
        return usage(&command_capsule);
    }
    if (!prove_load(proof, &code, &error))
        return code;
    if (proof->config->worker_count > 0 && proof->options.worker == NULL)
        return fail(EXIT_USAGE,
                    &(struct error){.text = "the configuration has workers, each with a state of "
                                            "its own: name one with --worker"});
    const bool did = crash_capsule_make(proof, crash_file, command->directory, &error);
    for (size_t i = 0; i < proof->doubt_count; i++)
        print_notice("note: ", "%s", proof->doubts[i].text);
    if (!did)
        return fail(EXIT_FAILED, &error);
    print_out("%s: %" PRIu64
              " message%s, of deployment %s; `take5 capsule verify %s` does it again\n",
              command->directory, proof->fed, text_plural(proof->fed), proof->names[0],
              command->directory);
    return EXIT_GOOD;
}

/* ---- run ---- */

static int run_it(const struct capsule_command *command, const struct capsule *capsule,
                  char *const *arguments) {
    struct error error = {0};
    if (command->has_gdb) {
        const int code = attempt_debug(capsule, arguments, &error);
        return code >= 0 ? code : fail(EXIT_FAILED, &error);
    }
    attempt_halt(capsule, &error);
    return fail(EXIT_FAILED, &error);
}

/* ---- verify ---- */

struct verdict {
    int same;
    struct text ends[ATTEMPTS]; /* how each reads */
};

static void print_verdict(const struct capsule *capsule, const struct verdict *verdict) {
    char *crash = crash_describe(&capsule->crash);
    if (verdict->same == ATTEMPTS) {
        print_out("%d of %d: %s\n", ATTEMPTS, ATTEMPTS, verdict->ends[0].data);
    } else {
        print_out("%s: %d of %d: %s\n",
                  verdict->same == 0 ? "does not reproduce" : "does not always reproduce",
                  verdict->same, ATTEMPTS, crash != NULL ? crash : "out of memory");
        for (int i = 0; i < ATTEMPTS; i++)
            print_out("  %d: %s\n", i + 1, verdict->ends[i].data);
    }
    free(crash);
}

static void print_json(const struct capsule *capsule, const struct verdict *verdict) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    char *crash = crash_describe(&capsule->crash);
    text_init(&text);
    json_begin_object(&json, NULL);
    json_text(&json, "deployment", capsule->crash.deployment);
    json_text(&json, "crash", crash);
    json_bool(&json, "reproduced", verdict->same == ATTEMPTS);
    json_integer(&json, "same", verdict->same);
    json_begin_array(&json, "attempts");
    for (int i = 0; i < ATTEMPTS; i++)
        json_text(&json, NULL, verdict->ends[i].data);
    json_end_array(&json);
    json_end_object(&json);
    if (text_is_oom(&text) || crash == NULL)
        note_oom();
    else
        printf("%s\n", text.data);
    text_release(&text);
    free(crash);
}

static bool attempt_all(const struct capsule_command *command, const struct capsule *capsule,
                        struct verdict *verdict, struct error *error) {
    for (int i = 0; i < ATTEMPTS; i++) {
        struct attempt attempt;
        if (!attempt_run(capsule->directory, command->timeout_ns, false, &attempt, error))
            return false;
        attempt_describe(&attempt, command->timeout_ns, &verdict->ends[i]);
        if (text_is_oom(&verdict->ends[i]))
            return error_set_memory(error, "how it ended");
        verdict->same += attempt_is_same(&attempt, &capsule->crash);
    }
    return true;
}

static int verify(const struct capsule_command *command, const struct capsule *capsule) {
    struct verdict verdict = {0};
    struct error error = {0};
    for (int i = 0; i < ATTEMPTS; i++)
        text_init(&verdict.ends[i]);
    const bool did = attempt_all(command, capsule, &verdict, &error);
    if (did && command->proof.is_json)
        print_json(capsule, &verdict);
    else if (did)
        print_verdict(capsule, &verdict);
    for (int i = 0; i < ATTEMPTS; i++)
        text_release(&verdict.ends[i]);
    if (!did)
        return fail(EXIT_USAGE, &error);
    return verdict.same == ATTEMPTS ? EXIT_GOOD : EXIT_FAILED;
}

/* ---- the command ---- */

/* A capsule that is damaged cannot be decided about. */
static int with_capsule(struct capsule_command *command, const char *verb, char *const *operands) {
    struct capsule capsule;
    struct error error = {0};
    int code;
    if (!capsule_open(&capsule, operands[0], &error))
        code = fail(EXIT_USAGE, &error);
    else if (strcmp(verb, "run") == 0)
        code = run_it(command, &capsule, operands + 1);
    else
        code = verify(command, &capsule);
    capsule_close(&capsule);
    return code;
}

static int choose(struct capsule_command *command, int count, char **operands) {
    const char *verb = operands[0];
    const bool is_run = strcmp(verb, "run") == 0;
    if (strcmp(verb, "make") != 0 && !is_run && strcmp(verb, "verify") != 0) {
        print_err("capsule %s: must be make, run or verify", verb);
        return usage(&command_capsule);
    }
    if (count < 2 || (count > 2 && !(is_run && command->has_gdb))) {
        print_err("capsule %s: %s", verb,
                  count < 2 ? "give a crash file to make a capsule of, or a capsule"
                  : is_run  ? "arguments behind the capsule are gdb's: give --gdb"
                            : "give one");
        return usage(&command_capsule);
    }
    return strcmp(verb, "make") == 0 ? make(command, operands[1])
                                     : with_capsule(command, verb, operands + 1);
}

static int run(int argc, char **argv) {
    struct capsule_command command = {
        .proof = {.from_ms = NO_TIME_MS, .to_ms = NO_TIME_MS, .places = 1},
        .timeout_ns = 60 * NS_PER_S,
    };
    int code = EXIT_USAGE;
    text_init(&command.proof.journals);
    if (options_parse(&command_capsule, &command, &argc, &argv, &code))
        code = choose(&command, argc, argv);
    prove_release(&command.proof);
    return code;
}

static const struct option_row options[] = {
    OPTION_WORD("make", "CRASHFILE",
                "of a crash of a live host: STATE_DIR/crash has the files. On the host, or with a "
                "copy of its state_dir"),
    OPTION_WORD(
        "run", "DIRECTORY",
        "reproduce the crash, stopped (SIGSTOP) before the fatal message, for any debugger"),
    OPTION_WORD("verify", "DIRECTORY",
                "reproduce it three times, and report whether it is the same crash"),
    OPTION_HEADING("of make"),
    {'o', "output", "DIRECTORY", OPTION_TEXT(struct capsule_command, directory),
     "the capsule: a new directory, for this user alone"},
    OPTIONS_CONFIG(struct capsule_command, proof.options),
    {0, "recording", "FILE", OPTION_LIST(struct capsule_command, proof.recordings),
     "take the messages from recordings instead of the topics"},
    {0, "strategies", "DIRECTORY", OPTION_LIST(struct capsule_command, proof.strategies),
     "also search this directory for the build that crashed, by its hash"},
    {0, "worker", "NAME", OPTION_TEXT(struct capsule_command, proof.options.worker),
     "that worker's state"},
    OPTION_HEADING("of run and verify"),
    {0, "gdb", NULL, OPTION_FLAG(struct capsule_command, has_gdb),
     "run it under gdb, stopped before the fatal message; what follows -- is passed to gdb"},
    {0, "timeout", "DURATION", OPTION_DURATION(struct capsule_command, timeout_ns, 1, 0),
     "of verify: an attempt that takes longer counts as hanging (default: 60s)"},
    {0, "json", NULL, OPTION_FLAG(struct capsule_command, proof.is_json),
     "of verify: print the result as JSON"},
    OPTIONS_END,
};

const struct command command_capsule = {
    .name = "capsule",
    .usage = "make CRASHFILE -o DIRECTORY [options]\nrun DIRECTORY [--gdb] [-- GDB-OPTION...]\n"
             "verify DIRECTORY [options]",
    .summary = "reproduce a strategy's crash, anywhere and under a debugger",
    .description =
        "A capsule is a directory with all that reproducing a crash takes: the build that crashed, "
        "its settings, its state at the checkpoint before, the messages from there to the fatal "
        "one in "
        "the order in which the host processed them, and the crash file with the stack. It has no "
        "connections, sinks or secrets of the configuration, and what a variable held stays a "
        "variable. `take5 check --capsule` makes one from a crash that it finds."
        "\n\n"
        "verify ends with 0: the crash was reproduced each time, at the same message and line; 1: "
        "it does not reproduce; 2: the capsule is damaged, or could not be run.",
    .examples =
        "take5 capsule make -c take5.ini -o crash /var/lib/take5/crash/1718658930-17.crash\n"
        "take5 capsule verify crash\n"
        "take5 capsule run crash --gdb                             # then: continue\n"
        "take5 capsule run crash --gdb -- -batch -ex continue -ex backtrace",
    .options = options,
    .min_operands = 1,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
