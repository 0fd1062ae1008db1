/*
 * transaction: messages in a transaction that stays open until the standard input ends, and is
 * committed then.
 *   transaction BROKERS TOPIC PARTITION VALUE ...
 * Prints "open" when all are in the log. Its transactional.id is that of the environment variable
 * TRANSACTIONAL_ID: a producer that has it already is fenced.
 */
#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 60000

static int check(rd_kafka_error_t *error) {
    if (error == NULL)
        return 0;
    fprintf(stderr, "transaction: %s\n", rd_kafka_error_string(error));
    exit(1);
}

int main(int argc, char **argv) {
    char text[512];
    if (argc < 5)
        return 2;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], text, sizeof text);
    const char *id = getenv("TRANSACTIONAL_ID");
    rd_kafka_conf_set(conf, "transactional.id", id != NULL ? id : "take5-test", text, sizeof text);
    rd_kafka_conf_set(conf, "max.in.flight", "1", text, sizeof text); /* as produce.c has it */
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (client == NULL)
        return 1;
    check(rd_kafka_init_transactions(client, TIMEOUT_MS));
    check(rd_kafka_begin_transaction(client));
    for (int i = 4; i < argc; i++)
        if (rd_kafka_producev(client, RD_KAFKA_V_TOPIC(argv[2]),
                              RD_KAFKA_V_PARTITION(atoi(argv[3])), RD_KAFKA_V_KEY("A", 1),
                              RD_KAFKA_V_VALUE(argv[i], strlen(argv[i])),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END))
            return 1;
    if (rd_kafka_flush(client, TIMEOUT_MS))
        return 1;
    puts("open");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    check(rd_kafka_commit_transaction(client, TIMEOUT_MS));
    rd_kafka_destroy(client);
    return 0;
}
