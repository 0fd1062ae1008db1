/*
 * engine/history/behind.h - instances that are behind their partition number: opens what a catch-up
 * reads (engine/lane/catch_up.h), and ends it when it is over. Control thread.
 */
#ifndef TAKE5_ENGINE_HISTORY_BEHIND_H
#define TAKE5_ENGINE_HISTORY_BEHIND_H

#include "engine/core/partition.h"

struct engine;

/* For every partition number at work where somebody wants to catch up, or has. What cannot be
 * opened now is tried again later. A position that the log no longer has is logged, and the
 * instance is told of the gap.
 *
 * Of each instance is judged once how many messages passed it by: more than [checkpoint]
 * max_catch_up are not handed to it as real ones. That is logged; it is told of the gap, and warmed
 * up as its deployment asks, without what it has seen already. History is no part of that number:
 * recovery and warm-up are as long as they are. */
void behind_poll(struct engine *engine);

/* Ends the partition's catch-up, which its lane no longer works on. */
void behind_end(struct engine *engine, struct partition *partition);

#endif
