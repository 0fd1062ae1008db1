#include "sink/webhook/webhook_body.h"

#include "support.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tally tally;
static struct text body;

static const char *body_of(const struct webhook_form *form, struct delivery *const *deliveries,
                           size_t count) {
    cr_assert(webhook_body(form, deliveries, count, &body));
    return body.data;
}

static struct delivery *alert_make(const char *line) {
    const struct delivery_header headers[] = {{DELIVERY_ALERT_ID, "a/1", 3},
                                              {DELIVERY_ALERT_LINE, line, strlen(line)}};
    const struct delivery_text text = {"{}", 2, headers, 2};
    return delivery_new(
        &(struct delivery){.kind = DELIVERY_ALERT, .unconfirmed = 1, .text = &text});
}

Test(webhook_body, json_is_the_signals_own) {
    text_init(&body);
    struct delivery *two[] = {signal_make(&tally, 1, 0), signal_make(&tally, 2, 0)};
    const struct webhook_form one = {WEBHOOK_JSON, NULL, false};
    const struct webhook_form list = {WEBHOOK_JSON, NULL, true};
    cr_assert_str_eq(body_of(&one, two, 1), "{\"n\":1,\"pad\":\"\"}");
    cr_assert_str_eq(body_of(&list, two, 1), "[{\"n\":1,\"pad\":\"\"}]");
    cr_assert_str_eq(body_of(&list, two, 2), "[{\"n\":1,\"pad\":\"\"},{\"n\":2,\"pad\":\"\"}]");
    delivery_release(two[0]);
    delivery_release(two[1]);
    text_release(&body);
    check_leaks();
}

Test(webhook_body, chats_get_a_line_for_each) {
    text_init(&body);
    struct delivery *two[] = {typed_make(&tally, 7, 1), alert_make("a <b> & \"c\"")};
    const struct webhook_form slack = {WEBHOOK_SLACK, NULL, false};
    const struct webhook_form telegram = {WEBHOOK_TELEGRAM, "@x", false};
    cr_assert_str_eq(body_of(&slack, two, 2),
                     "{\"text\":\"momentum_up AAPL 1.5 (confidence 0.75) by fast, id "
                     "fast/bar_trends/3/7/1\\na &lt;b&gt; &amp; \\\"c\\\"\"}");
    cr_assert_str_eq(body_of(&telegram, two + 1, 1),
                     "{\"chat_id\":\"@x\",\"text\":\"a <b> & \\\"c\\\"\"}");
    delivery_release(two[0]);
    delivery_release(two[1]);
    text_release(&body);
    check_leaks();
}

Test(webhook_body, a_long_line_is_cut_between_characters) {
    char line[1001] = "x";
    for (size_t i = 0; i < 333; i++)
        memcpy(line + 1 + 3 * i, "\xe2\x82\xac", 3);
    line[1000] = '\0';
    text_init(&body);
    struct delivery *alert = alert_make(line);
    const struct webhook_form telegram = {WEBHOOK_TELEGRAM, "1", false};
    const char *text = body_of(&telegram, &alert, 1);
    cr_assert(text_is_utf8(text, strlen(text)));
    cr_assert_null(strstr(text, "\xef\xbf\xbd"), "half a character");
    cr_assert_not_null(strstr(text, "\xe2\x82\xac...\""));
    cr_assert_lt(strlen(text), 450u);
    delivery_release(alert);
    text_release(&body);
    check_leaks();
}

Test(webhook_body, the_key_is_of_the_ids) {
    struct delivery *three[] = {signal_make(&tally, 1, 0), signal_make(&tally, 2, 0),
                                signal_make(&tally, 1, 9)};
    char first[HASH_TEXT_SIZE], same[HASH_TEXT_SIZE], other[HASH_TEXT_SIZE], both[HASH_TEXT_SIZE];
    cr_assert(webhook_key(three, 1, first) && webhook_key(three + 2, 1, same) &&
              webhook_key(three + 1, 1, other) && webhook_key(three, 2, both));
    cr_assert_str_eq(first, same);
    cr_assert_str_neq(first, other);
    cr_assert_str_neq(first, both);
    for (size_t i = 0; i < 3; i++)
        delivery_release(three[i]);
    check_leaks();
}
