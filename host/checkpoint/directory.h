/*
 * checkpoint/directory.h - checkpoints and journals as files:
 *
 *   STATE_DIR/checkpoints/PARTITION/NUMBER.checkpoint   (PARTITION "global" for -1)
 *   STATE_DIR/checkpoints/PARTITION/NUMBER.journal      the order behind that checkpoint
 *   STATE_DIR/checkpoints/PARTITION/order.tail          its end, by the lane (order_tail.h)
 *
 * A checkpoint is written beside, synced and renamed, and its directory is synced. Kept are the
 * newest three, and of older ones the newest two that were usable for what was committed when the
 * last one was written: with sinks that confirm nothing for long, the three newest all lie above
 * the committed offsets. Journals go with the checkpoints that they lie before.
 *
 * What cannot be used - damaged, cut off, of another form, not this service's alone - is renamed to
 * *.damaged or *.refused, and logged with the reason; the next older one is taken.
 */
#ifndef TAKE5_CHECKPOINT_DIRECTORY_H
#define TAKE5_CHECKPOINT_DIRECTORY_H

#include "checkpoint/backend.h"

/* Copies the path. NULL: out of memory. */
struct store_backend *directory_backend_new(const char *state_dir, struct error *error);

#endif
