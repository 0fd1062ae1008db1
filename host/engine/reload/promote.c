/*
 * A shadow in the place of its original. No instance is made and no state is handed over: the
 * shadow's own goes on, under another name. Control thread; what touches instances is a lane call.
 *
 *   prepare   the deployment that it will be: the original's name and filters, the shadow's code,
 *             parameters and description
 *   note      beside the state, so that a crash in the middle ends with the promotion, too
 *   meet      the lanes stand between two messages; the tasks are renamed, the originals' go
 *   let go    the stream goes on; the originals are destroyed off the lanes
 */
#include "engine/reload/reload.h"

#include "base/clock.h"
#include "base/sync/meeting.h"
#include "config/sections/promotions.h"
#include "engine/core/provenance.h"
#include "engine/crash/crash.h"
#include "engine/lane/lane.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct promotion {
    struct engine *engine;
    struct deployment *shadow, *original; /* that run */
    struct deployment *next;              /* what comes; a reference */
    struct deployment_set *set;           /* that comes; a reference */
    struct task **outgoing;               /* by partition of the engine: the original's; or NULL */
    uint64_t passed;                      /* messages that suspended originals have not seen */
    char *before;                         /* the notes */
    struct meeting meeting;
    bool did_switch;
    struct error error; /* why not */
};

/* ---- prepare ---- */

static bool find_both(struct promotion *promotion, const char *shadow, struct error *error) {
    const struct deployment_set *set = promotion->engine->deployment_set;
    promotion->shadow = deployment_set_find(set, shadow);
    if (promotion->shadow == NULL)
        return error_set(error, ERROR_INVALID, "deployment \"%s\" is not running", shadow);
    if (promotion->shadow->shadow_of == NULL)
        return error_set(error, ERROR_INVALID,
                         "%s is not a shadow: its signals go out under its own name", shadow);
    promotion->original = deployment_set_find(set, promotion->shadow->shadow_of);
    return promotion->original != NULL ||
           error_set(error, ERROR_STATE, "its original, %s, is not running",
                     promotion->shadow->shadow_of);
}

/* The original's section with what the shadow is made of: its own contents stay where they are. */
static bool join_sections(const struct promotion *promotion, struct config_deployment *section,
                          struct error *error) {
    const struct config *config = promotion->engine->config;
    const struct config_deployment *original =
        config_deployment_find(config, promotion->original->name);
    const struct config_deployment *shadow =
        config_deployment_find(config, promotion->shadow->name);
    if (original == NULL || shadow == NULL)
        return error_set(error, ERROR_STATE,
                         "the configuration in force no longer has both sections");
    *section = *original;
    section->plugin = shadow->plugin;
    section->settings = shadow->settings;
    section->promoted_from = shadow->name;
    return true;
}

/* What runs is what the section says: else a reload would change it again. */
static bool is_as_configured(const struct promotion *promotion) {
    return promotion->next->generation == promotion->shadow->generation &&
           hash_equal(promotion->next->parameters.hash, promotion->shadow->parameters.hash);
}

static bool make_next(struct promotion *promotion, struct error *error) {
    struct engine *engine = promotion->engine;
    const struct deployment *shadow = promotion->shadow;
    struct config_deployment section;
    struct faults faults = FAULTS_INIT;
    if (!join_sections(promotion, &section, error))
        return false;
    struct deployment *next =
        deployment_new(engine->topics, &section, promotion->original->name, shadow->generation,
                       shadow->description->is_described ? shadow->description : NULL, &faults);
    if (next == NULL)
        error_set(error, ERROR_INVALID, "%s",
                  faults.count > 0 ? faults.items[0].text : "out of memory");
    faults_release(&faults);
    promotion->next = next;
    if (next == NULL)
        return false;
    if (!is_as_configured(promotion))
        return error_set(
            error, ERROR_STATE,
            "what runs is not what its section configures, since the last reload rejected "
            "that; fix the section, and reload");
    atomic_store(&next->is_suspended, atomic_load(&shadow->is_suspended));
    next->spec.mark = crash_add_name(&next->spec, next->spec.descriptor);
    return true;
}

static bool make_set(struct promotion *promotion, struct error *error) {
    lock_only_writer(status_lock);
    const struct engine *engine = promotion->engine;
    const struct deployment_set *now = engine->deployment_set;
    promotion->set = deployment_set_new(now->count);
    promotion->outgoing = calloc(engine->partition_count + 1, sizeof *promotion->outgoing);
    if (promotion->set == NULL || promotion->outgoing == NULL)
        return error_set_memory(error, "a promotion");
    for (size_t i = 0; i < now->count; i++)
        if (now->deployments[i] != promotion->shadow && now->deployments[i] != promotion->original)
            deployment_set_add(promotion->set, now->deployments[i]);
    deployment_set_add(promotion->set, promotion->next);
    return true;
}

/* ---- whether it can be ---- */

static bool belongs(const struct partition *partition, const struct deployment *deployment) {
    return deployment_is_global(deployment) == (partition->number == PARTITION_GLOBAL);
}

/* Whether the shadow has seen what its original has, on that partition. */
static bool check_partition(const struct promotion *promotion, const struct partition *partition,
                            struct error *error) {
    const char *name = promotion->shadow->name;
    const struct task *task = partition_task(partition, name);
    if (!belongs(partition, promotion->shadow))
        return true;
    if (task == NULL)
        return error_set(error, ERROR_STATE, "%s has no instance on partition %" PRId32, name,
                         partition->number);
    const enum suspension why = (enum suspension)atomic_load(&task->suspension);
    return why == SUSPENDED_NOT ||
           error_set(error, ERROR_STATE,
                     "%s is not level with the stream on partition %" PRId32 " (%s)", name,
                     partition->number, suspension_name(why));
}

static bool check_all(const struct promotion *promotion, struct error *error) {
    lock_only_writer(status_lock);
    const struct engine *engine = promotion->engine;
    for (size_t i = 0; i < engine->partition_count; i++)
        if (!check_partition(promotion, engine->partitions[i], error))
            return false;
    return true;
}

/* ---- switch: every lane stands ---- */

/* Behind the first that has a greater name. */
static void put_in_order(struct partition *partition) {
    struct task **tasks = partition->tasks;
    for (size_t i = 1; i < partition->task_count; i++)
        for (size_t at = i;
             at > 0 && strcmp(tasks[at - 1]->deployment->name, tasks[at]->deployment->name) > 0;
             at--) {
            struct task *task = tasks[at];
            tasks[at] = tasks[at - 1];
            tasks[at - 1] = task;
        }
}

/* Gives it up; NULL: there is none. */
static struct task *take_out(struct partition *partition, const char *deployment) {
    for (size_t i = 0; i < partition->task_count; i++) {
        struct task *task = partition->tasks[i];
        if (strcmp(task->deployment->name, deployment) != 0)
            continue;
        memmove(partition->tasks + i, partition->tasks + i + 1,
                (partition->task_count - i - 1) * sizeof *partition->tasks);
        partition->task_count--;
        return task;
    }
    return NULL;
}

/* Signals of timers, which are put down to the last message, do not take ids of the original's. */
static void go_on_with_ordinal(struct cause *cause, const struct cause *original) {
    if (cause->topic == original->topic && cause->partition == original->partition &&
        cause->offset == original->offset && cause->ordinal < original->ordinal)
        cause->ordinal = original->ordinal;
}

static void rename_task(struct task *task, struct deployment *next, const struct task *original) {
    if (original != NULL)
        go_on_with_ordinal(&task->cause, &original->cause);
    deployment_release(task->deployment);
    task->deployment = deployment_retain(next);
    instance_rename(task->instance, &next->spec);
    shadow_free(task->shadow);
    task->shadow = NULL;
    task->saved_number = 0; /* what lies in checkpoints has the other name */
}

REQUIRES(status_lock)
static void promote_on(struct promotion *promotion, struct partition *partition,
                       struct task **outgoing) {
    struct task *task = partition_task(partition, promotion->shadow->name);
    partition_forget_routes(partition);
    deployment_set_release(partition->deployment_set);
    partition->deployment_set = deployment_set_retain(promotion->set);
    if (task == NULL)
        return;
    partition_compare(partition);
    *outgoing = take_out(partition, promotion->original->name);
    if (*outgoing != NULL && atomic_load(&(*outgoing)->suspension) != SUSPENDED_NOT) {
        task_count_behind(*outgoing);
        promotion->passed += atomic_load(&(*outgoing)->behind);
    }
    rename_task(task, promotion->next, *outgoing);
    put_in_order(partition);
    partition_note_refusal(partition, promotion->next->name, NULL);
    partition_link_shadows(partition);
    partition->checkpoint_ns = 0; /* one is due */
}

static void exchange(void *argument) {
    struct promotion *promotion = argument;
    struct engine *engine = promotion->engine;
    if (!check_all(promotion, &promotion->error))
        return;
    lock_acquire(&engine->status_lock, status_lock);
    for (size_t i = 0; i < engine->partition_count; i++)
        promote_on(promotion, engine->partitions[i], &promotion->outgoing[i]);
    deployment_set_release(engine->deployment_set);
    engine->deployment_set = deployment_set_retain(promotion->set);
    lock_release(&engine->status_lock, status_lock);
    provenance_note(engine);
    promotion->did_switch = true;
}

static void leave(struct lane *lane, const struct promotion *promotion) {
    lock_only_writer(status_lock);
    const struct engine *engine = promotion->engine;
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct partition *partition = engine->partitions[i];
        if (partition->home != lane)
            continue;
        if (promotion->outgoing[i] != NULL)
            instance_deactivate(promotion->outgoing[i]->instance);
        struct task *task = partition_task(partition, promotion->next->name);
        if (!promotion->did_switch || task == NULL)
            continue;
        task_notify(task, T5_EVENT_MODE_CHANGED);
    }
}

static void change_over(struct lane *lane, void *argument) {
    struct promotion *promotion = argument;
    struct meeting *meeting = &promotion->meeting;
    if (meeting_await(meeting, &lane->heartbeat_ns, NULL, NULL)) {
        (void)meeting_await(meeting, &lane->heartbeat_ns, exchange, promotion);
        leave(lane, promotion);
    }
    meeting_leave(meeting);
}

static bool meet(struct promotion *promotion, struct error *error) {
    struct engine *engine = promotion->engine;
    const int64_t timeout_ns = engine->config->reload_timeout_ns;
    meeting_init(&promotion->meeting, engine->lane_count, clock_monotonic_ns() + timeout_ns,
                 &engine->hurry_ns);
    const bool did_come =
        lanes_call(engine->lanes, engine->lane_count, change_over, promotion, timeout_ns, error);
    if (did_come && !promotion->did_switch && promotion->error.code != ERROR_NONE)
        *error = promotion->error;
    else if (did_come && !promotion->did_switch)
        error_set(error, ERROR_TIMEOUT, "the lanes did not all end their messages in time");
    if (promotion->did_switch)
        atomic_store(&engine->last_pause_ns, meeting_took_ns(&promotion->meeting));
    meeting_release(&promotion->meeting);
    return promotion->did_switch;
}

/* ---- the notes ---- */

static bool note(struct promotion *promotion, struct error *error) {
    const struct engine *engine = promotion->engine;
    return engine->store == NULL ||
           promotions_note(engine->config, promotion->shadow->name, &promotion->before, error);
}

static void unnote(const struct promotion *promotion) {
    const struct engine *engine = promotion->engine;
    struct error error = {0};
    if (promotion->before != NULL && !promotions_restore(engine->config, promotion->before, &error))
        log_event(engine->log, LOG_LEVEL_ERROR, "engine", "shadow.note_failed",
                  "%s was not promoted, but the next start will do so: %s", promotion->shadow->name,
                  error.text);
}

/* ---- the end ---- */

static void describe(const struct promotion *promotion, struct text *answer) {
    const struct engine *engine = promotion->engine;
    const char *name = promotion->next->name, *shadow = promotion->shadow->name;
    text_printf(answer, "%s runs as %s from now on, with its own state.\n", shadow, name);
    if (promotion->passed > 0)
        text_printf(answer,
                    "%s was suspended: %" PRIu64 " messages that it had not handled give no "
                    "signals.\n",
                    name, promotion->passed);
    text_printf(answer,
                engine->store != NULL
                    ? "Restarts and reloads keep it so while both sections stay as they are. For "
                      "good, remove [strategy:%s], and have in [strategy:%s] beside its filters:\n"
                    : "No state is kept, so the next start will not know of it. For good, remove "
                      "[strategy:%s], and have in [strategy:%s] beside its filters:\n",
                shadow, name);
    promotions_describe(engine->config, shadow, answer);
}

static void let_go(struct promotion *promotion, size_t partitions) {
    for (size_t i = 0; promotion->outgoing != NULL && i < partitions; i++) {
        struct task *task = promotion->outgoing[i];
        if (task == NULL)
            continue;
        instance_set_current_call(task->instance, promotion->engine->loader_call);
        task_free(task);
    }
    free(promotion->outgoing);
    deployment_set_release(promotion->set);
    deployment_release(promotion->next);
    free(promotion->before);
}

bool reload_promote(struct engine *engine, const char *shadow, struct text *answer,
                    struct error *error) {
    lock_only_writer(status_lock);
    struct promotion promotion = {.engine = engine};
    /* What ran is reported at the end. */
    struct deployment_set *outgoing = deployment_set_retain(engine->deployment_set);
    bool did = find_both(&promotion, shadow, error) && make_next(&promotion, error) &&
               make_set(&promotion, error) && check_all(&promotion, error) &&
               note(&promotion, error);
    if (did && !meet(&promotion, error)) {
        unnote(&promotion);
        did = false;
    }
    if (did) {
        describe(&promotion, answer);
        log_change_event(engine->log, LOG_LEVEL_INFO, "engine", "shadow.promoted",
                         "%s: promoted, it runs as %s from now on (%s \u2192 %s)", shadow,
                         promotion.next->name, promotion.original->description->version,
                         promotion.next->description->version);
    } else {
        error_prefix(error, "%s was not promoted: ", shadow);
    }
    let_go(&promotion, engine->partition_count);
    deployment_set_release(outgoing);
    return did;
}
