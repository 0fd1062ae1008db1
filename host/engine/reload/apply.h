/*
 * engine/reload/apply.h - new instances for old ones, between two messages. Control thread.
 */
#ifndef TAKE5_ENGINE_RELOAD_APPLY_H
#define TAKE5_ENGINE_RELOAD_APPLY_H

#include "base/error.h"
#include "engine/core/core.h"
#include "engine/reload/plan.h"

/* Puts the plan to work; what an instance refuses is rejected in it. Takes over `next`, the
 * configuration, when it succeeds; NULL: the one in force stays. The lanes have to come to a
 * boundary within the time (LANE_NO_LIMIT: they do), and have stood still for `*paused_ns` then. */
bool apply_plan(struct engine *engine, struct plan *plan, struct config *next, int64_t timeout_ns,
                int64_t *paused_ns, struct error *error);

#endif
