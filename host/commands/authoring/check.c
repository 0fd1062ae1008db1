#include "base/array.h"
#include "base/clock.h"
#include "cli/choice.h"
#include "cli/cli.h"
#include "cli/uses.h"
#include "commands/authoring/authoring.h"
#include "commands/authoring/check_capsule.h"
#include "commands/authoring/check_input.h"
#include "commands/authoring/check_report.h"
#include "config/schema/veil.h"
#include "conformance/case_report.h"
#include "conformance/cases/cases.h"
#include "conformance/conformance.h"
#include "conformance/offline_services.h"
#include "conformance/script/messages_script.h"
#include "engine/reload/plan.h"
#include "log/log.h"
#include "os/signals.h"
#include "preflight/preflight.h"
#include "recording/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A question to the brokers. */
#define BROKER_TIMEOUT_NS (10 * NS_PER_S)

struct check {
    struct config_options options;
    const struct config *config;
    bool has_errors; /* the configuration, which is looked at as far as it could be read */
    bool is_elsewhere;
    bool does_connect;
    bool shows_settings;
    struct offline offline;
    struct check_counts counts;
    /* Of the conformance check of single files. */
    const char *deployment; /* whose settings; NULL: none */
    struct config_items settings;
    const char *only;
    uint64_t seed;
    int64_t timeout_ns;
    bool is_json;
    bool lists_cases;
    const char *capsule; /* directory for the first crash; NULL: not wanted */
    bool has_capsule;
    struct check_input_options input_options;
    struct check_input input; /* with its path */
    char **symbols;           /* of synthetic messages, NULL-terminated; NULL: the usual ones */
    struct conformance_report report;
};

/* ---- files ---- */

/* The settings for a file: those of a deployment of the configuration, and over them --set. False:
 * the deployment is of another strategy. Release the list of settings in either case. */
static bool settle(const struct check *check, const struct strategy_file *file,
                   struct config_deployment *deployment, struct error *error) {
    const struct config_deployment *found =
        check->deployment != NULL ? config_deployment_find(check->config, check->deployment) : NULL;
    *deployment = (struct config_deployment){.name = (char *)file->name,
                                             .plugin = (char *)file->name,
                                             .is_enabled = true,
                                             .place = {file->path, 0}};
    if (found != NULL && strcmp(found->plugin, file->name) != 0)
        return error_set(error, ERROR_INVALID,
                         "%s: contains strategy %s, but [strategy:%s] is a deployment of %s",
                         file->path, file->name, found->name, found->plugin);
    const size_t count = found != NULL ? found->settings.count : 0;
    struct config_items *settings = &deployment->settings;
    if (found != NULL) {
        deployment->name = found->name;
        deployment->place = found->place;
    }
    settings->items = calloc(count + check->settings.count + 1, sizeof *settings->items);
    if (settings->items == NULL)
        return error_set_memory(error, "settings");
    for (size_t i = 0; i < count; i++)
        settings->items[settings->count++] = found->settings.items[i];
    for (size_t i = 0; i < check->settings.count; i++)
        settings->items[settings->count++] = check->settings.items[i];
    return true;
}

/* Of the first file of which a case crashed. That there is none is reported, and no fault. */
static void make_capsule(struct check *check, const struct strategy_file *file,
                         const struct config_deployment *deployment,
                         const struct conformance_tape *tape) {
    const struct check_capsule wanted = {.directory = check->capsule,
                                         .tape = tape,
                                         .file = file,
                                         .deployment = deployment,
                                         .config = check->config,
                                         .timeout_ns = check->timeout_ns};
    struct error error;
    struct text end;
    text_init(&end);
    check->has_capsule = check_capsule_make(&wanted, &end, &error);
    if (check->has_capsule)
        print_notice("capsule: ", "%s, of case %s: %s", check->capsule, tape->crashed, end.data);
    else
        print_err("%s", error.text);
    text_release(&end);
}

static bool conform(struct check *check, const struct strategy_file *file,
                    const struct config_deployment *deployment, struct error *error) {
    struct generation *generation = generations_copy(check->offline.generations, file, error);
    if (generation == NULL)
        return false;
    struct conformance_tape tape = {.directory = check->offline.temp.directory};
    const struct conformance conformance = {
        .generation = generation,
        .deployment = deployment,
        .config = check->config,
        .file = file,
        .seed = check->seed,
        .symbols = check->symbols,
        .records = check->input.records,
        .record_count = check->input.count,
        .timeout_ns = check->timeout_ns,
        .only = check->only,
        .tape = check->capsule != NULL && !check->has_capsule ? &tape : NULL,
        .on_result = conformance_report_case,
        .context = &check->report,
    };
    struct conformance_counts counts;
    conformance_report_begin(&check->report, file->path, file);
    const bool is_fit = conformance_run(&conformance, &counts);
    conformance_report_end(&check->report, file->path, file, &counts, is_fit);
    if (tape.crashed[0] != '\0')
        make_capsule(check, file, deployment, &tape);
    if (counts.ok + counts.failed + counts.skipped == 0)
        print_err("--case %s: no such case; --cases lists them", check->only);
    if (is_fit)
        check->counts.fit++;
    else
        check->counts.not_fit++;
    generations_discard(check->offline.generations, generation);
    return true;
}

static void check_file(struct check *check, const char *path) {
    struct strategy_file file = {0};
    struct config_deployment deployment = {0};
    struct error error;
    if (!strategy_file_read(path, &file, &error) || !strategy_file_judge(&file, &error) ||
        !settle(check, &file, &deployment, &error) || !conform(check, &file, &deployment, &error)) {
        conformance_report_refused(&check->report, path, error.text);
        check->counts.not_fit++;
    }
    free(deployment.settings.items);
    strategy_file_release(&file);
}

/* All strategies of a directory. */
static void check_directory(struct check *check, const char *path) {
    struct catalog catalog = {0};
    struct faults faults = FAULTS_INIT;
    const struct place here = {path, 0};
    const bool is_readable = catalog_scan(path, false, (gid_t)-1, &catalog, &faults);
    if (is_readable && catalog.count == 0 && faults.count == 0)
        faults_add(&faults, here, "no strategies in this directory");
    for (size_t i = 0; i < catalog.count; i++)
        check_file(check, catalog.files[i].path);
    for (size_t i = 0; i < faults.count; i++) {
        conformance_report_refused(&check->report, path, faults.items[i].text);
        check->counts.not_fit++;
    }
    faults_release(&faults);
    catalog_release(&catalog);
}

static bool is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* What is fed, for the report. */
static void report_feed(struct check *check) {
    struct conformance_feed *feed = &check->report.feed;
    feed->path = check->input_options.path;
    feed->messages = check->input.count;
    feed->is_cut = check->input.is_cut;
    feed->bad_lines = check->input.bad_lines;
    feed->names = check->input.symbols;
    feed->symbols = check->symbols != NULL ? (const char *const *)check->symbols : script_symbols;
}

static void check_files(struct check *check, char *const *paths, int count) {
    conformance_report_init(&check->report, check->is_json, check->seed);
    report_feed(check);
    for (int i = 0; i < count; i++)
        if (is_directory(paths[i]))
            check_directory(check, paths[i]);
        else
            check_file(check, paths[i]);
    if (!conformance_report_finish(&check->report)) {
        print_err("cannot write the report");
        check->counts.not_fit++;
    }
}

static void list_cases(void) {
    for (const struct conformance_case *item = conformance_cases; item->name != NULL; item++)
        print_out("%-20s%-12s %s\n", item->name,
                  item->range == CASE_PARAMETERS ? "/PARAMETER"
                  : item->range == CASE_TOPICS   ? "/TOPIC"
                                                 : "",
                  item->summary);
}

/* ---- the configuration ---- */

/* The deployments of the configuration over the drop directory: planned as `run` does, in a
 * temporary directory. */
static void check_deployments(struct check *check, struct log *log) {
    struct plan plan = {0};
    struct report report;
    report_init(&report);
    struct topics *topics = topics_new(check->config);
    const struct plan_request request = {
        .config = check->config,
        .topics = topics,
        .generations = check->offline.generations,
        .log = log,
        .does_rehearse = true,
    };
    if (topics == NULL)
        print_err("out of memory");
    if (topics == NULL || !plan_list(&request, &plan, &report) ||
        !plan_build(&request, &plan, &report))
        check->counts.not_fit++;
    plan_report(&plan, false, &report);
    if (!check->is_json)
        check_report_print(&plan, &report, check->config, &check->counts);
    else if (!check_report_print_json(&plan, &report, check->config, &check->counts))
        check->counts.not_fit++;
    plan_release(&plan);
    report_release(&report);
    free(topics);
}

/* What the start would try here. False when it would fail. */
static bool check_start(const struct check *check, struct log *log) {
    struct faults faults = FAULTS_INIT;
    if (!check->is_elsewhere) {
        preflight_directories(check->config, &faults);
        preflight_control(check->config, &faults);
        preflight_clients(check->config, log, &faults);
        preflight_port(check->config, &faults);
        preflight_token(check->config, &faults);
    }
    if (check->does_connect)
        preflight_brokers(check->config, BROKER_TIMEOUT_NS, &faults);
    config_veil(check->config, &faults, 0);
    const bool is_good = faults.error_count == 0;
    print_faults(&faults);
    faults_release(&faults);
    return is_good;
}

static int show_settings(const struct check *check) {
    struct text text;
    text_init(&text);
    config_print(check->config, &text);
    const bool did = !text_is_oom(&text);
    if (did)
        print_out("%s", text.data);
    else
        note_oom();
    text_release(&text);
    return !did ? EXIT_FAILED : check->has_errors ? EXIT_CONFIG : EXIT_GOOD;
}

/* ---- the command ---- */

/* PARAMETER=VALUE. The name is cut out of the argument in place. */
static bool add_setting(void *command, const char *value) {
    struct check *check = command;
    char *argument = (char *)value; /* of argv */
    char *equals = strchr(argument, '=');
    if (equals == NULL || equals == argument) {
        print_err("--set %s: must be PARAMETER=VALUE", argument);
        return false;
    }
    if (!ARRAY_RESIZE(check->settings.items, check->settings.count + 1)) {
        print_err("out of memory");
        return false;
    }
    *equals = '\0';
    check->settings.items[check->settings.count++] =
        (struct config_item){.name = argument, .text = equals + 1, .place = {"--set", 0}};
    return true;
}

/* What means nothing for a configuration. */
static bool has_file_options(const struct check *check) {
    const struct check_input_options *input = &check->input_options;
    return check->deployment != NULL || check->settings.count > 0 || input->path != NULL ||
           input->topic != NULL || input->symbols.count > 0 || input->mappings.count > 0 ||
           check->capsule != NULL;
}

static bool are_input_options_good(const struct check *check) {
    const struct check_input_options *input = &check->input_options;
    struct error error;
    if (input->path == NULL && (input->topic != NULL || input->mappings.count > 0)) {
        print_err("--topic and --map are for the recording of --input: give it");
        return false;
    }
    for (size_t i = 0; i < input->mappings.count; i++)
        if (!recording_csv_check(input->mappings.items[i], &error)) {
            print_err("--map %s", error.text);
            return false;
        }
    return true;
}

static bool parse(struct check *check, int *argc, char ***argv, int *code) {
    if (!options_parse(&command_check, check, argc, argv, code))
        return false;
    if (*argc > 0 && (check->does_connect || check->is_elsewhere || check->shows_settings)) {
        print_err("--connect, --elsewhere and --settings are for a configuration: give no files");
        *code = usage(&command_check);
        return false;
    }
    if (!are_input_options_good(check)) {
        *code = usage(&command_check);
        return false;
    }
    if (*argc > 0 || check->lists_cases || !has_file_options(check))
        return true;
    print_err("--deployment, --set, --input, --symbols and --capsule are for files: give them");
    *code = usage(&command_check);
    return false;
}

static bool knows_deployment(const struct check *check) {
    if (check->deployment == NULL ||
        config_deployment_find(check->config, check->deployment) != NULL)
        return true;
    print_err("--deployment %s: the configuration has no section [strategy:%s]", check->deployment,
              check->deployment);
    return false;
}

/* Symbols of synthetic messages, or the recording. */
static bool take_input(struct check *check, struct log *log, struct error *error) {
    const struct csv_arg *symbols = &check->input_options.symbols;
    if (check->input_options.path != NULL)
        return check_input_read(&check->input, &check->input_options, check->config, log, error);
    if (symbols->count == 0)
        return true;
    check->symbols = calloc(symbols->count + 1, sizeof *check->symbols);
    if (check->symbols == NULL)
        return error_set_memory(error, "symbols");
    memcpy(check->symbols, symbols->items, symbols->count * sizeof *check->symbols);
    return true;
}

/* The signal thread's: an interrupted check leaves no files. Children die with it. */
static void leave(void *context, int64_t limit_ns) {
    (void)limit_ns;
    struct temp_dir temp = ((const struct offline *)context)->temp;
    temp_dir_release(&temp);
    print_err("interrupted");
    _exit(EXIT_FAILED);
}

/* What is reported must not go into what is checked. */
static bool check_output(const struct check *check, char *const *paths, int count,
                         struct error *error) {
    struct file_uses uses = {0};
    bool did = uses_keep_config(&uses, check->config, NULL, error);
    for (int i = 0; did && i < count; i++)
        did = uses_read(&uses, "a strategy", paths[i], error);
    if (did && check->input_options.path != NULL)
        did = uses_read(&uses, "--input", check->input_options.path, error);
    did = did && uses_write(&uses, NULL, error);
    file_uses_release(&uses);
    return did;
}

static int check_all(struct check *check, struct log *log, char **paths, int count) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct error error;
    if (!knows_deployment(check))
        return EXIT_USAGE;
    if (!check_output(check, paths, count, &error))
        return fail(EXIT_USAGE, &error);
    if (!take_input(check, log, &error))
        return fail(EXIT_FAILED, &error);
    if (!signals_start(&signals, &error) || !offline_init(&check->offline, &error))
        return fail(EXIT_FAILED, &error);
    const struct signals_stop calls = {.on_stop = leave, .context = &check->offline};
    signals_on_stop(&signals, &calls, SIGNALS_NO_LIMIT);
    bool can_start = true;
    if (count == 0) {
        check_deployments(check, log);
        can_start = check_start(check, log);
    } else {
        check_files(check, paths, count);
    }
    signals_on_stop(&signals, NULL, SIGNALS_NO_LIMIT);
    offline_release(&check->offline);
    if (!check->is_json)
        print_out("%zu fit, %zu not\n", check->counts.fit, check->counts.not_fit);
    if (check->has_errors)
        return EXIT_CONFIG;
    return check->counts.not_fit == 0 && can_start ? EXIT_GOOD : EXIT_FAILED;
}

/* Single files are looked at without the system's configuration, unless it is asked for: so that
 * whoever writes one needs none. */
static struct config *load(struct check *check, int count) {
    struct config_options *options = &check->options;
    struct choice choice = {0};
    options->is_bare = count > 0 && check->deployment == NULL;
    struct config *config = count > 0
                                ? config_options_load(options)
                                : (choice_apply(&choice, options)
                                       ? choice_load_anyway(&choice, options, &check->has_errors)
                                       : NULL);
    choice_release(&choice);
    return config;
}

static int check_with_config(struct check *check, char **paths, int count) {
    struct config *config = load(check, count);
    if (config == NULL)
        return EXIT_CONFIG;
    int code = EXIT_FAILED;
    check->config = config;
    if (check->shows_settings) {
        code = show_settings(check);
        config_free(config);
        return code;
    }
    struct log *log = log_for_command();
    if (log != NULL)
        code = check_all(check, log, paths, count);
    log_free(log);
    config_free(config);
    return code;
}

static int run(int argc, char **argv) {
    struct check check = {.seed = 1, .timeout_ns = 60 * NS_PER_S};
    int code = EXIT_GOOD;
    if (!parse(&check, &argc, &argv, &code))
        goto done;
    if (check.lists_cases) {
        list_cases();
        goto done;
    }
    /* Of a configuration, what `run` would say; of files, a configuration is but the frame. */
    check.options.is_trusting_nobody = argc == 0;
    code = check_with_config(&check, argv, argc);
done:
    config_options_release(&check.options);
    check_input_release(&check.input);
    csv_arg_release(&check.input_options.symbols);
    csv_arg_release(&check.input_options.mappings);
    free(check.symbols);
    free(check.settings.items);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct check, options),
    {0, "json", NULL, OPTION_FLAG(struct check, is_json),
     "the outcome as JSON: the cases of files, or the deployments of a configuration"},
    OPTION_HEADING("for a configuration"),
    {0, "connect", NULL, OPTION_FLAG(struct check, does_connect),
     "also ask the brokers: whether they answer, the topics are there, and may be read"},
    {0, "elsewhere", NULL, OPTION_FLAG(struct check, is_elsewhere),
     "the host will run on another machine: do not try directories and port of this one"},
    {0, "settings", NULL, OPTION_FLAG(struct check, shows_settings),
     "only print the settings in force, and the file and line each is from; secrets and what "
     "variables hold are not shown"},
    OPTION_HEADING("for files"),
    {0, "deployment", "NAME", OPTION_TEXT(struct check, deployment),
     "use the parameters of this [strategy:NAME] section"},
    {0, "set", "PARAMETER=VALUE", OPTION_CALL(add_setting),
     "use this parameter; may be given more than once"},
    {0, "input", "FILE", OPTION_TEXT(struct check, input_options.path),
     "feed the first 20000 messages of this recording, as `take5 replay` takes it, instead of "
     "synthetic ones"},
    {0, "symbols", "A,B", OPTION_LIST(struct check, input_options.symbols),
     "feed only these symbols; without --input: synthetic messages of these"},
    {0, "topic", "ROLE", OPTION_TEXT(struct check, input_options.topic),
     "topic of the recording's lines that have none (default: by their shape)"},
    {0, "map", "PATH=COLUMN", OPTION_LIST(struct check, input_options.mappings),
     "the recording may be CSV with a header: see take5 replay"},
    {0, "seed", "N", OPTION_INTEGER(struct check, seed, uint64_t, 0, INT64_MAX),
     "the random seed (default: 1); the outcome shows the one that was used"},
    {0, "case", "PATTERN", OPTION_TEXT(struct check, only), "only cases whose name matches"},
    {0, "timeout", "DURATION", OPTION_DURATION(struct check, timeout_ns, 1, 0),
     "a case that takes longer fails (default: 60s)"},
    {0, "capsule", "DIRECTORY", OPTION_TEXT(struct check, capsule),
     "make a capsule of the first case that crashes: see take5 capsule"},
    {0, "cases", NULL, OPTION_FLAG(struct check, lists_cases), "list the cases"},
    OPTIONS_END,
};

const struct command command_check = {
    .name = "check",
    .usage = "[options]\n[options] STRATEGY.so... | DIRECTORY\n--cases",
    .summary = "check whether a configuration or strategies are fit to run",
    .description =
        "Without a file: checks whether the configuration and all its strategies are fit to "
        "run, and whether a start by this user would find its directories writable, its port free, "
        "and what it makes clients of. Nothing is changed; all faults are reported at once. The "
        "exit code is 78 for a "
        "configuration that is refused. If the command line sets another take5.strategy_dir, "
        "deployments whose strategy is not there are skipped and listed; the same applies to list "
        "and replay."
        "\n\n"
        "With files, or a directory of them: runs each strategy through cases that a host will "
        "meet, every case in a separate process: bad messages, corrupt state, parameters at "
        "their bounds. A case that fails means that the strategy is not fit to run; a note is "
        "worth a look. The messages are synthetic, or a recording of your own (--input); the "
        "guide for authors, take5-sdk/README.md, explains each sentence and what to do about it.",
    .examples =
        "take5 check                               # the installed configuration and its "
        "strategies\n"
        "take5 check --connect                     # and its brokers, topics and rights\n"
        "take5 check --settings                    # what is in force, and from where\n"
        "take5 check ./alpha.so                    # all conformance cases on one strategy\n"
        "take5 check --input day.jsonl ./alpha.so  # the same, with messages of your own\n"
        "take5 check --capsule crash ./alpha.so    # a crash that it finds can be debugged",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
