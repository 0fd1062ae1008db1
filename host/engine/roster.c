#include "engine/roster.h"

#include <stdlib.h>
#include <string.h>

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **copy_texts(char *const *texts, size_t *count) {
    size_t n = 0;
    while (texts[n] != NULL)
        n++;
    char **copy = calloc(n + 1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        copy[i] = strdup(texts[i]);
        if (copy[i] == NULL) {
            while (i-- > 0)
                free(copy[i]);
            free(copy);
            return NULL;
        }
    }
    *count = n;
    return copy;
}

static bool copy_filters(struct deployment *deployment, const struct config_deployment *section) {
    deployment->allow_split = section->allow_split;
    deployment->global_partial = section->global_partial;
    if (section->symbols != NULL) {
        deployment->symbols = copy_texts(section->symbols, &deployment->symbol_count);
        if (deployment->symbols == NULL)
            return false;
        qsort(deployment->symbols, deployment->symbol_count, sizeof *deployment->symbols,
              compare_texts);
    }
    if (section->time_frames != NULL) {
        size_t count = 0;
        while (section->time_frames[count] != 0)
            count++;
        deployment->time_frames = calloc(count + 1, sizeof *deployment->time_frames);
        if (deployment->time_frames == NULL)
            return false;
        memcpy(deployment->time_frames, section->time_frames,
               count * sizeof *deployment->time_frames);
    }
    return true;
}

static bool is_listed(char *const *texts, const char *text) {
    for (; *texts != NULL; texts++) {
        if (strcmp(*texts, text) == 0)
            return true;
    }
    return false;
}

/* Maps the configuration's topics to the strategy's. */
static bool map_topics(struct deployment *deployment, const struct config *config,
                       const struct config_deployment *section, struct place place,
                       struct faults *faults) {
    const struct description *description = deployment->description;
    const size_t errors_before = faults->error_count;
    deployment->topic_count = config->topic_count;
    deployment->topics = calloc(config->topic_count + 1, sizeof *deployment->topics);
    if (deployment->topics == NULL) {
        faults_add(faults, place, "out of memory for deployment \"%s\"", deployment->name);
        return false;
    }
    for (size_t i = 0; i < config->topic_count; i++)
        deployment->topics[i] = NOT_WANTED;
    for (size_t i = 0; i < description->topic_count; i++) {
        const char *role = description->topics[i];
        uint32_t index;
        if (config_topic_by_role(config, role, &index) == NULL) {
            faults_add(faults, place,
                       "strategy \"%s\" wants topic \"%s\", which is not configured; add a "
                       "[topic:%s] section",
                       description->name, role, role);
            continue;
        }
        if (section != NULL && section->topics != NULL && !is_listed(section->topics, role))
            continue;
        if (deployment->topics[index] == NOT_WANTED)
            deployment->wanted_count++;
        deployment->topics[index] = (uint32_t)i;
    }
    for (char **role = section != NULL ? section->topics : NULL; role != NULL && *role != NULL;
         role++) {
        if (!is_listed(description->topics, *role))
            faults_add(faults, place,
                       "topics: \"%s\" is not among the topics that strategy \"%s\" wants", *role,
                       description->name);
    }
    if (faults->error_count == errors_before && deployment->wanted_count == 0)
        faults_add(faults, place, "deployment \"%s\" is left without a topic", deployment->name);
    return faults->error_count == errors_before;
}

/* A kept state belongs to the same code with the same parameters. */
static struct hash hash_code(const struct deployment *deployment) {
    const struct hash parts[2] = {deployment->generation->hash, deployment->parameters.hash};
    return hash_bytes(parts, sizeof parts);
}

static struct hash hash_filters(const struct deployment *deployment) {
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < deployment->symbol_count; i++)
        text_printf(&text, "s%s\n", deployment->symbols[i]);
    text_printf(&text, "%d\n", deployment->symbols != NULL);
    for (const uint32_t *frame = deployment->time_frames; frame != NULL && *frame != 0; frame++)
        text_printf(&text, "f%u\n", *frame);
    for (size_t i = 0; i < deployment->topic_count; i++)
        text_printf(&text, "t%u\n", deployment->topics[i]);
    text_printf(&text, "%d%d", deployment->allow_split, deployment->global_partial);
    const struct hash hash = hash_bytes(text.data, text.size);
    text_release(&text);
    return hash;
}

struct deployment *deployment_new(const struct config *config,
                                  const struct config_deployment *section, const char *name,
                                  struct generation *generation,
                                  const struct description *described, struct faults *faults) {
    const struct place place =
        section != NULL ? section->place : (struct place){generation->source_path, 0};
    const size_t errors_before = faults->error_count;
    struct deployment *deployment = calloc(1, sizeof *deployment);
    if (deployment == NULL)
        goto no_memory;
    atomic_init(&deployment->references, 1);
    deployment->generation = generation;
    deployment->name = strdup(name);
    deployment->description =
        description_copy(described != NULL ? described : generation->description);
    if (deployment->name == NULL || deployment->description == NULL ||
        (section != NULL && !copy_filters(deployment, section)))
        goto no_memory;
    struct config_deployment defaults = {
        .name = deployment->name, .plugin = generation->name, .is_enabled = true, .place = place};
    bool is_good = map_topics(deployment, config, section, place, faults);
    is_good &= parameters_check(deployment->description, section != NULL ? section : &defaults,
                                &deployment->parameters, faults);
    if (!is_good)
        goto failed;
    deployment->code = hash_code(deployment);
    deployment->filters = hash_filters(deployment);
    hash_text(generation->hash, deployment->hash);
    deployment->blueprint = (struct blueprint){.deployment = deployment->name,
                                               .descriptor = generation->descriptor,
                                               .description = deployment->description,
                                               .parameters = &deployment->parameters,
                                               .generation = generation->number,
                                               .hash = deployment->hash};
    return deployment;

no_memory:
    faults_add(faults, place, "out of memory for deployment \"%s\"", name);
failed:
    if (faults->error_count == errors_before)
        faults_add(faults, place, "deployment \"%s\" cannot be built", name);
    deployment_release(deployment);
    return NULL;
}

struct deployment *deployment_retain(struct deployment *deployment) {
    atomic_fetch_add_explicit(&deployment->references, 1, memory_order_relaxed);
    return deployment;
}

void deployment_release(struct deployment *deployment) {
    if (deployment == NULL ||
        atomic_fetch_sub_explicit(&deployment->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < deployment->symbol_count; i++)
        free(deployment->symbols[i]);
    free(deployment->symbols);
    free(deployment->time_frames);
    free(deployment->topics);
    parameters_release(&deployment->parameters);
    description_free(deployment->description);
    free(deployment->quarantine);
    free(deployment->differs);
    free(deployment->name);
    free(deployment);
}

bool deployment_wants_symbol(const struct deployment *deployment, const char *symbol, size_t size) {
    if (deployment->symbols == NULL)
        return true;
    size_t low = 0, high = deployment->symbol_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *listed = deployment->symbols[middle];
        const size_t listed_size = strlen(listed);
        const size_t shorter = listed_size < size ? listed_size : size;
        int order = memcmp(listed, symbol, shorter);
        if (order == 0)
            order = (listed_size > size) - (listed_size < size);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool deployment_wants_time_frame(const struct deployment *deployment, uint32_t seconds) {
    if (deployment->time_frames == NULL)
        return true;
    for (const uint32_t *frame = deployment->time_frames; *frame != 0; frame++) {
        if (*frame == seconds)
            return true;
    }
    return false;
}

bool deployment_is_global(const struct deployment *deployment) {
    return deployment->description->scope == T5_SCOPE_GLOBAL;
}

static int compare_deployments(const void *a, const void *b) {
    return strcmp((*(struct deployment *const *)a)->name, (*(struct deployment *const *)b)->name);
}

struct roster *roster_new(struct deployment **deployments, size_t count) {
    struct roster *roster = calloc(1, sizeof *roster);
    if (roster == NULL)
        return NULL;
    roster->deployments = calloc(count + 1, sizeof *roster->deployments);
    if (roster->deployments == NULL) {
        free(roster);
        return NULL;
    }
    atomic_init(&roster->references, 1);
    roster->count = count;
    if (count > 0) {
        memcpy(roster->deployments, deployments, count * sizeof *deployments);
        qsort(roster->deployments, count, sizeof *roster->deployments, compare_deployments);
    }
    return roster;
}

struct roster *roster_retain(struct roster *roster) {
    atomic_fetch_add_explicit(&roster->references, 1, memory_order_relaxed);
    return roster;
}

void roster_release(struct roster *roster) {
    if (roster == NULL ||
        atomic_fetch_sub_explicit(&roster->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < roster->count; i++)
        deployment_release(roster->deployments[i]);
    free(roster->deployments);
    free(roster);
}

struct deployment *roster_find(const struct roster *roster, const char *name) {
    for (size_t i = 0; i < roster->count; i++) {
        if (strcmp(roster->deployments[i]->name, name) == 0)
            return roster->deployments[i];
    }
    return NULL;
}
