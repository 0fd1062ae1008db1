#include "base/log.h"
#include "commands/commands.h"
#include "commands/fitness.h"
#include "engine/muster.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

struct check {
    const struct config *config;
    struct fitness fitness;
    size_t good, bad;
};

static void try_one(struct check *check, const char *name, const struct strategy_file *file,
                    const struct config_deployment *deployment) {
    struct faults faults = FAULTS_INIT;
    struct description *description = NULL;
    const bool did =
        fitness_try(&check->fitness, check->config, file, deployment, &description, &faults);
    print_faults(&faults);
    printf("%s: %s (%s %s)\n", name, did ? "fit to run" : "NOT fit to run", file->name,
           file->version);
    if (did)
        check->good++;
    else
        check->bad++;
    description_free(description);
    faults_release(&faults);
}

static void check_file(struct check *check, const char *path) {
    struct strategy_file file;
    struct error error;
    if (!strategy_file_read(path, &file, &error)) {
        complain("%s", error.text);
        check->bad++;
        return;
    }
    if (!strategy_file_judge(&file, &error)) {
        complain("%s", error.text);
        check->bad++;
    } else {
        try_one(check, path, &file, NULL);
    }
    strategy_file_release(&file);
}

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

int command_check(int argc, char **argv) {
    struct config_options options = {0};
    struct check check = {0};
    struct error error;
    for (int c; (c = getopt(argc, argv, "c:s:")) != -1;) {
        if (c == 'c')
            options.path = optarg;
        else if (c != 's' || !config_options_add(&options, optarg))
            return usage("check");
    }
    struct config *config = config_options_load(&options);
    config_options_release(&options);
    if (config == NULL)
        return EXIT_CONFIG;
    check.config = config;
    struct log *log = log_new();
    if (log == NULL)
        complain("out of memory");
    else
        log_set_level(log, NULL, LOG_LEVEL_WARNING);
    if (log == NULL || !fitness_init(&check.fitness, &error)) {
        if (log != NULL)
            complain("%s", error.text);
        log_free(log);
        config_free(config);
        return EXIT_FAILED;
    }
    if (optind == argc)
        check_deployments(&check, log);
    for (int i = optind; i < argc; i++)
        check_file(&check, argv[i]);
    fitness_release(&check.fitness);
    log_free(log);
    config_free(config);
    printf("%zu fit, %zu not\n", check.good, check.bad);
    return check.bad == 0 ? EXIT_GOOD : EXIT_FAILED;
}
