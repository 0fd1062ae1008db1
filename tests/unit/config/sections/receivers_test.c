/*
 * [sink:postgres], [sink:webhook] and [alerts]: what goes through, what is refused and where, and
 * what nobody gets to see.
 */
#include "fixture.h"

#include "config/schema/items.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct fixture fixture;

/* What others may read is warned of. */
static void begin(void) {
    umask(0077);
    fixture_open(&fixture);
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(receivers, .init = begin, .fini = end);

static void load(const char *content) {
    cr_assert_not_null(fixture_load_text(&fixture, content), "%s", fixture.all);
}

static const char *item(const struct config_items *items, const char *name) {
    const struct config_item *found = config_items_find(items, name);
    return found != NULL ? found->text : NULL;
}

Test(receivers, nothing_goes_there_by_default) {
    load("");
    cr_assert_str_eq(fixture.all, "");
    const struct config *config = fixture.config;
    cr_assert(!config->sink_postgres && !config->sink_webhook);
    cr_assert(!config->alerts_postgres && !config->alerts_webhook);
    cr_assert_str_eq(config->postgres_table, "take5_signals");
    cr_assert_eq(config->webhook_batch, 1);
}

Test(receivers, parameters_of_libpq_go_through) {
    load("[signals]\nsinks = postgres, log\n[sink:postgres]\nhost = db\nport = 5433\n"
         "sslmode = verify-full\nsslrootcert = system\ntable = market.signals\n");
    const struct config_items *items = &fixture.config->postgres;
    cr_assert(fixture.config->sink_postgres && fixture.config->sink_log);
    cr_assert_str_eq(item(items, "host"), "db");
    cr_assert_str_eq(item(items, "port"), "5433");
    cr_assert_str_eq(item(items, "sslrootcert"), "system");
    cr_assert_str_eq(fixture.config->postgres_table, "market.signals");
}

Test(receivers, a_slip_of_a_parameter_is_told_where_it_stands) {
    fixture_refuse(&fixture,
                   "[sink:postgres]\nhots = db\nsslmode = verify\nclient_encoding = LATIN1\n"
                   "connect_timeout = 3\ntable = a.b.c\n",
                   "take5.ini:2: unknown key hots in [sink:postgres]: neither the host nor libpq "
                   "has it; did you mean host?\n"
                   "take5.ini:3: [sink:postgres] sslmode = verify is invalid: expected disable, "
                   "allow, prefer, require, verify-ca or verify-full\n"
                   "take5.ini:4: [sink:postgres] client_encoding cannot be set: the host sets it\n"
                   "take5.ini:5: [sink:postgres] connect_timeout cannot be set: the key timeout is "
                   "for that\n"
                   "take5.ini:6: [sink:postgres] table = a.b.c: expected NAME or SCHEMA.NAME, "
                   "without quotes, of at most 63 bytes each\n");
}

Test(receivers, a_connection_string_is_no_name_of_a_database_and_is_not_shown) {
    fixture_refuse(&fixture,
                   "[sink:postgres]\ndbname = postgresql://me:hidden@db/market\nport = many\n",
                   "take5.ini:2: [sink:postgres] dbname is not the name of a database (it is not "
                   "shown, since it may have a password in it): give host, port, user and "
                   "password.file as keys of their own\n"
                   "take5.ini:3: [sink:postgres] port = many is invalid: expected a number from 1 "
                   "to 65535, or one for each host, separated by commas\n");
    fixture_refuse(&fixture, "[sink:postgres]\ndbname = host=db password=hidden\nport = 0\n",
                   "take5.ini:2: [sink:postgres] dbname is not the name of a database (it is not "
                   "shown, since it may have a password in it): give host, port, user and "
                   "password.file as keys of their own\n"
                   "take5.ini:3: [sink:postgres] port = 0 is invalid: expected a number from 1 to "
                   "65535, or one for each host, separated by commas\n");
    load("[sink:postgres]\ndbname = market\nhost = a,b\nport = 5432,65535\n");
}

Test(receivers, a_password_is_not_shown) {
    fixture_write(&fixture, "password", "hidden-one\n");
    load("[sink:postgres]\npassword.file = password\n");
    cr_assert_str_eq(item(&fixture.config->postgres, "password"), "hidden-one");
    fixture_expect_hidden(&fixture, "hidden-one");
}

Test(receivers, files_of_libpq_are_relative_to_the_configuration_and_must_be_there) {
    fixture_write(&fixture, "passfile", "*:*:*:*:x\n");
    chmod(fixture_path(&fixture, "passfile"), 0600);
    load("[sink:postgres]\npassfile = passfile\n");
    cr_assert_str_eq(item(&fixture.config->postgres, "passfile"),
                     fixture_path(&fixture, "passfile"));
    fixture_load_text(&fixture, "[sink:postgres]\nsslrootcert = none.pem\n");
    cr_assert_null(fixture.config);
    cr_assert_not_null(strstr(fixture.all, "take5.ini:2: [sink:postgres] sslrootcert: cannot open"),
                       "%s", fixture.all);
}

Test(receivers, a_passfile_that_others_may_read_is_refused_as_libpq_would) {
    fixture_write(&fixture, "passfile", "*:*:*:*:x\n");
    chmod(fixture_path(&fixture, "passfile"), 0644);
    fixture_load_text(&fixture, "[sink:postgres]\npassfile = passfile\n");
    cr_assert_null(fixture.config);
    cr_assert_not_null(strstr(fixture.all, "take5.ini:2: [sink:postgres] passfile"), "%s",
                       fixture.all);
}

Test(receivers, address_and_headers_go_through_and_are_not_shown) {
    fixture_write(&fixture, "token", "Bearer hidden-one\n");
    load("[signals]\nsinks = webhook\n[sink:webhook]\nurl = https://chat.example/hidden-two\n"
         "header.Authorization.file = token\nheader.X-Team = hidden-three\n");
    const struct config_items *items = &fixture.config->webhook;
    cr_assert_str_eq(item(items, "url"), "https://chat.example/hidden-two");
    cr_assert_str_eq(item(items, "header.Authorization"), "Bearer hidden-one");
    cr_assert_str_eq(item(items, "header.X-Team"), "hidden-three");
    fixture_expect_hidden(&fixture, "hidden");
}

Test(receivers, what_is_no_address_or_header_is_refused_without_being_shown) {
    fixture_refuse(&fixture,
                   "[sink:webhook]\nurl = chat.example/hidden\nheader.two words = x\nuri = x\n",
                   "take5.ini:2: [sink:webhook] url is not an address such as https://host/path "
                   "(it is not shown, since it may be a secret)\n"
                   "take5.ini:3: [sink:webhook] header.two words: no header can have this name\n"
                   "take5.ini:4: unknown key uri in [sink:webhook]: expected url or header.NAME\n");
    fixture_write(&fixture, "lines", "a\nX-Injected: b\n");
    fixture_refuse(&fixture, "[sink:webhook]\nheader.X.file = lines\n",
                   "take5.ini:2: [sink:webhook] header.X.file: the value has a line break or "
                   "another control character\n");
    fixture_refuse(&fixture,
                   "[sink:webhook]\nurl = https://a/\nurl.env = X\n[signals]\nsinks = log\n",
                   "take5.ini:3: [sink:webhook] url.env = X: the environment variable does not "
                   "exist, or is empty\n");
}

static void expect_no_address(const char *url) {
    char text[256];
    snprintf(text, sizeof text, "[sink:webhook]\nurl = %s\n", url);
    fixture_refuse(&fixture, text,
                   "take5.ini:2: [sink:webhook] url is not an address such as https://host/path "
                   "(it is not shown, since it may be a secret)\n");
}

Test(receivers, the_port_of_an_address_is_one) {
    expect_no_address("https://host:65536/");
    expect_no_address("https://host:0");
    expect_no_address("https://host:x/");
    expect_no_address("https://[::1]:99999/");
    expect_no_address("https://me:hidden@/path");
    load("[sink:webhook]\nurl = https://host:65535/a:b@c\n");
    load("[sink:webhook]\nurl = https://me:hid@[::1]:1?x\n");
    load("[sink:webhook]\nurl = https://host:/\n");
}

Test(receivers, headers_that_are_the_hosts_are_refused) {
    fixture_refuse(&fixture,
                   "[sink:webhook]\nheader.content-length = 3\nheader.Transfer-Encoding = x\n"
                   "header.Idempotency-Key = x\n",
                   "take5.ini:2: [sink:webhook] header.content-length: the host sets this header\n"
                   "take5.ini:3: [sink:webhook] header.Transfer-Encoding: the host sets this "
                   "header\n"
                   "take5.ini:4: [sink:webhook] header.Idempotency-Key: the host sets this "
                   "header\n");
}

Test(receivers, who_is_to_post_needs_an_address) {
    fixture_refuse(&fixture, "[signals]\nsinks = webhook\n[alerts]\nto = webhook\n",
                   "take5.ini:2: [signals] sinks has webhook, and [sink:webhook] has no url\n"
                   "take5.ini:4: [alerts] to has webhook, and [sink:webhook] has no url\n");
    load("[alerts]\nto = webhook\nurl = https://a/\n");
    load("[alerts]\nto = webhook\n[sink:webhook]\nurl = https://a/\n");
    fixture_refuse(&fixture, "[alerts]\nheader.A = b\n",
                   "take5.ini:2: [alerts] has a header and no url: without one those of "
                   "[sink:webhook] are taken\n");
}

Test(receivers, authorities_must_be_there) {
    fixture_refuse(
        &fixture,
        "[signals]\nsinks = webhook\n[sink:webhook]\nurl = https://a/\n"
        "ca_file = /nonexistent.pem\n",
        "take5.ini:5: [sink:webhook] ca_file: cannot open /nonexistent.pem: No such file "
        "or directory\n");
}

Test(receivers, chats_have_limits) {
    fixture_refuse(
        &fixture, "[sink:webhook]\nformat = telegram\nbatch = 11\n",
        "take5.ini:2: [sink:webhook] format = telegram needs chat, the id of the chat\n"
        "take5.ini:3: [sink:webhook] batch = 11: a message of a chat takes at most 10\n");
    load("[sink:webhook]\nformat = telegram\nchat = -1001\nbatch = 10\n");
    load("[sink:webhook]\nbatch = 1000\n");
}

Test(receivers, plain_http_to_elsewhere_is_a_warning) {
    load("[sink:webhook]\nurl = http://elsewhere.example/\n");
    cr_assert_str_eq(fixture.all,
                     "warning: take5.ini:2: [sink:webhook] url is http and not https: anyone on "
                     "the network path can read signals and headers\n");
    load("[sink:webhook]\nurl = http://127.0.0.1:9/x\n[alerts]\nurl = http://localhost\n");
    cr_assert_str_eq(fixture.all, "");
}

Test(receivers, exactly_once_goes_with_them_beside_kafka_only) {
    load("[take5]\nhost_id = a\n[signals]\nsinks = kafka, postgres\ndelivery = exactly_once\n");
    cr_assert_str_eq(fixture.all, "");
    fixture_refuse(&fixture,
                   "[take5]\nhost_id = a\n[signals]\nsinks = postgres\ndelivery = exactly_once\n",
                   "take5.ini:5: [signals] delivery = exactly_once is for signals that go to "
                   "Kafka, and sinks does not have kafka: the others are at_least_once (postgres "
                   "has each signal once nevertheless, by its id)\n");
}
