#include "commands/operation/run_worker.h"

#include "base/text.h"
#include "config/sections/workers.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Besides two for each setting: take5 run -c FILE -s COLOR --in-force FILE --log-format N
 * --parent N --worker. */
#define FIXED 13

/* The allocator reserves an arena of 64 MiB of address space for each thread that allocates,
 * whatever that uses, and it is missing for the stacks of threads. Under a limit, threads share
 * those that have room in a quarter of what the process does not need. */
#define ARENA_SHARE ((int64_t)256 << 20)

static bool add(char **arguments, size_t *count, char *text) {
    arguments[*count] = text;
    *count += text != NULL;
    return text != NULL;
}

static bool add_word(char **arguments, size_t *count, const char *word) {
    return add(arguments, count, text_dup(word, strlen(word)));
}

char **run_worker_arguments(const struct config_options *options, const struct config *config,
                            bool has_color) {
    size_t count = 0;
    char **arguments = calloc(FIXED + 2 * options->override_count + 1, sizeof *arguments);
    if (arguments == NULL)
        return NULL;
    bool did = add_word(arguments, &count, "take5") && add_word(arguments, &count, "run");
    if (did && options->path != NULL)
        did = add_word(arguments, &count, "-c") && add_word(arguments, &count, options->path);
    for (size_t i = 0; did && i < options->override_count; i++) {
        const struct config_override *item = &options->overrides[i];
        did =
            add_word(arguments, &count, "-s") &&
            add(arguments, &count, text_format("%s.%s=%s", item->section, item->key, item->value));
    }
    if (did && has_color)
        did = add_word(arguments, &count, "-s") && add_word(arguments, &count, "log.color=always");
    did = did && add_word(arguments, &count, "--in-force") &&
          add(arguments, &count, config_in_force_path(config)) &&
          add_word(arguments, &count, "--log-format") &&
          add(arguments, &count, text_format("%d", (int)config->log.format)) &&
          add_word(arguments, &count, "--parent") &&
          add(arguments, &count, text_format("%d", (int)getpid())) &&
          add_word(arguments, &count, "--worker");
    if (did)
        return arguments;
    run_worker_arguments_free(arguments);
    return NULL;
}

void run_worker_arguments_free(char **arguments) {
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i++)
        free(arguments[i]);
    free(arguments);
}

bool run_worker_begin(int64_t parent) {
    (void)prctl(PR_SET_NAME, "take5"); /* it was started as /proc/self/exe */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return getppid() == (pid_t)parent; /* it may have ended before the first line */
}

struct config *run_worker_load(const struct config_options *options, struct log *log) {
    struct faults faults = FAULTS_INIT;
    struct config *config = config_options_read(options, &faults);
    for (size_t i = 0; i < faults.count; i++)
        if (!faults.items[i].is_warning) /* the supervisor has said those */
            log_error(log, "config", "%s",
                      faults.items[i].text != NULL ? faults.items[i].text : "out of memory");
    faults_release(&faults);
    return config;
}

static int arenas_of(const struct config *config, int64_t memory_max) {
    const int64_t more = memory_max - config_memory_least(config, config->lanes);
    return 1 + (more > 0 ? (int)(more / ARENA_SHARE) : 0);
}

bool run_worker_confine(const struct config *config, struct error *error) {
    const struct config_worker *worker = config_worker_find(config, config->worker);
    cpu_set_t cpus;
    if (worker == NULL)
        return true;
    if (worker->memory_max > 0) {
        const struct rlimit limit = {(rlim_t)worker->memory_max, (rlim_t)worker->memory_max};
        if (setrlimit(RLIMIT_AS, &limit) != 0)
            return error_set_errno(error, errno, "[worker:%s] memory_max", worker->name);
        (void)mallopt(M_ARENA_MAX, arenas_of(config, worker->memory_max));
    }
    if (worker->cpus != NULL && config_cpus_parse(worker->cpus, &cpus) &&
        sched_setaffinity(0, sizeof cpus, &cpus) != 0)
        return error_set_errno(error, errno, "[worker:%s] cpus = %s", worker->name, worker->cpus);
    if (worker->nice != 0 && setpriority(PRIO_PROCESS, 0, (int)worker->nice) != 0)
        return error_set_errno(error, errno, "[worker:%s] nice = %" PRId64, worker->name,
                               worker->nice);
    return true;
}
