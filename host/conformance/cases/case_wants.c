/*
 * Case: whether what it asks for is there. A parameter of a wrong name is NaN, and a field of a
 * wrong name is missing: it goes on without, and says nothing for ever.
 *
 * The synthetic feed carries what the services send as a rule. A field beyond that, which the
 * feed's documentation does not know either, may be the author's own: that is worth a note. In the
 * author's own messages, of all topics that the strategy takes, it is a fault; but one that the
 * documentation knows may only be of an older producer, or optional.
 */
#include "conformance/cases/cases.h"
#include "conformance/cases/harness.h"
#include "conformance/script/feed_paths.h"
#include "conformance/script/json_edit.h"
#include "message/payload_paths.h"
#include "strategy/instance/watch.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES 1200

struct wants {
    struct case_context *context;
    const struct setup *setup;
    const struct script *script;
    struct text absent;     /* fields, with what is there instead */
    struct text documented; /* fields that are absent, and known */
    struct text unread;     /* parameters */
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

/* Whether any message has it; the watch looks at some of them only. */
static bool *find_present(const struct wants *wants, const struct watch_view *view) {
    bool *are_present = calloc(view->field_count + 1, sizeof *are_present);
    for (size_t i = 0; are_present != NULL && i < wants->script->count; i++) {
        const struct script_message *message = &wants->script->items[i];
        cJSON *root = cJSON_ParseWithLength(message->payload, message->payload_size);
        for (size_t j = 0; root != NULL && j < view->field_count; j++)
            are_present[j] =
                are_present[j] || view->fields_met[j] || json_has_path(root, view->fields[j]);
        cJSON_Delete(root);
    }
    return are_present;
}

static bool are_all_met(const struct watch_view *view) {
    for (size_t i = 0; i < view->field_count; i++)
        if (!view->fields_met[i])
            return false;
    return true;
}

/* Whether it declares, and gets, the same of another place: of a newer producer, say. */
static bool has_alternative(const struct watch_view *view, const bool *are_present, size_t field) {
    const int quantity = feed_path_quantity(view->fields[field]);
    for (size_t i = 0; quantity != 0 && i < view->field_count; i++)
        if (are_present[i] && feed_path_quantity(view->fields[i]) == quantity)
            return true;
    return false;
}

static void list_absent(struct wants *wants, const struct watch_view *view) {
    struct paths paths = {0};
    bool *are_present = are_all_met(view) ? NULL : find_present(wants, view);
    for (size_t i = 0; i < view->sample_count; i++)
        (void)paths_add(&paths, view->samples[i].data, view->samples[i].size);
    for (size_t i = 0; are_present != NULL && i < view->field_count; i++) {
        if (are_present[i])
            continue;
        if (has_alternative(view, are_present, i))
            continue;
        if (feed_path_is_documented(view->fields[i])) {
            text_printf(&wants->documented, "%s\"%s\"", wants->documented.size > 0 ? ", " : "",
                        view->fields[i]);
            continue;
        }
        const char *near = paths_nearest(&paths, view->fields[i]);
        text_printf(&wants->absent, "%s\"%s\"%s%s%s", wants->absent.size > 0 ? ", " : "",
                    view->fields[i], near != NULL ? " (the nearest that it has: \"" : "",
                    near != NULL ? near : "", near != NULL ? "\")" : "");
    }
    paths_release(&paths);
    free(are_present);
}

static void judge(void *context, const struct watch_view *view) {
    struct wants *wants = context;
    judge_wrong_parameters(wants, view);
    list_unread(wants, view);
    list_absent(wants, view);
}

/* Of the author's own messages. */
static bool has_all_topics(const struct wants *wants) {
    const struct script *script = wants->script;
    if (wants->context->recording.count == 0)
        return false;
    for (size_t i = 0; i < wants->setup->description->topic_count; i++) {
        size_t at = 0;
        while (at < script->count && script->items[at].topic != i)
            at++;
        if (at == script->count)
            return false;
    }
    return true;
}

static void report(struct wants *wants) {
    if (text_is_oom(&wants->absent) || text_is_oom(&wants->documented) ||
        text_is_oom(&wants->unread)) {
        case_fail(wants->context, "out of memory for what it wants");
        return;
    }
    if (wants->absent.size > 0 && has_all_topics(wants))
        case_fail(wants->context, "fields that no message of the input has: %s",
                  wants->absent.data);
    else if (wants->absent.size > 0 && wants->context->recording.count > 0)
        case_note(wants->context,
                  "fields that no message of the input has, which lacks a topic that it takes: %s",
                  wants->absent.data);
    else if (wants->absent.size > 0)
        case_note(wants->context,
                  "fields that no message of the feed has: %s; if yours has them, check with "
                  "--input FILE",
                  wants->absent.data);
    if (wants->documented.size > 0 && wants->context->recording.count > 0)
        case_note(wants->context,
                  "fields that the feed's documentation knows and no message of the input has: %s",
                  wants->documented.data);
    if (wants->unread.size > 0)
        case_note(wants->context, "parameters that it never reads: %s", wants->unread.data);
}

static void look(struct case_context *context, const struct fixture *fixture) {
    struct wants wants = {.context = context, .setup = &fixture->setup, .script = &fixture->script};
    struct harness harness;
    text_init(&wants.absent);
    text_init(&wants.documented);
    text_init(&wants.unread);
    if (harness_open(&harness, context, &fixture->setup, 0)) {
        harness_activate(&harness, true);
        harness_feed_all(&harness, &fixture->script, 0, fixture->script.count);
        watch_read(instance_watch(harness.instance), judge, &wants);
        report(&wants);
    }
    harness_release(&harness);
    text_release(&wants.absent);
    text_release(&wants.documented);
    text_release(&wants.unread);
}

void conformance_wants(struct case_context *context, const char *argument) {
    struct fixture fixture;
    const struct script_options options = {
        .seed = context->seed,
        .count = context->recording.count > 0 ? context->recording.count : MESSAGES,
        .envelope = MARKET_MIXED};
    (void)argument;
    if (fixture_init(&fixture, context, options, 0))
        look(context, &fixture);
    fixture_release(&fixture);
}
