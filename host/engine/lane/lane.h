/*
 * engine/lane/lane.h - a thread that owns some partitions and runs all their instances, to
 * completion, one message after the other.
 *
 * Everything that changes what a lane owns or runs is a *call*: a function that control hands over
 * and the lane runs between two messages, on its own thread. A lane may also be *held*: it then
 * runs calls only, until it is stopped.
 *
 * Threads: lane_call, lanes_call and lane_hold by control.
 */
#ifndef TAKE5_ENGINE_LANE_LANE_H
#define TAKE5_ENGINE_LANE_LANE_H

#include "base/error.h"
#include "engine/lane/lane_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANE_NO_LIMIT MAILBOX_NO_LIMIT

/* Makes the lane and its thread. `projection` and `decoder` are its first ones; the lane owns them
 * from here. */
struct lane *lane_new(const struct lane_options *options, struct projection *projection,
                      struct decoder *decoder, struct error *error);
/* Stops the thread, between two messages, and waits for it. */
void lane_stop(struct lane *lane);
/* After lane_stop. Its partitions must have been detached. */
void lane_free(struct lane *lane);

/*
 * Runs `run(lane, argument)` on the lane between two messages and waits for it to end. False if the
 * lane did not get to it in time: then it will not run at all. Once it runs, the wait has no limit
 * (the watchdog deals with what is stuck). Control thread; allocates nothing.
 */
bool lane_call(struct lane *lane, void (*run)(struct lane *lane, void *argument), void *argument,
               int64_t timeout_ns, struct error *error);

/* Runs it on several lanes at once. False if one did not get to it in time: those that did have run
 * it. LANE_NO_LIMIT: never false, and `error` may be NULL. */
bool lanes_call(struct lane **lanes, size_t count, void (*run)(struct lane *lane, void *argument),
                void *argument, int64_t timeout_ns, struct error *error);

/* Control: the lane finishes its current message and then runs calls only. False: not in time; then
 * it is not held. */
bool lane_hold(struct lane *lane, int64_t timeout_ns, struct error *error);

/* For lane calls, on that lane. */
/* Adopts the partition; calls into its instances are recorded as this lane's from here on. */
bool lane_adopt(struct lane *lane, struct partition *partition);
/* Gives it up: nothing of it is in progress afterwards. */
void lane_detach(struct lane *lane, struct partition *partition);
/* Switches to another projection and decoder; frees the old ones. */
void lane_use_projection(struct lane *lane, struct projection *projection, struct decoder *decoder);
/* Collects the confirmations of a topic; if `does_store`, stores the offset up to which it is
 * done. */
void lane_store_topic(struct lane *lane, struct partition *partition, size_t topic,
                      bool does_store);
/* The same for all that it owns. */
void lane_store(struct lane *lane);

#endif
