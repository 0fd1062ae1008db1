#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "commands/commands.h"
#include "commands/conformance.h"
#include "commands/conformance_cases.h"
#include "commands/conformance_report.h"
#include "commands/fitness.h"
#include "commands/signals.h"
#include "engine/muster.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEED_DEFAULT    1
#define TIMEOUT_DEFAULT (60 * NS_PER_S)

struct check {
    const struct config *config;
    struct fitness fitness;
    size_t good, bad;
    /* Of the conformance check of single files. */
    const char *deployment; /* whose settings; NULL: none */
    struct config_items settings;
    const char *only;
    uint64_t seed;
    int64_t timeout_ns;
    bool is_json;
    bool lists_cases;
    struct conformance_report report;
};

/* ---- files ---- */

/* The settings for a file: those of a deployment of the configuration, and over them --set. False:
 * the deployment is of another strategy. Release the list of settings in either case. */
static bool settle(const struct check *check, const struct strategy_file *file,
                   struct config_deployment *deployment, struct error *error) {
    const struct config_deployment *found = NULL;
    for (size_t i = 0; check->deployment != NULL && i < check->config->deployment_count; i++)
        if (strcmp(check->config->deployments[i].name, check->deployment) == 0)
            found = &check->config->deployments[i];
    *deployment = (struct config_deployment){.name = (char *)file->name,
                                             .plugin = (char *)file->name,
                                             .is_enabled = true,
                                             .place = {file->path, 0}};
    if (found != NULL && strcmp(found->plugin, file->name) != 0)
        return error_set(error, ERROR_INVALID,
                         "%s: is strategy %s, but [strategy:%s] is a deployment of %s", file->path,
                         file->name, found->name, found->plugin);
    const size_t count = found != NULL ? found->settings.count : 0;
    struct config_items *settings = &deployment->settings;
    if (found != NULL) {
        deployment->name = found->name;
        deployment->place = found->place;
    }
    settings->items = calloc(count + check->settings.count + 1, sizeof *settings->items);
    if (settings->items == NULL)
        return error_set_memory(error, count, "settings");
    for (size_t i = 0; i < count; i++)
        settings->items[settings->count++] = found->settings.items[i];
    for (size_t i = 0; i < check->settings.count; i++)
        settings->items[settings->count++] = check->settings.items[i];
    return true;
}

static bool conform(struct check *check, const struct strategy_file *file,
                    const struct config_deployment *deployment, struct error *error) {
    struct generation *generation = generations_copy(check->fitness.generations, file, error);
    if (generation == NULL)
        return false;
    const struct conformance conformance = {
        .generation = generation,
        .deployment = deployment,
        .config = check->config,
        .statics_size = file->data_size + file->bss_size,
        .seed = check->seed,
        .timeout_ns = check->timeout_ns,
        .only = check->only,
        .told = conformance_report_case,
        .context = &check->report,
    };
    struct conformance_counts counts;
    conformance_report_begin(&check->report, file->path, file);
    const bool is_fit = conformance_run(&conformance, &counts);
    conformance_report_end(&check->report, file->path, file, &counts, is_fit);
    if (counts.ok + counts.failed + counts.skipped == 0)
        complain("--case %s: is none of its cases; --cases lists them", check->only);
    if (is_fit)
        check->good++;
    else
        check->bad++;
    generations_discard(check->fitness.generations, generation);
    return true;
}

static void check_file(struct check *check, const char *path) {
    struct strategy_file file = {0};
    struct config_deployment deployment = {0};
    struct error error;
    if (!strategy_file_read(path, &file, &error) || !strategy_file_judge(&file, &error) ||
        !settle(check, &file, &deployment, &error) || !conform(check, &file, &deployment, &error)) {
        conformance_report_refused(&check->report, path, error.text);
        check->bad++;
    }
    free(deployment.settings.items);
    strategy_file_release(&file);
}

static void check_files(struct check *check, char *const *paths, int count) {
    conformance_report_init(&check->report, check->is_json, check->seed);
    for (int i = 0; i < count; i++)
        check_file(check, paths[i]);
    if (!conformance_report_finish(&check->report)) {
        complain("the report could not be written");
        check->bad++;
    }
}

static void list_cases(void) {
    for (const struct conformance_case *item = conformance_cases; item->name != NULL; item++)
        printf("%-20s%-12s %s\n", item->name,
               item->range == CASE_PARAMETERS ? "/PARAMETER"
               : item->range == CASE_TOPICS   ? "/TOPIC"
                                              : "",
               item->summary);
}

/* ---- the configuration ---- */

/* The deployments of the configuration over the drop directory: mustered as `run` does, in a
 * directory of the moment. */
static void check_deployments(struct check *check, struct log *log) {
    struct muster muster = {0};
    struct report report;
    report_init(&report);
    const struct muster_request request = {
        .config = check->config,
        .generations = check->fitness.generations,
        .log = log,
        .does_rehearse = true,
    };
    if (!muster_build(&request, &muster, &report))
        check->bad++;
    print_faults(&report.faults);
    for (size_t i = 0; i < report.count; i++) {
        fprintf(stderr, "%s: %s\n", report.lines[i].deployment, report.lines[i].detail);
        check->bad += report.lines[i].outcome == OUTCOME_REJECTED;
    }
    for (size_t i = 0; i < muster.count; i++) {
        const struct deployment *deployment = muster.items[i].next;
        printf("%s: %s", muster.items[i].name,
               deployment != NULL ? "fit to run" : "NOT fit to run");
        if (deployment != NULL)
            printf(" (%s %s)", deployment->description->name, deployment->description->version);
        putchar('\n');
        check->good += deployment != NULL;
    }
    muster_release(&muster);
    report_release(&report);
}

/* ---- the command ---- */

/* PARAMETER=VALUE. The name is cut out of the argument in place. */
static bool add_setting(struct check *check, char *argument) {
    char *equals = strchr(argument, '=');
    if (equals == NULL || equals == argument) {
        complain("--set %s: must be PARAMETER=VALUE", argument);
        return false;
    }
    struct config_item *items =
        reallocarray(check->settings.items, check->settings.count + 1, sizeof *items);
    if (items == NULL) {
        complain("out of memory");
        return false;
    }
    *equals = '\0';
    check->settings.items = items;
    items[check->settings.count++] =
        (struct config_item){.name = argument, .text = equals + 1, .place = {"--set", 0}};
    return true;
}

static bool read_seed(struct check *check, const char *text) {
    int64_t seed;
    if (!parse_integer(text, &seed) || seed < 0) {
        complain("--seed %s: must be a whole number, 0 or above", text);
        return false;
    }
    check->seed = (uint64_t)seed;
    return true;
}

static bool read_timeout(struct check *check, const char *text) {
    if (!parse_duration_ns(text, &check->timeout_ns) || check->timeout_ns == 0) {
        complain("--timeout %s: must be a duration such as 30s", text);
        return false;
    }
    return true;
}

static bool read_option(struct check *check, struct config_options *options, int option) {
    switch (option) {
    case 'c':
        options->path = optarg;
        return true;
    case 's':
        return config_options_add(options, optarg);
    case 'j':
        check->is_json = true;
        return true;
    case 'd':
        check->deployment = optarg;
        return true;
    case 'p':
        return add_setting(check, optarg);
    case 'n':
        return read_seed(check, optarg);
    case 'o':
        check->only = optarg;
        return true;
    case 't':
        return read_timeout(check, optarg);
    case 'l':
        check->lists_cases = true;
        return true;
    default:
        return false;
    }
}

static bool read_options(struct check *check, struct config_options *options, int argc,
                         char **argv) {
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},       {"deployment", required_argument, NULL, 'd'},
        {"set", required_argument, NULL, 'p'},  {"seed", required_argument, NULL, 'n'},
        {"case", required_argument, NULL, 'o'}, {"timeout", required_argument, NULL, 't'},
        {"cases", no_argument, NULL, 'l'},      {0}};
    for (int c; (c = getopt_long(argc, argv, "c:s:", longs, NULL)) != -1;)
        if (!read_option(check, options, c))
            return false;
    const bool has_files = optind < argc;
    if (!has_files && !check->lists_cases &&
        (check->is_json || check->deployment != NULL || check->settings.count > 0)) {
        complain("--json, --deployment and --set are for single files: name them");
        return false;
    }
    return true;
}

static bool knows_deployment(const struct check *check) {
    if (check->deployment == NULL)
        return true;
    for (size_t i = 0; i < check->config->deployment_count; i++)
        if (strcmp(check->config->deployments[i].name, check->deployment) == 0)
            return true;
    complain("--deployment %s: the configuration has no section [strategy:%s]", check->deployment,
             check->deployment);
    return false;
}

/* The signal thread's: an interrupted check leaves no files. Children die with it. */
static void leave(void *context) {
    struct scratch scratch = ((const struct fitness *)context)->scratch;
    scratch_release(&scratch);
    complain("interrupted");
    _exit(EXIT_FAILED);
}

static int check_all(struct check *check, struct log *log, char **paths, int count) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct error error;
    if (!knows_deployment(check))
        return EXIT_USAGE;
    if (!signals_start(&signals, &error) || !fitness_init(&check->fitness, &error)) {
        complain("%s", error.text);
        return EXIT_FAILED;
    }
    signals_on_stop(&signals, leave, &check->fitness);
    if (count == 0)
        check_deployments(check, log);
    else
        check_files(check, paths, count);
    signals_on_stop(&signals, NULL, NULL);
    fitness_release(&check->fitness);
    if (!check->is_json)
        printf("%zu fit, %zu not\n", check->good, check->bad);
    return check->bad == 0 ? EXIT_GOOD : EXIT_FAILED;
}

static int check_with_config(struct check *check, const struct config_options *options,
                             char **paths, int count) {
    struct config *config = config_options_load(options);
    if (config == NULL)
        return EXIT_CONFIG;
    int code = EXIT_FAILED;
    check->config = config;
    struct log *log = log_new();
    if (log == NULL) {
        complain("out of memory");
    } else {
        log_set_level(log, NULL, LOG_LEVEL_WARNING);
        code = check_all(check, log, paths, count);
    }
    log_free(log);
    config_free(config);
    return code;
}

int command_check(int argc, char **argv) {
    struct config_options options = {0};
    struct check check = {.seed = SEED_DEFAULT, .timeout_ns = TIMEOUT_DEFAULT};
    int code = EXIT_GOOD;
    if (!read_options(&check, &options, argc, argv))
        code = usage("check");
    else if (check.lists_cases)
        list_cases();
    else
        code = check_with_config(&check, &options, argv + optind, argc - optind);
    config_options_release(&options);
    free(check.settings.items);
    return code;
}
