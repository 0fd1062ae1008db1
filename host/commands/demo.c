#include "commands/demo.h"

#include "base/clock.h"
#include "source/feed_kafka.h"

#include <errno.h>
#include <ftw.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TAKE5_STRATEGY_DIR
#define TAKE5_STRATEGY_DIR "/usr/local/lib/take5/strategies"
#endif

#define DEMO_PARTITIONS 4
#define DEMO_RATE       60.0 /* a second: slow enough to be read */
#define DEMO_SYMBOLS    8

struct demo {
    rd_kafka_t *owner; /* of the mock cluster */
    rd_kafka_mock_cluster_t *cluster;
    struct feed_kafka *feed;
    char directory[64];
};

/* Beside this program in a build tree, else where it was installed. */
static void find_strategies(char path[PATH_MAX]) {
    char program[PATH_MAX - 32];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size > 0) {
        program[size] = '\0';
        char *slash = strrchr(program, '/');
        if (slash != NULL)
            *slash = '\0';
        snprintf(path, PATH_MAX, "%s/../strategies", program);
        if (access(path, R_OK) == 0)
            return;
    }
    snprintf(path, PATH_MAX, "%s", TAKE5_STRATEGY_DIR);
}

static bool is_overridden(const struct config_options *options, const char *section,
                          const char *key) {
    for (size_t i = 0; i < options->override_count; i++) {
        if (strcmp(options->overrides[i].section, section) == 0 &&
            strcmp(options->overrides[i].key, key) == 0)
            return true;
    }
    return false;
}

static bool point(struct config_options *options, const char *section, const char *key,
                  const char *value) {
    if (is_overridden(options, section, key))
        return true;
    char *text = text_format("%s.%s=%s", section, key, value);
    /* Keys of [kafka] have dots of their own: the first one ends the section. */
    const bool did = text != NULL && config_options_add(options, text);
    free(text);
    return did;
}

static bool point_options(struct demo *demo, struct config_options *options) {
    char path[PATH_MAX];
    bool did = point(options, "kafka", "bootstrap.servers",
                     rd_kafka_mock_cluster_bootstraps(demo->cluster)) &&
               point(options, "kafka", "group.id", "take5_demo") &&
               point(options, "kafka", "fetch.wait.max.ms", "10") &&
               point(options, "take5", "keep_state", "no") &&
               point(options, "http", "enabled", "no") &&
               point(options, "dead_letters", "to", "none");
    static const char *const directories[] = {"run", "state", "cache"};
    for (size_t i = 0; did && i < 3; i++) {
        char key[16];
        snprintf(key, sizeof key, "%s_dir", directories[i]);
        snprintf(path, sizeof path, "%s/%s", demo->directory, directories[i]);
        did = point(options, "take5", key, path);
    }
    if (did && options->path == NULL) {
        find_strategies(path);
        did = point(options, "take5", "strategy_dir", path) &&
              point(options, "take5", "strict_modes", "no") &&
              /* Each message on thirty lines would hide the signals. */
              point(options, "strategy:console", "enabled", "no");
    }
    return did;
}

struct demo *demo_new(struct config_options *options, struct error *error) {
    char text[512];
    struct demo *demo = calloc(1, sizeof *demo);
    if (demo == NULL) {
        error_set_memory(error, sizeof *demo, "the demo");
        return NULL;
    }
    snprintf(demo->directory, sizeof demo->directory, "/tmp/take5-demo-XXXXXX");
    if (mkdtemp(demo->directory) == NULL) {
        error_set_errno(error, errno, "cannot make %s", demo->directory);
        free(demo);
        return NULL;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", text, sizeof text) !=
            RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "log_level", "3", text, sizeof text) != RD_KAFKA_CONF_OK) {
        error_set(error, ERROR_SYSTEM, "no mock broker: %s", text);
        rd_kafka_conf_destroy(conf);
        demo_free(demo);
        return NULL;
    }
    demo->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (demo->owner == NULL) {
        error_set(error, ERROR_SYSTEM, "no mock broker: %s", text);
        rd_kafka_conf_destroy(conf);
        demo_free(demo);
        return NULL;
    }
    demo->cluster = rd_kafka_handle_mock_cluster(demo->owner);
    if (demo->cluster == NULL || !point_options(demo, options)) {
        error_set(error, ERROR_SYSTEM, "the demo cannot be set up");
        demo_free(demo);
        return NULL;
    }
    options->is_demo = true;
    return demo;
}

bool demo_start(struct demo *demo, const struct config *config, struct log *log,
                struct error *error) {
    struct feed_kafka_options options = {
        .brokers = rd_kafka_mock_cluster_bootstraps(demo->cluster),
        .market = {.seed = 5,
                   .symbol_count = DEMO_SYMBOLS,
                   .envelope = MARKET_MIXED,
                   .bad_share = 0.01,
                   .late_share = 0.01,
                   .start_ms = clock_wall_ns() / NS_PER_MS - 24 * 3600 * 1000},
        .pace = {.rate_per_s = DEMO_RATE},
        .has_market_time = true,
    };
    for (size_t i = 0; i < config->topic_count; i++) {
        if (rd_kafka_mock_topic_create(demo->cluster, config->topics[i].name, DEMO_PARTITIONS, 1) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            log_debug(log, "source", "demo: topic %s is there already", config->topics[i].name);
    }
    for (uint32_t role = 0; role < MARKET_ROLES; role++) {
        const struct config_topic *topic =
            config_topic_by_role(config, market_role_name(role), NULL);
        options.topics[role] = topic != NULL ? topic->name : NULL;
    }
    demo->feed = feed_kafka_new(&options, log, error);
    return demo->feed != NULL && feed_kafka_start(demo->feed, error);
}

void demo_stop(struct demo *demo) {
    if (demo->feed != NULL)
        feed_kafka_free(demo->feed);
    demo->feed = NULL;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void demo_free(struct demo *demo) {
    if (demo == NULL)
        return;
    demo_stop(demo);
    if (demo->owner != NULL)
        rd_kafka_destroy(demo->owner);
    nftw(demo->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(demo);
}
