#include "config/control_endpoint.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture fixture;
static struct config_control control;

static void begin(void) {
    fixture_open(&fixture);
}

static void end(void) {
    config_control_release(&control);
    fixture_close(&fixture);
}

TestSuite(control, .init = begin, .fini = end);

static bool find(const char *content) {
    const struct config_request request = {.path = fixture.path};
    fixture_write(&fixture, "take5.ini", content);
    return config_control_read(&request, &control, &fixture.faults);
}

static void find_below(const char *content, const char *name) {
    cr_assert(find(content), "%s", fixture.faults.items[0].text);
    cr_assert_str_eq(control.socket, fixture_path(&fixture, name));
}

Test(control, the_socket_is_where_the_whole_configuration_says) {
    static const char *const contents[] = {
        "",
        "[take5]\nrun_dir = r\n",
        "[control]\nsocket = s/c\n",
        "[take5]\nrun_dir = r\nshutdown_timeout = 5s\n[control]\nsocket = /x/y\n",
    };
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct config *config = fixture_load_text(&fixture, contents[i]);
        cr_assert_not_null(config);
        cr_assert(find(contents[i]));
        cr_assert_str_eq(control.socket, config->control_socket);
        cr_assert_eq(control.shutdown_timeout_ns, config->shutdown_timeout_ns);
        cr_assert_not(control.is_in_part);
        config_control_release(&control);
    }
}

Test(control, drop_ins_and_variables_count) {
    static const char *const environment[] = {"WHERE=v", NULL};
    const struct config_request request = {.path = fixture.path, .environment = environment};
    fixture_write(&fixture, "take5.ini", "[take5]\nrun_dir = r\n");
    fixture_write(&fixture, "take5.d/x.ini", "[take5]\nrun_dir = ../${WHERE}\nservice = ${NONE}\n");
    cr_assert(config_control_read(&request, &control, &fixture.faults));
    cr_expect_str_eq(control.socket, fixture_path(&fixture, "take5.d/../v/control.sock"));
    cr_expect_eq(fixture.faults.count, 0);
}

Test(control, other_mistakes_do_no_harm) {
    find_below("[take5]\nlanes = many\nrun_dir = r\nspeed = 3\n[kafka]\nno.such = 1\n"
               "sasl.password.file = /none/that/can/be/read\n[nonsense]\n[control]\ngroup =\n",
               "r/control.sock");
    cr_assert_eq(fixture.faults.count, 0);
    cr_assert_not(control.is_in_part);
}

Test(control, a_line_that_is_none_is_passed_over_and_told) {
    find_below("[take5]\nrun_dir = r\nhalf a li\n[kaf", "r/control.sock");
    cr_assert(control.is_in_part);
}

Test(control, files_of_strategies_are_not_read) {
    fixture_write(&fixture, "strategies.d/alpha.ini", "[take5]\nrun_dir = elsewhere\n[strategy:");
    find_below("[take5]\nrun_dir = r\n", "r/control.sock");
    cr_assert_not(control.is_in_part);
}

Test(control, a_mistake_in_what_is_wanted_is_a_fault) {
    cr_assert_not(find("[take5]\nshutdown_timeout = soon\nrun_dir =\n"));
    cr_assert_eq(fixture.faults.error_count, 2);
    cr_assert(strstr(fixture.faults.items[0].text, "take5.ini:2: ") != NULL);
    cr_assert_null(control.socket);
}

Test(control, a_path_that_is_too_long_for_a_socket_is_a_fault) {
    char content[256];
    snprintf(content, sizeof content, "[take5]\nrun_dir = /%0120d\n", 0);
    cr_assert_not(find(content));
    cr_assert(strstr(fixture.faults.items[0].text, "a shorter [take5] run_dir") != NULL);
}

Test(control, the_command_line_wins_and_is_checked) {
    struct config_override overrides[] = {{"log", "format", "journald", NULL},
                                          {"control", "socket", "/x/y", NULL},
                                          {"nonsense", "x", "y", NULL},
                                          {"control", "sokcet", "/x/y", NULL}};
    struct config_request request = {
        .path = fixture.path, .overrides = overrides, .override_count = 3};
    fixture_write(&fixture, "take5.ini", "[control]\nsocket = z\n");
    cr_assert(config_control_read(&request, &control, &fixture.faults));
    cr_assert_str_eq(control.socket, "/x/y");
    config_control_release(&control);
    request.override_count = 4;
    cr_assert_not(config_control_read(&request, &control, &fixture.faults));
    cr_assert(strstr(fixture.faults.items[0].text, "did you mean socket?") != NULL);
}

Test(control, a_file_that_is_not_there_is_a_fault_unless_nobody_named_it) {
    struct config_request request = {.path = fixture.path};
    cr_assert_not(config_control_read(&request, &control, &fixture.faults));
    cr_assert(strstr(fixture.faults.items[0].text, "take5.ini: cannot be read: ") != NULL);
    request.is_path_optional = true;
    fixture.faults.error_count = 0;
    cr_assert(config_control_read(&request, &control, &fixture.faults));
    cr_assert_str_eq(control.socket, "/run/take5/control.sock");
}

Test(control, a_file_that_this_user_may_not_read_leaves_the_place_of_the_service) {
    struct config_request request = {.path = fixture.path, .is_path_optional = true};
    fixture_write(&fixture, "take5.ini", "[take5]\nrun_dir = r\n");
    cr_assert_eq(chmod(fixture.path, 0), 0);
    cr_assert_eq(chmod(fixture.directory, 0711), 0);
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    const bool did = config_control_read(&request, &control, &fixture.faults);
    if (geteuid() == 65534)
        cr_assert_eq(seteuid(0), 0);
    cr_assert(did);
    cr_assert_str_eq(control.socket, "/run/take5/control.sock");
}
