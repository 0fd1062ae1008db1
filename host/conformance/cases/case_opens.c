/*
 * Case: files that are opened in a callback, which a lane then waits for.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"
#include "conformance/cases/opens_watch.h"

#define MESSAGES 300

static void feed(struct case_context *context, const struct fixture *fixture, bool does_note) {
    struct harness harness;
    if (harness_open(&harness, context, &fixture->setup, 0)) {
        harness_activate(&harness, true);
        case_step(context, "messages whose callbacks are looked at for files");
        context->is_quiet = true;
        opens_watch_note(does_note);
        harness_feed_all(&harness, &fixture->script, 0, fixture->script.count);
        opens_watch_note(false);
        context->is_quiet = false;
    }
    harness_release(&harness);
}

static void report(struct case_context *context, const struct opens *opens) {
    struct text list;
    if (opens->file_count == 0)
        return;
    text_init(&list);
    for (size_t i = 0; i < opens->file_count; i++)
        text_printf(&list, "%s%s (%zu time%s)", i > 0 ? ", " : "", opens->files[i].path,
                    opens->files[i].times, opens->files[i].times == 1 ? "" : "s");
    if (opens->others > 0)
        text_printf(&list, ", and %zu others", opens->others);
    if (!text_is_oom(&list))
        case_note(context,
                  "opens files in on_message, on_timer or on_event: %s; the lane waits for them, "
                  "and a replay reads their present content: open them in create or activate",
                  list.data);
    text_release(&list);
}

/* The first life is not looked at: what libraries open once is theirs. */
void conformance_opens(struct case_context *context, const char *argument) {
    static struct opens opens; /* the handler's, for the life of the process */
    struct fixture fixture;
    struct error error;
    (void)argument;
    if (fixture_init_mixed(&fixture, context, MESSAGES)) {
        feed(context, &fixture, false);
        if (opens_watch_begin(&opens, &error)) {
            feed(context, &fixture, true);
            report(context, &opens);
        } else {
            case_note(context, "cannot be looked at here: %s", error.text);
        }
    }
    fixture_release(&fixture);
}
