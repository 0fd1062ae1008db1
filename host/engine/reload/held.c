#include "engine/reload/held.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* Another file came for it and was refused: its state still waits for one that is not. */
static bool is_still_held(const struct plan *plan, const char *deployment) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_item *item = &plan->items[i];
        if (strcmp(item->name, deployment) == 0)
            return item->outcome == OUTCOME_REJECTED && item->running == NULL;
    }
    return false;
}

/* All of them, without a plan; else those that it has settled, of `only` or of all. */
REQUIRES(status_lock)
static void drop_held(struct engine *engine, const struct plan *plan, const char *only) {
    size_t kept = 0;
    for (size_t i = 0; i < engine->held_count; i++) {
        struct held *held = engine->held[i];
        const bool is_meant = only == NULL || strcmp(held->name, only) == 0;
        if (is_meant && (plan == NULL || !is_still_held(plan, held->name)))
            held_free(held);
        else
            engine->held[kept++] = held;
    }
    engine->held_count = kept;
}

static int compare_held(const void *a, const void *b) {
    return strcmp((*(struct held *const *)a)->name, (*(struct held *const *)b)->name);
}

void held_note(struct engine *engine, struct plan *plan, const char *only) {
    lock_acquire(&engine->status_lock, status_lock);
    drop_held(engine, plan, only);
    const bool has_room = ARRAY_RESIZE(engine->held, engine->held_count + plan->count + 1);
    for (size_t i = 0; has_room && i < plan->count; i++) {
        if (plan->items[i].held == NULL)
            continue;
        engine->held[engine->held_count++] = plan->items[i].held;
        plan->items[i].held = NULL;
    }
    if (engine->held_count > 1)
        qsort(engine->held, engine->held_count, sizeof *engine->held, compare_held);
    lock_release(&engine->status_lock, status_lock);
}

void held_release(struct engine *engine) {
    lock_alone(status_lock);
    drop_held(engine, NULL, NULL);
    free(engine->held);
    engine->held = NULL;
}
