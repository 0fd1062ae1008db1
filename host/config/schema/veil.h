/*
 * config/schema/veil.h - what variables of the environment hold is not shown. It may be a secret
 * under any name; in its place stands the value as it was written: ${NAME}.
 */
#ifndef TAKE5_CONFIG_SCHEMA_VEIL_H
#define TAKE5_CONFIG_SCHEMA_VEIL_H

#include "config/schema/settings.h"

/* The value at that place, and how it was written. False: no memory. */
bool veil_add(struct config *config, struct place place, const char *text, const char *written);
/* How the value at that place was written, if it is not to be shown; or NULL. Valid as long as the
 * configuration. */
const char *veil_find(const struct config *config, struct place place);
void veils_release(struct config *config);

/* Puts what was written in the place of values with variables, in faults from number `from` on that
 * begin with the place of such a value. For faults about values of a configuration, when they are
 * all there; those of config_load() are done. */
void config_veil(const struct config *config, struct faults *faults, size_t from);

#endif
