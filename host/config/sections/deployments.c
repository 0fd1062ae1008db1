#include "config/sections/build.h"

#include "base/array.h"
#include "base/text.h"
#include "config/schema/items.h"
#include "config/value/value.h"

#include <stdlib.h>
#include <string.h>

#define SECTION "strategy:NAME"

void config_deployment_release(struct config_deployment *deployment) {
    schema_release(deployment, SECTION);
    config_items_release(&deployment->settings);
    config_items_release(&deployment->keys);
    free(deployment->promoted_from);
    free(deployment->name);
}

struct config_deployment *build_deployment(struct build *build, const char *name,
                                           struct place place) {
    struct config *config = build->config;
    struct config_deployment *known = config_deployment_find(config, name);
    if (known != NULL)
        return known;
    if (!build_check_name(build, "strategy", name, place))
        return NULL;

    struct config_deployment deployment = {.name = strdup(name), .place = place};
    if (deployment.name == NULL || !schema_set_defaults(&deployment, SECTION) ||
        !ARRAY_RESIZE(config->deployments, config->deployment_count + 1)) {
        config_deployment_release(&deployment);
        build_out_of_memory(build);
        return NULL;
    }
    config->deployments[config->deployment_count] = deployment;
    return &config->deployments[config->deployment_count++];
}

void deployment_assign(struct build *build, struct config_deployment *deployment,
                       const struct assignment *a) {
    const struct schema_key *key = schema_find(SECTION, a->key);
    if (key != NULL && !build_value(build, deployment, key, a))
        return;
    struct config_items *items = key != NULL ? &deployment->keys : &deployment->settings;
    if (!config_items_set(items, a->key, a->value, a->place))
        build_out_of_memory(build);
}

static int by_name(const void *a, const void *b) {
    const struct config_deployment *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static struct place place_of(const struct config_deployment *deployment, const char *key) {
    const struct config_item *item = config_items_find(&deployment->keys, key);
    return item != NULL ? item->place : deployment->place;
}

static void check_topics(struct build *build, const struct config_deployment *deployment) {
    const struct config *config = build->config;
    const char **roles = calloc(config->topic_count + 1, sizeof *roles);
    if (roles == NULL) {
        build_out_of_memory(build);
        return;
    }
    for (size_t i = 0; i < config->topic_count; i++)
        roles[i] = config->topics[i].role;
    for (char **role = deployment->topics; role != NULL && *role != NULL; role++) {
        if (config_topic_by_role(config, *role, NULL) != NULL)
            continue;
        const char *near = faults_near_miss(*role, roles);
        struct place place = place_of(deployment, "topics");
        if (near != NULL)
            faults_add(build->faults, place,
                       "[strategy:%s] topics: there is no [topic:%s]; did you mean %s?",
                       deployment->name, *role, near);
        else
            faults_add(build->faults, place, "[strategy:%s] topics: there is no [topic:%s]",
                       deployment->name, *role);
    }
    free(roles);
}

/* What is wrong with a listed symbol, as far as symbols are known; NULL: nothing. */
static const char *odd_symbol(const char *symbol) {
    if (strcmp(symbol, "*") == 0)
        return "is the symbol *, not all symbols: for all, omit the key";
    if (strpbrk(symbol, "; \t|") != NULL || strstr(symbol, "\xC2\xA0") != NULL)
        return "is one symbol: separate symbols with commas";
    if (strpbrk(symbol, "[](){}") != NULL)
        return "has brackets, which are part of the symbol: write the list without brackets";
    return NULL;
}

static void check_symbols(struct build *build, const struct config_deployment *deployment) {
    for (char **symbol = deployment->symbols; symbol != NULL && *symbol != NULL; symbol++) {
        const char *what = odd_symbol(*symbol);
        if (what != NULL)
            faults_warn(build->faults, place_of(deployment, "symbols"),
                        "[strategy:%s] symbols: \"%s\" %s", deployment->name, *symbol, what);
    }
}

static void check_plugin(struct build *build, struct config_deployment *deployment) {
    if (deployment->plugin == NULL) {
        deployment->plugin = strdup(deployment->name);
        if (deployment->plugin == NULL)
            build_out_of_memory(build);
        return;
    }
    if (deployment->plugin[0] == '\0' || strchr(deployment->plugin, '/') != NULL)
        faults_add(
            build->faults, place_of(deployment, "plugin"),
            "[strategy:%s] plugin = %s is not the name of a strategy: expected the name that the "
            "file declares (`take5 list`), not a path",
            deployment->name, deployment->plugin);
}

void deployments_finish(struct build *build) {
    struct config *config = build->config;
    if (config->deployment_count > 0)
        qsort(config->deployments, config->deployment_count, sizeof *config->deployments, by_name);
    for (size_t i = 0; i < config->deployment_count; i++) {
        check_plugin(build, &config->deployments[i]);
        check_topics(build, &config->deployments[i]);
        check_symbols(build, &config->deployments[i]);
    }
}
