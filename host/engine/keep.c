#include "engine/keep.h"

#include "base/clock.h"
#include "engine/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *topic_name(const struct engine *engine, size_t topic) {
    return engine->options.config->topics[topic].name;
}

/* "good on partition 3" or "good (GLOBAL)". */
static const char *seat_name(const struct seat *seat, char name[192]) {
    if (seat->partition->number == PARTITION_GLOBAL)
        snprintf(name, 192, "%.128s (GLOBAL)", seat->deployment->name);
    else
        snprintf(name, 192, "%.128s on partition %" PRId32, seat->deployment->name,
                 seat->partition->number);
    return name;
}

/* ---- keep ---- */

static bool add_offsets(const struct engine *engine, const struct partition *partition,
                        struct stored_state *stored) {
    struct stored_offset *grown =
        realloc(stored->offsets,
                (stored->offset_count + partition->topic_count + 1) * sizeof *stored->offsets);
    if (grown == NULL)
        return false;
    stored->offsets = grown;
    for (size_t topic = 0; topic < partition->topic_count; topic++) {
        if (partition->topics[topic].stored == SOURCE_NO_OFFSET)
            continue;
        struct stored_offset *offset = &stored->offsets[stored->offset_count++];
        snprintf(offset->topic, sizeof offset->topic, "%s", topic_name(engine, topic));
        offset->partition = partition->number;
        offset->next = partition->topics[topic].stored;
    }
    return true;
}

/* The offsets behind the seat's state, and how many of its records are not confirmed: of its own
 * partition, or of all for GLOBAL. */
static bool list_offsets(const struct engine *engine, const struct seat *seat,
                         struct stored_state *stored, uint64_t *pending) {
    const bool is_global = seat->partition->number == PARTITION_GLOBAL;
    *pending = 0;
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct partition *partition = engine->partitions[i];
        if (is_global ? partition->number == PARTITION_GLOBAL : partition != seat->partition)
            continue;
        *pending += partition->pending_count;
        if (!add_offsets(engine, partition, stored))
            return false;
    }
    return true;
}

struct keeping {
    struct engine *engine;
    size_t saved, failed;
};

/* Unconfirmed work means that messages which the state has seen come again: such a state must not
 * be taken up, or their signals would be lost. */
static void keep_seat(struct keeping *keeping, struct seat *seat) {
    struct engine *engine = keeping->engine;
    struct stored_state stored = {0};
    struct error error = {0};
    uint64_t pending = 0;
    char name[192];
    const int32_t number = seat->partition->number;
    state_init(&stored.state);
    if (!seat->made_of->description->has_save) {
        state_store_remove(engine->config->state_dir, seat->deployment->name, number);
    } else if (!list_offsets(engine, seat, &stored, &pending)) {
        error_set_memory(&error, 0, "a state");
    } else if (pending > 0) {
        log_warning(engine->log, "engine",
                    "%s: state not kept: %" PRIu64
                    " records are not confirmed by a sink and come again",
                    seat_name(seat, name), pending);
        state_store_remove(engine->config->state_dir, seat->deployment->name, number);
    } else if (instance_save(seat->instance, T5_SAVE_CHECKPOINT, &stored.state, &error) &&
               state_store_write(engine->config->state_dir, seat->deployment->name, number, &stored,
                                 &error)) {
        keeping->saved++;
    }
    if (error.code != ERROR_NONE) {
        keeping->failed++;
        log_error(engine->log, "engine", "%s: state not kept: %s", seat_name(seat, name),
                  error.text);
        state_store_remove(engine->config->state_dir, seat->deployment->name, number);
    }
    stored_state_release(&stored);
}

static void keep_on_lane(struct lane *lane, void *argument) {
    struct keeping *keeping = argument;
    for (size_t i = 0; i < keeping->engine->partition_count; i++) {
        struct partition *partition = keeping->engine->partitions[i];
        for (size_t s = 0; partition->home == lane && s < partition->seat_count; s++)
            keep_seat(keeping, partition->seats[s]);
    }
}

void keep_all(struct engine *engine, int64_t deadline_ns) {
    struct keeping keeping = {.engine = engine};
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_call(engine->lanes[i], keep_on_lane, &keeping, deadline_ns - clock_monotonic_ns());
    if (keeping.saved + keeping.failed > 0)
        log_info(engine->log, "engine", "states kept for the next start: %zu; failed: %zu",
                 keeping.saved, keeping.failed);
}

/* ---- take up ---- */

static bool has_offset(const struct engine *engine, const struct stored_state *stored,
                       const struct source_part *part) {
    for (size_t i = 0; i < stored->offset_count; i++) {
        const struct stored_offset *offset = &stored->offsets[i];
        if (offset->partition == part->partition &&
            strcmp(offset->topic, topic_name(engine, part->topic)) == 0)
            return offset->next == part->offset;
    }
    return part->offset == SOURCE_NO_OFFSET;
}

static bool has_part(const struct engine *engine, const struct stored_offset *offset,
                     const struct source_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (offset->partition == parts[i].partition &&
            strcmp(offset->topic, topic_name(engine, parts[i].topic)) == 0)
            return true;
    }
    return false;
}

/* Whether the state begins exactly where the group's offsets stand; for GLOBAL also whether all
 * that it has seen is here again. */
static bool is_current(const struct engine *engine, const struct seat *seat,
                       const struct source_part *parts, size_t count,
                       const struct stored_state *stored) {
    for (size_t i = 0; i < count; i++) {
        if (seat->deployment->topics[parts[i].topic] != NOT_WANTED &&
            !has_offset(engine, stored, &parts[i]))
            return false;
    }
    if (seat->partition->number != PARTITION_GLOBAL)
        return true;
    for (size_t i = 0; i < stored->offset_count; i++) {
        if (!has_part(engine, &stored->offsets[i], parts, count))
            return false;
    }
    return true;
}

bool keep_find(struct engine *engine, const struct seat *seat, const struct source_part *parts,
               size_t count, struct stored_state *stored) {
    struct error error = {0};
    bool is_there = false;
    char name[192];
    if (!state_store_read(engine->config->state_dir, seat->deployment->name,
                          seat->partition->number, stored, &is_there, &error)) {
        log_warning(engine->log, "engine", "%s: starts fresh: the saved state is refused: %s",
                    seat_name(seat, name), error.text);
        return false;
    }
    if (!is_there)
        return false;
    if (is_current(engine, seat, parts, count, stored))
        return true;
    log_info(engine->log, "engine",
             "%s: starts fresh: the saved state is of other offsets than the group's committed "
             "ones",
             seat_name(seat, name));
    stored_state_release(stored);
    return false;
}

/* A GLOBAL seat's instance that is made anew with its kept state. */
struct renewal {
    struct engine *engine;
    struct seat *seat;
    struct seat *next; /* holds the new instance, then the old one */
    const struct state *state;
    bool did;
    struct error error;
};

static void renew(struct lane *lane, void *argument) {
    struct renewal *renewal = argument;
    const char *why = NULL;
    struct instance *next = renewal->next->instance;
    instance_set_in_hand(next, &lane->in_hand);
    if (!instance_takes_state(next, renewal->state, &why)) {
        error_set(&renewal->error, ERROR_INVALID, "%s", why);
        return;
    }
    if (!instance_load(next, renewal->state, &renewal->error))
        return;
    instance_deactivate(renewal->seat->instance);
    pthread_mutex_lock(lane->options.status_lock);
    renewal->next->instance = renewal->seat->instance;
    renewal->seat->instance = next;
    pthread_mutex_unlock(lane->options.status_lock);
    renewal->seat->origin = "loaded";
    instance_activate(next);
    const t5_event event = ownership_event(T5_EVENT_RESUMED);
    lane_event(lane, renewal->seat, &event);
    renewal->did = true;
}

static void take_global(struct engine *engine, struct seat *seat,
                        const struct stored_state *stored) {
    struct renewal renewal = {.engine = engine, .seat = seat, .state = &stored->state};
    struct projection *draft = fill_draft(engine);
    char name[192];
    renewal.next = seat_new(seat->partition, seat->deployment);
    /* The new instance's signals are the old seat's: it is wired to that one. */
    bool did = draft != NULL && renewal.next != NULL &&
               fill_instance(engine, seat, seat->deployment, draft, &renewal.next->instance,
                             &renewal.error);
    if (did) {
        did = fill_use_draft(engine, draft, &renewal.error);
        draft = NULL;
    }
    if (did)
        lane_call(seat->partition->home, renew, &renewal, engine->config->revoke_timeout_ns);
    if (!renewal.did)
        log_warning(engine->log, "engine", "%s: starts fresh: the saved state is not used: %s",
                    seat_name(seat, name), renewal.error.text);
    projection_free(draft);
    if (renewal.next != NULL && renewal.next->instance != NULL)
        instance_set_in_hand(renewal.next->instance, &engine->loader_hand);
    seat_free(renewal.next);
}

void keep_take_global(struct engine *engine, const struct source_part *parts, size_t count) {
    struct partition *global = engine_partition(engine, PARTITION_GLOBAL);
    if (global == NULL || engine->did_take_global || !engine->options.keeps_state)
        return;
    engine->did_take_global = true;
    for (size_t i = 0; i < global->seat_count; i++) {
        struct stored_state stored;
        if (!keep_find(engine, global->seats[i], parts, count, &stored))
            continue;
        take_global(engine, global->seats[i], &stored);
        stored_state_release(&stored);
    }
}
