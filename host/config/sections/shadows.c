/*
 * Rules of shadow deployments, and what they have from their originals.
 */
#include "config/schema/items.h"
#include "config/sections/build.h"
#include "config/sections/workers.h"

#include <stdlib.h>
#include <string.h>

/* A shadow is given the messages of its original. */
static const char *const shared_keys[] = {"symbols",     "topics",         "time_frames",
                                          "allow_split", "global_partial", NULL};

static struct place place_of(const struct config_deployment *deployment, const char *key) {
    const struct config_item *item = config_items_find(&deployment->keys, key);
    return item != NULL ? item->place : deployment->place;
}

/* ---- rules ---- */

static void report_unknown(struct build *build, const struct config_deployment *shadow) {
    const struct config *config = build->config;
    const struct place place = place_of(shadow, "shadow_of");
    const char **names = calloc(config->deployment_count + 1, sizeof *names);
    if (names == NULL) {
        build_out_of_memory(build);
        return;
    }
    for (size_t i = 0, at = 0; i < config->deployment_count; i++)
        if (&config->deployments[i] != shadow)
            names[at++] = config->deployments[i].name;
    const char *near = faults_near_miss(shadow->shadow_of, names);
    if (near != NULL)
        faults_add(build->faults, place,
                   "[strategy:%s] shadow_of: there is no [strategy:%s]; did you mean %s?",
                   shadow->name, shadow->shadow_of, near);
    else
        faults_add(build->faults, place,
                   "[strategy:%s] shadow_of: there is no [strategy:%s]; a strategy that has a "
                   "shadow needs a section",
                   shadow->name, shadow->shadow_of);
    free(names);
}

/* NULL: there is none that can have a shadow, which is reported. */
static const struct config_deployment *find_original(struct build *build,
                                                     const struct config_deployment *shadow) {
    const struct config_deployment *original =
        config_deployment_find(build->config, shadow->shadow_of);
    const struct place place = place_of(shadow, "shadow_of");
    if (original == NULL)
        report_unknown(build, shadow);
    else if (original == shadow)
        faults_add(build->faults, place,
                   "[strategy:%s] shadow_of = %s: a deployment cannot be its own shadow; name the "
                   "one beside which it is to run",
                   shadow->name, shadow->shadow_of);
    else if (original->shadow_of != NULL)
        faults_add(build->faults, place,
                   "[strategy:%s] shadow_of = %s: [strategy:%s] is a shadow itself; name its "
                   "original, %s",
                   shadow->name, original->name, original->name, original->shadow_of);
    else if (shadow->is_enabled && !original->is_enabled)
        faults_add(build->faults, place,
                   "[strategy:%s] shadow_of = %s: [strategy:%s] has enabled = no (%s:%d); enable "
                   "both, or disable both",
                   shadow->name, original->name, original->name, place_of(original, "enabled").file,
                   place_of(original, "enabled").line);
    else
        return original;
    return NULL;
}

static void check_keys(struct build *build, const struct config_deployment *shadow) {
    for (const char *const *key = shared_keys; *key != NULL; key++)
        if (config_items_find(&shadow->keys, *key) != NULL)
            faults_add(build->faults, place_of(shadow, *key),
                       "[strategy:%s] %s: a shadow is given the messages of its original; remove "
                       "%s here, [strategy:%s] sets it for both",
                       shadow->name, *key, *key, shadow->shadow_of);
}

static void check_worker(struct build *build, const struct config_deployment *shadow,
                         const struct config_deployment *original) {
    const char *worker = config_worker_of(build->config, original);
    if (shadow->worker != NULL && strcmp(shadow->worker, worker) != 0)
        faults_add(build->faults, place_of(shadow, "worker"),
                   "[strategy:%s] worker = %s: a shadow runs in the worker of its original; "
                   "[strategy:%s] has %s",
                   shadow->name, shadow->worker, original->name, worker);
}

/* ---- what it has from its original ---- */

static char **copy_list(char *const *list) {
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    bool did = copy != NULL;
    for (size_t i = 0; did && i < count; i++)
        did = (copy[i] = strdup(list[i])) != NULL;
    for (size_t i = 0; !did && copy != NULL && i < count; i++)
        free(copy[i]);
    if (!did)
        free(copy);
    return did ? copy : NULL;
}

static bool inherit_list(char ***target, char *const *list) {
    return list == NULL || *target != NULL || (*target = copy_list(list)) != NULL;
}

static bool inherit_time_frames(struct config_deployment *shadow,
                                const struct config_deployment *original) {
    size_t count = 0;
    if (original->time_frames == NULL || shadow->time_frames != NULL)
        return true;
    while (original->time_frames[count] != 0)
        count++;
    shadow->time_frames = calloc(count + 1, sizeof *shadow->time_frames);
    if (shadow->time_frames == NULL)
        return false;
    memcpy(shadow->time_frames, original->time_frames, count * sizeof *shadow->time_frames);
    return true;
}

static bool inherit_worker(const struct config *config, struct config_deployment *shadow,
                           const struct config_deployment *original) {
    return shadow->worker != NULL ||
           (shadow->worker = strdup(config_worker_of(config, original))) != NULL;
}

static void inherit(struct build *build, struct config_deployment *shadow,
                    const struct config_deployment *original) {
    shadow->allow_split = original->allow_split;
    shadow->global_partial = original->global_partial;
    if (!inherit_list(&shadow->symbols, original->symbols) ||
        !inherit_list(&shadow->topics, original->topics) ||
        !inherit_time_frames(shadow, original) || !inherit_worker(build->config, shadow, original))
        build_out_of_memory(build);
}

void shadows_finish(struct build *build) {
    struct config *config = build->config;
    for (size_t i = 0; i < config->deployment_count; i++) {
        struct config_deployment *shadow = &config->deployments[i];
        if (shadow->shadow_of == NULL) {
            if (config_items_find(&shadow->keys, "shadow_share") != NULL)
                faults_warn(
                    build->faults, place_of(shadow, "shadow_share"),
                    "[strategy:%s] shadow_share has no effect: it is not a shadow (shadow_of)",
                    shadow->name);
            continue;
        }
        check_keys(build, shadow);
        const struct config_deployment *original = find_original(build, shadow);
        if (original == NULL)
            continue;
        check_worker(build, shadow, original);
        inherit(build, shadow, original);
    }
}
