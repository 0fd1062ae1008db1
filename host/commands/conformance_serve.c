/*
 * The child: reads the request, opens the strategy, runs one case, answers.
 */
#include "commands/conformance.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/units.h"
#include "commands/conformance_cases.h"
#include "commands/conformance_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIBE_CASE "describe"

enum { EXIT_PASSED = 0, EXIT_FOUND = 1, EXIT_MISUSED = 2 };

/* Dies with its parent, leaves no core, and takes signals as they come. */
static void prepare(void) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        (void)signal(crashes[i], SIG_DFL);
}

static bool read_request(int input, struct text *bytes) {
    char chunk[16384];
    for (;;) {
        const ssize_t got = read(input, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && !text_is_short(bytes) && bytes->size > REQUEST_LENGTH_SIZE;
        text_append(bytes, chunk, (size_t)got);
    }
}

/* Its lines are looked up when a signal was refused; nothing else shall see them. */
static bool open_log(struct trial *trial) {
    char path[64];
    struct error error;
    trial->log_fd = memfd_create("log", MFD_CLOEXEC);
    trial->log = log_new();
    if (trial->log_fd < 0 || trial->log == NULL)
        return false;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", trial->log_fd);
    const struct log_options options = {.level = LOG_LEVEL_WARNING,
                                        .format = LOG_FORMAT_JOURNALD,
                                        .color = LOG_COLOR_NEVER,
                                        .path = path};
    return log_configure(trial->log, &options, &error);
}

/* ---- the strategy ---- */

static void fail_all(struct trial *trial, const struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->items[i].is_warning)
            trial_note(trial, "%s", faults->items[i].text);
        else
            trial_fail(trial, "%s", faults->items[i].text);
    }
}

static bool open_strategy(struct trial *trial) {
    struct faults faults = FAULTS_INIT;
    trial->generation = &trial->request.generation;
    trial_step(trial, "the loading of the file");
    const int64_t start_ns = clock_monotonic_ns();
    const bool is_good = generation_open(trial->generation, &faults);
    trial->load_ns = clock_monotonic_ns() - start_ns;
    fail_all(trial, &faults);
    faults_release(&faults);
    return is_good;
}

/* The description as it is, for a list: settings need not be complete. */
static void describe(struct trial *trial) {
    struct faults faults = FAULTS_INIT;
    if (trial->generation->description->has_describe)
        trial_step(trial, "describe");
    trial->described = description_describe(
        trial->generation->description, trial->generation->descriptor,
        trial->request.has_deployment ? &trial->request.deployment.settings : NULL,
        (struct place){trial->generation->source_path, 0}, &faults);
    fail_all(trial, &faults);
    faults_release(&faults);
}

/* No limit but that of the case: a figure is no promise. */
static void note_load(struct trial *trial) {
    char took[32];
    format_duration(trial->load_ns / NS_PER_US * NS_PER_US, took, sizeof took);
    trial_note(trial, "loaded in %s", took);
    if (trial->generation->has_changed_fp)
        trial_note(trial, "changes the floating-point environment when it is loaded (built with "
                          "-ffast-math?); take5 puts it back, but its own results may differ");
}

/* What stands in the way of a check is easily given. */
static void note_required(struct trial *trial, const struct description *description) {
    const struct config_items *given = &trial->request.deployment.settings;
    for (size_t i = 0; description != NULL && i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        bool is_given = parameter->preset != NULL;
        for (size_t j = 0; j < given->count; j++)
            is_given = is_given || strcmp(given->items[j].name, parameter->name) == 0;
        if (!is_given)
            trial_note(trial,
                       "give it a value for the check: --set %s=VALUE, or -c FILE "
                       "--deployment NAME",
                       parameter->name);
    }
}

static void check_topics(struct trial *trial, const struct description *description) {
    for (size_t i = 0; i < description->topic_count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < trial->request.topic_count; j++)
            is_known =
                is_known || strcmp(trial->request.topics[j].role, description->topics[i]) == 0;
        if (!is_known)
            trial_note(trial,
                       "wants topic %s, which the configuration does not have: it will need a "
                       "section [topic:%s]",
                       description->topics[i], description->topics[i]);
    }
}

void conformance_descriptor(struct trial *trial, const char *argument) {
    struct setup setup;
    (void)argument;
    note_load(trial);
    if (!setup_plain(&setup, trial)) {
        note_required(trial, setup.description);
    } else {
        check_topics(trial, setup.description);
        trial->described = description_copy(setup.description);
        if (trial->described == NULL)
            trial_fail(trial, "out of memory");
    }
    setup_release(&setup);
}

/* ---- the whole ---- */

static void run(struct trial *trial, const char *case_name) {
    const char *argument;
    const struct conformance_case *found = conformance_case_find(case_name, &argument);
    if (strcmp(case_name, DESCRIBE_CASE) == 0)
        describe(trial);
    else if (found != NULL)
        found->run(trial, argument);
    else
        trial_fail(trial, "there is no case %s", case_name);
}

/* Says that it came to its end, whatever was found on the way. */
static void done(struct trial *trial) {
    const struct rehearsal_answer answer = {.description = trial->described != NULL
                                                               ? trial->described
                                                               : trial->generation->description};
    answer_encode_done(&trial->out, &answer);
    trial_step(trial, "the end of the process");
}

int conformance_serve(int input, int output, const char *case_name, uint64_t seed) {
    struct trial trial = {.output = output, .log_fd = -1, .seed = seed};
    struct text bytes;
    int code = EXIT_MISUSED;
    prepare();
    text_init(&trial.out);
    text_init(&bytes);
    market_random_init(&trial.random, seed ^ hash_key(case_name, strlen(case_name)));
    if (read_request(input, &bytes) &&
        request_decode(&trial.request, bytes.data + REQUEST_LENGTH_SIZE,
                       bytes.size - REQUEST_LENGTH_SIZE) &&
        open_log(&trial)) {
        if (open_strategy(&trial)) {
            run(&trial, case_name);
            done(&trial);
        }
        code = trial.fault_count == 0 ? EXIT_PASSED : EXIT_FOUND;
    }
    description_free(trial.described);
    log_free(trial.log);
    if (trial.log_fd >= 0)
        (void)close(trial.log_fd);
    request_release(&trial.request);
    text_release(&trial.out);
    text_release(&bytes);
    return code;
}
