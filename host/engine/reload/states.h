/*
 * engine/reload/states.h - the states that the rehearsals of a plan begin with. Control thread.
 */
#ifndef TAKE5_ENGINE_RELOAD_STATES_H
#define TAKE5_ENGINE_RELOAD_STATES_H

#include "engine/core/core.h"
#include "engine/reload/plan.h"

#include <stdint.h>

/* Gives the plan the states that it needs: of instances that run, all in one stop of each lane, and
 * of deployments that are held in quarantine from disk. Those whose states cannot be had get the
 * reason. Gives how long the lanes were kept, together. */
int64_t states_fetch(struct engine *engine, struct plan *plan);

#endif
