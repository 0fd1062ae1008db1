/* The parent's side of a case, with shell scripts for children. */
#include "conformance/case_process.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct play {
    char script[64];
    struct text request;
    struct faults faults;
    struct description *description;
    bool is_good;
    int64_t took_ns;
};

static void play(struct play *play, const char *body, int64_t timeout_ns) {
    const char head[] = "#!/bin/sh\n";
    memset(play, 0, sizeof *play);
    strcpy(play->script, "/tmp/take5-child-XXXXXX");
    const int fd = mkstemp(play->script);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, head, strlen(head)), (ssize_t)strlen(head));
    cr_assert_eq(write(fd, body, strlen(body)), (ssize_t)strlen(body));
    cr_assert_eq(fchmod(fd, 0700), 0);
    close(fd);
    text_init(&play->request);
    text_puts(&play->request, "the request");
    const struct conformance_call call = {.program = play->script,
                                          .case_name = "state/empty",
                                          .seed = 17,
                                          .request = &play->request,
                                          .timeout_ns = timeout_ns};
    const int64_t start_ns = clock_monotonic_ns();
    play->is_good = conformance_process_run(&call, &play->description, &play->faults);
    play->took_ns = clock_monotonic_ns() - start_ns;
    unlink(play->script);
}

static void end(struct play *play) {
    description_free(play->description);
    faults_release(&play->faults);
    text_release(&play->request);
}

static void expect_fault(struct play *play, const char *said) {
    cr_assert_not(play->is_good);
    cr_assert_eq(play->faults.error_count, 1);
    cr_assert_not_null(strstr(play->faults.items[0].text, said), "%s", play->faults.items[0].text);
    cr_assert_null(play->description);
}

/* An answer: kind and size, four bytes each, then the text. */
#define SAYS(kind, size, text) "printf '\\0" kind "\\0\\0\\0\\0" size "\\0\\0\\0" text "' >&3\n"
#define STEP(size, text)       SAYS("01", size, text)
#define FAULT(size, text)      SAYS("02", size, text)
#define PLACE(size, text)      SAYS("04", size, text)

Test(conformance_process, a_child_that_says_nothing_has_not_done_its_work) {
    struct play p;
    play(&p, "exit 0\n", 60 * NS_PER_S);
    expect_fault(&p, "ended the process with exit code 0 in its start");
    end(&p);
}

Test(conformance_process, the_child_is_given_case_seed_and_request) {
    struct play p;
    play(&p, "echo \"$* $(cat)\"\nexit 3\n", 60 * NS_PER_S);
    expect_fault(&p, "exit code 3 in its start; it printed: conformance state/empty 17 "
                     "the request");
    end(&p);
}

Test(conformance_process, a_crash_is_told_with_its_signal_and_step) {
    struct play p;
    play(&p, STEP("04", "load") "kill -SEGV $$\n", 60 * NS_PER_S);
    expect_fault(&p, "crashed with SIGSEGV in load");
    end(&p);
}

Test(conformance_process, a_crash_is_told_with_its_place) {
    struct play p;
    play(&p, STEP("04", "load") PLACE("11", "f (a.c:4)") "kill -SEGV $$\n", 60 * NS_PER_S);
    expect_fault(&p, "crashed with SIGSEGV in load, in f (a.c:4)");
    end(&p);
}

Test(conformance_process, a_hang_is_ended_at_the_limit_and_told_with_its_step) {
    struct play p;
    play(&p, STEP("04", "save") "sleep 1000\n", 300 * NS_PER_MS);
    expect_fault(&p, "stuck: not done within 300ms, in save");
    cr_assert_lt(p.took_ns, 500 * NS_PER_S);
    end(&p);
}

Test(conformance_process, what_the_child_found_is_handed_on) {
    struct play p;
    play(&p, FAULT("03", "bad") "exit 1\n", 60 * NS_PER_S);
    cr_assert_not(p.is_good);
    cr_assert_eq(p.faults.count, 1);
    cr_assert_str_eq(p.faults.items[0].text, "bad");
    end(&p);
}

Test(conformance_process, answers_that_are_none_are_noticed) {
    struct play p;
    play(&p, "echo what a strategy printed there >&3\nsleep 1000\n", 60 * NS_PER_S);
    expect_fault(&p, "wrote to the result channel of the check");
    end(&p);
}

Test(conformance_process, a_program_that_is_not_there_is_a_fault) {
    struct text request;
    struct faults faults = FAULTS_INIT;
    text_init(&request);
    const struct conformance_call call = {.program = "/nowhere/take5",
                                          .case_name = "life",
                                          .request = &request,
                                          .timeout_ns = NS_PER_S};
    cr_assert_not(conformance_process_run(&call, NULL, &faults));
    cr_assert_not_null(strstr(faults.items[0].text, "cannot start the case"));
    faults_release(&faults);
    text_release(&request);
}

/* The child ends at once; what it began in the background holds its pipes open. */
Test(conformance_process, what_the_child_leaves_running_is_ended) {
    struct play p;
    play(&p, "sleep 1000 &\necho $!\nexit 3\n", 60 * NS_PER_S);
    cr_assert_not(p.is_good);
    cr_assert_lt(p.took_ns, 50 * NS_PER_S);
    const char *printed = strstr(p.faults.items[0].text, "it printed: ");
    cr_assert_not_null(printed);
    const pid_t left = (pid_t)atoi(printed + strlen("it printed: "));
    cr_assert_gt(left, 1);
    for (int i = 0; i < 10000 && kill(left, 0) == 0; i++)
        usleep(1000);
    cr_assert_neq(kill(left, 0), 0);
    end(&p);
}
