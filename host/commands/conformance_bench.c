#include "commands/conformance_bench.h"

#include "base/clock.h"
#include "strategy/guard.h"
#include "strategy/instance_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_SHOWN 400
#define SIGNAL_SHOWN  500

/* ---- what most cases begin with ---- */

bool scene_init(struct scene *scene, struct trial *trial, struct script_options options,
                enum script_spoil spoil) {
    script_init(&scene->script);
    if (!setup_plain(&scene->setup, trial))
        return false;
    options.description = scene->setup.description;
    if (spoil != 0)
        script_spoiled(&scene->script, &options, spoil);
    else
        script_market(&scene->script, &options);
    return !scene->script.is_short || trial_fail(trial, "out of memory for the messages");
}

void scene_release(struct scene *scene) {
    script_release(&scene->script);
    setup_release(&scene->setup);
}

/* ---- what it says ---- */

static bool write_down(void *context, struct instance *instance, const struct emission *emission) {
    struct bench *bench = context;
    struct text *tape = &bench->tape;
    (void)instance;
    text_puts(tape, "{\"name\":");
    text_json_string(tape, emission->name.data, emission->name.len);
    text_puts(tape, ",\"symbol\":");
    text_json_string(tape, emission->symbol.data, emission->symbol.len);
    text_printf(tape, ",\"time\":%" PRId64 ",\"value\":", emission->event_time_ns);
    text_json_number(tape, emission->value);
    text_puts(tape, ",\"confidence\":");
    text_json_number(tape, emission->confidence);
    if (emission->data.len > 0) {
        text_puts(tape, ",\"data\":");
        text_append(tape, emission->data.data, emission->data.len);
    }
    text_puts(tape, "}\n");
    return !text_is_short(tape);
}

static void wake(void *context, struct instance *instance) {
    struct bench *bench = context;
    (void)instance;
    atomic_store(&bench->is_woken, true);
}

static void serve_wake(struct bench *bench) {
    if (!atomic_exchange(&bench->is_woken, false))
        return;
    trial_step(bench->trial, "on_event (WOKEN)");
    instance_woken(bench->instance);
}

/* ---- life ---- */

static void step_timer(void *context, const t5_timer *timer) {
    struct bench *bench = context;
    if (timer != NULL)
        trial_step(bench->trial, "on_timer, key %" PRIu64 ", before a message of %.*s", timer->key,
                   (int)bench->in_hand->key_size, bench->in_hand->key);
}

bool bench_init(struct bench *bench, struct trial *trial, const struct setup *setup,
                int32_t partition) {
    memset(bench, 0, sizeof *bench);
    text_init(&bench->tape);
    bench->trial = trial;
    bench->setup = setup;
    bench->symbols = symbols_new((uint32_t)trial->request.max_symbols);
    bench->projection = projection_new();
    const struct instance_wiring wiring = {
        .mode = T5_MODE_CHECK,
        .partition = setup->description->scope == T5_SCOPE_GLOBAL ? -1 : partition,
        .symbols = bench->symbols,
        .log = trial->log,
        .max_signals_per_callback = (uint32_t)trial->request.max_signals,
        .max_timers = (uint32_t)trial->request.max_timers,
        .context = bench,
        .emit = write_down,
        .wake = wake,
    };
    if (bench->symbols == NULL || bench->projection == NULL)
        return error_set_memory(&bench->error, sizeof *bench, "an instance");
    trial_step(trial, "create");
    bench->instance =
        instance_create(&setup->blueprint, &wiring, bench->projection, NULL, &bench->error);
    if (bench->instance == NULL || !projection_seal(bench->projection, &bench->error))
        return false;
    instance_set_before_timer(bench->instance, step_timer, bench);
    bench->decoder = decoder_new(bench->projection, &trial->request.decode, &bench->error);
    return bench->decoder != NULL;
}

bool bench_open(struct bench *bench, struct trial *trial, const struct setup *setup,
                int32_t partition) {
    return bench_init(bench, trial, setup, partition) ||
           trial_fail(trial, "with the settings as they are: %s", bench->error.text);
}

void bench_release(struct bench *bench) {
    bench_deactivate(bench);
    if (bench->instance != NULL) {
        trial_step(bench->trial, "destroy");
        instance_destroy(bench->instance);
    }
    decoder_free(bench->decoder);
    projection_free(bench->projection);
    symbols_free(bench->symbols);
    text_release(&bench->tape);
    bench->instance = NULL;
}

bool bench_shift_symbols(struct bench *bench, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        const int size = snprintf(name, sizeof name, "SHIFT%" PRIu32, i);
        if (symbols_intern(bench->symbols, name, (size_t)size, NULL) == SYMBOL_NONE)
            return error_set_memory(&bench->error, count, "symbols");
    }
    return true;
}

bool bench_load(struct bench *bench, const struct state *state) {
    for (size_t i = 0; i < state->record_count; i++) {
        const struct state_record *record = &state->records[i];
        if (record->symbol_size > 0)
            (void)symbols_intern(bench->symbols, state->bytes.data + record->symbol_at,
                                 record->symbol_size, NULL);
    }
    trial_step(bench->trial, "load");
    return instance_load(bench->instance, state, &bench->error);
}

void bench_activate(struct bench *bench, bool is_fresh) {
    trial_step(bench->trial, "activate");
    instance_activate(bench->instance);
    bench->is_active = true;
    if (!is_fresh)
        return;
    const t5_event event = {.size = (uint32_t)sizeof event,
                            .kind = T5_EVENT_FRESH,
                            .topic = UINT32_MAX,
                            .symbol_id = T5_NO_SYMBOL,
                            .from_offset = -1,
                            .to_offset = -1};
    trial_step(bench->trial, "on_event (FRESH)");
    instance_event(bench->instance, &event);
}

void bench_event(struct bench *bench, const t5_event *event) {
    trial_step(bench->trial, "on_event (kind %" PRIu32 ")", event->kind);
    instance_event(bench->instance, event);
    serve_wake(bench);
}

void bench_deactivate(struct bench *bench) {
    if (!bench->is_active)
        return;
    trial_step(bench->trial, "deactivate");
    instance_deactivate(bench->instance);
    bench->is_active = false;
}

bool bench_save(struct bench *bench, enum t5_save_reason reason, struct state *state) {
    trial_step(bench->trial, "save");
    return instance_save(bench->instance, reason, state, &bench->error);
}

/* ---- messages ---- */

/* A code that is none was made T5_ERROR by the instance; its words tell. */
static bool is_bad_code(const char *complaint) {
    return strstr(complaint, " answered code ") != NULL &&
           strstr(complaint, ", which is none of ") != NULL;
}

static void count(struct bench *bench, const struct script_message *message) {
    const struct instance_counts *counts = instance_counts(bench->instance);
    const size_t errors = atomic_load(&counts->errors), rejects = atomic_load(&counts->rejects);
    if (errors != bench->errors || rejects != bench->rejects) {
        (void)snprintf(bench->complaint, sizeof bench->complaint, "%s",
                       instance_complaint(bench->instance));
        if (is_bad_code(bench->complaint) && !bench->trial->has_bad_code) {
            bench->trial->has_bad_code = true;
            trial_fail(bench->trial, "%s; the message was %.*s", bench->complaint,
                       message->payload_size < PAYLOAD_SHOWN ? (int)message->payload_size
                                                             : PAYLOAD_SHOWN,
                       message->payload);
        }
    }
    bench->errors = errors;
    bench->rejects = rejects;
    bench->signals = atomic_load(&counts->signals);
    bench->refused = atomic_load(&counts->refused_signals);
}

static void step_message(struct bench *bench, const struct script_message *message,
                         const char *role) {
    if (bench->trial->is_quiet)
        return;
    const int shown =
        message->payload_size < PAYLOAD_SHOWN ? (int)message->payload_size : PAYLOAD_SHOWN;
    trial_step(bench->trial, "on_message of %s%s%s, message %.*s%s", role,
               message->what != NULL ? ", " : "", message->what != NULL ? message->what : "", shown,
               message->payload, (size_t)shown < message->payload_size ? "..." : "");
}

int32_t bench_feed(struct bench *bench, const struct script_message *given) {
    const char *role = bench->setup->description->topics[given->topic];
    const struct record record = {
        .payload = given->payload,
        .payload_size = given->payload_size,
        .key = given->key,
        .key_size = given->key_size,
        .kafka_time_ms = given->kafka_time_ms,
        .offset = (int64_t)(bench->messages + bench->unusable),
        .partition = 0,
        .topic = given->topic,
    };
    t5_message message = {.size = (uint32_t)sizeof message};
    uint32_t remarks;
    if (decoder_decode(bench->decoder, &record, &message, &remarks) != DECODE_OK) {
        bench->unusable++;
        return 0;
    }
    message.size = (uint32_t)sizeof message;
    message.topic_name = t5_text(role);
    message.symbol_id =
        symbols_intern(bench->symbols, message.symbol.data, message.symbol.len, NULL);
    if (message.symbol_id == SYMBOL_NONE)
        return 0;
    bench->in_hand = given;
    step_message(bench, given, role);
    uint64_t ticks = clock_ticks();
    const int32_t code = instance_message(bench->instance, &message, given->topic, &ticks);
    bench->messages++;
    count(bench, given);
    serve_wake(bench);
    return code;
}

void bench_feed_all(struct bench *bench, const struct script *script, size_t begin, size_t end) {
    for (size_t i = begin; i < end && i < script->count; i++)
        (void)bench_feed(bench, &script->items[i]);
}

void bench_judge_signals(struct bench *bench) {
    struct text line;
    if (bench->refused == 0)
        return;
    text_init(&line);
    trial_last_log(bench->trial, &line);
    trial_fail(bench->trial, "%zu of %zu signals were not well formed; the last: %s",
               bench->refused, bench->refused + bench->signals, line.data);
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

/* Where two tapes part, in words: the lines of either side. */
static void show_difference(struct trial *trial, const char *what, const struct text *a,
                            const char *a_name, const struct text *b, const char *b_name) {
    size_t same = 0, line = 1, begin = 0;
    char a_line[SIGNAL_SHOWN], b_line[SIGNAL_SHOWN];
    while (same < a->size && same < b->size && a->data[same] == b->data[same]) {
        if (a->data[same++] == '\n') {
            line++;
            begin = same;
        }
    }
    show_line(a, begin, a_line, sizeof a_line);
    show_line(b, begin, b_line, sizeof b_line);
    trial_fail(trial, "%s: signal %zu is %s %s, %s %s", what, line, a_line, a_name, b_line, b_name);
}

void bench_compare(struct trial *trial, const char *what, const struct bench *a, const char *a_name,
                   const struct bench *b, const char *b_name) {
    if (a->tape.size == b->tape.size && memcmp(a->tape.data, b->tape.data, a->tape.size) == 0)
        return;
    show_difference(trial, what, &a->tape, a_name, &b->tape, b_name);
}
