/*
 * Changes what belongs to the host's process or thread: `what`, in the callback `where`, from the
 * message `at` on, or once in `once`; with `live` not in a rehearsal or check. Emits the number of
 * its messages.
 *
 * Built also as meddles_constructor, which forks in its constructor, and the copy stays; and as
 * meddles_stuck, whose create forks in and out of the process group, and never returns.
 */
#include "plugin.h"

#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "meddles"
#endif

struct meddler {
    t5_host *host;
    char what[16], where[16];
    bool is_off, is_once;
    int64_t at;
    uint64_t messages;
};

static void fork_and_stay(void) {
    if (fork() == 0)
        for (;;)
            (void)pause();
}

/* As a daemon does: nobody's child, and in no group of ours. */
static void fork_away(void) {
    if (fork() == 0) {
        (void)setsid();
        fork_and_stay();
        _exit(0);
    }
}

#ifdef FORKS_IN_CONSTRUCTOR
__attribute__((constructor)) static void construct(void) {
    fork_and_stay();
}
#endif

static bool is_it(const struct meddler *meddler, const char *what) {
    return strcmp(meddler->what, what) == 0;
}

static void meddle(struct meddler *meddler, const char *where) {
    sigset_t all;
    struct rlimit files = {32, 32};
    if (meddler->is_off || strcmp(meddler->where, where) != 0 ||
        (meddler->messages < (uint64_t)meddler->at && strcmp(where, "message") == 0))
        return;
    meddler->is_off = meddler->is_once;
    (void)sigfillset(&all);
    if (is_it(meddler, "fork"))
        fork_and_stay();
    else if (is_it(meddler, "setsid"))
        fork_away();
    else if (is_it(meddler, "through"))
        (void)!fork();
    else if (is_it(meddler, "signals"))
        (void)pthread_sigmask(SIG_UNBLOCK, &all, NULL);
    else if (is_it(meddler, "rounding"))
        (void)fesetround(FE_UPWARD);
    else if (is_it(meddler, "locale"))
        (void)setlocale(LC_ALL, "C.UTF-8");
    else if (is_it(meddler, "umask"))
        (void)umask(0);
    else if (is_it(meddler, "directory"))
        (void)!chdir("/");
    else if (is_it(meddler, "limits") && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = 32;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int32_t create(const t5_create_args *args, void **self) {
    struct meddler *meddler = calloc(1, sizeof *meddler);
    if (meddler == NULL)
        return t5_fail(args->host, "no memory");
    meddler->host = args->host;
    const t5_str what = t5_parameter_text(args->host, "what");
    const t5_str where = t5_parameter_text(args->host, "where");
    (void)snprintf(meddler->what, sizeof meddler->what, "%.*s", (int)what.len, what.data);
    (void)snprintf(meddler->where, sizeof meddler->where, "%.*s", (int)where.len, where.data);
    meddler->at = t5_parameter_integer(args->host, "at");
    meddler->is_once = t5_parameter_integer(args->host, "once") != 0;
    meddler->is_off = t5_parameter_integer(args->host, "live") != 0 && args->mode == T5_MODE_CHECK;
    meddle(meddler, "create");
#ifdef STUCK_IN_CREATE
    fork_and_stay();
    fork_away();
    for (;;)
        (void)pause();
#endif
    *self = meddler;
    return T5_OK;
}

static void activate(void *self, const t5_activate_args *args) {
    (void)args;
    meddle(self, "activate");
}

static void deactivate(void *self) {
    meddle(self, "deactivate");
}

static void destroy(void *self) {
    meddle(self, "destroy");
    free(self);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct meddler *meddler = self;
    (void)message;
    meddler->messages++;
    meddle(meddler, "message");
    const t5_signal signal = t5_signal_init("meddled", (double)meddler->messages, 1.0);
    return t5_emit(meddler->host, &signal);
}

static void on_event(void *self, const t5_event *event) {
    (void)event;
    meddle(self, "event");
}

static int32_t save(void *self, const t5_save_args *args) {
    struct meddler *meddler = self;
    (void)args;
    meddle(meddler, "save");
    return t5_record_write(meddler->host, T5_NO_SYMBOL, &meddler->messages,
                           sizeof meddler->messages);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct meddler *meddler = self;
    t5_record record;
    (void)args;
    if (t5_record_read(meddler->host, &record) == T5_OK &&
        record.data_size == sizeof meddler->messages)
        memcpy(&meddler->messages, record.data, record.data_size);
    meddle(meddler, "load");
    return T5_OK;
}

static const t5_parameter what_parameter = {.size = sizeof what_parameter,
                                            .type = T5_PARAMETER_TEXT,
                                            .name = "what",
                                            .help = "see the top",
                                            .default_value = "nothing"};
static const t5_parameter where_parameter = {.size = sizeof where_parameter,
                                             .type = T5_PARAMETER_TEXT,
                                             .name = "where",
                                             .help = "see the top",
                                             .default_value = "message"};
static const t5_parameter at_parameter = {.size = sizeof at_parameter,
                                          .type = T5_PARAMETER_INTEGER,
                                          .name = "at",
                                          .help = "see the top",
                                          .default_value = "0"};
static const t5_parameter once_parameter = {.size = sizeof once_parameter,
                                            .type = T5_PARAMETER_BOOLEAN,
                                            .name = "once",
                                            .help = "see the top",
                                            .default_value = "no"};
static const t5_parameter live_parameter = {.size = sizeof live_parameter,
                                            .type = T5_PARAMETER_BOOLEAN,
                                            .name = "live",
                                            .help = "see the top",
                                            .default_value = "no"};
static const t5_parameter *const parameters[] = {&what_parameter, &where_parameter, &at_parameter,
                                                 &once_parameter, &live_parameter,  NULL};

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .parameters = parameters,
            .state_version = 1, .create = create, .destroy = destroy, .activate = activate,
            .deactivate = deactivate, .load = load, .on_message = on_message, .on_event = on_event,
            .save = save);
