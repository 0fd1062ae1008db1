/*
 * Defaults that depend on other settings, and what settings mean together.
 */
#include "base/text.h"
#include "base/units.h"
#include "config/assign.h"
#include "config/files.h"
#include "config/place/host_id.h"
#include "config/place/install_paths.h"
#include "config/sections/receivers.h"
#include "config/text/paths.h"
#include "os/file_uses.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static void default_text(struct build *build, char **target, char *text) {
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

static void default_directories(struct build *build) {
    struct config *config = build->config;
    struct install_paths paths;
    install_paths_find(&paths);
    default_text(build, &config->strategy_dir, strdup(paths.strategy_dir));
    if (config->has_bundled && config->strategy_dir != NULL &&
        strcmp(config->strategy_dir, paths.bundled_dir) != 0)
        default_text(build, &config->bundled_dir, strdup(paths.bundled_dir));
    default_text(build, &config->cache_dir, home_of(build, PATH_HOME_CACHE));
    default_text(build, &config->state_dir, home_of(build, PATH_HOME_STATE));
}

static char *below(const char *directory, const char *name) {
    return directory != NULL ? path_join(directory, name) : NULL;
}

static void default_control(struct build *build) {
    struct config *config = build->config;
    default_text(build, &config->run_dir, home_of(build, PATH_HOME_RUN));
    default_text(build, &config->control_socket, below(config->run_dir, "control.sock"));
}

/* A name that somebody gave lasts as long as they say. */
static void default_host_id(struct build *build) {
    struct config *config = build->config;
    struct host_facts facts;
    if (config->host_id != NULL || config->state_dir == NULL) {
        config->host_id_lasts = true;
        return;
    }
    host_facts_read(&facts, "", build->request->environment);
    default_text(
        build, &config->host_id,
        host_id_default(&facts, config->service, config->state_dir, &config->host_id_lasts));
}

static void default_files(struct build *build) {
    struct config *config = build->config;
    default_text(build, &config->jsonl_path, below(config->state_dir, "signals.jsonl"));
    default_text(build, &config->series_path, below(config->state_dir, "series.jsonl"));
    default_text(build, &config->dead_letters_path, below(config->state_dir, "dead_letters.jsonl"));
    default_text(build, &config->journal_path, below(config->state_dir, "journal"));
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
               written(build_origin(config, "control", "socket"),
                       build_origin(config, "take5", "run_dir")),
               "[control] socket = %s is %zu bytes long, at most %zu are possible: set a shorter "
               "one, or a "
               "shorter [take5] run_dir",
               config->control_socket, strlen(config->control_socket), limit);
}

/* ---- files ---- */

struct files {
    struct build *build;
    struct file_uses uses;
};

struct search {
    const struct file_use *use;
    struct place place;
};

static bool find_place(void *context, const struct config_file *file, struct error *error) {
    struct search *search = context;
    (void)error;
    if (strcmp(file->what, search->use->what) == 0 && strcmp(file->path, search->use->path) == 0)
        search->place = file->place;
    return true;
}

/* Where one of the two is written down: the default of the other cannot be changed there. */
static struct place place_of_clash(const struct config *config, const struct config_file *file,
                                   const struct file_use *other, struct error *error) {
    struct search search = {.use = other};
    if (file->place.file == NULL)
        (void)config_files(config, find_place, &search, error);
    return written(file->place, search.place);
}

static bool check_file(void *context, const struct config_file *file, struct error *error) {
    struct files *files = context;
    if (file->kind == CONFIG_FILE_BESIDE)
        return true;
    const bool is_written = file->kind == CONFIG_FILE_WRITTEN;
    const struct file_use *other = file_uses_clash(
        &files->uses, is_written ? FILE_USE_WRITTEN : FILE_USE_KEPT, file->what, file->path, error);
    if (other != NULL)
        faults_add(files->build->faults, place_of_clash(files->build->config, file, other, error),
                   "%s = %s is the same file as %s, %s: choose another file", file->what,
                   file->path, other->path, other->what);
    return other != NULL || error->code == ERROR_NONE;
}

/* What the service writes, among itself and against what it reads: by device and inode, so that no
 * link deceives. */
static void check_files(struct build *build) {
    struct files files = {.build = build};
    struct error error;
    if (!config_files(build->config, check_file, &files, &error))
        build_out_of_memory(build);
    file_uses_release(&files.uses);
}

static void check_host_id(struct build *build) {
    const struct config *config = build->config;
    if (config->host_id != NULL && !host_id_is_valid(config->host_id))
        faults_add(build->faults, build_origin(config, "take5", "host_id"),
                   "[take5] host_id = %s: expected at most %d letters, digits, '.', '_' and '-'",
                   config->host_id, HOST_ID_MAX);
}

static void check_order(struct build *build, const char *low, const char *high, int64_t low_ns,
                        int64_t high_ns) {
    if (low_ns <= high_ns)
        return;
    char low_text[32], high_text[32];
    format_duration(low_ns, low_text, sizeof low_text);
    format_duration(high_ns, high_text, sizeof high_text);
    faults_add(build->faults,
               written(build_origin(build->config, "take5", low),
                       build_origin(build->config, "take5", high)),
               "[take5] %s is %s and must not be above %s, which is %s", low, low_text, high,
               high_text);
}

static void check_address(struct build *build) {
    const struct config *config = build->config;
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, config->http_address, address) == 1 ||
        inet_pton(AF_INET6, config->http_address, address) == 1)
        return;
    faults_add(build->faults, build_origin(config, "http", "address"),
               "[http] address = %s is not an IP address, such as 127.0.0.1, 0.0.0.0 or ::1",
               config->http_address);
}

/* A name as a Host header has it, without what people write around it. */
static void check_hosts(struct build *build) {
    char *const *names = build->config->http_allowed_hosts;
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        const char *rest = names[i];
        while (*rest != '\0' && (isalnum((unsigned char)*rest) || strchr(".-_", *rest) != NULL))
            rest++;
        if (*rest == '\0')
            continue;
        faults_add(build->faults, build_origin(build->config, "http", "allowed_hosts"),
                   "[http] allowed_hosts: %s is not a host name: write it like take5.example.org, "
                   "without http://, port or *",
                   names[i]);
    }
}

void build_finish_control(struct build *build) {
    default_control(build);
    check_socket(build);
}

void build_finish(struct build *build) {
    struct config *config = build->config;
    build_finish_control(build);
    default_directories(build);
    default_host_id(build);
    default_files(build);
    topics_finish(build);
    kafka_finish(build);
    delivery_finish(build);
    state_topic_finish(build);
    receivers_finish(build);
    deployments_finish(build);
    shadows_finish(build);
    workers_finish(build);
    check_files(build);
    check_host_id(build);
    check_order(build, "suspend", "suspend_max", config->suspend_ns, config->suspend_max_ns);
    check_order(build, "slow_callback_ms", "stuck_ms", config->slow_callback_ns, config->stuck_ns);
    check_address(build);
    check_hosts(build);
}
