/*
 * checkpoint/order_tail.h - the end of a journal that is not in its file yet, in a mapped file.
 *
 * The signals of a strategy that relates topics depend on the order in which it was handed their
 * records, and leave before the journal's thread has written that order. So the runs are noted here
 * first, which takes no system call: memory of a mapped file outlives a process, however it ends.
 * It does not outlive the machine; the journal's file does, and offsets wait for that one.
 *
 * It holds the runs that are not in the file yet, up to ORDER_TAIL_RUNS; those for which there is
 * no room are noted when the file has taken some of the others.
 *
 * One thread at a time: the lane's, or control if no lane works on the partition.
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

/* Makes a new file, with the runs of `order` that were not taken (order_put_frames), in place of
 * the previous one. NULL with an error. */
struct order_tail *order_tail_new(const char *path, const struct journal_owner *owner,
                                  const struct order *order, struct error *error);
/* Leaves the file. Takes NULL. */
void order_tail_free(struct order_tail *tail);

/* Notes the runs of `order` up to its end. False: more than half of the room is taken, so the
 * journal's file should take them soon. */
bool order_tail_note(struct order_tail *tail, const struct order *order);
/* The file has what is below that index of the order, and everything that was cut until then. */
void order_tail_drop(struct order_tail *tail, uint64_t index);
/* The order is about to be cut (order_cut). Nothing is noted until the next order_tail_drop(). */
void order_tail_cut(struct order_tail *tail);

/* Adds to `order` what the previous process noted at `path`, except for offsets below
 * known[stream], which its file has; `stream_count` of them. Nothing if the file does not exist,
 * belongs to another owner, or is from before the machine's last start. The runs are not taken
 * yet. */
void order_tail_read(const char *path, const struct journal_owner *owner, const int64_t *known,
                     uint32_t stream_count, struct order *order);

#endif
