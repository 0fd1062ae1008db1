/*
 * config/sections/worker_peers.h - the other workers of this host, those that there were included:
 * where each keeps its state, and under which group its offsets are. A deployment that ran in one
 * of them and runs in this process now goes on from there (engine/history/moved.h).
 */
#ifndef TAKE5_CONFIG_SECTIONS_WORKER_PEERS_H
#define TAKE5_CONFIG_SECTIONS_WORKER_PEERS_H

#include "config/schema/settings.h"

#include <stddef.h>

struct config_peer {
    char *worker, *group, *state_dir;
};

struct config_peers {
    struct config_peer *items; /* main first, if it is one; the others by their names */
    size_t count;
};

/* Those that deployments name, and those that have left a state directory. `peers` zeroed. False:
 * out of memory. */
bool config_peers_list(const struct config *config, struct config_peers *peers);
void config_peers_release(struct config_peers *peers);

#endif
