/*
 * config/config.h - everything that a deployment may set, checked and typed.
 *
 * Precedence: command line, environment, ini file, default. A configuration is loaded whole or not
 * at all; what is wrong is listed at once, each fault with its file and line. Once loaded it is
 * read-only and may be read by any thread; it lives until config_free().
 *
 * The tables in config/schema/schema.h are the one place where keys, types, defaults, bounds and
 * help texts stand; the man page is checked against them.
 */
#ifndef TAKE5_CONFIG_CONFIG_H
#define TAKE5_CONFIG_CONFIG_H

#include "config/schema/settings.h"
#include "config/sections/request.h"

/* Reads and checks everything. NULL when there is an error among the faults; warnings may come with
 * success. Reads files only; touches and creates nothing. */
struct config *config_load(const struct config_request *request, struct faults *faults);
/* The same, to look further at what has errors: the configuration as far as it could be read, with
 * defaults in the place of what is wrong. NULL: no memory, or the file itself cannot be read, so
 * that there is nothing to look at. Nothing may run by one with errors. */
struct config *config_load_anyway(const struct config_request *request, struct faults *faults);
void config_free(struct config *config);

/* Not yet shared: no file but those of strategy_dir is looked at (NULL: all are), and deployments
 * that `keeps` does not want are taken out. False: no memory. */
bool config_choose(struct config *config, char *const *files,
                   bool (*keeps)(void *context, const struct config_deployment *deployment),
                   void *context);

/* What a reload cannot change: adds an error a difference in topics, [kafka], lanes, directories
 * and sinks, naming both values and that it needs a restart. True when there is none. */
bool config_can_reload(const struct config *running, const struct config *next,
                       struct faults *faults);

/* Puts [log] to work: options and the levels of the rooms. On failure the log is as it was. */
bool config_apply_log(const struct config *config, struct log *log, struct error *error);

/* Whom to trust with strategies, by strict_modes and [control] group. */
struct trust config_trust(const struct config *config);

/* Writes the effective settings, one "section.key = value (origin)" a line; secrets as "***". */
struct text;
void config_print(const struct config *config, struct text *text);

#endif
