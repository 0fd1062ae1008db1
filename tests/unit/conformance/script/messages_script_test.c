#include "conformance/script/messages_script.h"

#include "conformance/script/json_edit.h"
#include "message/decode.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 900

static char *topics[] = {"bar_trends", "asset_trends", "my_topic"};
static char *fields[] = {"mine.own", "trendData.wSma_slope", "barData.close"};
static const struct description wants = {
    .topics = topics, .topic_count = 3, .fields = fields, .field_count = 3};
static const struct description wants_no_fields = {.topics = topics, .topic_count = 3};

static const struct script_options plain = {.description = &wants_no_fields,
                                            .seed = 5,
                                            .count = COUNT,
                                            .envelope = MARKET_MIXED,
                                            .late_share = 0.02};

struct judge {
    struct projection *projection;
    struct decoder *decoder;
    t5_message message;
};

static void judge_init(struct judge *judge) {
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    struct error error;
    judge->projection = projection_new();
    cr_assert(projection_seal(judge->projection, &error));
    judge->decoder = decoder_new(judge->projection, &limits, &error);
    cr_assert_not_null(judge->decoder);
}

static void judge_release(struct judge *judge) {
    decoder_free(judge->decoder);
    projection_free(judge->projection);
}

static enum decode_reason decode(struct judge *judge, const struct script_message *message) {
    const struct record record = {.payload = message->payload,
                                  .payload_size = message->payload_size,
                                  .key = message->key,
                                  .key_size = message->key_size,
                                  .kafka_time_ms = message->kafka_time_ms};
    uint32_t warnings;
    judge->message.size = (uint32_t)sizeof judge->message;
    return decoder_decode(judge->decoder, &record, &judge->message, &warnings);
}

static void make(struct script *script, const struct script_options *options) {
    script_init(script);
    script_market(script, options);
    cr_assert_not(script->is_oom);
}

Test(conformance_script, messages_of_every_envelope_are_well_formed) {
    static const enum market_envelope envelopes[] = {MARKET_PRODUCTION, MARKET_DOCUMENTED,
                                                     MARKET_MIXED};
    struct judge judge;
    judge_init(&judge);
    for (size_t i = 0; i < 3; i++) {
        struct script_options options = plain;
        struct script script;
        options.envelope = envelopes[i];
        make(&script, &options);
        cr_assert_eq(script.count, COUNT);
        for (size_t j = 0; j < script.count; j++) {
            cr_assert_eq(decode(&judge, &script.items[j]), DECODE_OK);
            cr_assert_not(judge.message.flags & T5_MESSAGE_TIME_SUSPECT);
            cr_assert_not(script.items[j].is_mutated);
        }
        script_release(&script);
    }
    judge_release(&judge);
}

static bool is_same(const struct script *a, const struct script *b) {
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (a->items[i].payload_size != b->items[i].payload_size ||
            memcmp(a->items[i].payload, b->items[i].payload, a->items[i].payload_size) != 0)
            return false;
    return a->count == b->count;
}

Test(conformance_script, a_seed_gives_the_same_messages_and_another_others) {
    struct script_options options = plain;
    struct script first, again, other;
    make(&first, &options);
    make(&again, &options);
    options.seed++;
    make(&other, &options);
    cr_assert(is_same(&first, &again));
    cr_assert_not(is_same(&first, &other));
    script_release(&first);
    script_release(&again);
    script_release(&other);
}

Test(conformance_script, kafkas_time_does_not_go_back_and_makes_two_breaks) {
    struct script script;
    int half_hours = 0, days = 0;
    make(&script, &plain);
    for (size_t i = 1; i < script.count; i++) {
        const int64_t step_ms = script.items[i].kafka_time_ms - script.items[i - 1].kafka_time_ms;
        cr_assert_geq(step_ms, 0);
        days += step_ms >= 24 * 3600 * 1000;
        half_hours += step_ms >= 1800 * 1000 && step_ms < 24 * 3600 * 1000;
    }
    cr_assert_eq(days, 1);
    cr_assert_eq(half_hours, 1);
    script_release(&script);
}

Test(conformance_script, some_messages_come_late) {
    struct judge judge;
    struct script script;
    int64_t newest_ns = 0;
    int late = 0;
    judge_init(&judge);
    make(&script, &plain);
    for (size_t i = 0; i < script.count; i++) {
        cr_assert_eq(decode(&judge, &script.items[i]), DECODE_OK);
        late += judge.message.event_time_ns < newest_ns;
        if (judge.message.event_time_ns > newest_ns)
            newest_ns = judge.message.event_time_ns;
    }
    cr_assert_gt(late, 0);
    cr_assert_lt(late, COUNT / 2);
    script_release(&script);
    judge_release(&judge);
}

Test(conformance_script, every_topic_that_is_wanted_has_messages) {
    struct script script;
    size_t counts[3] = {0};
    make(&script, &plain);
    for (size_t i = 0; i < script.count; i++)
        counts[script.items[i].topic]++;
    for (size_t i = 0; i < 3; i++)
        cr_assert_gt(counts[i], COUNT / 10);
    script_release(&script);
}

Test(conformance_script, one_topic_alone_has_all_messages) {
    struct script_options options = plain;
    struct script script;
    options.role = "my_topic";
    make(&script, &options);
    cr_assert_eq(script.count, COUNT);
    for (size_t i = 0; i < script.count; i++)
        cr_assert_eq(script.items[i].topic, 2);
    script_release(&script);
}

Test(conformance_script, a_field_that_the_feed_does_not_carry_is_not_made_up) {
    struct script_options options = plain;
    struct script script;
    size_t closes = 0, slopes = 0;
    options.description = &wants;
    make(&script, &options);
    for (size_t i = 0; i < script.count; i++) {
        cJSON *root = cJSON_Parse(script.items[i].payload);
        cr_assert_not(json_has_path(root, "mine.own"));
        closes += json_has_path(root, "barData.close");
        slopes += json_has_path(root, "trendData.wSma_slope");
        cJSON_Delete(root);
    }
    cr_assert_gt(closes, 0);
    cr_assert_lt(closes, script.count);
    cr_assert_gt(slopes, 0);
    cr_assert_lt(slopes, script.count);
    script_release(&script);
}

Test(conformance_script, symbols_are_those_that_are_given) {
    static char *names[] = {"ONE", "TWO", NULL};
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    struct script_options options = plain;
    struct script script;
    options.symbols = names;
    make(&script, &options);
    cr_assert(script_read(&script, &limits));
    cr_assert_eq(symbols_count(script.symbols), 2);
    cr_assert_neq(symbols_find(script.symbols, "TWO", 3), SYMBOL_NONE);
    script_release(&script);
}

Test(conformance_script, a_recording_is_taken_in_its_order_for_the_topics_that_are_wanted) {
    static char role_a[] = "asset_trends", role_b[] = "other", role_c[] = "bar_trends";
    static const struct config_topic of_host[] = {
        {.role = role_a}, {.role = role_b}, {.role = role_c}};
    static const char payload[] = "{\"symbol\":\"X\",\"timestamp\":\"2024-06-17T21:15:30Z\"}";
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    struct record records[5];
    struct script_recording recording = {records, 5, of_host, 3};
    struct script_options options = plain;
    struct script script;
    for (uint32_t i = 0; i < 5; i++)
        records[i] = (struct record){.payload = payload,
                                     .payload_size = sizeof payload - 1,
                                     .kafka_time_ms = INT64_C(1718658930000) + i,
                                     .topic = i % 3};
    records[3].payload_size = 5; /* no JSON */
    options.recording = &recording;
    make(&script, &options);
    cr_assert_eq(script.count, 3, "not those of a topic that it does not take");
    cr_assert_eq(script.items[0].topic, 1);
    cr_assert_eq(script.items[1].topic, 0);
    cr_assert_eq(script.items[2].kafka_time_ms, INT64_C(1718658930003));
    cr_assert(script_read(&script, &limits));
    cr_assert(script.items[0].is_usable && !script.items[2].is_usable);
    cr_assert_eq(script.items[0].event_time_ns, INT64_C(1718658930000000000));
    script_release(&script);
    options.envelope = MARKET_PRODUCTION;
    make(&script, &options);
    cr_assert_eq(script.count, COUNT, "who asks for an envelope gets that");
    script_release(&script);
}

Test(conformance_script, spoiled_messages_are_json_and_most_can_be_used) {
    static const enum script_mutation mutation[] = {SCRIPT_MISSING, SCRIPT_EXTREME, SCRIPT_TEXT};
    struct judge judge;
    judge_init(&judge);
    for (size_t i = 0; i < 3; i++) {
        struct script_options options = plain;
        struct script script;
        size_t mutated = 0, usable = 0;
        options.description = &wants;
        script_init(&script);
        script_mutation(&script, &options, mutation[i]);
        cr_assert_not(script.is_oom);
        for (size_t j = 0; j < script.count; j++) {
            const enum decode_reason reason = decode(&judge, &script.items[j]);
            cr_assert_neq(reason, DECODE_NOT_JSON, "%.*s", 300, script.items[j].payload);
            cr_assert_neq(reason, DECODE_TOO_LARGE);
            cr_assert_neq(reason, DECODE_TOO_DEEP);
            usable += reason == DECODE_OK;
            mutated += script.items[j].is_mutated;
            cr_assert_eq(script.items[j].is_mutated, script.items[j].what != NULL);
        }
        cr_assert_eq(mutated, COUNT - COUNT / 4);
        cr_assert_gt(usable, COUNT * 9 / 10);
        script_release(&script);
    }
    judge_release(&judge);
}
