/* What Prometheus is told of checkpoints, over an engine that has only what the view looks at. */
#include "ops/metrics/metrics.h"

#include "base/clock.h"
#include "checkpoint/store.h"
#include "engine/core/core.h"
#include "engine/lane/lane_state.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/take5-metrics.XXXXXX";
static struct engine engine;
static struct lane lane;
static struct partition at_work, parked;
static struct text text;

static void set_up(void) {
    static struct lane *lanes[] = {&lane};
    static struct partition *partitions[] = {&at_work, &parked};
    pthread_mutex_init(&engine.status_lock, NULL);
    at_work.number = 3;
    atomic_store(&at_work.lane, &lane);
    parked.number = 4;
    engine.lanes = lanes;
    engine.lane_count = 1;
    engine.partitions = partitions;
    engine.partition_count = 2;
    atomic_store(&lane.pause_ns, 2 * NS_PER_MS);
    atomic_store(&lane.longest_pause_ns, 5 * NS_PER_MS);
    atomic_store(&lane.counts.recoveries, 2);
    atomic_store(&lane.counts.catch_ups, 7);
    text_init(&text);
}

static void tear_down(void) {
    text_release(&text);
    pthread_mutex_destroy(&engine.status_lock);
}

TestSuite(metrics_checkpoints, .init = set_up, .fini = tear_down);

static void open_store(void) {
    static const char *const topics[] = {"bar_trends"};
    struct error error = {0};
    char path[64];
    const struct log_options options = {.level = LOG_LEVEL_INFO, .path = path};
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/log", directory);
    engine.log = log_new();
    cr_assert_not_null(engine.log);
    cr_assert(log_configure(engine.log, &options, &error), "%s", error.text);
    engine.store = checkpoint_store_new(&(struct checkpoint_store_options){.state_dir = directory,
                                                                           .group = "g",
                                                                           .topics = topics,
                                                                           .topic_count = 1,
                                                                           .log = engine.log},
                                        &error);
    cr_assert_not_null(engine.store, "%s", error.text);
}

static void close_store(void) {
    char command[128];
    cr_assert(checkpoint_store_free(engine.store, 60 * NS_PER_S));
    log_free(engine.log);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

static void write_one(int32_t partition) {
    struct checkpoint checkpoint;
    struct positions committed;
    checkpoint_init(&checkpoint);
    positions_init(&committed);
    checkpoint.number = 1;
    checkpoint.partition = partition;
    checkpoint.taken_ms = clock_wall_ns() / NS_PER_MS - 60000;
    checkpoint.group = strdup("g");
    const uint64_t ticket = checkpoint_store_put(engine.store, &checkpoint, &committed);
    cr_assert(ticket != 0 && checkpoint_store_await(engine.store, ticket, 60 * NS_PER_S));
}

/* The value of a sample; -1: it is not there. */
static double sample(const char *name) {
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(text.data, line);
    return at != NULL ? strtod(at + strlen(line), NULL) : -1;
}

Test(metrics_checkpoints, those_of_partitions_at_work_are_told_of) {
    open_store();
    write_one(3);
    write_one(4);
    metrics_write_checkpoints(&text, &engine);
    cr_expect_geq(sample("take5_checkpoint_age_seconds{partition=\"3\"}"), 60);
    cr_expect_gt(sample("take5_checkpoint_bytes{partition=\"3\"}"), 0);
    cr_expect_gt(sample("take5_checkpoint_write_seconds{partition=\"3\"}"), 0);
    cr_expect_eq(sample("take5_checkpoint_age_seconds{partition=\"4\"}"), -1, "%s", text.data);
    cr_expect_eq(sample("take5_checkpoint_up"), 1);
    cr_expect_eq(sample("take5_checkpoints_written_total"), 2);
    cr_expect_eq(sample("take5_checkpoints_failed_total"), 0);
    cr_expect_gt(sample("take5_checkpoint_written_bytes_total"), 0);
    cr_expect_eq(sample("take5_checkpoint_journal_bytes_total"), 0);
    cr_expect_eq(sample("take5_checkpoint_pause_seconds{lane=\"0\"}"), 0.002);
    cr_expect_eq(sample("take5_checkpoint_longest_pause_seconds{lane=\"0\"}"), 0.005);
    close_store();
}

Test(metrics_checkpoints, those_that_cannot_be_written_are_counted) {
    char path[64];
    open_store();
    snprintf(path, sizeof path, "%s/checkpoints/3", directory);
    FILE *file = fopen(path, "w"); /* where the directory is to be */
    cr_assert_not_null(file);
    fclose(file);
    write_one(3);
    metrics_write_checkpoints(&text, &engine);
    cr_expect_eq(sample("take5_checkpoint_up"), 0, "%s", text.data);
    cr_expect_eq(sample("take5_checkpoints_failed_total"), 1);
    cr_expect_eq(sample("take5_checkpoint_age_seconds{partition=\"3\"}"), -1);
    close_store();
}

/* Nothing then tells of a state that is never saved. */
Test(metrics_checkpoints, without_a_store_there_are_only_catch_ups) {
    metrics_write_checkpoints(&text, &engine);
    cr_expect_eq(sample("take5_catch_ups_total{kind=\"recovery\"}"), 2);
    cr_expect_eq(sample("take5_catch_ups_total{kind=\"behind\"}"), 7);
    cr_expect_null(strstr(text.data, "take5_checkpoint"));
}
