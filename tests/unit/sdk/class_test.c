/* Strategies by take5/strategy.hpp, through the kit. */
#include <take5/testkit.h>

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static t5_kit *opened(void) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, TAKE5_CLASS_CXX), T5_OK, "%s", t5_kit_problem(kit));
    return kit;
}

static t5_kit *started(void) {
    t5_kit *kit = opened();
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    return kit;
}

static int32_t tell(t5_kit *kit, const char *deed, const char *more) {
    char json[512];
    snprintf(
        json, sizeof json,
        "{\"symbol\":\"QQQ\",\"timestamp\":\"1970-01-01T00:00:01Z\",\"price\":7,\"do\":\"%s\"%s}",
        deed, more);
    return t5_kit_json(kit, "bar_trends", json);
}

static int has_line(const t5_kit *kit, const char *text) {
    for (size_t i = 0; i < t5_kit_line_count(kit); i++)
        if (strstr(t5_kit_line_at(kit, i)->text, text) != NULL)
            return 1;
    return 0;
}

Test(strategy_class, parameters_are_members_and_checked_by_the_host) {
    t5_kit *kit = opened();
    t5_kit_set(kit, "factor", "11");
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    t5_kit_set(kit, "factor", "1.5");
    t5_kit_set(kit, "count", "0");
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    t5_kit_set(kit, "count", "9");
    t5_kit_set(kit, "loud", "yes");
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    cr_assert(has_line(kit, "prepared everything 0 1.500000 9 5000000000 loud"));
    cr_assert(has_line(kit, "activated 2"));
    t5_kit_free(kit);
}

Test(strategy_class, prepare_refuses_by_throwing) {
    t5_kit *kit = opened();
    t5_kit_set(kit, "refuse", "not today");
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "not today"));
    t5_kit_free(kit);
}

Test(strategy_class, fields_services_and_signals_work) {
    t5_kit *kit = started();
    cr_assert_eq(tell(kit, "emit", ",\"a\":{\"n\":21},\"text\":\"{}\""), T5_OK);
    cr_assert(t5_kit_signal_at(kit, 0)->value == 42);
    cr_assert_eq(tell(kit, "symbol", ""), T5_OK);
    cr_assert(t5_kit_signal_last(kit, "symbol")->value == t5_kit_symbol_id(kit, "QQQ"));
    cr_assert_eq(tell(kit, "document", ",\"deep\":[1,2.5]"), T5_OK);
    cr_assert(t5_kit_signal_last(kit, "document")->value == 2.5);
    cr_assert_eq(tell(kit, "count", ""), T5_OK);
    cr_assert(t5_kit_signal_last(kit, "count")->value == 4);
    cr_assert_eq(tell(kit, "arm", ""), T5_OK);
    t5_kit_advance(kit, 6000000000);
    cr_assert(t5_kit_signal_last(kit, "due")->value == 6e9);
    t5_kit_free(kit);
}

Test(strategy_class, children_of_the_document_have_names_and_values) {
    t5_kit *kit = started();
    cr_assert_eq(
        tell(kit, "children", ",\"n\":1,\"deep\":{\"a\":7,\"b\":{\"c\":1},\"list\":[5,6]}"), T5_OK);
    cr_assert(t5_kit_signal_last(kit, "a")->value == 7);
    cr_assert_not_null(t5_kit_signal_last(kit, "b"));
    cr_assert_null(t5_kit_signal_last(kit, "named"));
    cr_assert(t5_kit_signal_last(kit, "element")->value == 6);
    cr_assert(t5_kit_signal_last(kit, "list")->value == 2);
    cr_assert(t5_kit_signal_last(kit, "none")->value >= 3);
    cr_assert_str_eq(t5_kit_signal_last(kit, "none")->data, "{\"c\":1}");
    t5_kit_free(kit);
}

Test(strategy_class, exceptions_stop_at_the_border_with_their_text) {
    t5_kit *kit = started();
    cr_assert_eq(tell(kit, "throw", ",\"text\":\"out of luck\""), T5_ERROR);
    cr_assert_str_eq(t5_kit_error_at(kit, 0)->text, "out of luck");
    cr_assert_eq(tell(kit, "reject", ""), T5_REJECT);
    cr_assert_str_eq(t5_kit_error_at(kit, 1)->text, "not for us");
    cr_assert_eq(tell(kit, "int", ""), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_error_at(kit, 2)->text, "not a std::exception"));
    const t5_event event = {.kind = T5_EVENT_ASSIGNED, .symbol_id = T5_NO_SYMBOL};
    t5_kit_event(kit, &event);
    cr_assert(has_line(kit, "on_event: no events please"));
    t5_kit_stop(kit);
    cr_assert(has_line(kit, "deactivate: cannot stop"));
    t5_kit_free(kit);
}

Test(strategy_class, state_is_saved_and_loaded) {
    t5_kit *kit = started();
    tell(kit, "", "");
    tell(kit, "", "");
    cr_assert_eq(t5_kit_reload(kit), T5_OK, "%s", t5_kit_problem(kit));
    tell(kit, "count", "");
    tell(kit, "total", "");
    cr_assert(t5_kit_signal_last(kit, "count")->value == 3);
    cr_assert(t5_kit_signal_last(kit, "total")->value == 4);
    t5_kit_expire(kit, "QQQ");
    tell(kit, "count", "");
    cr_assert(t5_kit_signal_last(kit, "count")->value == 1);
    t5_kit_stop(kit);
    t5_kit_add_record(kit, 4, "QQQ", "123", 3);
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "a record of 3 bytes, expected 16"));
    t5_kit_free(kit);
}

Test(strategy_class, a_failing_service_is_an_error_and_no_crash) {
    for (uint64_t n = 1; n < 40; n++) {
        t5_kit *kit = opened();
        void *state;
        size_t size;
        t5_kit_fail_service(kit, T5_KIT_ANY_SERVICE, n);
        if (t5_kit_start(kit) == T5_OK) {
            tell(kit, "emit", ",\"n\":21,\"text\":\"{}\"");
            tell(kit, "arm", "");
            if (t5_kit_save(kit, &state, &size) == T5_OK)
                free(state);
            t5_kit_reload(kit);
        }
        t5_kit_free(kit);
    }
}

Test(strategy_class, a_constructor_that_throws_without_a_host_is_said) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, TAKE5_CLASS_BAD_CXX), T5_OK, "%s", t5_kit_problem(kit));
    cr_assert_eq(t5_kit_start(kit), T5_ERROR);
    cr_assert_not_null(strstr(t5_kit_problem(kit), "where is everybody"));
    t5_kit_free(kit);
}
