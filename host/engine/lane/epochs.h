/*
 * engine/lane/epochs.h - exactly once, for a lane: what it emits for Kafka gathers in its open
 * epoch (sink/transaction/epoch.h), which it closes between two messages, every [signals]
 * commit_interval, and hands to its transactor together with the offsets.
 *
 * The offset of a topic partition that goes with an epoch is the next one that the stream will hand
 * over, or, while a recovery holds it back, the next one of the task that is furthest behind. What
 * is emitted about messages beyond it stays in the open epoch.
 *
 * Without a transactor (lane_options) nothing here is called on the message path.
 *
 * Lane thread, or control where no lane works on the partition.
 */
#ifndef TAKE5_ENGINE_LANE_EPOCHS_H
#define TAKE5_ENGINE_LANE_EPOCHS_H

#include "engine/lane/lane_state.h"

/* An assignment of the topic partition begins: `committed` is the group's committed offset,
 * SOURCE_NO_OFFSET if there is none. False: out of memory. */
bool epochs_begin_tenure(struct offset_tracker *tracker, const char *topic, int32_t partition,
                         int64_t committed);

/* Puts a delivery into the open epoch, under its cause. */
void epochs_add(struct lane *lane, const struct cause *cause, struct delivery *delivery);

/* Closes the open epoch if that is due and the previous one is decided. Returns in how many ms it
 * will be due; at most `most_ms`. */
int epochs_close_due(struct lane *lane, int most_ms);
/* Closes it now in any case. Takes the first checkpoint of newcomers that are level
 * (engine/core/partition.h, `is_newcomer`), which is on the disk before the epoch is committed;
 * partitions whose newcomers are not level are left out. */
void epochs_close(struct lane *lane);

/* Takes over what has been committed of the topic meanwhile. */
void epochs_learn(struct lane *lane, struct partition *partition, size_t topic);

#endif
