/*
 * engine/keep.h - instances' states from a clean stop to the next start: which are kept, and when
 * one may be taken up (state_store.h is the file).
 *
 * Control thread; what touches instances is a lane call.
 */
#ifndef TAKE5_ENGINE_KEEP_H
#define TAKE5_ENGINE_KEEP_H

#include "engine/partition.h"
#include "engine/state_store.h"
#include "source/source.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* At the stop: saves every instance whose messages are all confirmed. Partitions are parked. */
void keep_all(struct engine *engine, int64_t deadline_ns);

/* Reads what the disk has of a seat; false, after saying why, when there is nothing to take up: no
 * file, a damaged one, or one of other offsets than the committed ones, which are in `parts` (those
 * of the seat's own partition number, or for GLOBAL all that are assigned). */
bool keep_find(struct engine *engine, const struct seat *seat, const struct source_part *parts,
               size_t count, struct stored_state *stored);

/* GLOBAL instances were there before the first assignment: those whose kept state fits it are made
 * anew with it, before any message. Once. */
void keep_take_global(struct engine *engine, const struct source_part *parts, size_t count);

#endif
