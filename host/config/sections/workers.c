#include "config/sections/workers.h"

#include "base/array.h"
#include "base/text.h"
#include "base/units.h"
#include "config/schema/items.h"
#include "config/sections/build.h"
#include "config/text/paths.h"
#include "config/value/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define SECTION "worker:NAME"

/* See config_memory_least(). A process takes 150 MiB with one lane and 9.5 MiB for each more, 182
 * and 49 with exactly once, and 56 MiB more with the state topic, as far as it was measured; the
 * rest is for what differs elsewhere. */
#define MIB                ((int64_t)1 << 20)
#define MEMORY_BASE        (192 * MIB)
#define MEMORY_LANE        (16 * MIB)
#define MEMORY_EXACT_LANE  (64 * MIB)
#define MEMORY_STATE_TOPIC (64 * MIB)

/* ---- while it is built ---- */

void config_worker_release(struct config_worker *worker) {
    schema_release(worker, SECTION);
    config_items_release(&worker->keys);
    free(worker->name);
}

struct config_worker *build_worker(struct build *build, const char *name, struct place place) {
    struct config *config = build->config;
    for (size_t i = 0; i < config->worker_count; i++)
        if (strcmp(config->workers[i].name, name) == 0)
            return &config->workers[i];
    if (!build_check_name(build, "worker", name, place))
        return NULL;
    struct config_worker worker = {.name = strdup(name), .place = place};
    if (worker.name == NULL || !schema_set_defaults(&worker, SECTION) ||
        !ARRAY_RESIZE(config->workers, config->worker_count + 1)) {
        config_worker_release(&worker);
        build_out_of_memory(build);
        return NULL;
    }
    config->workers[config->worker_count] = worker;
    return &config->workers[config->worker_count++];
}

static struct place place_of(const struct config_worker *worker, const char *key) {
    const struct config_item *item = config_items_find(&worker->keys, key);
    return item != NULL ? item->place : worker->place;
}

static bool is_named(const struct config *config, const char *worker) {
    for (size_t i = 0; i < config->deployment_count; i++)
        if (strcmp(config_worker_of(config, &config->deployments[i]), worker) == 0)
            return true;
    return false;
}

int64_t config_memory_least(const struct config *config, int64_t lanes) {
    const bool is_exact = config->delivery == DELIVERY_EXACTLY_ONCE; /* a producer for each lane */
    const bool has_topic = config->checkpoint_store == CHECKPOINT_STORE_KAFKA && config->keep_state;
    return MEMORY_BASE + (has_topic ? MEMORY_STATE_TOPIC : 0) +
           lanes * (is_exact ? MEMORY_EXACT_LANE : MEMORY_LANE);
}

static void check_memory(struct build *build, const struct config_worker *worker) {
    const int64_t own = config_worker_lanes(build->config, worker->name);
    const int64_t lanes = own > 0 ? own : build->config->lanes;
    const int64_t least = config_memory_least(build->config, lanes);
    if (worker->memory_max <= 0 || worker->memory_max >= least)
        return;
    faults_add(build->faults, place_of(worker, "memory_max"),
               "[worker:%s] memory_max = %" PRId64 "MiB is too little for its %" PRId64
               " lane%s: it needs %" PRId64 "MiB before its strategies take any",
               worker->name, worker->memory_max / MIB, lanes, lanes == 1 ? "" : "s", least / MIB);
}

static void check_section(struct build *build, const struct config_worker *worker) {
    cpu_set_t cpus;
    if (strcmp(worker->name, CONFIG_WORKER_MAIN) == 0)
        faults_add(build->faults, worker->place,
                   "[worker:" CONFIG_WORKER_MAIN "]: the main worker has no section; its lanes are "
                   "[take5] lanes, and the service's limits are its limits");
    else if (!is_named(build->config, worker->name))
        faults_warn(build->faults, worker->place,
                    "[worker:%s]: no deployment names it (worker = %s in a [strategy:NAME])",
                    worker->name, worker->name);
    if (config_worker_deployments(build->config, worker->name) > 0)
        check_memory(build, worker);
    if (worker->cpus != NULL && !config_cpus_parse(worker->cpus, &cpus))
        faults_add(build->faults, place_of(worker, "cpus"),
                   "[worker:%s] cpus = %s is not a list of processors of this machine: expected "
                   "numbers and ranges from 0 to %ld, such as 0,2-3",
                   worker->name, worker->cpus, sysconf(_SC_NPROCESSORS_CONF) - 1);
}

/* Of files beside the workers' run directories: the notes of those that are down, and sockets. */
static bool is_of_file(const char *worker) {
    static const char *const ends[] = {CONFIG_WORKER_DOWN, ".sock"};
    const size_t size = strlen(worker);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t end = strlen(ends[i]);
        if (size >= end && strcmp(worker + size - end, ends[i]) == 0)
            return true;
    }
    return false;
}

/* The name becomes part of paths, and of the group. */
static void check_deployment(struct build *build, const struct config_deployment *deployment) {
    const struct config_item *item = config_items_find(&deployment->keys, "worker");
    const struct place place = item != NULL ? item->place : deployment->place;
    const char *worker = config_worker_of(build->config, deployment);
    if (deployment->worker != NULL && !build_check_name(build, "worker", worker, place))
        return;
    if (is_of_file(worker))
        faults_add(build->faults, place,
                   "[strategy:%s] worker: no worker can have the name %s: files beside its "
                   "directory end in " CONFIG_WORKER_DOWN " and .sock",
                   deployment->name, worker);
    if (strcmp(worker, CONFIG_WORKER_MAIN) == 0 || build->config->run_dir == NULL)
        return;
    const size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    char *path = config_worker_socket(build->config, worker);
    if (path == NULL)
        build_out_of_memory(build);
    else if (strlen(path) > most)
        faults_add(build->faults, place,
                   "[strategy:%s] worker: its socket %s would be %zu bytes long, at most %zu are "
                   "possible: choose a shorter name, or a shorter [take5] run_dir",
                   deployment->name, path, strlen(path), most);
    free(path);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct config_worker *)a)->name, ((const struct config_worker *)b)->name);
}

void workers_finish(struct build *build) {
    struct config *config = build->config;
    if (config->worker_count > 0)
        qsort(config->workers, config->worker_count, sizeof *config->workers, by_name);
    for (size_t i = 0; i < config->worker_count; i++)
        check_section(build, &config->workers[i]);
    for (size_t i = 0; i < config->deployment_count; i++)
        check_deployment(build, &config->deployments[i]);
}

/* ---- what there is ---- */

static bool is_own_process(const struct config_deployment *deployment) {
    return deployment->plugin != NULL && strcmp(deployment->plugin, CONFIG_OWN_PROCESS) == 0;
}

const char *config_worker_of(const struct config *config,
                             const struct config_deployment *deployment) {
    if (deployment->worker != NULL)
        return deployment->worker;
    const bool is_alone = config->isolates_each || is_own_process(deployment);
    return is_alone ? deployment->name : CONFIG_WORKER_MAIN;
}

const char *config_worker_of_name(const struct config *config, const char *deployment) {
    const struct config_deployment *section = config_deployment_find(config, deployment);
    return section != NULL ? config_worker_of(config, section) : CONFIG_WORKER_MAIN;
}

bool config_has_workers(const struct config *config, const struct config_deployment **first) {
    for (size_t i = 0; i < config->deployment_count; i++) {
        const struct config_deployment *deployment = &config->deployments[i];
        if (!deployment->is_enabled ||
            strcmp(config_worker_of(config, deployment), CONFIG_WORKER_MAIN) == 0)
            continue;
        if (first != NULL)
            *first = deployment;
        return true;
    }
    return false;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **config_worker_names(const struct config *config) {
    const char **names = calloc(config->deployment_count + 2, sizeof *names);
    size_t count = 1;
    if (names == NULL)
        return NULL;
    names[0] = CONFIG_WORKER_MAIN;
    for (size_t i = 0; i < config->deployment_count; i++) {
        const struct config_deployment *deployment = &config->deployments[i];
        const char *worker = config_worker_of(config, deployment);
        bool is_known = !deployment->is_enabled;
        for (size_t at = 0; !is_known && at < count; at++)
            is_known = strcmp(names[at], worker) == 0;
        if (!is_known)
            names[count++] = worker;
    }
    qsort(names + 1, count - 1, sizeof *names, compare_names);
    return names;
}

size_t config_worker_deployments(const struct config *config, const char *worker) {
    size_t count = 0;
    for (size_t i = 0; i < config->deployment_count; i++)
        count += config->deployments[i].is_enabled &&
                 strcmp(config_worker_of(config, &config->deployments[i]), worker) == 0;
    return count;
}

const struct config_worker *config_worker_find(const struct config *config, const char *worker) {
    for (size_t i = 0; i < config->worker_count; i++)
        if (strcmp(config->workers[i].name, worker) == 0)
            return &config->workers[i];
    return NULL;
}

/* Nothing but deployments that are GLOBAL whatever they do. */
static bool needs_one_lane(const struct config *config, const char *worker) {
    bool needs = false;
    for (size_t i = 0; i < config->deployment_count; i++) {
        const struct config_deployment *deployment = &config->deployments[i];
        if (!deployment->is_enabled || strcmp(config_worker_of(config, deployment), worker) != 0)
            continue;
        if (!is_own_process(deployment))
            return false;
        needs = true;
    }
    return needs && strcmp(worker, CONFIG_WORKER_MAIN) != 0;
}

int64_t config_worker_lanes(const struct config *config, const char *worker) {
    const struct config_worker *section = config_worker_find(config, worker);
    if (section != NULL && section->lanes > 0)
        return section->lanes;
    return needs_one_lane(config, worker) ? 1 : 0;
}

int64_t config_deployment_lanes(const struct config *config,
                                const struct config_deployment *deployment) {
    const int64_t lanes = config->worker == NULL && deployment != NULL
                              ? config_worker_lanes(config, config_worker_of(config, deployment))
                              : 0;
    return lanes > 0 ? lanes : config->lanes;
}

bool config_worker_has_files(const struct config *config) {
    return config->worker == NULL || strcmp(config->worker, CONFIG_WORKER_MAIN) == 0;
}

char *config_worker_group(const struct config *config, const char *worker) {
    if (strcmp(worker, CONFIG_WORKER_MAIN) == 0)
        return text_dup(config->group_id, strlen(config->group_id));
    return text_format("%s.%s", config->group_id, worker);
}

char *config_worker_state_dir(const struct config *config, const char *worker) {
    if (strcmp(worker, CONFIG_WORKER_MAIN) == 0)
        return text_dup(config->state_dir, strlen(config->state_dir));
    return text_format("%s/workers/%s", config->state_dir, worker);
}

char *config_workers_dir(const struct config *config) {
    return text_format("%s/workers", config->run_dir);
}

char *config_in_force_path(const struct config *config) {
    return text_format("%s/workers/.configuration", config->run_dir);
}

char *config_worker_down_note(const struct config *config, const char *worker) {
    return text_format("%s/workers/%s" CONFIG_WORKER_DOWN, config->run_dir, worker);
}

char *config_worker_run_dir(const struct config *config, const char *worker) {
    return text_format("%s/workers/%s", config->run_dir, worker);
}

char *config_worker_socket(const struct config *config, const char *worker) {
    return text_format("%s/workers/%s/control.sock", config->run_dir, worker);
}

/* ---- processors ---- */

static bool parse_cpu(const char **at, size_t *cpu) {
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    const unsigned long number = strtoul(*at, &end, 10);
    *at = end;
    *cpu = number;
    return number < (unsigned long)sysconf(_SC_NPROCESSORS_CONF) && number < CPU_SETSIZE;
}

bool config_cpus_parse(const char *text, cpu_set_t *cpus) {
    CPU_ZERO(cpus);
    for (;;) {
        size_t first, last;
        text += strspn(text, " \t");
        if (!parse_cpu(&text, &first))
            return false;
        last = first;
        if (*text == '-' && (text++, !parse_cpu(&text, &last) || last < first))
            return false;
        for (size_t cpu = first; cpu <= last; cpu++)
            CPU_SET(cpu, cpus);
        text += strspn(text, " \t");
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}
