#include "commands/replay.h"
#include "commands/registry.h"

#include "base/clock.h"
#include "cli/temp_dir.h"
#include "cli/uses.h"
#include "engine/crash/crash.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Messages of a lane whose signals wait for their turn: enough for it to run ahead of the others,
 * little enough to keep memory flat. */
#define MAX_UNCONFIRMED 8000
#define UNREMARKED_NS   (3600 * NS_PER_S)

/* Tells recordings from strategies among the operands, and moves the recordings together. */
static bool take_operands(struct replay_options *options, int argc, char **argv) {
    const char **files = (const char **)argv;
    for (int i = 0; i < argc; i++) {
        if (!choice_is_strategy(argv[i]))
            files[options->source.path_count++] = argv[i];
        else if (!choice_add(&options->choice, argv[i]))
            return false;
    }
    if (options->source.path_count == 0) {
        complain("no file to replay: give one or more, or - for the standard input");
        return false;
    }
    options->source.paths = files;
    return true;
}

static bool parse(struct replay_options *options, int argc, char **argv, int *code) {
    if (!options_parse(&command_replay, options, &argc, &argv, code))
        return false;
    if (!take_operands(options, argc, argv) ||
        !check_span(options->source.from_ns, options->source.until_ns)) {
        *code = usage(&command_replay);
        return false;
    }
    if (options->output != NULL && strcmp(options->output, "-") == 0)
        options->output = NULL;
    options->source.symbols = (const char *const *)options->symbols.items;
    options->source.symbol_count = options->symbols.count;
    return true;
}

/* What a live host does that a replay must not. */
static void restrain(const struct replay_options *options, struct config *config) {
    config->on_stuck = ON_STUCK_REPORT; /* a debugger may hold a callback for long */
    if (config->max_unconfirmed > MAX_UNCONFIRMED)
        config->max_unconfirmed = MAX_UNCONFIRMED;
    if (!options->is_verbose)
        config->slow_callback_ns = UNREMARKED_NS; /* no stream waits, and the summary has times */
}

static bool set_log(const struct replay_options *options, const struct config *config,
                    struct log *log, struct error *error) {
    struct config ours = *config;
    ours.log.path = NULL; /* it is the service's */
    if (!config_apply_log(&ours, log, error))
        return false;
    if (!options->is_verbose)
        log_set_level(log, NULL, LOG_LEVEL_WARNING);
    return true;
}

/* A crash is put down to its strategy and message; unless a sanitizer is there to tell more. */
static bool watch_crashes(const struct config *config, struct error *error) {
    struct sigaction present;
    if (sigaction(SIGSEGV, NULL, &present) == 0 && present.sa_handler != SIG_DFL)
        return true;
    return mkdir(config->state_dir, 0700) == 0 || errno == EEXIST
               ? crash_install(config, false, error)
               : error_set_errno(error, errno, "cannot create %s", config->state_dir);
}

/* The signals must not go into what is replayed, nor into what a live host writes. */
static bool check_files(const struct replay_options *options, const struct config *config,
                        struct error *error) {
    struct file_uses uses = {0};
    bool did = uses_keep_config(&uses, config, options->output, error) &&
               uses_read(&uses, "the journal", options->source.journal, error);
    for (size_t i = 0; did && i < options->source.path_count; i++)
        did = uses_read(&uses, "the recording", options->source.paths[i], error);
    did = did && uses_write(&uses, options->output, error);
    if (did && options->is_json && options->output != NULL) /* there the summary goes */
        did = uses_write(&uses, NULL, error);
    file_uses_release(&uses);
    return did;
}

static int replay(struct replay_options *options, struct signals *signals) {
    struct temp_dir temp = {0};
    struct error error = {0};
    struct config *config = NULL;
    struct log *log = log_for_command();
    int code = EXIT_FAILED;
    if (log == NULL)
        return EXIT_FAILED;
    if (!temp_dir_init(&temp, &error)) {
        complain("%s", error.text);
        goto done;
    }
    if (!choice_apply(&options->choice, &options->config) ||
        !temp_dir_set_directories(&temp, &options->config, NULL) ||
        (!config_options_has_file(&options->config) &&
         !temp_dir_set_strategies(&options->config, NULL)))
        goto done;
    config = choice_load(&options->choice, &options->config);
    if (config == NULL) {
        code = EXIT_CONFIG;
        goto done;
    }
    if (!check_files(options, config, &error)) {
        code = fail(EXIT_USAGE, &error);
        goto done;
    }
    restrain(options, config);
    if (!set_log(options, config, log, &error)) {
        code = fail(EXIT_CONFIG, &error);
        goto done;
    }
    if (!watch_crashes(config, &error)) {
        complain("%s", error.text);
        goto done;
    }
    code = replay_run(options, config, log, signals);
done:
    config_free(config);
    log_free(log);
    temp_dir_release(&temp);
    return code;
}

static int run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct replay_options replay_options = {.source = FILE_SOURCE_OPTIONS_INIT};
    struct error error = {0};
    int code = EXIT_FAILED;
    if (parse(&replay_options, argc, argv, &code))
        code = signals_start(&signals, &error) ? replay(&replay_options, &signals)
                                               : fail(EXIT_FAILED, &error);
    csv_arg_release(&replay_options.symbols);
    config_options_release(&replay_options.config);
    choice_release(&replay_options.choice);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct replay_options, config),
    {'o', "output", "FILE", OPTION_TEXT(struct replay_options, output),
     "write signals there; existing content stays until the first signal"},
    {0, "topic", "ROLE", OPTION_TEXT(struct replay_options, source.topic),
     "topic of lines that have none (default: by their shape)"},
    {0, "from", "TIME", OPTION_TIME(struct replay_options, source.from_ns),
     "start at this event time: 2024-06-17T21:15:30Z or an epoch number; strategies are first fed "
     "what came within their warm_up before it"},
    {0, "cold", NULL, OPTION_FLAG(struct replay_options, source.is_cold),
     "no warm-up before --from: start with empty windows"},
    {0, "until", "TIME", OPTION_TIME(struct replay_options, source.until_ns),
     "end before this event time"},
    {0, "symbols", "A,B", OPTION_LIST(struct replay_options, symbols), "only these symbols"},
    {0, "journal", "FILE", OPTION_TEXT(struct replay_options, source.journal),
     "use the order of a live host's journal; strategies that join topics need it to give the "
     "signals of that run"},
    {0, "speed", "N", OPTION_POSITIVE(struct replay_options, source.speed),
     "N times as fast as the event times (default: as fast as possible)"},
    {0, "strict", NULL, OPTION_FLAG(struct replay_options, source.is_strict),
     "stop at the first bad line"},
    {0, "lanes", "N", OPTION_SETTING(struct replay_options, config, "take5.lanes"),
     "number of threads; does not change the signals"},
    {0, "json", NULL, OPTION_FLAG(struct replay_options, is_json),
     "print the summary as JSON: on stderr, with -o on stdout"},
    {'q', "quiet", NULL, OPTION_FLAG(struct replay_options, is_quiet), "no progress, no summary"},
    {'v', "verbose", NULL, OPTION_FLAG(struct replay_options, is_verbose),
     "show the logs of strategies, and every bad line"},
    /* For tests: all strategies go through save and load after so many messages. */
    {0, "reload-every", "N",
     OPTION_INTEGER(struct replay_options, renew_every, uint64_t, 1, INT64_MAX), NULL},
    OPTIONS_END,
};

const struct command command_replay = {
    .name = "replay",
    .usage = "[options] [STRATEGY.so... | DIRECTORY] FILE... | -",
    .summary = "run recorded messages through the same strategies, as fast as possible",
    .description =
        "Runs the strategies on recorded messages, and writes their signals as JSON lines to "
        "stdout, in the order of the input. Strategies that are given, or a directory of them, run "
        "alone; otherwise those of the configuration run. Reads what `take5 record` and `kcat -J` "
        "write, and plain JSON lines. Several files are merged by event time.",
    .examples = "take5 replay ./alpha.so day.jsonl         # its signals on standard output\n"
                "take5 record -c take5.ini -o - | take5 replay ./alpha.so -",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
