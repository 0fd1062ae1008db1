/* Configurations that others could have written. Owners are tests/integration/trust_test.py's. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture fixture;

static void begin(void) {
    umask(022);
    fixture_open(&fixture);
    fixture_write(&fixture, "take5.ini", "[take5]\n");
    fixture_write(&fixture, "strategies.d/alpha.ini", "[strategy:alpha]\n");
}

static void end(void) {
    fixture_close(&fixture);
}

TestSuite(config_trust, .init = begin, .fini = end);

/* `text` NULL: it is loaded. `override` NULL: none. */
static void expect(const char *override, const char *text) {
    const struct config_override no_strictness = {"take5", "strict_modes", override, NULL};
    const struct config_request request = {
        .path = fixture_path(&fixture, "take5.ini"),
        .overrides = &no_strictness,
        .override_count = override != NULL,
        .is_trusting_nobody = true,
    };
    struct faults faults = FAULTS_INIT;
    struct config *config = config_load(&request, &faults);
    cr_expect_eq(config != NULL, text == NULL, "%s", faults.count > 0 ? faults.items[0].text : "");
    if (text != NULL) {
        cr_assert_eq(faults.error_count, 1);
        cr_expect(strstr(faults.items[0].text, text) != NULL, "%s", faults.items[0].text);
    }
    config_free(config);
    faults_release(&faults);
}

static void set_mode(const char *name, mode_t mode) {
    cr_assert_eq(chmod(fixture_path(&fixture, name), mode), 0);
}

Test(config_trust, what_only_this_user_may_write_is_loaded) {
    expect(NULL, NULL);
}

Test(config_trust, the_main_file_and_what_leads_to_it_count) {
    set_mode("take5.ini", 0666);
    expect(NULL, "take5.ini: mode 0666 lets everyone write");
    expect("no", NULL);
    set_mode("take5.ini", 0644);
    set_mode("", 0777);
    expect("no", NULL);
}

Test(config_trust, a_main_file_that_is_not_there_is_one_fault) {
    cr_assert_eq(unlink(fixture_path(&fixture, "take5.ini")), 0);
    expect(NULL, "take5.ini");
}

Test(config_trust, files_of_strategies_count) {
    set_mode("strategies.d/alpha.ini", 0666);
    expect(NULL, "alpha.ini: mode 0666 lets everyone write");
    expect("no", NULL);
    set_mode("strategies.d/alpha.ini", 0644);
    set_mode("strategies.d", 01777); /* others can add to it */
    expect(NULL, "strategies.d: mode 1777 lets everyone write");
}

Test(config_trust, files_of_secrets_count) {
    fixture_write(&fixture, "secret", "hush\n");
    fixture_write(&fixture, "take5.ini",
                  "[kafka]\nsasl.username = u\nsasl.password.file = secret\n");
    set_mode("secret", 0600);
    expect(NULL, NULL);
    set_mode("secret", 0622);
    expect(NULL, "secret: mode 0622 lets everyone write");
}

Test(config_trust, a_file_does_not_say_that_it_can_be_trusted) {
    fixture_write(&fixture, "take5.ini", "[take5]\nstrict_modes = no\n");
    set_mode("strategies.d/alpha.ini", 0666);
    expect(NULL, NULL);
    set_mode("take5.ini", 0666);
    expect(NULL, "-s take5.strict_modes=no");
    expect("no", NULL);
}

Test(config_trust, who_only_looks_is_told_nothing) {
    set_mode("take5.ini", 0666);
    cr_expect_not_null(fixture_load(&fixture, NULL, NULL));
}
