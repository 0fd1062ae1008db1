/*
 * engine/history/part_note.h - exactly once, what was committed with an offset says how far the
 * signals of a deployment are safe that was behind the others (engine/lane/late_note.h). Here for a
 * deployment that is in a checkpoint and does not run: it has left, or comes from another worker.
 */
#ifndef TAKE5_ENGINE_HISTORY_PART_NOTE_H
#define TAKE5_ENGINE_HISTORY_PART_NOTE_H

#include "checkpoint/checkpoint.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Puts that into the part's `history_to`; its positions are its own. `was_behind`: they were so in
 * the checkpoint, and what the note says less than it is older. `note` NULL: there is none.
 * `*did_change` becomes true when it has something new. False: out of memory. */
bool part_note_heed(struct checkpoint_part *part, const char *topic, int32_t partition,
                    const char *note, bool was_behind, bool *did_change);

/* Up to which wall-clock time the signals of the deployment's wall-clock timers are safe, by the
 * notes of all of these: each has what was so when its offset went. 0: none says so, or it was
 * behind the others then, and had not fired what they had. */
int64_t part_note_clock(const struct topic_partition *parts, size_t count, const char *deployment,
                        bool is_global);

#endif
