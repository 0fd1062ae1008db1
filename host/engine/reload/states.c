#include "engine/reload/states.h"

#include "base/clock.h"
#include "engine/lane/lane.h"

#include <inttypes.h>
#include <stdlib.h>

/* One instance that is to save. */
struct save {
    struct plan_item *item;
    struct task *task;
    struct state *state;
    bool has_failed;
    struct error error;
};

struct fetch {
    struct engine *engine;
    struct save *saves;
    size_t count;
    int64_t *took_ns; /* by lane */
};

static void fail_item(struct plan_item *item, const struct error *error) {
    if (item->states.has_failed)
        return;
    item->states.has_failed = true;
    item->states.error = *error;
}

static bool make_room(const struct engine *engine, struct plan_item *item) {
    lock_only_writer(status_lock);
    struct plan_states *states = &item->states;
    states->items = calloc(engine->partition_count + 1, sizeof *states->items);
    states->parts = calloc(engine->partition_count + 1, sizeof *states->parts);
    if (states->items == NULL || states->parts == NULL)
        return false;
    for (states->count = 0; states->count < engine->partition_count; states->count++)
        state_init(&states->items[states->count]);
    return true;
}

static void add_part(struct plan_states *states, int32_t partition, const struct state *state) {
    states->parts[states->part_count++] = (struct rehearsal_part){partition, state};
}

/* ---- of what runs ---- */

/* All memory is got before the lanes stop: as much as each state needed the last time. */
static void list_saves(struct fetch *fetch, struct plan_item *item) {
    lock_only_writer(status_lock);
    const char *whose = item->states_of != NULL ? item->states_of : item->name;
    const struct engine *engine = fetch->engine;
    for (size_t i = 0; i < engine->partition_count; i++) {
        struct task *task = partition_task(engine->partitions[i], whose);
        if (task == NULL)
            continue;
        if (!task->made_of->description->has_save) {
            add_part(&item->states, engine->partitions[i]->number, NULL);
            continue;
        }
        struct state *state = &item->states.items[i];
        const struct state_size size = instance_state_size(task->instance);
        state_reserve(state, &size);
        fetch->saves[fetch->count++] = (struct save){.item = item, .task = task, .state = state};
    }
}

static void save_on_lane(struct lane *lane, void *argument) {
    struct fetch *fetch = argument;
    const int64_t began_ns = clock_monotonic_ns();
    for (size_t i = 0; i < fetch->count; i++) {
        struct save *save = &fetch->saves[i];
        if (save->task->partition->home != lane)
            continue;
        const enum t5_save_reason reason =
            save->item->states_of != NULL ? T5_SAVE_SHADOW : T5_SAVE_RELOAD;
        save->has_failed =
            !instance_save_unsorted(save->task->instance, reason, save->state, &save->error);
    }
    fetch->took_ns[lane->options.index] = clock_monotonic_ns() - began_ns;
}

static void take_saved(const struct fetch *fetch, struct save *save) {
    const int32_t number = save->task->partition->number;
    if (save->has_failed) {
        log_warning(fetch->engine->log, "engine",
                    "%s on partition %" PRId32 ": save refused for the rehearsal: %s",
                    save->item->name, number, save->error.text);
        error_prefix(&save->error, "save refused on partition %" PRId32 ": ", number);
        fail_item(save->item, &save->error);
        return;
    }
    state_sort_timers(save->state);
    add_part(&save->item->states, number, save->state);
}

static int64_t save_all(struct fetch *fetch) {
    struct engine *engine = fetch->engine;
    struct error error;
    int64_t took_ns = 0;
    if (fetch->count == 0)
        return 0;
    const bool did = lanes_call(engine->lanes, engine->lane_count, save_on_lane, fetch,
                                engine->config->reload_timeout_ns, &error);
    for (size_t i = 0; i < fetch->count; i++) {
        if (did)
            take_saved(fetch, &fetch->saves[i]);
        else
            fail_item(fetch->saves[i].item, &error);
    }
    for (size_t i = 0; i < engine->lane_count; i++)
        took_ns += fetch->took_ns[i];
    return took_ns;
}

/* ---- of what does not run ---- */

/* What is known of it; it does not change while control is here. */
static void list_absent(const struct engine *engine, struct plan_item *item) {
    lock_only_writer(status_lock);
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct checkpoint_part *absent = partition_absent(engine->partitions[i], item->name);
        if (absent != NULL && absent->has_state)
            add_part(&item->states, engine->partitions[i]->number, &absent->state);
    }
}

int64_t states_fetch(struct engine *engine, struct plan *plan) {
    lock_only_writer(status_lock);
    struct fetch fetch = {.engine = engine};
    struct error error;
    int64_t took_ns = 0;
    fetch.saves = calloc(plan->count * engine->partition_count + 1, sizeof *fetch.saves);
    fetch.took_ns = calloc(engine->lane_count + 1, sizeof *fetch.took_ns);
    const bool is_oom = fetch.saves == NULL || fetch.took_ns == NULL;
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_item *item = &plan->items[i];
        if (!item->needs_states)
            continue;
        if (is_oom || !make_room(engine, item)) {
            (void)error_set_memory(&error, "states");
            fail_item(item, &error);
        } else if (item->running != NULL || item->states_of != NULL) {
            list_saves(&fetch, item);
        } else {
            list_absent(engine, item);
        }
    }
    if (!is_oom)
        took_ns = save_all(&fetch);
    free(fetch.saves);
    free(fetch.took_ns);
    return took_ns;
}
