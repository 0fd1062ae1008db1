/* Where messages of a symbol go. */
#include "engine/core/partition.h"

#include <criterion/criterion.h>

#define TOPICS 3

/* Deployments without code; each outlives all that refers to it. */
struct setting {
    struct deployment deployments[4];
    size_t count;
    struct deployment_set *set;
    struct partition *partition;
};

static void add(struct setting *setting, char *name, char **symbols, size_t symbol_count,
                uint32_t *topics) {
    struct deployment *deployment = &setting->deployments[setting->count++];
    static _Atomic bool met[8];
    *deployment = (struct deployment){.references = 1,
                                      .name = name,
                                      .symbols = symbols,
                                      .symbol_count = symbol_count,
                                      .symbols_met = met,
                                      .topics = topics,
                                      .topic_count = TOPICS};
    deployment_set_add(setting->set, deployment);
}

static void begin(struct setting *setting) {
    *setting = (struct setting){.set = deployment_set_new(4)};
    cr_assert_not_null(setting->set);
}

/* The deployments are the test's own; only the set is freed. */
static void end(struct setting *setting) {
    free(setting->set->deployments);
    free(setting->set);
}

static struct partition *make_partition(struct setting *setting, int32_t number, size_t from,
                                        size_t to) {
    struct partition *partition = partition_new(number, setting->set, TOPICS, 100);
    cr_assert_not_null(partition);
    for (size_t i = from; i < to; i++) {
        struct task *task = task_new(partition, setting->set->deployments[i]);
        cr_assert_not_null(task);
        partition->tasks[partition->task_count++] = task;
    }
    return partition;
}

static struct route *route_of(struct partition *partition, const char *symbol) {
    const uint32_t id = symbols_intern(partition->symbols, symbol, strlen(symbol), NULL);
    struct route *route = partition_route(partition, id, symbol, strlen(symbol));
    cr_assert_not_null(route);
    return route;
}

/* "alpha:0,beta:1": the deployments, and their own index of the topic. */
static const char *targets(const struct route *route, size_t topic) {
    static char text[128];
    text[0] = '\0';
    for (size_t i = route->begin[topic]; i < route->begin[topic + 1]; i++) {
        const struct route_entry *entry = &route->entries[i];
        const size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "%s%s%s:%u", size > 0 ? "," : "",
                 entry->is_global ? "*" : "", entry->task->deployment->name, entry->topic);
    }
    return text;
}

static uint32_t both[] = {0, NOT_WANTED, 1}, last[] = {NOT_WANTED, NOT_WANTED, 0};
static char *only_a[] = {"A"};

Test(partition, a_set_is_in_order_of_names) {
    struct setting setting;
    begin(&setting);
    add(&setting, "c", NULL, 0, both);
    add(&setting, "a", NULL, 0, both);
    add(&setting, "b", NULL, 0, both);
    cr_assert_eq(setting.set->count, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(setting.set->deployments[i]->name[0], "abc"[i]);
    cr_expect_eq(deployment_set_find(setting.set, "b"), &setting.deployments[2]);
    cr_expect_null(deployment_set_find(setting.set, "d"));
    end(&setting);
}

Test(partition, a_message_goes_to_all_that_want_its_topic_in_order_of_names) {
    struct setting setting;
    begin(&setting);
    add(&setting, "beta", NULL, 0, both);
    add(&setting, "alpha", NULL, 0, last);
    struct partition *partition = make_partition(&setting, 0, 0, 2);
    const struct route *route = route_of(partition, "A");
    cr_expect_str_eq(targets(route, 0), "beta:0");
    cr_expect_str_eq(targets(route, 1), "");
    cr_expect_str_eq(targets(route, 2), "alpha:0,beta:1");
    partition_free(partition);
    end(&setting);
}

Test(partition, a_filter_leaves_other_symbols_out_and_symbols_alike_share_their_route) {
    struct setting setting;
    begin(&setting);
    add(&setting, "all", NULL, 0, both);
    add(&setting, "some", only_a, 1, both);
    struct partition *partition = make_partition(&setting, 0, 0, 2);
    const struct route *a = route_of(partition, "A"), *b = route_of(partition, "B");
    cr_expect_str_eq(targets(a, 0), "all:0,some:0");
    cr_expect_str_eq(targets(b, 0), "all:0");
    cr_expect_eq(route_of(partition, "C"), b);
    cr_expect_eq(route_of(partition, "A"), a);
    partition_free(partition);
    end(&setting);
}

Test(partition, messages_go_to_global_tasks_too) {
    struct setting setting;
    begin(&setting);
    add(&setting, "a", NULL, 0, both);
    add(&setting, "b", NULL, 0, both);
    add(&setting, "c", NULL, 0, both);
    struct partition *partition = make_partition(&setting, 0, 0, 2);
    struct partition *global = make_partition(&setting, PARTITION_GLOBAL, 2, 3);
    partition->global = global;
    cr_expect_str_eq(targets(route_of(partition, "A"), 0), "a:0,b:0,*c:0");
    partition->global = NULL;
    partition_forget_routes(partition);
    cr_expect_str_eq(targets(route_of(partition, "A"), 0), "a:0,b:0");
    partition_free(partition);
    partition_free(global);
    end(&setting);
}

Test(partition, it_lacks_a_wanted_topic_until_it_owns_all_of_them) {
    struct setting setting;
    begin(&setting);
    add(&setting, "a", NULL, 0, both);
    struct partition *partition = make_partition(&setting, 0, 0, 1);
    cr_expect_not(partition_is_owned(partition));
    partition->topics[0].is_owned = true;
    cr_expect(partition_is_owned(partition));
    cr_expect_eq(partition_missing(partition, &setting.deployments[0]), 1);
    partition->topics[2].is_owned = true;
    cr_expect_eq(partition_missing(partition, &setting.deployments[0]), NOT_WANTED);
    partition_free(partition);
    end(&setting);
}
