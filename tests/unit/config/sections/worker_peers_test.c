#include "config/sections/worker_peers.h"

#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(peers, .init = begin, .fini = end);

/* "NAME GROUP DIRECTORY-BELOW-STATE_DIR" of each, as that worker sees them (NULL: a host without
 * workers). */
static void expect_peers(const char *worker, const char *expected) {
    char all[512] = "", state_dir[128];
    struct config_peers peers = {0};
    struct faults faults = FAULTS_INIT;
    const struct config_request request = {.path = fixture.path, .worker = worker};
    struct config *config = config_load(&request, &faults);
    cr_assert_not_null(config, "%s", faults.count > 0 ? faults.items[0].text : "");
    cr_assert(config_peers_list(config, &peers));
    snprintf(state_dir, sizeof state_dir, "%s/state", fixture.directory);
    for (size_t i = 0; i < peers.count; i++) {
        const struct config_peer *peer = &peers.items[i];
        const size_t size = strlen(state_dir);
        cr_assert_eq(strncmp(peer->state_dir, state_dir, size), 0);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s %s %s;", peer->worker,
                 peer->group, peer->state_dir + size);
    }
    cr_expect_str_eq(all, expected);
    config_peers_release(&peers);
    config_free(config);
    faults_release(&faults);
}

static void load(const char *more) {
    char text[512];
    snprintf(text, sizeof text, "[take5]\nstate_dir = %s/state\n[kafka]\ngroup.id = g\n%s",
             fixture.directory, more);
    cr_assert_not_null(fixture_load_text(&fixture, text), "%s", fixture.all);
}

Test(peers, a_host_that_never_had_workers_has_none) {
    load("[strategy:a]\n");
    expect_peers(NULL, "");
}

Test(peers, each_worker_sees_the_others) {
    load("[strategy:a]\n[strategy:b]\nworker = x\n[strategy:c]\nworker = y\n");
    expect_peers("main", "x g.x /workers/x;y g.y /workers/y;");
    expect_peers("y", "main g ;x g.x /workers/x;");
}

Test(peers, one_that_has_left_a_directory_is_one_still) {
    char path[160];
    load("[strategy:a]\n");
    for (int i = 0; i < 3; i++) {
        static const char *const below[] = {"state", "state/workers", "state/workers/former"};
        snprintf(path, sizeof path, "%s/%s", fixture.directory, below[i]);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
    expect_peers(NULL, "former g.former /workers/former;");
}
