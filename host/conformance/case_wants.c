/*
 * Case: whether what it asks for is there. A parameter of a wrong name is NaN, and a field of a
 * wrong name is missing: it goes on without, and says nothing for ever.
 */
#include "conformance/cases.h"
#include "conformance/harness.h"
#include "message/payload_paths.h"
#include "strategy/instance/watch.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES 1200

struct wants {
    struct case_context *context;
    const struct setup *setup;
    struct text absent; /* fields, with what is there instead */
    struct text unread; /* parameters */
};

static void judge_wrong_parameters(struct wants *wants, const struct watch_view *view) {
    const struct description *description = wants->setup->description;
    const char **names = calloc(description->parameter_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < description->parameter_count; i++)
        names[i] = description->parameters[i].name;
    for (size_t i = 0; i < view->wrong_count; i++) {
        const char *near = names != NULL ? faults_near_miss(view->wrong[i], names) : NULL;
        case_fail(wants->context, "asks for the parameter \"%s\", which it does not declare%s%s%s",
                  view->wrong[i], near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                  near != NULL ? "\"?" : "");
    }
    free(names);
}

static void list_unread(struct wants *wants, const struct watch_view *view) {
    const struct parameters *parameters = &wants->setup->parameters;
    for (size_t i = 0; i < parameters->count && i < view->parameter_count; i++) {
        if (!view->parameters_read[i])
            text_printf(&wants->unread, "%s\"%s\"", wants->unread.size > 0 ? ", " : "",
                        parameters->items[i].name);
    }
}

static void list_absent(struct wants *wants, const struct watch_view *view) {
    struct paths paths = {0};
    for (size_t i = 0; i < view->sample_count; i++)
        (void)paths_add(&paths, view->samples[i].data, view->samples[i].size);
    for (size_t i = 0; i < view->field_count; i++) {
        if (view->fields_met[i])
            continue;
        const char *near = paths_nearest(&paths, view->fields[i]);
        text_printf(&wants->absent, "%s\"%s\"%s%s%s", wants->absent.size > 0 ? ", " : "",
                    view->fields[i], near != NULL ? " (the nearest that it has: \"" : "",
                    near != NULL ? near : "", near != NULL ? "\")" : "");
    }
    paths_release(&paths);
}

static void judge(void *context, const struct watch_view *view) {
    struct wants *wants = context;
    judge_wrong_parameters(wants, view);
    list_unread(wants, view);
    list_absent(wants, view);
}

static void say(struct wants *wants) {
    if (text_is_oom(&wants->absent) || text_is_oom(&wants->unread)) {
        case_fail(wants->context, "out of memory for what it wants");
        return;
    }
    if (wants->absent.size > 0)
        case_note(wants->context, "fields that no message of the feed has: %s", wants->absent.data);
    if (wants->unread.size > 0)
        case_note(wants->context, "parameters that it never reads: %s", wants->unread.data);
}

static void look(struct case_context *context, const struct fixture *fixture) {
    struct wants wants = {.context = context, .setup = &fixture->setup};
    struct harness harness;
    text_init(&wants.absent);
    text_init(&wants.unread);
    if (harness_open(&harness, context, &fixture->setup, 0)) {
        harness_activate(&harness, true);
        harness_feed_all(&harness, &fixture->script, 0, fixture->script.count);
        watch_read(instance_watch(harness.instance), judge, &wants);
        say(&wants);
    }
    harness_release(&harness);
    text_release(&wants.absent);
    text_release(&wants.unread);
}

void conformance_wants(struct case_context *context, const char *argument) {
    struct fixture fixture;
    const struct script_options options = {
        .seed = context->seed, .count = MESSAGES, .envelope = MARKET_MIXED, .is_bare = true};
    (void)argument;
    if (fixture_init(&fixture, context, options, 0))
        look(context, &fixture);
    fixture_release(&fixture);
}
