#include "engine/history/moved.h"

#include "base/array.h"
#include "base/text.h"
#include "checkpoint/backend.h"
#include "checkpoint/order.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/history/part_note.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COMMITTED_MS    10000
#define COMMITTED_TRIES 3

/* A worker whose checkpoints are examined; the first is this process itself. `order` is read only
 * for those of which something counts. */
struct seen {
    const struct config_peer *peer; /* NULL: this process */
    struct backend_look look;
    struct positions committed;
    struct topic_partition *parts; /* the same, with their notes */
    size_t part_count;
    bool is_asked_for; /* something of it counts, so its committed offsets are needed */
    bool is_judged;    /* by these */
};

/* A deployment that ran last in another worker, before its committed offsets were known. */
struct asked {
    char *deployment;
    size_t newest;
};

struct finding {
    struct engine *engine;
    int32_t partition;
    struct seen *seen;
    size_t count;
    struct asked *asked;
    size_t asked_count;
    struct moved *moved;
};

/* ---- looking ---- */

static bool look(struct finding *finding, size_t from, size_t count, struct error *error) {
    struct backend_look *looks = calloc(count + 1, sizeof *looks);
    if (looks == NULL)
        return error_set_memory(error, "checkpoints of other workers");
    for (size_t i = 0; i < count; i++)
        looks[i] = finding->seen[from + i].look;
    const bool did =
        checkpoint_store_look(finding->engine->store, finding->partition, looks, count, error);
    for (size_t i = 0; i < count; i++)
        finding->seen[from + i].look = looks[i];
    free(looks);
    return did;
}

static bool add_committed(const struct finding *finding, struct seen *seen,
                          const struct topic_partition *parts, size_t count, struct error *error) {
    for (size_t i = 0; i < count; i++) {
        if (parts[i].offset != SOURCE_NO_OFFSET &&
            !positions_add(&seen->committed, topics_name(finding->engine->topics, parts[i].topic),
                           parts[i].partition, parts[i].offset))
            return error_set_memory(error, "committed offsets");
    }
    return true;
}

/* What runs here from now on has run here last, whatever the clock says. */
static void raise_stamp(const struct finding *finding) {
    struct checkpoint_store *store = finding->engine->store;
    for (size_t i = 0; i < finding->count; i++) {
        const struct checkpoint *checkpoint = &finding->seen[i].look.checkpoint;
        checkpoint_store_raise_stamp(store, checkpoint->taken_ms);
        for (size_t j = 0; j < checkpoint->part_count; j++)
            checkpoint_store_raise_stamp(store, checkpoint->parts[j].worked_ms);
    }
}

static bool begin(struct finding *finding, const struct topic_partition *parts, size_t part_count,
                  struct error *error) {
    const struct engine *engine = finding->engine;
    finding->count = engine->peers.count + 1;
    finding->seen = calloc(finding->count, sizeof *finding->seen);
    if (finding->seen == NULL)
        return error_set_memory(error, "the other workers");
    finding->seen[0].look = (struct backend_look){.group = engine->config->group_id,
                                                  .state_dir = engine->config->state_dir};
    for (size_t i = 1; i < finding->count; i++) {
        const struct config_peer *peer = &engine->peers.items[i - 1];
        finding->seen[i].peer = peer;
        finding->seen[i].look =
            (struct backend_look){.group = peer->group, .state_dir = peer->state_dir};
    }
    for (size_t i = 0; i < finding->count; i++) {
        checkpoint_init(&finding->seen[i].look.checkpoint);
        positions_init(&finding->seen[i].committed);
    }
    if (!add_committed(finding, &finding->seen[0], parts, part_count, error))
        return false;
    finding->seen[0].look.committed = &finding->seen[0].committed;
    if (!look(finding, 0, finding->count, error))
        return false;
    raise_stamp(finding);
    return true;
}

static void end(struct finding *finding) {
    for (size_t i = 0; finding->seen != NULL && i < finding->count; i++) {
        checkpoint_release(&finding->seen[i].look.checkpoint);
        positions_release(&finding->seen[i].committed);
        order_free(finding->seen[i].look.order);
        for (size_t j = 0; j < finding->seen[i].part_count; j++)
            free((char *)finding->seen[i].parts[j].note);
        free(finding->seen[i].parts);
    }
    free(finding->seen);
    for (size_t i = 0; i < finding->asked_count; i++)
        free(finding->asked[i].deployment);
    free(finding->asked);
}

/* ---- which deployments ---- */

/* Where it ran last: the other worker's index; 0: here, or nowhere. */
static size_t find_newest(const struct finding *finding, const char *deployment) {
    size_t newest = 0;
    int64_t newest_ms = checkpoint_worked_ms(&finding->seen[0].look.checkpoint, deployment);
    for (size_t i = 1; i < finding->count; i++) {
        const int64_t its_ms = checkpoint_worked_ms(&finding->seen[i].look.checkpoint, deployment);
        if (its_ms <= newest_ms)
            continue;
        newest = i;
        newest_ms = its_ms;
    }
    return newest;
}

static bool is_section_here(const struct config *config, const char *name) {
    const struct config_deployment *section = config_deployment_find(config, name);
    return section != NULL && !section->is_elsewhere;
}

/* Whether the deployment belongs to this process. A refused or disabled one does too: its state is
 * kept for when it runs. */
static bool is_here(const struct finding *finding, const char *name) {
    const struct engine *engine = finding->engine;
    const struct deployment *deployment = deployment_set_find(engine->deployment_set, name);
    if (deployment == NULL)
        return is_section_here(engine->config, name);
    return deployment_is_global(deployment) == (finding->partition == PARTITION_GLOBAL);
}

/* Deployments whose newest state another worker has, and which belong here or did. */
static bool visit(struct finding *finding,
                  bool (*of)(struct finding *finding, const char *deployment, size_t newest)) {
    const struct checkpoint *own = &finding->seen[0].look.checkpoint;
    bool did = true;
    for (size_t i = 1; i < finding->count; i++) {
        const struct checkpoint *its = &finding->seen[i].look.checkpoint;
        for (size_t j = 0; did && j < its->part_count; j++) {
            const char *name = its->parts[j].deployment;
            if ((is_here(finding, name) || checkpoint_part(own, name) != NULL) &&
                find_newest(finding, name) == i)
                did = of(finding, name, i);
        }
    }
    return did;
}

/* Once for each deployment: where it ran last by all that lies there. */
static bool note_asked(struct finding *finding, const char *deployment, size_t newest) {
    for (size_t i = 0; i < finding->asked_count; i++) {
        if (strcmp(finding->asked[i].deployment, deployment) == 0)
            return true;
    }
    char *copy = text_dup(deployment, strlen(deployment));
    if (copy == NULL || !ARRAY_RESIZE(finding->asked, finding->asked_count + 1)) {
        free(copy);
        return false;
    }
    finding->asked[finding->asked_count++] = (struct asked){copy, newest};
    return true;
}

static bool ask_for(struct finding *finding, const char *deployment, size_t newest) {
    finding->seen[newest].is_asked_for = true;
    return note_asked(finding, deployment, newest);
}

/* ---- what is safe there ---- */

/* All topics of the number; for GLOBAL, of all numbers that its checkpoint has. */
static struct topic_partition *list_parts(const struct finding *finding, const struct seen *seen,
                                          size_t *count) {
    const struct positions *positions = &seen->look.checkpoint.positions;
    const struct topics *topics = finding->engine->topics;
    struct topic_partition *parts = calloc(positions->count + 1, sizeof *parts);
    *count = 0;
    for (size_t i = 0; parts != NULL && i < positions->count; i++) {
        uint32_t topic = 0;
        while (topic < topics->count &&
               strcmp(topics_name(topics, topic), positions->items[i].topic) != 0)
            topic++;
        if (topic < topics->count)
            parts[(*count)++] = (struct topic_partition){
                .topic = topic, .partition = positions->items[i].partition};
    }
    return parts;
}

static bool ask(const struct finding *finding, const struct seen *seen,
                struct topic_partition *parts, size_t count, struct error *error) {
    struct source *source = finding->engine->options.source;
    bool did = false;
    for (int i = 0; !did && i < COMMITTED_TRIES; i++)
        did =
            !atomic_load(&finding->engine->should_stop) &&
            source->ops->committed_of(source, seen->peer->group, parts, count, COMMITTED_MS, error);
    return did || error_set(error, ERROR_TIMEOUT,
                            "what worker %s has committed is not known, and deployments that ran "
                            "there go on from it",
                            seen->peer->worker);
}

/* First the committed offsets, then the checkpoints: the worker there takes a checkpoint before it
 * commits anything that the deployments which left did not get (partition.h, `owes_checkpoint`;
 * without GLOBAL deployments of its own, recovery_take_global()). */
static bool look_again(struct finding *finding, size_t index, struct error *error) {
    struct seen *seen = &finding->seen[index];
    seen->parts = list_parts(finding, seen, &seen->part_count);
    bool did = seen->parts != NULL || error_set_memory(error, "committed offsets");
    did = did && ask(finding, seen, seen->parts, seen->part_count, error) &&
          add_committed(finding, seen, seen->parts, seen->part_count, error);
    checkpoint_release(&seen->look.checkpoint);
    seen->look.committed = &seen->committed;
    seen->look.order = did ? order_new() : NULL;
    did = did && (seen->look.order != NULL || error_set_memory(error, "a journal"));
    return did && look(finding, index, 1, error);
}

/* ---- taking ---- */

/* Their entry for a stream, by the order's numbers (checkpoint/store.h); INT64_MAX: none. */
static int64_t next_of(const struct finding *finding, const struct positions *positions,
                       uint32_t stream) {
    const struct topics *topics = finding->engine->topics;
    const bool is_global = finding->partition == PARTITION_GLOBAL;
    const struct position *position =
        positions_find(positions, topics_name(topics, (uint32_t)(stream % topics->count)),
                       is_global ? (int32_t)(stream / topics->count) : finding->partition);
    return position != NULL ? position->next : INT64_MAX;
}

/* Up to where its order counts: with exactly once no consumer has seen the signals above what is
 * safe, so the order that produced them need not be repeated. */
static int64_t end_of(const struct finding *finding, const struct checkpoint_part *part,
                      uint32_t stream) {
    if (finding->engine->config->delivery != DELIVERY_EXACTLY_ONCE)
        return INT64_MAX;
    const int64_t safe = next_of(finding, &part->history_to, stream);
    return safe != INT64_MAX ? safe : next_of(finding, &part->positions, stream);
}

static void note_run(struct order *order, const struct order_run *run, int64_t from, int64_t end) {
    order_note(order, run->stream, from);
    if (end - 1 > from)
        order_note(order, run->stream, end - 1); /* it continues to there */
}

/* Where the part of its order that follows the checkpoint begins. */
static uint64_t begin_of(const struct order *order, uint64_t number) {
    for (size_t i = 0; i < order->segment_count; i++) {
        if (order->segments[i].number >= number)
            return order->segments[i].begin;
    }
    return order_end(order);
}

/* What was handed over in that worker after the part's position; `*made` NULL: nothing. `is_own`:
 * it was behind the others there, and wall-clock timers count from the first record that it lacks.
 * False: out of memory. */
static bool make_order(const struct finding *finding, const struct checkpoint_part *part,
                       const struct seen *seen, bool is_own, int64_t clock_ns,
                       struct order **made) {
    const struct order *all = seen->look.order;
    uint64_t i = is_own ? order_begin(all) : begin_of(all, seen->look.checkpoint.number);
    struct order *order = order_new();
    if (order == NULL)
        return false;
    for (; i < order_end(all); i++) {
        const struct order_run *run = order_at(all, i);
        if (run->stream == ORDER_CLOCK) {
            if ((!is_own || order->count > 0) && (clock_ns == 0 || run->from <= clock_ns))
                order_note_clock(order, run->from);
            continue;
        }
        const int64_t next = next_of(finding, &part->positions, run->stream);
        const int64_t most = end_of(finding, part, run->stream);
        const int64_t end = run->from + run->span < most ? run->from + run->span : most;
        const int64_t from = run->from > next ? run->from : next;
        if (from < end)
            note_run(order, run, from, end);
    }
    const bool did = !order->is_broken;
    if (!did || order->count == 0) {
        order_free(order);
        order = NULL;
    }
    *made = order;
    return did;
}

/* Its position, and what is safe: its own, or those of all in that worker; the note of what was
 * committed there may know more. */
static bool take_place(const struct finding *finding, struct checkpoint_part *part,
                       const struct seen *seen) {
    const bool is_own = part->positions.count > 0;
    bool did = is_own || (positions_add_all(&part->positions, &seen->look.checkpoint.positions) &&
                          positions_add_all(&part->history_to, &seen->committed));
    bool ignored = false;
    for (size_t i = 0; did && i < seen->part_count; i++)
        did = part_note_apply(part, topics_name(finding->engine->topics, seen->parts[i].topic),
                              seen->parts[i].partition, seen->parts[i].note, is_own, &ignored);
    return did;
}

static void log_taken(const struct finding *finding, const struct checkpoint_part *part,
                      const struct seen *seen) {
    struct text where;
    text_init(&where);
    for (size_t i = 0; i < part->positions.count; i++)
        text_printf(&where, "%s%s %" PRId64, i > 0 ? ", " : "", part->positions.items[i].topic,
                    part->positions.items[i].next);
    log_change_event(finding->engine->log, LOG_LEVEL_INFO, "engine", "deployment.moved",
                     "%s on partition %" PRId32
                     ": it ran in worker %s, and continues from there: %s",
                     part->deployment, finding->partition, seen->peer->worker, where.data);
    text_release(&where);
}

/* Moves the part out of its checkpoint, which is not examined for it again. */
static bool take(struct finding *finding, const char *deployment, struct seen *seen) {
    struct moved *moved = finding->moved;
    struct checkpoint_part *part = checkpoint_part(&seen->look.checkpoint, deployment);
    if (!ARRAY_RESIZE(moved->parts, moved->count + 1) ||
        !ARRAY_RESIZE(moved->orders, moved->count + 1) ||
        !ARRAY_RESIZE(moved->clocks, moved->count + 1))
        return false;
    struct checkpoint_part *taken = &moved->parts[moved->count];
    const bool is_own = part->positions.count > 0;
    moved->orders[moved->count] = NULL;
    moved->clocks[moved->count] = part_note_clock(seen->parts, seen->part_count, deployment,
                                                  finding->partition == PARTITION_GLOBAL);
    *taken = *part;
    taken->deployment = text_dup(deployment, strlen(deployment));
    positions_init(&part->positions);
    positions_init(&part->history_to);
    state_init(&part->state);
    moved->count++;
    taken->worked_ms = 0;
    if (taken->deployment == NULL || !take_place(finding, taken, seen) ||
        !make_order(finding, taken, seen, is_own, moved->clocks[moved->count - 1],
                    &moved->orders[moved->count - 1]))
        return false;
    log_taken(finding, taken, seen);
    return true;
}

static bool note_gone(struct moved *moved, const char *deployment) {
    char *copy = text_dup(deployment, strlen(deployment));
    if (copy == NULL || !ARRAY_RESIZE(moved->gone, moved->gone_count + 1)) {
        free(copy);
        return false;
    }
    moved->gone[moved->gone_count++] = copy;
    return true;
}

static bool decide(struct finding *finding, const char *deployment, size_t newest) {
    return is_here(finding, deployment) ? take(finding, deployment, &finding->seen[newest])
                                        : note_gone(finding->moved, deployment);
}

/* It goes on from an earlier place, or from none: the worker where it ran last was killed before it
 * had committed what its checkpoints have, or has none any more. */
static void log_passed_over(const struct finding *finding, const struct asked *asked) {
    const struct seen *seen = &finding->seen[asked->newest];
    const bool is_exact = finding->engine->config->delivery == DELIVERY_EXACTLY_ONCE;
    const bool has_other = find_newest(finding, asked->deployment) != 0 ||
                           checkpoint_part(&finding->seen[0].look.checkpoint, asked->deployment);
    if (has_other)
        log_change_event(finding->engine->log, LOG_LEVEL_WARNING, "engine", "deployment.returned",
                         "%s on partition %" PRId32
                         ": it ran in worker %s, where no checkpoint of it fits the committed "
                         "offsets of group %s; it continues from where it was before that%s",
                         asked->deployment, finding->partition, seen->peer->worker,
                         seen->peer->group, is_exact ? "" : ", and repeats the signals since then");
    else
        log_change_event(finding->engine->log, LOG_LEVEL_WARNING, "engine", "state.discarded",
                         "%s on partition %" PRId32
                         ": starting without state: it ran in worker %s, where no checkpoint of "
                         "it fits the committed offsets of group %s",
                         asked->deployment, finding->partition, seen->peer->worker,
                         seen->peer->group);
}

/* Those whose offsets are needed now; `*did_any`: there are such. */
static bool judge_asked(struct finding *finding, bool *did_any, struct error *error) {
    bool did = true;
    *did_any = false;
    for (size_t i = 1; did && i < finding->count; i++) {
        struct seen *seen = &finding->seen[i];
        if (!seen->is_asked_for || seen->is_judged)
            continue;
        seen->is_judged = *did_any = true;
        did = look_again(finding, i, error);
    }
    return did;
}

/* Where the last one does not count, the one before it is asked. */
static bool find(struct finding *finding, const struct topic_partition *parts, size_t count,
                 struct error *error) {
    bool did = begin(finding, parts, count, error), did_any = true;
    while (did && did_any)
        did = (visit(finding, ask_for) || error_set_memory(error, "the other workers")) &&
              judge_asked(finding, &did_any, error);
    for (size_t i = 0; did && i < finding->asked_count; i++) {
        const struct asked *asked = &finding->asked[i];
        if (is_here(finding, asked->deployment) &&
            find_newest(finding, asked->deployment) != asked->newest)
            log_passed_over(finding, asked);
    }
    return did && (visit(finding, decide) ||
                   error_set_memory(error, "what deployments knew in another worker"));
}

bool moved_find(struct engine *engine, int32_t partition, const struct topic_partition *parts,
                size_t count, struct moved *moved, struct error *error) {
    struct finding finding = {.engine = engine, .partition = partition, .moved = moved};
    if (engine->store == NULL || engine->peers.count == 0 ||
        engine->options.source->ops->committed_of == NULL)
        return true;
    const bool did = find(&finding, parts, count, error);
    end(&finding);
    if (!did)
        moved_release(moved);
    return did;
}

void moved_release(struct moved *moved) {
    for (size_t i = 0; i < moved->count; i++) {
        checkpoint_part_release(&moved->parts[i]);
        order_free(moved->orders[i]);
    }
    free(moved->parts);
    free(moved->orders);
    free(moved->clocks);
    for (size_t i = 0; i < moved->gone_count; i++)
        free(moved->gone[i]);
    free(moved->gone);
    *moved = (struct moved){0};
}

/* ---- what follows ---- */

/* Where the first of them continues; SOURCE_NO_OFFSET: none has the part. */
static int64_t first_of(const struct engine *engine, const struct moved *moved,
                        const struct topic_partition *part) {
    int64_t first = SOURCE_NO_OFFSET;
    for (size_t i = 0; i < moved->count; i++) {
        const struct position *position = positions_find(
            &moved->parts[i].positions, topics_name(engine->topics, part->topic), part->partition);
        if (position != NULL && (first == SOURCE_NO_OFFSET || position->next < first))
            first = position->next;
    }
    return first;
}

/* Whether no other deployment is here, and all of them are beyond the offsets. */
static bool is_alone(const struct engine *engine, int32_t partition, const struct moved *moved,
                     const struct topic_partition *parts, size_t count) {
    const struct deployment_set *set = engine->deployment_set;
    bool is = moved->count > 0;
    for (size_t i = 0; is && i < set->count; i++)
        is = deployment_is_global(set->deployments[i]) == (partition == PARTITION_GLOBAL) &&
             moved_has(moved, set->deployments[i]->name);
    for (size_t i = 0; is && i < count; i++)
        is = parts[i].offset != SOURCE_NO_OFFSET &&
             first_of(engine, moved, &parts[i]) >= parts[i].offset;
    return is;
}

void moved_begin(const struct engine *engine, int32_t partition, const struct moved *moved,
                 struct topic_partition *parts, size_t count) {
    const bool are_alone = is_alone(engine, partition, moved, parts, count);
    for (size_t i = 0; i < count; i++) {
        const int64_t first = first_of(engine, moved, &parts[i]);
        if (first == SOURCE_NO_OFFSET || !(parts[i].is_new || are_alone))
            continue;
        parts[i].is_new |= parts[i].offset != first; /* to be committed */
        parts[i].offset = first;
    }
}

bool moved_has(const struct moved *moved, const char *deployment) {
    bool has = false;
    for (size_t i = 0; i < moved->count; i++)
        has |= strcmp(moved->parts[i].deployment, deployment) == 0;
    return has;
}

struct order *moved_take_order(struct moved *moved, const char *deployment) {
    for (size_t i = 0; i < moved->count; i++) {
        struct order *order = moved->orders[i];
        if (order == NULL || strcmp(moved->parts[i].deployment, deployment) != 0)
            continue;
        moved->orders[i] = NULL;
        return order;
    }
    return NULL;
}

int64_t moved_clock(const struct moved *moved, const char *deployment) {
    for (size_t i = 0; i < moved->count; i++) {
        if (strcmp(moved->parts[i].deployment, deployment) == 0)
            return moved->clocks[i];
    }
    return 0;
}

bool moved_is_gone(const struct moved *moved, const char *deployment) {
    bool is = false;
    for (size_t i = 0; i < moved->gone_count; i++)
        is |= strcmp(moved->gone[i], deployment) == 0;
    return is;
}

bool moved_join(struct moved *moved, struct checkpoint *checkpoint) {
    for (size_t i = 0; i < moved->count; i++) {
        struct checkpoint_part *from = &moved->parts[i];
        struct checkpoint_part *part = checkpoint_part(checkpoint, from->deployment);
        if (part == NULL)
            part = checkpoint_add_part(checkpoint, from->deployment);
        if (part == NULL)
            return false;
        checkpoint_part_take(part, from);
    }
    return true;
}
