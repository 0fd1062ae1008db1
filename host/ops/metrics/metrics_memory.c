#include "ops/metrics/metrics_memory.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

#define COUNTERS 12
#define FIGURES  (COUNTERS + INSTANCE_TOOK_BUCKETS)

struct metrics_remembered {
    char name[sizeof((struct view_strategy *)0)->name];
    uint64_t last[FIGURES]; /* as the view gave it */
    uint64_t lost[FIGURES];
};

static void figures_of(struct view_strategy *strategy, uint64_t *figures[FIGURES]) {
    uint64_t *const counters[COUNTERS] = {
        &strategy->messages,
        &strategy->signals,
        &strategy->refused_signals,
        &strategy->errors,
        &strategy->rejects,
        &strategy->timers_fired,
        &strategy->slow,
        &strategy->passed,
        &strategy->suspensions,
        &strategy->late,
        &strategy->history,
        /* Never negative; the same representation. */
        (uint64_t *)&strategy->busy_ns,
    };
    memcpy(figures, counters, sizeof counters);
    for (size_t i = 0; i < INSTANCE_TOOK_BUCKETS; i++)
        figures[COUNTERS + i] = &strategy->took[i];
}

static struct metrics_remembered *remember(struct metrics_memory *memory, const char *name) {
    for (size_t i = 0; i < memory->count; i++) {
        if (strcmp(memory->items[i].name, name) == 0)
            return &memory->items[i];
    }
    if (memory->count == METRICS_MEMORY_MAX)
        return NULL;
    if (!ARRAY_RESIZE(memory->items, memory->count + 1))
        return NULL;
    struct metrics_remembered *item = &memory->items[memory->count++];
    memset(item, 0, sizeof *item);
    memcpy(item->name, name, strlen(name) + 1);
    return item;
}

void metrics_memory_apply(struct metrics_memory *memory, struct view_strategy *strategy) {
    uint64_t *figures[FIGURES];
    struct metrics_remembered *item = remember(memory, strategy->name);
    if (item == NULL)
        return;
    figures_of(strategy, figures);
    for (size_t i = 0; i < FIGURES; i++) {
        const uint64_t now = *figures[i];
        if (now < item->last[i])
            item->lost[i] += item->last[i] - now;
        item->last[i] = now;
        *figures[i] = now + item->lost[i];
    }
}

void metrics_memory_release(struct metrics_memory *memory) {
    free(memory->items);
    *memory = (struct metrics_memory){0};
}
