#include "kit.h"

#include "base/array.h"
#include "base/faults.h"
#include "strategy/plugin/strategy_file.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local t5_kit *kit_current;

/* ---- problems ---- */

int32_t kit_problem(t5_kit *kit, int32_t code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(kit->problem, sizeof kit->problem, format, args);
    va_end(args);
    return code;
}

int32_t kit_problem_of(t5_kit *kit, int32_t code, const struct error *error) {
    return kit_problem(kit, code, "%s", error->text);
}

int32_t kit_problem_faults(t5_kit *kit, int32_t code, struct faults *faults) {
    size_t used = 0;
    kit->problem[0] = '\0';
    for (size_t i = 0; i < faults->count && used < sizeof kit->problem; i++) {
        const int size = snprintf(kit->problem + used, sizeof kit->problem - used, "%s%s",
                                  i > 0 ? "\n" : "", faults->items[i].text);
        used += size > 0 ? (size_t)size : 0;
    }
    faults_release(faults);
    return code;
}

const char *t5_kit_problem(const t5_kit *kit) {
    return kit->problem;
}

/* ---- life ---- */

t5_kit *t5_kit_new(void) {
    t5_kit *kit = calloc(1, sizeof *kit);
    if (kit == NULL)
        return NULL;
    kit->mode = T5_MODE_REPLAY;
    kit->offset_current_call = -1;
    kit->log_file = -1;
    state_init(&kit->made_up);
    state_init(&kit->saved);
    kit_services_init(kit);
    (void)pthread_mutex_init(&kit->lock, NULL);
    if (!kit_results_init(kit)) {
        t5_kit_free(kit);
        return NULL;
    }
    return kit;
}

static void forget_strategy(t5_kit *kit) {
    if (kit->description != kit->descriptor)
        description_free(kit->description);
    description_free(kit->descriptor);
    kit->description = kit->descriptor = NULL;
    free(kit->path);
    kit->path = NULL;
    kit->original = NULL;
}

static void forget_settings(t5_kit *kit) {
    struct config_items *settings = &kit->deployment.settings;
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->items[i].name);
        free(settings->items[i].text);
    }
    free(settings->items);
    free(kit->deployment_name);
}

void t5_kit_free(t5_kit *kit) {
    if (kit == NULL)
        return;
    if (kit->now.instance != NULL)
        (void)t5_kit_stop(kit);
    forget_strategy(kit);
    forget_settings(kit);
    state_release(&kit->made_up);
    state_release(&kit->saved);
    kit_results_release(kit);
    (void)pthread_mutex_destroy(&kit->lock);
    free(kit);
}

/* ---- the strategy ---- */

static int32_t take(t5_kit *kit, const t5_strategy *strategy, const char *path, const char *name,
                    const char *version) {
    struct faults faults = FAULTS_INIT;
    struct description *description = description_new(strategy, path, name, version, &faults);
    if (description == NULL)
        return kit_problem_faults(kit, T5_ERROR, &faults);
    faults_release(&faults);
    char *copy = text_dup(path, strlen(path));
    if (copy == NULL) {
        description_free(description);
        return kit_problem(kit, T5_ERROR, "out of memory");
    }
    forget_strategy(kit);
    kit->original = strategy;
    kit->descriptor = kit->description = description;
    kit->path = copy;
    kit_wrap(kit);
    return T5_OK;
}

int32_t t5_kit_use(t5_kit *kit, const t5_strategy *strategy) {
    if (kit->now.instance != NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "an instance runs: stop it first");
    if (strategy == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "no strategy");
    return take(kit, strategy, "(linked in)", strategy->name, strategy->version);
}

int32_t t5_kit_open(t5_kit *kit, const char *path) {
    struct strategy_file file;
    struct error error;
    if (kit->now.instance != NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "an instance runs: stop it first");
    if (!strategy_file_read(path, &file, &error))
        return kit_problem_of(kit, T5_ERROR, &error);
    int32_t code = T5_ERROR;
    if (!strategy_file_judge(&file, &error)) {
        kit_problem_of(kit, code, &error);
        goto out;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL) {
        kit_problem(kit, code, "%s: cannot be loaded: %s", path, dlerror());
        goto out;
    }
    const t5_strategy *strategy = dlsym(library, T5_DESCRIPTOR_SYMBOL);
    if (strategy == NULL)
        kit_problem(kit, code, "%s: has no symbol " T5_DESCRIPTOR_SYMBOL, path);
    else
        code = take(kit, strategy, path, file.name, file.version);
out:
    strategy_file_release(&file);
    return code;
}

/* ---- settings ---- */

static int32_t not_while_running(t5_kit *kit, const char *what) {
    return kit_problem(kit, T5_KIT_MISUSE, "%s: an instance runs; stop it first", what);
}

/* Where `name` is set, or a new place at the end. NULL: no memory. */
static struct config_item *setting_at(t5_kit *kit, const char *name) {
    struct config_items *settings = &kit->deployment.settings;
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i].name, name) == 0)
            return &settings->items[i];
    if (!ARRAY_GROW(settings->items, settings->count, kit->setting_capacity))
        return NULL;
    struct config_item *item = &settings->items[settings->count];
    memset(item, 0, sizeof *item);
    item->name = text_dup(name, strlen(name));
    if (item->name == NULL)
        return NULL;
    settings->count++;
    return item;
}

int32_t t5_kit_set(t5_kit *kit, const char *name, const char *text) {
    if (kit->now.instance != NULL)
        return not_while_running(kit, "t5_kit_set");
    if (name == NULL || text == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "t5_kit_set: no name or no text");
    char *copy = text_dup(text, strlen(text));
    struct config_item *item = copy != NULL ? setting_at(kit, name) : NULL;
    if (item == NULL) {
        free(copy);
        return kit_problem(kit, T5_ERROR, "out of memory");
    }
    free(item->text);
    item->text = copy;
    return T5_OK;
}

int32_t t5_kit_set_mode(t5_kit *kit, uint32_t mode) {
    if (kit->now.instance != NULL)
        return not_while_running(kit, "t5_kit_set_mode");
    if (mode < T5_MODE_LIVE || mode > T5_MODE_SHADOW)
        return kit_problem(kit, T5_KIT_MISUSE, "%u is no mode", mode);
    kit->mode = mode;
    return T5_OK;
}

int32_t t5_kit_set_partition(t5_kit *kit, int32_t partition) {
    if (kit->now.instance != NULL)
        return not_while_running(kit, "t5_kit_set_partition");
    kit->partition = partition;
    return T5_OK;
}

int32_t t5_kit_set_deployment(t5_kit *kit, const char *name) {
    if (kit->now.instance != NULL)
        return not_while_running(kit, "t5_kit_set_deployment");
    char *copy = text_dup(name, strlen(name));
    if (copy == NULL)
        return kit_problem(kit, T5_ERROR, "out of memory");
    free(kit->deployment_name);
    kit->deployment_name = copy;
    return T5_OK;
}

int32_t t5_kit_add_record(t5_kit *kit, uint32_t state_version, const char *symbol, const void *data,
                          size_t size) {
    if (kit->now.instance != NULL)
        return not_while_running(kit, "t5_kit_add_record");
    /* Symbols get their ids when it starts: what counts is their order. */
    const uint64_t order = kit->made_up.record_count;
    if (!state_add_record(&kit->made_up, T5_NO_SYMBOL, order, symbol,
                          symbol != NULL ? strlen(symbol) : 0, data, size))
        return kit_problem(kit, T5_ERROR, "out of memory");
    kit->made_up.state_version = state_version;
    kit->has_made_up = true;
    return T5_OK;
}

/* ---- what a call of the kit is wrapped in ---- */

void kit_enter(t5_kit *kit) {
    kit_current = kit;
    kit->problem[0] = '\0';
}

void kit_leave(t5_kit *kit) {
    (void)kit_drain_log(kit);
    kit_current = NULL;
}
