#include "commands/research/replay/replay.h"

#include "base/clock.h"
#include "cli/temp_dir.h"
#include "cli/uses.h"
#include "engine/crash/crash.h"
#include "recording/csv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Messages of a lane whose signals wait for their turn: enough for it to run ahead of the others,
 * little enough to keep memory flat. */
#define MAX_UNCONFIRMED 8000
#define UNREMARKED_NS   (3600 * NS_PER_S)
/* From an interrupt to the end, whatever a strategy does. */
#define STOP_NS         (3 * NS_PER_S)

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
        print_err("no file to replay: give one or more, or - for the standard input");
        return false;
    }
    options->source.paths = files;
    return true;
}

/* Rows of CSV have no offsets, by which a journal names its messages. */
static bool check_mappings(const struct csv_arg *mappings, const char *journal) {
    struct error error;
    if (mappings->count > 0 && journal != NULL) {
        print_err("--map and --journal: rows of CSV have no offsets, so no journal can name them");
        return false;
    }
    for (size_t i = 0; i < mappings->count; i++)
        if (!recording_csv_check(mappings->items[i], &error)) {
            print_err("--map %s", error.text);
            return false;
        }
    return true;
}

/* What is done again says itself what runs, and in which order. */
static bool take_rerun(struct replay_options *options, struct error *error) {
    struct rerun *rerun = &options->rerun;
    if (!rerun_open(rerun, options->rerun_directory, error) ||
        !rerun_each_strategy(rerun, 0, replay_choose_strategy, &options->choice, error))
        return false;
    options->rerun_ini = rerun_ini(rerun, 0);
    options->config.path = options->rerun_ini;
    options->source.journal = rerun->journal;
    options->source.pauses = rerun->reloads;
    options->source.pause_count = rerun->reload_count + rerun->has_fatal;
    return options->rerun_ini != NULL || error_set_memory(error, "a path");
}

bool replay_parse(const struct command *command, void *target, struct replay_options *options,
                  int argc, char **argv, int *code) {
    if (!options_parse(command, target, &argc, &argv, code))
        return false;
    if (!take_operands(options, argc, argv) ||
        !check_span(options->source.from_ns, options->source.until_ns) ||
        !check_mappings(&options->mappings, options->source.journal)) {
        *code = usage(command);
        return false;
    }
    if (options->output != NULL && strcmp(options->output, "-") == 0)
        options->output = NULL;
    struct error error;
    if (options->rerun_directory != NULL && !take_rerun(options, &error)) {
        *code = fail(EXIT_FAILED, &error);
        return false;
    }
    options->source.symbols = (const char *const *)options->symbols.items;
    options->source.symbol_count = options->symbols.count;
    options->source.mappings = (const char *const *)options->mappings.items;
    options->source.mapping_count = options->mappings.count;
    return true;
}

/* What a live host does that a replay must not. */
static void restrain(const struct replay_options *options, struct config *config) {
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
static bool watch_crashes(const struct config *config, const struct temp_dir *temp,
                          struct error *error) {
    const struct crash_options options = {.temporary = temp->directory};
    struct sigaction present;
    if (sigaction(SIGSEGV, NULL, &present) == 0 && present.sa_handler != SIG_DFL)
        return true;
    return mkdir(config->state_dir, 0700) == 0 || errno == EEXIST
               ? crash_install(config, &options, error)
               : error_set_errno(error, errno, "cannot create %s", config->state_dir);
}

/* The signals must not go into what is replayed, nor into what a live host writes. */
static bool check_files(const struct replay_options *options, const struct config *config,
                        struct error *error) {
    struct file_uses uses = {0};
    bool did =
        uses_keep_config(&uses, config, options->output, error) &&
        (options->series == NULL || uses_keep_config(&uses, config, options->series, error)) &&
        uses_read(&uses, "the journal", options->source.journal, error);
    for (size_t i = 0; did && i < options->source.path_count; i++)
        did = uses_read(&uses, "the recording", options->source.paths[i], error);
    did = did && uses_write(&uses, options->output, error);
    if (did && options->series != NULL)
        did = file_uses_add(&uses, FILE_USE_WRITTEN, "--series", options->series, error);
    if (did && options->is_json && options->output != NULL) /* there the summary goes */
        did = uses_write(&uses, NULL, error);
    file_uses_release(&uses);
    return did;
}

/* A strategy that loops is abandoned, and named. */
static void on_late(void *context, int64_t limit_ns) {
    struct text names;
    (void)limit_ns;
    text_init(&names);
    crash_list_current_call(&names);
    if (names.size > 0)
        print_err("interrupted: %s does not return; abandoning it", names.data);
    else
        print_err("interrupted");
    temp_dir_release(context);
}

/* Runs it with a limit on its stop. A strategy that does not return goes with the process. */
static int run(struct replay_options *options, struct config *config, struct log *log,
               struct signals *signals, struct temp_dir *temp) {
    const struct signals_stop calls = {.on_late = on_late, .context = temp};
    bool is_stuck = false;
    signals_on_stop(signals, &calls, STOP_NS);
    const int code = replay_run(options, config, log, signals, &is_stuck);
    signals_on_stop(signals, NULL, SIGNALS_NO_LIMIT);
    if (!is_stuck)
        return code;
    temp_dir_release(temp);
    _exit(code);
}

int replay(struct replay_options *options, struct signals *signals) {
    struct temp_dir temp = {0};
    struct error error = {0};
    struct config *config = NULL;
    struct log *log = log_for_command();
    int code = EXIT_FAILED;
    if (log == NULL)
        return EXIT_FAILED;
    if (!temp_dir_init(&temp, &error)) {
        print_err("%s", error.text);
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
    if (!watch_crashes(config, &temp, &error)) {
        print_err("%s", error.text);
        goto done;
    }
    code = run(options, config, log, signals, &temp);
done:
    config_free(config);
    log_free(log);
    temp_dir_release(&temp);
    return code;
}

void replay_options_release(struct replay_options *options) {
    csv_arg_release(&options->symbols);
    csv_arg_release(&options->mappings);
    config_options_release(&options->config);
    choice_release(&options->choice);
    rerun_close(&options->rerun);
    free(options->rerun_ini);
}
