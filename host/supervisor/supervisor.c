#include "supervisor/private.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/sync/thread.h"
#include "base/text.h"
#include "config/in_force.h"
#include "config/sections/workers.h"
#include "config/text/paths.h"
#include "ops/control/run_directory.h"
#include "os/private_file.h"
#include "os/spawn.h"
#include "os/trust.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* How often the service manager hears of us. */
#define TURN_MS    500
/* How soon a log that is crowded is looked at again. */
#define CROWDED_MS 10
/* Until the workers are ready: what systemd is to wait for another word of ours. How long a worker
 * may take is ours to judge (worker.h). */
#define EXTEND_NS  (30 * NS_PER_S)

extern char **environ;

/* ---- workers ---- */

/* Those that have ended for good. */
REQUIRES(supervisor_lock) static void drop_gone(struct supervisor *supervisor) {
    size_t kept = 0;
    for (size_t i = 0; i < supervisor->count; i++) {
        struct worker *worker = supervisor->workers[i];
        const bool is_gone = !supervisor->is_stopping && !worker->is_wanted &&
                             worker->state == WORKER_IDLE && !worker_has_process(worker);
        if (is_gone)
            worker_free(worker);
        else
            supervisor->workers[kept++] = worker;
    }
    supervisor->count = kept;
}

/* What one knew of a deployment that moves is there for the other when its process has ended. */
REQUIRES(supervisor_lock) static void end_move(struct supervisor *supervisor) {
    for (size_t i = 0; i < supervisor->count; i++)
        if (supervisor->workers[i]->is_in_move && worker_has_process(supervisor->workers[i]))
            return;
    for (size_t i = 0; i < supervisor->count; i++)
        supervisor->workers[i]->is_in_move = false;
}

/* ---- what comes in ---- */

REQUIRES(supervisor_lock) static void take_notices(struct supervisor *supervisor, int64_t now_ns) {
    struct notice notice;
    while (notices_next(supervisor->notices, &notice)) {
        for (size_t i = 0; i < supervisor->count; i++)
            if (worker_has_process(supervisor->workers[i]) &&
                supervisor->workers[i]->pid == notice.pid)
                worker_notice(supervisor->workers[i], &notice, now_ns);
    }
}

REQUIRES(supervisor_lock) static void begin_stop(struct supervisor *supervisor, int64_t now_ns) {
    supervisor->is_stopping = true;
    log_change_event(supervisor->log, LOG_LEVEL_INFO, "ops", "supervisor.stopping",
                     "stopping: the workers finish their messages and save their state");
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
               (long long)((supervisor->env.stop_ns + SUPERVISOR_MORE_NS) / NS_PER_US));
    for (size_t i = 0; i < supervisor->count; i++)
        worker_stop(supervisor->workers[i], &supervisor->env, false, now_ns);
}

REQUIRES(supervisor_lock) static void serve_signals(struct supervisor *supervisor, int64_t now_ns) {
    struct signals *signals = supervisor->options.signals;
    const int64_t for_ns = supervisor->options.run_for_ns;
    struct error error;
    if (atomic_exchange(&signals->should_reopen, false)) {
        if (!log_reopen(supervisor->log, &error))
            log_event(supervisor->log, LOG_LEVEL_ERROR, "ops", "files.reopen_failed", "%s",
                      error.text);
        for (size_t i = 0; i < supervisor->count; i++)
            if (supervisor->workers[i]->state == WORKER_RUNNING)
                worker_signal(supervisor->workers[i], SIGUSR1);
    }
    supervisor->reloads += atomic_exchange(&signals->reloads, 0);
    if (supervisor->reloads > 0)
        pthread_cond_broadcast(&supervisor->changed);
    if (for_ns > 0 && now_ns - supervisor->begun_ns >= for_ns)
        signals_stop(signals);
    if (atomic_load(&signals->should_stop) && !supervisor->is_stopping)
        begin_stop(supervisor, now_ns);
}

/* ---- the service manager ---- */

/* Each is ready, or has died: then that is its state, and no reason to wait. */
REQUIRES(supervisor_lock) static bool has_begun(const struct supervisor *supervisor) {
    for (size_t i = 0; i < supervisor->count; i++)
        if (!supervisor->workers[i]->has_begun)
            return false;
    return true;
}

REQUIRES(supervisor_lock)
static void describe(const struct supervisor *supervisor, int64_t now_ns, struct text *text) {
    for (size_t i = 0; i < supervisor->count; i++) {
        const struct worker *worker = supervisor->workers[i];
        char state[320];
        worker_describe(worker, now_ns, state, sizeof state);
        text_printf(text, "%s%s: %s", i > 0 ? "; " : "", worker->name,
                    worker->state == WORKER_RUNNING && worker->status[0] != '\0' ? worker->status
                                                                                 : state);
    }
}

/* `notified` is the status that was sent last; `is_ready` becomes true once. */
REQUIRES(supervisor_lock)
static void notify_manager(const struct supervisor *supervisor, int64_t now_ns,
                           struct text *notified, bool *is_ready) {
    struct text text;
    text_init(&text);
    describe(supervisor, now_ns, &text);
    sd_notify(0, "WATCHDOG=1");
    if (!*is_ready)
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%lld", (long long)(EXTEND_NS / NS_PER_US));
    if (strcmp(text.data, notified->data) != 0)
        sd_notifyf(0, "STATUS=%s", text.data);
    if (!*is_ready && has_begun(supervisor)) {
        *is_ready = true;
        sd_notify(0, "READY=1");
        log_change_event(supervisor->log, LOG_LEVEL_INFO, "ops", "supervisor.ready",
                         "%zu workers: %s", supervisor->count, text.data);
    }
    text_release(notified);
    *notified = text;
}

/* ---- the loop ---- */

REQUIRES(supervisor_lock) static bool is_done(const struct supervisor *supervisor) {
    if (!supervisor->is_stopping)
        return false;
    for (size_t i = 0; i < supervisor->count; i++)
        if (worker_has_process(supervisor->workers[i]))
            return false;
    return true;
}

/* Two for each worker, behind the first two. */
REQUIRES(supervisor_lock)
static int prepare(const struct supervisor *supervisor, struct pollfd *polled, size_t count,
                   int64_t now_ns) {
    /* What one of them floods waits in its pipe, and there is room for what the others write. */
    const bool is_crowded = log_is_crowded(supervisor->log);
    int64_t due_ns = now_ns + (is_crowded ? CROWDED_MS : TURN_MS) * NS_PER_MS;
    polled[0] = (struct pollfd){.fd = supervisor->wake, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = supervisor->notices, .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        const struct worker *worker = supervisor->workers[i];
        const int64_t own_ns = worker_due_ns(worker, &supervisor->env);
        polled[2 + 2 * i] = (struct pollfd){.fd = worker->process, .events = POLLIN};
        polled[3 + 2 * i] =
            (struct pollfd){.fd = is_crowded ? -1 : worker->written, .events = POLLIN};
        if (own_ns < due_ns)
            due_ns = own_ns;
    }
    return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns) / NS_PER_MS) + 1;
}

REQUIRES(supervisor_lock) static bool is_worker(const struct supervisor *supervisor, pid_t pid) {
    for (size_t i = 0; i < supervisor->count; i++)
        if (worker_has_process(supervisor->workers[i]) && supervisor->workers[i]->pid == pid)
            return true;
    return false;
}

/* A subreaper, and process 1, as in a container, gets whom others leave behind: a strategy that
 * forks, and a worker that dies. Nobody else would reap them. */
REQUIRES(supervisor_lock) static void reap_strangers(const struct supervisor *supervisor) {
    pid_t pid;
    while ((pid = spawn_ended()) > 0 && !is_worker(supervisor, pid))
        spawn_forget(pid);
}

/* Whoever cleans directories for temporary files may have taken it. */
REQUIRES(supervisor_lock) static void restore_in_force(struct supervisor *supervisor) {
    struct error error;
    if (access(supervisor->in_force, F_OK) == 0)
        return;
    if (in_force_write(supervisor->config, supervisor->in_force, &error))
        log_warning(supervisor->log, "ops", "%s was removed: recreated", supervisor->in_force);
}

/* What was polled; those that came since are not among it. */
REQUIRES(supervisor_lock)
static void serve(struct supervisor *supervisor, const struct pollfd *polled, size_t count,
                  int64_t now_ns) {
    uint64_t times;
    if (polled[0].revents != 0)
        (void)!read(supervisor->wake, &times, sizeof times);
    if (polled[1].revents != 0)
        take_notices(supervisor, now_ns);
    /* Before deaths: whoever stops all of a service ends us and them at the same time. */
    serve_signals(supervisor, now_ns);
    for (size_t i = 0; i < count; i++) {
        struct worker *worker = supervisor->workers[i];
        if (polled[3 + 2 * i].revents != 0)
            worker_read(worker, supervisor->log);
        if (polled[2 + 2 * i].revents != 0) {
            /* Before what it wrote is read: they may write on. */
            left_behind_end(&supervisor->left, worker->name, supervisor->log);
            worker_ended(worker, &supervisor->env, now_ns);
        }
    }
    reap_strangers(supervisor);
    end_move(supervisor);
    restore_in_force(supervisor);
    for (size_t i = 0; i < supervisor->count; i++) {
        left_behind_name(&supervisor->left, supervisor->workers[i]->name);
        worker_turn(supervisor->workers[i], &supervisor->env, now_ns);
    }
    drop_gone(supervisor);
    pthread_cond_broadcast(&supervisor->changed);
}

/* Begins with `lock` held, and ends so. */
REQUIRES(supervisor_lock) static void work(struct supervisor *supervisor) {
    struct pollfd *polled = NULL;
    size_t room = 0; /* for workers in it */
    struct text notified;
    bool is_ready = false;
    int64_t notified_ns = 0;
    text_init(&notified);
    while (!is_done(supervisor)) {
        int64_t now_ns = clock_monotonic_ns();
        if (room < supervisor->count && ARRAY_RESIZE(polled, 2 + 2 * supervisor->count))
            room = supervisor->count;
        if (polled == NULL)
            break; /* before the first worker was begun */
        /* Without memory for all of them, the last ones wait. */
        const size_t count = room < supervisor->count ? room : supervisor->count;
        const int wait_ms = prepare(supervisor, polled, count, now_ns);
        lock_release(&supervisor->lock, supervisor_lock);
        const int status = poll(polled, (nfds_t)(2 + 2 * count), wait_ms);
        lock_acquire(&supervisor->lock, supervisor_lock);
        if (status < 0)
            memset(polled, 0, (2 + 2 * count) * sizeof *polled);
        now_ns = clock_monotonic_ns();
        serve(supervisor, polled, count, now_ns);
        if (!supervisor->is_stopping && now_ns - notified_ns >= TURN_MS * NS_PER_MS / 2) {
            notified_ns = now_ns;
            notify_manager(supervisor, now_ns, &notified, &is_ready);
        }
    }
    free(polled);
    text_release(&notified);
}

/* Any thread. */
static void on_signal(void *context) {
    supervisor_wake(context);
}
static void on_stop(void *context, int64_t limit_ns) {
    (void)limit_ns;
    supervisor_wake(context);
}
static void on_late(void *context, int64_t limit_ns) {
    const struct supervisor *supervisor = context;
    log_change_event(supervisor->log, LOG_LEVEL_CRITICAL, "ops", "stop.timed_out",
                     "stopped, not cleanly: the stop exceeded %.1f s while waiting for a worker",
                     (double)limit_ns / (double)NS_PER_S);
    log_flush(supervisor->log, NS_PER_S);
}

/* SIGHUP, one after the other; those that come meanwhile are followed by one more. */
static void *reloader_main(void *argument) {
    struct supervisor *supervisor = argument;
    lock_acquire(&supervisor->lock, supervisor_lock);
    while (!supervisor->is_over) {
        if (supervisor->reloads == 0) {
            pthread_cond_wait(&supervisor->changed, &supervisor->lock);
            continue;
        }
        supervisor->reloads = 0;
        lock_release(&supervisor->lock, supervisor_lock);
        struct text answer;
        text_init(&answer);
        log_change_event(supervisor->log, LOG_LEVEL_INFO, "ops", "reload.begun",
                         "SIGHUP: reloading");
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)(clock_monotonic_ns() / NS_PER_US));
        (void)supervisor_reload(supervisor, &answer);
        text_reset(&answer);
        (void)supervisor_reopen(supervisor, &answer);
        sd_notify(0, "READY=1");
        text_release(&answer);
        lock_acquire(&supervisor->lock, supervisor_lock);
    }
    lock_release(&supervisor->lock, supervisor_lock);
    return NULL;
}

bool supervisor_run(struct supervisor *supervisor) {
    bool did = true;
    supervisor_limit_stop(supervisor);
    lock_acquire(&supervisor->lock, supervisor_lock);
    work(supervisor);
    left_behind_end_all(&supervisor->left, supervisor->log);
    for (size_t i = 0; i < supervisor->count; i++)
        did = did && !supervisor->workers[i]->was_left_behind;
    supervisor->is_over = true;
    pthread_cond_broadcast(&supervisor->changed);
    lock_release(&supervisor->lock, supervisor_lock);
    log_change_event(supervisor->log, LOG_LEVEL_INFO, "ops", "supervisor.stopped",
                     did ? "stopped" : "stopped, not cleanly: a worker left something behind");
    return did && !atomic_load(&supervisor->options.signals->is_from_within);
}

/* ---- life ---- */

/* The workers' environment: ours, but that they tell us and not systemd, and have the mark. */
static char **make_environment(const char *notices, char *mark) {
    size_t count = 0, filled = 0;
    while (environ[count] != NULL)
        count++;
    char **copy = calloc(count + 3, sizeof *copy);
    if (copy == NULL)
        return NULL;
    copy[filled++] = mark;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "NOTIFY_SOCKET=", 14) != 0 &&
            strncmp(environ[i], LEFT_BEHIND_VARIABLE, strlen(LEFT_BEHIND_VARIABLE)) != 0 &&
            strncmp(environ[i], "WATCHDOG_", 9) != 0)
            copy[filled++] = environ[i];
    copy[filled] = text_format("NOTIFY_SOCKET=%s", notices);
    if (copy[filled] != NULL)
        return copy;
    free(copy);
    return NULL;
}

static void free_environment(char **environment) {
    size_t count = 0;
    while (environment != NULL && environment[count] != NULL)
        count++;
    if (count > 0)
        free(environment[count - 1]);
    free(environment);
}

/* A directory of this service alone, and in it that of the workers' own. */
static bool make_private(const struct supervisor *supervisor, const struct trust *trust,
                         const char *key, const char *path, struct error *error) {
    static const char *const names[] = {".lock", "workers", "instances", "good", "crash", NULL};
    char *below = path_join(path, "workers");
    const bool did = (below != NULL || error_set_memory(error, "a path")) &&
                     private_directory_make(path, names, trust, supervisor->log, error) &&
                     private_directory_make(below, names, trust, supervisor->log, error);
    free(below);
    return did || error_prefix(error, "[take5] %s: ", key);
}

/* Before the workers would, of whom one may be the first to make what another one looks at. */
static bool make_directories(struct supervisor *supervisor, const struct config *config,
                             struct error *error) {
    const struct trust trust = {.is_off = !config->strict_modes, .group = TRUST_NO_GROUP};
    const size_t size = strlen(config->run_dir);
    const bool is_inside = strncmp(config->control_socket, config->run_dir, size) == 0 &&
                           config->control_socket[size] == '/';
    char *below = config_workers_dir(config);
    bool did = below != NULL || error_set_memory(error, "a path");
    did = did &&
          run_directory_make(config->run_dir, is_inside ? config->control_group : NULL, &trust,
                             supervisor->log, error) &&
          run_directory_make(below, NULL, &trust, supervisor->log, error);
    did = did && make_private(supervisor, &trust, "state_dir", config->state_dir, error) &&
          make_private(supervisor, &trust, "cache_dir", config->cache_dir, error);
    if (did) {
        supervisor->lock_file = private_directory_lock(below, error);
        did = supervisor->lock_file >= 0 || error_prefix(error, "[take5] run_dir: ");
    }
    supervisor->notices_path = did ? path_join(below, "notify.sock") : NULL;
    free(below);
    return did && (supervisor->notices_path != NULL || error_set_memory(error, "a path"));
}

REQUIRES(supervisor_lock)
static bool make_workers(struct supervisor *supervisor, struct error *error) {
    const char **names = config_worker_names(supervisor->config);
    bool did = names != NULL;
    for (size_t i = 0; did && names[i] != NULL; i++)
        did = supervisor_add(supervisor, names[i]);
    free(names);
    supervisor->env = (struct worker_env){
        .program = supervisor->options.program,
        .arguments = supervisor->options.arguments,
        .environment =
            did ? make_environment(supervisor->notices_path, supervisor->left.mark) : NULL,
        .log = supervisor->log,
    };
    supervisor_limits(supervisor);
    return (did && supervisor->env.environment != NULL) || error_set_memory(error, "the workers");
}

static bool begin_left_behind(struct supervisor *supervisor, struct error *error) {
    char *below = config_workers_dir(supervisor->first);
    const bool did = below != NULL
                         ? left_behind_begin(&supervisor->left, below, supervisor->log, error)
                         : error_set_memory(error, "a path");
    free(below);
    return did;
}

static bool open_face(struct supervisor *supervisor, struct error *error) {
    const struct config *config = supervisor->first;
    const struct control_options control = {
        .path = config->control_socket,
        .group = config->control_group,
        .max_body = (size_t)config->decode.max_bytes + ((size_t)64 << 10),
        .log = supervisor->log,
        .context = supervisor,
        .handle = supervisor_handle,
    };
    supervisor->control = control_new(&control, error);
    return supervisor->control != NULL &&
           (!config->http_enabled || supervisor_listen(supervisor, error));
}

static bool write_in_force(struct supervisor *supervisor, struct error *error) {
    char *path = config_in_force_path(supervisor->first);
    if (path == NULL)
        return error_set_memory(error, "a path");
    if (in_force_write(supervisor->first, path, error))
        supervisor->in_force = path;
    else
        free(path);
    return supervisor->in_force != NULL;
}

struct supervisor *supervisor_new(const struct supervisor_options *options, struct error *error) {
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (supervisor == NULL) {
        config_free(options->config);
        error_set_memory(error, "the supervisor");
        return NULL;
    }
    supervisor->options = *options;
    supervisor->log = options->log;
    supervisor->first = options->config;
    supervisor->notices = supervisor->lock_file = -1;
    supervisor->stop_calls = (struct signals_stop){
        .on_stop = on_stop, .on_request = on_signal, .on_late = on_late, .context = supervisor};
    pthread_mutex_init(&supervisor->lock, NULL);
    pthread_mutex_init(&supervisor->reload, NULL);
    pthread_cond_init(&supervisor->changed, NULL);
    lock_alone(supervisor_lock);
    supervisor->config = options->config;
    supervisor->begun_ns = clock_monotonic_ns();
    supervisor->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (supervisor->wake < 0)
        error_set_errno(error, errno, "cannot create an eventfd");
    if (supervisor->wake < 0 || !make_directories(supervisor, options->config, error) ||
        !begin_left_behind(supervisor, error) || !write_in_force(supervisor, error) ||
        !make_workers(supervisor, error) || !open_face(supervisor, error))
        goto failed;
    supervisor->notices = notices_open(supervisor->notices_path, error);
    if (supervisor->notices < 0 ||
        !thread_start(&supervisor->reloader, "reload", reloader_main, supervisor, error))
        goto failed;
    supervisor->has_reloader = true;
    return supervisor;

failed:
    supervisor_free(supervisor);
    return NULL;
}

void supervisor_free(struct supervisor *supervisor) {
    if (supervisor == NULL)
        return;
    if (supervisor->has_reloader) {
        lock_acquire(&supervisor->lock, supervisor_lock);
        supervisor->is_over = true;
        pthread_cond_broadcast(&supervisor->changed);
        lock_release(&supervisor->lock, supervisor_lock);
        pthread_join(supervisor->reloader, NULL);
    }
    control_free(supervisor->control);
    if (supervisor->in_force != NULL) /* behind the last reload, which may write it */
        (void)unlink(supervisor->in_force);
    /* Behind the last reload, which may set it. */
    signals_on_stop(supervisor->options.signals, NULL, SIGNALS_NO_LIMIT);
    supervisor_unlisten(supervisor);
    lock_alone(supervisor_lock);
    for (size_t i = 0; i < supervisor->count; i++)
        worker_free(supervisor->workers[i]);
    free(supervisor->workers);
    free_environment(supervisor->env.environment);
    supervisor_release_orders(supervisor);
    if (supervisor->notices >= 0) {
        close(supervisor->notices);
        unlink(supervisor->notices_path);
    }
    free(supervisor->notices_path);
    free(supervisor->in_force);
    if (supervisor->lock_file >= 0)
        close(supervisor->lock_file);
    if (supervisor->wake >= 0)
        close(supervisor->wake);
    if (supervisor->config != supervisor->first)
        config_free(supervisor->config);
    config_free(supervisor->first);
    pthread_mutex_destroy(&supervisor->lock);
    pthread_mutex_destroy(&supervisor->reload);
    pthread_cond_destroy(&supervisor->changed);
    free(supervisor);
}
