/*
 * engine/lane/late_note.h - which deployments are behind their partition number, and up to where
 * their signals are safe: the text that goes with a committed offset, exactly once.
 *
 * An offset alone says that the signals of all messages below it are safe. For a deployment that is
 * suspended or catching up that holds only up to its own position, and a checkpoint of its position
 * may be one interval old. So each offset that a transaction commits carries a note (Kafka keeps a
 * text with each): whoever continues from there repeats no signal, and loses none.
 *
 * The text: " DEPLOYMENT=OFFSET" for each. One that is level again is named with the offset itself
 * until a checkpoint has that; one that is not named was never behind since the last one. " *":
 * there was no room for all.
 */
#ifndef TAKE5_ENGINE_LANE_LATE_NOTE_H
#define TAKE5_ENGINE_LANE_LATE_NOTE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* In place of a deployment's name: up to which wall-clock time the signals of wall-clock timers are
 * safe, for the partition number and for GLOBAL deployments. */
#define LATE_NOTE_CLOCK        "@"
#define LATE_NOTE_GLOBAL_CLOCK "@@"

/* Brokers keep 4096 bytes with an offset (offset.metadata.max.bytes). */
#define LATE_NOTE_MOST 3800

/* Adds one; if there is no room, notes that some are missing. */
void late_note_add(struct text *note, const char *deployment, int64_t offset);

enum late_note_answer { LATE_NOTE_NOT_NAMED = 1, LATE_NOTE_NAMED, LATE_NOTE_UNKNOWN };
/* What the text says about the deployment; other words in it do not matter. `note` NULL: it names
 * none. */
enum late_note_answer late_note_find(const char *note, const char *deployment, int64_t *offset);
/* Up to where the signals of a deployment at `position` are safe, if a checkpoint says `safe`: for
 * one that was behind in it (`was_behind`), a lower value in the note is older. A note that may
 * lack the deployment counts as if it was fed nothing: rather a repeat than a loss. */
int64_t late_note_safe(const char *note, const char *deployment, int64_t position, int64_t safe,
                       bool was_behind);

#endif
