#include "strategy/rehearsal/protocol.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

/* ---- the request ---- */

static struct config_topic topics[] = {{.role = (char *)"bar_trends", .name = (char *)"bars"},
                                       {.role = (char *)"mine", .name = (char *)"topic-9"}};
static const struct config config = {.decode = DECODE_LIMITS_DEFAULT,
                                     .max_symbols = 11,
                                     .max_signals_per_callback = 12,
                                     .max_timers = 13,
                                     .topics = topics,
                                     .topic_count = 2};
static const struct generation generation = {.number = 7,
                                             .name = (char *)"alpha",
                                             .source_path = (char *)"/drop/alpha.so",
                                             .cache_path = (char *)"/cache/alpha-7.so",
                                             .note_version = "1.2.3"};
static char *symbols[] = {(char *)"QQQ", (char *)"SPY", NULL};
static uint32_t time_frames[] = {60, 300, 0};
static struct config_item settings[] = {
    {.name = (char *)"n", .text = (char *)"5", .place = {"/etc/a.ini", 4}},
    {.name = (char *)"s", .text = (char *)"", .place = {NULL, 0}}};
static const struct config_deployment deployment = {.name = (char *)"mine",
                                                    .plugin = (char *)"alpha",
                                                    .symbols = symbols,
                                                    .time_frames = time_frames,
                                                    .settings = {settings, 2},
                                                    .place = {"/etc/a.ini", 3}};
static const struct record records[] = {
    {.payload = "{}", .payload_size = 2, .key = "", .kafka_time_ms = 9, .offset = -1},
    {.partition = -4, .topic = 1, .kafka_time_ms = RECORD_NO_TIME, .offset = INT64_MAX}};

static void encode(struct text *out, const struct state *state) {
    const struct rehearsal_part parts[] = {{.partition = -1}, {.partition = 5, .state = state}};
    struct config given = config;
    given.decode.zone = (struct time_zone){.is_set = true, .offset_s = -19800};
    given.decode.max_event_lag_ns = 14;
    const struct rehearsal rehearsal = {.generation = &generation,
                                        .deployment = &deployment,
                                        .config = &given,
                                        .parts = parts,
                                        .part_count = 2,
                                        .records = records,
                                        .record_count = 2};
    text_init(out);
    request_encode(&rehearsal, out);
}

Test(rehearsal_wire, request_comes_back_whole) {
    struct state state;
    struct text out;
    struct request request;
    state_init(&state);
    encode(&out, &state);
    cr_assert(
        request_decode(&request, out.data + REQUEST_LENGTH_SIZE, out.size - REQUEST_LENGTH_SIZE));
    cr_assert_eq(request.generation.number, 7);
    cr_assert_str_eq(request.generation.name, "alpha");
    cr_assert_str_eq(request.generation.note_version, "1.2.3");
    cr_assert_str_eq(request.generation.source_path, "/drop/alpha.so");
    cr_assert_str_eq(request.generation.cache_path, "/cache/alpha-7.so");
    cr_assert(request.has_deployment);
    cr_assert_str_eq(request.deployment.name, "mine");
    cr_assert_str_eq(request.deployment.symbols[1], "SPY");
    cr_assert_null(request.deployment.symbols[2]);
    cr_assert_null(request.deployment.topics);
    cr_assert_eq(request.deployment.time_frames[1], 300);
    cr_assert_eq(request.deployment.time_frames[2], 0);
    cr_assert_eq(request.deployment.settings.count, 2);
    cr_assert_str_eq(request.deployment.settings.items[0].text, "5");
    cr_assert_str_eq(request.deployment.settings.items[0].place.file, "/etc/a.ini");
    cr_assert_eq(request.deployment.settings.items[0].place.line, 4);
    cr_assert_null(request.deployment.settings.items[1].place.file);
    cr_assert_eq(request.topic_count, 2);
    cr_assert_str_eq(request.topics[1].name, "topic-9");
    cr_assert_eq(request.decode.max_bytes, 1u << 20);
    cr_assert(request.decode.zone.is_set && request.decode.zone.offset_s == -19800);
    cr_assert_eq(request.decode.max_event_lag_ns, 14);
    cr_assert_eq(request.max_symbols, 11);
    cr_assert_eq(request.max_signals, 12);
    cr_assert_eq(request.max_timers, 13);
    cr_assert_eq(request.part_count, 2);
    cr_assert_eq(request.parts[0].partition, -1);
    cr_assert_eq(request.parts[0].state.len, 0);
    cr_assert_gt(request.parts[1].state.len, 0);
    cr_assert_eq(request.record_count, 2);
    cr_assert_not_null(request.records[0].key);
    cr_assert_eq(request.records[0].key_size, 0);
    cr_assert_eq(request.records[0].payload_size, 2);
    cr_assert_eq(request.records[0].offset, -1);
    cr_assert_null(request.records[1].key);
    cr_assert_null(request.records[1].payload);
    cr_assert_eq(request.records[1].partition, -4);
    cr_assert_eq(request.records[1].kafka_time_ms, RECORD_NO_TIME);
    request_release(&request);
    state_release(&state);
    text_release(&out);
}

Test(rehearsal_wire, every_truncation_of_a_request_is_refused) {
    struct state state;
    struct text out;
    state_init(&state);
    encode(&out, &state);
    for (size_t size = 0; size < out.size - REQUEST_LENGTH_SIZE; size++) {
        struct request request;
        char *part = malloc(size > 0 ? size : 1);
        memcpy(part, out.data + REQUEST_LENGTH_SIZE, size);
        cr_assert_not(request_decode(&request, part, size), "%zu bytes", size);
        request_release(&request);
        free(part);
    }
    state_release(&state);
    text_release(&out);
}

Test(rehearsal_wire, random_damage_to_a_request_never_crashes) {
    struct state state;
    struct text out;
    state_init(&state);
    encode(&out, &state);
    srand(20240619);
    for (int round = 0; round < 20000; round++) {
        struct request request;
        const size_t size = out.size - REQUEST_LENGTH_SIZE;
        char *mutant = malloc(size);
        memcpy(mutant, out.data + REQUEST_LENGTH_SIZE, size);
        for (int i = rand() % 5; i >= 0; i--)
            mutant[(size_t)rand() % size] = (char)(rand() % 3 == 0 ? 255 : rand() % 16);
        (void)request_decode(&request, mutant, size);
        request_release(&request);
        free(mutant);
    }
    state_release(&state);
    text_release(&out);
}

/* ---- answers ---- */

Test(rehearsal_wire, answers_are_taken_whole_and_in_order) {
    struct text out;
    enum answer_kind kind;
    t5_str body;
    text_init(&out);
    answer_put(&out, ANSWER_STEP, "create", 6);
    answer_put(&out, ANSWER_FAULT, "", 0);
    for (size_t size = 0; size < 14; size++)
        cr_assert_eq(answer_parse(out.data, size, &kind, &body), 0);
    cr_assert_eq(answer_parse(out.data, out.size, &kind, &body), 14);
    cr_assert_eq(kind, ANSWER_STEP);
    cr_assert(t5_str_equal(body, t5_text("create")));
    cr_assert_eq(answer_parse(out.data + 14, out.size - 14, &kind, &body), 8);
    cr_assert_eq(kind, ANSWER_FAULT);
    cr_assert_eq(body.len, 0);
    text_release(&out);
}

Test(rehearsal_wire, what_is_no_answer_is_told) {
    enum answer_kind kind;
    t5_str body;
    cr_assert_eq(answer_parse("hello, world", 12, &kind, &body), SIZE_MAX);
    cr_assert_eq(answer_parse("\0\0\0\0\0\0\0\0", 8, &kind, &body), SIZE_MAX);
    cr_assert_eq(answer_parse("\1\0\0\0\377\377\377\377", 8, &kind, &body), SIZE_MAX);
}

static struct description_parameter parameter = {
    T5_PARAMETER_TEXT, (char *)"kind", (char *)"", NULL, NULL, NULL};
static char *roles[] = {(char *)"bar_trends", NULL};
static char *fields[] = {(char *)"a.b|c", (char *)"d", NULL};
static char *series[] = {(char *)"mean", NULL};
static struct description description = {.name = (char *)"alpha",
                                         .version = (char *)"2",
                                         .summary = (char *)"",
                                         .scope = T5_SCOPE_GLOBAL,
                                         .state_version = 3,
                                         .topics = roles,
                                         .topic_count = 1,
                                         .fields = fields,
                                         .field_count = 2,
                                         .parameters = &parameter,
                                         .parameter_count = 1,
                                         .series = series,
                                         .series_count = 1,
                                         .warm_up_ns = 77,
                                         .side = T5_SIDE_VALUE,
                                         .has_save = true,
                                         .is_described = true};

static t5_str encode_done(struct text *out) {
    const struct rehearsal_answer answer = {
        .description = &description, .changes = 5, .messages = 5, .errors = 6, .signals = 7};
    enum answer_kind kind;
    t5_str body;
    text_init(out);
    answer_encode_done(out, &answer);
    cr_assert_eq(answer_parse(out->data, out->size, &kind, &body), out->size);
    cr_assert_eq(kind, ANSWER_DONE);
    return body;
}

Test(rehearsal_wire, good_end_comes_back_whole) {
    struct text out;
    struct rehearsal_answer answer;
    const t5_str body = encode_done(&out);
    cr_assert(answer_decode_done(&answer, body));
    cr_assert_eq(answer.changes, 5);
    cr_assert_eq(answer.messages, 5);
    cr_assert_eq(answer.errors, 6);
    cr_assert_eq(answer.signals, 7);
    cr_assert_eq(answer.description->scope, T5_SCOPE_GLOBAL);
    cr_assert_eq(answer.description->state_version, 3);
    cr_assert_eq(answer.description->topic_count, 1);
    cr_assert_str_eq(answer.description->fields[0], "a.b|c");
    cr_assert_eq(answer.description->series_count, 1);
    cr_assert_str_eq(answer.description->series[0], "mean");
    cr_assert_eq(answer.description->warm_up_ns, 77);
    cr_assert_eq(answer.description->side, T5_SIDE_VALUE);
    cr_assert_str_eq(answer.description->parameters[0].name, "kind");
    cr_assert_null(answer.description->parameters[0].default_value);
    cr_assert(answer.description->has_save && answer.description->is_described);
    cr_assert_not(answer.description->has_load || answer.description->has_describe);
    description_free(answer.description);
    text_release(&out);
}

Test(rehearsal_wire, damage_to_a_good_end_never_crashes) {
    struct text out;
    const t5_str body = encode_done(&out);
    srand(20240620);
    for (int round = 0; round < 20000; round++) {
        struct rehearsal_answer answer;
        const size_t size = rand() % 2 == 0 ? body.len : (size_t)rand() % body.len;
        char *mutant = malloc(size > 0 ? size : 1);
        memcpy(mutant, body.data, size);
        for (int i = rand() % 4; i >= 0 && size > 0; i--)
            mutant[(size_t)rand() % size] = (char)(rand() % 3 == 0 ? 255 : rand() % 16);
        if (answer_decode_done(&answer, (t5_str){mutant, size}))
            description_free(answer.description);
        else
            cr_assert_null(answer.description);
        free(mutant);
    }
    text_release(&out);
}
