/*
 * Cases: what is still there when an instance is not.
 */
#include "commands/conformance_leavings.h"
#include "commands/conformance_bench.h"
#include "commands/conformance_cases.h"

#include "base/clock.h"

#include <dirent.h>
#include <fenv.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES       60
#define LIVES          5
/* A joined thread may be listed for a moment after pthread_join() has returned. */
#define THREAD_WAIT_MS 2000

/* ---- lives ---- */

/* One whole life: load of what the one before saved, work, save, and its end. */
static void live(struct trial *trial, const struct scene *scene, struct state *state) {
    const struct description *description = scene->setup.description;
    struct bench bench;
    if (bench_open(&bench, trial, &scene->setup, 0)) {
        const bool has_state = state->strategy != NULL && description->has_load;
        if (has_state && !bench_load(&bench, state))
            trial_fail(trial, "its own state: %s", bench.error.text);
        state_release(state);
        bench_activate(&bench, !has_state);
        bench_feed_all(&bench, &scene->script, 0, scene->script.count);
        if (description->has_save && !bench_save(&bench, T5_SAVE_RELOAD, state))
            trial_fail(trial, "%s", bench.error.text);
    }
    bench_release(&bench);
}

/* One that is never put to work. */
static void live_idle(struct trial *trial, const struct scene *scene) {
    struct bench bench;
    (void)bench_open(&bench, trial, &scene->setup, 0);
    bench_release(&bench);
}

static bool begin(struct scene *scene, struct trial *trial) {
    const struct script_options options = {
        .seed = trial->seed, .count = MESSAGES, .envelope = MARKET_MIXED};
    return scene_init(scene, trial, options, 0);
}

static void live_some(struct trial *trial, const struct scene *scene) {
    struct state state;
    state_init(&state);
    live_idle(trial, scene);
    for (int i = 0; i < LIVES && !trial_is_lost(trial); i++)
        live(trial, scene, &state);
    state_release(&state);
}

/* ---- threads ---- */

size_t leavings_threads(void) {
    DIR *listing = opendir("/proc/self/task");
    size_t count = 0;
    if (listing == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(listing);
    return count;
}

static size_t settle_threads(size_t before) {
    const int64_t deadline_ns = clock_monotonic_ns() + THREAD_WAIT_MS * NS_PER_MS;
    size_t now;
    while ((now = leavings_threads()) > before && clock_monotonic_ns() < deadline_ns) {
        const struct timespec pause = {0, NS_PER_MS};
        (void)nanosleep(&pause, NULL);
    }
    return now;
}

void conformance_threads(struct trial *trial, const char *argument) {
    struct scene scene;
    (void)argument;
    if (begin(&scene, trial)) {
        const size_t before = leavings_threads();
        struct bench bench;
        if (bench_open(&bench, trial, &scene.setup, 0)) {
            const size_t created = leavings_threads();
            if (created > before)
                trial_fail(trial,
                           "create begins threads (%zu): that is for activate, an instance may be "
                           "destroyed without ever being activated",
                           created - before);
        }
        bench_release(&bench);
        live_some(trial, &scene);
        const size_t after = settle_threads(before);
        if (after > before)
            trial_fail(trial,
                       "threads are left (%zu) after deactivate and destroy of %d instances: join "
                       "them in deactivate",
                       after - before, LIVES);
    }
    scene_release(&scene);
}

/* ---- file descriptors ---- */

#define MOST_FDS 4096

/* What descriptor is open on; false when it is not open. */
static bool read_fd(int fd, char *target, size_t size) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t got = readlink(path, target, size - 1);
    if (got < 0)
        return false;
    target[got] = '\0';
    return true;
}

static void list_fds(bool open_fds[MOST_FDS]) {
    char target[256];
    for (int fd = 0; fd < MOST_FDS; fd++)
        open_fds[fd] = read_fd(fd, target, sizeof target);
}

void conformance_files(struct trial *trial, const char *argument) {
    struct scene scene;
    bool before[MOST_FDS], after[MOST_FDS];
    (void)argument;
    if (begin(&scene, trial)) {
        live_idle(trial, &scene); /* what libraries open once and keep is theirs */
        list_fds(before);
        live_some(trial, &scene);
        list_fds(after);
        for (int fd = 0; fd < MOST_FDS; fd++) {
            char target[256];
            if (before[fd] && !after[fd])
                trial_fail(trial, "closed descriptor %d, which was the host's", fd);
            else if (!before[fd] && after[fd] && read_fd(fd, target, sizeof target))
                trial_fail(trial, "descriptor %d is still open, on %s", fd, target);
        }
    }
    scene_release(&scene);
}

/* ---- the process ---- */

struct settings {
    struct sigaction actions[NSIG];
    bool has_action[NSIG];
    sigset_t mask;
    char folder[4096];
    mode_t file_mask;
    char locale[256];
    int rounding;
};

static void read_settings(struct settings *settings) {
    memset(settings, 0, sizeof *settings);
    for (int number = 1; number < NSIG; number++)
        settings->has_action[number] = sigaction(number, NULL, &settings->actions[number]) == 0;
    (void)sigprocmask(SIG_SETMASK, NULL, &settings->mask);
    if (getcwd(settings->folder, sizeof settings->folder) == NULL)
        settings->folder[0] = '\0';
    settings->file_mask = umask(0);
    (void)umask(settings->file_mask);
    const char *locale = setlocale(LC_ALL, NULL);
    (void)snprintf(settings->locale, sizeof settings->locale, "%s", locale != NULL ? locale : "");
    settings->rounding = fegetround();
}

static void compare_signals(struct trial *trial, const struct settings *before,
                            const struct settings *after) {
    for (int number = 1; number < NSIG; number++) {
        const char *name = sigabbrev_np(number);
        if (before->has_action[number] && after->has_action[number] &&
            before->actions[number].sa_handler != after->actions[number].sa_handler)
            trial_fail(trial, "has another handler for SIG%s in place: signals are the host's",
                       name != NULL ? name : "?");
        if (sigismember(&before->mask, number) != sigismember(&after->mask, number))
            trial_fail(trial, "blocks SIG%s, or lets it through: the mask of the host's thread",
                       name != NULL ? name : "?");
    }
}

static void compare_settings(struct trial *trial, const struct settings *before,
                             const struct settings *after) {
    compare_signals(trial, before, after);
    if (strcmp(before->folder, after->folder) != 0)
        trial_fail(trial, "changes the working folder, from %s to %s", before->folder,
                   after->folder);
    if (before->file_mask != after->file_mask)
        trial_fail(trial, "changes the file mode mask, from %03o to %03o",
                   (unsigned)before->file_mask, (unsigned)after->file_mask);
    if (strcmp(before->locale, after->locale) != 0)
        trial_fail(trial, "changes the process's locale in a message or timer, from %s to %s",
                   before->locale, after->locale);
    if (before->rounding != after->rounding)
        trial_fail(trial, "changes the rounding of floating point in a message or timer");
}

void conformance_process_kept(struct trial *trial, const char *argument) {
    struct scene scene;
    struct settings before, after;
    (void)argument;
    if (begin(&scene, trial)) {
        read_settings(&before);
        live_some(trial, &scene);
        read_settings(&after);
        compare_settings(trial, &before, &after);
    }
    scene_release(&scene);
}
