/*
 * engine/history/part_note.h - exactly once, what was committed with an offset says how far the
 * signals of a deployment are safe that was behind the others (engine/lane/late_note.h). Here for a
 * deployment that is in a checkpoint and does not run: it has left, or comes from another worker.
 */
#ifndef TAKE5_ENGINE_HISTORY_PART_NOTE_H
#define TAKE5_ENGINE_HISTORY_PART_NOTE_H

#include "checkpoint/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>

/* Puts that into the part's `history_to`; its positions are its own. `was_behind`: they were so in
 * the checkpoint, and what the note says less than it is older. `note` NULL: there is none.
 * `*did_change` becomes true when it has something new. False: out of memory. */
bool part_note_heed(struct checkpoint_part *part, const char *topic, int32_t partition,
                    const char *note, bool was_behind, bool *did_change);

#endif
