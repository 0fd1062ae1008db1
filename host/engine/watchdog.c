#include "engine/watchdog.h"

#include "base/clock.h"
#include "base/sync/condition.h"
#include "base/sync/locks.h"
#include "engine/crash/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS  50
/* Without a turn for so long it does not watch. */
#define LATE_NS  (10 * NS_PER_S)
/* How long the last words may take to get out. */
#define WORDS_NS NS_PER_S

struct watched {
    uint64_t sequence;
    int64_t heartbeat_ns; /* of a lane */
    int64_t since_ns;
    bool has_reported_slow;
    bool is_stuck;
};

LOCK_CLASS(watchdog_lock);
struct watchdog {
    pthread_t thread;
    struct lane **lanes;
    size_t lane_count;
    const struct current_call *loader;
    pthread_mutex_t *call_readers; /* held while an instance is looked at */
    struct log *log;
    struct watched *watched; /* by lane, then the loader; the thread's own */
    _Atomic int64_t stuck_ns, slow_ns;
    _Atomic int on_stuck;
    _Atomic int64_t turn_ns; /* when it looked last; 0: it looks no more */
    pthread_mutex_t lock;    /* guards what follows */
    pthread_cond_t changed;
    bool should_stop GUARDED_BY(watchdog_lock);
    char stuck[256] GUARDED_BY(watchdog_lock); /* empty: all move */
    char (*busy)[128]; /* by lane: the deployment that is in a callback for a turn, or empty */
};

static const struct current_call *hand(const struct watchdog *watchdog, size_t index) {
    return index < watchdog->lane_count ? watchdog->lanes[index]->current_call : watchdog->loader;
}

/* Of the instance whose callback runs; false when none is. */
static bool name_current_call(const struct watchdog *watchdog,
                              const struct current_call *current_call, enum callback *callback,
                              char *name, size_t size) {
    lock_acquire(watchdog->call_readers, call_readers_lock);
    *callback = (enum callback)atomic_load(&current_call->callback);
    const struct instance *instance = atomic_load(&current_call->instance);
    const bool is_in_one = *callback != CALLBACK_NONE && instance != NULL;
    snprintf(name, size, "%s", is_in_one ? instance_get_spec(instance)->deployment : "");
    lock_release(watchdog->call_readers, call_readers_lock);
    return is_in_one;
}

static void describe(const struct watchdog *watchdog, size_t index, int64_t for_ns, char *text,
                     size_t size) {
    char name[128];
    enum callback callback;
    const struct current_call *current_call = hand(watchdog, index);
    const bool is_in_one = name_current_call(watchdog, current_call, &callback, name, sizeof name);
    const char *topic = atomic_load(&current_call->topic);
    if (!is_in_one && index == watchdog->lane_count) {
        snprintf(text, size, "loading a strategy file has taken %.1f s so far",
                 (double)for_ns / (double)NS_PER_S);
        return;
    }
    if (!is_in_one) {
        snprintf(text, size, "lane %zu has made no progress for %.1f s", index,
                 (double)for_ns / (double)NS_PER_S);
        return;
    }
    snprintf(text, size, "%s has been in %s for %.1f s at %s/%" PRId32 "/%" PRId64, name,
             callback_name(callback), (double)for_ns / (double)NS_PER_S,
             topic != NULL ? topic : "no message", atomic_load(&current_call->partition),
             atomic_load(&current_call->offset));
}

static void report_stuck(struct watchdog *watchdog, const char *text) {
    lock_acquire(&watchdog->lock, watchdog_lock);
    snprintf(watchdog->stuck, sizeof watchdog->stuck, "%s", text);
    lock_release(&watchdog->lock, watchdog_lock);
}

static void log_stuck(struct watchdog *watchdog, const char *text) {
    log_change_event(watchdog->log, LOG_LEVEL_CRITICAL, "engine", "lane.stuck",
                     "stuck: %s ([take5] stuck_ms)", text);
}

/* Nobody destroys the instance from here on. The file first: it is what the next start goes by. */
static _Noreturn void exit_stuck(struct watchdog *watchdog, size_t index, const char *text) {
    lock_acquire(watchdog->call_readers, call_readers_lock);
    crash_write_hang(hand(watchdog, index));
    log_stuck(watchdog, text);
    log_change_event(watchdog->log, LOG_LEVEL_CRITICAL, "engine", "lane.stuck_exit",
                     "exiting, because on_stuck = exit; unfinished messages are not committed");
    log_flush(watchdog->log, WORDS_NS);
    _exit(1);
}

/* Whoever is in a debugger takes his time in a callback. */
static bool has_debugger(void) {
    static const char key[] = "\nTracerPid:";
    char text[4096];
    const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *found = strstr(text, key);
    return found != NULL && strtol(found + strlen(key), NULL, 10) != 0;
}

static void on_stuck(struct watchdog *watchdog, size_t index, int64_t for_ns) {
    char text[256];
    watchdog->watched[index].is_stuck = true;
    describe(watchdog, index, for_ns, text, sizeof text);
    report_stuck(watchdog, text);
    if (atomic_load(&watchdog->on_stuck) == ON_STUCK_EXIT && !has_debugger())
        exit_stuck(watchdog, index, text);
    log_stuck(watchdog, text);
}

/* `current_call` NULL: it moves. */
static void note_busy(struct watchdog *watchdog, size_t index,
                      const struct current_call *current_call) {
    char name[sizeof watchdog->busy[index]] = "";
    enum callback callback;
    if (current_call != NULL)
        name_current_call(watchdog, current_call, &callback, name, sizeof name);
    if (name[0] == '\0' && watchdog->busy[index][0] == '\0')
        return;
    lock_acquire(&watchdog->lock, watchdog_lock);
    memcpy(watchdog->busy[index], name, sizeof name);
    lock_release(&watchdog->lock, watchdog_lock);
}

/* A lane moves when its callbacks change or its loop turns; the loader moves unless it is in one
 * callback all the time. */
static bool has_moved(const struct watchdog *watchdog, size_t index, const struct watched *one,
                      struct watched *now) {
    const struct current_call *current_call = hand(watchdog, index);
    now->sequence = atomic_load_explicit(&current_call->sequence, memory_order_relaxed);
    if (index < watchdog->lane_count)
        now->heartbeat_ns =
            atomic_load_explicit(&watchdog->lanes[index]->heartbeat_ns, memory_order_relaxed);
    else if (atomic_load_explicit(&current_call->callback, memory_order_relaxed) == CALLBACK_NONE)
        return true;
    return one->since_ns == 0 || now->sequence != one->sequence ||
           now->heartbeat_ns != one->heartbeat_ns;
}

static void look(struct watchdog *watchdog, size_t index, int64_t now_ns) {
    struct watched *one = &watchdog->watched[index];
    struct watched now = {.since_ns = now_ns};
    const struct current_call *current_call = hand(watchdog, index);
    const bool is_moving = has_moved(watchdog, index, one, &now);
    if (index < watchdog->lane_count)
        note_busy(watchdog, index, is_moving ? NULL : current_call);
    if (is_moving) {
        if (one->is_stuck) {
            log_change_event(watchdog->log, LOG_LEVEL_WARNING, "engine", "lane.recovered",
                             "no longer stuck: progress resumed");
            report_stuck(watchdog, "");
        }
        *one = now;
        return;
    }
    const int64_t for_ns = now_ns - one->since_ns;
    /* What takes seconds is named while it runs; the rest when it returns. */
    if (!one->has_reported_slow && for_ns > atomic_load(&watchdog->slow_ns) && for_ns > NS_PER_S) {
        char text[256];
        one->has_reported_slow = true;
        describe(watchdog, index, for_ns, text, sizeof text);
        log_event(watchdog->log, LOG_LEVEL_WARNING, "strategy", "callback.slow",
                  "slow: %s, still running", text);
    }
    if (!one->is_stuck && for_ns > atomic_load(&watchdog->stuck_ns))
        on_stuck(watchdog, index, for_ns);
}

static void *watch_main(void *argument) {
    struct watchdog *watchdog = argument;
    lock_acquire(&watchdog->lock, watchdog_lock);
    while (!watchdog->should_stop) {
        const int64_t at = clock_monotonic_ns() + TURN_MS * NS_PER_MS;
        (void)condition_wait(&watchdog->changed, &watchdog->lock, at);
        lock_release(&watchdog->lock, watchdog_lock);
        const int64_t now_ns = clock_monotonic_ns();
        atomic_store(&watchdog->turn_ns, now_ns);
        for (size_t i = 0; i <= watchdog->lane_count; i++)
            look(watchdog, i, now_ns);
        lock_acquire(&watchdog->lock, watchdog_lock);
    }
    lock_release(&watchdog->lock, watchdog_lock);
    return NULL;
}

void watchdog_configure(struct watchdog *watchdog, const struct config *config) {
    atomic_store(&watchdog->stuck_ns, config->stuck_ns);
    atomic_store(&watchdog->slow_ns, config->slow_callback_ns);
    atomic_store(&watchdog->on_stuck, (int)config->on_stuck);
}

struct watchdog *watchdog_new(struct lane **lanes, size_t count, const struct current_call *loader,
                              pthread_mutex_t *call_readers, const struct config *config,
                              struct log *log, struct error *error) {
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    struct watched *watched = calloc(count + 1, sizeof *watched);
    char(*busy)[128] = calloc(count + 1, sizeof *busy);
    if (watchdog == NULL || watched == NULL || busy == NULL) {
        free(watchdog);
        free(busy);
        free(watched);
        error_set_memory(error, "the watchdog");
        return NULL;
    }
    watchdog->lanes = lanes;
    watchdog->lane_count = count;
    watchdog->loader = loader;
    watchdog->call_readers = call_readers;
    watchdog->log = log;
    watchdog->watched = watched;
    watchdog->busy = busy;
    watchdog_configure(watchdog, config);
    condition_init(&watchdog->changed);
    pthread_mutex_init(&watchdog->lock, NULL);
    atomic_store(&watchdog->turn_ns, clock_monotonic_ns());
    const int status = pthread_create(&watchdog->thread, NULL, watch_main, watchdog);
    if (status != 0) {
        error_set_errno(error, status, "cannot start the watchdog thread");
        pthread_mutex_destroy(&watchdog->lock);
        pthread_cond_destroy(&watchdog->changed);
        free(watched);
        free(busy);
        free(watchdog);
        return NULL;
    }
    pthread_setname_np(watchdog->thread, "watch");
    return watchdog;
}

void watchdog_end(struct watchdog *watchdog) {
    if (watchdog == NULL)
        return;
    lock_acquire(&watchdog->lock, watchdog_lock);
    const bool has_ended = watchdog->should_stop;
    watchdog->should_stop = true;
    pthread_cond_broadcast(&watchdog->changed);
    lock_release(&watchdog->lock, watchdog_lock);
    if (has_ended)
        return;
    pthread_join(watchdog->thread, NULL);
    atomic_store(&watchdog->turn_ns, 0);
}

void watchdog_free(struct watchdog *watchdog) {
    if (watchdog == NULL)
        return;
    watchdog_end(watchdog);
    pthread_mutex_destroy(&watchdog->lock);
    pthread_cond_destroy(&watchdog->changed);
    free(watchdog->watched);
    free(watchdog->busy);
    free(watchdog);
}

bool watchdog_is_live(const struct watchdog *watchdog, char *text, size_t size) {
    struct watchdog *self = (struct watchdog *)watchdog;
    lock_acquire(&self->lock, watchdog_lock);
    bool is_live = self->stuck[0] == '\0';
    snprintf(text, size, "%s", self->stuck);
    lock_release(&self->lock, watchdog_lock);
    const int64_t turn_ns = atomic_load(&self->turn_ns);
    const int64_t for_ns = turn_ns != 0 ? clock_monotonic_ns() - turn_ns : 0;
    if (is_live && for_ns > LATE_NS) {
        is_live = false;
        snprintf(text, size, "the watchdog thread has made no progress for %.1f s",
                 (double)for_ns / (double)NS_PER_S);
    }
    return is_live;
}

bool watchdog_in_callback(const struct watchdog *watchdog, size_t lane, char *name, size_t size) {
    struct watchdog *self = (struct watchdog *)watchdog;
    lock_acquire(&self->lock, watchdog_lock);
    snprintf(name, size, "%s", self->busy[lane]);
    lock_release(&self->lock, watchdog_lock);
    return name[0] != '\0';
}
