#include "config/text/interpolation.h"

#include "base/text.h"
#include "config/text/paths.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define DIGITS  "0123456789"

struct reference {
    char *name;
    char *otherwise; /* NULL: no default */
};

/* "$$" is a dollar, in place. False: there is another dollar. */
static bool fold_dollars(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '$' && *++from != '$')
            return false;
        *to++ = *from;
    }
    *to = '\0';
    return true;
}

static bool split_reference(const char *inner, size_t size, struct reference *reference) {
    const char *mark = memmem(inner, size, ":-", 2);
    const size_t name_size = mark != NULL ? (size_t)(mark - inner) : size;
    reference->name = text_dup(inner, name_size);
    reference->otherwise = mark != NULL ? text_dup(mark + 2, size - name_size - 2) : NULL;
    return reference->name != NULL && (mark == NULL || reference->otherwise != NULL);
}

static bool check_name(const char *name, struct error *error) {
    if (name[0] != '\0' && strchr(DIGITS, name[0]) == NULL &&
        name[strspn(name, LETTERS DIGITS)] == '\0')
        return true;
    return error_set(error, ERROR_INVALID,
                     "${%s} names no environment variable: expected ${NAME} or ${NAME:-DEFAULT}",
                     name);
}

static bool fold_default(const struct reference *reference, struct error *error) {
    if (reference->otherwise == NULL || fold_dollars(reference->otherwise))
        return true;
    return error_set(
        error, ERROR_INVALID,
        "the default of ${%s:-DEFAULT} has a dollar in it: a default has no variables; "
        "write $$ for a dollar",
        reference->name);
}

static bool put_value(const struct reference *reference, const char *const *environment,
                      struct text *out, struct error *error) {
    if (!check_name(reference->name, error) || !fold_default(reference, error))
        return false;
    const char *value = environment_value(environment, reference->name);
    if (value == NULL)
        value = reference->otherwise;
    if (value == NULL)
        return error_set(error, ERROR_INVALID,
                         "the environment variable %s does not exist, or is empty; "
                         "${%s:-DEFAULT} has a default",
                         reference->name, reference->name);
    text_puts(out, value);
    return true;
}

/* What stands behind "${"; `rest` gets what stands behind the brace. */
static bool put_reference(const char *inner, const char *const *environment, const char **rest,
                          struct text *out, struct error *error) {
    const char *end = strchr(inner, '}');
    if (end == NULL)
        return error_set(error, ERROR_INVALID, "${ without a closing brace");
    struct reference reference;
    const bool did = split_reference(inner, (size_t)(end - inner), &reference)
                         ? put_value(&reference, environment, out, error)
                         : error_set_memory(error, "a setting");
    free(reference.name);
    free(reference.otherwise);
    *rest = end + 1;
    return did;
}

static bool put_dollar(const char *behind, const char *const *environment, const char **rest,
                       struct interpolated *to, struct text *out, struct error *error) {
    *rest = behind + 1;
    if (*behind == '$')
        return text_putc(out, '$'), true;
    if (*behind != '{')
        return error_set(error, ERROR_INVALID,
                         "a dollar that is not ${NAME}: write $$ for a dollar");
    to->has_variables = true;
    return put_reference(behind + 1, environment, rest, out, error);
}

bool interpolate(const char *value, const char *const *environment, struct interpolated *to,
                 struct error *error) {
    struct text out;
    bool did = true;
    *to = (struct interpolated){0};
    text_init(&out);
    while (did && *value != '\0') {
        const size_t plain = strcspn(value, "$");
        text_append(&out, value, plain);
        value += plain;
        if (*value == '$')
            did = put_dollar(value + 1, environment, &value, to, &out, error);
    }
    to->text = did ? text_take(&out) : NULL;
    text_release(&out);
    return did && (to->text != NULL || error_set_memory(error, "a setting"));
}
