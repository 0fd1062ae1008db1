/*
 * config/sections/build.h - a configuration while it is being put together. For config.
 * Assignments come in through config/assign.h; the sections here check and store what is theirs.
 */
#ifndef TAKE5_CONFIG_SECTIONS_BUILD_H
#define TAKE5_CONFIG_SECTIONS_BUILD_H

#include "config/schema/librdkafka_schema.h"
#include "config/schema/schema.h"
#include "config/schema/settings.h"
#include "config/sections/request.h"

struct build {
    struct config *config;
    const struct config_request *request;
    struct faults *faults;
    struct kafka_properties *kafka;
    bool is_oom;    /* something is missing in the configuration */
    bool is_unread; /* the file that was named could not be read */
};

struct assignment {
    const char *section; /* "strategy:alpha" */
    const char *key;
    const char *value;
    struct place place;
    const char *directory; /* that relative paths are seen from; NULL: the working directory */
};

/* build.c */
/* A fault because memory ran out. */
void build_out_of_memory(struct build *build);
/* The value of a row of the schema into `base`. False with a fault. */
bool build_value(struct build *build, void *base, const struct schema_key *key,
                 const struct assignment *assignment);
/* Where a key of the schema was set. */
struct place build_origin(const struct config *config, const char *section, const char *key);
/* Whether a name may be part of file names, message headers and signal ids; a fault otherwise.
 * `kind` is what stands before its colon. */
bool build_check_name(struct build *build, const char *kind, const char *name, struct place place);
/* A file became part of the configuration. */
void build_trust_file(struct build *build, const char *path);

/* topic_sections.c */
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

/* shadows.c: after deployments_finish(), before workers_finish(). */
void shadows_finish(struct build *build);

/* workers.c */
struct config_worker *build_worker(struct build *build, const char *name, struct place place);
void workers_finish(struct build *build);
void config_worker_release(struct config_worker *worker);

/* worker_view.c: makes the whole what the worker that the request names sees. */
void worker_view_finish(struct build *build);

/* kafka_section.c */
void kafka_assign(struct build *build, enum kafka_side side, const struct assignment *assignment);
bool kafka_set_defaults(struct build *build);
void kafka_finish(struct build *build);
/* exactly_once_rules.c: after kafka_finish(). */
void delivery_finish(struct build *build);
/* state_topic_rules.c: likewise. */
void state_topic_finish(struct build *build);

#endif
