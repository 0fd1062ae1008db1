#include "conformance/cases/harness.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "base/format/members.h"
#include "strategy/instance/instance.h"
#include "strategy/plugin/guard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_SHOWN 400
#define SIGNAL_SHOWN  500

/* ---- what most cases begin with ---- */

bool fixture_script(struct case_context *context, const struct description *description,
                    struct script_options options, enum script_mutation mutation,
                    struct script *script) {
    options.description = description;
    options.recording = context->recording.count > 0 ? &context->recording : NULL;
    options.symbols = context->request.deployment.symbols;
    if (mutation != 0)
        script_mutation(script, &options, mutation);
    else
        script_market(script, &options);
    return (!script->is_oom && script_read(script, &context->request.decode)) ||
           case_fail(context, "out of memory for the messages");
}

bool fixture_init(struct fixture *fixture, struct case_context *context,
                  struct script_options options, enum script_mutation mutation) {
    script_init(&fixture->script);
    return setup_plain(&fixture->setup, context) &&
           fixture_script(context, fixture->setup.description, options, mutation, &fixture->script);
}

bool fixture_init_mixed(struct fixture *fixture, struct case_context *context, size_t count) {
    const struct script_options options = {
        .seed = context->seed, .count = count, .envelope = MARKET_MIXED};
    return fixture_init(fixture, context, options, 0);
}

void fixture_release(struct fixture *fixture) {
    script_release(&fixture->script);
    setup_release(&fixture->setup);
}

/* ---- what it says ---- */

static bool write_down(void *context, struct instance *instance,
                       const struct emitted_signal *emitted) {
    struct harness *harness = context;
    struct text *tape = &harness->tape;
    const size_t begin = tape->size;
    struct json_writer json = json_writer_of(tape);
    (void)instance;
    if (harness->is_history)
        return true;
    json_begin_object(&json, NULL);
    json_bytes(&json, "name", emitted->name.data, emitted->name.len);
    json_bytes(&json, "symbol", emitted->symbol.data, emitted->symbol.len);
    json_integer(&json, "time", emitted->event_time_ns);
    json_number(&json, "value", emitted->value);
    json_number(&json, "confidence", emitted->confidence);
    if (emitted->data.len > 0 || emitted->value_count > 0)
        text_members(json_value(&json, "data"), emitted->data, emitted->values,
                     emitted->value_count);
    json_end_object(&json);
    text_putc(tape, '\n');
    if (harness->list != NULL && !text_is_oom(tape))
        signal_list_add(harness->list, emitted, harness->call_number, begin, tape->size);
    return !text_is_oom(tape);
}

bool harness_list_signals(struct harness *harness) {
    harness->list = calloc(1, sizeof *harness->list);
    return harness->list != NULL && signal_list_init(harness->list);
}

static void wake(void *context, struct instance *instance) {
    struct harness *harness = context;
    (void)instance;
    atomic_store(&harness->is_woken, true);
}

static void serve_wake(struct harness *harness) {
    if (!atomic_exchange(&harness->is_woken, false))
        return;
    case_step(harness->context, "on_event (WOKEN)");
    instance_woken(harness->instance);
}

/* ---- life ---- */

static void step_timer(void *context, const t5_timer *timer) {
    struct harness *harness = context;
    if (timer != NULL)
        case_step(harness->context, "on_timer, key %" PRIu64 ", before a message of %.*s",
                  timer->key, (int)harness->current_call->key_size, harness->current_call->key);
}

/* What create and the like do to floating point and locale is put back, and is no harm done. */
static void note_changes(void *context, struct instance *instance, enum callback callback,
                         unsigned changes) {
    struct harness *harness = context;
    (void)instance;
    if (callback != CALLBACK_MESSAGE && callback != CALLBACK_TIMER && callback != CALLBACK_EVENT)
        changes &= ~(unsigned)(GUARD_FP | GUARD_LOCALE | GUARD_THREAD_LOCALE);
    harness->context->changes |= changes & ~(unsigned)GUARD_FORK;
}

bool harness_init(struct harness *harness, struct case_context *context, const struct setup *setup,
                  int32_t partition) {
    memset(harness, 0, sizeof *harness);
    text_init(&harness->tape);
    harness->context = context;
    harness->setup = setup;
    harness->partition = setup->description->scope == T5_SCOPE_GLOBAL ? 0 : partition;
    harness->number = case_tape_instance(&context->tape, harness->partition);
    harness->symbols = symbols_new((uint32_t)context->request.max_symbols);
    harness->projection = projection_new();
    const struct instance_env env = {
        .mode = T5_MODE_CHECK,
        .partition = setup->description->scope == T5_SCOPE_GLOBAL ? -1 : partition,
        .symbols = harness->symbols,
        .log = context->log,
        .max_signals_per_callback = (uint32_t)context->request.max_signals,
        .max_timers = (uint32_t)context->request.max_timers,
        .context = harness,
        .emit = write_down,
        .wake = wake,
        .meddled = note_changes,
    };
    if (harness->symbols == NULL || harness->projection == NULL)
        return error_set_memory(&harness->error, "an instance");
    case_step(context, "create");
    harness->instance =
        instance_create(&setup->spec, &env, harness->projection, NULL, &harness->error);
    if (harness->instance == NULL || !projection_seal(harness->projection, &harness->error))
        return false;
    instance_set_before_timer(harness->instance, step_timer, harness);
    harness->decoder = decoder_new(harness->projection, &context->request.decode, &harness->error);
    return harness->decoder != NULL;
}

bool harness_open(struct harness *harness, struct case_context *context, const struct setup *setup,
                  int32_t partition) {
    return harness_init(harness, context, setup, partition) ||
           case_fail(context, "with the given settings: %s", harness->error.text);
}

static void deactivate(struct harness *harness) {
    if (!harness->is_active)
        return;
    case_step(harness->context, "deactivate");
    instance_deactivate(harness->instance);
    harness->is_active = false;
}

void harness_release(struct harness *harness) {
    deactivate(harness);
    if (harness->instance != NULL) {
        case_step(harness->context, "destroy");
        instance_destroy(harness->instance);
    }
    decoder_free(harness->decoder);
    projection_free(harness->projection);
    symbols_free(harness->symbols);
    text_release(&harness->tape);
    if (harness->list != NULL)
        signal_list_release(harness->list);
    free(harness->list);
    harness->list = NULL;
    harness->instance = NULL;
}

bool harness_shift_symbols(struct harness *harness, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        const int size = snprintf(name, sizeof name, "SHIFT%" PRIu32, i);
        if (symbols_intern(harness->symbols, name, (size_t)size, NULL) == SYMBOL_NONE)
            return error_set_memory(&harness->error, "symbols");
    }
    return true;
}

bool harness_load(struct harness *harness, const struct state *state) {
    for (size_t i = 0; i < state->record_count; i++) {
        const struct state_record *record = &state->records[i];
        if (record->symbol_size > 0)
            (void)symbols_intern(harness->symbols, state->bytes.data + record->symbol_at,
                                 record->symbol_size, NULL);
    }
    case_step(harness->context, "load");
    return instance_load(harness->instance, state, &harness->error);
}

void harness_activate(struct harness *harness, bool is_fresh) {
    case_step(harness->context, "activate");
    instance_activate(harness->instance);
    harness->is_active = true;
    if (!is_fresh)
        return;
    const t5_event event = {.size = (uint32_t)sizeof event,
                            .kind = T5_EVENT_FRESH,
                            .topic = UINT32_MAX,
                            .symbol_id = T5_NO_SYMBOL,
                            .from_offset = -1,
                            .to_offset = -1};
    case_step(harness->context, "on_event (FRESH)");
    instance_event(harness->instance, &event);
}

void harness_event(struct harness *harness, const t5_event *event) {
    case_step(harness->context, "on_event (kind %" PRIu32 ")", event->kind);
    instance_event(harness->instance, event);
    serve_wake(harness);
}

bool harness_save(struct harness *harness, enum t5_save_reason reason, struct state *state) {
    case_step(harness->context, "save");
    return instance_save(harness->instance, reason, state, &harness->error);
}

/* ---- messages ---- */

/* A code that is none was made T5_ERROR by the instance; its words tell. */
static bool is_bad_code(const char *problem) {
    return strstr(problem, " returned code ") != NULL &&
           strstr(problem, ", expected one of ") != NULL;
}

static void count(struct harness *harness, const struct script_message *message) {
    const struct instance_counts *counts = instance_counts(harness->instance);
    const size_t errors = atomic_load(&counts->errors), rejects = atomic_load(&counts->rejects);
    if (errors != harness->errors || rejects != harness->rejects) {
        (void)snprintf(harness->problem, sizeof harness->problem, "%s",
                       instance_error(harness->instance));
        if (is_bad_code(harness->problem) && !harness->context->has_bad_code) {
            harness->context->has_bad_code = true;
            case_fail(harness->context, "%s; the message was %.*s", harness->problem,
                      message->payload_size < PAYLOAD_SHOWN ? (int)message->payload_size
                                                            : PAYLOAD_SHOWN,
                      message->payload);
        }
    }
    harness->errors = errors;
    harness->rejects = rejects;
    harness->signals = atomic_load(&counts->signals);
    harness->refused = atomic_load(&counts->refused_signals);
}

static void step_message(struct harness *harness, const struct script_message *message,
                         const char *role) {
    if (harness->context->is_quiet)
        return;
    const int shown =
        message->payload_size < PAYLOAD_SHOWN ? (int)message->payload_size : PAYLOAD_SHOWN;
    case_step(harness->context, "on_message of %s%s%s, message %.*s%s", role,
              message->what != NULL ? ", " : "", message->what != NULL ? message->what : "", shown,
              message->payload, (size_t)shown < message->payload_size ? "..." : "");
}

int32_t harness_feed(struct harness *harness, const struct script_message *given) {
    const char *role = harness->setup->description->topics[given->topic];
    const struct record record = {
        .payload = given->payload,
        .payload_size = given->payload_size,
        .key = given->key,
        .key_size = given->key_size,
        .kafka_time_ms = given->kafka_time_ms,
        .offset = (int64_t)(harness->messages + harness->unusable),
        .partition = 0,
        .topic = given->topic,
    };
    t5_message message = {.size = (uint32_t)sizeof message};
    uint32_t warnings;
    if (decoder_decode(harness->decoder, &record, &message, &warnings) != DECODE_OK) {
        harness->unusable++;
        return 0;
    }
    message.size = (uint32_t)sizeof message;
    if (harness->is_history)
        message.flags |= T5_MESSAGE_HISTORY;
    message.topic_name = t5_text(role);
    message.symbol_id =
        symbols_intern(harness->symbols, message.symbol.data, message.symbol.len, NULL);
    if (message.symbol_id == SYMBOL_NONE)
        return 0;
    harness->current_call = given;
    step_message(harness, given, role);
    case_tape_message(&harness->context->tape, harness->number, harness->partition, &record, role);
    uint64_t ticks = clock_ticks();
    const int32_t code = instance_message(harness->instance, &message, given->topic, &ticks);
    harness->messages++;
    count(harness, given);
    serve_wake(harness);
    return code;
}

void harness_feed_all(struct harness *harness, const struct script *script, size_t begin,
                      size_t end) {
    for (size_t i = begin; i < end && i < script->count; i++) {
        harness->call_number = i;
        (void)harness_feed(harness, &script->items[i]);
    }
}

void harness_judge_signals(struct harness *harness) {
    struct text line;
    if (harness->refused == 0)
        return;
    text_init(&line);
    case_last_log(harness->context, &line);
    case_fail(harness->context, "%zu of %zu signals were not well formed; the last: %s",
              harness->refused, harness->refused + harness->signals, line.data);
    text_release(&line);
}

/* A signal for a fault: the tape's line at `begin`, cut, or that there is none. */
static void show_line(const struct text *tape, size_t begin, char *shown, size_t size) {
    const char *line = tape->data + begin;
    if (begin == tape->size)
        (void)snprintf(shown, size, "none");
    else
        (void)snprintf(shown, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* Where two tapes part: the lines of either side, and their number. */
struct parting {
    size_t line;
    char a[SIGNAL_SHOWN], b[SIGNAL_SHOWN];
};

static bool is_same(const struct text *a, const struct text *b) {
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

bool harness_do_agree(const struct harness *a, const struct harness *b) {
    return is_same(&a->tape, &b->tape);
}

bool harness_is_repeatable(struct case_context *context, const struct fixture *fixture) {
    struct harness first, second;
    bool is_repeatable = harness_open(&first, context, &fixture->setup, 0);
    if (harness_open(&second, context, &fixture->setup, 0) && is_repeatable) {
        harness_activate(&first, true);
        harness_feed_all(&first, &fixture->script, 0, fixture->script.count);
        harness_activate(&second, true);
        harness_feed_all(&second, &fixture->script, 0, fixture->script.count);
        is_repeatable = harness_do_agree(&first, &second);
        if (!is_repeatable)
            case_note(context, "cannot be decided: the same messages give other signals each time, "
                               "see the case repeatable");
    }
    harness_release(&second);
    harness_release(&first);
    return is_repeatable;
}

static bool find_parting(const struct text *a, const struct text *b, struct parting *parting) {
    size_t same = 0, begin = 0;
    if (is_same(a, b))
        return false;
    parting->line = 1;
    while (same < a->size && same < b->size && a->data[same] == b->data[same]) {
        if (a->data[same++] == '\n') {
            parting->line++;
            begin = same;
        }
    }
    show_line(a, begin, parting->a, sizeof parting->a);
    show_line(b, begin, parting->b, sizeof parting->b);
    return true;
}

void harness_compare(struct case_context *context, const char *what, const struct harness *a,
                     const char *a_name, const struct harness *b, const char *b_name) {
    struct parting parting;
    if (find_parting(&a->tape, &b->tape, &parting))
        case_fail(context, "%s: signal %zu is %s %s, %s %s", what, parting.line, parting.a, a_name,
                  parting.b, b_name);
}

void harness_note_difference(struct case_context *context, const char *what,
                             const struct harness *a, const char *a_name, const struct harness *b,
                             const char *b_name) {
    struct parting parting;
    if (find_parting(&a->tape, &b->tape, &parting))
        case_note(context, "%s: signal %zu is %s %s, %s %s", what, parting.line, parting.a, a_name,
                  parting.b, b_name);
}
