/*
 * engine/history/behind.h - for instances that are behind their partition number: opens what a
 * catch-up reads (engine/lane/catch_up.h), and ends it when it is over. Control thread.
 */
#ifndef TAKE5_ENGINE_HISTORY_BEHIND_H
#define TAKE5_ENGINE_HISTORY_BEHIND_H

#include "engine/core/partition.h"

struct engine;

/* Serves every working partition number with an instance that wants to catch up, or has done so.
 * What cannot be opened now is tried again later. A position that the log no longer has is logged,
 * and the instance is notified of the gap.
 *
 * Once per instance the number of messages that it missed is checked: more than [checkpoint]
 * max_catch_up are not handed to it as real ones. That is logged; the instance is notified of the
 * gap, and warmed up as its deployment asks, without what it has seen already. History does not
 * count: recovery and warm-up have no limit. */
void behind_poll(struct engine *engine);

/* Ends the partition's catch-up; no lane works on the partition any more. */
void behind_end(struct engine *engine, struct partition *partition);

#endif
