#include "strategy/plugin/description.h"

#include "base/text.h"
#include "config/schema/schema.h"
#include "message/projection.h"
#include "strategy/plugin/descriptor.h"
#include "strategy/plugin/guard.h"
#include "strategy/plugin/list_room.h"
#include "strategy/plugin/parameter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_LONGEST 31
#define ROLE_LONGEST    63
#define MOST_TOPICS     64
#define MOST_PARAMETERS 1024
#define MOST_SERIES     256
#define RESERVED_ROLE   "signals"

/* What one check works on. */
struct check {
    const t5_strategy *from;
    struct description *to;
    struct place place;
    struct faults *faults;
    bool is_oom; /* of memory */
};

static char *keep(struct check *check, const char *text) {
    char *copy = text_dup(text, strlen(text));
    if (copy == NULL)
        check->is_oom = true;
    return copy;
}

static char *keep_or_null(struct check *check, const char *text) {
    return text != NULL ? keep(check, text) : NULL;
}

/* ---- name and version ---- */

static void check_name(struct check *check, const char *note_name) {
    const char *name = check->from->name;
    if (name == NULL) {
        faults_add(check->faults, check->place, "the descriptor has no name");
        return;
    }
    if (!descriptor_is_name(name))
        faults_add(check->faults, check->place,
                   "name \"%.80s\" must be 1 to 63 of a-z, 0-9, _ and -, and begin with a letter",
                   name);
    else if (note_name != NULL && strcmp(name, note_name) != 0)
        faults_add(check->faults, check->place,
                   "the descriptor has name \"%s\", the note has \"%s\": they must match", name,
                   note_name);
    check->to->name = keep(check, name);
}

static bool is_one_line(const char *text) {
    return text[strcspn(text, "\r\n")] == '\0';
}

static void check_version(struct check *check, const char *note_version) {
    const char *version = check->from->version;
    if (version == NULL || version[0] == '\0') {
        faults_add(check->faults, check->place, "the descriptor has no version");
        return;
    }
    if (strlen(version) > VERSION_LONGEST || !is_one_line(version))
        faults_add(check->faults, check->place,
                   "version \"%.80s\" must be one line of at most %d bytes", version,
                   VERSION_LONGEST);
    else if (note_version != NULL && strcmp(version, note_version) != 0)
        faults_add(check->faults, check->place,
                   "the descriptor has version \"%s\", the note has \"%s\": they must match",
                   version, note_version);
    check->to->version = keep(check, version);
}

static void check_summary(struct check *check) {
    const char *summary = check->from->summary != NULL ? check->from->summary : "";
    if (!is_one_line(summary))
        faults_add(check->faults, check->place, "summary must be one line");
    check->to->summary = keep(check, summary);
}

/* ---- lists of texts ---- */

/* Length of a NULL-terminated list; one that does not end within its array, or is longer than
 * `most`, is a fault and gives 0. */
static size_t list_length(struct check *check, const void *const *list, size_t most,
                          const char *what) {
    size_t length = 0;
    if (list == NULL)
        return 0;
    const size_t room = list_room(list);
    while (length <= most && length < room && list[length] != NULL)
        length++;
    if (length == room)
        faults_add(check->faults, check->place,
                   ".%s, of %zu entr%s, does not end with NULL: put NULL behind the last", what,
                   room, room == 1 ? "y" : "ies");
    else if (length > most)
        faults_add(check->faults, check->place, "more than %zu %s: is the list NULL-terminated?",
                   most, what);
    else
        return length;
    return 0;
}

static char **keep_list(struct check *check, const char *const *list, size_t count) {
    char **copy = calloc(count + 1, sizeof *copy);
    if (copy == NULL) {
        check->is_oom = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        copy[i] = keep(check, list[i]);
    return copy;
}

static bool is_role(const char *text) {
    const size_t size = strlen(text);
    if (size == 0 || size > ROLE_LONGEST)
        return false;
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] == 0x7f || text[i] == ']')
            return false;
    return true;
}

static void check_topic(struct check *check, const char *const *topics, size_t at) {
    const char *role = topics[at];
    if (!is_role(role)) {
        faults_add(check->faults, check->place,
                   "topic \"%.80s\" must be 1 to %d bytes without spaces", role, ROLE_LONGEST);
        return;
    }
    if (strcmp(role, RESERVED_ROLE) == 0)
        faults_add(check->faults, check->place, "topic \"" RESERVED_ROLE "\" is reserved");
    for (size_t i = 0; i < at; i++)
        if (strcmp(topics[i], role) == 0) {
            faults_add(check->faults, check->place, "topic \"%s\" is listed twice", role);
            return;
        }
}

static void check_topics(struct check *check) {
    const char *const *topics = check->from->topics;
    const size_t count = list_length(check, (const void *const *)topics, MOST_TOPICS, "topics");
    /* describe() may supply them later. */
    const bool may_be_empty = check->to->has_describe && !check->to->is_described;
    if ((topics == NULL || topics[0] == NULL) && !may_be_empty)
        faults_add(check->faults, check->place,
                   "subscribes to no topic: list at least one, such as \"bar_trends\"");
    for (size_t i = 0; i < count; i++)
        check_topic(check, topics, i);
    check->to->topic_count = count;
    check->to->topics = keep_list(check, topics, count);
}

static void check_fields(struct check *check) {
    const char *const *fields = check->from->fields;
    const size_t count =
        list_length(check, (const void *const *)fields, PROJECTION_MAX_SLOTS, "fields");
    for (size_t i = 0; i < count; i++) {
        struct error error;
        if (!projection_check(fields[i], strlen(fields[i]), &error))
            faults_add_error(check->faults, check->place, &error);
    }
    check->to->field_count = count;
    check->to->fields = keep_list(check, fields, count);
}

/* ---- parameters ---- */

static bool is_parameter_name(const char *name) {
    if (name[0] < 'a' || name[0] > 'z')
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* A text of the declaration that must be a value of its type; NULL is none, and good. */
static bool check_declared(struct check *check, const t5_parameter *parameter, const char *what,
                           const char *text, t5_value *value) {
    *value = (t5_value){.type = T5_VALUE_MISSING};
    if (text == NULL)
        return true;
    if (parameter_parse((enum t5_parameter_type)parameter->type, text, value))
        return true;
    faults_add(check->faults, check->place, "parameter %s: %s \"%.80s\" is not %s", parameter->name,
               what, text, parameter_type_wish((enum t5_parameter_type)parameter->type));
    return false;
}

static void check_bounds(struct check *check, const t5_parameter *parameter) {
    t5_value default_value, min, max;
    if (!check_declared(check, parameter, "default", parameter->default_value, &default_value))
        return;
    if (!parameter_has_bounds((enum t5_parameter_type)parameter->type)) {
        if (parameter->min != NULL || parameter->max != NULL)
            faults_add(check->faults, check->place,
                       "parameter %s has a minimum or maximum, but its type has no order",
                       parameter->name);
        return;
    }
    if (!check_declared(check, parameter, "minimum", parameter->min, &min) ||
        !check_declared(check, parameter, "maximum", parameter->max, &max))
        return;
    const bool has_min = parameter->min != NULL, has_max = parameter->max != NULL;
    if (has_min && has_max && parameter_compare(&min, &max) > 0)
        faults_add(check->faults, check->place, "parameter %s: minimum %s is above maximum %s",
                   parameter->name, parameter->min, parameter->max);
    else if (parameter->default_value != NULL && has_min &&
             parameter_compare(&default_value, &min) < 0)
        faults_add(check->faults, check->place, "parameter %s: default %s is below minimum %s",
                   parameter->name, parameter->default_value, parameter->min);
    else if (parameter->default_value != NULL && has_max &&
             parameter_compare(&default_value, &max) > 0)
        faults_add(check->faults, check->place, "parameter %s: default %s is above maximum %s",
                   parameter->name, parameter->default_value, parameter->max);
}

static bool check_parameter_name(struct check *check, const t5_parameter *const *parameters,
                                 size_t at) {
    const char *name = parameters[at]->name;
    if (name == NULL) {
        faults_add(check->faults, check->place, "parameter number %zu has no name", at + 1);
        return false;
    }
    if (!is_parameter_name(name)) {
        faults_add(check->faults, check->place,
                   "parameter \"%.80s\": a name must be of a-z, 0-9 and _, and begin with a letter",
                   name);
        return false;
    }
    if (schema_find("strategy:NAME", name) != NULL) {
        faults_add(check->faults, check->place,
                   "parameter %s: the name is reserved for a setting of the host", name);
        return false;
    }
    for (size_t i = 0; i < at; i++)
        if (parameters[i]->size >= PARAMETER_SIZE_1_0 && parameters[i]->name != NULL &&
            strcmp(parameters[i]->name, name) == 0) {
            faults_add(check->faults, check->place, "parameter %s is declared twice", name);
            return false;
        }
    return true;
}

static void check_parameter(struct check *check, const t5_parameter *const *parameters, size_t at) {
    const t5_parameter *parameter = parameters[at];
    struct description_parameter *copy = &check->to->parameters[at];
    if (parameter->size < PARAMETER_SIZE_1_0) {
        faults_add(check->faults, check->place,
                   "parameter number %zu has size %" PRIu32
                   ", ABI 1.0 has %zu: set .size = sizeof(t5_parameter)",
                   at + 1, parameter->size, PARAMETER_SIZE_1_0);
        return;
    }
    if (!check_parameter_name(check, parameters, at))
        return;
    copy->type = (enum t5_parameter_type)parameter->type;
    copy->name = keep(check, parameter->name);
    copy->help = keep(check, parameter->help != NULL ? parameter->help : "");
    copy->default_value = keep_or_null(check, parameter->default_value);
    copy->min = keep_or_null(check, parameter->min);
    copy->max = keep_or_null(check, parameter->max);
    if (parameter->type < T5_PARAMETER_INTEGER || parameter->type > T5_PARAMETER_FILE)
        faults_add(check->faults, check->place, "parameter %s has unknown type %" PRIu32,
                   parameter->name, parameter->type);
    else
        check_bounds(check, parameter);
}

static void check_parameters(struct check *check) {
    const t5_parameter *const *parameters = check->from->parameters;
    const size_t count =
        list_length(check, (const void *const *)parameters, MOST_PARAMETERS, "parameters");
    check->to->parameters = calloc(count + 1, sizeof *check->to->parameters);
    if (check->to->parameters == NULL) {
        check->is_oom = true;
        return;
    }
    check->to->parameter_count = count;
    for (size_t i = 0; i < count; i++)
        check_parameter(check, parameters, i);
}

/* ---- the rest ---- */

static void check_series(struct check *check) {
    const char *const *series = check->from->series;
    const size_t count = list_length(check, (const void *const *)series, MOST_SERIES, "series");
    for (size_t i = 0; i < count; i++) {
        if (!descriptor_is_signal_name(t5_text(series[i])))
            faults_add(check->faults, check->place,
                       "series \"%.80s\": a name must be 1 to 64 of A-Z, a-z, 0-9, _, . and -",
                       series[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(series[i], series[j]) == 0) {
                faults_add(check->faults, check->place, "series \"%.80s\" is listed twice",
                           series[i]);
                break;
            }
    }
    check->to->series_count = count;
    check->to->series = keep_list(check, series, count);
}

static void check_warm_up(struct check *check) {
    check->to->warm_up_ns = check->from->warm_up_ns;
    if (check->from->warm_up_ns < 0)
        faults_add(check->faults, check->place,
                   "warm_up_ns is %" PRId64 ": must be 0 or more nanoseconds",
                   check->from->warm_up_ns);
}

static void check_side(struct check *check) {
    const uint32_t side = check->from->side;
    check->to->side = side == 0 ? T5_SIDE_NONE : (enum t5_side)side;
    if (side > T5_SIDE_NAMED)
        faults_add(check->faults, check->place,
                   "side %" PRIu32 " is not T5_SIDE_NONE (1), _VALUE (2) or _NAMED (3)", side);
}

static void check_scope(struct check *check) {
    const uint32_t scope = check->from->scope;
    check->to->scope = scope == T5_SCOPE_GLOBAL ? T5_SCOPE_GLOBAL : T5_SCOPE_KEYED;
    if (scope > T5_SCOPE_GLOBAL)
        faults_add(check->faults, check->place,
                   "scope %" PRIu32 " is neither T5_SCOPE_KEYED (1) nor T5_SCOPE_GLOBAL (2)",
                   scope);
}

static void check_callbacks(struct check *check) {
    const t5_strategy *from = check->from;
    if (from->create == NULL)
        faults_add(check->faults, check->place, "has no create function");
    if (from->destroy == NULL)
        faults_add(check->faults, check->place, "has no destroy function");
    if (from->on_message == NULL)
        faults_add(check->faults, check->place, "has no on_message function");
    check->to->has_save = from->save != NULL;
    check->to->has_load = from->load != NULL;
    check->to->state_version = from->state_version;
    if (from->save != NULL && from->state_version == 0)
        faults_warn(check->faults, check->place,
                    "saves state, but has no state_version: number its formats from 1");
}

/* Checks all of `from`, a complete descriptor, and copies it. */
static struct description *check_all(const t5_strategy *from, bool is_described, struct place place,
                                     const char *note_name, const char *note_version,
                                     struct faults *faults) {
    const size_t errors_before = faults->error_count;
    struct check check = {.from = from, .place = place, .faults = faults};
    check.to = calloc(1, sizeof *check.to);
    if (check.to == NULL) {
        faults_add_memory(faults, place, "the check of the descriptor");
        return NULL;
    }
    check.to->has_describe = from->describe != NULL;
    check.to->is_described = is_described;
    check_name(&check, note_name);
    check_version(&check, note_version);
    check_summary(&check);
    check_topics(&check);
    check_scope(&check);
    check_fields(&check);
    check_parameters(&check);
    check_series(&check);
    check_warm_up(&check);
    check_side(&check);
    check_callbacks(&check);
    if (check.is_oom)
        faults_add_memory(faults, place, "the check of the descriptor");
    if (faults->error_count == errors_before)
        return check.to;
    description_free(check.to);
    return NULL;
}

struct description *description_new(const t5_strategy *descriptor, const char *path,
                                    const char *note_name, const char *note_version,
                                    struct faults *faults) {
    const struct place place = {path, 0};
    if (descriptor->size < DESCRIPTOR_SIZE_LEAST) {
        faults_add(faults, place,
                   "the descriptor has size %" PRIu32
                   ", it needs at least %zu to include on_message: set .size = sizeof(t5_strategy)",
                   descriptor->size, DESCRIPTOR_SIZE_LEAST);
        return NULL;
    }
    t5_strategy whole;
    descriptor_read(descriptor, &whole);
    return check_all(&whole, false, place, note_name, note_version, faults);
}

/* ---- describe ---- */

/* The settings as describe() gets them. */
struct handed {
    t5_setting *list;
    char **paths; /* what was made for FILE parameters; NULL for the others */
    t5_str *folders;
    char **folder_texts; /* theirs */
    size_t count;
};

static void handed_release(struct handed *handed) {
    for (size_t i = 0; handed->paths != NULL && i < handed->count; i++)
        free(handed->paths[i]);
    for (size_t i = 0; handed->folder_texts != NULL && i <= handed->count; i++)
        free(handed->folder_texts[i]);
    free(handed->paths);
    free(handed->folders);
    free(handed->folder_texts);
    free(handed->list);
}

/* Of what stands at that place of configuration. False: no memory. */
static bool put_folder(struct handed *handed, size_t index, const char *file) {
    char *folder = parameters_absolute_path("", file);
    if (folder == NULL)
        return false;
    handed->folder_texts[index] = folder;
    handed->folders[index] = t5_text(folder);
    return true;
}

static bool is_file(const struct description *description, const char *name) {
    const struct description_parameter *parameter = parameters_find(description, name);
    return parameter != NULL && parameter->type == T5_PARAMETER_FILE;
}

/* False: no memory. Release it all the same. */
static bool handed_init(struct handed *handed, const struct description *description,
                        const struct config_items *settings, struct place place) {
    handed->count = settings != NULL ? settings->count : 0;
    handed->list = calloc(handed->count + 1, sizeof *handed->list);
    handed->paths = calloc(handed->count + 1, sizeof *handed->paths);
    handed->folders = calloc(handed->count + 1, sizeof *handed->folders);
    handed->folder_texts = calloc(handed->count + 1, sizeof *handed->folder_texts);
    if (handed->list == NULL || handed->paths == NULL || handed->folders == NULL ||
        handed->folder_texts == NULL || !put_folder(handed, handed->count, place.file))
        return false;
    for (size_t i = 0; i < handed->count; i++) {
        const struct config_item *item = &settings->items[i];
        if (!put_folder(handed, i, item->place.file))
            return false;
        handed->list[i].name = t5_text(item->name);
        handed->list[i].text = t5_text(item->text);
        if (item->text[0] == '\0' || !is_file(description, item->name))
            continue;
        handed->paths[i] = parameters_absolute_path(item->text, item->place.file);
        if (handed->paths[i] == NULL)
            return false;
        handed->list[i].text = t5_text(handed->paths[i]);
    }
    return true;
}

static bool call_describe(const struct description *description, const t5_strategy *whole,
                          const struct config_items *settings, t5_description *answer,
                          struct place place, struct faults *faults) {
    struct handed handed = {0};
    if (!handed_init(&handed, description, settings, place)) {
        handed_release(&handed);
        faults_add_memory(faults, place, "the description");
        return false;
    }
    const t5_describe_args args = {.size = (uint32_t)sizeof args,
                                   .setting_count = (uint32_t)handed.count,
                                   .settings = handed.list,
                                   .folders = handed.folders};
    memset(answer, 0, sizeof *answer);
    answer->size = (uint32_t)sizeof *answer;
    struct guard guard;
    (void)guard_begin(&guard);
    const int32_t code = whole->describe(&args, answer);
    (void)guard_end(&guard);
    handed_release(&handed);
    if (code == T5_OK)
        return true;
    if (code != T5_ERROR)
        faults_add(faults, place,
                   "describe of %s returned code %" PRId32 ", which is neither T5_OK nor T5_ERROR",
                   whole->name, code);
    else
        faults_add(faults, place, "describe of %s rejected these settings: %.400s", whole->name,
                   answer->error != NULL ? answer->error : "it gave no reason");
    return false;
}

struct description *description_describe(const struct description *description,
                                         const t5_strategy *descriptor,
                                         const struct config_items *settings, struct place place,
                                         struct faults *faults) {
    t5_strategy whole;
    t5_description answer;
    if (!description->has_describe)
        return description_copy(description);
    descriptor_read(descriptor, &whole);
    if (!call_describe(description, &whole, settings, &answer, place, faults))
        return NULL;
    if (answer.version != NULL)
        whole.version = answer.version;
    if (answer.topics != NULL)
        whole.topics = answer.topics;
    if (answer.fields != NULL)
        whole.fields = answer.fields;
    if (answer.parameters != NULL)
        whole.parameters = answer.parameters;
    if (answer.scope != 0)
        whole.scope = answer.scope;
    if (answer.state_version != 0)
        whole.state_version = answer.state_version;
    if (answer.series != NULL)
        whole.series = answer.series;
    if (answer.warm_up_ns != 0)
        whole.warm_up_ns = answer.warm_up_ns;
    if (answer.side != 0)
        whole.side = answer.side;
    return check_all(&whole, true, place, NULL, NULL, faults);
}

/* ---- copies ---- */

void description_free(struct description *description) {
    if (description == NULL)
        return;
    for (size_t i = 0; description->topics != NULL && i < description->topic_count; i++)
        free(description->topics[i]);
    for (size_t i = 0; description->fields != NULL && i < description->field_count; i++)
        free(description->fields[i]);
    for (size_t i = 0; description->series != NULL && i < description->series_count; i++)
        free(description->series[i]);
    for (size_t i = 0; description->parameters != NULL && i < description->parameter_count; i++) {
        struct description_parameter *parameter = &description->parameters[i];
        free(parameter->name);
        free(parameter->help);
        free(parameter->default_value);
        free(parameter->min);
        free(parameter->max);
    }
    free(description->topics);
    free(description->fields);
    free(description->series);
    free(description->parameters);
    free(description->name);
    free(description->version);
    free(description->summary);
    free(description);
}

static void copy_parameter(struct check *check, const struct description_parameter *from,
                           struct description_parameter *to) {
    to->type = from->type;
    to->name = keep(check, from->name);
    to->help = keep(check, from->help);
    to->default_value = keep_or_null(check, from->default_value);
    to->min = keep_or_null(check, from->min);
    to->max = keep_or_null(check, from->max);
}

struct description *description_copy(const struct description *description) {
    struct check check = {.to = calloc(1, sizeof *check.to)};
    if (check.to == NULL)
        return NULL;
    *check.to = *description;
    check.to->name = keep(&check, description->name);
    check.to->version = keep(&check, description->version);
    check.to->summary = keep(&check, description->summary);
    check.to->topics =
        keep_list(&check, (const char *const *)description->topics, description->topic_count);
    check.to->fields =
        keep_list(&check, (const char *const *)description->fields, description->field_count);
    check.to->series =
        keep_list(&check, (const char *const *)description->series, description->series_count);
    check.to->parameters = calloc(description->parameter_count + 1, sizeof *check.to->parameters);
    if (check.to->parameters == NULL)
        check.is_oom = true;
    for (size_t i = 0; check.to->parameters != NULL && i < description->parameter_count; i++)
        copy_parameter(&check, &description->parameters[i], &check.to->parameters[i]);
    if (!check.is_oom)
        return check.to;
    description_free(check.to);
    return NULL;
}
