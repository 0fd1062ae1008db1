/*
 * commands/authoring/new_folder.h - a folder that comes whole or not at all.
 */
#ifndef TAKE5_COMMANDS_AUTHORING_NEW_FOLDER_H
#define TAKE5_COMMANDS_AUTHORING_NEW_FOLDER_H

#include "base/error.h"
#include "commands/authoring/new_files.h"

#include <stdbool.h>

/* Whether a strategy can have the name: the ABI's rule, and none that a build has for itself. */
bool new_name_check(const char *name, struct error *error);

/*
 * Writes the files for a strategy into the folder NAME of the working folder. They are written
 * beside it and renamed, so that nothing is left behind when it does not work. A folder (or file)
 * of that name that is there already is an error and stays as it is.
 */
bool new_folder_write(const char *name, enum new_language language, struct error *error);

#endif
