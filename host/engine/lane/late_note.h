/*
 * engine/lane/late_note.h - who is behind its partition number, and how far its signals are safe:
 * what goes with a committed offset, exactly once.
 *
 * An offset alone says that the signals of all messages below it are safe. Of one that is suspended
 * or catching up that is so up to its own position only, and a checkpoint of its position is as old
 * as the last interval. So each offset that a transaction commits has a note with it (Kafka keeps a
 * text with each): whoever goes on from there says again nothing that was said, and loses nothing.
 *
 * The text: " DEPLOYMENT=OFFSET" for each. One that is level again is named with the offset itself
 * until a checkpoint knows it; who is not named was never behind since the last one. " *": there
 * was no room for all.
 */
#ifndef TAKE5_ENGINE_LANE_LATE_NOTE_H
#define TAKE5_ENGINE_LANE_LATE_NOTE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* Instead of a deployment's name: up to which wall-clock time the signals of wall-clock timers are
 * safe, of the partition number and of GLOBAL deployments. */
#define LATE_NOTE_CLOCK        "@"
#define LATE_NOTE_GLOBAL_CLOCK "@@"

/* Brokers keep 4096 bytes with an offset (offset.metadata.max.bytes). */
#define LATE_NOTE_MOST 3800

/* Adds one; instead, if that is too much, that some are missing. */
void late_note_add(struct text *note, const char *deployment, int64_t offset);

enum late_note_answer { LATE_NOTE_NOT_NAMED = 1, LATE_NOTE_NAMED, LATE_NOTE_UNKNOWN };
/* What the text says of the deployment; other words in it do not matter. NULL: it names nobody. */
enum late_note_answer late_note_find(const char *note, const char *deployment, int64_t *offset);
/* Up to where the signals of a deployment at `position` are safe, where a checkpoint says `safe`:
 * of one that was behind in that (`was_behind`), what the note says less than that is older. A note
 * that may lack it counts as if it was fed nothing: rather once more than never. */
int64_t late_note_safe(const char *note, const char *deployment, int64_t position, int64_t safe,
                       bool was_behind);

#endif
