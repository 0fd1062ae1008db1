/*
 * config/files.h - the files that a configuration means, in one list: for the service, which must
 * not write into what it reads, and for commands, which must leave all of them as they are.
 */
#ifndef TAKE5_CONFIG_FILES_H
#define TAKE5_CONFIG_FILES_H

#include "base/error.h"
#include "config/config.h"

#include <stdbool.h>

enum config_file_kind {
    /* What the service reads: the configuration, secrets, certificates, strategies and libraries,
     * and what a strategy's settings name as a path. */
    CONFIG_FILE_READ = 1,
    /* Lies beside strategies and is no code: what one of them reads, or somebody's results. */
    CONFIG_FILE_BESIDE,
    CONFIG_FILE_WRITTEN /* by the service */
};

struct config_file {
    enum config_file_kind kind;
    const char *what;   /* "[sink:jsonl] path", "a strategy or library" */
    const char *path;   /* may be missing; one of a directory is there */
    struct place place; /* where the configuration says so; file NULL: nowhere */
};

/* False ends the visit: with an error. The file is valid during the call. */
typedef bool config_file_visit(void *context, const struct config_file *file, struct error *error);

/* Calls `visit` for each, those that are written last. False when it gave false, or without memory.
 * Reads directories and the begins of files in them; what cannot be read is passed over. */
bool config_files(const struct config *config, config_file_visit *visit, void *context,
                  struct error *error);

#endif
