/*
 * A new configuration for all. It is read and judged whole before any worker hears of it; then
 * workers that are no longer wanted end, new ones begin, and each of the others reloads. A strategy
 * that one of them rejects is in the report, and what ran goes on, as in a host without workers.
 *
 * A deployment that moves to another worker does so between two processes: all that it leaves or
 * enters end, with their states saved and their offsets committed, before any of them begins again;
 * who gets it finds what it knew (engine/history/moved.h).
 */
#include "supervisor/private.h"

#include "base/clock.h"
#include "base/format/faults_json.h"
#include "config/in_force.h"
#include "config/sections/workers.h"

#include <stdlib.h>
#include <string.h>

static void refuse(struct supervisor *supervisor, const struct faults *faults,
                   struct text *answer) {
    struct json_writer json = json_writer_of(answer);
    for (size_t i = 0; i < faults->count; i++)
        log_change(supervisor->log,
                   faults->items[i].is_warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "config",
                   "reload: %s",
                   faults->items[i].text != NULL ? faults->items[i].text : "out of memory");
    log_change_event(supervisor->log, LOG_LEVEL_ERROR, "config", "reload.failed",
                     "reload: nothing changed: %zu error%s in the configuration",
                     faults->error_count, text_plural(faults->error_count));
    json_begin_object(&json, NULL);
    json_bool(&json, "ok", false);
    json_bool(&json, "changed", false);
    json_bool(&json, "new_process", false);
    json_bool(&json, "given_up", false);
    json_number(&json, "pause_ms", 0);
    json_number(&json, "save_ms", 0);
    json_number(&json, "took_ms", 0);
    json_begin_array(&json, "deployments");
    json_end_array(&json);
    faults_json(faults, &json);
    json_end_object(&json);
}

/* Where a deployment that runs and shall run moves from; NULL: it stays. */
static const char *moves_from(const struct config *running,
                              const struct config_deployment *deployment, const char *to) {
    for (size_t i = 0; deployment->is_enabled && i < running->deployment_count; i++) {
        const struct config_deployment *before = &running->deployments[i];
        const char *was = config_worker_of(running, before);
        if (before->is_enabled && strcmp(before->name, deployment->name) == 0)
            return strcmp(was, to) != 0 ? was : NULL;
    }
    return NULL;
}

/* Whether one leaves the worker or enters it. */
static bool is_in_move(const struct config *running, const struct config *next, const char *name) {
    bool is = false;
    for (size_t i = 0; i < next->deployment_count; i++) {
        const char *to = config_worker_of(next, &next->deployments[i]);
        const char *from = moves_from(running, &next->deployments[i], to);
        is |= from != NULL && (strcmp(from, name) == 0 || strcmp(to, name) == 0);
    }
    return is;
}

static void log_moves(struct supervisor *supervisor, const struct config *running,
                      const struct config *next) {
    for (size_t i = 0; i < next->deployment_count; i++) {
        const char *to = config_worker_of(next, &next->deployments[i]);
        const char *from = moves_from(running, &next->deployments[i], to);
        if (from != NULL)
            log_change_event(supervisor->log, LOG_LEVEL_INFO, "ops", "deployment.moves",
                             "%s moves from worker %s to worker %s: both restart, and it "
                             "continues at its position",
                             next->deployments[i].name, from, to);
    }
}

static bool is_same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What a process takes over only when it begins. */
static bool has_same_limits(const struct config *running, const struct config *next,
                            const char *name) {
    static const struct config_worker none = {0};
    const struct config_worker *a = config_worker_find(running, name);
    const struct config_worker *b = config_worker_find(next, name);
    a = a != NULL ? a : &none;
    b = b != NULL ? b : &none;
    return config_worker_lanes(running, name) == config_worker_lanes(next, name) &&
           a->memory_max == b->memory_max && a->nice == b->nice && is_same_text(a->cpus, b->cpus);
}

static bool is_among(const char *const *names, const char *name) {
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Ends, starts and restarts workers; those that reload stay. False: no memory. */
REQUIRES(supervisor_lock)
static bool settle_workers(struct supervisor *supervisor, const struct config *before) {
    const int64_t now_ns = clock_monotonic_ns();
    const char **names = config_worker_names(supervisor->config);
    bool did = names != NULL;
    for (size_t i = 0; did && i < supervisor->count; i++) {
        struct worker *worker = supervisor->workers[i];
        const bool is_down = worker->state == WORKER_DOWN || worker->state == WORKER_WAITING;
        worker->is_in_move = is_in_move(before, supervisor->config, worker->name);
        if (!is_among(names, worker->name))
            worker_stop(worker, &supervisor->env, false, now_ns);
        else if (is_down || worker->is_in_move ||
                 !has_same_limits(before, supervisor->config, worker->name))
            worker_restart(worker, &supervisor->env, now_ns);
    }
    for (size_t i = 0; did && names[i] != NULL; i++) {
        if (supervisor_find(supervisor, names[i]) == NULL ||
            !supervisor_find(supervisor, names[i])->is_wanted)
            did = supervisor_add(supervisor, names[i]);
        if (did)
            supervisor_find(supervisor, names[i])->is_in_move =
                is_in_move(before, supervisor->config, names[i]);
    }
    free(names);
    return did;
}

/* From here on it is in force, also for a worker that begins at this moment. False with a fault:
 * the one before still is. */
static bool put_in_force(struct supervisor *supervisor, struct config *next,
                         struct faults *faults) {
    struct error error;
    lock_acquire(&supervisor->lock, supervisor_lock);
    if (!in_force_write(next, supervisor->in_force, &error)) {
        lock_release(&supervisor->lock, supervisor_lock);
        faults_add_error(faults, (struct place){0}, &error);
        return false;
    }
    struct config *before = supervisor->config;
    supervisor->config = next;
    supervisor_forget_suspended(supervisor, before);
    log_moves(supervisor, before, next);
    /* A stop has come meanwhile: then nobody begins any more, and it keeps its limits. */
    const bool is_stopping = supervisor->is_stopping;
    if (!is_stopping)
        supervisor_limits(supervisor);
    const bool did = is_stopping || settle_workers(supervisor, before);
    lock_release(&supervisor->lock, supervisor_lock);
    if (!is_stopping)
        supervisor_limit_stop(supervisor);
    if (before != supervisor->first)
        config_free(before);
    supervisor_wake(supervisor);
    if (!did)
        log_change(supervisor->log, LOG_LEVEL_ERROR, "config",
                   "reload: out of memory for the workers");
    return true;
}

/* Until those that begin are ready, or have died. */
static void await_begun(struct supervisor *supervisor) {
    lock_acquire(&supervisor->lock, supervisor_lock);
    for (;;) {
        bool is_waiting = false;
        for (size_t i = 0; i < supervisor->count; i++) {
            const struct worker *worker = supervisor->workers[i];
            is_waiting = is_waiting || worker->state == WORKER_STARTING ||
                         worker->state == WORKER_STOPPING || worker->is_in_move ||
                         (worker->state == WORKER_IDLE && worker->is_wanted);
        }
        if (!is_waiting || supervisor->is_stopping || supervisor->is_over)
            break;
        pthread_cond_wait(&supervisor->changed, &supervisor->lock);
    }
    lock_release(&supervisor->lock, supervisor_lock);
}

/* What they say, as one. */
static bool report(struct supervisor *supervisor, const struct peers *peers, struct text *answer) {
    struct merge_part *parts = peers_parts(peers);
    cJSON *all = parts != NULL ? merge_reports(parts, peers->count) : NULL;
    char *printed = all != NULL ? cJSON_PrintUnformatted(all) : NULL;
    const bool did = printed != NULL && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(all, "ok"));
    if (printed != NULL)
        text_puts(answer, printed);
    else
        text_puts(answer, "out of memory for the report; `take5 ctl status` shows the outcome");
    log_change_event(supervisor->log, did ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "ops",
                     did ? "reload.ended" : "reload.failed",
                     did ? "reload: all workers have reloaded"
                         : "reload: something was rejected, what ran keeps running");
    free(printed);
    cJSON_Delete(all);
    free(parts);
    return did;
}

static bool needs_process(const struct peer *peer) {
    cJSON *answer = peer->has_answer ? cJSON_Parse(peer->answer.data) : NULL;
    const bool needs = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "new_process"));
    cJSON_Delete(answer);
    return needs;
}

/* Those whose change is a new process. Until it is ready. */
static void renew(struct supervisor *supervisor, const struct peers *peers) {
    const int64_t now_ns = clock_monotonic_ns();
    lock_acquire(&supervisor->lock, supervisor_lock);
    for (size_t i = 0; i < peers->count; i++) {
        struct worker *worker = needs_process(&peers->items[i]) && !supervisor->is_stopping
                                    ? supervisor_find(supervisor, peers->items[i].name)
                                    : NULL;
        if (worker != NULL)
            worker_restart(worker, &supervisor->env, now_ns);
    }
    lock_release(&supervisor->lock, supervisor_lock);
    supervisor_wake(supervisor);
    await_begun(supervisor);
}

static bool reload_workers(struct supervisor *supervisor, struct text *answer) {
    struct peers peers;
    if (!peers_list(supervisor, NULL, &peers)) {
        text_puts(answer, "out of memory; each worker keeps what it has");
        return false;
    }
    /* A worker that is restarted has the configuration already; reloading it changes nothing,
     * and gives its part of the report. */
    peers_ask(&peers, "reload", NULL, 0);
    renew(supervisor, &peers);
    const bool did = report(supervisor, &peers, answer);
    peers_release(&peers);
    return did;
}

static bool reload(struct supervisor *supervisor, struct text *answer) {
    struct faults faults = FAULTS_INIT;
    struct error error = {0};
    struct config *next = supervisor->options.read(supervisor->options.context, &faults);
    if (next != NULL) {
        lock_acquire(&supervisor->lock, supervisor_lock);
        (void)config_can_reload(supervisor->config, next, &faults);
        lock_release(&supervisor->lock, supervisor_lock);
    }
    if (next == NULL || faults.error_count > 0 || !put_in_force(supervisor, next, &faults)) {
        refuse(supervisor, &faults, answer);
        config_free(next);
        faults_release(&faults);
        return false;
    }
    faults_release(&faults);
    if (!config_apply_log(next, supervisor->log, &error) ||
        (supervisor->http != NULL &&
         (!http_server_allow(supervisor->http, next->http_allowed_hosts, &error) ||
          !http_server_protect(supervisor->http, next->http_token_file, &error))))
        log_change(supervisor->log, LOG_LEVEL_ERROR, "config", "reload: unchanged: %s", error.text);
    await_begun(supervisor);
    return reload_workers(supervisor, answer);
}

bool supervisor_reload(struct supervisor *supervisor, struct text *answer) {
    lock_acquire(&supervisor->reload, supervisor_reload_lock);
    const bool did = reload(supervisor, answer);
    lock_release(&supervisor->reload, supervisor_reload_lock);
    return did;
}
