/*
 * A plan's items: their code is had, rehearsed and opened, or refused with the reason.
 */
#include "engine/reload/plan_steps.h"

#include "config/schema/veil.h"
#include "config/sections/workers.h"
#include "engine/crash/crash.h"
#include "engine/reload/last_good.h"
#include "strategy/plugin/strategy_file.h"

#include <take5/note.h>

#include <stdlib.h>
#include <string.h>

const struct plan_item *plan_find(const struct plan *plan, const char *name) {
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->items[i].name, name) == 0)
            return &plan->items[i];
    }
    return NULL;
}

void plan_settle(struct plan_item *item, enum outcome outcome, char *detail) {
    free(item->detail);
    item->outcome = outcome;
    item->detail = detail;
}

/* Joins the texts of all faults from `first` on into one line. */
static char *join_faults(const struct faults *faults) {
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->items[i].text == NULL)
            continue;
        if (text.size > 0)
            text_puts(&text, "; ");
        text_puts(&text, faults->items[i].text);
    }
    if (faults->is_oom && text.size == 0)
        text_puts(&text, "out of memory");
    return text_take(&text);
}

/* What runs under that name goes on. */
static void reject(struct plan_item *item, const char *why) {
    const struct deployment *running = item->running;
    if (why == NULL)
        why = "out of memory";
    if (running != NULL)
        item->next = deployment_retain(item->running);
    plan_settle(item, OUTCOME_REJECTED,
                text_format("%s%s%s%s", why, running != NULL ? "; " : "",
                            running != NULL ? running->description->version : "",
                            running != NULL ? " keeps running" : ""));
}

void plan_reject_faults(struct plan_item *item, const struct faults *faults) {
    char *why = join_faults(faults);
    reject(item, why);
    free(why);
}

static bool has_own_process(const struct deployment *deployment) {
    return (deployment->generation->flags & T5_NOTE_OWN_PROCESS) != 0;
}

/* Another deployment of the same strategy in the same process; NULL: there is none. */
static const struct config_deployment *find_housemate(const struct config *config,
                                                      const struct config_deployment *section) {
    for (size_t i = 0; section != NULL && i < config->deployment_count; i++) {
        const struct config_deployment *other = &config->deployments[i];
        if (other->shadow_of != NULL && section->shadow_of == NULL)
            continue; /* it is the shadow that cannot be */
        if (other != section && other->is_enabled && strcmp(other->plugin, section->plugin) == 0 &&
            strcmp(config_worker_of(config, other), config_worker_of(config, section)) == 0)
            return other;
    }
    return NULL;
}

/* Whether it has its process to itself, if it needs that. */
static bool check_process(const struct config *config, const struct deployment *deployment,
                          const struct config_deployment *section, struct place place,
                          struct faults *faults) {
    const struct config_deployment *other =
        has_own_process(deployment) ? find_housemate(config, section) : NULL;
    if (other == NULL)
        return true;
    if (deployment->shadow_of != NULL) {
        faults_add(faults, place,
                   "\"%s\" cannot be a shadow: a process can have one deployment of %s, and a "
                   "shadow runs in that of its original",
                   deployment->name, section->plugin);
        return false;
    }
    faults_add(faults, place,
               "\"%s\" and \"%s\" are in worker %s, but a process can have one deployment of %s: "
               "give each a worker of its own",
               deployment->name, other->name, config_worker_of(config, section), section->plugin);
    return false;
}

/* The rules that need the whole deployment: scope against lanes, topics against the assignor. */
static bool check_placement(const struct config *config, const struct deployment *deployment,
                            const struct config_deployment *section, struct place place,
                            struct faults *faults) {
    const int64_t lanes = config_deployment_lanes(config, section);
    if (deployment_is_global(deployment) && lanes != 1) {
        faults_add(faults, place,
                   "\"%s\" has scope GLOBAL, which needs a process with one lane; this one has "
                   "%lld; set lanes = 1, or give it a worker that has one",
                   deployment->name, (long long)lanes);
        return false;
    }
    const bool keeps_together = config->assignor == NULL || strcmp(config->assignor, "range") == 0;
    if (!deployment_is_global(deployment) && deployment->wanted_count > 1 && !keeps_together &&
        !deployment->allow_split) {
        faults_add(faults, place,
                   "\"%s\" joins %zu topics by symbol, but partition.assignment.strategy = %s does "
                   "not keep equal partition numbers together; use range, or set allow_split = yes",
                   deployment->name, deployment->wanted_count, config->assignor);
        return false;
    }
    return check_process(config, deployment, section, place, faults);
}

/* What the guard put back in the rehearsal, and will put back again. */
static void warn_changes(const struct plan_request *request, const char *name, unsigned changes) {
    char words[GUARD_WORDS_SIZE];
    guard_words(changes, words);
    if (words[0] != '\0')
        log_event(request->log, LOG_LEVEL_WARNING, "strategy", "strategy.meddled",
                  "%s: the file changes %s, which belongs to the host%s; take5 restores it", name,
                  words, (changes & GUARD_FP) != 0 ? " (built with -ffast-math?)" : "");
}

/* Rehearses the generation for this deployment; `*described` gets describe()'s answer. */
static bool rehearse(const struct plan_request *request, const struct plan_item *item,
                     const struct generation *generation, struct description **described,
                     struct faults *faults) {
    if (item->states.has_failed) {
        struct error error = item->states.error;
        error_prefix(&error, "cannot get its state for the rehearsal: ");
        faults_add_error(faults, (struct place){0}, &error);
        return false;
    }
    struct config_deployment defaults = {.name = item->name,
                                         .plugin = (char *)item->plugin,
                                         .is_enabled = true,
                                         .place = {generation->source_path, 0}};
    const struct rehearsal rehearsal = {
        .program = request->program,
        .generation = generation,
        .deployment = item->section != NULL ? item->section : &defaults,
        .config = request->config,
        .parts = item->states.parts,
        .part_count = item->states.part_count,
        .records = request->samples,
        .record_count = request->sample_count,
        .timeout_ns = request->config->rehearsal_timeout_ns,
        .should_stop = request->should_stop,
        .context = request->context,
    };
    struct rehearsal_answer answer = {0};
    const bool did = rehearsal_run(&rehearsal, &answer, faults);
    if (did)
        warn_changes(request, item->name, answer.changes);
    if (did && answer.description != NULL && answer.description->is_described)
        *described = answer.description;
    else
        description_free(answer.description);
    return did;
}

bool plan_is_of_file(const struct generation *generation, const struct strategy_file *file) {
    return hash_equal(generation->hash, file->hash) && strcmp(generation->name, file->name) == 0;
}

/* The generation of the same file that another deployment of the plan will run, or NULL.
 * Deployments of one plugin share its code: a copy for each would drive the others' out of the
 * caches. But none that is older than what runs under this name: it may be the deployment's own of
 * before, with the statics that it left there. */
static struct generation *find_shared(const struct plan *plan, const struct deployment *running,
                                      const struct strategy_file *file) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_item *item = &plan->items[i];
        if (item->next == NULL || item->outcome == OUTCOME_REJECTED)
            continue;
        struct generation *generation = item->next->generation;
        if (running != NULL && generation->number <= running->generation->number)
            continue;
        if (plan_is_of_file(generation, file))
            return generation;
    }
    return NULL;
}

/* Runs the file's constructors in this process. */
static bool open_generation(const struct plan_item *item, struct generation *generation,
                            struct faults *faults) {
    char hash[HASH_TEXT_SIZE];
    hash_text(generation->hash, hash);
    const struct instance_spec spec = {
        .deployment = item->name, .generation = generation->number, .hash = hash};
    const uint32_t mark = crash_begin_open(&spec);
    const bool did = generation_open(generation, faults);
    crash_end_open(mark);
    return did;
}

static struct place place_of(const struct plan_item *item) {
    return item->section != NULL ? item->section->place : (struct place){item->file->path, 0};
}

/* A shadow begins with its original's states if it can; else without, as any that is new. */
static bool rehearse_or_cold(const struct plan_request *request, struct plan_item *item,
                             const struct generation *generation, struct description **described,
                             struct faults *faults) {
    struct faults warm = FAULTS_INIT;
    if (item->states_of == NULL || item->states.part_count == 0)
        return rehearse(request, item, generation, described, faults);
    bool did = rehearse(request, item, generation, described, &warm);
    if (!did) {
        item->why_cold = join_faults(&warm);
        item->states.part_count = 0;
        did = rehearse(request, item, generation, described, faults);
    }
    faults_release(&warm);
    return did;
}

/* Rehearses and opens it, as far as that was not done for another deployment; `*described` gets
 * describe()'s answer, if it has one. */
static bool prepare_generation(const struct plan_request *request, struct plan_item *item,
                               struct generation *generation, struct description **described,
                               struct faults *faults) {
    static const struct config_items no_settings = {0};
    if (request->does_rehearse && !rehearse_or_cold(request, item, generation, described, faults)) {
        if (generation->descriptor == NULL)
            generations_discard(request->generations, generation);
        return false;
    }
    /* When that fails its constructors may have run: it stays. */
    const bool is_open = generation->descriptor != NULL;
    if (!is_open && !open_generation(item, generation, faults))
        return false;
    if (request->does_rehearse)
        return true;
    if (!is_open)
        warn_changes(request, item->name, generation->changes);
    if (!generation->description->has_describe)
        return true;
    *described = description_describe(
        generation->description, generation->descriptor,
        item->section != NULL ? &item->section->settings : &no_settings, place_of(item), faults);
    return *described != NULL;
}

/* The same file as before, with other parameters. */
static struct deployment *rehearse_rebuilt(const struct plan_request *request,
                                           struct plan_item *item, struct faults *faults) {
    struct deployment *deployment = item->rebuilt;
    struct description *described = NULL;
    item->rebuilt = NULL;
    if (!rehearse(request, item, deployment->generation, &described, faults)) {
        deployment_release(deployment);
        deployment = NULL;
    }
    description_free(described);
    return deployment;
}

/* Builds the deployment over its file: the generation that runs it, or that another deployment of
 * this plan has opened, when the bytes are the same; else a new copy. */
static struct deployment *build(const struct plan_request *request, const struct plan *plan,
                                struct plan_item *item, struct faults *faults) {
    struct deployment *running = item->running, *deployment = NULL;
    struct description *described = NULL;
    struct error error;
    if (item->rebuilt != NULL)
        return rehearse_rebuilt(request, item, faults);
    const bool is_same_file = running != NULL && plan_is_of_file(running->generation, item->file);
    struct generation *generation =
        is_same_file ? running->generation : find_shared(plan, running, item->file);
    if (generation == NULL)
        generation = generations_copy(request->generations, item->file, &error);
    if (generation == NULL) {
        faults_add_error(faults, (struct place){item->file->path, 0}, &error);
        return NULL;
    }
    if (prepare_generation(request, item, generation, &described, faults))
        deployment = deployment_new(request->topics, item->section, item->name, generation,
                                    described, faults);
    description_free(described);
    return deployment;
}

/* At a start: the last good copy in place of a file that is refused for `why`. */
static struct deployment *build_good(const struct plan_request *request, const struct plan *plan,
                                     struct plan_item *item, const char *why) {
    struct strategy_file file;
    struct faults faults = FAULTS_INIT;
    struct error error = {0};
    if (request->last_good_dir == NULL || item->running != NULL)
        return NULL;
    const enum last_good_outcome outcome =
        request->config->worker != NULL
            ? last_good_read_newest(request->config, item->plugin, &file, &error)
            : last_good_read(request->last_good_dir, item->plugin, &file, &error);
    if (outcome == LAST_GOOD_REFUSED)
        log_event(request->log, LOG_LEVEL_ERROR, "strategy", "strategy.last_good_rejected",
                  "%s: last known good version rejected: %s", item->name, error.text);
    if (outcome != LAST_GOOD_READ)
        return NULL;
    const bool is_accused = request->quarantine != NULL &&
                            quarantine_why(request->quarantine, item->name, file.hash) != NULL;
    const struct strategy_file *refused = item->file;
    item->file = &file;
    struct deployment *deployment = is_accused ? NULL : build(request, plan, item, &faults);
    item->file = refused;
    if (deployment != NULL &&
        !check_placement(request->config, deployment, item->section, place_of(item), &faults)) {
        deployment_release(deployment);
        deployment = NULL;
    }
    if (deployment != NULL)
        deployment->differs = text_format("the file on disk was rejected: %s", why);
    strategy_file_release(&file);
    faults_release(&faults);
    return deployment;
}

/* Rejects, or goes on with the last good copy. */
static void reject_or_good(const struct plan_request *request, struct plan *plan,
                           struct plan_item *item, const struct faults *faults) {
    char *why = join_faults(faults);
    struct deployment *good = why != NULL ? build_good(request, plan, item, why) : NULL;
    plan->is_oom |= faults->is_oom;
    if (good != NULL) {
        item->next = good;
        plan_settle(item, OUTCOME_LOADED, text_format("%s", good->description->version));
        log_event(request->log, LOG_LEVEL_ERROR, "strategy", "strategy.last_good",
                  "%s: running last known good version %s: %s", item->name,
                  good->description->version, good->differs != NULL ? good->differs : why);
    } else {
        reject(item, why);
    }
    free(why);
}

/* Code that ended a process is not loaded: no constructor, no callback of it runs. */
bool plan_is_quarantined(const struct plan_request *request, struct plan_item *item) {
    const struct strategy_file *file = item->file;
    const struct deployment *running = item->running;
    if (request->quarantine == NULL ||
        (running != NULL && hash_equal(running->generation->hash, file->hash)))
        return false;
    const char *why = quarantine_why(request->quarantine, item->name, file->hash);
    if (why == NULL)
        return false;
    if (running != NULL) {
        char *text = text_format("quarantined: this file %s", why);
        reject(item, text);
        free(text);
        return true;
    }
    item->held = held_new(item->name, file, why);
    plan_settle(item, OUTCOME_QUARANTINED,
                text_format("%s; not loaded, its state is kept; to load it: `take5 ctl resume "
                            "%s`, or deploy another file",
                            why, item->name));
    return true;
}

/* No file of that name, or none that may be used. */
static void plan_missing(const struct plan_request *request, struct plan *plan,
                         struct plan_item *item) {
    const struct faults *refused = &plan->refused;
    struct faults faults = FAULTS_INIT;
    char *why = join_faults(refused);
    faults_add(&faults, item->section != NULL ? item->section->place : (struct place){0},
               "no strategy \"%s\" in %s%s%s", item->plugin, request->config->strategy_dir,
               why != NULL && why[0] != '\0' ? "; rejected there: " : "", why != NULL ? why : "");
    free(why);
    if (refused->error_count > 0) {
        reject_or_good(request, plan, item, &faults);
    } else {
        plan->is_oom |= faults.is_oom;
        plan_reject_faults(item, &faults);
    }
    faults_release(&faults);
}

/* What can be begun once in a process is changed by a new one, which its supervisor begins. */
static void settle_in_process(const struct plan_request *request, struct plan_item *item,
                              struct deployment *deployment) {
    const char *before = item->running->description->version;
    const char *version = deployment->description->version;
    if (request->config->worker == NULL) {
        reject(item, "a change of it needs a new process: restart the host, or give it a worker");
    } else {
        item->next = deployment_retain(item->running);
        item->needs_process = true;
        plan_settle(item, OUTCOME_REPLACED,
                    text_format("%s \u2192 %s (in a new process, state kept)", before, version));
    }
    deployment_release(deployment);
}

/* "1.2", or "1.2, shadow of alpha (from its state)". */
static char *describe_loaded(const struct plan_item *item, const struct deployment *deployment) {
    const char *version = deployment->description->version;
    if (deployment->shadow_of == NULL)
        return text_format("%s", version);
    if (item->states_of == NULL)
        return text_format("%s, shadow of %s", version, deployment->shadow_of);
    if (item->why_cold == NULL)
        return text_format("%s, shadow of %s (from its state)", version, deployment->shadow_of);
    return text_format("%s, shadow of %s (warmed up, as its state is not used: %s)", version,
                       deployment->shadow_of, item->why_cold);
}

/* Which way a deployment that can be had comes; its reference is taken over. */
static void settle_built(const struct plan_request *request, struct plan_item *item,
                         struct deployment *deployment) {
    struct deployment *running = item->running;
    const char *version = deployment->description->version;
    if (running == NULL) {
        item->next = deployment;
        plan_settle(item, OUTCOME_LOADED, describe_loaded(item, deployment));
        return;
    }
    atomic_store(&deployment->is_suspended, atomic_load(&running->is_suspended));
    const bool is_change = request->does_renew || !hash_equal(deployment->code, running->code);
    if (is_change && has_own_process(deployment)) {
        settle_in_process(request, item, deployment);
        return;
    }
    item->next = deployment;
    if (is_change) {
        const bool is_same_file =
            hash_equal(running->generation->hash, deployment->generation->hash);
        plan_settle(item, OUTCOME_REPLACED,
                    text_format("%s \u2192 %s (%sstate kept)", running->description->version,
                                version, is_same_file ? "parameters changed, " : ""));
        return;
    }
    if (running->differs == NULL && hash_equal(deployment->filters, running->filters)) {
        plan_settle(item, OUTCOME_KEPT, text_format("%s", version));
        item->next = deployment_retain(running);
        deployment_release(deployment);
        return;
    }
    item->is_filter_change = true;
    plan_settle(item, OUTCOME_KEPT,
                text_format("%s (%s)", version,
                            running->differs != NULL ? "the file on disk is accepted again"
                                                     : "filters changed, state kept"));
}

void plan_settle_one(const struct plan_request *request, struct plan *plan, struct plan_item *item,
                     struct deployment *deployment, struct faults *faults) {
    if (deployment != NULL &&
        !check_placement(request->config, deployment, item->section, place_of(item), faults)) {
        deployment_release(deployment);
        deployment = NULL;
    }
    config_veil(request->config, faults, 0);
    for (size_t i = 0; deployment != NULL && i < faults->count; i++)
        log_warning(request->log, "strategy", "%s", faults->items[i].text);
    if (deployment == NULL)
        reject_or_good(request, plan, item, faults);
    else
        settle_built(request, item, deployment);
}

/* ---- shadows ---- */

static bool has_same_topics(const struct deployment *a, const struct deployment *b) {
    for (size_t i = 0; i < a->topic_count; i++)
        if ((a->topics[i] == NOT_WANTED) != (b->topics[i] == NOT_WANTED))
            return false;
    return true;
}

/* NULL: it can be compared with its original. */
static const char *why_no_shadow(const struct deployment *shadow,
                                 const struct deployment *original) {
    if (original == NULL)
        return "which does not run";
    if (deployment_is_global(shadow) != deployment_is_global(original))
        return "which has another scope (KEYED or GLOBAL)";
    if (!has_same_topics(shadow, original))
        return "which subscribes to other topics: the two would not be given the same messages";
    return NULL;
}

void plan_check_shadows(const struct plan_request *request, struct plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_item *item = &plan->items[i];
        struct faults faults = FAULTS_INIT;
        const bool is_new = item->outcome == OUTCOME_LOADED || item->outcome == OUTCOME_REPLACED ||
                            item->is_filter_change;
        if (!is_new || item->next->shadow_of == NULL || request->only != NULL)
            continue;
        const struct plan_item *original = plan_find(plan, item->next->shadow_of);
        const char *why = why_no_shadow(item->next, original != NULL ? original->next : NULL);
        if (why == NULL)
            continue;
        faults_add(&faults, place_of(item), "\"%s\" cannot be a shadow of \"%s\", %s", item->name,
                   item->next->shadow_of, why);
        deployment_release(item->next);
        item->next = NULL;
        item->is_filter_change = false;
        plan_reject_faults(item, &faults);
        faults_release(&faults);
    }
}

void plan_build_one(const struct plan_request *request, struct plan *plan, struct plan_item *item) {
    struct faults faults = FAULTS_INIT;
    if (item->file == NULL) {
        plan_missing(request, plan, item);
        return;
    }
    struct deployment *deployment = build(request, plan, item, &faults);
    plan_settle_one(request, plan, item, deployment, &faults);
    faults_release(&faults);
}
