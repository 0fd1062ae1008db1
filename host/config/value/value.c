#include "config/value/value.h"

#include "base/error.h"
#include "base/faults.h"
#include "base/path_list.h"
#include "base/string_list.h"
#include "base/units.h"
#include "config/text/paths.h"
#include "config/value/value_list.h"
#include "config/value/value_number.h"
#include "message/time_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHOICES_MAX 16

static void *member(void *base, const struct schema_key *key) {
    return (char *)base + key->offset;
}

static const void *const_member(const void *base, const struct schema_key *key) {
    return (const char *)base + key->offset;
}

static bool set_number(void *base, const struct schema_key *key, const char *text,
                       struct error *error) {
    int64_t value;
    if (!value_number_parse(key, text, &value, error))
        return false;
    if (key->type == SCHEMA_INTEGER_32 || key->type == SCHEMA_SIZE_32)
        *(uint32_t *)member(base, key) = (uint32_t)value;
    else
        *(int64_t *)member(base, key) = value;
    return true;
}

static int64_t number_of(const void *base, const struct schema_key *key) {
    if (key->type == SCHEMA_INTEGER_32 || key->type == SCHEMA_SIZE_32)
        return *(const uint32_t *)const_member(base, key);
    return *(const int64_t *)const_member(base, key);
}

static bool replace_text(char **text, char *copy, struct error *error) {
    if (copy == NULL)
        return error_set_memory(error, "a setting");
    free(*text);
    *text = copy;
    return true;
}

/* A text of ours is one line: more is an indented key that was swallowed. */
static bool check_text(const struct schema_key *key, const char *text, struct error *error) {
    if (strchr(text, '\n') != NULL)
        return error_set(error, ERROR_INVALID,
                         "%s has more than one line: an indented line continues the "
                         "value above it",
                         key->key);
    return true;
}

static bool set_path(char **path, const struct schema_key *key, const char *text,
                     const char *directory, struct error *error) {
    if (text[0] == '\0')
        return error_set(error, ERROR_INVALID, "%s is empty: expected a path", key->key);
    if (text[0] == '~')
        return error_set(error, ERROR_INVALID,
                         "%s = %s: ~ is not expanded here, write the full path", key->key, text);
    return replace_text(path, path_absolute(directory, text), error);
}

/* Each as one path would be, with ", " between them. */
static bool set_paths(char **paths, const struct schema_key *key, const char *text,
                      const char *directory, struct error *error) {
    const char *begin;
    size_t size;
    struct text all;
    text_init(&all);
    bool did = true;
    while (did && path_list_next(&text, &begin, &size)) {
        char *one = text_dup(begin, size), *path = NULL;
        did = one != NULL ? set_path(&path, key, one, directory, error)
                          : error_set_memory(error, key->key);
        if (did)
            text_printf(&all, "%s%s", all.size > 0 ? ", " : "", path);
        free(path);
        free(one);
    }
    if (did && all.size == 0)
        did = error_set(error, ERROR_INVALID, "%s is empty: expected a path", key->key);
    did = did && replace_text(paths, text_take(&all), error);
    text_release(&all);
    return did;
}

static bool refuse_choice(const struct schema_key *key, const char *word, struct error *error) {
    const char *names[CHOICES_MAX + 1] = {NULL};
    struct text list;
    text_init(&list);
    for (size_t i = 0; i < CHOICES_MAX && key->choices[i].name != NULL; i++) {
        names[i] = key->choices[i].name;
        bool is_last = key->choices[i + 1].name == NULL;
        text_printf(&list, "%s%s", i == 0 ? "" : is_last ? " or " : ", ", names[i]);
    }
    const char *near = faults_near_miss(word, names);
    error_set(error, ERROR_INVALID, "%s = %s is invalid: expected %s%s%s%s", key->key, word,
              list.data, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
              near != NULL ? "?" : "");
    text_release(&list);
    return false;
}

static const struct schema_choice *find_choice(const struct schema_key *key, const char *word) {
    for (const struct schema_choice *choice = key->choices; choice->name != NULL; choice++)
        if (strcasecmp(choice->name, word) == 0)
            return choice;
    return NULL;
}

static bool set_choice(void *base, const struct schema_key *key, const char *text,
                       struct error *error) {
    const struct schema_choice *choice = find_choice(key, text);
    if (choice == NULL)
        return refuse_choice(key, text, error);
    if (key->type == SCHEMA_WORD)
        return replace_text(member(base, key), strdup(choice->name), error);
    if (key->type == SCHEMA_FLAG)
        *(bool *)member(base, key) = choice->value != 0;
    else
        *(int *)member(base, key) = (int)choice->value;
    return true;
}

/* One offset all the year. Where clocks are set back an hour of local time comes twice, and nothing
 * says which of the two is meant: such a zone would read some times wrong. */
static bool set_zone(struct time_zone *zone, const struct schema_key *key, const char *text,
                     struct error *error) {
    if (strcasecmp(text, "none") == 0) {
        *zone = (struct time_zone){0};
        return true;
    }
    if (time_zone_parse(text, strlen(text), zone))
        return true;
    return error_set(error, ERROR_INVALID,
                     "%s = %s is not %s; give the offset and not a name, because a zone "
                     "with daylight saving time has an ambiguous hour",
                     key->key, text, schema_type_text(key->type));
}

static void print_zone(const struct time_zone *zone, struct text *out) {
    if (!zone->is_set || zone->offset_s == 0) {
        text_puts(out, zone->is_set ? "UTC" : "none");
        return;
    }
    const int minutes = (zone->offset_s < 0 ? -zone->offset_s : zone->offset_s) / 60;
    text_printf(out, "%c%02d:%02d", zone->offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static bool set_list(void *base, const struct schema_key *key, const char *text,
                     struct error *error) {
    char **list = value_list_split(key->key, text, error);
    if (list == NULL)
        return false;
    if (list[0] == NULL) {
        string_list_free(list);
        return error_set(error, ERROR_INVALID, "%s is empty: omit the key for all", key->key);
    }
    char ***target = member(base, key);
    string_list_free(*target);
    *target = list;
    return true;
}

static bool set_time_frames(void *base, const struct schema_key *key, const char *text,
                            struct error *error) {
    uint32_t *frames = value_list_time_frames(key->key, text, error);
    if (frames == NULL)
        return false;
    uint32_t **target = member(base, key);
    free(*target);
    *target = frames;
    return true;
}

static bool set_set(void *base, const struct schema_key *key, const char *text,
                    struct error *error) {
    char **list = value_list_split(key->key, text, error);
    if (list == NULL)
        return false;
    bool is_known = true;
    for (size_t i = 0; list[i] != NULL && is_known; i++)
        is_known = find_choice(key, list[i]) != NULL || refuse_choice(key, list[i], error);
    for (const struct schema_choice *c = key->choices; is_known && c->name != NULL; c++)
        *(bool *)((char *)base + c->value) = false;
    for (size_t i = 0; list[i] != NULL && is_known; i++)
        *(bool *)((char *)base + find_choice(key, list[i])->value) = true;
    string_list_free(list);
    return is_known;
}

bool value_set(void *base, const struct schema_key *key, const char *text, const char *directory,
               struct error *error) {
    bool may_be_many =
        key->type == SCHEMA_LIST || key->type == SCHEMA_SET || key->type == SCHEMA_TIME_FRAMES;
    if (!may_be_many && !check_text(key, text, error))
        return false;

    bool is_yes;
    switch (key->type) {
    case SCHEMA_BOOLEAN:
        if (!parse_boolean(text, &is_yes))
            return error_set(error, ERROR_INVALID, "%s = %s is not %s", key->key, text,
                             schema_type_text(key->type));
        *(bool *)member(base, key) = is_yes;
        return true;
    case SCHEMA_INTEGER:
    case SCHEMA_INTEGER_32:
    case SCHEMA_DURATION:
    case SCHEMA_MILLISECONDS:
    case SCHEMA_MINUTES:
    case SCHEMA_RATE:
    case SCHEMA_SIZE_32:
    case SCHEMA_SIZE:
        return set_number(base, key, text, error);
    case SCHEMA_ZONE:
        return set_zone(member(base, key), key, text, error);
    case SCHEMA_TEXT:
        if (text[0] == '\0')
            return error_set(error, ERROR_INVALID, "%s is empty: omit the key", key->key);
        return replace_text(member(base, key), strdup(text), error);
    case SCHEMA_OPTIONAL:
        return replace_text(member(base, key), strdup(text), error);
    case SCHEMA_PATH:
        return set_path(member(base, key), key, text, directory, error);
    case SCHEMA_PATHS:
        return set_paths(member(base, key), key, text, directory, error);
    case SCHEMA_WORD:
    case SCHEMA_CHOICE:
    case SCHEMA_FLAG:
        return set_choice(base, key, text, error);
    case SCHEMA_SET:
        return set_set(base, key, text, error);
    case SCHEMA_LIST:
        return set_list(base, key, text, error);
    case SCHEMA_TIME_FRAMES:
        return set_time_frames(base, key, text, error);
    }
    return error_set(error, ERROR_STATE, "%s has no type", key->key);
}

static const char *choice_name(const struct schema_key *key, int64_t value) {
    for (const struct schema_choice *choice = key->choices; choice->name != NULL; choice++)
        if (choice->value == value)
            return choice->name;
    return "";
}

static void print_set(const void *base, const struct schema_key *key, struct text *out) {
    const char *comma = "";
    for (const struct schema_choice *choice = key->choices; choice->name != NULL; choice++) {
        if (!*(const bool *)((const char *)base + choice->value))
            continue;
        text_printf(out, "%s%s", comma, choice->name);
        comma = ", ";
    }
}

void value_print(const void *base, const struct schema_key *key, struct text *out) {
    const void *at = const_member(base, key);
    switch (key->type) {
    case SCHEMA_BOOLEAN:
        text_puts(out, *(const bool *)at ? "yes" : "no");
        break;
    case SCHEMA_INTEGER:
    case SCHEMA_INTEGER_32:
    case SCHEMA_DURATION:
    case SCHEMA_MILLISECONDS:
    case SCHEMA_MINUTES:
    case SCHEMA_RATE:
    case SCHEMA_SIZE_32:
    case SCHEMA_SIZE:
        value_number_print(key->type, number_of(base, key), out);
        break;
    case SCHEMA_ZONE:
        print_zone(at, out);
        break;
    case SCHEMA_TEXT:
    case SCHEMA_OPTIONAL:
    case SCHEMA_PATH:
    case SCHEMA_PATHS:
    case SCHEMA_WORD:
        if (*(char *const *)at != NULL)
            text_puts(out, *(char *const *)at);
        break;
    case SCHEMA_CHOICE:
        text_puts(out, choice_name(key, *(const int *)at));
        break;
    case SCHEMA_FLAG:
        text_puts(out, choice_name(key, *(const bool *)at ? 1 : 0));
        break;
    case SCHEMA_SET:
        print_set(base, key, out);
        break;
    case SCHEMA_LIST:
        for (char *const *item = *(char **const *)at; item != NULL && *item != NULL; item++)
            text_printf(out, "%s%s", item == *(char **const *)at ? "" : ", ", *item);
        break;
    case SCHEMA_TIME_FRAMES:
        for (const uint32_t *frame = *(uint32_t *const *)at; frame != NULL && *frame != 0; frame++)
            text_printf(out, "%s%u", frame == *(uint32_t *const *)at ? "" : ", ", *frame);
        break;
    }
}

void value_release(void *base, const struct schema_key *key) {
    void *at = member(base, key);
    switch (key->type) {
    case SCHEMA_TEXT:
    case SCHEMA_OPTIONAL:
    case SCHEMA_PATH:
    case SCHEMA_PATHS:
    case SCHEMA_WORD:
    case SCHEMA_TIME_FRAMES:
        free(*(void **)at);
        *(void **)at = NULL;
        break;
    case SCHEMA_LIST:
        string_list_free(*(char ***)at);
        *(char ***)at = NULL;
        break;
    default:
        break;
    }
}

bool value_equal(const void *a, const void *b, const struct schema_key *key) {
    struct text text_a, text_b;
    text_init(&text_a);
    text_init(&text_b);
    value_print(a, key, &text_a);
    value_print(b, key, &text_b);
    bool is_equal = !text_is_oom(&text_a) && !text_is_oom(&text_b) && text_a.size == text_b.size &&
                    memcmp(text_a.data, text_b.data, text_a.size) == 0;
    text_release(&text_a);
    text_release(&text_b);
    return is_equal;
}
