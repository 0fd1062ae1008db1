/*
 * mock: a second cluster, librdkafka's own, for tests that ask which cluster something goes to.
 *   mock NAME:PARTITIONS ...
 * Prints its bootstrap servers in a line, and is there until it is ended.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", text, sizeof text);
    rd_kafka_t *owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (owner == NULL) {
        fprintf(stderr, "mock: %s\n", text);
        return 1;
    }
    rd_kafka_mock_cluster_t *cluster = rd_kafka_handle_mock_cluster(owner);
    for (int i = 1; i < argc; i++) {
        char *colon = strchr(argv[i], ':');
        if (colon == NULL)
            return 2;
        *colon = '\0';
        rd_kafka_mock_topic_create(cluster, argv[i], atoi(colon + 1), 1);
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    for (;;)
        pause();
}
