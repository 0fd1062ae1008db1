/*
 * config/build.h - a configuration while it is being put together. Inside config.
 *
 * Every assignment, wherever it comes from, goes through build_assign(): it is checked, reported
 * with its place when wrong, and stored over what came before. Sources are read from the weakest to
 * the strongest, so that the last one wins and a mistake in a weak one shows all the same.
 */
#ifndef TAKE5_CONFIG_BUILD_H
#define TAKE5_CONFIG_BUILD_H

#include "config/config.h"
#include "config/librdkafka_schema.h"
#include "config/schema.h"
#include "config/text/ini.h"

struct build {
    struct config *config;
    const struct config_request *request;
    struct faults *faults;
    struct kafka_properties *kafka;
    bool is_oom; /* something is missing in the configuration */
};

struct assignment {
    const char *section; /* "strategy:alpha" */
    const char *key;
    const char *value;
    struct place place;
    const char *directory; /* that relative paths are seen from; NULL: the working directory */
};

/* load.c: a fault because memory ran out. */
void build_out_of_memory(struct build *build);

/* ini_files.c: the main file and what lies beside it. */
#define STRATEGY_FOLDER "strategies.d"
#define DROP_IN_FOLDER  "take5.d"
void ini_files_read(struct build *build);
/* An entry of a file, once its variables are replaced. */
void build_assign_entry(struct build *build, const char *section, const struct ini_entry *entry,
                        const char *directory);

/* assign.c */
void build_assign(struct build *build, const struct assignment *assignment);
/* Makes what a section stands for, also when no key follows. False with a fault when there is no
 * such section. */
bool build_section(struct build *build, const char *section, struct place place);
/* Row `index` of the schema into `base`. */
bool build_value(struct build *build, void *base, const struct schema_key *key,
                 const struct assignment *assignment);

/* rules.c: what the tables and librdkafka know of keys; as long as `build` is there. */
struct ini_rules build_rules(struct build *build);

/* topics.c */
struct config_topic *build_topic(struct build *build, const char *role, struct place place);
bool topics_set_defaults(struct build *build);
void topics_finish(struct build *build);

/* deployments.c */
struct config_deployment *build_deployment(struct build *build, const char *name,
                                           struct place place);
void deployment_assign(struct build *build, struct config_deployment *deployment,
                       const struct assignment *assignment);
void deployments_finish(struct build *build);
void config_deployment_release(struct config_deployment *deployment);

/* Whether a name may be part of file names, message headers and signal ids; a fault otherwise.
 * `kind` is what stands before its colon. */
bool build_check_name(struct build *build, const char *kind, const char *name, struct place place);

/* workers.c */
struct config_worker *build_worker(struct build *build, const char *name, struct place place);
void workers_finish(struct build *build);
void config_worker_release(struct config_worker *worker);

/* worker_view.c: makes the whole what the worker that the request names sees. */
void worker_view_finish(struct build *build);

/* choose.c */
void config_choice_release(struct config *config);

/* kafka.c */
void kafka_assign(struct build *build, enum kafka_side side, const struct assignment *assignment);
bool kafka_set_defaults(struct build *build);
void kafka_finish(struct build *build);
/* finish.c: where a key of the schema was set. */
struct place build_origin(const struct config *config, const char *section, const char *key);
/* delivery.c: after kafka_finish(). */
void delivery_finish(struct build *build);

/* environment.c */
void environment_assign(struct build *build);

/* trust.c: a file that became part of the configuration, and whether others could have written it.
 */
void build_trust_file(struct build *build, const char *path);
void build_trust(struct build *build);

/* finish.c: defaults that depend on other settings, and what settings mean together. */
void build_finish(struct build *build);
/* As much of that as a client of the control socket needs. */
void build_finish_control(struct build *build);

#endif
