#include "config/schema/items.h"

#include <criterion/criterion.h>
#include <string.h>

Test(items, set_appends_and_replaces_in_place) {
    struct config_items items = {0};
    cr_assert(config_items_set(&items, "a", "1", (struct place){"f", 1}));
    cr_assert(config_items_set(&items, "b", "2", (struct place){"f", 2}));
    cr_assert(config_items_set(&items, "a", "3", (struct place){"g", 9}));
    cr_assert_eq(items.count, 2);
    cr_assert_str_eq(items.items[0].name, "a");
    cr_assert_str_eq(items.items[0].text, "3");
    cr_assert_eq(items.items[0].place.line, 9);
    cr_assert_str_eq(config_items_find(&items, "b")->text, "2");
    cr_assert_null(config_items_find(&items, "c"));
    config_items_release(&items);
    cr_assert_eq(items.count, 0);
}

Test(items, secrets_are_known_by_their_names) {
    const char *const secrets[] = {"sasl.password",
                                   "ssl.key.password",
                                   "ssl.keystore.password",
                                   "ssl.key.pem",
                                   "ssl_key",
                                   "sasl.oauthbearer.client.secret",
                                   "sasl.oauthbearer.config",
                                   "api_token",
                                   "DB_PASSWORD",
                                   "my_api_key"};
    const char *const open[] = {"sasl.username",
                                "ssl.ca.location",
                                "ssl.key.location",
                                "ssl.certificate.pem",
                                "sasl.oauthbearer.token.endpoint.url",
                                "bootstrap.servers",
                                "window"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        cr_assert(config_is_secret(secrets[i]), "%s", secrets[i]);
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        cr_assert_not(config_is_secret(open[i]), "%s", open[i]);
}
