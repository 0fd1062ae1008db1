/*
 * engine/state_store.h - instances' states on disk, from a clean stop to the next start.
 *
 * One file an instance: STATE_DIR/instances/DEPLOYMENT.PARTITION.state, written beside, synced and
 * renamed. It holds the next offset of each topic and the state; it is taken up at the next start
 * only when the group's committed offsets are those very offsets.
 */
#ifndef TAKE5_ENGINE_STATE_STORE_H
#define TAKE5_ENGINE_STATE_STORE_H

#include "base/error.h"
#include "config/config.h"
#include "strategy/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Next offset of one topic and partition number. */
struct stored_offset {
    char topic[256]; /* Kafka's name: at most 249 bytes */
    int32_t partition;
    int64_t next;
};

struct stored_state {
    struct stored_offset *offsets;
    size_t offset_count;
    struct state state;
};

bool state_store_write(const char *state_dir, const char *deployment, int32_t partition,
                       const struct stored_state *stored, struct error *error);

/* True with `stored` filled, or with `*is_there` false when there is no file. A damaged file is an
 * error, and renamed to *.damaged for inspection. */
bool state_store_read(const char *state_dir, const char *deployment, int32_t partition,
                      struct stored_state *stored, bool *is_there, struct error *error);
void stored_state_release(struct stored_state *stored);

/* Removes it; no error when there is none. */
void state_store_remove(const char *state_dir, const char *deployment, int32_t partition);

#endif
