/*
 * base/sync/locks.h - which lock guards what, held by clang (ctest: tidy).
 *
 *   LOCK_CLASS(queue_lock);
 *   struct queue {
 *       pthread_mutex_t mutex;
 *       size_t count GUARDED_BY(queue_lock);
 *   };
 *   REQUIRES(queue_lock) static bool has_any(const struct queue *queue);
 *   lock_acquire(&queue->mutex, queue_lock);
 *
 * In C a member cannot name its neighbour in an attribute, so that a class stands for the mutexes
 * of all objects of a type. Clang holds that some mutex of the class is held wherever a member is
 * touched, that a function gives back what it takes on every path, and takes nothing twice. That it
 * is the mutex of this object is for readers and ThreadSanitizer. A wait on a condition leaves it
 * held.
 *
 * To a compiler these are pthread_mutex_lock() and pthread_mutex_unlock().
 */
#ifndef TAKE5_BASE_SYNC_LOCKS_H
#define TAKE5_BASE_SYNC_LOCKS_H

#include <pthread.h>

#ifdef TAKE5_CHECK_LOCKS /* clang -Wthread-safety -fsyntax-only: nothing of it is linked */

#define LOCK_CLASS(CLASS) extern struct lock_class CLASS
#define GUARDED_BY(CLASS) __attribute__((guarded_by(CLASS)))
/* Of a function: who calls it holds the lock, and still does when it returns. */
#define REQUIRES(CLASS)   __attribute__((requires_capability(CLASS)))
/* It returns with the lock, or gives it up. */
#define ACQUIRES(CLASS)   __attribute__((acquire_capability(CLASS)))
#define RELEASES(CLASS)   __attribute__((release_capability(CLASS)))

struct __attribute__((capability("lock"))) lock_class {
    char unused;
};
void lock_acquire_of(pthread_mutex_t *mutex, struct lock_class *lock) ACQUIRES(*lock);
void lock_release_of(pthread_mutex_t *mutex, struct lock_class *lock) RELEASES(*lock);
_Bool lock_try_of(pthread_mutex_t *mutex, struct lock_class *lock)
    __attribute__((try_acquire_capability(1, *lock)));
void lock_only_writer_of(struct lock_class *lock) __attribute__((assert_shared_capability(*lock)));
void lock_alone_of(struct lock_class *lock) __attribute__((assert_capability(*lock)));

#define lock_acquire(MUTEX, CLASS) lock_acquire_of((MUTEX), &(CLASS))
#define lock_release(MUTEX, CLASS) lock_release_of((MUTEX), &(CLASS))
#define lock_try(MUTEX, CLASS)     lock_try_of((MUTEX), &(CLASS))
#define lock_alone(CLASS)          lock_alone_of(&(CLASS))
#define lock_only_writer(CLASS)    lock_only_writer_of(&(CLASS))

#else

#define LOCK_CLASS(CLASS) struct lock_class
#define GUARDED_BY(CLASS)
#define REQUIRES(CLASS)
#define ACQUIRES(CLASS)
#define RELEASES(CLASS)

#define lock_acquire(MUTEX, CLASS) ((void)pthread_mutex_lock(MUTEX))
#define lock_release(MUTEX, CLASS) ((void)pthread_mutex_unlock(MUTEX))
/* Whether it was taken: nobody held it. */
#define lock_try(MUTEX, CLASS)     (pthread_mutex_trylock(MUTEX) == 0)
/* From here on no other thread knows the object, or none does yet: it is being made or freed. */
#define lock_alone(CLASS)          ((void)0)
/* What is read from here on, nobody but this thread ever writes. */
#define lock_only_writer(CLASS)    ((void)0)

#endif
#endif
