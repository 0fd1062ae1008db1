/*
 * engine/lane/shadowing.h - what a lane does for shadow deployments: it keeps their signals, has
 * them compared with those of the originals, and stops shadows that take too much of its time.
 *
 * A shadow runs among the other instances, on the same messages, and holds nothing back: no offset
 * waits for it, and what it rejects does not go to the dead letters. Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_SHADOWING_H
#define TAKE5_ENGINE_LANE_SHADOWING_H

#include "engine/lane/lane_state.h"

/* A shadow's signal: only for the comparison. */
void shadowing_emit(struct lane *lane, struct task *task, const struct emitted_signal *emitted);
/* A signal of an original, on its way to the sinks. */
void shadowing_note(struct lane *lane, const struct task *task, struct delivery *delivery);

/* After a message of the partition: what was gathered is complete. */
static inline void shadowing_compare(struct lane *lane, struct partition *partition) {
    if (__builtin_expect(!lane->is_comparing, 1))
        return;
    if (partition->is_comparing)
        partition_compare(partition);
    if (lane->global != NULL && lane->global->is_comparing)
        partition_compare(lane->global);
}

/* The same between two batches: for timers and events, in all its partitions. */
void shadowing_compare_all(struct lane *lane);

/* Whether the lane has any shadows: to be called when its partitions or their tasks changed. */
void shadowing_find(struct lane *lane);
/* About once a second: stops shadows that took more of the time since the last check than allowed,
 * and more than twice what their originals took. */
void shadowing_look(struct lane *lane, uint64_t ticks);

/* The same between two messages of a batch, if it is due. */
static inline void shadowing_look_when_due(struct lane *lane, uint64_t ticks) {
    if (__builtin_expect(lane->has_shadows, 0) && ticks - lane->looked_ticks > lane->look_ticks)
        shadowing_look(lane, ticks);
}

#endif
