/*
 * The child's side of a rehearsal: it does with a strategy what the host would do, and says each
 * step before it takes it, so that the parent knows where it died.
 */
#include "strategy/instance_parts.h"
#include "strategy/rehearsal_wire.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/symbols.h"
#include "message/decode.h"
#include "strategy/guard.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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
    struct blueprint blueprint;
    struct log *log;
    struct faults faults;
    struct rehearsal_answer answer;
    struct place place; /* of the strategy's file */
};

/* ---- talking ---- */

/* The parent may be gone: then there is nobody to rehearse for. */
static void send_out(struct child *child) {
    size_t at = 0;
    if (text_is_short(&child->out))
        _exit(EXIT_REFUSED);
    while (at < child->out.size) {
        const ssize_t written = write(child->output, child->out.data + at, child->out.size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            _exit(EXIT_REFUSED);
        at += (size_t)written;
    }
    text_reset(&child->out);
}

__attribute__((format(printf, 2, 3))) static void step(struct child *child, const char *format,
                                                       ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    answer_put(&child->out, ANSWER_STEP, text, strlen(text));
    send_out(child);
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
    send_out(child);
}

/* Reads `size` bytes; false at an early end. */
static bool read_all(int input, char *bytes, size_t size) {
    while (size > 0) {
        const ssize_t got = read(input, bytes, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        size -= (size_t)got;
    }
    return true;
}

/* NULL when there is no whole request. */
static char *read_request(int input, size_t *size) {
    char head[REQUEST_LENGTH_SIZE];
    struct wire_reader reader;
    if (!read_all(input, head, sizeof head))
        return NULL;
    wire_open(&reader, head, sizeof head);
    const uint64_t length = wire_u64(&reader);
    if (length == 0 || length > SIZE_MAX / 2)
        return NULL;
    char *bytes = malloc((size_t)length);
    if (bytes != NULL && !read_all(input, bytes, (size_t)length)) {
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
                   child->blueprint.deployment, partition, error->text);
    else
        faults_add(&child->faults, child->place, "%s: %s", child->blueprint.deployment,
                   error->text);
    return false;
}

struct stage {
    struct child *child;
    int32_t partition;
    struct symbols *symbols;
    struct projection *projection;
    struct decoder *decoder;
    struct instance *instance;
    struct state state;
    bool has_state;
    const struct record *record; /* in hand */
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

/* What the next step does with the record in hand. */
static void step_record(struct stage *stage, const char *what) {
    const struct record *record = stage->record;
    step(stage->child, "%s %s/%" PRId32 "/%" PRId64, what,
         stage->child->request.topics[record->topic].name, record->partition, record->offset);
}

static void step_timer(void *context, const t5_timer *timer) {
    step_record(context, timer != NULL ? "on_timer before" : "on_message");
}

static void feed(struct stage *stage, const struct record *record) {
    struct child *child = stage->child;
    t5_message message = {.size = (uint32_t)sizeof message};
    uint32_t topic, remarks;
    if (!find_topic(child, record, &topic) ||
        decoder_decode(stage->decoder, record, &message, &remarks) != DECODE_OK ||
        is_filtered_out(child, &message))
        return;
    message.size = (uint32_t)sizeof message;
    message.topic_name = t5_text(child->request.topics[record->topic].name);
    message.symbol_id =
        symbols_intern(stage->symbols, message.symbol.data, message.symbol.len, NULL);
    if (message.symbol_id == SYMBOL_NONE)
        return;
    stage->record = record;
    step_record(stage, "on_message");
    uint64_t ticks = clock_ticks();
    child->answer.messages++;
    (void)instance_message(stage->instance, &message, topic, &ticks);
}

static void feed_all(struct stage *stage) {
    const struct request *request = &stage->child->request;
    struct guard guard;
    guard_begin(&guard);
    for (size_t i = 0; i < request->record_count; i++)
        if (stage->partition < 0 || request->records[i].partition == stage->partition)
            feed(stage, &request->records[i]);
    if (guard_end(&guard))
        stage->child->answer.has_changed_fp = true;
}

static bool set_stage(struct stage *stage, struct error *error) {
    struct child *child = stage->child;
    const struct instance_wiring wiring = {
        .mode = T5_MODE_CHECK,
        .partition = stage->partition,
        .symbols = stage->symbols,
        .log = child->log,
        .max_signals_per_callback = (uint32_t)child->request.max_signals,
        .max_timers = (uint32_t)child->request.max_timers,
    };
    if (stage->symbols == NULL || stage->projection == NULL)
        return error_set_memory(error, sizeof *stage, "a rehearsal");
    step_part(child, "create", stage->partition);
    stage->instance = instance_create(&child->blueprint, &wiring, stage->projection, NULL, error);
    if (stage->instance == NULL || !projection_seal(stage->projection, error))
        return false;
    instance_set_before_timer(stage->instance, step_timer, stage);
    stage->decoder = decoder_new(stage->projection, &child->request.decode, error);
    return stage->decoder != NULL;
}

/* The state goes to `load` if the host would hand it over too. */
static bool play_load(struct stage *stage, bool *is_fresh, struct error *error) {
    const char *why;
    *is_fresh = !stage->has_state || !instance_takes_state(stage->instance, &stage->state, &why);
    if (*is_fresh)
        return true;
    step_part(stage->child, "load", stage->partition);
    return instance_load(stage->instance, &stage->state, error);
}

static bool play_save(struct stage *stage, struct error *error) {
    struct state saved;
    if (!stage->child->description->has_save)
        return true;
    state_init(&saved);
    step_part(stage->child, "save", stage->partition);
    const bool is_good = instance_save(stage->instance, T5_SAVE_RELOAD, &saved, error);
    state_release(&saved);
    return is_good;
}

static bool play(struct stage *stage, struct error *error) {
    struct child *child = stage->child;
    bool is_fresh;
    if (!play_load(stage, &is_fresh, error))
        return false;
    step_part(child, "activate", stage->partition);
    instance_activate(stage->instance);
    if (is_fresh) {
        const t5_event event = {.size = (uint32_t)sizeof event,
                                .kind = T5_EVENT_FRESH,
                                .topic = UINT32_MAX,
                                .symbol_id = T5_NO_SYMBOL,
                                .from_offset = -1,
                                .to_offset = -1};
        step_part(child, "on_event", stage->partition);
        instance_event(stage->instance, &event);
    }
    feed_all(stage);
    const bool is_good = play_save(stage, error);
    step_part(child, "deactivate", stage->partition);
    instance_deactivate(stage->instance);
    return is_good;
}

static void clear_stage(struct stage *stage) {
    if (stage->instance != NULL) {
        const struct instance_counts *counts = instance_counts(stage->instance);
        stage->child->answer.errors += atomic_load(&counts->errors);
        stage->child->answer.signals += atomic_load(&counts->signals);
        step_part(stage->child, "destroy", stage->partition);
        if (instance_has_changed_fp(stage->instance))
            stage->child->answer.has_changed_fp = true;
        instance_destroy(stage->instance);
    }
    decoder_free(stage->decoder);
    projection_free(stage->projection);
    symbols_free(stage->symbols);
    state_release(&stage->state);
}

static bool rehearse_part(struct child *child, const struct request_part *part) {
    struct error error;
    struct stage stage = {
        .child = child,
        .partition = part->partition,
        .symbols = symbols_new((uint32_t)child->request.max_symbols),
        .projection = projection_new(),
        .has_state = part->state.len > 0,
    };
    state_init(&stage.state);
    bool is_good = true;
    if (stage.has_state)
        is_good = state_decode(&stage.state, part->state.data, part->state.len, &error);
    is_good = is_good && set_stage(&stage, &error) && play(&stage, &error);
    clear_stage(&stage);
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
                   "wants topic %s, which the configuration does not have: add [topic:%s]", role,
                   role);
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
    child->answer.has_changed_fp = child->generation->has_changed_fp;
    child->blueprint = (struct blueprint){
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

/* Dies with its parent, leaves no core, and takes signals as they come: what the host would catch
 * for its crash file is the parent's to report. */
static void prepare(void) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        (void)signal(crashes[i], SIG_DFL);
}

int rehearsal_serve(int input, int output) {
    struct child child = {.output = output};
    size_t size = 0;
    int code = EXIT_MISUSED;
    prepare();
    text_init(&child.out);
    char *bytes = read_request(input, &size);
    if (bytes != NULL && request_decode(&child.request, bytes, size)) {
        child.log = log_new();
        if (child.log != NULL)
            (void)log_set_level(child.log, NULL, LOG_LEVEL_ERROR);
        const bool is_good = rehearse(&child);
        code = is_good ? EXIT_REHEARSED : EXIT_REFUSED;
        send_faults(&child);
        child.answer.description = child.description;
        if (is_good)
            answer_encode_done(&child.out, &child.answer);
        send_out(&child);
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
