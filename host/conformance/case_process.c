#include "conformance/case_process.h"

#include "base/error.h"
#include "base/units.h"
#include "os/child.h"
#include "strategy/rehearsal/protocol.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Of what the child printed only the end is of use. */
#define WORDS_KEPT  4096u
#define WORDS_SHOWN 300u

static void report_end(const struct conformance_call *call, const struct answers *answers,
                       const struct child_end *end, struct faults *faults) {
    const struct place nowhere = {NULL, 0};
    const char *step = answers->step[0] != '\0' ? answers->step : "its start";
    const bool did_succeed =
        end->outcome == CHILD_UNKNOWN || (end->outcome == CHILD_EXITED && end->code <= 1);
    struct text words;
    char limit[32];
    text_init(&words);
    child_last_words(end, did_succeed && answers->is_done ? ": " : "; it printed: ", WORDS_SHOWN,
                     INT_MAX, &words);
    if (end->outcome == CHILD_UNHEARD || answers->answer.is_oom) {
        faults_add_memory(faults, call->place, "the results of the check");
    } else if (end->outcome == CHILD_GARBLED) {
        faults_add(faults, call->place, "wrote to the result channel of the check, in %s%s", step,
                   words.data);
    } else if (end->outcome == CHILD_STUCK) {
        format_duration(call->timeout_ns, limit, sizeof limit);
        faults_add(faults, call->place, "stuck: not done within %s, in %s%s%s%s", limit, step,
                   answers->at[0] != '\0' ? ", in " : "", answers->at, words.data);
    } else if (end->outcome == CHILD_SIGNALLED) {
        const char *name = sigabbrev_np(end->code);
        faults_add(faults, call->place, "crashed with SIG%s in %s%s%s%s", name != NULL ? name : "?",
                   step, answers->at[0] != '\0' ? ", in " : "", answers->at, words.data);
    } else if (!answers->is_done && answers->fault_count == 0) {
        faults_add(faults, call->place, "ended the process with exit code %d in %s%s", end->code,
                   step, words.data);
    } else if (end->code > 1) {
        faults_add(faults, call->place, "exit code %d at the end of the process%s", end->code,
                   words.data);
    } else if (end->word_count > 0) {
        faults_warn(faults, nowhere, "it printed %zu bytes, although a check needs no output%s",
                    end->word_count, words.data);
    }
    text_release(&words);
}

bool conformance_process_run(const struct conformance_call *call, struct description **description,
                             struct faults *faults) {
    const size_t errors_before = faults->error_count;
    char seed[32];
    (void)snprintf(seed, sizeof seed, "%" PRIu64, call->seed);
    char *const arguments[] = {(char *)"take5",         (char *)CONFORMANCE_COMMAND,
                               (char *)call->case_name, seed,
                               (char *)call->tape,      NULL};
    struct answers answers = {.faults = faults};
    const struct child_call child = {
        .program = call->program,
        .arguments = arguments,
        .environment = call->environment,
        .request = call->request->data,
        .request_size = call->request->size,
        .timeout_ns = call->timeout_ns,
        .words_kept = WORDS_KEPT,
        .take = answers_parse,
        .context = &answers,
    };
    struct child_end end;
    struct error error;
    if (child_run(&child, &end, &error)) {
        if (call->did_crash != NULL)
            *call->did_crash =
                end.outcome == CHILD_SIGNALLED ||
                (end.outcome == CHILD_EXITED && !answers.is_done && answers.fault_count == 0);
        report_end(call, &answers, &end, faults);
    } else {
        faults_add(faults, call->place, "cannot start the case: %s", error.text);
    }
    child_end_release(&end);
    if (description != NULL)
        *description = answers.answer.description;
    else
        description_free(answers.answer.description);
    return faults->error_count == errors_before;
}
