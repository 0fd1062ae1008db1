/*
 * [checkpoint] store: what kafka cannot be together with.
 */
#include "config/schema/items.h"
#include "config/sections/build.h"

#include <string.h>

/* Each host writes what it knows of a partition number, and takes over what the one before left. */
void state_topic_finish(struct build *build) {
    const struct config *config = build->config;
    if (config->checkpoint_store != CHECKPOINT_STORE_KAFKA || config->topic_count < 2 ||
        config->assignor == NULL || strcmp(config->assignor, "range") == 0)
        return;
    const struct config_item *assignor =
        config_items_find(&config->kafka, "partition.assignment.strategy");
    faults_add(
        build->faults,
        assignor != NULL ? assignor->place : build_origin(config, "checkpoint", "store"),
        "[kafka] partition.assignment.strategy = %s: with [checkpoint] store = kafka and more "
        "than one topic it has to be range (the default): otherwise two hosts may share a "
        "partition number, and take each other's checkpoints for their own",
        config->assignor);
}
