#include "preflight/preflight.h"

#include "sink/producer.h"
#include "source/kafka/client_properties.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

static void ignore_log(const rd_kafka_t *client, int level, const char *facility,
                       const char *text) {
    (void)client, (void)level, (void)facility, (void)text;
}

/* Of the property that the reason names, the longest if one begins with another; nowhere: it names
 * none that the configuration has. */
static struct place place_of(const struct config_items *items, const char *reason) {
    struct place place = {NULL, 0};
    size_t longest = 0;
    for (size_t i = 0; i < items->count; i++) {
        const struct config_item *item = &items->items[i];
        if (strlen(item->name) > longest && strstr(reason, item->name) != NULL) {
            longest = strlen(item->name);
            place = item->place;
        }
    }
    return place;
}

/* Without brokers, so that nobody is connected to. */
static void try_consumer(const struct config *config, struct log *log, struct faults *faults) {
    char reason[512];
    struct error error;
    rd_kafka_conf_t *conf = kafka_properties_make(config, log, &error);
    if (conf == NULL) {
        faults_add_error(faults, (struct place){0}, &error);
        return;
    }
    rd_kafka_conf_set_log_cb(conf, ignore_log);
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", "", NULL, 0);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (client != NULL) {
        rd_kafka_destroy(client);
        return;
    }
    rd_kafka_conf_destroy(conf);
    faults_add(faults, place_of(&config->kafka, reason),
               "[kafka]: librdkafka rejects the settings: %s", reason);
}

static void try_producer(const struct config *config, struct faults *faults) {
    const struct producer_callbacks callbacks = {.log = ignore_log};
    struct producer_setup setup;
    struct error error;
    if (!producer_setup_init(&setup, &config->producer, "")) {
        faults_add_memory(faults, (struct place){0}, "the producer");
    } else {
        rd_kafka_t *client = producer_new(&setup, &callbacks, &error);
        if (client != NULL)
            rd_kafka_destroy(client);
        else
            faults_add_error(faults, place_of(&config->producer, error.text), &error);
    }
    producer_setup_release(&setup);
}

void preflight_clients(const struct config *config, struct log *log, struct faults *faults) {
    try_consumer(config, log, faults);
    if (config->sink_kafka || config->dead_letters == DEAD_LETTERS_KAFKA)
        try_producer(config, faults);
}
