/*
 * engine/reload/held.h - the deployments that are held in quarantine, as the status shows them.
 * Control thread; the list is read under the engine's status lock.
 */
#ifndef TAKE5_ENGINE_RELOAD_HELD_H
#define TAKE5_ENGINE_RELOAD_HELD_H

#include "engine/core/core.h"
#include "engine/reload/plan.h"

/* Notes whom the plan held back; with `only`, that one no longer. */
void held_note(struct engine *engine, struct plan *plan, const char *only);
/* Frees the list. */
void held_release(struct engine *engine);

#endif
