#include "capsule/attempt.h"

#include "base/clock.h"
#include "base/units.h"
#include "cli/temp_dir.h"
#include "os/arguments.h"
#include "os/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_KEPT 4096u
#define STOP_AT    "capsule_fatal_message_follows" /* rerun/rerun.h */

/* Behind the program's name. */
static void add_replay(struct arguments *list, const char *directory, bool does_halt) {
    arguments_add(list, "replay");
    arguments_add(list, "-q");
    if (does_halt)
        arguments_add(list, "--halt");
    arguments_add(list, "--rerun=%s", directory);
    arguments_add(list, "%s/messages.jsonl", directory);
}

/* This process's, with its temporary files in there. */
static void add_environment(struct arguments *list, const char *directory) {
    for (char **variable = environ; *variable != NULL; variable++) {
        if (strncmp(*variable, "TMPDIR=", strlen("TMPDIR=")) != 0)
            arguments_add(list, "%s", *variable);
    }
    arguments_add(list, "TMPDIR=%s", directory);
}

/* ---- one attempt ---- */

/* A strategy may write there; it is no answer. */
static size_t ignore(void *context, const char *bytes, size_t size) {
    (void)context;
    (void)bytes;
    return size;
}

static bool run_child(const char *directory, const struct temp_dir *temp, int64_t timeout_ns,
                      struct attempt *attempt, struct error *error) {
    struct arguments arguments = {0}, environment = {0};
    struct child_end end = {0};
    struct text words;
    text_init(&words);
    arguments_add(&arguments, "take5");
    add_replay(&arguments, directory, false);
    /* A callback that hangs is to say so within the time. */
    arguments_add(&arguments, "-stake5.stuck_ms=%" PRId64,
                  (int64_t)(1 + timeout_ns / 2 / NS_PER_MS));
    add_environment(&environment, temp->directory);
    const struct child_call call = {
        .arguments = arguments.items,
        .environment = environment.items,
        .request = "",
        .timeout_ns = timeout_ns,
        .words_kept = WORDS_KEPT,
        .take = ignore,
    };
    const bool did = arguments.is_oom || environment.is_oom
                         ? error_set_memory(error, "the arguments of a replay")
                         : child_run(&call, &end, error);
    if (did) {
        attempt->outcome = end.outcome;
        attempt->code = end.code;
        child_last_words(&end, "", sizeof attempt->words - 1, 1, &words);
        snprintf(attempt->words, sizeof attempt->words, "%s", words.data != NULL ? words.data : "");
        child_end_release(&end);
    }
    text_release(&words);
    arguments_release(&arguments);
    arguments_release(&environment);
    return did;
}

static bool is_crash_file(const char *name) {
    const size_t size = strlen(name);
    return size > 6 && strcmp(name + size - 6, ".crash") == 0;
}

/* The crash file that lies there; NULL: none, or no memory. */
static char *find_crash_file(const char *directory) {
    DIR *list = opendir(directory);
    const struct dirent *entry;
    char *path = NULL;
    while (list != NULL && path == NULL && (entry = readdir(list)) != NULL) {
        if (is_crash_file(entry->d_name))
            path = text_format("%s/%s", directory, entry->d_name);
    }
    if (list != NULL)
        closedir(list);
    return path;
}

static bool take_crash(const char *directory, const struct temp_dir *temp, bool keeps_crash,
                       struct attempt *attempt, struct error *error) {
    struct error no_crash;
    char *path = find_crash_file(temp->directory);
    attempt->has_crash = path != NULL && capsule_read_crash(path, &attempt->crash, &no_crash);
    const bool did =
        !keeps_crash || !attempt->has_crash || capsule_put_crash(directory, path, error);
    free(path);
    return did;
}

bool attempt_run(const char *directory, int64_t timeout_ns, bool keeps_crash,
                 struct attempt *attempt, struct error *error) {
    const struct rlimit none = {0, 0};
    struct temp_dir temp = {0};
    *attempt = (struct attempt){0};
    (void)setrlimit(RLIMIT_CORE, &none);
    const bool did = temp_dir_init(&temp, error) &&
                     run_child(directory, &temp, timeout_ns, attempt, error) &&
                     take_crash(directory, &temp, keeps_crash, attempt, error);
    temp_dir_release(&temp);
    return did;
}

/* ---- what it came to ---- */

static bool did_vanish(const struct attempt *attempt) {
    return !attempt->has_crash && attempt->outcome == CHILD_SIGNALLED;
}

/* A line is no more than where a thread that hangs was looked at. */
static bool is_same_place(const struct crash_record *again, const struct crash_record *crash) {
    return again->at[0] == '\0' || crash->at[0] == '\0' || strcmp(crash->what, "hang") == 0 ||
           strcmp(again->at, crash->at) == 0;
}

bool attempt_is_same(const struct attempt *attempt, const struct crash_record *crash) {
    const struct crash_record *again = &attempt->crash;
    if (strcmp(crash->what, "unexplained") == 0)
        return did_vanish(attempt);
    return attempt->has_crash && strcmp(again->deployment, crash->deployment) == 0 &&
           strcmp(again->what, crash->what) == 0 && strcmp(again->callback, crash->callback) == 0 &&
           strcmp(again->topic, crash->topic) == 0 && again->partition == crash->partition &&
           again->offset == crash->offset && is_same_place(again, crash);
}

void attempt_describe(const struct attempt *attempt, int64_t timeout_ns, struct text *text) {
    const char *name = attempt->outcome == CHILD_SIGNALLED ? sigabbrev_np(attempt->code) : NULL;
    char limit[32];
    char *described = attempt->has_crash ? crash_describe(&attempt->crash) : NULL;
    if (described != NULL) {
        text_puts(text, described);
    } else if (attempt->outcome == CHILD_STUCK) {
        format_duration(timeout_ns, limit, sizeof limit);
        text_printf(text, "not done within %s", limit);
    } else if (name != NULL) {
        text_printf(text, "SIG%s, without a trace", name);
    } else if (attempt->code == 0) {
        text_puts(text, "no crash: all messages were processed");
    } else {
        text_printf(text, "no crash, exit code %d%s%s", attempt->code,
                    attempt->words[0] != '\0' ? ": " : "", attempt->words);
    }
    free(described);
}

/* ---- for people ---- */

void attempt_halt(const struct capsule *capsule, struct error *error) {
    struct arguments arguments = {0};
    arguments_add(&arguments, "take5");
    add_replay(&arguments, capsule->directory, true);
    if (arguments.is_oom) {
        error_set_memory(error, "the arguments of a replay");
    } else {
        execv("/proc/self/exe", arguments.items);
        error_set_errno(error, errno, "cannot begin the replay");
    }
    arguments_release(&arguments);
}

/* NULL: it is not there, or no memory. */
static char *find_program(const char *name) {
    const char *rest = getenv("PATH");
    char *found = NULL;
    while (found == NULL && rest != NULL && *rest != '\0') {
        const size_t size = strcspn(rest, ":");
        char *path = text_format("%.*s/%s", (int)size, rest, name);
        if (path != NULL && access(path, X_OK) == 0)
            found = path;
        else
            free(path);
        rest += size + (rest[size] == ':');
    }
    return found;
}

/* It stops there by itself; what the user says comes then. */
static void add_gdb(struct arguments *list, char *const *arguments) {
    arguments_add(list, "gdb");
    arguments_add(list, "-q");
    arguments_add(list, "-ex");
    arguments_add(list, "set breakpoint pending on"); /* strategies are opened later */
    arguments_add(list, "-ex");
    arguments_add(list, "break " STOP_AT);
    arguments_add(list, "-ex");
    arguments_add(list, "run");
    for (; *arguments != NULL; arguments++)
        arguments_add(list, "%s", *arguments);
    arguments_add(list, "--args");
}

static int wait_end(pid_t pid, struct error *error) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno == EINTR)
            continue;
        error_set_errno(error, errno, "cannot wait for gdb");
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_gdb(const struct arguments *arguments, const struct arguments *environment,
                   const char *program, struct error *error) {
    const struct spawn_fd fds[] = {{0, 0}, {1, 1}, {2, 2}};
    const struct spawn spawn = {.program = program,
                                .arguments = arguments->items,
                                .environment = environment->items,
                                .fds = fds,
                                .fd_count = 3,
                                .is_in_group = true};
    pid_t pid;
    (void)signal(SIGINT, SIG_IGN); /* from the terminal: it is gdb's */
    (void)signal(SIGQUIT, SIG_IGN);
    return spawn_process(&spawn, &pid, error) ? wait_end(pid, error) : -1;
}

int attempt_debug(const struct capsule *capsule, char *const *arguments, struct error *error) {
    struct arguments command = {0}, environment = {0};
    struct temp_dir temp = {0};
    int code = -1;
    char *program = find_program("gdb");
    char *self = realpath("/proc/self/exe", NULL);
    if (program == NULL) {
        error_set(error, ERROR_STATE,
                  "gdb is not installed, or not in PATH: install the package gdb, or take `take5 "
                  "capsule run` without --gdb and another debugger");
    } else if (self == NULL) {
        error_set_errno(error, errno, "cannot find this program");
    } else if (temp_dir_init(&temp, error)) {
        add_gdb(&command, arguments);
        arguments_add(&command, "%s", self);
        add_replay(&command, capsule->directory, false);
        add_environment(&environment, temp.directory);
        if (command.is_oom || environment.is_oom)
            error_set_memory(error, "the arguments of gdb");
        else
            code = run_gdb(&command, &environment, program, error);
    }
    temp_dir_release(&temp);
    arguments_release(&command);
    arguments_release(&environment);
    free(program);
    free(self);
    return code;
}
