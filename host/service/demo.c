#include "service/demo.h"

#include "base/clock.h"
#include "cli/temp_dir.h"
#include "config/schema/client_conf.h"
#include "config/schema/items.h"
#include "synth/to_kafka.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEMO_PARTITIONS 4
#define DEMO_RATE       60.0 /* a second: slow enough to be read */
#define DEMO_SYMBOLS    8
#define DEMO_PORT       8080
#define DEMO_BEGAN_MS   ((int64_t)365 * 24 * 3600 * 1000) /* ago */

struct demo {
    rd_kafka_t *owner; /* of the mock cluster */
    rd_kafka_mock_cluster_t *cluster;
    struct feed_kafka *feed;
    struct temp_dir temp;
    bool is_port_taken;   /* DEMO_PORT, so that another one was chosen */
    struct text replaced; /* settings of the user's configuration that it does not keep */
};

/* The configuration's own setting of a client; [sink:kafka] has those of [kafka] as well. */
static bool has_property(const struct config *config, const char *section, const char *name) {
    const struct config_item *shared = config_items_find(&config->kafka, name), *item = shared;
    if (strcmp(section, "kafka") != 0)
        item = config_items_find(&config->producer, name);
    if (item == NULL || item->place.file == NULL)
        return false;
    return item == shared || shared == NULL || item->place.file != shared->place.file ||
           item->place.line != shared->place.line;
}

/* Whatever the configuration says (NULL: it cannot be read); the command line's stays. */
static bool replace(struct demo *demo, struct config_options *options, const struct config *config,
                    const char *section, const char *name, const char *value) {
    if (config != NULL && has_property(config, section, name) &&
        !temp_dir_is_overridden(options, section, name))
        text_printf(&demo->replaced, "%s%s.%s", demo->replaced.size > 0 ? ", " : "", section, name);
    return temp_dir_set(options, section, name, value);
}

/*
 * Of the clients nothing may lead elsewhere than to the mock broker. It answers a member that joins
 * once more only after the session's timeout, and librdkafka 2.0 joins once more when an answer to
 * its regular look at the topics comes just while it awaits the one for the assignor: so it looks
 * seldom. (Where that look is frequent it is to keep a fast consumer awake; a demo is slow.)
 */
static bool set_clients(struct demo *demo, struct config_options *options,
                        const struct config *config) {
    static const char *const clients[] = {"kafka", "sink:kafka"};
    static const char *const kafka[][2] = {{"topic.metadata.refresh.interval.ms", "300000"},
                                           {"group.id", "take5_demo"},
                                           {"fetch.wait.max.ms", "10"}};
    const char *servers = rd_kafka_mock_cluster_bootstraps(demo->cluster);
    bool did = true;
    for (size_t i = 0; did && i < sizeof clients / sizeof *clients; i++)
        did = replace(demo, options, config, clients[i], "bootstrap.servers", servers) &&
              replace(demo, options, config, clients[i], "security.protocol", "plaintext");
    for (size_t i = 0; did && i < sizeof kafka / sizeof *kafka; i++)
        did = replace(demo, options, config, "kafka", kafka[i][0], kafka[i][1]);
    return did;
}

struct demo *demo_new(struct config_options *options, struct error *error) {
    static const struct client_property mock[] = {{"test.mock.num.brokers", "1"},
                                                  {"log_level", "3"}};
    char text[512];
    struct demo *demo = calloc(1, sizeof *demo);
    if (demo == NULL) {
        error_set_memory(error, "the demo");
        return NULL;
    }
    text_init(&demo->replaced);
    if (!temp_dir_init(&demo->temp, error)) {
        free(demo);
        return NULL;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!client_conf_set_all(conf, CLIENT_PROPERTIES(mock), error)) {
        rd_kafka_conf_destroy(conf);
        demo_free(demo);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, NULL); /* it would write to stderr itself */
    demo->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (demo->owner == NULL) {
        error_set(error, ERROR_SYSTEM, "cannot create the mock broker: %s", text);
        rd_kafka_conf_destroy(conf);
        demo_free(demo);
        return NULL;
    }
    demo->cluster = rd_kafka_handle_mock_cluster(demo->owner);
    if (demo->cluster == NULL) {
        error_set(error, ERROR_SYSTEM, "cannot set up the demo");
        demo_free(demo);
        return NULL;
    }
    options->is_demo = true;
    return demo;
}

/* One of a section's keys is set: the user means the section. */
static bool is_meant(const struct config *config, const char *section, const char *const *keys) {
    for (; config != NULL && *keys != NULL; keys++)
        if (temp_dir_is_settled(config, section, *keys))
            return true;
    return false;
}

/* One that is free now on loopback, the wished one if it is; 0: none. */
static uint16_t free_port(uint16_t wished) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(wished),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                         listen(fd, 1) == 0 &&
                         getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    if (fd >= 0)
        close(fd);
    return is_free ? ntohs(address.sin_port) : wished != 0 ? free_port(0) : 0;
}

/* The page is shown on the usual port, or on one that is free. */
static bool set_http(struct demo *demo, struct config_options *options,
                     const struct config *config) {
    static const char *const keys[] = {"enabled", "address", "port", NULL};
    char text[8];
    if (is_meant(config, "http", keys))
        return true;
    const uint16_t port = free_port(DEMO_PORT);
    demo->is_port_taken = port != DEMO_PORT;
    (void)snprintf(text, sizeof text, "%u", port);
    return temp_dir_set(options, "http", "port", text);
}

bool demo_settle(struct demo *demo, struct config_options *options, const struct config *config) {
    static const char *const dead_letters[] = {"to", "path", "topic", NULL};
    static const char *const state[] = {"keep_state", NULL};
    /* A directory that the file names is never replaced, nor one that is there. */
    const bool has_strategies =
        options->path != NULL &&
        (config == NULL || temp_dir_is_settled(config, "take5", "strategy_dir") ||
         access(config->strategy_dir, F_OK) == 0);
    return set_clients(demo, options, config) &&
           temp_dir_set_directories(&demo->temp, options, config) &&
           (is_meant(config, "take5", state) ||
            temp_dir_set(options, "take5", "keep_state", "no")) &&
           /* The mock broker makes no topic with settings. */
           temp_dir_set(options, "checkpoint", "store", "directory") &&
           set_http(demo, options, config) &&
           (is_meant(config, "dead_letters", dead_letters) ||
            temp_dir_set(options, "dead_letters", "to", "none")) &&
           (has_strategies || temp_dir_set_strategies(options, config));
}

/* A file of the demo's directory goes with it. */
static void announce_file(const struct demo *demo, const char *what, const char *key,
                          const char *path) {
    if (temp_dir_has(&demo->temp, path))
        print_err("demo: %s are written to %s, which is removed at the end; set %s to keep them",
                  what, path, key);
    else
        print_err("demo: %s are written to %s", what, path);
}

/* With port 0 only the log knows it. */
static void announce_page(const struct demo *demo, const struct config *config) {
    const bool is_v6 = strchr(config->http_address, ':') != NULL;
    const bool is_any = strcmp(config->http_address, "0.0.0.0") == 0;
    if (!config->http_enabled || config->http_port == 0)
        return;
    print_err("demo: the live page: http://%s%s%s:%d/%s", is_v6 ? "[" : "",
              is_any ? "127.0.0.1" : config->http_address, is_v6 ? "]" : "", (int)config->http_port,
              demo->is_port_taken ? " (port 8080 is taken)" : "");
}

/* The program is named as it was called: packaging/demo.sh runs one that is on no PATH. */
void demo_announce(const struct demo *demo, const struct config *config) {
    char socket[sizeof demo->temp.directory + 64];
    announce_page(demo, config);
    if (demo->replaced.size > 0)
        print_err("demo: these settings override the configuration's: %s", demo->replaced.data);
    snprintf(socket, sizeof socket, "%s/control.sock", config->run_dir);
    print_err("demo: for its status: `%s ctl --%s %s status`", program_invocation_name,
              strcmp(socket, config->control_socket) == 0 ? "run-dir" : "socket",
              strcmp(socket, config->control_socket) == 0 ? config->run_dir
                                                          : config->control_socket);
    if (temp_dir_has(&demo->temp, config->run_dir) ||
        temp_dir_has(&demo->temp, config->state_dir) ||
        temp_dir_has(&demo->temp, config->cache_dir))
        print_err("demo: %s is temporary and is removed at the end", demo->temp.directory);
    if (config->sink_jsonl)
        announce_file(demo, "signals", "[sink:jsonl] path", config->jsonl_path);
    if (config->dead_letters == DEAD_LETTERS_JSONL)
        announce_file(demo, "dead letters", "[dead_letters] path", config->dead_letters_path);
}

uint64_t demo_fed(const struct demo *demo) {
    struct feed_kafka_stats stats = {0};
    if (demo->feed != NULL)
        feed_kafka_stats(demo->feed, &stats);
    return stats.delivered;
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
                   .start_ms = clock_wall_ns() / NS_PER_MS - DEMO_BEGAN_MS},
        .pace = {.rate_per_s = DEMO_RATE},
        /* Records bear the time of sending, so that latency means something; the market runs about
         * 240 times as fast as the clock, and so begins long enough ago not to overtake it. */
    };
    for (size_t i = 0; i < config->topic_count; i++) {
        if (rd_kafka_mock_topic_create(demo->cluster, config->topics[i].name, DEMO_PARTITIONS, 1) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            log_debug(log, "source", "demo: topic %s already exists", config->topics[i].name);
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

void demo_free(struct demo *demo) {
    if (demo == NULL)
        return;
    demo_stop(demo);
    if (demo->owner != NULL)
        rd_kafka_destroy(demo->owner);
    temp_dir_release(&demo->temp);
    text_release(&demo->replaced);
    free(demo);
}
