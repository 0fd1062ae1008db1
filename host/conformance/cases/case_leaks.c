/*
 * Cases: what is still there when an instance is not.
 */
#include "conformance/cases/case_leaks.h"
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"

#include "base/clock.h"
#include "strategy/plugin/guard.h"

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

/* Everything of a life between activate and save. The guard of single calls is not around messages,
 * timers and events. */
static void work(struct harness *harness, const struct fixture *fixture, bool is_fresh) {
    struct guard guard;
    harness->context->changes |= guard_begin(&guard);
    harness_activate(harness, is_fresh);
    harness_feed_all(harness, &fixture->script, 0, fixture->script.count);
    harness->context->changes |= guard_end(&guard) & ~(unsigned)GUARD_FORK;
}

/* One whole life: load of what the one before saved, work, save, and its end. */
static void live(struct case_context *context, const struct fixture *fixture, struct state *state) {
    const struct description *description = fixture->setup.description;
    struct harness harness;
    if (harness_open(&harness, context, &fixture->setup, 0)) {
        const bool has_state = state->strategy != NULL && description->has_load;
        if (has_state && !harness_load(&harness, state))
            case_fail(context, "its own state: %s", harness.error.text);
        state_release(state);
        work(&harness, fixture, !has_state);
        if (description->has_save && !harness_save(&harness, T5_SAVE_RELOAD, state))
            case_fail(context, "%s", harness.error.text);
    }
    harness_release(&harness);
}

/* One that is never put to work. */
static void live_idle(struct case_context *context, const struct fixture *fixture) {
    struct harness harness;
    (void)harness_open(&harness, context, &fixture->setup, 0);
    harness_release(&harness);
}

static bool begin(struct fixture *fixture, struct case_context *context) {
    return fixture_init_mixed(fixture, context, MESSAGES);
}

static void live_some(struct case_context *context, const struct fixture *fixture) {
    struct state state;
    state_init(&state);
    live_idle(context, fixture);
    for (int i = 0; i < LIVES && !case_is_lost(context); i++)
        live(context, fixture, &state);
    state_release(&state);
}

/* ---- threads ---- */

size_t leaks_threads(void) {
    DIR *listing = opendir("/proc/self/task");
    size_t count = 0;
    if (listing == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(listing);
    return count;
}

/* How many there are when they are no more than before, or still are after a while: a thread that
 * was joined is listed until the kernel has ended it. */
static size_t settle_threads(size_t before) {
    const int64_t deadline_ns = clock_monotonic_ns() + THREAD_WAIT_MS * NS_PER_MS;
    size_t now;
    while ((now = leaks_threads()) > before && clock_monotonic_ns() < deadline_ns) {
        const struct timespec pause = {0, NS_PER_MS};
        (void)nanosleep(&pause, NULL);
    }
    return now;
}

static void check_create(struct case_context *context, const struct fixture *fixture) {
    const size_t before = leaks_threads();
    struct harness harness;
    if (harness_open(&harness, context, &fixture->setup, 0)) {
        const size_t created = settle_threads(before);
        if (created > before)
            case_fail(context,
                      "create starts threads (%zu): start them in activate, an instance may be "
                      "destroyed without ever being activated",
                      created - before);
    }
    harness_release(&harness);
}

/* What comes with the first lives and then stays is a library's, such as the pool of OpenMP: it
 * serves all instances. What an instance leaves comes with each. */
void conformance_threads(struct case_context *context, const char *argument) {
    struct fixture fixture;
    (void)argument;
    if (begin(&fixture, context)) {
        const size_t at_first = leaks_threads();
        live_some(context, &fixture);
        const size_t before = settle_threads(at_first);
        check_create(context, &fixture);
        live_some(context, &fixture);
        const size_t after = settle_threads(before);
        if (after > before)
            case_fail(
                context,
                "threads left running (%zu) after deactivate and destroy of %d instances: join "
                "them in deactivate",
                after - before, LIVES);
        else if (after > at_first)
            case_note(context, "%zu thread%s of a pool that all instances share stay%s",
                      after - at_first, after - at_first == 1 ? "" : "s",
                      after - at_first == 1 ? "s" : "");
    }
    fixture_release(&fixture);
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

void conformance_files(struct case_context *context, const char *argument) {
    struct fixture fixture;
    bool before[MOST_FDS], after[MOST_FDS];
    (void)argument;
    if (begin(&fixture, context)) {
        live_idle(context, &fixture); /* what libraries open once and keep is theirs */
        list_fds(before);
        live_some(context, &fixture);
        list_fds(after);
        for (int fd = 0; fd < MOST_FDS; fd++) {
            char target[256];
            if (before[fd] && !after[fd])
                case_fail(context, "closed descriptor %d, which belongs to the host", fd);
            else if (!before[fd] && after[fd] && read_fd(fd, target, sizeof target))
                case_fail(context, "descriptor %d is still open, on %s", fd, target);
        }
    }
    fixture_release(&fixture);
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

static void compare_signals(struct case_context *context, const struct settings *before,
                            const struct settings *after) {
    for (int number = 1; number < NSIG; number++) {
        const char *name = sigabbrev_np(number);
        if (before->has_action[number] && after->has_action[number] &&
            before->actions[number].sa_handler != after->actions[number].sa_handler)
            case_fail(context, "changes the handler of SIG%s: signals belong to the host",
                      name != NULL ? name : "?");
        if (sigismember(&before->mask, number) != sigismember(&after->mask, number))
            case_fail(context,
                      "blocks or unblocks SIG%s: the signal mask belongs to the host's thread",
                      name != NULL ? name : "?");
    }
}

static void compare_settings(struct case_context *context, const struct settings *before,
                             const struct settings *after) {
    compare_signals(context, before, after);
    if (strcmp(before->folder, after->folder) != 0)
        case_fail(context, "changes the working directory, from %s to %s", before->folder,
                  after->folder);
    if (before->file_mask != after->file_mask)
        case_fail(context, "changes the file mode mask, from %03o to %03o",
                  (unsigned)before->file_mask, (unsigned)after->file_mask);
    if (strcmp(before->locale, after->locale) != 0)
        case_fail(context, "changes the locale of the process in a message or timer, from %s to %s",
                  before->locale, after->locale);
    if (before->rounding != after->rounding)
        case_fail(context, "changes the floating-point rounding mode in a message or timer");
}

void conformance_process_kept(struct case_context *context, const char *argument) {
    struct fixture fixture;
    struct settings before, after;
    char words[GUARD_WORDS_SIZE];
    (void)argument;
    if (begin(&fixture, context)) {
        read_settings(&before);
        live_some(context, &fixture);
        read_settings(&after);
        compare_settings(context, &before, &after);
        guard_words(context->changes, words);
        if (words[0] != '\0')
            case_fail(context,
                      "changes %s, which belongs to the host: the host restores it each time",
                      words);
    }
    fixture_release(&fixture);
}
