/*
 * The variables that operators of the old service know, above the ini file.
 */
#include "base/units.h"
#include "config/assign.h"
#include "config/text/paths.h"
#include "config/text/quotes.h"

#include <string.h>

/* The one variable that says yes or no where the key has three choices. */
static const char *color_of(const char *value) {
    bool is_on;
    if (!parse_boolean(value, &is_on))
        return NULL;
    return is_on ? "auto" : "never";
}

void environment_assign(struct build *build) {
    size_t count;
    const struct schema_variable *variables = schema_variables(&count);
    for (size_t i = 0; i < count; i++) {
        const struct schema_variable *variable = &variables[i];
        const char *value = environment_value(build->request->environment, variable->name);
        if (value == NULL)
            continue;
        struct place place = {.file = variable->source};
        const bool is_color = strcmp(variable->name, "ENABLE_COLOR_LOGS") == 0;
        if (is_color && !quotes_in(value, false)) {
            const char *color = color_of(value);
            if (color == NULL) {
                faults_add(build->faults, place, "%s is not true or false", value);
                continue;
            }
            value = color;
        }
        build_assign(build, &(struct assignment){.section = variable->section,
                                                 .key = variable->key,
                                                 .value = value,
                                                 .place = place});
    }
}
