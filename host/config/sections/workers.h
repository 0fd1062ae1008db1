/*
 * config/sections/workers.h - which process runs which deployment.
 *
 * Deployments that name a worker run in a process of that name, with its own consumer group;
 * the others, and strategy files without a section, run in the main one, whose group is the
 * configuration's. With no worker named there is the one process that there always was, and nothing
 * of this applies.
 *
 * A worker has the same configuration and sees of it what is its own (config_load() with a
 * worker's name): group, directories, lanes; deployments of other workers are `is_elsewhere`.
 *
 *               main                     another one
 *   group.id    GROUP                    GROUP.NAME
 *   state_dir   STATE_DIR                STATE_DIR/workers/NAME
 *   cache_dir   CACHE_DIR                CACHE_DIR/workers/NAME
 *   run_dir     RUN_DIR/workers/main     RUN_DIR/workers/NAME
 *   files       as configured            PATH.NAME of [sink:jsonl], [series], [dead_letters] and
 * [journal]; by default in its own state_dir
 *
 * In RUN_DIR/workers there are files too, so no name ends as theirs do: CONFIG_WORKER_DOWN, .sock.
 *
 * So a host that ran without workers goes on in the main one where it was. The log goes to stderr,
 * which the supervisor reads.
 */
#ifndef TAKE5_CONFIG_SECTIONS_WORKERS_H
#define TAKE5_CONFIG_SECTIONS_WORKERS_H

#include "config/schema/settings.h"

#include <sched.h>

#define CONFIG_WORKER_MAIN "main"
/* The bundled strategy that can be begun once in a process. That others can be so their files say
 * (T5_NOTE_OWN_PROCESS), which are read later, by a reload's plan: which process runs what hangs on
 * the configuration alone, so that a file that is damaged or missing moves no deployment. */
#define CONFIG_OWN_PROCESS "python"

/* The worker that runs the deployment, by its name. Deployments of CONFIG_OWN_PROCESS have one of
 * their own name, unless they name another one. */
const char *config_worker_of(const struct config *config,
                             const struct config_deployment *deployment);
/* The same of a deployment's name; one without a section runs in the main worker. */
const char *config_worker_of_name(const struct config *config, const char *deployment);
/* Whether an enabled deployment has another worker than main: then there is a supervisor. `first`
 * (may be NULL) gets one of those. */
bool config_has_workers(const struct config *config, const struct config_deployment **first);
/* Those that there are to run, main first, then by name; ended by NULL. free() it; the names are
 * the configuration's. NULL: no memory. */
const char **config_worker_names(const struct config *config);
/* How many enabled sections the worker runs. */
size_t config_worker_deployments(const struct config *config, const char *worker);
/* Its section; NULL: it has none. */
const struct config_worker *config_worker_find(const struct config *config, const char *worker);
/* The lanes that the worker has by its section, or by what it runs; 0: as [take5] lanes. */
int64_t config_worker_lanes(const struct config *config, const char *worker);
/* The lanes of the process that runs the deployment (NULL: a strategy file without a section). */
int64_t config_deployment_lanes(const struct config *config,
                                const struct config_deployment *deployment);
/* Whether strategy files without a section are this process's: not those of a worker beside main.
 */
bool config_worker_has_files(const struct config *config);

/* Of a whole configuration, what the worker sees of it; free() them, NULL: no memory. */
char *config_worker_group(const struct config *config, const char *worker);
char *config_worker_state_dir(const struct config *config, const char *worker);
char *config_worker_run_dir(const struct config *config, const char *worker);
char *config_worker_socket(const struct config *config, const char *worker);
/* The directory of all workers' run directories. */
char *config_workers_dir(const struct config *config);
/* The file there with the configuration in force, from which they begin (config/in_force.h). */
char *config_in_force_path(const struct config *config);
/* The file there in which the supervisor notes why a worker stays down, for who tells people
 * (alerts/down_notes.h); it is removed when the worker begins again. */
#define CONFIG_WORKER_DOWN ".down"
char *config_worker_down_note(const struct config *config, const char *worker);

/* The bytes of address space that a process with so many lanes needs before its strategies take
 * any: libraries, threads' stacks of 8 MiB and the Kafka clients'. With one arena of the allocator,
 * and room for the connections to some brokers more than one. */
int64_t config_memory_least(const struct config *config, int64_t lanes);

/* "0,2-3". False: it is no list of processors. */
bool config_cpus_parse(const char *text, cpu_set_t *cpus);

#endif
