/*
 * For the tsan variant alone: C11's threads over POSIX's.
 *
 * librdkafka starts its threads with thrd_create() and locks with mtx_lock() and cnd_wait(). In
 * this glibc they call POSIX's functions from inside, where ThreadSanitizer does not see it: such a
 * thread dies in its first malloc, and what a lock orders looks like a race. These come before
 * glibc's and call what ThreadSanitizer does see. The objects are the same: a mtx_t holds a
 * pthread_mutex_t.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

static int result(int error) {
    switch (error) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    case EBUSY:
        return thrd_busy;
    default:
        return thrd_error;
    }
}

struct start {
    thrd_start_t function;
    void *argument;
};

static void *begin(void *argument) {
    const struct start start = *(struct start *)argument;
    free(argument);
    return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument) {
    struct start *start = malloc(sizeof *start);
    if (start == NULL)
        return thrd_nomem;
    *start = (struct start){function, argument};
    const int error = pthread_create(thread, NULL, begin, start);
    if (error != 0)
        free(start);
    return result(error);
}

int thrd_join(thrd_t thread, int *code) {
    void *value = NULL;
    const int error = pthread_join(thread, &value);
    if (code != NULL)
        *code = (int)(intptr_t)value;
    return result(error);
}

int thrd_detach(thrd_t thread) {
    return result(pthread_detach(thread));
}

void thrd_exit(int code) {
    pthread_exit((void *)(intptr_t)code);
}

static pthread_mutex_t *mutex_of(mtx_t *mutex) {
    return (pthread_mutex_t *)mutex;
}

static pthread_cond_t *condition_of(cnd_t *condition) {
    return (pthread_cond_t *)condition;
}

/* Not for ThreadSanitizer to see: how librdkafka hands a new lock to another thread is not seen
 * either, and would look like a race with this. */
__attribute__((no_sanitize("thread"))) int mtx_init(mtx_t *mutex, int type) {
    static const pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    *mutex_of(mutex) = type & mtx_recursive ? recursive : plain;
    return thrd_success;
}

int mtx_lock(mtx_t *mutex) {
    return result(pthread_mutex_lock(mutex_of(mutex)));
}

int mtx_trylock(mtx_t *mutex) {
    return result(pthread_mutex_trylock(mutex_of(mutex)));
}

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until) {
    return result(pthread_mutex_timedlock(mutex_of(mutex), until));
}

int mtx_unlock(mtx_t *mutex) {
    return result(pthread_mutex_unlock(mutex_of(mutex)));
}

/* Frees nothing in this glibc. */
void mtx_destroy(mtx_t *mutex) {
    (void)mutex;
}

/* cnd_init() and cnd_destroy() are glibc's, unseen as mtx_init() above: which thread comes first
 * and which last is counted by librdkafka, and that is not seen. */

int cnd_signal(cnd_t *condition) {
    return result(pthread_cond_signal(condition_of(condition)));
}

int cnd_broadcast(cnd_t *condition) {
    return result(pthread_cond_broadcast(condition_of(condition)));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex) {
    return result(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until) {
    return result(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}
