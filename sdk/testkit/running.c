/* Starting, stopping, saving, reloading. */
#include "kit.h"

#include "base/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_MOST 1000000u
#define SIGNALS_MOST 1000u
#define TIMERS_MOST  1000000u

static void wake(void *context, struct instance *instance) {
    t5_kit *kit = context;
    (void)instance;
    kit->is_wake_wanted = true;
}

/* ---- an instance and its decoder ---- */

void kit_running_free(t5_kit *kit, struct running *running) {
    (void)kit;
    instance_destroy(running->instance);
    decoder_free(running->decoder);
    projection_free(running->projection);
    free(running->slots);
    memset(running, 0, sizeof *running);
}

bool kit_running_make(t5_kit *kit, struct running *running, struct error *error) {
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    const struct instance_env env = {
        .mode = (enum t5_mode)kit->mode,
        .partition = kit->description->scope == T5_SCOPE_GLOBAL ? -1 : kit->partition,
        .symbols = kit->symbols,
        .log = kit->log,
        .max_signals_per_callback = SIGNALS_MOST,
        .max_timers = TIMERS_MOST,
        .context = kit,
        .emit = kit_add_signal,
        .publish = kit_add_point,
        .wake = wake,
    };
    memset(running, 0, sizeof *running);
    running->projection = projection_new();
    if (running->projection == NULL) {
        error_set_memory(error, "a projection");
        return false;
    }
    running->instance = instance_create(&kit->spec, &env, running->projection, NULL, error);
    if (running->instance == NULL || !projection_seal(running->projection, error))
        goto failed;
    running->decoder = decoder_new(running->projection, &limits, error);
    if (running->decoder == NULL)
        goto failed;
    const size_t slots = projection_slots(running->projection);
    running->slots = calloc(slots + 1, sizeof *running->slots);
    if (running->slots == NULL) {
        error_set_memory(error, "fields");
        goto failed;
    }
    return true;
failed:
    kit_running_free(kit, running);
    return false;
}

/* ---- start ---- */

/* Parameters, and what describe() makes of them. */
static int32_t settle(t5_kit *kit) {
    struct faults faults = FAULTS_INIT;
    const struct place place = {NULL, 0};
    if (kit->description != kit->descriptor)
        description_free(kit->description);
    kit->description = kit->descriptor;
    if (kit->descriptor->has_describe) {
        kit->description = description_describe(kit->descriptor, kit->original,
                                                &kit->deployment.settings, place, &faults);
        if (kit->description == NULL) {
            kit->description = kit->descriptor;
            return kit_problem_faults(kit, T5_ERROR, &faults);
        }
    }
    kit->deployment.name =
        kit->deployment_name != NULL ? kit->deployment_name : kit->description->name;
    kit->deployment.plugin = kit->description->name;
    kit->deployment.is_enabled = true;
    if (!parameters_check(kit->description, &kit->deployment, &kit->parameters, &faults))
        return kit_problem_faults(kit, T5_ERROR, &faults);
    faults_release(&faults);
    kit->has_parameters = true;
    kit->spec = (struct instance_spec){
        .deployment = kit->deployment.name,
        .descriptor = &kit->wrapped,
        .description = kit->description,
        .parameters = &kit->parameters,
        .generation = 1,
    };
    return T5_OK;
}

static void release_world(t5_kit *kit) {
    if (kit->has_parameters)
        parameters_release(&kit->parameters);
    kit->has_parameters = false;
    symbols_free(kit->symbols);
    kit->symbols = NULL;
    free(kit->offsets);
    kit->offsets = NULL;
}

int32_t kit_begin(t5_kit *kit, const struct state *state) {
    struct error error;
    kit_enter(kit);
    int32_t code = settle(kit);
    if (code != T5_OK)
        goto failed;
    code = T5_ERROR;
    kit->wall_ns = 0;
    kit->symbols = symbols_new(SYMBOLS_MOST);
    kit->offsets = calloc(kit->description->topic_count + 1, sizeof *kit->offsets);
    if (kit->symbols == NULL || kit->offsets == NULL) {
        kit_problem(kit, code, "out of memory");
        goto failed;
    }
    if (!kit_running_make(kit, &kit->now, &error)) {
        kit_problem_of(kit, code, &error);
        goto failed;
    }
    if (state != NULL && !instance_load(kit->now.instance, state, &error)) {
        kit_problem_of(kit, code, &error);
        kit_running_free(kit, &kit->now);
        goto failed;
    }
    instance_activate(kit->now.instance);
    kit_leave(kit);
    return T5_OK;
failed:
    release_world(kit);
    kit_leave(kit);
    return code;
}

int32_t t5_kit_start(t5_kit *kit) {
    if (kit->original == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "no strategy: open or use one first");
    if (kit->now.instance != NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "it has been started already");
    if (!kit->has_made_up)
        return kit_begin(kit, NULL);

    struct state *made_up = &kit->made_up;
    free(made_up->strategy);
    free(made_up->version);
    made_up->strategy = text_dup(kit->descriptor->name, strlen(kit->descriptor->name));
    made_up->version = text_dup(kit->descriptor->version, strlen(kit->descriptor->version));
    if (made_up->strategy == NULL || made_up->version == NULL)
        return kit_problem(kit, T5_ERROR, "out of memory");
    const int32_t code = kit_begin(kit, made_up);
    if (code == T5_OK) {
        state_release(made_up);
        state_init(made_up);
        kit->has_made_up = false;
    }
    return code;
}

int32_t t5_kit_start_from(t5_kit *kit, const void *bytes, size_t size) {
    struct error error;
    struct state state;
    if (kit->original == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "no strategy: open or use one first");
    if (kit->now.instance != NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "it has been started already");
    state_init(&state);
    if (!state_decode(&state, bytes, size, &error))
        return kit_problem_of(kit, T5_ERROR, &error);
    const int32_t code = kit_begin(kit, &state);
    state_release(&state);
    return code;
}

int32_t t5_kit_stop(t5_kit *kit) {
    if (kit->now.instance == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "nothing runs");
    kit_enter(kit);
    instance_deactivate(kit->now.instance);
    kit_running_free(kit, &kit->now);
    kit->is_wake_wanted = false;
    kit_leave(kit);
    release_world(kit);
    return T5_OK;
}

/* ---- state ---- */

/* Saves `instance` into kit->saved, and its bytes into `out`. */
static bool save_of(t5_kit *kit, struct instance *instance, enum t5_save_reason reason,
                    struct text *out, struct error *error) {
    state_release(&kit->saved);
    state_init(&kit->saved);
    if (!instance_save(instance, reason, &kit->saved, error)) {
        state_init(&kit->saved);
        return false;
    }
    state_encode(&kit->saved, out);
    return !text_is_oom(out) || error_set_memory(error, "the state");
}

int32_t t5_kit_save(t5_kit *kit, void **bytes, size_t *size) {
    struct error error;
    struct text out;
    if (kit->now.instance == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "nothing runs");
    kit_enter(kit);
    text_init(&out);
    int32_t code = T5_OK;
    if (save_of(kit, kit->now.instance, T5_SAVE_CHECKPOINT, &out, &error)) {
        *size = out.size;
        *bytes = text_take(&out);
        if (*bytes == NULL)
            code = kit_problem(kit, T5_ERROR, "out of memory");
    } else {
        code = kit_problem_of(kit, T5_ERROR, &error);
    }
    text_release(&out);
    kit_leave(kit);
    return code;
}

size_t t5_kit_saved_count(const t5_kit *kit) {
    return kit->saved.record_count;
}

t5_record t5_kit_saved_at(const t5_kit *kit, size_t index) {
    t5_record record = {.size = (uint32_t)sizeof record, .symbol_id = T5_NO_SYMBOL};
    if (index >= kit->saved.record_count)
        return record;
    const struct state_record *saved = &kit->saved.records[index];
    const char *bytes = kit->saved.bytes.data;
    record.symbol_id = saved->symbol_id;
    record.symbol = (t5_str){bytes + saved->symbol_at, saved->symbol_size};
    record.data = bytes + saved->data_at;
    record.data_size = saved->data_size;
    return record;
}

/* The new instance, loaded, and found to save what it was given. */
static bool take_over(t5_kit *kit, struct running *next, const struct text *bytes,
                      struct error *error) {
    struct state state;
    struct text again;
    bool is_good = false;
    state_init(&state);
    text_init(&again);
    if (!state_decode(&state, bytes->data, bytes->size, error) ||
        !instance_load(next->instance, &state, error) ||
        !save_of(kit, next->instance, T5_SAVE_RELOAD, &again, error))
        goto out;
    is_good = again.size == bytes->size && memcmp(again.data, bytes->data, bytes->size) == 0;
    if (!is_good)
        error_set(
            error, ERROR_STATE,
            "what was saved after the load is not what was loaded: %zu bytes before, %zu after",
            bytes->size, again.size);
out:
    state_release(&state);
    text_release(&again);
    return is_good;
}

int32_t t5_kit_reload(t5_kit *kit) {
    struct running next = {0}, old;
    struct error error;
    struct text bytes;
    if (kit->now.instance == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "nothing runs");
    kit_enter(kit);
    text_init(&bytes);
    int32_t code = T5_ERROR;
    if (!save_of(kit, kit->now.instance, T5_SAVE_RELOAD, &bytes, &error) ||
        !kit_running_make(kit, &next, &error) || !take_over(kit, &next, &bytes, &error)) {
        kit_problem_of(kit, code, &error);
        kit_running_free(kit, &next);
        goto out;
    }
    old = kit->now;
    instance_deactivate(old.instance);
    kit->now = next;
    instance_activate(kit->now.instance);
    kit_running_free(kit, &old);
    code = T5_OK;
out:
    text_release(&bytes);
    kit_leave(kit);
    return code;
}
