/* A supervisor over workers that are a shell's script: they live or die, and answer nothing. */
#include "supervisor/supervisor.h"

#include "config/sections/workers.h"
#include "ops/control/control.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64], ini[128], control_path[128];
static struct signals signals;
static struct log *log_;
static struct supervisor *supervisor;
static pthread_t thread;
static bool did_run;

static void write_ini(const char *more) {
    FILE *file = fopen(ini, "w");
    cr_assert_not_null(file);
    fprintf(
        file,
        "[take5]\nrun_dir = %s/run\nstate_dir = %s/state\ncache_dir = %s/cache\n"
        "strict_modes = no\n[http]\nenabled = no\n[strategy:a]\n[strategy:b]\nworker = other\n%s",
        directory, directory, directory, more);
    fclose(file);
}

static struct config *read_config(void *context, struct faults *faults) {
    const struct config_request request = {.path = ini};
    (void)context;
    return config_load(&request, faults);
}

static void *run(void *argument) {
    (void)argument;
    did_run = supervisor_run(supervisor);
    return NULL;
}

/* What the first worker may write to is there before it begins. */
static void prepare(void) {
    strcpy(directory, "/tmp/take5-super-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    log_ = log_new();
    log_set_level(log_, NULL, LOG_LEVEL_CRITICAL);
}

static void start(const char *script) {
    static char *arguments[] = {"sh", "-c", NULL, NULL};
    struct error error = {0};
    struct faults faults = FAULTS_INIT;
    if (log_ == NULL)
        prepare();
    snprintf(ini, sizeof ini, "%s/take5.ini", directory);
    snprintf(control_path, sizeof control_path, "%s/run/control.sock", directory);
    write_ini("");
    cr_assert_eq(setenv("UP_IN", directory, 1), 0);
    cr_assert(signals_start(&signals, &error), "%s", error.text);
    arguments[2] = (char *)script;
    const struct supervisor_options options = {
        .config = read_config(NULL, &faults),
        .read = read_config,
        .program = "/bin/sh",
        .arguments = arguments,
        .log = log_,
        .signals = &signals,
    };
    cr_assert_not_null(options.config, "%s", faults.count > 0 ? faults.items[0].text : "");
    supervisor = supervisor_new(&options, &error);
    cr_assert_not_null(supervisor, "%s", error.text);
    cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
    faults_release(&faults);
}

/* Gives whether all workers ended well. */
static bool finish(void) {
    char command[128];
    pthread_join(thread, NULL);
    supervisor_free(supervisor);
    log_free(log_);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
    return did_run;
}

/* Asks; `answer` is the test's until it asks again. */
static bool ask(const char *request, const char **answer) {
    static struct text text;
    struct error error;
    bool did = false;
    text_release(&text);
    text_init(&text);
    cr_assert(control_ask(control_path, request, &did, &text, &error), "%s", error.text);
    *answer = text.data;
    return did;
}

/* Until the status has that. */
static void await_status(const char *expected) {
    const char *answer;
    for (;;) {
        cr_assert(ask("status", &answer), "%s", answer);
        if (strstr(answer, expected) != NULL)
            return;
        usleep(1000);
    }
}

/* It says when it would take a SIGTERM as it should. */
#define STAYS "trap 'exit 0' TERM; : > \"$UP_IN/$0.up\"; sleep 1000 & wait"

static void await_up(const char *worker) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s.up", directory, worker);
    while (access(path, F_OK) != 0)
        usleep(1000);
    cr_assert_eq(unlink(path), 0);
}

Test(supervisor, it_begins_the_workers_and_a_stop_ends_them) {
    const char *answer;
    start(STAYS);
    await_status("\"name\":\"other\",\"group\":\"take5_algo1_group.other\",\"state\":\"starting\"");
    await_up("main");
    await_up("other");
    cr_expect(ask("stop", &answer));
    cr_expect(finish());
}

Test(supervisor, a_worker_that_does_not_end_well_is_said) {
    const char *answer;
    start("trap 'exit 3' TERM; echo; sleep 1000 & wait");
    await_status("\"state\":\"starting\"");
    await_status("\"starts\":1");
    cr_expect(ask("stop", &answer));
    (void)
        finish(); /* a script that had not come to its trap was ended by the signal: not well too */
    cr_expect_not(did_run);
}

/* Until the process whose number lies there is in a session of its own. */
static pid_t await_away(const char *file) {
    char path[128];
    long number = 0;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    for (;;) {
        FILE *from = fopen(path, "r");
        const bool is_there = from != NULL && fscanf(from, "%ld\n", &number) == 1;
        if (from != NULL)
            fclose(from);
        if (is_there && getsid((pid_t)number) == (pid_t)number)
            return (pid_t)number;
        usleep(1000);
    }
}

static bool is_gone(pid_t process) {
    return kill(process, 0) != 0 && errno == ESRCH;
}

Test(supervisor, what_leaves_the_group_ends_with_its_worker) {
    const char *answer;
    start("trap 'exit 0' TERM; setsid sleep 1000 & echo $! > \"$UP_IN/$0.away\"; "
          ": > \"$UP_IN/$0.up\"; wait");
    await_up("main");
    await_up("other");
    const pid_t of_main = await_away("main.away"), of_other = await_away("other.away");
    cr_assert(ask("restart other", &answer), "%s", answer);
    await_up("other");
    cr_expect(is_gone(of_other));
    cr_expect_not(is_gone(of_main), "its worker lives");
    const pid_t again = await_away("other.away");
    cr_expect(ask("stop", &answer));
    cr_expect(finish());
    cr_expect(is_gone(of_main));
    cr_expect(is_gone(again));
}

Test(supervisor, what_nothing_marks_ends_with_the_host) {
    const char *answer;
    start("trap 'exit 0' TERM; env -i setsid sleep 1000 & echo $! > \"$UP_IN/$0.away\"; "
          ": > \"$UP_IN/$0.up\"; wait");
    await_up("main");
    await_up("other");
    const pid_t away = await_away("main.away");
    cr_expect(ask("stop", &answer));
    cr_expect(finish());
    cr_expect(is_gone(away));
}

Test(supervisor, a_child_of_before_is_nobodys) {
    const char *answer;
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    start(STAYS);
    await_up("main");
    await_up("other");
    cr_expect(ask("stop", &answer));
    cr_expect(finish());
    cr_expect_eq(waitpid(child, NULL, WNOHANG), 0);
    (void)kill(child, SIGKILL);
    cr_expect_eq(waitpid(child, NULL, 0), child);
}

Test(supervisor, a_restart_is_no_death) {
    const char *answer;
    start(STAYS);
    await_up("main");
    await_up("other");
    cr_expect(ask("restart other", &answer), "%s", answer);
    await_status("\"starts\":2,\"deaths\":0");
    await_up("other");
    cr_expect_not(ask("restart nobody", &answer));
    cr_expect_not(ask("@nobody status", &answer));
    cr_expect_not(ask("@other reload", &answer));
    cr_expect_not_null(strstr(answer, "take5 ctl reload"), "%s", answer);
    cr_expect_not(ask("nonsense", &answer));
    cr_expect(ask("stop", &answer));
    cr_expect(finish());
}

Test(supervisor, workers_that_die_are_begun_again_until_they_are_down) {
    const char *answer;
    start("exit 1");
    await_status("\"state\":\"down\"");
    cr_expect(ask("restart other", &answer), "%s", answer);
    cr_expect(ask("stop", &answer));
    (void)finish(); /* one of them may have been in the middle of it */
}

Test(supervisor, a_reload_with_errors_changes_nothing) {
    const char *answer;
    start(STAYS);
    await_up("main");
    await_up("other");
    write_ini("[strategy:c]\nworker = third\n[nonsense]\n");
    cr_expect_not(ask("reload", &answer));
    cr_expect_not_null(strstr(answer, "unknown section [nonsense]"), "%s", answer);
    cr_expect_not_null(strstr(answer, "\"changed\":false"), "%s", answer);
    write_ini("[strategy:a2]\nworker = other\n[take5]\nlanes = 2\n");
    cr_expect_not(ask("reload", &answer));
    cr_expect(ask("status", &answer));
    cr_expect_null(strstr(answer, "third"), "%s", answer);
    cr_expect(ask("stop", &answer));
    cr_expect(finish());
}

Test(supervisor, a_stop_may_last_as_long_as_the_last_reload_has_it) {
    const char *answer;
    start("exit 1"); /* who died has begun: nobody waits for it */
    await_status("\"last_death\":\"exit code 1\"");
    const int64_t limit_ns = atomic_load(&signals.limit_ns);
    char path[128];
    snprintf(path, sizeof path, "%s/take5.d", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/take5.d/longer.ini", directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("[take5]\nshutdown_timeout = 1h\n", file);
    fclose(file);
    (void)ask("reload", &answer); /* nobody answers, and it is in force */
    cr_expect_gt(atomic_load(&signals.limit_ns), limit_ns + 1800 * NS_PER_S);
    cr_expect(ask("stop", &answer));
    (void)finish();
}

Test(supervisor, a_reload_brings_workers_and_takes_them_away) {
    const char *answer;
    start("exit 1"); /* who died has begun: nobody waits for it */
    await_status("\"last_death\":\"exit code 1\"");
    write_ini("[strategy:c]\nworker = third\n");
    cr_expect_not(ask("reload", &answer), "none of them answers");
    cr_expect_not_null(strstr(answer, "worker third: "), "%s", answer);
    write_ini("");
    cr_expect_not(ask("reload", &answer));
    cr_expect_null(strstr(answer, "worker third: "), "%s", answer);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGTERM);
    (void)finish();
}

/* ---- the log ---- */

#define FLOOD 400000

static char fifo[128];
static size_t flooded, said, strange;

/* Reads lines until the log is closed. */
static void *read_log(void *argument) {
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(fifo, "r");
    (void)argument;
    while (getline(&line, &size, file) > 0) {
        if (strcmp(line, "flood\n") == 0)
            flooded++;
        else if (strcmp(line, "said\n") == 0)
            said++;
        else
            strange++;
    }
    free(line);
    (void)fclose(file);
    return NULL;
}

/* Many more lines than the log has room for, faster than they are written. */
Test(supervisor, a_worker_that_floods_costs_no_line_of_another_one) {
    const char *answer;
    pthread_t reader;
    struct error error;
    char script[256];
    snprintf(script, sizeof script,
             "if [ $0 = other ]; then yes flood | head -%d >&2; "
             "else for i in 1 2 3 4 5 6 7 8 9; do echo said >&2; done; fi; " STAYS,
             FLOOD);
    prepare();
    snprintf(fifo, sizeof fifo, "%s/log", directory);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    cr_assert_eq(pthread_create(&reader, NULL, read_log, NULL), 0);
    const struct log_options options = {
        .level = LOG_LEVEL_CRITICAL, .format = LOG_FORMAT_CONSOLE, .path = fifo};
    /* A FIFO without a reader is refused. */
    while (!log_configure(log_, &options, &error))
        usleep(1000);
    cr_assert(log_start(log_, &error), "%s", error.text);
    start(script);
    await_up("main");
    await_up("other");
    cr_expect(ask("stop", &answer));
    (void)finish();
    pthread_join(reader, NULL);
    cr_expect_eq(flooded, FLOOD, "%zu", flooded);
    cr_expect_eq(said, 9, "%zu", said);
    cr_expect_eq(strange, 0, "%zu", strange);
}
