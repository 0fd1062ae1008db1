#include "commands/demo.h"

#include "base/clock.h"
#include "commands/scratch.h"
#include "source/feed_kafka.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <unistd.h>

#define DEMO_PARTITIONS 4
#define DEMO_RATE       60.0 /* a second: slow enough to be read */
#define DEMO_SYMBOLS    8

struct demo {
    rd_kafka_t *owner; /* of the mock cluster */
    rd_kafka_mock_cluster_t *cluster;
    struct feed_kafka *feed;
    struct scratch scratch;
};

static bool point_options(struct demo *demo, struct config_options *options) {
    return scratch_set(options, "kafka", "bootstrap.servers",
                       rd_kafka_mock_cluster_bootstraps(demo->cluster)) &&
           scratch_set(options, "kafka", "group.id", "take5_demo") &&
           scratch_set(options, "kafka", "fetch.wait.max.ms", "10") &&
           scratch_set(options, "take5", "keep_state", "no") &&
           scratch_set(options, "http", "enabled", "no") &&
           scratch_set(options, "dead_letters", "to", "none") &&
           scratch_set_directories(&demo->scratch, options) &&
           (options->path != NULL || scratch_set_strategies(options));
}

struct demo *demo_new(struct config_options *options, struct error *error) {
    char text[512];
    struct demo *demo = calloc(1, sizeof *demo);
    if (demo == NULL) {
        error_set_memory(error, sizeof *demo, "the demo");
        return NULL;
    }
    if (!scratch_init(&demo->scratch, error)) {
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

bool demo_lacks_strategies(struct config_options *options, const struct config *config) {
    return access(config->strategy_dir, F_OK) != 0 && scratch_set_strategies(options);
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

void demo_free(struct demo *demo) {
    if (demo == NULL)
        return;
    demo_stop(demo);
    if (demo->owner != NULL)
        rd_kafka_destroy(demo->owner);
    scratch_release(&demo->scratch);
    free(demo);
}
