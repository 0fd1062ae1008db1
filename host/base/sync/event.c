#include "base/sync/event.h"

#include "base/sync/condition.h"

void event_init(struct event *event) {
    lock_alone(event_lock);
    *event = (struct event){.count = 0};
    pthread_mutex_init(&event->lock, NULL);
    condition_init(&event->changed);
}

void event_release(struct event *event) {
    pthread_cond_destroy(&event->changed);
    pthread_mutex_destroy(&event->lock);
}

void event_signal(struct event *event) {
    lock_acquire(&event->lock, event_lock);
    event->count++;
    pthread_cond_broadcast(&event->changed);
    lock_release(&event->lock, event_lock);
}

uint64_t event_seen(struct event *event) {
    lock_acquire(&event->lock, event_lock);
    const uint64_t count = event->count;
    lock_release(&event->lock, event_lock);
    return count;
}

bool event_wait(struct event *event, uint64_t seen, int64_t until_ns) {
    lock_acquire(&event->lock, event_lock);
    while (event->count == seen && condition_wait(&event->changed, &event->lock, until_ns))
        ;
    const bool has_come = event->count != seen;
    lock_release(&event->lock, event_lock);
    return has_come;
}
