/*
 * The name of a host in its group: it lasts, and it is nobody else's.
 */
#include "config/place/host_id.h"

#include "fixture.h"

#include "config/schema/items.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MACHINE_ID "0123456789abcdef0123456789abcdef"
#define OTHER_ID   "fedcba9876543210fedcba9876543210"
#define STATE      "/var/lib/take5"

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(host_id, .init = begin, .fini = end);

static const struct host_facts machine = {.machine_id = MACHINE_ID, .hostname = "box"};

/* The default, in static memory; demands whether it lasts. */
static const char *name_of(struct host_facts facts, const char *service, const char *state_dir,
                           bool should_last) {
    static char names[2][256];
    static size_t next;
    char *name = names[next++ % 2];
    bool lasts = !should_last;
    char *made = host_id_default(&facts, service, state_dir, &lasts);
    cr_assert_not_null(made);
    cr_assert(host_id_is_valid(made), "%s", made);
    cr_assert_eq(lasts, should_last, "%s", made);
    snprintf(name, 256, "%s", made);
    free(made);
    return name;
}

Test(host_id, of_a_machine_outlives_its_host_name) {
    struct host_facts renamed = machine;
    snprintf(renamed.hostname, sizeof renamed.hostname, "another");
    cr_assert_str_eq(name_of(machine, "take5", STATE, true),
                     name_of(renamed, "take5", STATE, true));
}

Test(host_id, says_the_service_and_hides_the_machine) {
    const char *name = name_of(machine, "take5", STATE, true);
    cr_assert_eq(strncmp(name, "take5-", 6), 0, "%s", name);
    cr_assert_eq(strlen(name), 6 + 16, "%s", name);
    for (size_t from = 0; from + 8 <= strlen(MACHINE_ID); from++) {
        char part[9] = "";
        memcpy(part, &MACHINE_ID[from], 8);
        cr_assert_null(strstr(name, part), "%s", name);
    }
}

Test(host_id, differs_by_machine_service_and_state) {
    struct host_facts other = machine;
    snprintf(other.machine_id, sizeof other.machine_id, OTHER_ID);
    cr_assert_str_neq(name_of(machine, "take5", STATE, true), name_of(other, "take5", STATE, true));
    cr_assert_str_neq(name_of(machine, "a", STATE, true), name_of(machine, "b", STATE, true));
    cr_assert_str_neq(name_of(machine, "a", STATE, true), name_of(machine, "a", "/srv", true));
}

Test(host_id, takes_any_name_of_a_service) {
    const char *name = name_of(machine, "Desk 4/\xC3\xA9tage", STATE, true);
    cr_assert_eq(strncmp(name, "Desk-4---tage-", 14), 0, "%s", name);
    char service[400];
    memset(service, 'a', sizeof service - 1);
    service[sizeof service - 1] = '\0';
    name_of(machine, service, STATE, true);
}

/* All containers of an image may have its machine id. */
Test(host_id, of_a_container_is_its_own) {
    struct host_facts one = {
        .machine_id = MACHINE_ID, .hostname = "3f2a9c1b7d44", .is_container = true};
    struct host_facts two = one;
    snprintf(two.hostname, sizeof two.hostname, "9d1e0c2b7a55");
    cr_assert_str_neq(name_of(one, "take5", STATE, false), name_of(two, "take5", STATE, false));
    cr_assert_str_eq(name_of(one, "take5", STATE, false), name_of(one, "take5", STATE, false));
}

Test(host_id, of_a_machine_without_an_id_is_its_host_name_and_may_not_last) {
    struct host_facts nameless = {.hostname = "box"};
    name_of(nameless, "take5", STATE, false);
}

Test(host_id, of_a_pod_with_an_ordinal_is_its_name) {
    static const char *const names[] = {"take5-0", "take5-algo-12", "desk4-9999"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct host_facts pod = {
            .machine_id = MACHINE_ID, .is_container = true, .is_kubernetes = true};
        snprintf(pod.hostname, sizeof pod.hostname, "%s", names[i]);
        cr_assert_str_eq(name_of(pod, "take5", STATE, true), names[i]);
        pod.is_kubernetes = false;
        cr_assert_str_neq(name_of(pod, "take5", STATE, false), names[i]);
    }
}

/* A Deployment's pods never come back under their names. */
Test(host_id, of_a_pod_without_an_ordinal_does_not_last) {
    static const char *const names[] = {"take5-7d9f8b6c5-x2x4z",
                                        "take5-7d9f8b6c5-24569",
                                        "take5-007",
                                        "take5-",
                                        "take5",
                                        "-3",
                                        "7"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct host_facts pod = {
            .machine_id = MACHINE_ID, .is_container = true, .is_kubernetes = true};
        snprintf(pod.hostname, sizeof pod.hostname, "%s", names[i]);
        cr_assert_str_neq(name_of(pod, "take5", STATE, false), names[i]);
    }
}

/* ---- what a machine says ---- */

static struct host_facts read_facts(const char *const *environment) {
    struct host_facts facts;
    host_facts_read(&facts, fixture.directory, environment);
    return facts;
}

Test(host_id, machine_id_is_read) {
    fixture_write(&fixture, "etc/machine-id", MACHINE_ID "\n");
    struct host_facts facts = read_facts(NULL);
    char hostname[256] = "";
    cr_assert_eq(gethostname(hostname, sizeof hostname - 1), 0);
    cr_assert_str_eq(facts.machine_id, MACHINE_ID);
    cr_assert_str_eq(facts.hostname, hostname);
    cr_assert_not(facts.is_container);
    cr_assert_not(facts.is_kubernetes);
}

Test(host_id, what_is_no_machine_id_counts_as_none) {
    static const char *const contents[] = {"", "\n", "uninitialized\n", "0123456789abcdef\n",
                                           "0123456789ABCDEF0123456789ABCDEF\n"};
    cr_assert_str_eq(read_facts(NULL).machine_id, "");
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        fixture_write(&fixture, "etc/machine-id", contents[i]);
        cr_assert_str_eq(read_facts(NULL).machine_id, "", "%s", contents[i]);
    }
}

Test(host_id, containers_are_told_from_machines) {
    const char *const pod[] = {"KUBERNETES_SERVICE_HOST=10.0.0.1", NULL};
    cr_assert(read_facts(pod).is_kubernetes);
    cr_assert(read_facts(pod).is_container);
    fixture_write(&fixture, "run/.containerenv", "");
    cr_assert(read_facts(NULL).is_container);
    cr_assert_not(read_facts(NULL).is_kubernetes);
}

Test(host_id, docker_is_told_from_machines) {
    fixture_write(&fixture, ".dockerenv", "");
    cr_assert(read_facts(NULL).is_container);
}

/* ---- in a configuration ---- */

static const char *instance(void) {
    const struct config_item *item = config_items_find(&fixture.config->kafka, "group.instance.id");
    return item != NULL ? item->text : NULL;
}

static void load(const char *content) {
    cr_assert_not_null(fixture_load_text(&fixture, content), "%s", fixture.all);
}

Test(host_id, a_host_is_a_static_member_under_its_name) {
    load("[take5]\nhost_id = desk4.left\n");
    cr_assert_str_eq(fixture.config->host_id, "desk4.left");
    cr_assert(fixture.config->host_id_lasts);
    cr_assert_str_eq(instance(), "desk4.left");
}

Test(host_id, without_a_setting_there_is_one) {
    load("[take5]\nstate_dir = /srv/a\n");
    char first[256];
    snprintf(first, sizeof first, "%s", fixture.config->host_id);
    cr_assert(host_id_is_valid(first));
    cr_assert_str_eq(instance(), first);
    load("[take5]\nstate_dir = /srv/b\n");
    cr_assert_str_neq(fixture.config->host_id, first);
    load("[take5]\nstate_dir = /srv/a\n");
    cr_assert_str_eq(fixture.config->host_id, first);
}

Test(host_id, the_users_own_member_name_wins) {
    load("[take5]\nhost_id = a\n[kafka]\ngroup.instance.id = mine\n");
    cr_assert_str_eq(instance(), "mine");
    cr_assert_str_eq(fixture.config->host_id, "a");
    load("[take5]\nhost_id = a\n[kafka]\ngroup.instance.id =\n");
    cr_assert_str_eq(instance(), "");
}

/* By itself a stop keeps partitions only for a name that comes back. */
Test(host_id, a_stop_leaves_when_it_is_told_or_the_name_does_not_last) {
    load("");
    cr_assert_eq(fixture.config->stop_leaves, !fixture.config->host_id_lasts);
    load("[take5]\nhost_id = a\n");
    cr_assert_not(fixture.config->stop_leaves);
    load("[kafka]\ngroup.instance.id = a\n");
    cr_assert_not(fixture.config->stop_leaves);
    load("[take5]\nhost_id = a\non_stop = leave\n");
    cr_assert(fixture.config->stop_leaves);
    load("[take5]\non_stop = stay\n");
    cr_assert_not(fixture.config->stop_leaves);
}

Test(host_id, a_demo_is_a_dynamic_member) {
    fixture_write(&fixture, "take5.ini", "");
    struct config_request request = {.path = fixture.path, .is_demo = true};
    fixture.config = config_load(&request, &fixture.faults);
    cr_assert_not_null(fixture.config);
    cr_assert_null(instance());
}

Test(host_id, what_kafka_would_refuse_is_refused) {
    fixture_refuse(&fixture, "[take5]\nhost_id = a b\n",
                   "take5.ini:2: [take5] host_id = a b: expected at most 200 letters, digits, '.', "
                   "'_' and '-'\n");
    fixture_refuse(&fixture, "[take5]\nhost_id = ..\n",
                   "take5.ini:2: [take5] host_id = ..: expected at most 200 letters, digits, '.', "
                   "'_' and '-'\n");
    char longest[HOST_ID_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[HOST_ID_MAX + 1] = '\0';
    cr_assert_not(host_id_is_valid(longest));
    longest[HOST_ID_MAX] = '\0';
    cr_assert(host_id_is_valid(longest));
}

Test(host_id, needs_a_restart) {
    load("[take5]\nhost_id = a\n");
    struct config *running = fixture.config;
    fixture.config = NULL;
    load("[take5]\nhost_id = b\n");
    struct faults faults = FAULTS_INIT;
    cr_assert_not(config_can_reload(running, fixture.config, &faults));
    cr_assert_not_null(strstr(faults.items[0].text, "host_id is now b, was a"), "%s",
                       faults.items[0].text);
    faults_release(&faults);
    config_free(running);
}
