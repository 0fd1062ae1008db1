#include "engine/watch.h"

#include "base/clock.h"
#include "engine/crash.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS 50

struct sight {
    uint64_t sequence;
    int64_t beat_ns; /* of a lane */
    int64_t since_ns;
    bool did_say_slow;
    bool is_stuck;
};

struct watch {
    pthread_t thread;
    struct lane **lanes;
    size_t lane_count;
    const struct in_hand *loader;
    pthread_mutex_t *lookers; /* held while an instance is looked at */
    struct log *log;
    struct sight *sights; /* by lane, then the loader; the thread's own */
    _Atomic int64_t stuck_ns, slow_ns;
    _Atomic int on_stuck;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool should_stop;
    char stuck[256];   /* empty: all move */
    char (*busy)[128]; /* by lane: the deployment that is in a callback for a turn, or empty */
};

static const struct in_hand *hand(const struct watch *watch, size_t index) {
    return index < watch->lane_count ? &watch->lanes[index]->in_hand : watch->loader;
}

/* Of the instance whose callback is in hand; false when none is. */
static bool name_in_hand(const struct watch *watch, const struct in_hand *in_hand,
                         enum callback *callback, char *name, size_t size) {
    pthread_mutex_lock(watch->lookers);
    *callback = (enum callback)atomic_load(&in_hand->callback);
    const struct instance *instance = atomic_load(&in_hand->instance);
    const bool is_in_one = *callback != CALLBACK_NONE && instance != NULL;
    snprintf(name, size, "%s", is_in_one ? instance_blueprint(instance)->deployment : "");
    pthread_mutex_unlock(watch->lookers);
    return is_in_one;
}

static void describe(const struct watch *watch, size_t index, int64_t for_ns, char *text,
                     size_t size) {
    char name[128];
    enum callback callback;
    const struct in_hand *in_hand = hand(watch, index);
    const bool is_in_one = name_in_hand(watch, in_hand, &callback, name, sizeof name);
    const char *topic = atomic_load(&in_hand->topic);
    if (!is_in_one) {
        snprintf(text, size, "lane %zu has not moved for %.1f s", index,
                 (double)for_ns / (double)NS_PER_S);
        return;
    }
    snprintf(text, size, "%s has been in %s for %.1f s at %s/%" PRId32 "/%" PRId64, name,
             callback_name(callback), (double)for_ns / (double)NS_PER_S,
             topic != NULL ? topic : "no message", atomic_load(&in_hand->partition),
             atomic_load(&in_hand->offset));
}

static void say_stuck(struct watch *watch, const char *text) {
    pthread_mutex_lock(&watch->lock);
    snprintf(watch->stuck, sizeof watch->stuck, "%s", text);
    pthread_mutex_unlock(&watch->lock);
}

static void on_stuck(struct watch *watch, size_t index, int64_t for_ns) {
    char text[256];
    watch->sights[index].is_stuck = true;
    describe(watch, index, for_ns, text, sizeof text);
    say_stuck(watch, text);
    log_write(watch->log, LOG_LEVEL_CRITICAL, "engine", "stuck: %s ([take5] stuck_ms)", text);
    if (atomic_load(&watch->on_stuck) != ON_STUCK_EXIT)
        return;
    log_write(watch->log, LOG_LEVEL_CRITICAL, "engine",
              "exiting, as on_stuck = exit says; offsets that are not done come again");
    pthread_mutex_lock(watch->lookers);
    crash_write_hang(hand(watch, index), for_ns);
    _exit(1);
}

/* `in_hand` NULL: it moves. */
static void note_busy(struct watch *watch, size_t index, const struct in_hand *in_hand) {
    char name[sizeof watch->busy[index]] = "";
    enum callback callback;
    if (in_hand != NULL)
        name_in_hand(watch, in_hand, &callback, name, sizeof name);
    if (name[0] == '\0' && watch->busy[index][0] == '\0')
        return;
    pthread_mutex_lock(&watch->lock);
    memcpy(watch->busy[index], name, sizeof name);
    pthread_mutex_unlock(&watch->lock);
}

/* A lane moves when its callbacks change or its loop turns; the loader moves unless it is in one
 * callback all the time. */
static bool has_moved(const struct watch *watch, size_t index, const struct sight *sight,
                      struct sight *now) {
    const struct in_hand *in_hand = hand(watch, index);
    now->sequence = atomic_load_explicit(&in_hand->sequence, memory_order_relaxed);
    if (index < watch->lane_count)
        now->beat_ns = atomic_load_explicit(&watch->lanes[index]->beat_ns, memory_order_relaxed);
    else if (atomic_load_explicit(&in_hand->callback, memory_order_relaxed) == CALLBACK_NONE)
        return true;
    return sight->since_ns == 0 || now->sequence != sight->sequence ||
           now->beat_ns != sight->beat_ns;
}

static void look(struct watch *watch, size_t index, int64_t now_ns) {
    struct sight *sight = &watch->sights[index];
    struct sight now = {.since_ns = now_ns};
    const struct in_hand *in_hand = hand(watch, index);
    const bool is_moving = has_moved(watch, index, sight, &now);
    if (index < watch->lane_count)
        note_busy(watch, index, is_moving ? NULL : in_hand);
    if (is_moving) {
        if (sight->is_stuck) {
            log_warning(watch->log, "engine", "what was stuck moves again");
            say_stuck(watch, "");
        }
        *sight = now;
        return;
    }
    const int64_t for_ns = now_ns - sight->since_ns;
    /* What takes seconds is named while it runs; the rest when it returns. */
    if (!sight->did_say_slow && for_ns > atomic_load(&watch->slow_ns) && for_ns > NS_PER_S) {
        char text[256];
        sight->did_say_slow = true;
        describe(watch, index, for_ns, text, sizeof text);
        log_warning(watch->log, "strategy", "slow: %s, still running", text);
    }
    if (!sight->is_stuck && for_ns > atomic_load(&watch->stuck_ns))
        on_stuck(watch, index, for_ns);
}

static void *watch_main(void *argument) {
    struct watch *watch = argument;
    pthread_mutex_lock(&watch->lock);
    while (!watch->should_stop) {
        const int64_t at = clock_monotonic_ns() + TURN_MS * NS_PER_MS;
        const struct timespec until = {.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
        pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
        pthread_mutex_unlock(&watch->lock);
        const int64_t now_ns = clock_monotonic_ns();
        for (size_t i = 0; i <= watch->lane_count; i++)
            look(watch, i, now_ns);
        pthread_mutex_lock(&watch->lock);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

void watch_configure(struct watch *watch, const struct config *config) {
    atomic_store(&watch->stuck_ns, config->stuck_ns);
    atomic_store(&watch->slow_ns, config->slow_callback_ns);
    atomic_store(&watch->on_stuck, (int)config->on_stuck);
}

struct watch *watch_new(struct lane **lanes, size_t count, const struct in_hand *loader,
                        pthread_mutex_t *lookers, const struct config *config, struct log *log,
                        struct error *error) {
    struct watch *watch = calloc(1, sizeof *watch);
    struct sight *sights = calloc(count + 1, sizeof *sights);
    char(*busy)[128] = calloc(count + 1, sizeof *busy);
    if (watch == NULL || sights == NULL || busy == NULL) {
        free(watch);
        free(busy);
        free(sights);
        error_set_memory(error, sizeof *watch, "the watch");
        return NULL;
    }
    watch->lanes = lanes;
    watch->lane_count = count;
    watch->loader = loader;
    watch->lookers = lookers;
    watch->log = log;
    watch->sights = sights;
    watch->busy = busy;
    watch_configure(watch, config);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watch->lock, NULL);
    const int status = pthread_create(&watch->thread, NULL, watch_main, watch);
    if (status != 0) {
        error_set_errno(error, status, "cannot start the watch thread");
        pthread_mutex_destroy(&watch->lock);
        pthread_cond_destroy(&watch->changed);
        free(sights);
        free(busy);
        free(watch);
        return NULL;
    }
    pthread_setname_np(watch->thread, "watch");
    return watch;
}

void watch_free(struct watch *watch) {
    if (watch == NULL)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->should_stop = true;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    pthread_mutex_destroy(&watch->lock);
    pthread_cond_destroy(&watch->changed);
    free(watch->sights);
    free(watch->busy);
    free(watch);
}

bool watch_is_live(const struct watch *watch, char *text, size_t size) {
    struct watch *self = (struct watch *)watch;
    pthread_mutex_lock(&self->lock);
    const bool is_live = self->stuck[0] == '\0';
    snprintf(text, size, "%s", self->stuck);
    pthread_mutex_unlock(&self->lock);
    return is_live;
}

bool watch_in_callback(const struct watch *watch, size_t lane, char *name, size_t size) {
    struct watch *self = (struct watch *)watch;
    pthread_mutex_lock(&self->lock);
    snprintf(name, size, "%s", self->busy[lane]);
    pthread_mutex_unlock(&self->lock);
    return name[0] != '\0';
}
