/*
 * Whether others could have written the configuration: whoever can, decides what code runs, as whom
 * it speaks to Kafka and where it writes.
 */
#include "base/array.h"
#include "base/text.h"
#include "config/assign.h"
#include "config/text/paths.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

struct trust config_trust(const struct config *config) {
    const struct group *group =
        config->control_group != NULL ? getgrnam(config->control_group) : NULL;
    return (struct trust){.is_off = !config->strict_modes,
                          .group = group != NULL ? group->gr_gid : TRUST_NO_GROUP};
}

/* The main file can say that of anything but itself: who can write it would say so. */
static bool is_off_from_outside(const struct build *build) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    const struct place *origin =
        &build->config->origins[schema_find("take5", "strict_modes") - keys];
    return !build->config->strict_modes && origin->file != NULL && origin->line == 0;
}

static void check_main(struct build *build) {
    struct error error;
    const char *path = build->config->path;
    if (is_off_from_outside(build) || trust_check(path, &trust_strict, &error) ||
        errno == ENOENT) /* reported by who read it */
        return;
    if (!build->config->strict_modes)
        error_set(&error, error.code,
                  "%s (for this file, set it on the command line: -s take5.strict_modes=no)",
                  error.text);
    faults_add_error(build->faults, (struct place){0}, &error);
}

static bool is_below(const char *path, const char *directory) {
    const size_t size = strlen(directory);
    return strncmp(path, directory, size) == 0 && path[size] == '/';
}

/* Its files are those of the quants, who may be a group; a secret's are not. */
static void check_sources(struct build *build) {
    const struct config *config = build->config;
    const struct trust ours = {.is_off = !config->strict_modes, .group = TRUST_NO_GROUP};
    const struct trust quants = config_trust(config);
    const bool is_read = build->request->in_force == NULL;
    struct error error;
    char *above = path_directory(config->path);
    char *folder = above != NULL ? path_join(above, STRATEGY_FOLDER) : NULL;
    char *drop_ins = above != NULL ? path_join(above, DROP_IN_FOLDER) : NULL;
    if (folder == NULL || drop_ins == NULL) {
        build_out_of_memory(build);
        goto done;
    }
    if (is_read && !trust_check(folder, &quants, &error) && errno != ENOENT)
        faults_add_error(build->faults, (struct place){0}, &error);
    if (is_read && !trust_check(drop_ins, &ours, &error) && errno != ENOENT)
        faults_add_error(build->faults, (struct place){0}, &error);
    for (size_t i = 0; i < config->source_count; i++) {
        const char *path = config->sources[i];
        if (!trust_check(path, is_below(path, folder) ? &quants : &ours, &error))
            faults_add_error(build->faults, (struct place){0}, &error);
    }
done:
    free(drop_ins);
    free(folder);
    free(above);
}

void build_trust(struct build *build) {
    if (!build->request->is_trusting_nobody || build->config->path == NULL)
        return;
    if (build->request->in_force == NULL)
        check_main(build);
    check_sources(build);
}
