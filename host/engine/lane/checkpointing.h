/*
 * engine/lane/checkpointing.h - what a lane does for checkpoints (checkpoint/checkpoint.h): it
 * takes them between two messages, and ensures that offsets are stored only behind the journal.
 *
 * Lane thread, or control where no lane works on the partition.
 */
#ifndef TAKE5_ENGINE_LANE_CHECKPOINTING_H
#define TAKE5_ENGINE_LANE_CHECKPOINTING_H

#include "engine/lane/lane_state.h"

/* Gives a partition number a journal that continues `order`, with that tail, and takes over both
 * unless it fails; NULL: none is kept. */
bool checkpointing_begin(struct lane *lane, struct partition *partition, struct order *order,
                         struct order_tail *tail);

/* A parked partition works again: offsets may be stored up to where its topics begin. */
void checkpointing_resume(struct partition *partition);

/* The stream continues at an offset below what was noted, or its log ends there: what was noted
 * from that offset on concerned other records. */
void checkpointing_cut(struct partition *partition, size_t stream, int64_t offset);

/* Before a signal is sent that may depend on the order in which records of several topics were
 * handed over: ensures that the order outlives the process. No system call. */
void checkpointing_cover(struct partition *partition);

/* Hands what was noted to the store if the last time was a while ago, and checks what has been
 * written. Takes NULL, as do those below. */
void checkpointing_journal(struct lane *lane, struct partition *partition, int64_t coarse_ns);
/* The same at once. Returns the ticket to wait for; 0: nothing to wait for. */
uint64_t checkpointing_journal_now(struct lane *lane, struct partition *partition);
/* What was waited for is written. */
void checkpointing_journal_written(struct partition *partition);
/* At least once: up to where offsets of the stream may be stored, at most `done`, while no
 * checkpoint has the positions of suspended tasks: what they do not get would be taken for safe. */
int64_t checkpointing_place_limit(const struct lane *lane, struct partition *partition,
                                  size_t stream, int64_t done);
/* Up to where offsets of the stream may be stored, at most `done`. */
int64_t checkpointing_limit(const struct partition *partition, size_t stream, int64_t done);

/* The next offsets of a task (NULL: of the partition), by its streams. False: out of memory. */
bool checkpointing_positions(const struct lane *lane, const struct partition *partition,
                             const struct task *task, struct positions *positions);

/* The reverse: their entry for the partition's stream; SOURCE_NO_OFFSET: none. */
int64_t checkpointing_position(const struct lane *lane, const struct partition *partition,
                               const struct positions *positions, size_t stream);

/* Puts the position of a task that is behind into the part's positions. False: out of memory. */
bool checkpointing_place(const struct lane *lane, const struct task *task,
                         struct checkpoint_part *part);

/* Takes a due checkpoint: at most one, and none while another lane takes one. Partitions with
 * newcomers get theirs from epochs_close(). */
void checkpointing_due(struct lane *lane, int64_t coarse_ns);
/* Whether a checkpoint of now is above all that was committed, and so of no use until what comes
 * next is committed. */
bool checkpointing_is_above_committed(const struct lane *lane, const struct partition *partition);
/* Whether one may be taken now: no offset is held for a recovery, and all signals of late messages
 * are confirmed, and those of newcomers committed. One that is owed does not wait for them where it
 * is above all that was committed. */
bool checkpointing_can_take(struct partition *partition);
/* Takes one now, due or not; returns its ticket. 0: none was taken, because nothing was handed over
 * since the last one, offsets are held for a recovery, or signals of late messages are not
 * confirmed; `error` has a text if it failed. */
uint64_t checkpointing_take(struct lane *lane, struct partition *partition, struct error *error);
/* The same, of one that is above all that was committed, and so of no use before the signals that
 * wait are committed with what comes next: it does not wait for them. */
uint64_t checkpointing_take_with(struct lane *lane, struct partition *partition,
                                 struct error *error);

#endif
