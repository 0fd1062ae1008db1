/*
 * config/in_force.h - the ini files of the configuration in force, as they were when it was read,
 * in one file. The supervisor writes it (config/sections/workers.h, config_in_force_path()), and
 * its workers read it in their place, whenever they begin and at each reload: one that dies after
 * an edit that was not reloaded continues with what the others have.
 *
 * The file: a line with its format, then of each ini file a line "KIND PATH-SIZE SIZE", and the
 * bytes of its path and of itself; a line of zeros at the end.
 */
#ifndef TAKE5_CONFIG_IN_FORCE_H
#define TAKE5_CONFIG_IN_FORCE_H

#include "base/error.h"
#include "config/schema/settings.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes the files of a configuration that was loaded well, in the place of what lies there; mode
 * 0600, as they may hold secrets. False with an error: what lay there is as it was. */
bool in_force_write(const struct config *config, const char *path, struct error *error);

/* Reads them into a configuration that has none. False with an error: it has some of them. */
bool in_force_read(struct config *config, const char *path, struct error *error);

#endif
