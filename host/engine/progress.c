#include "engine/progress.h"

#include "source/source.h"

#include <stdlib.h>
#include <string.h>

void progress_init(struct progress *progress) {
    memset(progress, 0, sizeof *progress);
    progress->next = SOURCE_NO_OFFSET;
    progress->stored = SOURCE_NO_OFFSET;
    progress->assigned_at = SOURCE_NO_OFFSET;
}

void progress_release(struct progress *progress) {
    while (progress->first != NULL) {
        struct pending *next = progress->first->next;
        free(progress->first);
        progress->first = next;
    }
    progress->last = NULL;
    progress->pending_count = 0;
}

struct pending *progress_hold(struct progress *progress, int64_t offset) {
    struct pending *pending = malloc(sizeof *pending);
    if (pending == NULL)
        return NULL;
    pending->next = NULL;
    pending->offset = offset;
    atomic_init(&pending->holds, 1);
    if (progress->last != NULL)
        progress->last->next = pending;
    else
        progress->first = pending;
    progress->last = pending;
    progress->pending_count++;
    return pending;
}

void pending_add_hold(struct pending *pending) {
    atomic_fetch_add_explicit(&pending->holds, 1, memory_order_relaxed);
}

void pending_drop(struct pending *pending) {
    atomic_fetch_sub_explicit(&pending->holds, 1, memory_order_release);
}

uint64_t progress_collect(struct progress *progress) {
    uint64_t collected = 0;
    while (progress->first != NULL &&
           atomic_load_explicit(&progress->first->holds, memory_order_acquire) == 0) {
        struct pending *next = progress->first->next;
        free(progress->first);
        progress->first = next;
        collected++;
    }
    if (progress->first == NULL)
        progress->last = NULL;
    progress->pending_count -= collected;
    return collected;
}

void progress_abandon(struct progress *progress, struct progress *orphans) {
    if (progress->first == NULL)
        return;
    if (orphans->last != NULL)
        orphans->last->next = progress->first;
    else
        orphans->first = progress->first;
    orphans->last = progress->last;
    orphans->pending_count += progress->pending_count;
    progress->first = progress->last = NULL;
    progress->pending_count = 0;
}

int64_t progress_done(const struct progress *progress) {
    return progress->first != NULL ? progress->first->offset : progress->next;
}
