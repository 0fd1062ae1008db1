#include "conformance/cases/case_context.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before the name at the end of a line of the log. */
#define EVENT " event="

/* ---- talking ---- */

static void put_answer(struct case_context *context, enum answer_kind kind, const char *where,
                       const char *format, va_list args) {
    char text[2048];
    const size_t most = sizeof text - 1;
    const int printed = vsnprintf(text, sizeof text, format, args);
    size_t size = printed < 0 ? 0 : (size_t)printed;
    if (where != NULL && size < most)
        size += (size_t)snprintf(text + size, sizeof text - size, ", %s", where);
    answer_put(&context->out, kind, text, size < most ? size : most);
    answers_send(&context->out, context->output);
}

void case_step(struct case_context *context, const char *format, ...) {
    va_list args;
    if (context->is_quiet)
        return;
    va_start(args, format);
    put_answer(context, ANSWER_STEP, context->where, format, args);
    va_end(args);
}

bool case_fail(struct case_context *context, const char *format, ...) {
    char text[sizeof context->last_fault];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (context->fault_count++ >= CASE_MOST_FAULTS || strcmp(text, context->last_fault) == 0)
        return false;
    memcpy(context->last_fault, text, sizeof text);
    va_start(args, format);
    put_answer(context, ANSWER_FAULT, NULL, format, args);
    va_end(args);
    return false;
}

void case_note(struct case_context *context, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_answer(context, ANSWER_WARNING, NULL, format, args);
    va_end(args);
}

bool case_is_lost(const struct case_context *context) {
    return context->fault_count >= CASE_MOST_FAULTS;
}

void case_last_log(const struct case_context *context, struct text *text) {
    char bytes[4096];
    const off_t size = lseek(context->log_fd, 0, SEEK_END);
    const off_t from = size > (off_t)sizeof bytes ? size - (off_t)sizeof bytes : 0;
    const ssize_t got = size > 0 ? pread(context->log_fd, bytes, sizeof bytes, from) : 0;
    text_reset(text);
    if (got <= 0)
        return;
    size_t end = (size_t)got;
    while (end > 0 && bytes[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin > 0 && bytes[begin - 1] != '\n')
        begin--;
    /* "<4>strategy: TEXT event=NAME" */
    const char *colon = memmem(bytes + begin, end - begin, ": ", 2);
    if (colon != NULL)
        begin = (size_t)(colon - bytes) + 2;
    const char *event = memrchr(bytes + begin, ' ', end - begin);
    if (event != NULL && strncmp(event, EVENT, sizeof EVENT - 1) == 0)
        end = (size_t)(event - bytes);
    text_append(text, bytes + begin, end - begin);
}

/* ---- settings ---- */

/* The deployment's settings, and behind them, where it counts, the one that is tried. */
static bool list_settings(struct setup *setup, const struct case_context *context, const char *name,
                          const char *value) {
    const struct config_items *given = &context->request.deployment.settings;
    struct config_items *settings = &setup->deployment.settings;
    settings->items = calloc(given->count + 1, sizeof *settings->items);
    if (settings->items == NULL)
        return false;
    if (given->count > 0)
        memcpy(settings->items, given->items, given->count * sizeof *settings->items);
    settings->count = given->count;
    if (name != NULL)
        settings->items[settings->count++] = (struct config_item){
            .name = (char *)name, .text = (char *)value, .place = setup->deployment.place};
    return true;
}

bool setup_init(struct setup *setup, struct case_context *context, const char *name,
                const char *value, struct faults *faults) {
    const struct place nowhere = {NULL, 0};
    memset(setup, 0, sizeof *setup);
    setup->deployment = context->request.deployment;
    setup->deployment.settings = (struct config_items){0};
    if (!list_settings(setup, context, name, value)) {
        faults_add(faults, nowhere, "out of memory");
        return false;
    }
    if (context->generation->description->has_describe)
        case_step(context, "describe");
    setup->description =
        description_describe(context->generation->description, context->generation->descriptor,
                             &setup->deployment.settings, setup->deployment.place, faults);
    if (setup->description == NULL ||
        !parameters_check(setup->description, &setup->deployment, &setup->parameters, faults))
        return false;
    setup->spec = (struct instance_spec){
        .deployment = setup->deployment.name,
        .descriptor = context->generation->descriptor,
        .description = setup->description,
        .parameters = &setup->parameters,
        .generation = context->generation->number,
    };
    case_tape_settings(&context->tape, &setup->parameters);
    return true;
}

void setup_release(struct setup *setup) {
    description_free(setup->description);
    parameters_release(&setup->parameters);
    free(setup->deployment.settings.items);
    memset(setup, 0, sizeof *setup);
}

bool setup_plain(struct setup *setup, struct case_context *context) {
    struct faults faults = FAULTS_INIT;
    const bool is_good = setup_init(setup, context, NULL, NULL, &faults);
    for (size_t i = 0; i < faults.count; i++)
        if (!faults.items[i].is_warning)
            case_fail(context, "%s", faults.items[i].text);
    faults_release(&faults);
    return is_good;
}
