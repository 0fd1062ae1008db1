#include "config/schema/schema.h"

#include "base/error.h"
#include "config/config.h"
#include "config/value/value.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(schema, every_default_is_a_value_of_its_own_key) {
    static struct config config;
    static struct config_deployment deployment;
    static struct config_worker worker;
    size_t count;
    const struct schema_key *keys = schema_keys(&count);
    struct error error;
    cr_assert_gt(count, 50);
    for (size_t i = 0; i < count; i++) {
        void *base = strcmp(keys[i].section, "strategy:NAME") == 0 ? (void *)&deployment
                     : strcmp(keys[i].section, "worker:NAME") == 0 ? (void *)&worker
                                                                   : (void *)&config;
        if (keys[i].default_value == NULL)
            continue;
        cr_assert(value_set(base, &keys[i], keys[i].default_value, NULL, &error), "%s", error.text);
        value_release(base, &keys[i]);
    }
}

Test(schema, every_key_is_explained_and_stands_in_a_section) {
    size_t count, section_count;
    const struct schema_key *keys = schema_keys(&count);
    const struct schema_section *sections = schema_sections(&section_count);
    for (size_t i = 0; i < count; i++) {
        bool has_section = false;
        for (size_t j = 0; j < section_count; j++)
            has_section = has_section || strcmp(sections[j].name, keys[i].section) == 0;
        cr_assert(has_section, "%s", keys[i].section);
        cr_assert_gt(strlen(keys[i].help), 8, "%s", keys[i].key);
        cr_assert_null(strchr(keys[i].help, '\n'));
        cr_assert_eq(keys[i].help[strlen(keys[i].help) - 1], '.', "%s", keys[i].key);
        cr_assert(keys[i].default_value != NULL || keys[i].default_note != NULL,
                  "%s has no default", keys[i].key);
        cr_assert_str_neq(schema_type_text(keys[i].type), "");
        for (size_t j = 0; j < i; j++)
            cr_assert(strcmp(keys[i].section, keys[j].section) != 0 ||
                          strcmp(keys[i].key, keys[j].key) != 0,
                      "%s twice", keys[i].key);
    }
}

Test(schema, find_goes_by_section_and_key) {
    cr_assert_str_eq(schema_find("sink:kafka", "topic")->default_value, "algo_signals");
    cr_assert_str_eq(schema_find("dead_letters", "topic")->default_value, "take5_dead_letters");
    cr_assert_null(schema_find("take5", "topic"));
    cr_assert_null(schema_find("nowhere", "topic"));
}

Test(schema, sections_with_names_are_recognised) {
    const char *name;
    cr_assert_str_eq(schema_section_of("strategy:alpha", &name)->name, "strategy:NAME");
    cr_assert_str_eq(name, "alpha");
    cr_assert_str_eq(schema_section_of("topic:x", &name)->name, "topic:ROLE");
    cr_assert_str_eq(name, "x");
    cr_assert_str_eq(schema_section_of("sink:kafka", &name)->name, "sink:kafka");
    cr_assert_null(name);
    cr_assert_str_eq(schema_section_of("strategy:", &name)->name, "strategy:NAME");
    cr_assert_str_eq(name, "");
    cr_assert_null(schema_section_of("sink:file", &name));
    cr_assert_null(schema_section_of("strategy", NULL));
    cr_assert_null(schema_section_of("", NULL));
}

Test(schema, variables_lead_to_keys_or_properties) {
    size_t count, property_count;
    const struct schema_variable *variables = schema_variables(&count);
    const struct schema_property *properties = schema_properties(&property_count);
    cr_assert_eq(count, 10);
    for (size_t i = 0; i < count; i++) {
        bool is_known = schema_find(variables[i].section, variables[i].key) != NULL;
        for (size_t j = 0; j < property_count; j++)
            is_known = is_known || strcmp(properties[j].name, variables[i].key) == 0;
        cr_assert(is_known, "%s", variables[i].name);
        cr_assert_not_null(strstr(variables[i].source, variables[i].name));
    }
}
