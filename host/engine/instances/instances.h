/*
 * engine/instances/instances.h - instances for partitions, projections for lanes, and the list of
 * partitions. Control thread.
 */
#ifndef TAKE5_ENGINE_INSTANCES_INSTANCES_H
#define TAKE5_ENGINE_INSTANCES_INSTANCES_H

#include "base/error.h"
#include "engine/core/core.h"
#include "message/decode.h"
#include "message/projection.h"

/* A new instance that emits through the task, but is not in it. */
bool instance_for_task(struct engine *engine, struct task *task, struct deployment *deployment,
                       struct projection *draft, struct instance **instance, struct error *error);

/* Gives the task a new instance, which emits through its partition; fields go into `draft`. */
bool task_give_instance(struct engine *engine, struct task *task, struct deployment *deployment,
                        struct projection *draft, struct error *error);

/* Tasks for all deployments of the deployment_set that belong on this partition. An instance whose
 * create refuses is left out, and logged. False: out of memory; the partition has to be freed. */
bool partition_give_tasks(struct engine *engine, struct partition *partition,
                          struct projection *draft, struct error *error);

/* Logs, counts and notes that a deployment has no instance on a partition. */
void task_note_refused(struct engine *engine, struct partition *partition,
                       const struct deployment *deployment, const struct error *error);

/* A copy to add to. NULL: out of memory. */
struct projection *projection_draft(struct engine *engine);

/* What a lane needs to run on a draft: made before, switched between messages. */
struct lane_projection {
    struct projection *projection;
    struct decoder *decoder;
};
/* Makes a projection and a decoder of the draft for each lane (lane_count entries); all NULL if the
 * lanes have all of the draft's slots. */
bool lane_projections_make(struct engine *engine, struct projection *draft,
                           struct lane_projection *projections, struct error *error);
void lane_projections_discard(struct engine *engine, struct lane_projection *projections);
/* Switches all lanes to the draft, which it takes over, before instances made with it work. False:
 * some lane did not switch, and those instances must not be used. */
bool lane_projections_use(struct engine *engine, struct projection *draft, struct error *error);

struct partition *engine_partition(const struct engine *engine, int32_t number);
bool engine_add_partition(struct engine *engine, struct partition *partition);
void engine_remove_partition(struct engine *engine, struct partition *partition);
struct lane *engine_home(const struct engine *engine, int32_t number);

#endif
