/* Workers that are some other program: how they are begun, noticed dead, and begun again. */
#include "supervisor/worker.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64], log_path[128];
static struct config config;
static struct worker_env env;
static struct worker *worker;
static struct log *log_;
static int64_t now_ns;

static char *const arguments[] = {"sh", "-c", NULL};

static void begin(void) {
    struct error error;
    strcpy(directory, "/tmp/take5-workers-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(log_path, sizeof log_path, "%s/workers", directory);
    cr_assert_eq(mkdir(log_path, 0700), 0);
    snprintf(log_path, sizeof log_path, "%s/log", directory);
    log_ = log_new();
    const struct log_options options = {
        .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_CONSOLE, .path = log_path};
    cr_assert(log_configure(log_, &options, &error));
    config = (struct config){.group_id = "g", .run_dir = directory, .state_dir = directory};
    env = (struct worker_env){.log = log_, .hang_ns = 10 * NS_PER_S, .stop_ns = 10 * NS_PER_S};
    now_ns = 1;
}

/* `script` is the worker's name: sh -c NAME. */
static void use_script(const char *script) {
    env.program = "/bin/sh";
    env.arguments = arguments;
    worker = worker_new(&config, script);
    cr_assert_not_null(worker);
}

static void end(void) {
    char command[128];
    worker_free(worker);
    log_free(log_);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(worker, .init = begin, .fini = end);

static void turn(int64_t later_ns) {
    now_ns += later_ns;
    worker_turn(worker, &env, now_ns);
}

/* Waits for its end, reading what it writes. */
static void await_end(void) {
    for (;;) {
        struct pollfd polled[] = {{.fd = worker->process, .events = POLLIN},
                                  {.fd = worker->written, .events = POLLIN}};
        cr_assert_gt(poll(polled, 2, -1), 0);
        if (polled[1].revents != 0)
            worker_read(worker, log_);
        if (polled[0].revents != 0)
            break;
    }
    worker_ended(worker, &env, now_ns);
}

static size_t count_fds(void) {
    size_t count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count;
}

static const char *log_text(void) {
    static char text[65536];
    FILE *file = fopen(log_path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Until it says that it is there: its traps are set, and a signal is taken as it wants. */
static void await_here(void) {
    while (strstr(log_text(), "here\n") == NULL) {
        struct pollfd polled = {.fd = worker->written, .events = POLLIN};
        cr_assert_gt(poll(&polled, 1, -1), 0);
        worker_read(worker, log_);
    }
}

Test(worker, two_hundred_deaths_leave_nothing) {
    use_script("exit 3");
    turn(0);
    await_end();
    const size_t before = count_fds();
    for (int i = 0; i < 200; i++) {
        worker_restart(worker, &env, now_ns);
        turn(1);
        cr_assert_eq(worker->state, WORKER_STARTING);
        await_end();
        cr_assert_str_eq(worker->why, "exit code 3");
    }
    cr_assert_eq(worker->deaths, 201);
    cr_assert_eq(count_fds(), before);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_assert_eq(errno, ECHILD);
}

Test(worker, deaths_that_nothing_explains_leave_it_down_until_it_is_asked_for) {
    use_script("kill -9 $$");
    for (int i = 1; i < RESTARTS_UNEXPLAINED; i++) {
        turn(RESTARTS_MAX_NS);
        await_end();
        cr_assert_eq(worker->state, WORKER_WAITING);
        cr_assert_str_eq(worker->why, "killed by SIGKILL");
    }
    cr_expect_neq(access(worker->down_note, F_OK), 0);
    turn(RESTARTS_MAX_NS);
    await_end();
    cr_assert_eq(worker->state, WORKER_DOWN);
    cr_expect_eq(access(worker->down_note, F_OK), 0, "for who tells people");
    turn(RESTARTS_WITHIN_NS);
    cr_assert_eq(worker->state, WORKER_DOWN);
    worker_restart(worker, &env, now_ns);
    turn(1);
    cr_assert_eq(worker->state, WORKER_STARTING);
    cr_expect_neq(access(worker->down_note, F_OK), 0);
    await_end();
    cr_assert_eq(worker->state, WORKER_WAITING);
}

static void make_crash_directory(void) {
    char path[128];
    snprintf(path, sizeof path, "%s/workers", directory);
    free(worker->state_dir);
    worker->state_dir = strdup(path);
    snprintf(path, sizeof path, "%s/workers/crash", directory);
    cr_assert_eq(mkdir(path, 0700), 0);
}

static void leave_crash_file(pid_t pid) {
    char path[128];
    snprintf(path, sizeof path, "%s/workers/crash/1-%d.crash", directory, (int)pid);
    FILE *file = fopen(path, "w");
    fputs("what = SIGSEGV\ndeployment = alpha\n", file);
    fclose(file);
}

Test(worker, a_crash_file_that_names_a_strategy_explains_a_death) {
    use_script("exit 1");
    make_crash_directory();
    for (int i = 0; i < 3 * RESTARTS_UNEXPLAINED; i++) {
        turn(RESTARTS_MAX_NS);
        cr_assert_eq(worker->state, WORKER_STARTING, "death %d", i);
        leave_crash_file(worker->pid);
        await_end();
    }
    cr_assert_eq(worker->state, WORKER_WAITING);
}

Test(worker, a_crash_file_of_the_process_before_explains_no_death_of_this_one) {
    use_script("kill -9 $$");
    make_crash_directory();
    pid_t before = 0;
    for (int i = 0; i < RESTARTS_UNEXPLAINED; i++) {
        turn(RESTARTS_MAX_NS);
        cr_assert_eq(worker->state, WORKER_STARTING, "death %d", i);
        if (before != 0)
            leave_crash_file(before); /* as this one does at its start */
        before = worker->pid;
        await_end();
    }
    cr_assert_eq(worker->state, WORKER_DOWN);
}

Test(worker, what_it_began_ends_with_it) {
    use_script("sleep 1000 & echo $! >&2; exit 0");
    turn(0);
    await_end();
    const pid_t left = (pid_t)strtol(
        strstr(log_text(), "event=worker.started\n") + strlen("event=worker.started\n"), NULL, 10);
    cr_assert_gt(left, 0);
    for (int i = 0; i < 1000 && kill(left, 0) == 0; i++) { /* until it is reaped by init */
        char path[64], state = '?';
        snprintf(path, sizeof path, "/proc/%d/stat", (int)left);
        FILE *file = fopen(path, "r");
        if (file == NULL || fscanf(file, "%*d %*s %c", &state) != 1 || state == 'Z') {
            if (file != NULL)
                fclose(file);
            return;
        }
        fclose(file);
        usleep(10000);
    }
    cr_assert_neq(kill(left, 0), 0);
}

Test(worker, one_that_does_not_move_is_ended_by_sigabrt_and_then_by_sigkill) {
    use_script("trap '' ABRT; echo here >&2; while :; do sleep 1000; done");
    turn(0);
    await_here();
    const struct notice ready = {.pid = worker->pid, .text = "READY=1\nSTATUS=well"};
    worker_notice(worker, &ready, now_ns);
    cr_assert_eq(worker->state, WORKER_RUNNING);
    cr_assert_str_eq(worker->status, "well");
    turn(env.hang_ns - 1);
    cr_assert_eq(worker->state, WORKER_RUNNING);
    const struct notice moves = {.pid = worker->pid, .text = "WATCHDOG=1"};
    worker_notice(worker, &moves, now_ns);
    turn(env.hang_ns - 1);
    cr_assert_eq(worker->state, WORKER_RUNNING);
    turn(1);
    cr_assert_eq(worker->state, WORKER_HANGING);
    cr_assert_eq(worker_due_ns(worker, &env), now_ns + WORKER_ABORT_NS);
    turn(WORKER_ABORT_NS);
    await_end();
    cr_assert_str_eq(worker->why, "did not move, killed by SIGKILL");
    cr_assert_eq(worker->hangs, 1);
    cr_assert_eq(worker->state, WORKER_WAITING);
}

Test(worker, a_stop_is_no_death_and_ends_by_sigkill_when_it_takes_too_long) {
    use_script("trap '' TERM; echo here >&2; while :; do sleep 1000; done");
    turn(0);
    await_here();
    worker_stop(worker, &env, false, now_ns);
    cr_assert_eq(worker->state, WORKER_STOPPING);
    turn(env.stop_ns);
    await_end();
    cr_assert_eq(worker->state, WORKER_IDLE);
    cr_assert_eq(worker->deaths, 0);
    cr_assert(worker->was_left_behind);
    turn(RESTARTS_MAX_NS);
    cr_assert_eq(worker->state, WORKER_IDLE);
}

Test(worker, one_that_waits_for_its_restart_is_not_begun_in_a_stop) {
    use_script("exit 3");
    turn(0);
    await_end();
    turn(0);
    await_end();
    cr_assert_eq(worker->state, WORKER_WAITING);
    worker_await_stop(worker, &env, now_ns);
    turn(RESTARTS_MAX_NS);
    cr_expect_eq(worker->state, WORKER_IDLE);
    cr_expect_not(worker_has_process(worker));
}

Test(worker, a_program_that_cannot_be_begun_is_tried_again_and_given_up) {
    use_script("true");
    env.program = "/nonexistent/take5";
    for (int i = 0; i < RESTARTS_UNEXPLAINED; i++)
        turn(RESTARTS_MAX_NS);
    cr_assert_eq(worker->state, WORKER_DOWN);
    cr_assert_not_null(strstr(worker->why, "/nonexistent/take5"));
}

Test(worker, one_whose_configuration_is_wrong_stays_down_at_once) {
    use_script("exit 78");
    turn(0);
    await_end();
    cr_assert_eq(worker->state, WORKER_DOWN);
    cr_assert_str_eq(worker->why, "exit code 78");
    char text[320];
    worker_describe(worker, now_ns, text, sizeof text);
    cr_expect_not_null(strstr(text, "configuration is refused"), "%s", text);
    cr_expect_null(strstr(text, "died"), "%s", text);
    worker_restart(worker, &env, now_ns);
    turn(1);
    cr_assert_eq(worker->state, WORKER_STARTING);
    await_end();
}

Test(worker, one_that_dies_in_a_move_waits_for_its_end) {
    use_script("exit 3");
    turn(0);
    worker->is_in_move = true;
    await_end();
    turn(NS_PER_S);
    cr_expect_eq(worker->state, WORKER_WAITING);
    cr_expect_not(worker_has_process(worker), "the deployment that leaves it would run twice");
    cr_expect_eq(worker_due_ns(worker, &env), INT64_MAX);
    worker->is_in_move = false;
    turn(0);
    cr_expect(worker_has_process(worker));
    await_end();
}

Test(worker, what_an_operator_ordered_is_said_to_it) {
    use_script("echo here $0 $1 $2 >&2");
    env.is_drained = true;
    env.suspended = "a,b";
    turn(0);
    await_end();
    cr_expect_not_null(strstr(log_text(), "here --drained --suspended a,b\n"), "%s", log_text());
}

Test(worker, what_a_restart_had_to_kill_is_not_left_behind_by_the_stop) {
    use_script("trap '' TERM; echo here >&2; while :; do sleep 1000; done");
    turn(0);
    await_here();
    worker_stop(worker, &env, true, now_ns);
    turn(env.stop_ns);
    cr_assert(worker->did_kill);
    await_end();
    cr_expect_not(worker->was_left_behind);
    turn(0);
    worker_stop(worker, &env, false, now_ns);
    turn(env.stop_ns);
    await_end();
    cr_expect(worker->was_left_behind);
}

Test(worker, one_that_is_no_longer_the_hosts_leaves_no_note_that_it_is_down) {
    use_script("exit 78");
    char note[256];
    snprintf(note, sizeof note, "%s", worker->down_note);
    turn(0);
    await_end();
    cr_assert_eq(worker->state, WORKER_DOWN);
    cr_assert_eq(access(note, F_OK), 0);
    worker_free(worker);
    cr_expect_eq(access(note, F_OK), -1);
    worker = worker_new(&config, "w");
}
