/*
 * engine/offsets.h - storing offsets at once: for a drain, and for the end.
 *
 * Control thread.
 */
#ifndef TAKE5_ENGINE_OFFSETS_H
#define TAKE5_ENGINE_OFFSETS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* Every lane stores what is done by now, once the journals of it are on the disk; each of the steps
 * may take the time. False: a lane does not get to it. */
bool offsets_store_now(struct engine *engine, int64_t timeout_ns, struct error *error);

#endif
