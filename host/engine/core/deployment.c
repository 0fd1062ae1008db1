#include "engine/core/deployment.h"

#include "base/string_list.h"
#include "config/schema/items.h"
#include "engine/crash/crash.h"

#include <stdlib.h>
#include <string.h>

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

#define NOT_LISTED SIZE_MAX

static bool copy_shadow(struct deployment *deployment, const struct config_deployment *section) {
    deployment->shadow_share = section->shadow_share;
    if (section->shadow_of != NULL && (deployment->shadow_of = strdup(section->shadow_of)) == NULL)
        return false;
    return section->promoted_from == NULL ||
           (deployment->promoted_from = strdup(section->promoted_from)) != NULL;
}

static bool copy_filters(struct deployment *deployment, const struct config_deployment *section) {
    deployment->allow_split = section->allow_split;
    deployment->global_partial = section->global_partial;
    if (config_items_find(&section->keys, "warm_up") != NULL)
        deployment->warm_up_ns = section->warm_up_ns;
    if (!copy_shadow(deployment, section))
        return false;
    if (section->symbols != NULL) {
        deployment->symbols = string_list_copy(section->symbols);
        if (deployment->symbols == NULL)
            return false;
        deployment->symbol_count = string_list_count(deployment->symbols);
        deployment->symbols_met =
            calloc(deployment->symbol_count + 1, sizeof *deployment->symbols_met);
        if (deployment->symbols_met == NULL)
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

/* Maps the host's topics to the strategy's. */
static bool map_topics(struct deployment *deployment, const struct topics *topics,
                       const struct config_deployment *section, struct place place,
                       struct faults *faults) {
    const struct description *description = deployment->description;
    const size_t errors_before = faults->error_count;
    deployment->topic_count = topics->count;
    deployment->topics = calloc(topics->count + 1, sizeof *deployment->topics);
    if (deployment->topics == NULL) {
        faults_add_memory(faults, place, deployment->name);
        return false;
    }
    for (size_t i = 0; i < topics->count; i++)
        deployment->topics[i] = NOT_WANTED;
    for (size_t i = 0; i < description->topic_count; i++) {
        const char *role = description->topics[i];
        uint32_t index;
        if (!topics_find_role(topics, role, &index)) {
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
                       "topics: \"%s\" is not a topic that strategy \"%s\" subscribes to", *role,
                       description->name);
    }
    if (faults->error_count == errors_before && deployment->wanted_count == 0)
        faults_add(faults, place, "deployment \"%s\" has no topic left", deployment->name);
    return faults->error_count == errors_before;
}

/* A state belongs to the same code with the same parameters. A shadow differs from a published
 * instance: it is created as a shadow. */
static struct hash hash_code(const struct deployment *deployment) {
    const struct hash parts[3] = {deployment->generation->hash, deployment->parameters.hash};
    return hash_bytes(parts, (deployment->shadow_of != NULL ? 3 : 2) * sizeof *parts);
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
    if (deployment->shadow_of != NULL)
        text_printf(&text, "o%s %lld", deployment->shadow_of, (long long)deployment->shadow_share);
    const struct hash hash = hash_bytes(text.data, text.size);
    text_release(&text);
    return hash;
}

struct deployment *deployment_new(const struct topics *topics,
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
    if (deployment->description != NULL)
        deployment->warm_up_ns = deployment->description->warm_up_ns;
    if (deployment->description != NULL)
        deployment->absent =
            calloc(deployment->description->field_count + 1, sizeof *deployment->absent);
    if (deployment->name == NULL || deployment->absent == NULL ||
        (section != NULL && !copy_filters(deployment, section)))
        goto no_memory;
    struct config_deployment defaults = {
        .name = deployment->name, .plugin = generation->name, .is_enabled = true, .place = place};
    bool is_good = map_topics(deployment, topics, section, place, faults);
    is_good &= parameters_check(deployment->description, section != NULL ? section : &defaults,
                                &deployment->parameters, faults);
    if (!is_good)
        goto failed;
    deployment->code = hash_code(deployment);
    deployment->filters = hash_filters(deployment);
    hash_text(generation->hash, deployment->hash);
    deployment->spec = (struct instance_spec){.deployment = deployment->name,
                                              .descriptor = generation->descriptor,
                                              .description = deployment->description,
                                              .parameters = &deployment->parameters,
                                              .generation = generation->number,
                                              .hash = deployment->hash};
    return deployment;

no_memory:
    faults_add_memory(faults, place, name);
failed:
    if (faults->error_count == errors_before)
        faults_add(faults, place, "cannot create deployment \"%s\"", name);
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
    free(deployment->absent);
    free(deployment->symbols_met);
    free(deployment->time_frames);
    free(deployment->topics);
    parameters_release(&deployment->parameters);
    description_free(deployment->description);
    crash_drop_name(deployment->spec.mark);
    free(deployment->differs);
    free(deployment->shadow_of);
    free(deployment->promoted_from);
    free(deployment->name);
    free(deployment);
}

/* Where the filter lists the symbol, or NOT_LISTED. */
static size_t find_symbol(const struct deployment *deployment, const char *symbol, size_t size) {
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
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NOT_LISTED;
}

bool deployment_wants_symbol(const struct deployment *deployment, const char *symbol, size_t size) {
    return deployment->symbols == NULL || find_symbol(deployment, symbol, size) != NOT_LISTED;
}

void deployment_meet_symbol(struct deployment *deployment, const char *symbol, size_t size) {
    const size_t index = find_symbol(deployment, symbol, size);
    if (index != NOT_LISTED)
        atomic_store_explicit(&deployment->symbols_met[index], true, memory_order_relaxed);
}

/* Fields that `create` declared follow those of the descriptor, and are not counted. */
void deployment_sample(struct deployment *deployment, const t5_message *message) {
    const uint32_t count = (uint32_t)deployment->description->field_count;
    for (uint32_t i = 0; i < count; i++)
        if (t5_field(message, i)->type == T5_VALUE_MISSING)
            atomic_fetch_add_explicit(&deployment->absent[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&deployment->absent[count], 1, memory_order_relaxed);
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

struct deployment_set *deployment_set_new(size_t capacity) {
    struct deployment_set *deployment_set = calloc(1, sizeof *deployment_set);
    if (deployment_set == NULL)
        return NULL;
    deployment_set->deployments = calloc(capacity + 1, sizeof *deployment_set->deployments);
    if (deployment_set->deployments == NULL) {
        free(deployment_set);
        return NULL;
    }
    atomic_init(&deployment_set->references, 1);
    return deployment_set;
}

void deployment_set_add(struct deployment_set *deployment_set, struct deployment *deployment) {
    struct deployment **at = &deployment_set->deployments[deployment_set->count++];
    for (; at > deployment_set->deployments && strcmp(at[-1]->name, deployment->name) > 0; at--)
        at[0] = at[-1];
    *at = deployment_retain(deployment);
}

struct deployment_set *deployment_set_retain(struct deployment_set *deployment_set) {
    atomic_fetch_add_explicit(&deployment_set->references, 1, memory_order_relaxed);
    return deployment_set;
}

void deployment_set_release(struct deployment_set *deployment_set) {
    if (deployment_set == NULL ||
        atomic_fetch_sub_explicit(&deployment_set->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < deployment_set->count; i++)
        deployment_release(deployment_set->deployments[i]);
    free(deployment_set->deployments);
    free(deployment_set);
}

struct deployment *deployment_set_find(const struct deployment_set *deployment_set,
                                       const char *name) {
    for (size_t i = 0; i < deployment_set->count; i++) {
        if (strcmp(deployment_set->deployments[i]->name, name) == 0)
            return deployment_set->deployments[i];
    }
    return NULL;
}
