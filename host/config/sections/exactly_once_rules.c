/*
 * [signals] delivery: what exactly_once cannot be together with.
 */
#include "base/string_list.h"
#include "config/schema/items.h"
#include "config/sections/build.h"
#include "config/value/value_list.h"

#include <string.h>
#include <strings.h>

/* Offsets and signals are committed by one cluster. */
static bool have_common_server(struct build *build, const char *one, const char *other) {
    struct error error;
    char **mine = value_list_split("bootstrap.servers", one, &error);
    char **theirs = value_list_split("bootstrap.servers", other, &error);
    bool do_share = false;
    if (mine == NULL || theirs == NULL)
        build_out_of_memory(build);
    for (size_t i = 0; mine != NULL && mine[i] != NULL; i++) {
        for (size_t j = 0; theirs != NULL && theirs[j] != NULL; j++)
            do_share |= strcasecmp(mine[i], theirs[j]) == 0;
    }
    string_list_free(mine);
    string_list_free(theirs);
    return do_share || mine == NULL || theirs == NULL;
}

static void check_cluster(struct build *build) {
    const struct config *config = build->config;
    const struct config_item *own = config_items_find(&config->producer, "bootstrap.servers");
    if (own == NULL ||
        have_common_server(build, config->producer_servers, config->bootstrap_servers))
        return;
    faults_add(build->faults, own->place,
               "[sink:kafka] bootstrap.servers = %s names no broker of [kafka] bootstrap.servers = "
               "%s: with [signals] delivery = exactly_once signals go to the cluster that the "
               "messages come from, since one transaction has both signals and offsets",
               config->producer_servers, config->bootstrap_servers);
}

static void check_isolation(struct build *build) {
    const struct config_item *level = config_items_find(&build->config->kafka, "isolation.level");
    if (level == NULL || strcasecmp(level->text, "read_committed") == 0)
        return;
    faults_add(build->faults, level->place,
               "[kafka] isolation.level = %s: with [signals] delivery = exactly_once it has to be "
               "read_committed (the default): only then does the client wait for offsets whose "
               "transaction is still open",
               level->text);
}

/* By the id the brokers know that what is open is the work of one that is gone. */
static void check_host_id(struct build *build) {
    const struct config *config = build->config;
    if (!config->host_id_lasts)
        faults_warn(build->faults, build_origin(config, "signals", "delivery"),
                    "[signals] delivery = exactly_once without a [take5] host_id: this container's "
                    "changes with each start, and after a crash the partitions wait up to 20 s for "
                    "the brokers to end what was open; set one for each host of the group");
}

void delivery_finish(struct build *build) {
    const struct config *config = build->config;
    if (config->delivery != DELIVERY_EXACTLY_ONCE)
        return;
    if (!config->sink_kafka)
        faults_add(build->faults, build_origin(config, "signals", "delivery"),
                   "[signals] delivery = exactly_once is for signals that go to Kafka, and sinks "
                   "does not have kafka: the others are at_least_once (postgres has each signal "
                   "once nevertheless, by its id)");
    check_host_id(build);
    check_isolation(build);
    check_cluster(build);
}
