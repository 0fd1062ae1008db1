/*
 * The child's side of a rehearsal: it does with a strategy what the host would do, and says each
 * step before it takes it, so that the parent knows where it died.
 */
#include "strategy/instance/instance.h"
#include "strategy/rehearsal/crash_answer.h"
#include "strategy/rehearsal/protocol.h"
#include "strategy/rehearsal/rehearsal.h"

#include "base/clock.h"
#include "base/io.h"
#include "log/log.h"
#include "message/decode.h"
#include "message/symbols.h"
#include "os/child.h"
#include "strategy/plugin/guard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Instances to try when no state was given: one for each partition number of the records. */
#define MOST_FRESH_PARTS 8

enum { EXIT_REHEARSED = 0, EXIT_REFUSED = 1, EXIT_MISUSED = 2 };

struct child {
    int output;
    struct text out;
    struct request request;
    struct generation *generation; /* in the request */
    struct description *description;
    struct parameters parameters;
    struct instance_spec spec;
    struct log *log;
    struct faults faults;
    struct rehearsal_answer answer;
    struct place place; /* of the strategy's file */
};

/* ---- talking ---- */

__attribute__((format(printf, 2, 3))) static void step(struct child *child, const char *format,
                                                       ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    answer_put(&child->out, ANSWER_STEP, text, strlen(text));
    answers_send(&child->out, child->output);
}

/* A step for one partition number; GLOBAL has none. */
static void step_part(struct child *child, const char *what, int32_t partition) {
    if (partition >= 0)
        step(child, "%s partition %" PRId32, what, partition);
    else
        step(child, "%s", what);
}

static void send_faults(struct child *child) {
    for (size_t i = 0; i < child->faults.count; i++) {
        const struct fault *fault = &child->faults.items[i];
        const char *text = fault->text != NULL ? fault->text : "out of memory";
        answer_put(&child->out, fault->is_warning ? ANSWER_WARNING : ANSWER_FAULT, text,
                   strlen(text));
    }
    answers_send(&child->out, child->output);
}

/* NULL when there is no whole request. */
static char *read_request(int input, size_t *size) {
    char head[REQUEST_LENGTH_SIZE];
    struct wire_reader reader;
    if (io_read_all(input, head, sizeof head) != sizeof head)
        return NULL;
    wire_open(&reader, head, sizeof head);
    const uint64_t length = wire_u64(&reader);
    if (length == 0 || length > SIZE_MAX / 2)
        return NULL;
    char *bytes = malloc((size_t)length);
    if (bytes != NULL && io_read_all(input, bytes, (size_t)length) != (ssize_t)length) {
        free(bytes);
        return NULL;
    }
    *size = (size_t)length;
    return bytes;
}

/* ---- one instance ---- */

static bool refuse(struct child *child, int32_t partition, const struct error *error) {
    if (partition >= 0)
        faults_add(&child->faults, child->place, "%s, partition %" PRId32 ": %s",
                   child->spec.deployment, partition, error->text);
    else
        faults_add(&child->faults, child->place, "%s: %s", child->spec.deployment, error->text);
    return false;
}

struct rehearsed {
    struct child *child;
    int32_t partition;
    struct symbols *symbols;
    struct projection *projection;
    struct decoder *decoder;
    struct instance *instance;
    struct state state;
    bool has_state;
    const struct record *record; /* the current one */
};

static bool is_listed(char *const *list, t5_str text) {
    for (; *list != NULL; list++)
        if (t5_str_equal(t5_text(*list), text))
            return true;
    return false;
}

/* Index of the record's topic among those that the strategy wants and the deployment gives it. */
static bool find_topic(const struct child *child, const struct record *record, uint32_t *index) {
    if (record->topic >= child->request.topic_count)
        return false;
    const char *role = child->request.topics[record->topic].role;
    char *const *filter = child->request.deployment.topics;
    if (filter != NULL && !is_listed(filter, t5_text(role)))
        return false;
    for (size_t i = 0; i < child->description->topic_count; i++) {
        if (strcmp(child->description->topics[i], role) == 0) {
            *index = (uint32_t)i;
            return true;
        }
    }
    return false;
}

static bool is_filtered_out(const struct child *child, const t5_message *message) {
    const struct config_deployment *deployment = &child->request.deployment;
    if (deployment->symbols != NULL && !is_listed(deployment->symbols, message->symbol))
        return true;
    if (deployment->time_frames == NULL)
        return false;
    for (const uint32_t *frame = deployment->time_frames; *frame != 0; frame++)
        if (*frame == message->time_frame_s)
            return false;
    return true;
}

/* What the next step does with the current record. */
static void step_record(struct rehearsed *rehearsed, const char *what) {
    const struct record *record = rehearsed->record;
    step(rehearsed->child, "%s %s/%" PRId32 "/%" PRId64, what,
         rehearsed->child->request.topics[record->topic].name, record->partition, record->offset);
}

static void step_timer(void *context, const t5_timer *timer) {
    step_record(context, timer != NULL ? "on_timer before" : "on_message");
}

static void feed(struct rehearsed *rehearsed, const struct record *record) {
    struct child *child = rehearsed->child;
    t5_message message = {.size = (uint32_t)sizeof message};
    uint32_t topic, warnings;
    if (!find_topic(child, record, &topic) ||
        decoder_decode(rehearsed->decoder, record, &message, &warnings) != DECODE_OK ||
        is_filtered_out(child, &message))
        return;
    message.size = (uint32_t)sizeof message;
    message.topic_name = t5_text(child->request.topics[record->topic].name);
    message.symbol_id =
        symbols_intern(rehearsed->symbols, message.symbol.data, message.symbol.len, NULL);
    if (message.symbol_id == SYMBOL_NONE)
        return;
    rehearsed->record = record;
    step_record(rehearsed, "on_message");
    uint64_t ticks = clock_ticks();
    child->answer.messages++;
    (void)instance_message(rehearsed->instance, &message, topic, &ticks);
}

static void feed_all(struct rehearsed *rehearsed) {
    const struct request *request = &rehearsed->child->request;
    struct guard guard;
    (void)guard_begin(&guard);
    for (size_t i = 0; i < request->record_count; i++)
        if (rehearsed->partition < 0 || request->records[i].partition == rehearsed->partition)
            feed(rehearsed, &request->records[i]);
    rehearsed->child->answer.changes |= guard_end(&guard);
}

/* Its instance changed something, and the guard put it back. */
static void note_changes(void *context, struct instance *instance, enum callback callback,
                         unsigned changes) {
    struct rehearsed *rehearsed = context;
    (void)instance;
    (void)callback;
    rehearsed->child->answer.changes |= changes;
}

static bool make_rehearsed(struct rehearsed *rehearsed, struct error *error) {
    struct child *child = rehearsed->child;
    const struct instance_env env = {
        .mode = T5_MODE_CHECK,
        .partition = rehearsed->partition,
        .symbols = rehearsed->symbols,
        .log = child->log,
        .max_signals_per_callback = (uint32_t)child->request.max_signals,
        .max_timers = (uint32_t)child->request.max_timers,
        .context = rehearsed,
        .meddled = note_changes,
    };
    if (rehearsed->symbols == NULL || rehearsed->projection == NULL)
        return error_set_memory(error, "a rehearsal");
    step_part(child, "create", rehearsed->partition);
    rehearsed->instance = instance_create(&child->spec, &env, rehearsed->projection, NULL, error);
    if (rehearsed->instance == NULL || !projection_seal(rehearsed->projection, error))
        return false;
    instance_set_before_timer(rehearsed->instance, step_timer, rehearsed);
    rehearsed->decoder = decoder_new(rehearsed->projection, &child->request.decode, error);
    return rehearsed->decoder != NULL;
}

/* The state goes to `load` if the host would hand it over too. */
static bool play_load(struct rehearsed *rehearsed, bool *is_fresh, struct error *error) {
    const char *why;
    *is_fresh = !rehearsed->has_state ||
                !instance_takes_state(rehearsed->instance, &rehearsed->state, &why);
    if (*is_fresh)
        return true;
    step_part(rehearsed->child, "load", rehearsed->partition);
    return instance_load(rehearsed->instance, &rehearsed->state, error);
}

static bool play_save(struct rehearsed *rehearsed, struct error *error) {
    struct state saved;
    if (!rehearsed->child->description->has_save)
        return true;
    state_init(&saved);
    step_part(rehearsed->child, "save", rehearsed->partition);
    const bool is_good = instance_save(rehearsed->instance, T5_SAVE_RELOAD, &saved, error);
    state_release(&saved);
    return is_good;
}

static bool play(struct rehearsed *rehearsed, struct error *error) {
    struct child *child = rehearsed->child;
    bool is_fresh;
    if (!play_load(rehearsed, &is_fresh, error))
        return false;
    step_part(child, "activate", rehearsed->partition);
    instance_activate(rehearsed->instance);
    if (is_fresh) {
        const t5_event event = {.size = (uint32_t)sizeof event,
                                .kind = T5_EVENT_FRESH,
                                .topic = UINT32_MAX,
                                .symbol_id = T5_NO_SYMBOL,
                                .from_offset = -1,
                                .to_offset = -1};
        step_part(child, "on_event", rehearsed->partition);
        instance_event(rehearsed->instance, &event);
    }
    feed_all(rehearsed);
    const bool is_good = play_save(rehearsed, error);
    step_part(child, "deactivate", rehearsed->partition);
    instance_deactivate(rehearsed->instance);
    return is_good;
}

static void release_rehearsed(struct rehearsed *rehearsed) {
    if (rehearsed->instance != NULL) {
        const struct instance_counts *counts = instance_counts(rehearsed->instance);
        rehearsed->child->answer.errors += atomic_load(&counts->errors);
        rehearsed->child->answer.signals += atomic_load(&counts->signals);
        step_part(rehearsed->child, "destroy", rehearsed->partition);
        instance_destroy(rehearsed->instance);
    }
    decoder_free(rehearsed->decoder);
    projection_free(rehearsed->projection);
    symbols_free(rehearsed->symbols);
    state_release(&rehearsed->state);
}

static bool rehearse_part(struct child *child, const struct request_part *part) {
    struct error error;
    struct rehearsed rehearsed = {
        .child = child,
        .partition = part->partition,
        .symbols = symbols_new((uint32_t)child->request.max_symbols),
        .projection = projection_new(),
        .has_state = part->state.len > 0,
    };
    state_init(&rehearsed.state);
    bool is_good = true;
    if (rehearsed.has_state)
        is_good = state_decode(&rehearsed.state, part->state.data, part->state.len, &error);
    is_good = is_good && make_rehearsed(&rehearsed, &error) && play(&rehearsed, &error);
    release_rehearsed(&rehearsed);
    return is_good || refuse(child, part->partition, &error);
}

/* Without states: a fresh instance for each partition number that the records have. */
static bool rehearse_fresh(struct child *child) {
    struct request_part parts[MOST_FRESH_PARTS] = {{.partition = 0}};
    size_t count = 0;
    if (child->description->scope == T5_SCOPE_GLOBAL) {
        parts[0].partition = -1;
        count = 1;
    }
    for (size_t i = 0; i < child->request.record_count && parts[0].partition >= 0; i++) {
        const int32_t partition = child->request.records[i].partition;
        size_t at = 0;
        while (at < count && parts[at].partition != partition)
            at++;
        if (at == count && count < MOST_FRESH_PARTS)
            parts[count++].partition = partition;
    }
    if (count == 0)
        count = 1;
    for (size_t i = 0; i < count; i++)
        if (!rehearse_part(child, &parts[i]))
            return false;
    return true;
}

/* ---- the whole ---- */

static bool check_topics(struct child *child) {
    bool is_good = true;
    for (size_t i = 0; i < child->description->topic_count; i++) {
        const char *role = child->description->topics[i];
        bool is_known = false;
        for (size_t j = 0; j < child->request.topic_count; j++)
            is_known = is_known || strcmp(child->request.topics[j].role, role) == 0;
        if (is_known)
            continue;
        faults_add(&child->faults, child->place,
                   "subscribes to topic %s, which is not configured: add [topic:%s]", role, role);
        is_good = false;
    }
    return is_good;
}

static bool describe(struct child *child) {
    const struct config_deployment *deployment =
        child->request.has_deployment ? &child->request.deployment : NULL;
    struct place place = deployment != NULL ? deployment->place : child->place;
    if (child->generation->description->has_describe)
        step(child, "describe");
    child->description = description_describe(
        child->generation->description, child->generation->descriptor,
        deployment != NULL ? &deployment->settings : NULL, place, &child->faults);
    if (child->description == NULL)
        return false;
    const bool has_parameters =
        parameters_check(child->description, deployment, &child->parameters, &child->faults);
    return check_topics(child) && has_parameters;
}

static bool rehearse(struct child *child) {
    child->generation = &child->request.generation;
    child->place = (struct place){child->generation->source_path, 0};
    step(child, "open");
    if (!generation_open(child->generation, &child->faults) || !describe(child))
        return false;
    child->answer.changes = child->generation->changes;
    child->spec = (struct instance_spec){
        .deployment = child->request.has_deployment ? child->request.deployment.name
                                                    : child->generation->name,
        .descriptor = child->generation->descriptor,
        .description = child->description,
        .parameters = &child->parameters,
        .generation = child->generation->number,
    };
    if (child->request.part_count == 0)
        return rehearse_fresh(child);
    for (size_t i = 0; i < child->request.part_count; i++)
        if (!rehearse_part(child, &child->request.parts[i]))
            return false;
    return true;
}

/* Of what the strategy left running, reported by the process that looks after it. */
static void report_left(size_t count) {
    struct text out;
    char words[160];
    const int size = snprintf(words, sizeof words,
                              "the rehearsal killed %zu process%s that the strategy left running: "
                              "stop and reap them in deactivate",
                              count, count == 1 ? "" : "es");
    text_init(&out);
    answer_put(&out, ANSWER_WARNING, words, (size_t)size);
    (void)!write(CHILD_OUTPUT, out.data, out.size);
    text_release(&out);
}

int rehearsal_serve(int input, int output) {
    struct child child = {.output = output};
    size_t size = 0;
    int code = EXIT_MISUSED;
    (void)child_begin(report_left);
    text_init(&child.out);
    char *bytes = read_request(input, &size);
    if (bytes != NULL && request_decode(&child.request, bytes, size)) {
        crash_answer_begin(output, child.request.generation.cache_path);
        child.log = log_new();
        if (child.log != NULL)
            (void)log_set_level(child.log, NULL, LOG_LEVEL_ERROR);
        const bool is_good = rehearse(&child);
        code = is_good ? EXIT_REHEARSED : EXIT_REFUSED;
        send_faults(&child);
        child.answer.description = child.description;
        if (is_good)
            answer_encode_done(&child.out, &child.answer);
        answers_send(&child.out, child.output);
        step(&child, "exit");
    }
    description_free(child.description);
    parameters_release(&child.parameters);
    faults_release(&child.faults);
    log_free(child.log);
    request_release(&child.request);
    text_release(&child.out);
    free(bytes);
    return code;
}
