/*
 * cli/uses.h - what a command reads and writes, checked before it opens anything.
 */
#ifndef TAKE5_CLI_USES_H
#define TAKE5_CLI_USES_H

#include "config/config.h"
#include "os/file_uses.h"

#include <stdbool.h>

/* What a command must leave as it is: what the service of this configuration reads and writes
 * (config/files.h). `config` may be NULL. `output` is the file that the command replaces, NULL or
 * "-": none; what lies beside strategies is kept from it too, unless it is an old result (JSON
 * lines, a report, or empty). */
bool uses_keep_config(struct file_uses *uses, const struct config *config, const char *output,
                      struct error *error);
/* The standard input or a file, by the name on the command line. */
bool uses_read(struct file_uses *uses, const char *what, const char *path, struct error *error);
/* Where a command's data goes: PATH, given with -o; or, when it is NULL or "-", the standard
 * output, which a shell may have led to any file. */
bool uses_write(struct file_uses *uses, const char *path, struct error *error);

/* For `run`: what the service writes line by line must not have its standard output and error, the
 * log, in between. */
bool uses_judge_service(const struct config *config, struct error *error);

#endif
