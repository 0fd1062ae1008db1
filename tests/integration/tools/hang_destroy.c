/* Preloaded into a host under test: a client of librdkafka's never ends. */
#include <librdkafka/rdkafka.h>

#include <unistd.h>

void rd_kafka_destroy_flags(rd_kafka_t *client, int flags) {
    (void)client;
    (void)flags;
    for (;;)
        pause();
}
