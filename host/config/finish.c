/*
 * Defaults that depend on other settings, and what settings mean together.
 */
#include "base/text.h"
#include "base/units.h"
#include "config/build.h"
#include "config/paths.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef TAKE5_STRATEGY_DIR
#define TAKE5_STRATEGY_DIR "/usr/lib/take5/strategies"
#endif

static void preset_text(struct build *build, char **target, char *text) {
    if (*target != NULL) {
        free(text);
        return;
    }
    *target = text;
    if (text == NULL)
        build_out_of_memory(build);
}

static char *home_of(const struct build *build, enum path_home home) {
    /* A demo must not meet the service's own files, not even root's. */
    const bool is_private =
        build->request->is_demo || (geteuid() != 0 && build->config->path == NULL);
    return path_home(home, is_private, build->request->environment);
}

static void preset_directories(struct build *build) {
    struct config *config = build->config;
    preset_text(build, &config->strategy_dir, strdup(TAKE5_STRATEGY_DIR));
    preset_text(build, &config->cache_dir, home_of(build, PATH_HOME_CACHE));
    preset_text(build, &config->state_dir, home_of(build, PATH_HOME_STATE));
}

static char *below(const char *directory, const char *name) {
    return directory != NULL ? path_join(directory, name) : NULL;
}

static void preset_control(struct build *build) {
    struct config *config = build->config;
    preset_text(build, &config->run_dir, home_of(build, PATH_HOME_RUN));
    preset_text(build, &config->control_socket, below(config->run_dir, "control.sock"));
}

static void preset_files(struct build *build) {
    struct config *config = build->config;
    preset_text(build, &config->jsonl_path, below(config->state_dir, "signals.jsonl"));
    preset_text(build, &config->letters_path, below(config->state_dir, "dead_letters.jsonl"));
    preset_text(build, &config->journal_path, below(config->state_dir, "journal"));
}

static struct place origin(const struct config *config, const char *section, const char *key) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    return config->origins[schema_find(section, key) - keys];
}

/* Of two that contradict each other, the place of one that somebody wrote. */
static struct place written(struct place first, struct place second) {
    return first.file != NULL ? first : second;
}

static void check_socket(struct build *build) {
    const struct config *config = build->config;
    size_t limit = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (config->control_socket == NULL || strlen(config->control_socket) <= limit)
        return;
    faults_add(build->faults,
               written(origin(config, "control", "socket"), origin(config, "take5", "run_dir")),
               "[control] socket = %s is %zu bytes long, at most %zu fit: set a shorter one, or a "
               "shorter [take5] run_dir",
               config->control_socket, strlen(config->control_socket), limit);
}

static void check_files(struct build *build) {
    const struct config *config = build->config;
    const struct {
        const char *section;
        const char *path;
        bool is_used;
    } files[] = {
        {"log", config->log.path, config->log.path != NULL},
        {"sink:jsonl", config->jsonl_path, config->sink_jsonl && config->jsonl_path != NULL},
        {"dead_letters", config->letters_path,
         config->letters == LETTERS_JSONL && config->letters_path != NULL},
        {"journal", config->journal_path, config->journal_enabled && config->journal_path != NULL},
    };
    const size_t count = sizeof files / sizeof *files;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (files[i].is_used && files[j].is_used && strcmp(files[i].path, files[j].path) == 0)
                faults_add(build->faults,
                           written(origin(config, files[j].section, "path"),
                                   origin(config, files[i].section, "path")),
                           "[%s] and [%s] both write to %s: they need a file each",
                           files[i].section, files[j].section, files[i].path);
}

static void check_order(struct build *build, const char *low, const char *high, int64_t low_ns,
                        int64_t high_ns) {
    if (low_ns <= high_ns)
        return;
    char low_text[32], high_text[32];
    format_duration(low_ns, low_text, sizeof low_text);
    format_duration(high_ns, high_text, sizeof high_text);
    faults_add(build->faults,
               written(origin(build->config, "take5", low), origin(build->config, "take5", high)),
               "[take5] %s is %s and must not be above %s, which is %s", low, low_text, high,
               high_text);
}

static void check_address(struct build *build) {
    const struct config *config = build->config;
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, config->http_address, address) == 1 ||
        inet_pton(AF_INET6, config->http_address, address) == 1)
        return;
    faults_add(build->faults, origin(config, "http", "address"),
               "[http] address = %s is no IP address: 127.0.0.1, 0.0.0.0, ::1 and so on",
               config->http_address);
}

void build_finish_control(struct build *build) {
    preset_control(build);
    check_socket(build);
}

void build_finish(struct build *build) {
    struct config *config = build->config;
    build_finish_control(build);
    preset_directories(build);
    preset_files(build);
    topics_finish(build);
    kafka_finish(build);
    deployments_finish(build);
    check_files(build);
    check_order(build, "suspend", "suspend_max", config->suspend_ns, config->suspend_max_ns);
    check_order(build, "slow_callback_ms", "stuck_ms", config->slow_callback_ns, config->stuck_ns);
    check_address(build);
}
