/*
 * engine/reload/reload.h - new deployments to work while the stream runs. Control thread.
 */
#ifndef TAKE5_ENGINE_RELOAD_RELOAD_H
#define TAKE5_ENGINE_RELOAD_RELOAD_H

#include "base/error.h"
#include "engine/core/core.h"
#include "engine/reload/plan.h"

/*
 * The start is a reload from nothing, in two steps: it is planned before there is anything, with
 * samples for the rehearsals, and applied when the lanes run. The caller releases the plan. False:
 * nothing can run; what is merely rejected is in the report.
 */
bool reload_plan_start(struct engine *engine, const struct record *samples, size_t sample_count,
                       struct plan *plan, struct report *report, struct error *error);
bool reload_apply_start(struct engine *engine, struct plan *plan, struct report *report,
                        struct error *error);

/* As engine_reload() (engine/engine.h). False: everything goes on as before. */
bool reload_run(struct engine *engine, struct config *next, struct report *report);
/* Puts a shadow in its original's place, as engine_promote() (engine/operator.h). */
bool reload_promote(struct engine *engine, const char *shadow, struct text *answer,
                    struct error *error);
/* Lets a deployment out of its quarantine: through a rehearsal, with the state that it had. */
bool reload_readmit(struct engine *engine, const char *deployment, struct error *error);

#endif
