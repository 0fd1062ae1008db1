/*
 * commands/proof/notes.h - what a live host noted of what ran in it (engine/core/provenance.h),
 * read again. Read-only once read, but for notes_replace().
 */
#ifndef TAKE5_COMMANDS_PROOF_NOTES_H
#define TAKE5_COMMANDS_PROOF_NOTES_H

#include "base/error.h"

#include <cjson/cJSON.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of deployments, or of a deviation. */
struct note {
    int64_t time_ms; /* wall clock */
    cJSON *json;
};

struct notes {
    struct note *items; /* of deployments; in the order in which they were written */
    size_t count, capacity;
    struct note *deviations; /* gaps, and what came besides */
    size_t deviation_count, deviation_capacity;
};

/* False with an error: there are none, or they cannot be read. */
bool notes_read(struct notes *notes, const char *state_dir, struct error *error);
void notes_release(struct notes *notes);

/* An object {"host":..., "deployments":...}, from a file of the same form. NULL with an error. */
cJSON *notes_read_deployed(const char *path, struct error *error);

/* NULL: it does not run there. */
const cJSON *note_deployment(const cJSON *json, const char *name);
/* Whether what is noted of it is the same: its file and settings, */
bool note_is_same(const cJSON *deployment, const cJSON *other);
/* and of these the settings alone, with the content of files among them. */
bool note_has_same_settings(const cJSON *deployment, const cJSON *other);
/* Whether its signals go out: it is there, and no shadow. */
bool note_emits(const cJSON *deployment);
/* The shadow that took its place; "" when none did. */
const char *note_promoted_from(const cJSON *deployment);
/* The hash of its file; "" when it has none. */
const char *note_hash(const cJSON *deployment);
const char *note_text(const cJSON *object, const char *name);

/* Where its deployments began to run in a topic of a partition number; false: nothing is noted, as
 * the host did not have it. `deployment` (NULL: the partition) may have been behind. */
bool note_position(const struct note *note, int32_t partition, const char *deployment,
                   const char *topic, int64_t *next);
/* Whether the partition number was there, */
bool note_has_partition(const struct note *note, int32_t partition);
/* and the deployment had its own place. */
bool note_is_behind(const struct note *note, int32_t partition, const char *deployment);

/* What a start notes: no partition number is there yet. */
bool note_is_start(const struct note *note);

/* The list's `shadow` runs under the name of the `original`, which is gone. Nothing, if one of them
 * is not there. False: out of memory. */
bool note_promote(cJSON *json, const char *shadow, const char *original);

/* The deployment is another one in that note. False: out of memory. */
bool notes_replace(struct notes *notes, size_t index, const cJSON *deployment);

#endif
