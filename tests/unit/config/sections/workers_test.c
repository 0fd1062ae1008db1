#include "config/sections/workers.h"

#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(workers, .init = begin, .fini = end);

static void load(const char *text) {
    cr_assert_not_null(fixture_load_text(&fixture, text), "%s", fixture.all);
}

static void expect_names(const char *expected) {
    char all[256] = "";
    const char **names = config_worker_names(fixture.config);
    for (size_t i = 0; names[i] != NULL; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? " " : "", names[i]);
    cr_expect_str_eq(all, expected);
    free(names);
}

/* As the worker of that name sees it. */
static struct config *view(const char *name) {
    struct faults faults = FAULTS_INIT;
    const struct config_request request = {.path = fixture.path, .worker = name};
    struct config *config = config_load(&request, &faults);
    cr_assert_not_null(config, "%s", faults.count > 0 ? faults.items[0].text : "");
    faults_release(&faults);
    return config;
}

static void expect(char *text, const char *expected) {
    cr_expect_str_eq(text, expected);
    free(text);
}

Test(workers, none_named_is_one_process) {
    load("[strategy:a]\n[strategy:b]\nworker = main\n[strategy:c]\nworker = x\nenabled = no\n");
    cr_expect_not(config_has_workers(fixture.config, NULL));
    expect_names("main");
}

Test(workers, each_is_listed_once_behind_main) {
    const struct config_deployment *first;
    load("[strategy:a]\nworker = z\n[strategy:b]\n[strategy:c]\nworker = x\n"
         "[strategy:d]\nworker = z\n");
    cr_assert(config_has_workers(fixture.config, &first));
    cr_expect_str_eq(first->name, "a");
    expect_names("main x z");
    cr_expect_eq(config_worker_deployments(fixture.config, "z"), 2);
    cr_expect_eq(config_worker_deployments(fixture.config, "main"), 1);
    cr_expect_str_eq(config_worker_of_name(fixture.config, "c"), "x");
    cr_expect_str_eq(config_worker_of_name(fixture.config, "a file without a section"), "main");
}

Test(workers, isolate_gives_each_its_own_but_those_that_name_one) {
    load("[take5]\nisolate = each\n[strategy:a]\n[strategy:b]\nworker = main\n"
         "[strategy:c]\nworker = x\n");
    expect_names("main a x");
}

Test(workers, faults_come_all_at_once_with_their_lines) {
    char faults[2048];
    snprintf(faults, sizeof faults,
             "take5.ini:6: [worker:b] memory_max = 1MiB is out of range: at least 208MiB\n"
             "take5.ini:7: [worker:b] nice = 20 is out of range: at most 19\n"
             "take5.ini:8: unknown key lane in [worker:b]; did you mean lanes?\n"
             "take5.ini:5: [worker:b] cpus = 0,x is not a list of processors of this machine: "
             "expected numbers and ranges from 0 to %ld, such as 0,2-3\n"
             "take5.ini:3: [worker:main]: the main worker has no section; its lanes are [take5] "
             "lanes, and the service's limits are its limits\n"
             "take5.ini:2: [worker:../x]: a name has at most 64 letters, digits, '_', '-' and "
             "'.', and does not start with '-' or '.'\n",
             sysconf(_SC_NPROCESSORS_CONF) - 1);
    fixture_refuse(&fixture,
                   "[strategy:a]\nworker = ../x\n[worker:main]\n[worker:b]\ncpus = 0,x\n"
                   "memory_max = 1MiB\nnice = 20\nlane = 2\n[strategy:c]\nworker = b\n",
                   faults);
}

Test(workers, memory_is_enough_for_the_lanes) {
    load("[strategy:a]\nworker = x\n[worker:x]\nmemory_max = 208MiB\n"
         "[strategy:b]\nworker = y\n[worker:y]\nmemory_max = 256MiB\nlanes = 4\n");
    fixture_refuse(&fixture,
                   "[strategy:a]\nworker = x\n[worker:x]\nmemory_max = 255MiB\nlanes = 4\n",
                   "take5.ini:4: [worker:x] memory_max = 255MiB is too little for its 4 lanes: it "
                   "needs 256MiB before its strategies take any\n");
    fixture_refuse(
        &fixture, "[take5]\nlanes = 2\n[strategy:a]\nworker = x\n[worker:x]\nmemory_max = 208MiB\n",
        "take5.ini:6: [worker:x] memory_max = 208MiB is too little for its 2 lanes: it "
        "needs 224MiB before its strategies take any\n");
    fixture_refuse(&fixture,
                   "[take5]\nhost_id = h\n[checkpoint]\nstore = kafka\n[signals]\ndelivery = "
                   "exactly_once\nsinks = kafka\n"
                   "[sink:kafka]\ntopic = t\n[strategy:a]\nworker = x\n[worker:x]\nlanes = 1\n"
                   "memory_max = 319MiB\n",
                   "take5.ini:14: [worker:x] memory_max = 319MiB is too little for its 1 lane: it "
                   "needs 320MiB before its strategies take any\n");
}

Test(workers, a_name_is_none_of_a_file_beside_its_directory) {
    fixture_refuse(&fixture,
                   "[strategy:a]\nworker = notify.sock\n[strategy:b]\nworker = x\n"
                   "[strategy:c]\nworker = x.down\n[strategy:d]\nworker = x.sock.1\n",
                   "take5.ini:2: [strategy:a] worker: no worker can have the name notify.sock: "
                   "files beside its directory end in .down and .sock\n"
                   "take5.ini:6: [strategy:c] worker: no worker can have the name x.down: "
                   "files beside its directory end in .down and .sock\n");
    fixture_refuse(&fixture, "[take5]\nisolate = each\n[strategy:a.down]\n",
                   "take5.ini:3: [strategy:a.down] worker: no worker can have the name a.down: "
                   "files beside its directory end in .down and .sock\n");
    load("[strategy:a.down]\n");
}

Test(workers, a_section_that_nobody_names_is_a_warning) {
    load("[worker:x]\n");
    cr_expect_not_null(strstr(fixture.all, "warning: take5.ini:1: [worker:x]: no deployment "));
}

Test(workers, processors_are_numbers_and_ranges_of_this_machine) {
    cpu_set_t cpus;
    char beyond[32];
    snprintf(beyond, sizeof beyond, "0-%ld", sysconf(_SC_NPROCESSORS_CONF));
    cr_assert(config_cpus_parse("0", &cpus));
    cr_expect(CPU_ISSET(0, &cpus) && CPU_COUNT(&cpus) == 1);
    cr_expect(config_cpus_parse(" 0 , 0-0 ", &cpus));
    const char *const bad[] = {"", "x", "0,", "-1", "1-0", "0 0", beyond};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(config_cpus_parse(bad[i], &cpus), "%s", bad[i]);
}

#define WHOLE                                                                                      \
    "[take5]\nlanes = 3\nstate_dir = /s\nrun_dir = /r\ncache_dir = /c\n[kafka]\ngroup.id = g\n"    \
    "[dead_letters]\npath = /d/letters\n[log]\npath = /l\n[worker:x]\nlanes = 2\n"                 \
    "[strategy:a]\nworker = x\n[strategy:b]\n"

Test(workers, the_main_one_goes_on_where_the_only_process_was) {
    load(WHOLE);
    struct config *config = view("main");
    cr_expect_str_eq(config->group_id, "g");
    cr_expect_str_eq(config->state_dir, "/s");
    cr_expect_str_eq(config->jsonl_path, "/s/signals.jsonl");
    cr_expect_str_eq(config->dead_letters_path, "/d/letters");
    cr_expect_str_eq(config->control_socket, "/r/workers/main/control.sock");
    cr_expect_eq(config->lanes, 3);
    cr_expect(config->deployments[0].is_elsewhere);
    cr_expect_not(config->deployments[1].is_elsewhere);
    cr_expect(config_worker_has_files(config));
    config_free(config);
}

Test(workers, another_one_shares_nothing_that_is_written) {
    load(WHOLE);
    struct config *config = view("x");
    cr_expect_str_eq(config->group_id, "g.x");
    cr_expect_str_eq(config->state_dir, "/s/workers/x");
    cr_expect_str_eq(config->cache_dir, "/c/workers/x");
    cr_expect_str_eq(config->run_dir, "/r/workers/x");
    cr_expect_str_eq(config->control_socket, "/r/workers/x/control.sock");
    cr_expect_str_eq(config->jsonl_path, "/s/workers/x/signals.jsonl");
    cr_expect_str_eq(config->dead_letters_path, "/d/letters.x");
    cr_expect_null(config->log.path);
    cr_expect_str_eq(config->log.worker, "x");
    cr_expect_eq(config->lanes, 2);
    cr_expect_not(config->deployments[0].is_elsewhere);
    cr_expect(config->deployments[1].is_elsewhere);
    cr_expect_not(config_worker_has_files(config));
    expect(config_worker_group(fixture.config, "x"), "g.x");
    expect(config_worker_state_dir(fixture.config, "x"), "/s/workers/x");
    expect(config_worker_socket(fixture.config, "x"), "/r/workers/x/control.sock");
    config_free(config);
}
