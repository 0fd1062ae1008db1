/*
 * config/sections/receivers.h - [sink:postgres], [sink:webhook] and [alerts]: what goes through to
 * libpq, the address and headers of requests, and what these mean together. Inside config.
 */
#ifndef TAKE5_CONFIG_SECTIONS_RECEIVERS_H
#define TAKE5_CONFIG_SECTIONS_RECEIVERS_H

#include "config/sections/build.h"

const struct config_items *receiver_items(const struct config *config, const char *section);

void receiver_assign(struct build *build, const struct assignment *assignment);
/* Whether a name, which is no key of the schema, is one of the section's. */
bool receiver_has_name(const char *section, const char *name, size_t size);
void receivers_finish(struct build *build);

#endif
