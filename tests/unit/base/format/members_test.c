#include "base/format/members.h"

#include <take5/signal.h>

#include <criterion/criterion.h>
#include <math.h>

static void expect(const char *data, const t5_named_value *values, uint32_t count,
                   const char *object) {
    struct text text;
    text_init(&text);
    text_members(&text, t5_text(data), values, count);
    cr_expect_str_eq(text.data, object);
    text_release(&text);
}

Test(members, data_and_values_are_one_object) {
    const t5_named_value values[] = {t5_named_number("z", 0.1), t5_named_integer("n", INT64_MIN)};
    expect("", NULL, 0, "");
    expect(" {\"a\": 1}\n", NULL, 0, "{\"a\": 1}");
    expect("", values, 2, "{\"z\":0.1,\"n\":-9223372036854775808}");
    expect("{\"a\":[1]}", values, 1, "{\"a\":[1],\"z\":0.1}");
    expect("\t{ \"a\" : {} } ", values, 1, "{\"a\" : {},\"z\":0.1}");
    expect("{}", values, 1, "{\"z\":0.1}");
    expect("{ \n }", values, 1, "{\"z\":0.1}");
}

Test(members, each_kind_of_value_is_json) {
    t5_named_value null = t5_named_number("none", 1);
    null.value.type = T5_VALUE_NULL;
    const t5_named_value values[] = {t5_named_boolean("yes", 1), t5_named_boolean("no", 0), null,
                                     t5_named_number("gone", (double)NAN),
                                     t5_named_text("why", t5_text("say \"so\"\n"))};
    expect("", values, 5,
           "{\"yes\":true,\"no\":false,\"none\":null,\"gone\":null,\"why\":\"say "
           "\\\"so\\\"\\n\"}");
}
