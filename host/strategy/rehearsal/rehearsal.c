#include "strategy/rehearsal/rehearsal.h"

#include "base/units.h"
#include "os/child.h"
#include "strategy/rehearsal/protocol.h"

#include <string.h>

/* Of what the child printed only the end is of use. */
#define WORDS_KEPT  (8u << 10)
#define WORDS_SHOWN 400u
#define WORDS_LINES 3

static void report_end(const struct rehearsal *rehearsal, const struct answers *answers,
                       const struct child_end *end, struct faults *faults) {
    const struct place place = {rehearsal->generation->source_path, 0};
    const char *step = answers->step[0] != '\0' ? answers->step : "its start";
    struct text words;
    char limit[32];
    text_init(&words);
    child_last_words(end, "; it printed: ", WORDS_SHOWN, WORDS_LINES, &words);
    switch (end->outcome) {
    case CHILD_UNHEARD:
        faults_add_memory(faults, place, "the rehearsal's results");
        break;
    case CHILD_GARBLED:
        if (answers->answer.is_oom) {
            faults_add_memory(faults, place, "the rehearsal's results");
            break;
        }
        faults_add(faults, place, "wrote to the rehearsal's result channel, in %s%s", step,
                   words.data);
        break;
    case CHILD_GIVEN_UP:
        faults_add(faults, place, "the rehearsal was aborted in %s: the host is stopping", step);
        break;
    case CHILD_STUCK:
        format_duration(rehearsal->timeout_ns, limit, sizeof limit);
        faults_add(faults, place,
                   "stuck in %s%s%s: the rehearsal did not end within %s (rehearsal_timeout)%s",
                   step, answers->at[0] != '\0' ? ", in " : "", answers->at, limit, words.data);
        break;
    case CHILD_SIGNALLED: {
        const char *name = sigabbrev_np(end->code);
        faults_add(faults, place, "crashed in %s: SIG%s%s%s%s", step, name != NULL ? name : "?",
                   answers->at[0] != '\0' ? " in " : "", answers->at, words.data);
        break;
    }
    case CHILD_UNKNOWN:
        if (!answers->is_done && answers->fault_count == 0)
            faults_add(
                faults, place,
                "ended the process in %s; its exit status is unknown, because the host's process "
                "ignores SIGCHLD or a thread in it waits for any child%s",
                step, words.data);
        break;
    case CHILD_EXITED:
        if (!answers->is_done && answers->fault_count == 0)
            faults_add(faults, place, "ended the process in %s, with exit code %d%s", step,
                       end->code, words.data);
        break;
    }
    text_release(&words);
}

static void converse(const struct rehearsal *rehearsal, const struct text *request,
                     struct answers *answers, struct faults *faults) {
    char *const arguments[] = {(char *)"take5", (char *)REHEARSAL_COMMAND, NULL};
    const struct child_call call = {
        .program = rehearsal->program,
        .arguments = arguments,
        .request = request->data,
        .request_size = request->size,
        .timeout_ns = rehearsal->timeout_ns,
        .words_kept = WORDS_KEPT,
        .take = answers_parse,
        .context = answers,
        .should_stop = rehearsal->should_stop,
        .stop_context = rehearsal->context,
    };
    struct child_end end;
    struct error error;
    if (child_run(&call, &end, &error)) {
        report_end(rehearsal, answers, &end, faults);
    } else {
        error_prefix(&error, "cannot start the rehearsal: ");
        faults_add_error(faults, (struct place){rehearsal->generation->source_path, 0}, &error);
    }
    child_end_release(&end);
}

bool rehearsal_run(const struct rehearsal *rehearsal, struct rehearsal_answer *answer,
                   struct faults *faults) {
    const size_t errors_before = faults->error_count;
    struct answers answers = {.faults = faults};
    struct text request;
    memset(answer, 0, sizeof *answer);
    text_init(&request);
    request_encode(rehearsal, &request);
    if (text_is_oom(&request))
        faults_add_memory(faults, (struct place){rehearsal->generation->source_path, 0},
                          "the rehearsal");
    else
        converse(rehearsal, &request, &answers, faults);
    text_release(&request);
    if (faults->error_count == errors_before) {
        *answer = answers.answer;
        return true;
    }
    description_free(answers.answer.description);
    return false;
}
