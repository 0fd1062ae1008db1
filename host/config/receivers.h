/*
 * config/receivers.h - [sink:postgres], [sink:webhook] and [alerts]: what goes through to libpq,
 * the address and headers of requests, and what these mean together. Inside config.
 */
#ifndef TAKE5_CONFIG_RECEIVERS_H
#define TAKE5_CONFIG_RECEIVERS_H

#include "config/build.h"

/* The keys of such a section besides those of the schema; NULL: it is none of them. */
struct config_items *receiver_items_of(struct config *config, const char *section);
const struct config_items *receiver_items(const struct config *config, const char *section);

void receiver_assign(struct build *build, const struct assignment *assignment);
/* Whether a name, which is no key of the schema, is one of the section's. */
bool receiver_has_name(const char *section, const char *name, size_t size);
void receivers_finish(struct build *build);

#endif
