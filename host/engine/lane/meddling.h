/*
 * engine/lane/meddling.h - what strategies must not change, looked after between their callbacks
 * (strategy/plugin/guard.h): what was changed is restored and logged, with the deployment if it is
 * certain.
 *
 * Lane thread only.
 */
#ifndef TAKE5_ENGINE_LANE_MEDDLING_H
#define TAKE5_ENGINE_LANE_MEDDLING_H

#include "engine/lane/lane_state.h"

/* What belongs to the thread and, once in a while or now, to the process too. */
void lane_watch_strategies(struct lane *lane, bool is_now);

/* Only the handlers, alternate stack and signal mask that report a crash. */
void lane_watch_handlers(struct lane *lane);

#endif
