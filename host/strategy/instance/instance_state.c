/*
 * What an instance remembers: its own records, and the host's part, clock and timers.
 */
#include "strategy/instance/instance_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool instance_takes_state(const struct instance *instance, const struct state *state,
                          const char **why) {
    if (state->strategy == NULL || strcmp(state->strategy, instance->spec->description->name) != 0)
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
            symbols_intern(instance->env.symbols, state->bytes.data + record->symbol_at,
                           record->symbol_size, NULL) == SYMBOL_NONE)
            return; /* the reading of that record says so */
    }
}

/* In the usual reload the table knows them all, and nothing is looked up twice. */
static bool has_new_symbol(const struct instance *instance, const struct state *state) {
    for (size_t i = 0; i < state->timer_count; i++) {
        const struct state_timer *timer = &state->timers[i];
        const char *symbol = state->bytes.data + timer->symbol_at;
        if (timer->symbol_size > 0 &&
            !symbols_is(instance->env.symbols, timer->symbol_id, symbol, timer->symbol_size) &&
            symbols_find(instance->env.symbols, symbol, timer->symbol_size) == SYMBOL_NONE)
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
        struct symbols *symbols = instance->env.symbols;
        const char *symbol = state->bytes.data + timer->symbol_at;
        due.symbol_id = symbols_is(symbols, timer->symbol_id, symbol, timer->symbol_size)
                            ? timer->symbol_id
                            : symbols_intern(symbols, symbol, timer->symbol_size, NULL);
        if (due.symbol_id == SYMBOL_NONE)
            return error_set(error, symbols_is_full(symbols) ? ERROR_STATE : ERROR_MEMORY,
                             "saved timer: no room for its symbol %.*s", (int)timer->symbol_size,
                             symbol);
    }
    switch (timers_restore(&instance->timers, &due, timer->order)) {
    case TIMERS_OK:
        return true;
    case TIMERS_FULL:
        return error_set(error, ERROR_INVALID,
                         "the saved state has %zu timers, max_timers is %" PRIu32 ": raise it",
                         state->timer_count, instance->timers.max_count);
    case TIMERS_MEMORY:
        break;
    }
    return error_set_memory(error, "timers");
}

bool instance_load(struct instance *instance, const struct state *state, struct error *error) {
    const char *why;
    if (!instance_takes_state(instance, state, &why))
        return error_set(error, ERROR_STATE, "state not loaded: %s", why);
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
    instance->state_size = state_size(state);
    return code == T5_OK || instance_refuse(instance, code, error);
}

/* Whose state it is, its clock and its timers. */
static bool save_host_part(const struct instance *instance, struct state *state) {
    const struct description *description = instance->spec->description;
    struct timer_due due;
    struct state_timer timer = {0};
    uint32_t at = 0;
    state->strategy = text_dup(description->name, strlen(description->name));
    state->version = text_dup(description->version, strlen(description->version));
    state->state_version = description->state_version;
    state->event_clock_ns = instance->event_clock_ns;
    if (state->strategy == NULL || state->version == NULL)
        return false;
    while (timers_next_armed(&instance->timers, &at, &due, &timer.order)) {
        size_t size = 0;
        const char *symbol = NULL;
        timer.clock = due.clock;
        timer.key = due.key;
        timer.due_ns = due.due_ns;
        timer.symbol_id = due.symbol_id;
        if (due.symbol_id != T5_NO_SYMBOL)
            symbol = symbols_text(instance->env.symbols, due.symbol_id, &size);
        if (!state_add_timer(state, &timer, symbol, size))
            return false;
    }
    return true;
}

struct state_size instance_state_size(const struct instance *instance) {
    return instance->state_size;
}

void instance_reserve(struct instance *instance, const struct state_size *size) {
    timers_reserve(&instance->timers, size->timers);
}

bool instance_save_unsorted(struct instance *instance, enum t5_save_reason reason,
                            struct state *state, struct error *error) {
    if (instance->calls.save == NULL)
        return error_set(error, ERROR_STATE, "strategy %s has no save function",
                         instance->spec->description->name);
    const t5_save_args args = {.size = (uint32_t)sizeof args, .reason = (uint32_t)reason};
    struct lifecycle lifecycle;
    instance->saving = state;
    instance->is_save_oom = !save_host_part(instance, state);
    lifecycle_begin(&lifecycle, instance, CALLBACK_SAVE);
    const int32_t code = instance->calls.save(instance->self, &args);
    lifecycle_end(&lifecycle, instance);
    instance->saving = NULL;
    bool is_good = code == T5_OK || instance_refuse(instance, code, error);
    if (is_good && instance->is_save_oom)
        is_good = error_set_memory(error, "the state of an instance");
    if (!is_good) {
        state_release(state);
        return false;
    }
    state_sort_records(state);
    instance->state_size = state_size(state);
    return true;
}

bool instance_save(struct instance *instance, enum t5_save_reason reason, struct state *state,
                   struct error *error) {
    if (!instance_save_unsorted(instance, reason, state, error))
        return false;
    state_sort_timers(state);
    return true;
}
