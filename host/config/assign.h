/*
 * config/assign.h - how a configuration is read from its sources and finished. Inside config.
 *
 * Every assignment, wherever it comes from, goes through build_assign(): it is checked, reported
 * with its place when wrong, and stored over what came before. Sources are read from the weakest to
 * the strongest, so that the last one wins and a mistake in a weak one shows all the same.
 */
#ifndef TAKE5_CONFIG_ASSIGN_H
#define TAKE5_CONFIG_ASSIGN_H

#include "config/config.h"
#include "config/sections/build.h"
#include "config/text/ini.h"

/* ini_files.c: the main file and what lies beside it. */
#define STRATEGY_FOLDER "strategies.d"
#define DROP_IN_FOLDER  "take5.d"
void ini_files_read(struct build *build);
/* An entry of a file, once its variables are replaced. */
void build_assign_entry(struct build *build, const char *section, const struct ini_entry *entry,
                        const char *directory);

/* build_assign.c */
void build_assign(struct build *build, const struct assignment *assignment);
/* Makes what a section stands for, also when no key follows. False with a fault when there is no
 * such section. */
bool build_section(struct build *build, const char *section, struct place place);

/* rules.c: what the tables and librdkafka know of keys; as long as `build` is there. */
struct ini_rules build_rules(struct build *build);

/* choose.c */
void config_choice_release(struct config *config);

/* environment.c */
void environment_assign(struct build *build);

/* config_trust.c: whether others could have written a file of the configuration. */
void build_trust(struct build *build);

/* finish.c: defaults that depend on other settings, and what settings mean together. */
void build_finish(struct build *build);
/* As much of that as a client of the control socket needs. */
void build_finish_control(struct build *build);

#endif
