#include "strategy/plugin/description.h"

#include "config/schema/schema.h"
#include "message/projection.h"
#include "strategy/plugin/descriptor.h"
#include "support.h"

#include <criterion/criterion.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The descriptor of a strategy under tests/plugins. */
static const t5_strategy *open_plugin(const char *name) {
    void *library = dlopen(plugin_path(name), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    cr_assert_not_null(library, "%s", dlerror());
    const t5_strategy *descriptor = dlsym(library, "take5_strategy");
    cr_assert_not_null(descriptor);
    return descriptor;
}

static struct description *describe_plugin(const char *name, const char *note_name,
                                           const char *note_version, char **said) {
    struct faults faults = FAULTS_INIT;
    struct description *description =
        description_new(open_plugin(name), "x.so", note_name, note_version, &faults);
    *said = take_faults(&faults);
    return description;
}

Test(description, lists_every_fault_of_a_descriptor) {
    char *said;
    struct error stepless, empty;
    cr_assert_not(projection_check("stats..mean", 11, &stepless));
    cr_assert_not(projection_check("", 0, &empty));
    cr_assert_null(describe_plugin("bad_descriptor", "bad_descriptor", "1.0.0", &said));
    char *wanted = text_format(
        "x.so: the descriptor has name \"another_name\", the note has \"bad_descriptor\": they "
        "must match\n"
        "x.so: the descriptor has version \"2.0.0\", the note has \"1.0.0\": they must match\n"
        "x.so: summary must be one line\n"
        "x.so: topic \"signals\" is reserved\n"
        "x.so: topic \"bar_trends\" is listed twice\n"
        "x.so: topic \"\" must be 1 to 63 bytes without spaces\n"
        "x.so: scope 9 is neither T5_SCOPE_KEYED (1) nor T5_SCOPE_GLOBAL (2)\n"
        "x.so: %s\n"
        "x.so: %s\n"
        "x.so: parameter symbols: the name is reserved for a setting of the host\n"
        "x.so: parameter \"Upper\": a name must be of a-z, 0-9 and _, and begin with a letter\n"
        "x.so: parameter outside: default 11 is above maximum 10\n"
        "x.so: parameter crossed: minimum 2 is above maximum 1\n"
        "x.so: parameter mistyped: default \"soon\" is not a duration such as 250ms, 30s, 5m "
        "or "
        "2h\n"
        "x.so: parameter untyped has unknown type 77\n"
        "x.so: parameter number 7 has size 4, ABI 1.0 has 48: set .size = sizeof(t5_parameter)\n"
        "x.so: parameter outside is declared twice\n"
        "x.so: series \"a b\": a name must be 1 to 64 of A-Z, a-z, 0-9, _, . and -\n"
        "x.so: series \"mean\" is listed twice\n"
        "x.so: warm_up_ns is -1: must be 0 or more nanoseconds\n"
        "x.so: side 4 is not T5_SIDE_NONE (1), _VALUE (2) or _NAMED (3)\n"
        "x.so: has no create function\n"
        "x.so: has no destroy function\n"
        "x.so: has no on_message function\n",
        stepless.text, empty.text);
    cr_assert_str_eq(said, wanted);
    free(wanted);
    free(said);
}

Test(description, each_setting_of_a_deployment_is_refused_as_a_parameter) {
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    const t5_strategy *good = open_plugin("good_v1");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].section, "strategy:NAME") != 0)
            continue;
        const t5_parameter parameter = {.size = sizeof parameter,
                                        .type = T5_PARAMETER_INTEGER,
                                        .name = keys[i].key,
                                        .default_value = "1"};
        const t5_parameter *const parameters[] = {&parameter, NULL};
        t5_strategy descriptor = *good;
        struct faults faults = FAULTS_INIT;
        descriptor.parameters = parameters;
        cr_expect_null(description_new(&descriptor, "x.so", "good", "1.0.0", &faults), "%s",
                       keys[i].key);
        faults_release(&faults);
    }
}

Test(description, holds_what_a_good_descriptor_says) {
    char *said;
    struct description *description = describe_plugin("good_v1", "good", "1.0.0", &said);
    cr_assert_not_null(description, "%s", said);
    cr_assert_str_eq(said, "");
    cr_assert_str_eq(description->name, "good");
    cr_assert_eq(description->scope, T5_SCOPE_KEYED);
    cr_assert_eq(description->topic_count, 3);
    cr_assert_eq(description->state_version, 1);
    cr_assert_eq(description->parameters[0].type, T5_PARAMETER_INTEGER);
    cr_assert_str_eq(description->parameters[0].default_value, "0");
    cr_assert(description->has_save);
    description_free(description);
    free(said);
}

Test(description, smaller_descriptor_is_read_as_far_as_it_goes) {
    char *said;
    struct description *description =
        describe_plugin("older_minor_small_struct", "older_minor_small_struct", "0.9.0", &said);
    cr_assert_not_null(description, "%s", said);
    cr_assert_not(description->has_save);
    cr_assert_not(description->has_load);
    description_free(description);
    free(said);
}

Test(description, too_small_a_descriptor_is_refused_with_both_sizes) {
    struct faults faults = FAULTS_INIT;
    const t5_strategy descriptor = {.size = 64};
    cr_assert_null(description_new(&descriptor, "x.so", "a", "1", &faults));
    char *said = take_faults(&faults);
    cr_assert_str_eq(
        said, "x.so: the descriptor has size 64, it needs at least 144 to include on_message: set "
              ".size = sizeof(t5_strategy)\n");
    free(said);
}

Test(description, larger_descriptor_of_a_newer_minor_is_read_as_far_as_this_host_knows) {
    struct {
        t5_strategy known;
        void *newer[4];
    } larger = {.known = *open_plugin("good_v1")};
    struct faults faults = FAULTS_INIT;
    t5_strategy read;
    larger.known.size = sizeof larger;
    struct description *description =
        description_new(&larger.known, "x.so", "good", "1.0.0", &faults);
    cr_assert_not_null(description);
    descriptor_read(&larger.known, &read);
    cr_assert_eq(read.save, larger.known.save);
    description_free(description);
    faults_release(&faults);
}

Test(description, save_without_a_state_version_is_a_warning) {
    t5_strategy descriptor = *open_plugin("good_v1");
    struct faults faults = FAULTS_INIT;
    descriptor.state_version = 0;
    struct description *description =
        description_new(&descriptor, "x.so", "good", "1.0.0", &faults);
    cr_assert_not_null(description);
    char *said = take_faults(&faults);
    cr_assert_str_eq(said,
                     "warning: x.so: saves state, but has no state_version: number its formats "
                     "from 1\n");
    free(said);
    description_free(description);
}

Test(description, list_without_end_is_a_fault_and_no_walk_through_memory) {
    static const char *endless[5000];
    t5_strategy descriptor = *open_plugin("good_v1");
    struct faults faults = FAULTS_INIT;
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++)
        endless[i] = "bar_trends";
    descriptor.topics = endless;
    cr_assert_null(description_new(&descriptor, "x.so", "good", "1.0.0", &faults));
    char *said = take_faults(&faults);
    cr_assert_str_eq(said, "x.so: more than 64 topics: is the list NULL-terminated?\n");
    free(said);
}

static struct config_item setting(const char *name, const char *text) {
    return (struct config_item){.name = (char *)name, .text = (char *)text, .place = {"x.ini", 4}};
}

Test(description, describe_supplies_what_the_settings_lead_to) {
    char *said;
    struct faults faults = FAULTS_INIT;
    struct config_item item = setting("kind", "deep");
    const struct config_items settings = {&item, 1};
    struct description *plain = describe_plugin("describes", "describes", "1.0.0", &said);
    cr_assert_not_null(plain, "%s", said);
    cr_assert(plain->has_describe && !plain->is_described);
    cr_assert_eq(plain->topic_count, 0);
    struct description *described =
        description_describe(plain, open_plugin("describes"), &settings, item.place, &faults);
    cr_assert_not_null(described);
    cr_assert(described->is_described);
    cr_assert_str_eq(described->name, "describes");
    cr_assert_str_eq(described->version, "7.7.7");
    cr_assert_eq(described->state_version, 5);
    cr_assert_eq(described->scope, T5_SCOPE_KEYED);
    cr_assert_str_eq(described->topics[0], "historic_stats");
    cr_assert_str_eq(described->fields[1], "z_score");
    cr_assert_str_eq(described->parameters[1].name, "depth");
    description_free(described);
    description_free(plain);
    free(said);
}

Test(description, describe_that_refuses_says_why_at_the_section) {
    char *said;
    struct faults faults = FAULTS_INIT;
    struct config_item item = setting("kind", "bad");
    const struct config_items settings = {&item, 1};
    struct description *plain = describe_plugin("describes", "describes", "1.0.0", &said);
    free(said);
    cr_assert_null(description_describe(plain, open_plugin("describes"), &settings,
                                        (struct place){"x.ini", 3}, &faults));
    said = take_faults(&faults);
    cr_assert_str_eq(said, "x.ini:3: describe of describes rejected these settings: no strategy of "
                           "kind bad\n");
    free(said);
    description_free(plain);
}

Test(description, copy_is_deep) {
    char *said;
    struct description *description = describe_plugin("good_v1", "good", "1.0.0", &said);
    struct description *copy = description_copy(description);
    cr_assert_not_null(copy);
    description_free(description);
    cr_assert_str_eq(copy->name, "good");
    cr_assert_str_eq(copy->topics[1], "historic_stats");
    cr_assert_null(copy->topics[3]);
    cr_assert_str_eq(copy->parameters[0].help, "say every so manieth count; 0 says none");
    cr_assert_str_eq(copy->parameters[0].min, "0");
    description_free(copy);
    free(said);
}

Test(description, names_are_lower_case_and_bounded) {
    char name[80];
    cr_assert(descriptor_is_name("a"));
    cr_assert(descriptor_is_name("trend-2_x"));
    cr_assert_not(descriptor_is_name(""));
    cr_assert_not(descriptor_is_name("2trend"));
    cr_assert_not(descriptor_is_name("Trend"));
    cr_assert_not(descriptor_is_name("../trend"));
    cr_assert_not(descriptor_is_name("trend "));
    memset(name, 'a', sizeof name);
    name[63] = '\0';
    cr_assert(descriptor_is_name(name));
    name[63] = 'a';
    name[64] = '\0';
    cr_assert_not(descriptor_is_name(name));
}

/* At each place of a name of each length. */
Test(description, a_signal_s_name_has_nothing_that_is_not_allowed) {
    static const char others[] = {' ', '/', ':', '@', '[', '`', '{', ',', '\x7f', '\x80', '\xff'};
    char name[65];
    for (size_t size = 1; size <= 64; size++) {
        memset(name, 'a', sizeof name);
        cr_expect(descriptor_is_signal_name((t5_str){name, size}), "%zu", size);
        for (size_t at = 0; at < size; at++) {
            name[at] = others[(at + size) % sizeof others];
            cr_expect_not(descriptor_is_signal_name((t5_str){name, size}), "%zu %zu", at, size);
            name[at] = "zA09_.-"[at % 7];
        }
        cr_expect(descriptor_is_signal_name((t5_str){name, size}), "%zu", size);
    }
    cr_expect_not(descriptor_is_signal_name((t5_str){name, 0}));
    cr_expect_not(descriptor_is_signal_name((t5_str){name, 65}));
}
