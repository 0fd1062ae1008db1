#include "engine/reload/plan_steps.h"

#include "config/sections/workers.h"
#include "strategy/plugin/strategy_file.h"

#include <take5/note.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_section_for(const struct config *config, const char *plugin) {
    for (size_t i = 0; i < config->deployment_count; i++) {
        if (strcmp(config->deployments[i].plugin, plugin) == 0)
            return true;
    }
    return false;
}

static bool was_held(const struct plan_request *request, const char *name) {
    for (size_t i = 0; i < request->held_count; i++) {
        if (strcmp(request->held[i]->name, name) == 0)
            return true;
    }
    return false;
}

/* ---- the list ---- */

/* The file is the one that runs: only parameters and filters may have changed. What is not to be
 * rehearsed is settled. */
static void list_same_file(const struct plan_request *request, struct plan *plan,
                           struct plan_item *item) {
    struct deployment *running = item->running;
    struct faults faults = FAULTS_INIT;
    struct deployment *deployment = deployment_new(request->topics, item->section, item->name,
                                                   running->generation, NULL, &faults);
    if (deployment == NULL || hash_equal(deployment->code, running->code) ||
        !request->does_rehearse) {
        plan_settle_one(request, plan, item, deployment, &faults);
    } else {
        for (size_t i = 0; i < faults.count; i++)
            log_warning(request->log, "strategy", "%s", faults.items[i].text);
        item->rebuilt = deployment;
        item->is_to_build = item->needs_states = true;
    }
    faults_release(&faults);
}

/* The name of the deployment of which the section's is a shadow, if that one runs. */
static const char *running_original(const struct plan_request *request,
                                    const struct config_deployment *section) {
    const struct deployment *original =
        request->running != NULL && section != NULL && section->shadow_of != NULL
            ? deployment_set_find(request->running, section->shadow_of)
            : NULL;
    return original != NULL ? original->name : NULL;
}

static void list_one(const struct plan_request *request, struct plan *plan,
                     struct plan_item *item) {
    const struct deployment *running = item->running;
    item->file = catalog_find(&plan->catalog, item->plugin);
    if (item->file != NULL && plan_is_quarantined(request, item))
        return;
    item->was_held = item->file != NULL && was_held(request, item->name);
    if (item->file != NULL && running != NULL && plan_is_of_file(running->generation, item->file) &&
        !running->description->has_describe) {
        list_same_file(request, plan, item);
        return;
    }
    item->is_to_build = true;
    if (running == NULL && !item->was_held)
        item->states_of = running_original(request, item->section);
    item->needs_states = request->does_rehearse && item->file != NULL &&
                         (running != NULL || item->was_held || item->states_of != NULL);
}

/* Of a plan for one deployment alone: another one, as it runs. */
static void leave_alone(struct plan_item *item) {
    item->next = deployment_retain(item->running);
    plan_settle(item, OUTCOME_KEPT, text_format("%s", item->running->description->version));
}

/* One that is wanted: an ini section, or a file without one. */
static bool list_wanted(const struct plan_request *request, struct plan *plan, const char *name,
                        const char *plugin, const struct config_deployment *section) {
    struct plan_item *item = &plan->items[plan->count];
    const bool is_meant = request->only == NULL || strcmp(name, request->only) == 0;
    *item = (struct plan_item){.plugin = plugin, .section = section};
    if (request->running != NULL)
        item->running = deployment_set_find(request->running, name);
    if (!is_meant && item->running == NULL)
        return true;
    item->name = strdup(name);
    if (item->name == NULL)
        return false;
    plan->count++;
    if (is_meant)
        list_one(request, plan, item);
    else
        leave_alone(item);
    return true;
}

/* A file would be deployed under its own name: that may be taken by a deployment of another file.
 */
static bool is_name_taken(const struct plan_request *request, const char *name,
                          struct report *report) {
    const struct config_deployment *section = config_deployment_find(request->config, name);
    if (section != NULL && request->only == NULL)
        report_add(
            report, "(file)", OUTCOME_REJECTED,
            "%s.so: no section has plugin = %s, and [strategy:%s] (%s:%d) is a deployment of "
            "%s; rename the file, or the section",
            name, name, name, section->place.file, section->place.line, section->plugin);
    return section != NULL;
}

/* Enabled sections, then files that no section names. False: no memory. */
static bool list_all_wanted(const struct plan_request *request, struct plan *plan,
                            struct report *report) {
    const struct config *config = request->config;
    for (size_t i = 0; i < config->deployment_count; i++) {
        const struct config_deployment *section = &config->deployments[i];
        if (section->is_enabled && !section->is_elsewhere &&
            !list_wanted(request, plan, section->name, section->plugin, section))
            return false;
    }
    for (size_t i = 0; config_worker_has_files(config) && i < plan->catalog.count; i++) {
        const struct strategy_file *file = &plan->catalog.files[i];
        const char *name = file->name;
        if ((file->flags & T5_NOTE_OWN_PROCESS) == 0 && !has_section_for(config, name) &&
            !is_name_taken(request, name, report) && !list_wanted(request, plan, name, name, NULL))
            return false;
    }
    return true;
}

/* What ran and is wanted no longer: removed. But a file that is merely refused now, and has no
 * section, keeps its deployment, since its name can no longer be read from it. */
static bool list_rest(const struct plan_request *request, struct plan *plan) {
    for (size_t i = 0; request->running != NULL && i < request->running->count; i++) {
        struct deployment *running = request->running->deployments[i];
        if (plan_find(plan, running->name) != NULL)
            continue;
        struct plan_item *item = &plan->items[plan->count];
        *item = (struct plan_item){.name = strdup(running->name), .running = running};
        if (item->name == NULL)
            return false;
        plan->count++;
        if (request->only != NULL) {
            leave_alone(item);
            continue;
        }
        const bool is_file_there = access(running->generation->source_path, F_OK) == 0;
        const bool has_section = has_section_for(request->config, running->generation->name);
        if (is_file_there && !has_section && plan->refused.error_count > 0) {
            plan_reject_faults(item, &plan->refused);
            continue;
        }
        plan_settle(item, OUTCOME_REMOVED, text_format("%s", running->description->version));
    }
    return true;
}

static int compare_items(const void *a, const void *b) {
    return strcmp(((const struct plan_item *)a)->name, ((const struct plan_item *)b)->name);
}

bool plan_list(const struct plan_request *request, struct plan *plan, struct report *report) {
    const struct config *config = request->config;
    const size_t running = request->running != NULL ? request->running->count : 0;
    *plan =
        (struct plan){.catalog = {.only = config->strategy_files, .bundled = config->bundled_dir},
                      .refused = FAULTS_INIT};
    if (!catalog_scan(config->strategy_dir, config->strict_modes, config_trust(config).group,
                      &plan->catalog, &plan->refused)) {
        for (size_t i = 0; i < plan->refused.count; i++)
            faults_add(&report->faults, (struct place){0}, "%s", plan->refused.items[i].text);
        plan->is_oom = plan->refused.is_oom;
        plan_release(plan);
        return false;
    }
    plan->is_oom = plan->refused.is_oom;
    for (size_t i = 0; i < plan->refused.count && request->only == NULL; i++)
        report_add(report, "(file)", OUTCOME_REJECTED, "%s", plan->refused.items[i].text);
    plan->items =
        calloc(config->deployment_count + plan->catalog.count + running + 1, sizeof *plan->items);
    if (plan->items == NULL || !list_all_wanted(request, plan, report) ||
        !list_rest(request, plan)) {
        plan->is_oom = true;
        faults_add_memory(&report->faults, (struct place){0}, "the deployments");
        plan_release(plan);
        return false;
    }
    qsort(plan->items, plan->count, sizeof *plan->items, compare_items);
    return true;
}

/* ---- the plan ---- */

static void forget_files(struct plan *plan) {
    for (size_t i = 0; i < plan->count; i++)
        plan->items[i].file = NULL, plan->items[i].plugin = NULL;
    faults_release(&plan->refused);
    catalog_release(&plan->catalog);
}

bool plan_build(const struct plan_request *request, struct plan *plan, struct report *report) {
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_item *item = &plan->items[i];
        if (!item->is_to_build)
            continue;
        if (request->should_stop != NULL && request->should_stop(request->context)) {
            report->was_given_up = true;
            plan_release(plan);
            return false;
        }
        plan_build_one(request, plan, item);
    }
    plan_check_shadows(request, plan);
    forget_files(plan);
    return true;
}

void plan_report(const struct plan *plan, bool did_apply, struct report *report) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_item *item = &plan->items[i];
        const bool is_change = item->outcome == OUTCOME_LOADED ||
                               item->outcome == OUTCOME_REPLACED ||
                               item->outcome == OUTCOME_REMOVED;
        if (is_change && !did_apply)
            continue;
        report->did_change |= is_change;
        report->needs_process |= item->needs_process;
        report_add(report, item->name, item->outcome, "%s",
                   item->detail != NULL ? item->detail : "out of memory");
    }
}

void plan_release(struct plan *plan) {
    forget_files(plan);
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_item *item = &plan->items[i];
        free(item->name);
        free(item->detail);
        free(item->why_cold);
        deployment_release(item->next);
        deployment_release(item->rebuilt);
        held_free(item->held);
        for (size_t j = 0; j < item->states.count; j++)
            state_release(&item->states.items[j]);
        free(item->states.items);
        free(item->states.parts);
    }
    free(plan->items);
    *plan = (struct plan){.is_oom = plan->is_oom};
}
