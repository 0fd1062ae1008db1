/*
 * What a strategy can ask of the host: the table behind its handle. Each service first makes sure
 * that it is called from inside a callback that may call it, on that callback's thread; texts and
 * sized structs are the strategy's and are believed in nothing.
 */
#include "strategy/instance/instance_private.h"
#include "strategy/plugin/descriptor.h"

#include "base/clock.h"
#include "base/text.h"
#include "message/decode.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

_Thread_local char instance_thread_mark;

#define SYMBOL_LONGEST 64
#define DATA_LARGEST   (64u << 10)
#define VALUES_MOST    64
#define DATA_DEEPEST   64

#define IN(name)     (1u << CALLBACK_##name)
#define IN_ANY       (~IN(NONE))
#define IN_FALLIBLE  (IN(CREATE) | IN(LOAD) | IN(MESSAGE) | IN(TIMER) | IN(SAVE))
#define IN_SPEAKING  (IN(MESSAGE) | IN(TIMER))
#define IN_TIMING    (IN(LOAD) | IN(ACTIVATE) | IN(MESSAGE) | IN(TIMER) | IN(EVENT))
/* create and destroy run on a loader thread, while the lane may be using the symbol table. */
#define IN_ON_LANE   (IN_TIMING | IN(SAVE) | IN(DEACTIVATE))
#define IN_INTERNING (IN_TIMING | IN(DEACTIVATE))

static struct instance *instance_of(t5_host *host) {
    return (struct instance *)host;
}

static bool is_allowed(const struct instance *instance, unsigned callbacks) {
    return atomic_load_explicit(&instance->thread, memory_order_relaxed) == thread_mark() &&
           (callbacks & 1u << instance->callback) != 0;
}

/* Whether what needs memory is to be tried again. False: the callback's failure is for lack of it.
 */
static bool await_memory(struct instance *instance, struct patience *patience, const char *what) {
    if (instance->env.await_memory != NULL &&
        instance->env.await_memory(instance->env.context, patience, what))
        return true;
    instance->was_oom = true;
    return false;
}

/* SYMBOL_NONE: no room for it, or no memory. */
static uint32_t intern(struct instance *instance, const char *text, size_t size) {
    struct symbols *symbols = instance->env.symbols;
    struct patience patience = PATIENCE_INIT;
    uint32_t id;
    do
        id = symbols_intern(symbols, text, size, NULL);
    while (id == SYMBOL_NONE && !symbols_is_full(symbols) &&
           await_memory(instance, &patience, "a symbol"));
    return id;
}

/* ---- log and fail ---- */

static int32_t service_log(t5_host *host, int32_t level, const char *text, size_t len) {
    const struct instance *instance = instance_of(host);
    if (text == NULL && len > 0)
        return T5_ERROR;
    enum log_level known = LOG_LEVEL_INFO;
    if (level >= T5_LOG_DEBUG && level <= T5_LOG_ERROR)
        known = (enum log_level)level;
    if (instance->log != NULL)
        log_strategy(instance->log, known, instance->spec->deployment, text, len);
    return T5_OK;
}

static int32_t service_fail(t5_host *host, const char *text, size_t len) {
    struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN_FALLIBLE))
        return T5_NOT_NOW;
    if (text == NULL && len > 0)
        return T5_ERROR;
    const size_t size = len < PROBLEM_SIZE ? len : PROBLEM_SIZE - 1;
    /* One line, without what a terminal would obey. */
    for (size_t i = 0; i < size; i++)
        instance->reason[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    instance->reason[size] = '\0';
    instance->has_reason = size > 0;
    return T5_OK;
}

/* ---- emit ---- */

/* All types whose values can be nothing but good. */
#define PLAIN_TYPES                                                                                \
    (1u << T5_VALUE_NULL | 1u << T5_VALUE_BOOLEAN | 1u << T5_VALUE_INTEGER | 1u << T5_VALUE_NUMBER)

static inline bool is_plain(const t5_value *value) {
    return value->type < 32 && (PLAIN_TYPES >> value->type & 1) != 0;
}

static bool is_text(const t5_value *value) {
    return value->type == T5_VALUE_TEXT && (value->text != NULL || value->length == 0) &&
           text_is_utf8(value->text, value->length);
}

/* Whether one of the first `count` values has the name. */
static bool has_name(const t5_signal *signal, uint32_t count, t5_str name) {
    for (uint32_t i = 0; i < count; i++)
        if (t5_str_equal(name, signal->values[i].name))
            return true;
    return false;
}

/* What equal names have in common: one of 64 bits, so that few names need to be compared. */
static uint64_t name_mark(t5_str name) {
    const unsigned char *c = (const unsigned char *)name.data;
    const size_t sum = c[0] * 5u + c[name.len / 3] * 3u + c[name.len - 1] * 11u + name.len;
    return UINT64_C(1) << (sum & 63);
}

/* The names that a signal of such a kind has. */
static struct signal_names *names_like(struct signal_names *all, const t5_signal *signal) {
    return &all[(signal->value_count + signal->name.len) % INSTANCE_NAMES];
}

/* Names that were checked before, when the signal has the same; NULL: they are to be checked. */
static const struct signal_names *known_names(const struct instance *instance,
                                              const t5_signal *signal) {
    if (instance->names == NULL || (signal->values == NULL && signal->value_count > 0))
        return NULL;
    const struct signal_names *names = names_like(instance->names, signal);
    return signal_names_are(names, signal->name, signal->values, signal->value_count) ? names
                                                                                      : NULL;
}

/* NULL: there is no room for them. */
static const struct signal_names *keep_names(struct instance *instance, const t5_signal *signal) {
    if (instance->names == NULL)
        instance->names = calloc(INSTANCE_NAMES, sizeof *instance->names);
    if (instance->names == NULL)
        return NULL;
    struct signal_names *names = names_like(instance->names, signal);
    return signal_names_keep(names, signal->name, signal->values, signal->value_count) ? names
                                                                                       : NULL;
}

/* What is wrong with the names of its values, in words; NULL: nothing. */
static const char *value_names_fault(const t5_signal *signal) {
    uint64_t marks = 0;
    for (uint32_t i = 0; i < signal->value_count; i++) {
        const t5_str name = signal->values[i].name;
        if (!descriptor_is_signal_name(name))
            return "the name of a value must be 1 to 64 of A-Z, a-z, 0-9, _, . and -";
        const uint64_t mark = name_mark(name);
        if ((marks & mark) != 0 && has_name(signal, i, name))
            return "two of its values have the same name";
        marks |= mark;
    }
    return NULL;
}

/* What is wrong with what it carries, in words; NULL: nothing. */
static const char *values_fault(const t5_signal *signal, bool are_names_known) {
    size_t size = 0;
    if (signal->value_count > VALUES_MOST)
        return "it has more than 64 values";
    if (signal->value_count > 0 && signal->values == NULL)
        return "its value_count is above 0, but values is NULL";
    const char *fault = are_names_known ? NULL : value_names_fault(signal);
    if (fault != NULL)
        return fault;
    for (uint32_t i = 0; i < signal->value_count; i++) {
        const t5_value *value = &signal->values[i].value;
        if (is_plain(value))
            continue;
        if (!is_text(value))
            return "a value must be a number, an integer, a boolean, null or UTF-8 text";
        size += value->length;
    }
    return size > DATA_LARGEST ? "the texts of its values exceed 64 KiB" : NULL;
}

/* What is wrong with the signal, in words; NULL: nothing. `*names` are its names when they were
 * checked before; else NULL. */
static const char *signal_fault(const struct instance *instance, const t5_signal *signal,
                                const struct signal_names **names) {
    *names = NULL;
    if (signal->size < SIGNAL_SIZE_1_0)
        return "its size is below that of ABI 1.0: initialize it with t5_signal_init()";
    *names = known_names(instance, signal);
    if (*names == NULL && !descriptor_is_signal_name(signal->name))
        return "its name must be 1 to 64 of A-Z, a-z, 0-9, _, . and -";
    if (signal->symbol.len > SYMBOL_LONGEST ||
        (signal->symbol.data == NULL && signal->symbol.len > 0))
        return "its symbol must be at most 64 bytes long";
    if (!isfinite(signal->value))
        return "its value is not finite";
    if (!(signal->confidence >= 0 && signal->confidence <= 1))
        return "its confidence is not between 0 and 1";
    if (!isfinite(signal->price))
        return "its price is not finite";
    if (signal->data.len > DATA_LARGEST)
        return "its data exceeds 64 KiB";
    if (signal->data.len > 0 &&
        (signal->data.data == NULL ||
         !decode_is_object(signal->data.data, signal->data.len, DATA_DEEPEST)))
        return "its data is not a single JSON object";
    return values_fault(signal, *names != NULL);
}

/* Counts the refusal, and says the first of a callback; the log counts repeats of a text. */
static int32_t refuse_signal(struct instance *instance, const t5_signal *signal,
                             const char *fault) {
    counter_add(&instance->counts.refused_signals, 1);
    if (instance->log == NULL)
        return T5_ERROR;
    const bool is_named =
        signal->size >= SIGNAL_SIZE_1_0 && descriptor_is_signal_name(signal->name);
    log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "signal.rejected",
              "%s: signal %.*s rejected: %s", instance->spec->deployment,
              is_named ? (int)signal->name.len : 1, is_named ? signal->name.data : "?", fault);
    return T5_ERROR;
}

static int32_t refuse_surplus(struct instance *instance) {
    counter_add(&instance->counts.refused_signals, 1);
    if (instance->signal_count == instance->max_signals) {
        instance->signal_count++; /* logged once a callback */
        if (instance->log != NULL)
            log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "signal.rejected",
                      "%s: signals rejected: more than max_signals_per_callback = %" PRIu32
                      " in one callback",
                      instance->spec->deployment, instance->max_signals);
    }
    return T5_ERROR;
}

/* What the signal does not say comes from the current message or timer. */
static void resolve(const struct instance *instance, const t5_signal *signal,
                    struct emitted_signal *emitted) {
    emitted->name = signal->name;
    emitted->symbol = signal->symbol;
    emitted->event_time_ns = signal->event_time_ns;
    emitted->value = signal->value;
    emitted->confidence = signal->confidence;
    emitted->data = signal->data;
    emitted->values = signal->values;
    emitted->value_count = signal->value_count;
    emitted->time_frame_s = signal->time_frame_s;
    emitted->price = signal->price;
    const bool is_timer = instance->callback == CALLBACK_TIMER;
    if (!is_timer && emitted->time_frame_s == 0)
        emitted->time_frame_s = instance->message->time_frame_s;
    if (!is_timer && emitted->price == 0 && (instance->message->flags & T5_MESSAGE_HAS_PRICE) != 0)
        emitted->price = instance->message->price;
    if (signal->symbol.len == 0)
        emitted->symbol = is_timer ? instance->timer->symbol : instance->message->symbol;
    if (signal->event_time_ns == 0)
        emitted->event_time_ns =
            is_timer ? instance->timer->due_ns : instance->message->event_time_ns;
}

static int32_t service_emit(t5_host *host, const t5_signal *signal) {
    struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN_SPEAKING))
        return T5_NOT_NOW;
    if (instance->signal_count >= instance->max_signals)
        return refuse_surplus(instance);
    const struct signal_names *names;
    const char *fault = signal_fault(instance, signal, &names);
    if (fault != NULL)
        return refuse_signal(instance, signal, fault);
    instance->signal_count++;
    if (instance->is_muted)
        return T5_OK; /* of history: it was counted when that was new */
    if (instance->env.emit != NULL) {
        struct emitted_signal emitted;
        resolve(instance, signal, &emitted);
        emitted.names = names != NULL ? names : keep_names(instance, signal);
        if (!instance->env.emit(instance->env.context, instance, &emitted))
            return refuse_signal(instance, signal, "out of memory");
    }
    counter_add(&instance->counts.signals, 1);
    return T5_OK;
}

/* ---- publish ---- */

/* What is wrong with the point, in words; NULL: nothing. */
static const char *point_fault(const struct instance *instance, const t5_point *point) {
    if (point == NULL || point->size < POINT_SIZE_1_0)
        return "its size is below that of ABI 1.0: set it to sizeof(t5_point)";
    if (point->series >= instance->spec->description->series_count)
        return "the descriptor declares no series of that number";
    if (point->symbol.len > SYMBOL_LONGEST || (point->symbol.data == NULL && point->symbol.len > 0))
        return "its symbol must be at most 64 bytes long";
    return NULL;
}

/* As refuse_signal(). */
static int32_t refuse_point(struct instance *instance, const char *fault) {
    counter_add(&instance->counts.refused_points, 1);
    if (instance->log != NULL)
        log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "point.rejected",
                  "%s: point of a series rejected: %s", instance->spec->deployment, fault);
    return T5_ERROR;
}

static void resolve_point(const struct instance *instance, const t5_point *point,
                          struct published_point *published) {
    const bool is_timer = instance->callback == CALLBACK_TIMER;
    published->series = t5_text(instance->spec->description->series[point->series]);
    published->symbol = point->symbol;
    published->event_time_ns = point->event_time_ns;
    published->value = point->value;
    published->time_frame_s = point->time_frame_s;
    if (point->time_frame_s == 0 && !is_timer)
        published->time_frame_s = instance->message->time_frame_s;
    if (point->symbol.len == 0)
        published->symbol = is_timer ? instance->timer->symbol : instance->message->symbol;
    if (point->event_time_ns == 0)
        published->event_time_ns =
            is_timer ? instance->timer->due_ns : instance->message->event_time_ns;
}

static int32_t service_publish(t5_host *host, const t5_point *point) {
    struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN_SPEAKING))
        return T5_NOT_NOW;
    const char *fault = point_fault(instance, point);
    if (fault != NULL)
        return refuse_point(instance, fault);
    if (instance->env.publish == NULL)
        return T5_UNSUPPORTED;
    if (instance->is_muted)
        return T5_OK; /* of history: as signals */
    struct published_point published;
    resolve_point(instance, point, &published);
    if (!instance->env.publish(instance->env.context, instance, &published))
        return refuse_point(instance, "out of memory");
    counter_add(&instance->counts.points, 1);
    return T5_OK;
}

/* ---- timers and clocks ---- */

static bool take_timer(const struct instance *instance, const t5_timer *timer,
                       struct timer_due *due) {
    if (timer->size < TIMER_SIZE_1_0)
        return false;
    due->clock = timer->clock != 0 ? timer->clock : T5_CLOCK_EVENT;
    due->symbol_id = timer->symbol_id;
    due->key = timer->key;
    due->due_ns = timer->due_ns;
    if (due->clock != T5_CLOCK_EVENT && due->clock != T5_CLOCK_WALL)
        return false;
    return due->symbol_id == T5_NO_SYMBOL ||
           symbols_text(instance->env.symbols, due->symbol_id, NULL) != NULL;
}

static int32_t service_arm_timer(t5_host *host, const t5_timer *timer) {
    struct instance *instance = instance_of(host);
    struct timer_due due;
    if (!is_allowed(instance, IN_TIMING))
        return T5_NOT_NOW;
    if (instance->calls.on_timer == NULL || !take_timer(instance, timer, &due))
        return T5_ERROR;
    struct patience patience = PATIENCE_INIT;
    enum timers_outcome outcome;
    do
        outcome = timers_arm(&instance->timers, &due);
    while (outcome == TIMERS_MEMORY && await_memory(instance, &patience, "a timer"));
    if (outcome == TIMERS_FULL && instance->log != NULL)
        log_event(instance->log, LOG_LEVEL_WARNING, "strategy", "timer.rejected",
                  "%s: timer rejected: the instance already has max_timers = %" PRIu32 " armed",
                  instance->spec->deployment, instance->timers.max_count);
    return outcome == TIMERS_OK ? T5_OK : T5_ERROR;
}

static int32_t service_cancel_timer(t5_host *host, const t5_timer *timer) {
    struct instance *instance = instance_of(host);
    struct timer_due due;
    if (!is_allowed(instance, IN_TIMING))
        return T5_NOT_NOW;
    if (!take_timer(instance, timer, &due))
        return T5_ERROR;
    return timers_cancel(&instance->timers, &due) ? T5_OK : T5_END;
}

static int64_t service_now(t5_host *host, int32_t clock) {
    const struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN_ANY))
        return 0;
    if (clock == T5_CLOCK_WALL && !instance->timers.is_one_clock)
        return instance->late_clock_ns != 0 ? instance->late_clock_ns : clock_wall_ns();
    return instance->event_clock_ns;
}

/* ---- parameters and fields ---- */

static int32_t service_parameter(t5_host *host, const char *name, size_t len, t5_value *value) {
    const struct instance *instance = instance_of(host);
    const struct parameters *parameters = instance->spec->parameters;
    if (!is_allowed(instance, IN_ANY))
        return T5_NOT_NOW;
    if (name == NULL || value == NULL || parameters == NULL)
        return T5_ERROR;
    for (size_t i = 0; i < parameters->count; i++) {
        const struct parameter_value *item = &parameters->items[i];
        if (strlen(item->name) == len && memcmp(item->name, name, len) == 0) {
            *value = item->value;
            watch_parameter(instance->watch, i);
            return T5_OK;
        }
    }
    watch_wrong_parameter(instance->watch, name, len);
    return T5_ERROR;
}

static int32_t service_declare_field(t5_host *host, const char *path, size_t len, uint32_t *index) {
    struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN(CREATE)))
        return T5_NOT_NOW;
    if (path == NULL || index == NULL)
        return T5_ERROR;
    struct error error;
    if (instance_add_field(instance, path, len, index, &error))
        return T5_OK;
    instance->was_oom = error.code == ERROR_MEMORY;
    (void)service_fail(host, error.text, strlen(error.text));
    return T5_ERROR;
}

static int32_t service_document(t5_host *host, t5_document *query) {
    struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN(MESSAGE)))
        return T5_NOT_NOW;
    if (query == NULL || query->size < DOCUMENT_SIZE_1_0)
        return T5_ERROR;
    struct patience patience = PATIENCE_INIT;
    while (instance->document == NULL) {
        struct error error;
        instance->document =
            document_new(instance->message->payload.data, instance->message->payload.len, &error);
        if (instance->document == NULL &&
            (error.code != ERROR_MEMORY || !await_memory(instance, &patience, "a document"))) {
            (void)service_fail(host, error.text, strlen(error.text));
            return T5_ERROR;
        }
    }
    return document_look(instance->document, query);
}

/* ---- symbols ---- */

static int32_t service_symbol_text(t5_host *host, uint32_t symbol_id, t5_str *text) {
    const struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN_ON_LANE))
        return T5_NOT_NOW;
    if (text == NULL)
        return T5_ERROR;
    text->data = symbols_text(instance->env.symbols, symbol_id, &text->len);
    if (text->data != NULL)
        return T5_OK;
    text->len = 0;
    return T5_ERROR;
}

static int32_t service_symbol_id(t5_host *host, const char *text, size_t len, uint32_t *symbol_id) {
    struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN_INTERNING))
        return T5_NOT_NOW;
    if (text == NULL || symbol_id == NULL || len == 0 || len > SYMBOL_LONGEST)
        return T5_ERROR;
    *symbol_id = intern(instance, text, len);
    return *symbol_id != SYMBOL_NONE ? T5_OK : T5_ERROR;
}

/* ---- state ---- */

static int32_t service_record_write(t5_host *host, uint32_t symbol_id, const void *data,
                                    size_t size) {
    struct instance *instance = instance_of(host);
    if (!is_allowed(instance, IN(SAVE)))
        return T5_NOT_NOW;
    if (data == NULL && size > 0)
        return T5_ERROR;
    const char *symbol = NULL;
    size_t symbol_size = 0;
    uint64_t order = 0;
    if (symbol_id != T5_NO_SYMBOL) {
        symbol = symbols_text(instance->env.symbols, symbol_id, &symbol_size);
        if (symbol == NULL)
            return T5_ERROR;
        order = symbols_order(instance->env.symbols, symbol_id);
    }
    if (state_add_record(instance->saving, symbol_id, order, symbol, symbol_size, data, size))
        return T5_OK;
    instance->is_save_oom = true; /* also when the strategy does not look at the answer */
    return T5_ERROR;
}

static int32_t service_record_read(t5_host *host, t5_record *record) {
    struct instance *instance = instance_of(host);
    const struct state *state = instance->loading;
    if (!is_allowed(instance, IN(LOAD)))
        return T5_NOT_NOW;
    if (record == NULL || record->size < RECORD_SIZE_1_0)
        return T5_ERROR;
    if (instance->loading_at >= state->record_count)
        return T5_END;
    const struct state_record *from = &state->records[instance->loading_at];
    uint32_t id = T5_NO_SYMBOL;
    t5_str symbol = {NULL, 0};
    if (from->symbol_size > 0) {
        const char *text = state->bytes.data + from->symbol_at;
        id = symbols_is(instance->env.symbols, from->symbol_id, text, from->symbol_size)
                 ? from->symbol_id
                 : intern(instance, text, from->symbol_size);
        if (id == SYMBOL_NONE)
            return T5_ERROR;
        symbol.data = symbols_text(instance->env.symbols, id, &symbol.len);
    }
    instance->loading_at++;
    if (record->size > sizeof *record)
        record->size = (uint32_t)sizeof *record;
    record->symbol_id = id;
    record->symbol = symbol;
    record->data = state->bytes.data + from->data_at;
    record->data_size = from->data_size;
    return T5_OK;
}

/* ---- wake ---- */

/* The lock makes sure that nobody is called who was unwired, or after deactivate. */
static int32_t service_wake(t5_host *host) {
    struct instance *instance = instance_of(host);
    lock_acquire(&instance->wake_lock, instance_wake_lock);
    const bool is_active = instance->is_active;
    if (is_active && !atomic_exchange(&instance->is_woken, true) && instance->env.wake != NULL)
        instance->env.wake(instance->env.context, instance);
    lock_release(&instance->wake_lock, instance_wake_lock);
    return is_active ? T5_OK : T5_NOT_NOW;
}

const t5_services instance_services = {
    .size = (uint32_t)sizeof(t5_services),
    .abi_minor = T5_ABI_MINOR,
    .log = service_log,
    .fail = service_fail,
    .emit = service_emit,
    .arm_timer = service_arm_timer,
    .cancel_timer = service_cancel_timer,
    .now = service_now,
    .parameter = service_parameter,
    .declare_field = service_declare_field,
    .document = service_document,
    .symbol_text = service_symbol_text,
    .symbol_id = service_symbol_id,
    .record_write = service_record_write,
    .record_read = service_record_read,
    .wake = service_wake,
    .publish = service_publish,
};
