/* Which deployments are done again together, and through which reloads. */
#include "commands/proof/prove_private.h"

#include "base/array.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- reloads ---- */

/* Whether the note is of a reload that lies before the end of what is fed of a partition number. */
static bool reaches(const struct proof *proof, const struct proof_part *part,
                    const struct note *note) {
    if (!note_has_partition(note, part->partition))
        return false;
    for (uint64_t i = order_begin(&part->order); i < part->end; i++) {
        int64_t next;
        if (note_position(note, part->partition, NULL,
                          proof->topics[order_at(&part->order, i)->stream], &next) &&
            window_run_end(part, i) > next)
            return true;
    }
    return false;
}

static bool is_reload(const struct proof *proof, size_t base, size_t index) {
    for (size_t i = 0; i < proof->part_count; i++) {
        if (proof->parts[i].base == base &&
            reaches(proof, &proof->parts[i], &proof->notes.items[index]))
            return true;
    }
    return false;
}

bool plan_next_reload(const struct proof *proof, size_t base, size_t *index) {
    for (; *index < proof->notes.count; (*index)++) {
        if (*index > base && is_reload(proof, base, *index))
            return true;
    }
    return false;
}

static void find_last(struct proof *proof) {
    proof->last = 0;
    for (size_t i = 0; i < proof->part_count; i++) {
        const size_t base = proof->parts[i].base;
        if (base > proof->last)
            proof->last = base;
        for (size_t index = base + 1; plan_next_reload(proof, base, &index); index++) {
            if (index > proof->last)
                proof->last = index;
        }
    }
}

/* ---- what cannot be done again ---- */

/* A process that began within the window with other code or settings than the one before it had:
 * from which message on its signals count nobody noted. */
static void check_starts(struct proof *proof, size_t base, const char *name) {
    const cJSON *before = note_deployment(proof->notes.items[base].json, name);
    char text[40];
    for (size_t i = base + 1; i <= proof->last; i++) {
        const struct note *note = &proof->notes.items[i];
        const cJSON *after = note_deployment(note->json, name);
        if (note_is_start(note) && (after == NULL || !note_is_same(before, after)))
            prove_doubt(proof, name,
                        "the host restarted at %s with %s: a window must end before that, or "
                        "begin behind it",
                        prove_time(note->time_ms, text),
                        after == NULL ? "this deployment gone"
                                      : "another build or other settings of it");
        if (after == NULL)
            return;
        before = after;
    }
}

/* Whose signals were others' before, or went to nobody. */
static void check_roles(struct proof *proof, size_t base, const char *name) {
    const char *promoted = note_promoted_from(note_deployment(proof->notes.items[base].json, name));
    char text[40];
    for (size_t i = base + 1; i <= proof->last; i++) {
        const struct note *note = &proof->notes.items[i];
        const cJSON *after = note_deployment(note->json, name);
        const char *shadow = note_promoted_from(after);
        if (after != NULL && !note_emits(after))
            prove_doubt(proof, name,
                        "it became a shadow at %s, and has no signals from then on: give a --to "
                        "before that",
                        prove_time(note->time_ms, text));
        else if (shadow[0] != '\0' && strcmp(shadow, promoted) != 0)
            prove_doubt(
                proof, name,
                "%s took its place at %s, with a state of its own: a window must end before "
                "that, or begin behind it",
                shadow, prove_time(note->time_ms, text));
        else
            continue;
        return;
    }
}

/* One behind the last note that reaches into the window counts as well. */
static void check_later_starts(struct proof *proof, const char *name) {
    const cJSON *before = note_deployment(proof->notes.items[proof->last].json, name);
    char text[40];
    for (size_t i = proof->last + 1; before != NULL && i < proof->notes.count; i++) {
        const struct note *note = &proof->notes.items[i];
        if (!note_is_start(note))
            return; /* a reload behind the window */
        const cJSON *after = note_deployment(note->json, name);
        if (after != NULL && note_is_same(before, after))
            continue;
        if (proof->to_ms != NO_TIME_MS && note->time_ms >= proof->to_ms)
            return;
        prove_doubt(proof, name, "the host restarted at %s with %s: give a --to before that",
                    prove_time(note->time_ms, text),
                    after == NULL ? "this deployment gone" : "another build or other settings");
        return;
    }
}

static bool is_gap_in(const struct proof *proof, const cJSON *gap) {
    const double number = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(gap, "partition"));
    const double to = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(gap, "to"));
    for (size_t i = 0; i < proof->part_count; i++) {
        const struct proof_part *part = &proof->parts[i];
        for (uint32_t topic = 0; topic < proof->config->topic_count; topic++) {
            if (part->partition == (int32_t)number &&
                strcmp(proof->topics[topic], note_text(gap, "topic")) == 0 &&
                to >= (double)window_begin(proof, part, note_text(gap, "deployment"), topic))
                return true;
        }
    }
    return false;
}

/* Once an instance: it counts for all that the process with the checkpoint did since its start. */
static bool is_of_this_process(const struct proof *proof, size_t base, const struct note *note) {
    size_t start = base;
    while (start > 0 && !note_is_start(&proof->notes.items[start]))
        start--;
    return note->time_ms >= proof->notes.items[start].time_ms;
}

/* The deployment, or the shadow that it was earlier in this process. */
static bool is_of(const struct proof *proof, size_t base, const char *name,
                  const char *deployment) {
    if (strcmp(deployment, name) == 0)
        return true;
    for (size_t i = base;; i--) {
        const struct note *note = &proof->notes.items[i];
        if (strcmp(note_promoted_from(note_deployment(note->json, name)), deployment) == 0)
            return true;
        if (i == 0 || note_is_start(note))
            return false;
    }
}

static void check_deviations(struct proof *proof, size_t base, const char *name) {
    char text[40];
    for (size_t i = 0; i < proof->notes.deviation_count; i++) {
        const struct note *note = &proof->notes.deviations[i];
        const cJSON *gap = cJSON_GetObjectItemCaseSensitive(note->json, "gap");
        const cJSON *besides = cJSON_GetObjectItemCaseSensitive(note->json, "besides");
        if (!is_of(proof, base, name, note_text(gap != NULL ? gap : besides, "deployment")))
            continue;
        if (gap != NULL && is_gap_in(proof, gap))
            prove_doubt(
                proof, name,
                "it got a GAP event at %s: it did not get every message of its partition (a "
                "resume with --skip, [checkpoint] max_catch_up, or deleted messages)",
                prove_time(note->time_ms, text));
        else if (gap == NULL && is_of_this_process(proof, base, note))
            prove_doubt(proof, name,
                        "besides its messages it had %s (%s), and where among them is not known",
                        note_text(besides, "what"), prove_time(note->time_ms, text));
        else
            continue;
        return;
    }
}

static void check_timers(struct proof *proof, const char *name, const struct state *state) {
    for (size_t i = 0; i < state->timer_count; i++) {
        if (state->timers[i].clock != T5_CLOCK_WALL)
            continue;
        prove_doubt(proof, name,
                    "it has timers by the wall clock, and where among the messages they fired is "
                    "not known");
        return;
    }
}

static void check_state(struct proof *proof, size_t base, const char *name) {
    for (size_t i = 0; i < proof->part_count && !prove_is_doubted(proof, name); i++) {
        const struct proof_part *part = &proof->parts[i];
        if (part->base != base)
            continue;
        const struct checkpoint_part *own = checkpoint_part(&part->checkpoint, name);
        if (own == NULL)
            prove_doubt(proof, name,
                        "checkpoint %" PRIu64 " of partition %" PRId32
                        " has nothing of it: it is GLOBAL, or began later",
                        part->checkpoint.number, part->partition);
        else if (own->has_state)
            check_timers(proof, name, &own->state);
        for (uint32_t topic = 0; own != NULL && topic < proof->config->topic_count; topic++) {
            const struct position *position =
                positions_find(&own->positions, proof->topics[topic], part->partition);
            const struct stream *stream = messages_stream(&proof->messages, topic, part->partition);
            if (position != NULL && position->next < window_begin(proof, part, NULL, topic) &&
                !stream_has(stream, position->next))
                prove_doubt(proof, name,
                            "it was behind its partition %" PRId32 " when checkpoint %" PRIu64
                            " was taken, and offset %" PRId64 " of %s, where it stood, is gone",
                            part->partition, part->checkpoint.number, position->next,
                            proof->topics[topic]);
        }
    }
}

/* ---- what the configuration at hand says ---- */

static void compare_settings(struct proof *proof, const char *name, const cJSON *ran,
                             const cJSON *now) {
    const cJSON *was = cJSON_GetObjectItemCaseSensitive(ran, "settings");
    const cJSON *is = cJSON_GetObjectItemCaseSensitive(now, "settings");
    const cJSON *item;
    cJSON_ArrayForEach(item, is) {
        const char *before = note_text(was, item->string);
        if (cJSON_IsString(item) && strcmp(before, item->valuestring) != 0)
            prove_differ(proof, name, "%s is %s in the configuration at hand, and %s ran",
                         item->string, item->valuestring, before[0] != '\0' ? before : "another");
    }
    cJSON_ArrayForEach(item, was) {
        if (cJSON_GetObjectItemCaseSensitive(is, item->string) == NULL)
            prove_differ(proof, name, "%s is not in the configuration at hand, and %s ran",
                         item->string, item->valuestring);
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(ran, "files")) {
        const char *content =
            note_text(cJSON_GetObjectItemCaseSensitive(now, "files"), item->string);
        if (cJSON_IsString(item) && content[0] != '\0' && strcmp(content, item->valuestring) != 0)
            prove_differ(proof, name, "the content of %s, %s, has the hash %s at hand, and %s ran",
                         item->string, note_text(is, item->string), content, item->valuestring);
    }
}

void plan_check_contents(struct proof *proof, size_t index, const char *name) {
    const cJSON *ran = note_deployment(proof->notes.items[index].json, name);
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(ran, "files")) {
        const char *path =
            note_text(cJSON_GetObjectItemCaseSensitive(ran, "settings"), item->string);
        struct hash hash;
        struct error error;
        char text[HASH_TEXT_SIZE] = "none";
        if (!cJSON_IsString(item))
            continue;
        if (hash_file(path, &hash, &error))
            hash_text(hash, text);
        if (strcmp(text, item->valuestring) != 0)
            prove_doubt(proof, name,
                        "the content of %s that ran has the hash %s and is gone; %s has %s now",
                        item->string, item->valuestring, path, text);
    }
}

static void check_file(struct proof *proof, size_t index, const char *name) {
    const cJSON *ran = note_deployment(proof->notes.items[index].json, name);
    const cJSON *now = note_deployment(proof->at_hand, name);
    plan_check_contents(proof, index, name);
    if (ran == NULL || prove_file(proof, note_hash(ran)) != NULL)
        return;
    prove_doubt(proof, name,
                "the build that ran has the hash %s and is gone; %s%s: --strategies names a "
                "directory that has it",
                note_hash(ran), now != NULL ? "the one at hand has " : "there is none at hand",
                now != NULL ? note_hash(now) : "");
}

/* All builds of it within the window. */
static void check_files(struct proof *proof, size_t base, const char *name) {
    check_file(proof, base, name);
    for (size_t index = base + 1; plan_next_reload(proof, base, &index); index++)
        check_file(proof, index, name);
}

/* A reload behind the window led to it: nobody says that it ran within. */
static bool ran_later(const struct proof *proof, const char *name, const cJSON *now) {
    for (size_t i = proof->last + 1; i < proof->notes.count; i++) {
        const cJSON *later = note_deployment(proof->notes.items[i].json, name);
        if (later != NULL && note_is_same(later, now))
            return true;
    }
    return false;
}

/* Whether what is at hand is put to the proof, and not what ran: it has other settings, or stands
 * for a build that is gone. --as-given: whatever it is. */
static bool is_put_to_proof(const struct proof *proof, const char *name, const cJSON *ran,
                            const cJSON *now) {
    if (note_is_same(ran, now))
        return false;
    return proof->is_as_given ||
           ((!note_has_same_settings(ran, now) || prove_file(proof, note_hash(ran)) == NULL) &&
            !ran_later(proof, name, now));
}

/* False: out of memory. */
static bool put_to_proof(struct proof *proof, const char *name, const cJSON *ran,
                         const cJSON *now) {
    if (strcmp(note_hash(ran), note_hash(now)) != 0)
        prove_differ(proof, name, "the build at hand has the hash %s, and the one that ran %s%s",
                     note_hash(now), note_hash(ran),
                     prove_file(proof, note_hash(ran)) != NULL
                         ? ""
                         : ", which is gone: --strategies names a directory that has it");
    compare_settings(proof, name, ran, now);
    return notes_replace(&proof->notes, proof->last, now);
}

/* False: out of memory. */
static bool check_at_hand(struct proof *proof, size_t base, const char *name) {
    const cJSON *ran = note_deployment(proof->notes.items[proof->last].json, name);
    const cJSON *now = note_deployment(proof->at_hand, name);
    const bool did = ran == NULL || now == NULL || !is_put_to_proof(proof, name, ran, now) ||
                     put_to_proof(proof, name, ran, now);
    check_files(proof, base, name);
    return did;
}

/* ---- the runs ---- */

static bool is_level(const struct proof *proof, size_t base, const char *name) {
    for (size_t i = 0; i < proof->part_count; i++) {
        const struct proof_part *part = &proof->parts[i];
        const struct checkpoint_part *own = checkpoint_part(&part->checkpoint, name);
        if (part->base == base && own != NULL && own->positions.count > 0)
            return false;
        for (size_t index = base + 1; part->base == base && plan_next_reload(proof, base, &index);
             index++) {
            if (note_is_behind(&proof->notes.items[index], part->partition, name))
                return false;
        }
    }
    return true;
}

static struct proof_run *add_run(struct proof *proof, size_t base, bool is_own, size_t most) {
    if (!ARRAY_GROW(proof->runs, proof->run_count, proof->run_capacity))
        return NULL;
    struct proof_run *run = &proof->runs[proof->run_count];
    *run = (struct proof_run){.base = base, .is_own = is_own};
    run->names = calloc(most + 1, sizeof *run->names);
    if (run->names == NULL)
        return NULL;
    proof->run_count++;
    return run;
}

static bool add_deployment(struct proof *proof, size_t base, const char *name, size_t most,
                           size_t *common) {
    check_starts(proof, base, name);
    check_later_starts(proof, name);
    check_roles(proof, base, name);
    check_deviations(proof, base, name);
    check_state(proof, base, name);
    if (!check_at_hand(proof, base, name))
        return false;
    if (prove_is_doubted(proof, name))
        return true;
    const bool is_own = !is_level(proof, base, name);
    if (is_own || *common == SIZE_MAX) {
        struct proof_run *run = add_run(proof, base, is_own, most);
        if (run == NULL)
            return false;
        run->names[run->name_count++] = name;
        if (!is_own)
            *common = proof->run_count - 1;
        return true;
    }
    struct proof_run *run = &proof->runs[*common];
    run->names[run->name_count++] = name;
    return true;
}

/* The notes may be replaced; the name stays. */
static const char *keep_name(struct proof *proof, const char *name) {
    if (!ARRAY_GROW(proof->names, proof->name_count, proof->name_capacity))
        return NULL;
    char *copy = strdup(name);
    if (copy != NULL)
        proof->names[proof->name_count++] = copy;
    return copy;
}

static bool add_base(struct proof *proof, size_t base) {
    const cJSON *all =
        cJSON_GetObjectItemCaseSensitive(proof->notes.items[base].json, "deployments");
    const int count = cJSON_GetArraySize(all);
    size_t common = SIZE_MAX;
    for (int i = 0; i < count; i++) {
        if (!note_emits(cJSON_GetArrayItem(all, i)))
            continue;
        const char *name = keep_name(proof, note_text(cJSON_GetArrayItem(all, i), "name"));
        if (name == NULL || !add_deployment(proof, base, name, (size_t)count, &common))
            return false;
    }
    return true;
}

/* One that came with a reload has no state to begin with; one that was a shadow, no signals. */
static void doubt_added(struct proof *proof) {
    const cJSON *deployment;
    cJSON_ArrayForEach(deployment, cJSON_GetObjectItemCaseSensitive(
                                       proof->notes.items[proof->last].json, "deployments")) {
        const char *name = note_text(deployment, "name");
        for (size_t i = 0; note_emits(deployment) && i < proof->part_count; i++) {
            const struct note *base = &proof->notes.items[proof->parts[i].base];
            if (note_emits(note_deployment(base->json, name)) || prove_is_doubted(proof, name))
                continue;
            prove_doubt(proof, name,
                        "it began within the window, and its warm-up, or what it knew as a shadow, "
                        "is not done again: a window must begin behind that");
        }
    }
}

bool plan_runs(struct proof *proof, struct error *error) {
    find_last(proof);
    bool did = true;
    for (size_t base = 0; did && base < proof->notes.count; base++) {
        bool is_used = false;
        for (size_t i = 0; i < proof->part_count; i++)
            is_used |= proof->parts[i].base == base;
        did = !is_used || add_base(proof, base);
    }
    if (!did)
        return error_set_memory(error, "a plan");
    doubt_added(proof);
    return true;
}
