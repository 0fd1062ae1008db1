/*
 * Runs the tests that criterion/criterion.h (beside this file) registers, each in a forked child
 * and so many at a time (1), and ends with a line in the form of Criterion's. BINARY [--timeout
 * SECONDS] [--filter SUITE/NAME] [--jobs COUNT]
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_FAILED = 97, EXIT_SKIPPED = 98 };

static struct cr_test *tests;
static struct cr_suite *suites;
static atomic_bool has_failed; /* in the child: an expectation did not hold */

/* Keeps the order of registration, which is that of the file. */
void cr_register_test(struct cr_test *test) {
    struct cr_test **end = &tests;
    while (*end != NULL)
        end = &(*end)->next;
    *end = test;
}

void cr_register_suite(struct cr_suite *suite) {
    suite->next = suites;
    suites = suite;
}

char *cr_message(const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

void cr_failed(const char *file, int line, const char *what, const char *message, bool is_fatal) {
    fprintf(stderr, "[----] %s:%d: Assertion failed: %s%s%s\n", file, line, what,
            message != NULL ? ": " : "", message != NULL ? message : "");
    atomic_store(&has_failed, true);
    if (is_fatal)
        _exit(EXIT_FAILED);
}

void cr_skip(const char *message) {
    if (message != NULL)
        fprintf(stderr, "[SKIP] %s\n", message);
    _exit(EXIT_SKIPPED);
}

static const struct cr_options *suite_options(const char *name) {
    for (const struct cr_suite *suite = suites; suite != NULL; suite = suite->next) {
        if (strcmp(suite->name, name) == 0)
            return &suite->options;
    }
    return NULL;
}

/* Does not return. A suite's init comes before the test's, its fini after. */
static void run_in_child(const struct cr_test *test, const struct cr_options *suite) {
    if (suite != NULL && suite->init != NULL)
        suite->init();
    if (test->options.init != NULL)
        test->options.init();
    test->run();
    if (test->options.fini != NULL)
        test->options.fini();
    if (suite != NULL && suite->fini != NULL)
        suite->fini();
    exit(atomic_load(&has_failed) ? EXIT_FAILED : 0); /* what tests leave to atexit() is done */
}

enum outcome { PASSED, FAILED, CRASHED, SKIPPED };

static enum outcome judge(const struct cr_test *test, const struct cr_options *suite, int status) {
    int wanted_signal = test->options.signal;
    int wanted_code = test->options.exit_code;
    if (suite != NULL && wanted_signal == 0)
        wanted_signal = suite->signal;
    if (suite != NULL && wanted_code == 0)
        wanted_code = suite->exit_code;
    if (WIFSIGNALED(status)) {
        if (WTERMSIG(status) == wanted_signal)
            return PASSED;
        printf("[----] %s::%s: died of signal %d (%s)\n", test->suite, test->name, WTERMSIG(status),
               strsignal(WTERMSIG(status)));
        return CRASHED;
    }
    if (WEXITSTATUS(status) == EXIT_SKIPPED)
        return SKIPPED;
    if (wanted_signal == 0 && WEXITSTATUS(status) == wanted_code)
        return PASSED;
    printf("[FAIL] %s::%s (exit code %d)\n", test->suite, test->name, WEXITSTATUS(status));
    return FAILED;
}

/* One that runs. */
struct running {
    const struct cr_test *test;
    const struct cr_options *suite;
    pid_t child; /* 0: the place is free */
};

#define MOST_JOBS 32

static struct running running[MOST_JOBS];
static size_t counts[] = {[PASSED] = 0, [FAILED] = 0, [CRASHED] = 0, [SKIPPED] = 0};

static void start(struct running *place, const struct cr_test *test, unsigned timeout_s) {
    const struct cr_options *suite = suite_options(test->suite);
    if (test->options.disabled || (suite != NULL && suite->disabled)) {
        counts[SKIPPED]++;
        return;
    }
    if (test->options.timeout > 0)
        timeout_s = (unsigned)test->options.timeout + 1;
    else if (suite != NULL && suite->timeout > 0)
        timeout_s = (unsigned)suite->timeout + 1;

    fflush(NULL);
    const pid_t child = fork();
    if (child < 0) {
        perror("fork");
        counts[CRASHED]++;
        return;
    }
    if (child == 0) {
        alarm(timeout_s); /* and the default action of SIGALRM */
        run_in_child(test, suite);
    }
    *place = (struct running){test, suite, child};
}

/* Waits for one that runs, and gives its place; NULL: none does. */
static struct running *reap(void) {
    int status;
    pid_t child;
    do
        child = waitpid(-1, &status, 0);
    while (child < 0 && errno == EINTR);
    for (size_t i = 0; child > 0 && i < MOST_JOBS; i++) {
        struct running *place = &running[i];
        if (place->child != child)
            continue;
        counts[judge(place->test, place->suite, status)]++;
        place->child = 0;
        return place;
    }
    return NULL;
}

static struct running *find_place(size_t jobs) {
    for (size_t i = 0; i < jobs; i++) {
        if (running[i].child == 0)
            return &running[i];
    }
    return reap();
}

int main(int argc, char **argv) {
    unsigned timeout_s = 60;
    size_t jobs = 1;
    const char *filter = "*";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--timeout") == 0)
            timeout_s = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--filter") == 0)
            filter = argv[i + 1];
        else if (strcmp(argv[i], "--jobs") == 0)
            jobs = strtoul(argv[i + 1], NULL, 10);
    }
    if (jobs < 1 || jobs > MOST_JOBS)
        jobs = jobs < 1 ? 1 : MOST_JOBS;

    for (const struct cr_test *test = tests; test != NULL; test = test->next) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", test->suite, test->name);
        struct running *place = fnmatch(filter, path, 0) == 0 ? find_place(jobs) : NULL;
        if (place != NULL)
            start(place, test, timeout_s);
    }
    while (reap() != NULL) {}
    printf("[====] Synthesis: Tested: %zu | Passing: %zu | Failing: %zu | Crashing: %zu\n",
           counts[PASSED] + counts[FAILED] + counts[CRASHED], counts[PASSED], counts[FAILED],
           counts[CRASHED]);
    return counts[FAILED] + counts[CRASHED] > 0 ? 1 : 0;
}
