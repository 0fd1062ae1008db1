/*
 * config/ini_folder.h - the ini files of a folder beside the main file. Inside config.
 */
#ifndef TAKE5_CONFIG_INI_FOLDER_H
#define TAKE5_CONFIG_INI_FOLDER_H

#include "base/faults.h"

#include <stdbool.h>

/* Calls `visit` for every *.ini in FOLDER beside `main_path`, in the order of their names by bytes;
 * dot files are left out. `path` is valid during the call. A folder that is not there has none; one
 * that cannot be read is a fault. False when memory runs out. */
bool ini_folder_visit(const char *main_path, const char *folder,
                      void (*visit)(void *context, const char *path), void *context,
                      struct faults *faults);

#endif
