/*
 * engine/reload/plan_steps.h - what listing a plan (plan.c) has of building it (plan_build.c).
 * Inside reload.
 */
#ifndef TAKE5_ENGINE_RELOAD_PLAN_STEPS_H
#define TAKE5_ENGINE_RELOAD_PLAN_STEPS_H

#include "engine/reload/plan.h"

/* Whether the generation is that file. */
bool plan_is_of_file(const struct generation *generation, const struct strategy_file *file);
/* Code that ended a process is not loaded: no constructor, no callback of it runs. True: the item
 * is settled. */
bool plan_is_quarantined(const struct plan_request *request, struct plan_item *item);
/* Has the item's code, and settles it. */
void plan_build_one(const struct plan_request *request, struct plan *plan, struct plan_item *item);
/* Settles it with what was made of its code, which is taken over; NULL: the faults say why not. */
void plan_settle_one(const struct plan_request *request, struct plan *plan, struct plan_item *item,
                     struct deployment *deployment, struct faults *faults);
/* When all are settled: rejects shadows that cannot be compared with their originals. */
void plan_check_shadows(const struct plan_request *request, struct plan *plan);
/* Settles it as rejected; what runs under the name goes on. */
void plan_reject_faults(struct plan_item *item, const struct faults *faults);

#endif
