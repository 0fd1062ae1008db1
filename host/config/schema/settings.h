/*
 * config/schema/settings.h - everything that a deployment may set, checked and typed, as
 * config_load() makes it (config/config.h). The rows of schema.h define where each value goes.
 */
#ifndef TAKE5_CONFIG_SCHEMA_SETTINGS_H
#define TAKE5_CONFIG_SCHEMA_SETTINGS_H

#include "base/error.h"
#include "base/faults.h"
#include "log/log.h"
#include "message/decode.h"
#include "os/trust.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name and its text as written. `place` is where it is, for later faults. */
struct config_item {
    char *name;
    char *text;
    struct place place; /* file NULL: a default; else as in struct config's origins */
};

struct config_items {
    struct config_item *items;
    size_t count;
};

/* [topic:ROLE] */
struct config_topic {
    char *role; /* what descriptors call it */
    char *name; /* the Kafka topic */
    struct place place;
};

/* [strategy:NAME] */
struct config_deployment {
    char *name;
    char *plugin;                 /* the strategy's name; default: NAME */
    char *worker;                 /* `worker`; NULL: see config_worker_of(); of a shadow its
                                   * original's, as are its filters */
    bool is_elsewhere;            /* another worker runs it; never in a whole configuration */
    bool is_enabled;              /* `enabled` */
    bool allow_split;             /* `allow_split` */
    bool global_partial;          /* `global_partial = ok` */
    int64_t warm_up_ns;           /* `warm_up`, if it is among the keys */
    char *shadow_of;              /* `shadow_of`; NULL: it is no shadow */
    int64_t shadow_share;         /* `shadow_share`: percent of its lane's time; 0: all of it */
    char *promoted_from;          /* the shadow that is in its place (promotions.h); NULL: none */
    char **symbols;               /* filter, NULL-terminated; NULL: all */
    char **topics;                /* roles, NULL-terminated; NULL: all that the strategy wants */
    uint32_t *time_frames;        /* seconds, 0-terminated; NULL: all */
    struct config_items settings; /* its parameters */
    struct config_items keys;     /* the host's keys above as written, for their places */
    struct place place;
};

/* [worker:NAME]: what differs from the main worker. */
struct config_worker {
    char *name;
    int64_t lanes;            /* 0: [take5] lanes */
    int64_t memory_max;       /* bytes of address space; 0: no limit */
    char *cpus;               /* "0,2-3" (config/sections/workers.h); NULL: any */
    int64_t nice;             /* 0 to 19 */
    struct config_items keys; /* as written, for their places */
    struct place place;
};

/* A value with variables in it, which is not to be shown. */
struct config_veil {
    struct place place;
    char *text;
    char *written; /* as it stands in the file: ${NAME} */
};

enum config_on_stuck { ON_STUCK_EXIT = 1, ON_STUCK_REPORT };
enum config_on_stop { ON_STOP_AUTO = 1, ON_STOP_STAY, ON_STOP_LEAVE };
enum config_on_crash { ON_CRASH_QUARANTINE = 1, ON_CRASH_RUN };
enum config_delivery { DELIVERY_AT_LEAST_ONCE = 1, DELIVERY_EXACTLY_ONCE };
enum config_checkpoint_store { CHECKPOINT_STORE_DIRECTORY = 1, CHECKPOINT_STORE_KAFKA };
enum config_series { SERIES_NONE = 1, SERIES_JSONL, SERIES_KAFKA };
enum config_webhook_format { WEBHOOK_JSON = 1, WEBHOOK_SLACK, WEBHOOK_TELEGRAM };
/* Lines in a message of a chat, at most. */
#define WEBHOOK_CHAT_BATCH 10
enum config_dead_letters { DEAD_LETTERS_NONE = 1, DEAD_LETTERS_JSONL, DEAD_LETTERS_KAFKA };

enum config_ini_kind { CONFIG_INI_MAIN = 1, CONFIG_INI_STRATEGIES, CONFIG_INI_DROP_IN };

/* An ini file, as it was when it was read. */
struct config_ini {
    enum config_ini_kind kind;
    char *path; /* what places point to */
    char *data; /* NULL: it could not be read */
    size_t size;
};

struct config {
    char *path; /* the main file, absolute; NULL: none was given or found */

    /* [take5] */
    char *service;      /* name in the banner */
    char *host_id;      /* who this host is in its group: letters, digits, '.', '_' and '-' */
    bool host_id_lasts; /* it stays the same when the host is created again; else a container's */
    char *run_mode;     /* local or docker */
    char *strategy_dir; /* absolute, as all paths here */
    bool has_bundled;   /* `bundled_strategies` */
    char *bundled_dir;  /* with has_bundled: of the package's strategies, if it is another one */
    char *cache_dir;
    char *run_dir;
    char *state_dir;
    int64_t lanes;
    bool strict_modes;
    bool keep_state;    /* across a clean stop */
    bool isolates_each; /* every deployment has its own worker */
    enum config_on_stop on_stop;
    bool stop_leaves; /* effective: a stop gives up the partitions */
    enum config_on_stuck on_stuck;
    enum config_on_crash on_crash;
    int64_t stuck_ns;
    int64_t slow_callback_ns;
    int64_t quarantine_ns;
    int64_t error_run;  /* errors in a row that suspend an instance */
    int64_t suspend_ns; /* first suspension; doubles */
    int64_t suspend_max_ns;
    int64_t reject_rate; /* dead letters by REJECT a minute before a deployment is suspended */
    int64_t max_signals_per_callback;
    int64_t max_timers; /* an instance */
    int64_t stats_interval_ns;
    int64_t reload_timeout_ns;
    int64_t rehearsal_timeout_ns;
    int64_t rehearsal_messages;
    int64_t shutdown_timeout_ns;
    int64_t revoke_timeout_ns;
    int64_t park_max_age_ns;
    int64_t park_max_count;
    int64_t max_unconfirmed;       /* records whose sinks have not confirmed, a lane */
    int64_t max_unconfirmed_bytes; /* of their deliveries */

    /* [log] */
    struct log_options log;         /* path owned by the config */
    struct config_items log_levels; /* "level.ROOM" = "LEVEL" */

    /* [decode] */
    struct decode_limits decode;
    int64_t max_symbols;    /* a partition number */
    int64_t symbol_idle_ns; /* a symbol unseen for so long expires; 0: never */

    /* [control] */
    char *control_group;  /* NULL: owner only */
    char *control_socket; /* path; default RUN_DIR/control.sock */

    /* [kafka]: librdkafka properties with the host's defaults (schema_properties()), checked one by
     * one against librdkafka; those that the host owns are never among them */
    struct config_items kafka;
    char *bootstrap_servers; /* effective */
    char *group_id;          /* effective */
    char *assignor;          /* effective partition.assignment.strategy */

    struct config_topic *topics;
    size_t topic_count;

    /* [signals] sinks = log, jsonl, kafka, postgres, webhook */
    bool sink_log, sink_jsonl, sink_kafka, sink_postgres, sink_webhook;
    enum config_delivery delivery; /* [signals] delivery: of those to Kafka */
    int64_t commit_interval_ns;    /* exactly once: between two transactions */
    /* [sink:jsonl] */
    char *jsonl_path;
    bool jsonl_fsync;
    /* [sink:kafka] topic and librdkafka producer properties, complete: those of [kafka] that a
     * producer knows and, over them, those of [sink:kafka] */
    char *signal_topic;
    struct config_items producer;
    char *producer_servers; /* effective: of signals and dead letters */
    /* [series] */
    enum config_series series;
    char *series_path;
    char *series_topic;
    /* [sink:postgres] */
    struct config_items postgres; /* libpq's parameters; paths absolute */
    char *postgres_table;
    int64_t postgres_batch;
    int64_t postgres_timeout_ns, postgres_retry_ns;
    /* [sink:webhook] */
    struct config_items webhook; /* "url", "header.NAME" */
    enum config_webhook_format webhook_format;
    char *webhook_chat;    /* NULL: none */
    char *webhook_ca_file; /* NULL: the system's authorities */
    int64_t webhook_batch;
    int64_t webhook_timeout_ns, webhook_retry_ns;
    /* [alerts] to = postgres, webhook */
    bool alerts_postgres, alerts_webhook;
    struct config_items alerts_items; /* as `webhook`; without a url that is meant */
    enum config_webhook_format alerts_format;
    char *alerts_chat;
    char *alerts_table;
    int64_t alerts_after_ns;
    int64_t alerts_max_lag; /* 0: lag does not count */
    /* [dead_letters] */
    enum config_dead_letters dead_letters;
    char *dead_letters_path;
    char *dead_letters_topic;
    bool dead_letters_fsync;

    /* [checkpoint] */
    enum config_checkpoint_store checkpoint_store;
    char *checkpoint_topic;         /* Kafka's name */
    int64_t checkpoint_interval_ns; /* 0: only at a clean stop */
    int64_t max_catch_up;           /* messages that may have passed an instance; 0: any number */

    /* [journal] */
    bool journal_enabled;
    char *journal_path;

    /* [http] */
    bool http_enabled;
    char *http_address;
    int64_t http_port;
    char **http_allowed_hosts; /* ended by NULL; NULL: none */
    char *http_token_file;     /* NULL: none */
    int64_t ready_max_lag;     /* 0: lag does not count */

    /* Values with variables of the environment in them; config/schema/veil.h. */
    struct config_veil *veils;
    size_t veil_count;

    /* Names of files in strategy_dir, NULL-terminated, that alone are looked at; NULL: all. No
     * setting: config_choose() makes it. */
    char **strategy_files;
    struct config_deployment *deployments; /* in order of their names */
    size_t deployment_count;
    struct config_worker *workers; /* in order of their names */
    size_t worker_count;
    char *worker; /* this is what that worker sees (config/sections/workers.h); NULL: it is the
                     whole */
    char *whole_group, *whole_state_dir; /* of a worker's view: what the whole has */

    /* Where the value of each row of schema_keys() is from: file and line, or a file that is
     * "environment variable NAME" or CONFIG_COMMAND_LINE; file NULL: the default. */
    struct place *origins;
    struct config_ini *ini_files; /* in the order in which they were read */
    size_t ini_file_count;
    char **sources; /* files beside the main one that settings are from, absolute */
    size_t source_count;
};

/* NULL when the role is unknown. `index` may be NULL. */
const struct config_topic *config_topic_by_role(const struct config *config, const char *role,
                                                uint32_t *index);
/* The section of that name; NULL: there is none. */
struct config_deployment *config_deployment_find(const struct config *config, const char *name);
/* One more file of the configuration, without data. NULL: no memory. */
struct config_ini *config_add_ini(struct config *config, enum config_ini_kind kind,
                                  const char *path, size_t size);

#endif
