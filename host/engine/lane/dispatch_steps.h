/*
 * engine/lane/dispatch_steps.h - the steps of handling one record, for dispatch.c and
 * dispatch_late.c.
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_DISPATCH_STEPS_H
#define TAKE5_ENGINE_LANE_DISPATCH_STEPS_H

#include "engine/lane/lane_state.h"

#include <stdint.h>

/* The record is now the current one, for those who inspect the lane, and after a crash. */
void dispatch_note(struct lane *lane, const struct record *record);

/* Sets the topic's name in the decoded message. */
void dispatch_name_topic(struct lane *lane, const struct record *record);

/* The id of the decoded message's symbol. SYMBOL_NONE: the table is full, or the lane is broken. */
uint32_t dispatch_intern(struct lane *lane, struct symbols *symbols, const t5_message *message);

/* The tasks that may want the decoded message, by its symbol's id. NULL: the lane is broken. */
struct route *dispatch_find_route(struct lane *lane, struct partition *partition, uint32_t id);

/* Calls the instance, and handles its answer: errors are counted and logged, what it rejects goes
 * to the dead letters. */
void dispatch_call(struct lane *lane, const struct route_entry *entry, const struct record *record,
                   uint64_t *ticks_now);

/* Fires its due wall-clock timers, and counts failures. */
void dispatch_fire(struct lane *lane, struct task *task, int64_t now_ns);

#endif
