/*
 * checkpoint/order_tail.h - the end of a journal that is not in its file yet, in a mapped file.
 *
 * What a strategy that relates topics says depends on the order in which it was handed their
 * records, and leaves before the journal's thread has written that order down. So the runs are
 * noted here first, which takes no system call: memory of a mapped file outlives a process, however
 * it ends. It does not outlive the machine; the journal's file does, and offsets wait for that one.
 *
 * It holds the runs that were noted since what the file has, up to ORDER_TAIL_RUNS; those that find
 * no room are noted when the file has taken some of the others.
 *
 * One thread at a time: the lane's, or control's where no lane works on the partition.
 */
#ifndef TAKE5_CHECKPOINT_ORDER_TAIL_H
#define TAKE5_CHECKPOINT_ORDER_TAIL_H

#include "base/error.h"
#include "checkpoint/journal_file.h"
#include "checkpoint/order.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDER_TAIL_RUNS 16384u

struct order_tail;

/* Makes the file anew, with the runs of `order` that were not taken (order_put_frames) in it, in
 * the place of the one before. NULL with an error. */
struct order_tail *order_tail_new(const char *path, const struct journal_owner *owner,
                                  const struct order *order, struct error *error);
/* Leaves the file. NULL is allowed. */
void order_tail_free(struct order_tail *tail);

/* Notes the runs of `order` up to its end. False: more than half of the room is taken, and the
 * journal's file had better take them soon. */
bool order_tail_note(struct order_tail *tail, const struct order *order);
/* The file has what lies below that index of the order, and all that was cut until then. */
void order_tail_drop(struct order_tail *tail, uint64_t index);
/* The order is about to be cut (order_cut). Nothing is noted until the next order_tail_drop(). */
void order_tail_cut(struct order_tail *tail);

/* Adds to `order` what the process before noted at `path`, but for offsets below known[stream],
 * which its file has; `stream_count` of them. Nothing when the file is not there, is another
 * owner's, or was left before the machine last came up. The runs are not taken yet. */
void order_tail_read(const char *path, const struct journal_owner *owner, const int64_t *known,
                     uint32_t stream_count, struct order *order);

#endif
