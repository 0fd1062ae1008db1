/*
 * config/veil.h - what variables of the environment hold is not shown. It may be a secret under any
 * name; in its place stands the value as it was written: ${NAME}. Inside config, but for
 * config_veil() in config.h.
 */
#ifndef TAKE5_CONFIG_VEIL_H
#define TAKE5_CONFIG_VEIL_H

#include "config/config.h"

/* The value at that place, and how it was written. False: no memory. */
bool veil_add(struct config *config, struct place place, const char *text, const char *written);
/* How the value at that place was written, if it is not to be shown; or NULL. Valid as long as the
 * configuration. */
const char *veil_find(const struct config *config, struct place place);
void veils_release(struct config *config);

#endif
