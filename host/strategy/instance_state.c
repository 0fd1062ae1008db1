/*
 * What an instance remembers: its own records, and the host's part, clock and timers.
 */
#include "strategy/instance_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool instance_takes_state(const struct instance *instance, const struct state *state,
                          const char **why) {
    if (state->strategy == NULL ||
        strcmp(state->strategy, instance->blueprint->description->name) != 0)
        *why = "it is the state of another strategy";
    else if (instance->calls.load == NULL)
        *why = "the strategy has no load";
    else
        return true;
    return false;
}

/* Symbols of records get their ids in the order in which they were seen first, whatever timers
 * name: that is the order in which records are saved again. */
static void intern_recorded(struct instance *instance, const struct state *state) {
    for (size_t i = 0; i < state->record_count; i++) {
        const struct state_record *record = &state->records[i];
        if (record->symbol_size > 0 &&
            symbols_intern(instance->wiring.symbols, state->bytes.data + record->symbol_at,
                           record->symbol_size, NULL) == SYMBOL_NONE)
            return; /* the reading of that record says so */
    }
}

/* In the usual reload the table knows them all, and nothing is looked up twice. */
static bool has_new_symbol(const struct instance *instance, const struct state *state) {
    for (size_t i = 0; i < state->timer_count; i++) {
        const struct state_timer *timer = &state->timers[i];
        if (timer->symbol_size > 0 &&
            symbols_find(instance->wiring.symbols, state->bytes.data + timer->symbol_at,
                         timer->symbol_size) == SYMBOL_NONE)
            return true;
    }
    return false;
}

static bool restore_timer(struct instance *instance, const struct state *state,
                          const struct state_timer *timer, struct error *error) {
    struct timer_due due = {.clock = timer->clock,
                            .symbol_id = T5_NO_SYMBOL,
                            .key = timer->key,
                            .due_ns = timer->due_ns};
    if (timer->symbol_size > 0) {
        due.symbol_id =
            symbols_intern(instance->wiring.symbols, state->bytes.data + timer->symbol_at,
                           timer->symbol_size, NULL);
        if (due.symbol_id == SYMBOL_NONE)
            return error_set(error, ERROR_STATE, "saved timer: no room for its symbol %.*s",
                             (int)timer->symbol_size, state->bytes.data + timer->symbol_at);
    }
    switch (timers_arm(&instance->timers, &due)) {
    case TIMERS_OK:
        return true;
    case TIMERS_FULL:
        return error_set(error, ERROR_INVALID,
                         "the saved state has %zu timers, max_timers is %" PRIu32 ": raise it",
                         state->timer_count, instance->timers.max_count);
    case TIMERS_MEMORY:
        break;
    }
    return error_set_memory(error, state->timer_count, "timers");
}

bool instance_load(struct instance *instance, const struct state *state, struct error *error) {
    const char *why;
    if (!instance_takes_state(instance, state, &why))
        return error_set(error, ERROR_STATE, "state not taken: %s", why);
    /* Before load, so that it can see and move them. */
    instance->event_clock_ns = state->event_clock_ns;
    if (has_new_symbol(instance, state))
        intern_recorded(instance, state);
    for (size_t i = 0; i < state->timer_count; i++)
        if (!restore_timer(instance, state, &state->timers[i], error))
            return false;
    const t5_load_args args = {
        .size = (uint32_t)sizeof args,
        .state_version = state->state_version,
        .version = t5_text(state->version),
    };
    struct lifecycle lifecycle;
    instance->loading = state;
    instance->loading_at = 0;
    lifecycle_begin(&lifecycle, instance, CALLBACK_LOAD);
    const int32_t code = instance->calls.load(instance->self, &args);
    lifecycle_end(&lifecycle, instance);
    instance->loading = NULL;
    return code == T5_OK || instance_refuse(instance, code, error);
}

/* Whose state it is, its clock and its timers. */
static bool save_host_part(const struct instance *instance, struct state *state) {
    const struct description *description = instance->blueprint->description;
    struct timer_due *timers;
    size_t count;
    state->strategy = text_dup(description->name, strlen(description->name));
    state->version = text_dup(description->version, strlen(description->version));
    state->state_version = description->state_version;
    state->event_clock_ns = instance->event_clock_ns;
    if (state->strategy == NULL || state->version == NULL ||
        !timers_list(&instance->timers, &timers, &count))
        return false;
    bool is_good = true;
    for (size_t i = 0; i < count && is_good; i++) {
        size_t size = 0;
        const char *symbol = NULL;
        if (timers[i].symbol_id != T5_NO_SYMBOL)
            symbol = symbols_text(instance->wiring.symbols, timers[i].symbol_id, &size);
        is_good =
            state_add_timer(state, timers[i].clock, timers[i].key, timers[i].due_ns, symbol, size);
    }
    free(timers);
    return is_good;
}

bool instance_save(struct instance *instance, enum t5_save_reason reason, struct state *state,
                   struct error *error) {
    if (instance->calls.save == NULL)
        return error_set(error, ERROR_STATE, "strategy %s has no save",
                         instance->blueprint->description->name);
    const t5_save_args args = {.size = (uint32_t)sizeof args, .reason = (uint32_t)reason};
    struct lifecycle lifecycle;
    instance->saving = state;
    instance->is_saving_short = !save_host_part(instance, state);
    lifecycle_begin(&lifecycle, instance, CALLBACK_SAVE);
    const int32_t code = instance->calls.save(instance->self, &args);
    lifecycle_end(&lifecycle, instance);
    instance->saving = NULL;
    bool is_good = code == T5_OK || instance_refuse(instance, code, error);
    if (is_good && instance->is_saving_short)
        is_good = error_set_memory(error, state->bytes.size, "the state of an instance");
    if (is_good)
        state_sort(state);
    else
        state_release(state);
    return is_good;
}
