/*
 * engine/history/part_note.h - exactly once, the note of a committed offset says how far the
 * signals of a deployment are safe that was behind the others (engine/lane/late_note.h). Here it is
 * applied to a deployment that is in a checkpoint and does not run: it has left, or comes from
 * another worker.
 */
#ifndef TAKE5_ENGINE_HISTORY_PART_NOTE_H
#define TAKE5_ENGINE_HISTORY_PART_NOTE_H

#include "checkpoint/checkpoint.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Puts that into the part's `history_to`; the part has positions of its own. `was_behind`: it had
 * them in the checkpoint already, and a lower value in the note is older. `note` NULL: none.
 * `*did_change` becomes true if the note has something new. False: out of memory. */
bool part_note_apply(struct checkpoint_part *part, const char *topic, int32_t partition,
                     const char *note, bool was_behind, bool *did_change);

/* Up to which wall-clock time the signals of the deployment's wall-clock timers are safe, by the
 * notes of all these parts: each says what was so when its offset was committed. 0: none does, or
 * it was behind the others then, and had not fired what they had. */
int64_t part_note_clock(const struct topic_partition *parts, size_t count, const char *deployment,
                        bool is_global);

#endif
