#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(topics, .init = begin, .fini = end);

static void expect(const char *content, const char *topics) {
    struct config *config = fixture_load_text(&fixture, content);
    cr_assert_not_null(config, "%s", fixture.all);
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < config->topic_count; i++)
        text_printf(&text, "%s=%s ", config->topics[i].role, config->topics[i].name);
    cr_assert_str_eq(text.data, topics);
    text_release(&text);
}

Test(topics, three_are_there_without_a_word) {
    expect("", "bar_trends=bar_trends historic_stats=historic_stats asset_trends=asset_trends ");
}

Test(topics, roles_can_be_renamed_left_out_and_added) {
    expect("[topic:historic_stats]\ntopic = stats.v2\n[topic:bar_trends]\ntopic =\n"
           "[topic:news]\n[topic:fills]\ntopic = my_fills\n",
           "historic_stats=stats.v2 asset_trends=asset_trends news=news fills=my_fills ");
    uint32_t index = 9;
    cr_assert_str_eq(config_topic_by_role(fixture.config, "news", &index)->name, "news");
    cr_assert_eq(index, 2);
    cr_assert_null(config_topic_by_role(fixture.config, "bar_trends", &index));
    cr_assert_not_null(config_topic_by_role(fixture.config, "fills", NULL));
    char expected[200];
    snprintf(expected, sizeof expected, "stats.v2 (%s:2)", fixture.path);
    cr_assert_str_eq(fixture_setting(fixture.config, "topic:historic_stats.topic"), expected);
    cr_assert_str_eq(fixture_setting(fixture.config, "topic:asset_trends.topic"),
                     "asset_trends (default)");
}

Test(topics, wrong_ones_are_refused) {
    fixture_refuse(
        &fixture, "[topic:signals]\ntopic = x\n[topic:a b]\n[topic:]\n[topic:c]\nname = x\n",
        "take5.ini:1: [topic:signals]: the role signals is reserved; where signals go is "
        "set in [signals] and [sink:kafka]\n"
        "take5.ini:3: [topic:a b]: a role has letters, digits, '_', '-' and '.', as in "
        "[topic:bar_trends]\n"
        "take5.ini:4: [topic:]: a role has letters, digits, '_', '-' and '.', as in "
        "[topic:bar_trends]\n"
        "take5.ini:6: unknown key name in [topic:c]\n");
    fixture_refuse(&fixture, "[topic:a]\ntopik = x\n",
                   "take5.ini:2: unknown key topik in [topic:a]; did you mean topic?\n");
    fixture_refuse(
        &fixture, "[topic:a]\ntopic = x y\n[topic:b]\ntopic = ..\n",
        "take5.ini:2: [topic:a] topic = x y is not a valid Kafka topic name: 1 to 249 "
        "letters, digits, '.', '_' and '-'\n"
        "take5.ini:4: [topic:b] topic = .. is not a valid Kafka topic name: 1 to 249 letters, "
        "digits, '.', '_' and '-'\n");
}

Test(topics, one_topic_has_one_role) {
    fixture_refuse(&fixture, "[topic:more]\ntopic = bar_trends\n",
                   "take5.ini:2: topic bar_trends has two roles, bar_trends and more: keep "
                   "one\n");
}

Test(topics, at_least_one_is_left) {
    fixture_refuse(&fixture,
                   "[topic:bar_trends]\ntopic =\n[topic:asset_trends]\ntopic =\n"
                   "[topic:historic_stats]\ntopic =\n",
                   "no topic to consume: every [topic:ROLE] is empty\n");
}

Test(topics, what_is_written_does_not_come_in_again) {
    fixture_refuse(
        &fixture, "[signals]\nsinks = kafka\n[sink:kafka]\ntopic = bar_trends\n",
        "take5.ini:4: [sink:kafka] topic = bar_trends is consumed as bar_trends: the host "
        "would read its own output\n");
    fixture_refuse(&fixture, "[topic:x]\ntopic = take5_dead_letters\n[dead_letters]\nto = kafka\n",
                   "take5.ini:2: [dead_letters] topic = take5_dead_letters is consumed as x: the "
                   "host would read its own output\n");
    cr_assert_not_null(fixture_load_text(&fixture, "[topic:x]\ntopic = take5_dead_letters\n"));
    fixture_refuse(
        &fixture, "[dead_letters]\nto = kafka\ntopic = a/b\n",
        "take5.ini:3: [dead_letters] topic = a/b is not a valid Kafka topic name: 1 to 249 "
        "letters, digits, '.', '_' and '-'\n");
}
