#include "commands/commands.h"
#include "commands/fitness.h"

#include <getopt.h>
#include <grp.h>
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

static bool has_section_for(const struct config *config, const char *plugin) {
    for (size_t i = 0; i < config->deployment_count; i++) {
        if (strcmp(config->deployments[i].plugin, plugin) == 0)
            return true;
    }
    return false;
}

/* The deployments of the configuration over the drop directory. */
static void check_deployments(struct check *check) {
    struct catalog catalog = {0};
    struct faults faults = FAULTS_INIT;
    const struct config *config = check->config;
    const struct group *group =
        config->control_group != NULL ? getgrnam(config->control_group) : NULL;
    if (!catalog_scan(config->strategy_dir, config->strict_modes,
                      group != NULL ? group->gr_gid : (gid_t)-1, &catalog, &faults))
        check->bad++;
    check->bad += faults.error_count;
    print_faults(&faults);
    faults_release(&faults);
    for (size_t i = 0; i < config->deployment_count; i++) {
        const struct config_deployment *deployment = &config->deployments[i];
        const struct strategy_file *file = catalog_find(&catalog, deployment->plugin);
        if (!deployment->is_enabled)
            continue;
        if (file == NULL) {
            complain("%s:%d: no strategy \"%s\" in %s", deployment->place.file,
                     deployment->place.line, deployment->plugin, config->strategy_dir);
            check->bad++;
            continue;
        }
        try_one(check, deployment->name, file, deployment);
    }
    for (size_t i = 0; i < catalog.count; i++) {
        if (!has_section_for(config, catalog.files[i].name))
            try_one(check, catalog.files[i].name, &catalog.files[i], NULL);
    }
    catalog_release(&catalog);
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
    if (!fitness_init(&check.fitness, &error)) {
        complain("%s", error.text);
        config_free(config);
        return EXIT_FAILED;
    }
    if (optind == argc)
        check_deployments(&check);
    for (int i = optind; i < argc; i++)
        check_file(&check, argv[i]);
    fitness_release(&check.fitness);
    config_free(config);
    printf("%zu fit, %zu not\n", check.good, check.bad);
    return check.bad == 0 ? EXIT_GOOD : EXIT_FAILED;
}
