/*
 * The child: reads the request, opens the strategy, runs one case, answers.
 */
#include "conformance/conformance.h"

#include "base/clock.h"
#include "base/hash.h"
#include "conformance/cases/case_context.h"
#include "conformance/cases/cases.h"
#include "os/child.h"
#include "strategy/rehearsal/crash_answer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIBE_CASE "describe"

enum { EXIT_PASSED = 0, EXIT_FOUND = 1, EXIT_MISUSED = 2 };

/* Of what the case left running, reported by the process that looks after it. */
static void report_left(size_t count) {
    struct text out;
    char words[160];
    const int size =
        snprintf(words, sizeof words,
                 "%zu process%s left running at the end: stop and reap them in deactivate", count,
                 count == 1 ? " is" : "es are");
    text_init(&out);
    answer_put(&out, ANSWER_FAULT, words, (size_t)size);
    (void)!write(CHILD_OUTPUT, out.data, out.size);
    text_release(&out);
}

static bool read_request(int input, struct text *bytes) {
    char chunk[16384];
    for (;;) {
        const ssize_t got = read(input, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 && !text_is_oom(bytes) && bytes->size > REQUEST_LENGTH_SIZE;
        text_append(bytes, chunk, (size_t)got);
    }
}

/* Its lines are looked up when a signal was refused; nothing else shall see them. */
static bool open_log(struct case_context *context) {
    char path[64];
    struct error error;
    context->log_fd = memfd_create("log", MFD_CLOEXEC);
    context->log = log_new();
    if (context->log_fd < 0 || context->log == NULL)
        return false;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", context->log_fd);
    const struct log_options options = {.level = LOG_LEVEL_WARNING,
                                        .format = LOG_FORMAT_JOURNALD,
                                        .color = LOG_COLOR_NEVER,
                                        .path = path};
    return log_configure(context->log, &options, &error);
}

/* ---- the strategy ---- */

static void fail_all(struct case_context *context, const struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->items[i].is_warning)
            case_note(context, "%s", faults->items[i].text);
        else
            case_fail(context, "%s", faults->items[i].text);
    }
}

static bool open_strategy(struct case_context *context) {
    struct faults faults = FAULTS_INIT;
    context->generation = &context->request.generation;
    case_step(context, "loading the file");
    const int64_t start_ns = clock_monotonic_ns();
    const bool is_good = generation_open(context->generation, &faults);
    context->load_ns = clock_monotonic_ns() - start_ns;
    fail_all(context, &faults);
    faults_release(&faults);
    return is_good;
}

/* The description as it is, for a list: settings need not be complete. */
static void describe(struct case_context *context) {
    struct faults faults = FAULTS_INIT;
    if (context->generation->description->has_describe)
        case_step(context, "describe");
    context->described = description_describe(
        context->generation->description, context->generation->descriptor,
        context->request.has_deployment ? &context->request.deployment.settings : NULL,
        context->request.has_deployment ? context->request.deployment.place
                                        : (struct place){context->generation->source_path, 0},
        &faults);
    fail_all(context, &faults);
    faults_release(&faults);
}

/* ---- the whole ---- */

static void run(struct case_context *context, const char *case_name) {
    const char *argument;
    const struct conformance_case *found = conformance_case_find(case_name, &argument);
    if (strcmp(case_name, DESCRIBE_CASE) == 0)
        describe(context);
    else if (found != NULL)
        found->run(context, argument);
    else
        case_fail(context, "no case %s", case_name);
}

/* Says that it came to its end, whatever was found on the way. */
static void done(struct case_context *context) {
    const struct rehearsal_answer answer = {.description = context->described != NULL
                                                               ? context->described
                                                               : context->generation->description};
    answer_encode_done(&context->out, &answer);
    case_step(context, "the end of the process");
}

int conformance_serve(int input, int output, const char *case_name, uint64_t seed,
                      const char *tape) {
    struct case_context context = {.output = output, .log_fd = -1, .seed = seed};
    struct text bytes;
    int code = EXIT_MISUSED;
    (void)child_begin(report_left);
    text_init(&context.out);
    text_init(&bytes);
    market_random_init(&context.random, seed ^ hash_key(case_name, strlen(case_name)));
    if (case_tape_open(&context.tape, tape) && read_request(input, &bytes) &&
        request_decode(&context.request, bytes.data + REQUEST_LENGTH_SIZE,
                       bytes.size - REQUEST_LENGTH_SIZE) &&
        open_log(&context)) {
        context.recording =
            (struct script_recording){context.request.records, context.request.record_count,
                                      context.request.topics, context.request.topic_count};
        context.libraries_before = case_libraries_loaded();
        crash_answer_begin(output, context.request.generation.cache_path);
        if (open_strategy(&context)) {
            run(&context, case_name);
            done(&context);
        }
        code = context.fault_count == 0 ? EXIT_PASSED : EXIT_FOUND;
    }
    case_tape_close(&context.tape);
    description_free(context.described);
    log_free(context.log);
    if (context.log_fd >= 0)
        (void)close(context.log_fd);
    request_release(&context.request);
    text_release(&context.out);
    text_release(&bytes);
    return code;
}
