/*
 * engine/deployed.h - what runs, in the words in which a live host notes it (core/provenance.h):
 * for who compares the two. Control thread.
 */
#ifndef TAKE5_ENGINE_DEPLOYED_H
#define TAKE5_ENGINE_DEPLOYED_H

#include "base/text.h"

struct engine;

/* Appends {"host":{...},"deployments":[...]}. */
void engine_put_deployed(const struct engine *engine, struct text *out);

#endif
