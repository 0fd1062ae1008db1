#include "commands/conformance_trial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- talking ---- */

/* The parent may be gone: then there is nobody to try it for. */
static void send_out(struct trial *trial) {
    size_t at = 0;
    if (text_is_short(&trial->out))
        _exit(1);
    while (at < trial->out.size) {
        const ssize_t written = write(trial->output, trial->out.data + at, trial->out.size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            _exit(1);
        at += (size_t)written;
    }
    text_reset(&trial->out);
}

static void say(struct trial *trial, enum answer_kind kind, const char *where, const char *format,
                va_list args) {
    char text[2048];
    const size_t most = sizeof text - 1;
    const int printed = vsnprintf(text, sizeof text, format, args);
    size_t size = printed < 0 ? 0 : (size_t)printed;
    if (where != NULL && size < most)
        size += (size_t)snprintf(text + size, sizeof text - size, ", %s", where);
    answer_put(&trial->out, kind, text, size < most ? size : most);
    send_out(trial);
}

void trial_step(struct trial *trial, const char *format, ...) {
    va_list args;
    if (trial->is_quiet)
        return;
    va_start(args, format);
    say(trial, ANSWER_STEP, trial->where, format, args);
    va_end(args);
}

bool trial_fail(struct trial *trial, const char *format, ...) {
    char text[sizeof trial->last_fault];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (trial->fault_count++ >= TRIAL_MOST_FAULTS || strcmp(text, trial->last_fault) == 0)
        return false;
    memcpy(trial->last_fault, text, sizeof text);
    va_start(args, format);
    say(trial, ANSWER_FAULT, NULL, format, args);
    va_end(args);
    return false;
}

void trial_note(struct trial *trial, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(trial, ANSWER_WARNING, NULL, format, args);
    va_end(args);
}

bool trial_is_lost(const struct trial *trial) {
    return trial->fault_count >= TRIAL_MOST_FAULTS;
}

void trial_last_log(const struct trial *trial, struct text *text) {
    char bytes[4096];
    const off_t size = lseek(trial->log_fd, 0, SEEK_END);
    const off_t from = size > (off_t)sizeof bytes ? size - (off_t)sizeof bytes : 0;
    const ssize_t got = size > 0 ? pread(trial->log_fd, bytes, sizeof bytes, from) : 0;
    text_reset(text);
    if (got <= 0)
        return;
    size_t end = (size_t)got;
    while (end > 0 && bytes[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin > 0 && bytes[begin - 1] != '\n')
        begin--;
    /* "<4>strategy: TEXT" */
    const char *colon = memmem(bytes + begin, end - begin, ": ", 2);
    if (colon != NULL)
        begin = (size_t)(colon - bytes) + 2;
    text_append(text, bytes + begin, end - begin);
}

/* ---- settings ---- */

/* The deployment's settings, and behind them, where it counts, the one that is tried. */
static bool list_settings(struct setup *setup, const struct trial *trial, const char *name,
                          const char *value) {
    const struct config_items *given = &trial->request.deployment.settings;
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

bool setup_init(struct setup *setup, struct trial *trial, const char *name, const char *value,
                struct faults *faults) {
    const struct place nowhere = {NULL, 0};
    memset(setup, 0, sizeof *setup);
    setup->deployment = trial->request.deployment;
    setup->deployment.settings = (struct config_items){0};
    if (!list_settings(setup, trial, name, value)) {
        faults_add(faults, nowhere, "out of memory");
        return false;
    }
    if (trial->generation->description->has_describe)
        trial_step(trial, "describe");
    setup->description =
        description_describe(trial->generation->description, trial->generation->descriptor,
                             &setup->deployment.settings, setup->deployment.place, faults);
    if (setup->description == NULL ||
        !parameters_check(setup->description, &setup->deployment, &setup->parameters, faults))
        return false;
    setup->blueprint = (struct blueprint){
        .deployment = setup->deployment.name,
        .descriptor = trial->generation->descriptor,
        .description = setup->description,
        .parameters = &setup->parameters,
        .generation = trial->generation->number,
    };
    return true;
}

void setup_release(struct setup *setup) {
    description_free(setup->description);
    parameters_release(&setup->parameters);
    free(setup->deployment.settings.items);
    memset(setup, 0, sizeof *setup);
}

bool setup_plain(struct setup *setup, struct trial *trial) {
    struct faults faults = FAULTS_INIT;
    const bool is_good = setup_init(setup, trial, NULL, NULL, &faults);
    for (size_t i = 0; i < faults.count; i++)
        if (!faults.items[i].is_warning)
            trial_fail(trial, "%s", faults.items[i].text);
    faults_release(&faults);
    return is_good;
}
