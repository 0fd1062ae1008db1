/*
 * The swap: from a mustered roster to instances at work. Control thread; what touches instances is
 * a lane call.
 *
 *   prepare   new instances beside the old ones, fields added to a draft of the projection
 *   hold      the lanes meet at a boundary between messages
 *   hand over every old instance saves, its successor loads; one refusal gives up its deployment
 *   switch    seats are exchanged; the old are deactivated, the new activated
 *   let go    the stream goes on; the old are destroyed off the lanes
 */
#include "base/clock.h"
#include "engine/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What happens to one deployment on one partition. */
struct succession {
    struct muster_item *item;
    struct change *change;
    struct partition *partition;
    struct seat *old;  /* NULL: there is none */
    struct seat *next; /* NULL: removed */
    const char *lost;  /* why the state was not handed over, or NULL: it was, or there was none */
    bool has_failed;
    struct error error;
};

/* What happens to one deployment. */
struct change {
    struct muster_item *item;
    bool has_failed;
    const char *lost;
    struct error error; /* when it failed */
    int32_t failed_on;  /* partition */
};

struct swap {
    struct engine *engine;
    struct muster *muster;
    struct report *report;
    struct change *changes; /* by muster item */
    struct succession *successions;
    size_t succession_count;
    struct projection *draft;
    struct lane_projection *projections;
    struct seat ***seats; /* by partition of the engine: what comes */
    size_t *seat_counts;
    int64_t deadline_ns;
};

/* ---- prepare ---- */

static void fail_change(struct change *change, int32_t partition, const struct error *error) {
    if (change->has_failed)
        return;
    change->has_failed = true;
    change->failed_on = partition;
    change->error = *error;
}

static bool belongs(const struct partition *partition, const struct deployment *deployment) {
    return deployment_is_global(deployment) == (partition->number == PARTITION_GLOBAL);
}

/* The instance that comes, if one comes; a refusal fails the whole deployment. */
static bool prepare_next(struct swap *swap, struct succession *succession) {
    struct deployment *deployment = succession->item->next;
    succession->next = seat_new(succession->partition, deployment);
    if (succession->next == NULL)
        return error_set_memory(&succession->error, sizeof *succession->next, "a seat");
    return fill_seat(swap->engine, succession->next, deployment, swap->draft, &succession->error) ||
           error_prefix(&succession->error, "create refused: ");
}

static void add_succession(struct swap *swap, struct muster_item *item, struct change *change,
                           struct partition *partition) {
    struct succession *succession = &swap->successions[swap->succession_count];
    *succession = (struct succession){.item = item, .change = change, .partition = partition};
    succession->old = item->running != NULL ? partition_seat(partition, item->name) : NULL;
    const bool comes = item->outcome != OUTCOME_REMOVED && belongs(partition, item->next);
    if (succession->old == NULL && !comes)
        return;
    swap->succession_count++;
    if (comes && !change->has_failed && !prepare_next(swap, succession))
        fail_change(change, partition->number, &succession->error);
}

static bool prepare(struct swap *swap, struct error *error) {
    struct engine *engine = swap->engine;
    const size_t items = swap->muster->count;
    swap->changes = calloc(items + 1, sizeof *swap->changes);
    swap->successions = calloc(items * engine->partition_count + 1, sizeof *swap->successions);
    swap->projections = calloc(engine->lane_count + 1, sizeof *swap->projections);
    swap->draft = fill_draft(engine);
    swap->seats = calloc(engine->partition_count + 1, sizeof *swap->seats);
    swap->seat_counts = calloc(engine->partition_count + 1, sizeof *swap->seat_counts);
    if (swap->changes == NULL || swap->successions == NULL || swap->projections == NULL ||
        swap->draft == NULL || swap->seats == NULL || swap->seat_counts == NULL)
        return error_set_memory(error, 0, "a reload");
    for (size_t i = 0; i < engine->partition_count; i++) {
        swap->seats[i] = calloc(items + 1, sizeof *swap->seats[i]);
        if (swap->seats[i] == NULL)
            return error_set_memory(error, 0, "a reload");
    }
    for (size_t i = 0; i < items; i++) {
        struct muster_item *item = &swap->muster->items[i];
        swap->changes[i].item = item;
        if (item->outcome != OUTCOME_REPLACED && item->outcome != OUTCOME_LOADED &&
            item->outcome != OUTCOME_REMOVED)
            continue;
        for (size_t p = 0; p < engine->partition_count; p++)
            add_succession(swap, item, &swap->changes[i], engine->partitions[p]);
    }
    return fill_make_projections(engine, swap->draft, swap->projections, error);
}

/* ---- hand over, on the lanes ---- */

static void hand_over_one(struct engine *engine, struct succession *succession) {
    struct state state;
    const char *why = NULL;
    state_init(&state);
    if (!succession->old->made_of->description->has_save) {
        succession->lost = "no save";
    } else if (!instance_save(succession->old->instance, T5_SAVE_RELOAD, &state,
                              &succession->error)) {
        error_prefix(&succession->error, "save refused: ");
        succession->has_failed = true;
    } else if (!instance_takes_state(succession->next->instance, &state, &why)) {
        succession->lost = why;
    } else if (!instance_load(succession->next->instance, &state, &succession->error)) {
        error_prefix(&succession->error, "load refused: ");
        succession->has_failed = true;
    } else {
        succession->next->origin = "kept";
    }
    state_release(&state);
    (void)engine;
}

struct lane_share {
    struct swap *swap;
    struct lane *lane;
    size_t index;
};

static void hand_over(struct lane *lane, void *argument) {
    struct lane_share *share = argument;
    for (size_t i = 0; i < share->swap->succession_count; i++) {
        struct succession *succession = &share->swap->successions[i];
        if (succession->partition->home != lane || succession->change->has_failed ||
            succession->old == NULL || succession->next == NULL)
            continue;
        instance_set_in_hand(succession->next->instance, &lane->in_hand);
        hand_over_one(share->swap->engine, succession);
    }
}

/* ---- switch ---- */

/* The seats that each partition will have, in order of names: all items, the failed ones by their
 * old seats. Lanes are held, so control may write. */
static void choose_seats(struct swap *swap) {
    struct engine *engine = swap->engine;
    for (size_t p = 0; p < engine->partition_count; p++) {
        struct partition *partition = engine->partitions[p];
        for (size_t i = 0; i < swap->muster->count; i++) {
            struct muster_item *item = &swap->muster->items[i];
            struct seat *seat =
                item->running != NULL ? partition_seat(partition, item->name) : NULL;
            for (size_t s = 0; s < swap->succession_count; s++) {
                struct succession *succession = &swap->successions[s];
                if (succession->item == item && succession->partition == partition &&
                    !succession->change->has_failed)
                    seat = succession->next;
            }
            if (seat != NULL)
                swap->seats[p][swap->seat_counts[p]++] = seat;
        }
    }
}

static void exchange_seats(struct swap *swap, struct roster *roster) {
    struct engine *engine = swap->engine;
    pthread_mutex_lock(&engine->status_lock);
    for (size_t p = 0; p < engine->partition_count; p++) {
        struct partition *partition = engine->partitions[p];
        struct seat **seats = partition->seats;
        partition->seats = swap->seats[p];
        partition->seat_count = swap->seat_counts[p];
        swap->seats[p] = seats;
        for (size_t i = 0; i < partition->seat_count; i++) {
            struct seat *seat = partition->seats[i];
            struct deployment *next = roster_find(roster, seat->deployment->name);
            if (next != NULL && next != seat->deployment) { /* other filters */
                deployment_release(seat->deployment);
                seat->deployment = deployment_retain(next);
            }
        }
        partition_forget_routes(partition);
        roster_release(partition->roster);
        partition->roster = roster_retain(roster);
    }
    roster_release(engine->roster);
    engine->roster = roster_retain(roster);
    pthread_mutex_unlock(&engine->status_lock);
}

static void tell(struct lane *lane, struct seat *seat, enum t5_event_kind kind, uint32_t topic) {
    const t5_event event = {.size = sizeof event,
                            .kind = (uint32_t)kind,
                            .topic = topic,
                            .symbol_id = T5_NO_SYMBOL,
                            .from_offset = -1,
                            .to_offset = -1};
    lane_event(lane, seat, &event);
}

static void activate_next(struct lane *lane, const struct succession *succession) {
    struct seat *seat = succession->next;
    struct partition *partition = succession->partition;
    if (succession->old != NULL) {
        seat->cause = succession->old->cause;
        if (atomic_load(&succession->old->suspension) == SUSPENDED_OPERATOR) {
            atomic_store(&seat->suspension, (int)SUSPENDED_OPERATOR);
            atomic_store(&seat->resume_ns, INT64_MAX);
        }
    }
    instance_activate(seat->instance);
    if (strcmp(seat->origin, "fresh") == 0)
        tell(lane, seat, T5_EVENT_FRESH, UINT32_MAX);
    if (partition->lane == NULL) {
        tell(lane, seat, T5_EVENT_PARKED, UINT32_MAX);
    } else if (partition->number != PARTITION_GLOBAL) {
        uint32_t missing = UINT32_MAX;
        seat->was_told_part =
            ownership_held(partition, seat->deployment, &missing) < seat->deployment->wanted_count;
        tell(lane, seat, seat->was_told_part ? T5_EVENT_PART : T5_EVENT_ASSIGNED,
             seat->was_told_part ? missing : UINT32_MAX);
    }
}

static void switch_over(struct lane *lane, void *argument) {
    struct lane_share *share = argument;
    struct lane_projection *projection = &share->swap->projections[share->index];
    if (projection->projection != NULL) {
        lane_use_projection(lane, projection->projection, projection->decoder);
        *projection = (struct lane_projection){0};
    }
    lane->options.config = share->swap->engine->config;
    for (size_t i = 0; i < share->swap->succession_count; i++) {
        struct succession *succession = &share->swap->successions[i];
        if (succession->partition->home != lane || succession->change->has_failed)
            continue;
        if (succession->old != NULL)
            instance_deactivate(succession->old->instance);
        if (succession->next != NULL) {
            instance_set_in_hand(succession->next->instance, &lane->in_hand);
            activate_next(lane, succession);
        }
    }
}

/* ---- outcome ---- */

static void report_change(struct swap *swap, struct change *change) {
    struct muster_item *item = change->item;
    const struct deployment *running = item->running;
    if (change->has_failed) {
        item->outcome = OUTCOME_REJECTED;
        report_add(swap->report, item->name, OUTCOME_REJECTED,
                   "%s on partition %" PRId32 ": %s%s%s%s", item->next->description->version,
                   change->failed_on, change->error.text, running != NULL ? "; " : "",
                   running != NULL ? running->description->version : "",
                   running != NULL ? " goes on" : "");
        return;
    }
    if (item->outcome == OUTCOME_LOADED) {
        report_add(swap->report, item->name, OUTCOME_LOADED, "%s",
                   item->next->description->version);
    } else if (item->outcome == OUTCOME_REPLACED) {
        const bool is_same_file =
            hash_equal(running->generation->hash, item->next->generation->hash);
        report_add(swap->report, item->name, OUTCOME_REPLACED, "%s \u2192 %s (%s%s%s)",
                   running->description->version, item->next->description->version,
                   is_same_file ? "parameters changed, " : "",
                   change->lost != NULL ? "state lost: " : "state kept",
                   change->lost != NULL ? change->lost : "");
    }
}

/* After the hand-over: what failed anywhere fails everywhere. */
static void judge(struct swap *swap) {
    for (size_t i = 0; i < swap->succession_count; i++) {
        struct succession *succession = &swap->successions[i];
        if (succession->has_failed)
            fail_change(succession->change, succession->partition->number, &succession->error);
        if (succession->lost != NULL)
            succession->change->lost = succession->lost;
    }
}

/* The roster that comes: each item's deployment, for failed ones what ran. */
static struct roster *next_roster(struct swap *swap) {
    struct muster *muster = swap->muster;
    struct deployment **deployments = calloc(muster->count + 1, sizeof *deployments);
    size_t count = 0;
    if (deployments == NULL)
        return NULL;
    for (size_t i = 0; i < muster->count; i++) {
        struct deployment *deployment =
            swap->changes[i].has_failed ? muster->items[i].running : muster->items[i].next;
        if (deployment != NULL && muster->items[i].outcome != OUTCOME_REMOVED)
            deployments[count++] = deployment_retain(deployment);
    }
    struct roster *roster = roster_new(deployments, count);
    for (size_t i = 0; roster == NULL && i < count; i++)
        deployment_release(deployments[i]);
    free(deployments);
    return roster;
}

static bool hold_all(struct swap *swap, size_t *held, struct error *error) {
    struct engine *engine = swap->engine;
    for (*held = 0; *held < engine->lane_count; (*held)++) {
        const int64_t left_ns = swap->deadline_ns - clock_monotonic_ns();
        if (!lane_hold(engine->lanes[*held], left_ns > 0 ? left_ns : 0))
            return error_set(error, ERROR_TIMEOUT,
                             "lane %zu did not come to a boundary in time; a callback is stuck or "
                             "very slow (see status)",
                             *held);
    }
    return true;
}

/* With the lanes held. */
static bool swap_held(struct swap *swap, struct error *error) {
    struct engine *engine = swap->engine;
    struct lane_share *shares = calloc(engine->lane_count + 1, sizeof *shares);
    void **arguments = calloc(engine->lane_count + 1, sizeof *arguments);
    struct roster *roster = NULL;
    bool did = shares != NULL && arguments != NULL;
    if (!did) {
        error_set_memory(error, 0, "a reload");
        goto done;
    }
    for (size_t i = 0; i < engine->lane_count; i++) {
        shares[i] = (struct lane_share){swap, engine->lanes[i], i};
        arguments[i] = &shares[i];
    }
    /* Held lanes answer at once; what they run is waited for. */
    did = lanes_call(engine->lanes, engine->lane_count, hand_over, arguments,
                     engine->config->reload_timeout_ns, NULL);
    if (!did) {
        error_set(error, ERROR_TIMEOUT, "a held lane did not answer");
        goto done;
    }
    judge(swap);
    roster = next_roster(swap);
    did = roster != NULL;
    if (!did) {
        error_set_memory(error, 0, "a roster");
        goto done;
    }
    choose_seats(swap);
    exchange_seats(swap, roster);
    lanes_call(engine->lanes, engine->lane_count, switch_over, arguments,
               engine->config->reload_timeout_ns, NULL);
done:
    roster_release(roster);
    free(shares);
    free(arguments);
    return did;
}

static void destroy_leftovers(struct swap *swap, bool did_switch) {
    for (size_t i = 0; i < swap->succession_count; i++) {
        struct succession *succession = &swap->successions[i];
        struct seat *seat =
            !did_switch || succession->change->has_failed ? succession->next : succession->old;
        if (seat != NULL && seat->instance != NULL)
            instance_set_in_hand(seat->instance, &swap->engine->loader_hand);
        seat_free(seat);
    }
}

static void swap_release(struct swap *swap) {
    for (size_t i = 0; swap->seats != NULL && i < swap->engine->partition_count; i++)
        free(swap->seats[i]);
    free(swap->seats);
    free(swap->seat_counts);
    if (swap->projections != NULL)
        fill_discard_projections(swap->engine, swap->projections);
    free(swap->projections);
    projection_free(swap->draft);
    free(swap->changes);
    free(swap->successions);
}

bool swap_muster(struct engine *engine, struct muster *muster, struct config *next,
                 struct report *report, struct error *error) {
    struct swap swap = {.engine = engine, .muster = muster, .report = report};
    /* What ran is reported on at the end, and no partition may hold it any more by then. */
    struct roster *outgoing = roster_retain(engine->roster);
    size_t held = 0;
    bool did = false;
    struct config *superseded = NULL;
    const int64_t began_ns = clock_monotonic_ns();
    swap.deadline_ns = began_ns + engine->config->reload_timeout_ns;
    if (!prepare(&swap, error))
        goto done;
    if (atomic_load(&engine->should_stop)) {
        error_set(error, ERROR_STATE, "the host is stopping");
        goto done;
    }
    const struct config *before = engine->config;
    did = hold_all(&swap, &held, error);
    /* From here no lane moves; the first has stood since its own hold. */
    const int64_t pause_ns = held > 0 ? engine->lanes[0]->held_ns : clock_monotonic_ns();
    if (did) {
        engine->config = next;
        did = swap_held(&swap, error);
        if (!did)
            engine->config = before;
    }
    for (size_t i = 0; i < held; i++)
        lane_release_hold(engine->lanes[i]);
    report->pause_ns = clock_monotonic_ns() - pause_ns;
    if (!did)
        goto done;
    atomic_store(&engine->last_pause_ns, report->pause_ns);
    superseded = engine->owned_config;
    engine->owned_config = next;
    if (projection_slots(swap.draft) != projection_slots(engine->projection) &&
        projection_seal(swap.draft, error)) {
        projection_free(engine->projection);
        engine->projection = swap.draft;
        swap.draft = NULL;
    }
    for (size_t i = 0; i < muster->count; i++) {
        report_change(&swap, &swap.changes[i]);
        if (muster->items[i].outcome != OUTCOME_KEPT &&
            muster->items[i].outcome != OUTCOME_REJECTED)
            report->did_change = true;
    }
done:
    destroy_leftovers(&swap, did);
    swap_release(&swap);
    roster_release(outgoing);
    config_free(superseded);
    return did;
}
