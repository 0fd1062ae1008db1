/* A demo's broker and feed, and the recent messages that a start reads off it. */
#include "service/demo.h"
#include "service/recent.h"

#include "base/clock.h"
#include "config/schema/items.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RECENT   "20"
#define LIMIT_NS (60 * NS_PER_S) /* only a hang takes so long */

static struct config_options options;
static struct config *config;
static struct demo *demo;
static struct log *the_log;

static void begin(void) {
    struct error error = {0};
    the_log = log_new();
    cr_assert(config_options_set(&options, "take5.rehearsal_messages", RECENT));
    demo = demo_new(&options, &error);
    cr_assert_not_null(demo, "%s", error.text);
    cr_assert(demo_settle(demo, &options, NULL));
    config = config_options_load(&options);
    cr_assert_not_null(config);
}

static void end(void) {
    demo_free(demo);
    config_free(config);
    config_options_release(&options);
    log_free(the_log);
}

static const char *property(const char *name) {
    const struct config_item *item = config_items_find(&config->kafka, name);
    return item != NULL ? item->text : "";
}

/* The broker answers the feed; nobody waits longer for it than for what hangs. */
static void wait_fed(uint64_t count) {
    const int64_t by_ns = clock_monotonic_ns() + LIMIT_NS;
    while (demo_fed(demo) < count) {
        cr_assert_lt(clock_monotonic_ns(), by_ns, "%llu messages were fed",
                     (unsigned long long)demo_fed(demo));
        nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
    }
}

Test(demo, it_meets_nothing_but_its_own_broker, .init = begin, .fini = end) {
    cr_expect(options.is_demo);
    cr_expect_eq(strncmp(property("bootstrap.servers"), "127.0.0.1:", 10), 0, "%s",
                 property("bootstrap.servers"));
    cr_expect_str_eq(property("security.protocol"), "plaintext");
    cr_expect_str_eq(property("group.id"), "take5_demo");
}

Test(demo, its_directories_go_with_it, .init = begin, .fini = end) {
    char directory[256];
    snprintf(directory, sizeof directory, "%.*s",
             (int)(strrchr(config->run_dir, '/') - config->run_dir), config->run_dir);
    cr_assert_eq(access(directory, F_OK), 0, "%s", directory);
    demo_free(demo);
    demo = NULL;
    cr_expect_neq(access(directory, F_OK), 0, "%s", directory);
}

Test(demo, a_setting_of_the_command_line_stays) {
    struct error error = {0};
    cr_assert(config_options_set(&options, "take5.state_dir", "/mine"));
    demo = demo_new(&options, &error);
    cr_assert_not_null(demo, "%s", error.text);
    cr_assert(demo_settle(demo, &options, NULL));
    config = config_options_load(&options);
    cr_assert_not_null(config);
    cr_expect_str_eq(config->state_dir, "/mine");
    end();
}

Test(demo, its_feed_ends_when_it_is_told, .init = begin, .fini = end) {
    struct error error = {0};
    cr_expect_eq(demo_fed(demo), 0);
    cr_assert(demo_start(demo, config, the_log, &error), "%s", error.text);
    wait_fed(10);
    demo_stop(demo);
    cr_expect_eq(demo_fed(demo), 0, "there is no feed");
}

Test(recent, the_last_messages_come_in_the_order_of_their_times, .init = begin, .fini = end) {
    struct error error = {0};
    size_t count = 0;
    bool has_topic[3] = {false};
    cr_assert(demo_start(demo, config, the_log, &error), "%s", error.text);
    wait_fed(60);
    struct recent *recent = recent_read(config, the_log);
    const struct record *records = recent_records(recent, &count);
    cr_assert_geq(count, 2);
    cr_expect_leq(count, (size_t)config->rehearsal_messages + config->topic_count);
    for (size_t i = 0; i < count; i++) {
        cr_assert_lt(records[i].topic, config->topic_count);
        has_topic[records[i].topic] = true;
        cr_expect_gt(records[i].payload_size, 0);
        if (i > 0)
            cr_expect_leq(records[i - 1].kafka_time_ms, records[i].kafka_time_ms);
    }
    cr_expect(has_topic[0] && has_topic[1] && has_topic[2], "of every topic");
    recent_free(recent);
}

Test(recent, without_any_asked_for_there_are_none) {
    const struct config none = {.rehearsal_messages = 0};
    size_t count = 1;
    struct recent *recent = recent_read(&none, NULL);
    cr_expect_null(recent);
    cr_expect_null(recent_records(recent, &count));
    cr_expect_eq(count, 0);
    recent_free(recent);
}
