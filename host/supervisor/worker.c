#include "supervisor/worker.h"

#include "base/io.h"
#include "base/text.h"
#include "config/sections/workers.h"
#include "os/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CRASH_SUFFIX ".crash"
/* A file that is longer is none of ours. */
/* Of a pipe, by a relay's part of it, however short the pieces were that were written. */
#define REST_READS   64
#define CRASH_MAX    ((size_t)64 << 10)

const char *worker_state_name(enum worker_state state) {
    static const char *const names[] = {
        [WORKER_IDLE] = "stopped",    [WORKER_STARTING] = "starting",
        [WORKER_RUNNING] = "running", [WORKER_STOPPING] = "stopping",
        [WORKER_HANGING] = "hanging", [WORKER_WAITING] = "waiting",
        [WORKER_DOWN] = "down"};
    return names[state];
}

/* ---- life ---- */

struct worker *worker_new(const struct config *config, const char *name) {
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return NULL;
    *worker = (struct worker){.name = text_dup(name, strlen(name)),
                              .group = config_worker_group(config, name),
                              .socket = config_worker_socket(config, name),
                              .state_dir = config_worker_state_dir(config, name),
                              .down_note = config_worker_down_note(config, name),
                              .state = WORKER_IDLE,
                              .is_wanted = true,
                              .process = -1,
                              .written = -1};
    relay_init(&worker->relay);
    if (worker->name != NULL && worker->group != NULL && worker->socket != NULL &&
        worker->state_dir != NULL && worker->down_note != NULL)
        return worker;
    worker_free(worker);
    return NULL;
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void worker_free(struct worker *worker) {
    if (worker == NULL)
        return;
    close_fd(&worker->process);
    close_fd(&worker->written);
    relay_release(&worker->relay);
    free(worker->name);
    free(worker->group);
    free(worker->socket);
    free(worker->state_dir);
    if (worker->down_note != NULL)
        (void)unlink(worker->down_note);
    free(worker->down_note);
    free(worker);
}

bool worker_has_process(const struct worker *worker) {
    return worker->process >= 0;
}

void worker_signal(const struct worker *worker, int number) {
    if (worker_has_process(worker))
        (void)syscall(SYS_pidfd_send_signal, worker->process, number, NULL, 0);
}

/* ---- begin ---- */

/* The options, and the name behind them; and what an operator has ordered. Its items are others'.
 */
static const char **arguments_of(const struct worker *worker, const struct worker_env *env) {
    size_t count = 0;
    while (env->arguments[count] != NULL)
        count++;
    const char **arguments = calloc(count + 5, sizeof *arguments);
    if (arguments == NULL)
        return NULL;
    memcpy(arguments, env->arguments, count * sizeof *arguments);
    arguments[count++] = worker->name;
    if (env->is_drained)
        arguments[count++] = "--drained";
    if (env->suspended != NULL) {
        arguments[count++] = "--suspended";
        arguments[count++] = env->suspended;
    }
    return arguments;
}

static bool spawn_it(struct worker *worker, const struct worker_env *env, int nothing, int theirs,
                     struct error *error) {
    const struct spawn_fd fds[] = {
        {nothing, STDIN_FILENO}, {STDOUT_FILENO, STDOUT_FILENO}, {theirs, STDERR_FILENO}};
    const char **arguments = arguments_of(worker, env);
    if (arguments == NULL)
        return error_set_memory(error, "its options");
    const struct spawn spawn = {.program = env->program,
                                .arguments = (char *const *)arguments,
                                .environment = env->environment,
                                .fds = fds,
                                .fd_count = sizeof fds / sizeof *fds};
    const bool did = spawn_process(&spawn, &worker->pid, error);
    free(arguments);
    return did;
}

static bool begin(struct worker *worker, const struct worker_env *env, struct error *error) {
    int theirs = -1, status;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || !spawn_move_up(&nothing) || !spawn_pipe(&worker->written, &theirs)) {
        error_set_errno(error, errno, "cannot open what it begins with");
    } else if (spawn_it(worker, env, nothing, theirs, error)) {
        worker->process = (int)syscall(SYS_pidfd_open, worker->pid, 0);
        if (worker->process < 0) {
            error_set_errno(error, errno, "cannot watch it");
            (void)spawn_reap(worker->pid, &status);
        }
    }
    close_fd(&nothing);
    close_fd(&theirs);
    if (worker->process < 0)
        close_fd(&worker->written);
    return worker->process >= 0;
}

/* For those that alert people; our own answers do not need it. */
static void note_down(const struct worker *worker, const struct worker_env *env, const char *why) {
    struct error error;
    const int fd = open(worker->down_note,
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (fd < 0 || !io_write_all(fd, why, strlen(why))) {
        error_set_errno(&error, errno, "cannot write %s", worker->down_note);
        log_warning(env->log, "ops", "%s: [alerts] does not report worker %s", error.text,
                    worker->name);
    }
    if (fd >= 0)
        (void)close(fd);
}

static void give_up(struct worker *worker, const struct worker_env *env, const char *why) {
    worker->state = WORKER_DOWN;
    (void)snprintf(worker->why_down, sizeof worker->why_down, "%s", why);
    note_down(worker, env, why);
    log_change_event(env->log, LOG_LEVEL_CRITICAL, "ops", "worker.down",
                     "worker %s stays down: %s; `take5 ctl restart %s` tries again", worker->name,
                     why, worker->name);
}

static void wait_or_give_up(struct worker *worker, const struct worker_env *env, int64_t now_ns,
                            int64_t ran_ns, bool is_explained) {
    const int64_t delay_ns = restarts_note(&worker->restarts, now_ns, ran_ns, is_explained);
    char why[128];
    if (delay_ns == RESTARTS_NEVER) {
        (void)snprintf(why, sizeof why,
                       "it died %d times within %.0f minutes and nothing names a strategy",
                       RESTARTS_UNEXPLAINED, (double)RESTARTS_WITHIN_NS / (60 * NS_PER_S));
        give_up(worker, env, why);
        return;
    }
    worker->state = WORKER_WAITING;
    worker->at_ns = now_ns + delay_ns;
}

static void start(struct worker *worker, const struct worker_env *env, int64_t now_ns) {
    struct error error = {0};
    worker->status[0] = '\0';
    worker->did_kill = worker->is_restarted = false;
    (void)unlink(worker->down_note);
    if (!begin(worker, env, &error)) {
        worker->has_begun = true;
        (void)snprintf(worker->why, sizeof worker->why, "cannot be started: %.200s", error.text);
        log_event(env->log, LOG_LEVEL_ERROR, "ops", "worker.start_failed",
                  "worker %s cannot be started: %s", worker->name, error.text);
        wait_or_give_up(worker, env, now_ns, 0, false);
        return;
    }
    worker->state = WORKER_STARTING;
    worker->starts++;
    worker->begun_ns = worker->moved_ns = now_ns;
    worker->begun_wall_ns = clock_file_ns();
    log_change_event(env->log, LOG_LEVEL_INFO, "ops", "worker.started",
                     "worker %s: process %d, group %s", worker->name, (int)worker->pid,
                     worker->group);
}

/* ---- end ---- */

/* Whether a file names a deployment: a line "deployment = NAME". */
static bool names_deployment(int directory, const char *name) {
    char text[CRASH_MAX];
    const int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    if (size <= 0)
        return false;
    text[size] = '\0';
    return strstr(text, "deployment = ") != NULL;
}

static bool is_newer(int directory, const char *name, int64_t than_ns) {
    struct stat status;
    return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           (int64_t)status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec >= than_ns;
}

/* Whether there is a crash file of the process that names who was at work. One of the process
 * before may come as late as from this one, which files what that one left (crash_file_former()).
 */
static bool is_explained(const struct worker *worker) {
    char own[32];
    const size_t end = (size_t)snprintf(own, sizeof own, "-%d" CRASH_SUFFIX, (int)worker->pid);
    char *path = text_format("%s/crash", worker->state_dir);
    DIR *directory = path != NULL ? opendir(path) : NULL;
    bool is = false;
    free(path);
    if (directory == NULL)
        return false;
    for (const struct dirent *entry; !is && (entry = readdir(directory)) != NULL;) {
        const size_t size = strlen(entry->d_name);
        is = size > end && strcmp(entry->d_name + size - end, own) == 0 &&
             is_newer(dirfd(directory), entry->d_name, worker->begun_wall_ns) &&
             names_deployment(dirfd(directory), entry->d_name);
    }
    (void)closedir(directory);
    return is;
}

static void log_how_it_ended(struct worker *worker, bool is_known, int status) {
    const char *hung = worker->state == WORKER_HANGING ? "did not move, " : "";
    if (!is_known)
        (void)snprintf(worker->why, sizeof worker->why, "%sended", hung);
    else if (WIFSIGNALED(status))
        (void)snprintf(worker->why, sizeof worker->why, "%skilled by SIG%s", hung,
                       sigabbrev_np(WTERMSIG(status)) != NULL ? sigabbrev_np(WTERMSIG(status))
                                                              : "NAL");
    else
        (void)snprintf(worker->why, sizeof worker->why, "%sexit code %d", hung,
                       WEXITSTATUS(status));
}

/* All that is there, no more than a pipe has room for: a process that holds the other end and lives
 * on may write for ever. */
static void read_rest(struct worker *worker, struct log *log) {
    for (int i = 0; i < REST_READS && worker->written >= 0; i++) {
        struct pollfd polled = {.fd = worker->written, .events = POLLIN};
        if (poll(&polled, 1, 0) <= 0)
            break;
        worker_read(worker, log);
    }
    close_fd(&worker->written);
}

static void died(struct worker *worker, const struct worker_env *env, int64_t now_ns,
                 bool is_final) {
    const bool is_known = is_explained(worker);
    worker->deaths++;
    log_change_event(env->log, LOG_LEVEL_ERROR, "ops", "worker.died",
                     "worker %s: process %d: %s after %.1f s%s", worker->name, (int)worker->pid,
                     worker->why, (double)(now_ns - worker->begun_ns) / (double)NS_PER_S,
                     is_known ? "; its crash file names a strategy" : "");
    if (is_final)
        give_up(worker, env,
                "its configuration is refused, or another process has its place in its group: its "
                "log says which");
    else
        wait_or_give_up(worker, env, now_ns, now_ns - worker->begun_ns, is_known);
}

void worker_ended(struct worker *worker, const struct worker_env *env, int64_t now_ns) {
    int status = 0;
    const bool was_asked = worker->state == WORKER_STOPPING;
    const bool is_known = spawn_reap(worker->pid, &status);
    const bool is_good = is_known && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    read_rest(worker, env->log);
    relay_release(&worker->relay);
    relay_init(&worker->relay);
    close_fd(&worker->process);
    worker->has_begun = true;
    log_how_it_ended(worker, is_known, status);
    if (was_asked) {
        worker->was_left_behind = !is_good && !worker->is_restarted;
        log_change_event(env->log, is_good ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "ops",
                         "worker.stopped", "worker %s stopped: %s", worker->name, worker->why);
        worker->state = WORKER_IDLE;
        worker->why[0] = '\0';
    } else if (worker->is_wanted) {
        died(worker, env, now_ns,
             is_known && WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_FINAL);
    } else {
        worker->was_left_behind = !is_good;
        worker->state = WORKER_IDLE;
    }
}

void worker_read(struct worker *worker, struct log *log) {
    if (worker->written >= 0 && !relay_read(&worker->relay, worker->written, log))
        close_fd(&worker->written);
}

/* ---- what is asked for ---- */

void worker_stop(struct worker *worker, const struct worker_env *env, bool is_restarted,
                 int64_t now_ns) {
    worker->is_restarted = is_restarted;
    worker->is_wanted = is_restarted;
    if (!worker_has_process(worker)) {
        worker->state = WORKER_IDLE;
        return;
    }
    if (worker->state == WORKER_STOPPING || worker->state == WORKER_HANGING)
        return;
    worker->state = WORKER_STOPPING;
    worker->at_ns = now_ns + env->stop_ns;
    worker_signal(worker, SIGTERM);
}

void worker_await_stop(struct worker *worker, const struct worker_env *env, int64_t now_ns) {
    worker->is_wanted = worker->is_restarted = false;
    if (worker->state == WORKER_WAITING)
        worker->state = WORKER_IDLE;
    if (worker->state != WORKER_STARTING && worker->state != WORKER_RUNNING)
        return;
    worker->state = WORKER_STOPPING;
    worker->at_ns = now_ns + env->stop_ns;
}

void worker_restart(struct worker *worker, const struct worker_env *env, int64_t now_ns) {
    worker->restarts = (struct restarts){0};
    worker_stop(worker, env, true, now_ns);
}

/* ---- time ---- */

static void hang(struct worker *worker, const struct worker_env *env, int64_t now_ns,
                 const char *what) {
    worker->state = WORKER_HANGING;
    worker->hangs++;
    worker->at_ns = now_ns + WORKER_ABORT_NS;
    log_change_event(env->log, LOG_LEVEL_ERROR, "ops", "worker.hangs",
                     "worker %s: process %d %s for %.1f s: ended by SIGABRT", worker->name,
                     (int)worker->pid, what,
                     (double)(now_ns - worker->moved_ns) / (double)NS_PER_S);
    worker_signal(worker, SIGABRT);
}

static int64_t hangs_at_ns(const struct worker *worker, const struct worker_env *env) {
    if (worker->state == WORKER_STARTING)
        return worker->moved_ns + (env->hang_ns > WORKER_START_NS ? env->hang_ns : WORKER_START_NS);
    return worker->moved_ns + env->hang_ns;
}

void worker_turn(struct worker *worker, const struct worker_env *env, int64_t now_ns) {
    switch (worker->state) {
    case WORKER_IDLE:
        if (worker->is_wanted && !worker->is_in_move)
            start(worker, env, now_ns);
        break;
    case WORKER_WAITING:
        if (now_ns >= worker->at_ns && !worker->is_in_move)
            start(worker, env, now_ns);
        break;
    case WORKER_STARTING:
    case WORKER_RUNNING:
        if (now_ns >= hangs_at_ns(worker, env))
            hang(worker, env, now_ns,
                 worker->state == WORKER_STARTING ? "has not become ready" : "has not moved");
        break;
    case WORKER_STOPPING:
    case WORKER_HANGING:
        if (!worker->did_kill && now_ns >= worker->at_ns) {
            worker->did_kill = true;
            worker_signal(worker, SIGKILL);
        }
        break;
    case WORKER_DOWN:
        break;
    }
}

int64_t worker_due_ns(const struct worker *worker, const struct worker_env *env) {
    switch (worker->state) {
    case WORKER_IDLE:
        return worker->is_wanted && !worker->is_in_move ? 0 : INT64_MAX;
    case WORKER_STARTING:
    case WORKER_RUNNING:
        return hangs_at_ns(worker, env);
    case WORKER_STOPPING:
    case WORKER_HANGING:
        return worker->did_kill ? INT64_MAX : worker->at_ns;
    case WORKER_WAITING:
        return worker->is_in_move ? INT64_MAX : worker->at_ns;
    case WORKER_DOWN:
        break;
    }
    return INT64_MAX;
}

void worker_notice(struct worker *worker, const struct notice *notice, int64_t now_ns) {
    char value[NOTICE_MAX];
    if (notice_value(notice, "READY", value, sizeof value)) {
        if (worker->state == WORKER_STARTING)
            worker->state = WORKER_RUNNING;
        worker->has_begun = true;
        worker->moved_ns = now_ns;
    }
    if (notice_value(notice, "WATCHDOG", value, sizeof value) ||
        notice_value(notice, "RELOADING", value, sizeof value))
        worker->moved_ns = now_ns;
    if (notice_value(notice, "STATUS", value, sizeof value))
        memcpy(worker->status, value, sizeof worker->status);
}

void worker_describe(const struct worker *worker, int64_t now_ns, char *text, size_t size) {
    const char *state = worker_state_name(worker->state);
    if (worker->state == WORKER_WAITING)
        (void)snprintf(text, size, "%s %.1f s for its restart: %s", state,
                       worker->at_ns > now_ns ? (double)(worker->at_ns - now_ns) / (double)NS_PER_S
                                              : 0.0,
                       worker->why);
    else if (worker->state == WORKER_DOWN)
        (void)snprintf(text, size, "%s: %s, last: %.80s; take5 ctl restart %s", state,
                       worker->why_down, worker->why, worker->name);
    else
        (void)snprintf(text, size, "%s", state);
}
