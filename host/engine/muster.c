#include "engine/muster.h"

#include "engine/good.h"
#include "strategy/strategy_file.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One deployment that is wanted: an ini section, or a file without one. */
struct wanted {
    const char *name;
    const char *plugin;
    const struct config_deployment *section; /* NULL: defaults */
};

static gid_t control_gid(const struct config *config) {
    const struct group *group =
        config->control_group != NULL ? getgrnam(config->control_group) : NULL;
    return group != NULL ? group->gr_gid : (gid_t)-1;
}

static bool has_section_for(const struct config *config, const char *plugin) {
    for (size_t i = 0; i < config->deployment_count; i++) {
        if (strcmp(config->deployments[i].plugin, plugin) == 0)
            return true;
    }
    return false;
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
    return text_take(&text);
}

static void reject(struct report *report, struct muster_item *item, const char *why) {
    item->outcome = OUTCOME_REJECTED;
    if (item->running != NULL) {
        item->next = deployment_retain(item->running);
        report_add(report, item->name, OUTCOME_REJECTED, "%s; %s goes on", why,
                   item->running->description->version);
    } else {
        report_add(report, item->name, OUTCOME_REJECTED, "%s", why);
    }
}

static void reject_faults(struct report *report, struct muster_item *item,
                          const struct faults *faults) {
    char *why = join_faults(faults);
    reject(report, item, why != NULL ? why : "out of memory");
    free(why);
}

/* The rules that need the whole deployment: scope against lanes, topics against the assignor. */
static bool check_placement(const struct config *config, const struct deployment *deployment,
                            struct place place, struct faults *faults) {
    if (deployment_is_global(deployment) && config->lanes != 1) {
        faults_add(faults, place,
                   "\"%s\" has scope GLOBAL, which needs a host with one lane, and this one has "
                   "%lld; set lanes = 1, or deploy it on a host of its own",
                   deployment->name, (long long)config->lanes);
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
    return true;
}

/* Rehearses the generation for this deployment; `*described` gets describe()'s answer. */
static bool rehearse(const struct muster_request *request, const struct wanted *wanted,
                     const struct muster_item *item, const struct generation *generation,
                     struct description **described, struct faults *faults) {
    struct rehearsal_part *parts = NULL;
    size_t part_count = 0;
    if (item->running != NULL && request->states != NULL &&
        !request->states(request->context, item->name, &parts, &part_count)) {
        faults_add(faults, (struct place){0},
                   "the state that runs could not be saved for the rehearsal");
        return false;
    }
    struct config_deployment defaults = {.name = (char *)wanted->name,
                                         .plugin = (char *)wanted->plugin,
                                         .is_enabled = true,
                                         .place = {generation->source_path, 0}};
    const struct rehearsal rehearsal = {
        .program = request->program,
        .generation = generation,
        .deployment = wanted->section != NULL ? wanted->section : &defaults,
        .config = request->config,
        .parts = parts,
        .part_count = part_count,
        .records = request->samples,
        .record_count = request->sample_count,
        .timeout_ns = request->config->rehearsal_timeout_ns,
    };
    struct rehearsal_answer answer = {0};
    const bool did = rehearsal_run(&rehearsal, &answer, faults);
    if (did && answer.has_changed_fp)
        log_warning(
            request->log, "strategy",
            "%s: the file changes the floating-point environment (built with -ffast-math?); "
            "take5 restores it",
            wanted->name);
    if (did && answer.description != NULL && answer.description->is_described)
        *described = answer.description;
    else
        description_free(answer.description);
    return did;
}

/* The generation of the same file that a deployment before this one will run, or NULL. Deployments
 * of one plugin share its code: a copy for each would drive the others' out of the caches. But none
 * that is older than what runs under this name: it may be the deployment's own of before, with the
 * statics that it left there. */
static struct generation *find_shared(const struct muster *muster, const struct deployment *running,
                                      const struct strategy_file *file) {
    for (size_t i = 0; i < muster->count; i++) {
        const struct muster_item *item = &muster->items[i];
        if (item->next == NULL || item->outcome == OUTCOME_REJECTED)
            continue;
        struct generation *generation = item->next->generation;
        if (running != NULL && generation->number <= running->generation->number)
            continue;
        if (hash_equal(generation->hash, file->hash) && strcmp(generation->name, file->name) == 0)
            return generation;
    }
    return NULL;
}

/* Builds the deployment over the file: the generation that runs it, or that another deployment of
 * this muster has opened, when the bytes are the same; else a new copy. */
static struct deployment *build(const struct muster_request *request, const struct wanted *wanted,
                                const struct strategy_file *file, const struct muster *muster,
                                struct muster_item *item, struct faults *faults) {
    struct deployment *running = item->running;
    struct description *described = NULL;
    struct deployment *deployment = NULL;
    struct error error;
    const bool is_same_file = running != NULL &&
                              hash_equal(running->generation->hash, file->hash) &&
                              strcmp(running->generation->name, file->name) == 0;
    if (is_same_file && !running->description->has_describe) {
        deployment =
            deployment_new(request->topics != NULL ? request->topics : request->config,
                           wanted->section, wanted->name, running->generation, NULL, faults);
        if (deployment == NULL || hash_equal(deployment->code, running->code))
            return deployment;
        if (request->does_rehearse &&
            !rehearse(request, wanted, item, running->generation, &described, faults)) {
            deployment_release(deployment);
            deployment = NULL;
        }
        description_free(described);
        return deployment;
    }
    struct generation *generation =
        is_same_file ? running->generation : find_shared(muster, running, file);
    if (generation == NULL) {
        generation = generations_copy(request->generations, file, &error);
        if (generation == NULL) {
            faults_add(faults, (struct place){file->path, 0}, "%s", error.text);
            return NULL;
        }
    }
    if (request->does_rehearse && !rehearse(request, wanted, item, generation, &described, faults))
        goto discard;
    if (generation->descriptor == NULL && !generation_open(generation, faults))
        goto done; /* its constructors may have run: it stays */
    if (!request->does_rehearse && generation->description->has_describe) {
        static const struct config_items no_settings = {0};
        described = description_describe(
            generation->description, generation->descriptor,
            wanted->section != NULL ? &wanted->section->settings : &no_settings,
            wanted->section != NULL ? wanted->section->place : (struct place){file->path, 0},
            faults);
        if (described == NULL)
            goto done;
    }
    deployment = deployment_new(request->topics != NULL ? request->topics : request->config,
                                wanted->section, wanted->name, generation, described, faults);
    goto done;

discard:
    if (generation->descriptor == NULL)
        generations_discard(request->generations, generation);
done:
    description_free(described);
    return deployment;
}

/* At a start: the last good copy in place of a file that is refused for `why`. */
static struct deployment *build_good(const struct muster_request *request,
                                     const struct wanted *wanted, const struct muster *muster,
                                     struct muster_item *item, const char *why) {
    struct strategy_file file;
    struct faults faults = FAULTS_INIT;
    if (request->good_dir == NULL || item->running != NULL ||
        !good_read(request->good_dir, wanted->plugin, &file))
        return NULL;
    struct deployment *deployment = build(request, wanted, &file, muster, item, &faults);
    if (deployment != NULL)
        deployment->differs = text_format("the file on disk is refused: %s", why);
    strategy_file_release(&file);
    faults_release(&faults);
    return deployment;
}

/* Rejects, or goes on with the last good copy. */
static void reject_or_good(const struct muster_request *request, const struct wanted *wanted,
                           const struct muster *muster, struct muster_item *item,
                           const struct faults *faults, struct report *report) {
    char *why = join_faults(faults);
    struct deployment *good = why != NULL ? build_good(request, wanted, muster, item, why) : NULL;
    if (good != NULL) {
        item->outcome = OUTCOME_LOADED;
        item->next = good;
        log_error(request->log, "strategy", "%s: the last good copy %s runs: %s", wanted->name,
                  good->description->version, good->differs != NULL ? good->differs : why);
    } else {
        reject(report, item, why != NULL ? why : "out of memory");
    }
    free(why);
}

static void muster_one(const struct muster_request *request, const struct wanted *wanted,
                       const struct catalog *catalog, const struct faults *refused,
                       const struct muster *muster, struct muster_item *item,
                       struct report *report) {
    const struct strategy_file *file = catalog_find(catalog, wanted->plugin);
    struct faults faults = FAULTS_INIT;
    if (file == NULL) {
        char *why = join_faults(refused);
        faults_add(&faults, wanted->section != NULL ? wanted->section->place : (struct place){0},
                   "no strategy \"%s\" in %s%s%s", wanted->plugin, request->config->strategy_dir,
                   why != NULL && why[0] != '\0' ? "; refused there: " : "",
                   why != NULL ? why : "");
        free(why);
        if (refused->error_count > 0)
            reject_or_good(request, wanted, muster, item, &faults, report);
        else
            reject_faults(report, item, &faults);
        faults_release(&faults);
        return;
    }
    struct deployment *deployment = build(request, wanted, file, muster, item, &faults);
    if (deployment != NULL &&
        !check_placement(request->config, deployment,
                         wanted->section != NULL ? wanted->section->place
                                                 : (struct place){file->path, 0},
                         &faults)) {
        deployment_release(deployment);
        deployment = NULL;
    }
    if (deployment != NULL && item->running != NULL)
        atomic_store(&deployment->is_suspended, atomic_load(&item->running->is_suspended));
    for (size_t i = 0; deployment != NULL && i < faults.count; i++)
        log_warning(request->log, "strategy", "%s", faults.items[i].text);
    if (deployment == NULL) {
        reject_or_good(request, wanted, muster, item, &faults, report);
    } else if (item->running != NULL && !request->does_renew &&
               hash_equal(deployment->code, item->running->code)) {
        item->outcome = OUTCOME_KEPT;
        if (hash_equal(deployment->filters, item->running->filters) &&
            item->running->differs == NULL) {
            deployment_release(deployment);
            deployment = deployment_retain(item->running);
            report_add(report, item->name, OUTCOME_KEPT, "%s", deployment->description->version);
        } else {
            item->is_filter_change = true;
            report_add(report, item->name, OUTCOME_KEPT, "%s (%s)",
                       deployment->description->version,
                       item->running->differs != NULL ? "the file on disk is good again"
                                                      : "filters changed, state kept");
        }
        item->next = deployment;
    } else {
        item->outcome = item->running != NULL ? OUTCOME_REPLACED : OUTCOME_LOADED;
        item->next = deployment;
    }
    faults_release(&faults);
}

static int compare_wanted(const void *a, const void *b) {
    return strcmp(((const struct wanted *)a)->name, ((const struct wanted *)b)->name);
}

/* Enabled sections, then files that no section names. Sorted; free() it. */
static struct wanted *list_wanted(const struct config *config, const struct catalog *catalog,
                                  size_t *count) {
    struct wanted *wanted = calloc(config->deployment_count + catalog->count + 1, sizeof *wanted);
    *count = 0;
    if (wanted == NULL)
        return NULL;
    for (size_t i = 0; i < config->deployment_count; i++) {
        const struct config_deployment *section = &config->deployments[i];
        if (section->is_enabled)
            wanted[(*count)++] = (struct wanted){section->name, section->plugin, section};
    }
    for (size_t i = 0; i < catalog->count; i++) {
        if (!has_section_for(config, catalog->files[i].name))
            wanted[(*count)++] =
                (struct wanted){catalog->files[i].name, catalog->files[i].name, NULL};
    }
    qsort(wanted, *count, sizeof *wanted, compare_wanted);
    return wanted;
}

static bool is_wanted(const struct wanted *wanted, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(wanted[i].name, name) == 0)
            return true;
    }
    return false;
}

/* What ran and is wanted no longer: removed. But a file that is merely refused now, and has no
 * section, keeps its deployment, since its name can no longer be read from it. */
static void muster_rest(const struct muster_request *request, const struct wanted *wanted,
                        size_t count, const struct faults *refused, struct muster *muster,
                        struct report *report) {
    for (size_t i = 0; request->running != NULL && i < request->running->count; i++) {
        struct deployment *running = request->running->deployments[i];
        if (is_wanted(wanted, count, running->name))
            continue;
        struct muster_item *item = &muster->items[muster->count];
        *item = (struct muster_item){.name = strdup(running->name), .running = running};
        if (item->name == NULL)
            continue;
        muster->count++;
        const bool is_file_there = access(running->generation->source_path, F_OK) == 0;
        const bool has_section = has_section_for(request->config, running->generation->name);
        if (is_file_there && !has_section && refused->error_count > 0) {
            reject_faults(report, item, refused);
            continue;
        }
        item->outcome = OUTCOME_REMOVED;
        report_add(report, running->name, OUTCOME_REMOVED, "%s", running->description->version);
    }
}

bool muster_build(const struct muster_request *request, struct muster *muster,
                  struct report *report) {
    struct catalog catalog = {0};
    struct faults refused = FAULTS_INIT;
    struct wanted *wanted = NULL;
    size_t count = 0;
    bool did = false;
    memset(muster, 0, sizeof *muster);
    const bool is_usable =
        catalog_scan(request->config->strategy_dir, request->config->strict_modes,
                     control_gid(request->config), &catalog, &refused);
    if (!is_usable) {
        for (size_t i = 0; i < refused.count; i++)
            faults_add(&report->faults, (struct place){0}, "%s", refused.items[i].text);
        goto done;
    }
    for (size_t i = 0; i < refused.count; i++)
        report_add(report, "(file)", OUTCOME_REJECTED, "%s", refused.items[i].text);
    wanted = list_wanted(request->config, &catalog, &count);
    const size_t running = request->running != NULL ? request->running->count : 0;
    muster->items = calloc(count + running + 1, sizeof *muster->items);
    if (wanted == NULL || muster->items == NULL) {
        faults_add(&report->faults, (struct place){0}, "out of memory for the deployments");
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        if (request->should_stop != NULL && request->should_stop(request->context)) {
            report->was_given_up = true;
            goto done;
        }
        struct muster_item *item = &muster->items[muster->count];
        item->name = strdup(wanted[i].name);
        if (item->name == NULL) {
            faults_add(&report->faults, (struct place){0}, "out of memory for the deployments");
            goto done;
        }
        muster->count++;
        if (request->running != NULL)
            item->running = roster_find(request->running, wanted[i].name);
        muster_one(request, &wanted[i], &catalog, &refused, muster, item, report);
    }
    muster_rest(request, wanted, count, &refused, muster, report);
    did = true;
done:
    if (!did)
        muster_release(muster);
    free(wanted);
    faults_release(&refused);
    catalog_release(&catalog);
    return did;
}

void muster_release(struct muster *muster) {
    for (size_t i = 0; i < muster->count; i++) {
        free(muster->items[i].name);
        deployment_release(muster->items[i].next);
    }
    free(muster->items);
    memset(muster, 0, sizeof *muster);
}
