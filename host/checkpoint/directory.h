/*
 * checkpoint/directory.h - checkpoints and journals as files:
 *
 *   STATE_DIR/checkpoints/PARTITION/NUMBER.checkpoint   (PARTITION "global" for -1)
 *   STATE_DIR/checkpoints/PARTITION/NUMBER.journal      the order behind that checkpoint
 *   STATE_DIR/checkpoints/PARTITION/order.tail          its end, by the lane (order_tail.h)
 *
 * A checkpoint is written under another name, synced and renamed, and its directory is synced. The
 * newest three are kept, and of older ones the newest two that were usable for the offsets
 * committed when the last one was written: while sinks confirm nothing for long, the three newest
 * are all above the committed offsets. Journals older than all of these are removed.
 *
 * An unusable file (damaged, cut off, of another format, accessible to others) is renamed to
 * *.damaged or *.refused, and logged with the reason; the next older one is taken.
 */
#ifndef TAKE5_CHECKPOINT_DIRECTORY_H
#define TAKE5_CHECKPOINT_DIRECTORY_H

#include "checkpoint/backend.h"

/* Copies the path. NULL: out of memory. */
struct store_backend *directory_backend_new(const char *state_dir, struct error *error);

#endif
