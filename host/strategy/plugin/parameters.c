#include "strategy/plugin/description.h"

#include "base/format/wire.h"
#include "base/text.h"
#include "config/text/quotes.h"
#include "strategy/plugin/parameter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct parameters_check {
    const struct description *description;
    const struct config_deployment *deployment; /* NULL: defaults alone */
    struct place place;                         /* of the section */
    struct faults *faults;
    struct text hashed; /* names, values, and hashes of files, to be hashed in turn */
};

const struct description_parameter *parameters_find(const struct description *description,
                                                    const char *name) {
    for (size_t i = 0; i < description->parameter_count; i++)
        if (strcmp(description->parameters[i].name, name) == 0)
            return &description->parameters[i];
    return NULL;
}

static const struct config_item *find_setting(const struct parameters_check *check,
                                              const char *name) {
    const struct config_item *found = NULL;
    for (size_t i = 0; check->deployment != NULL && i < check->deployment->settings.count; i++)
        if (strcmp(check->deployment->settings.items[i].name, name) == 0)
            found = &check->deployment->settings.items[i];
    return found;
}

static void fault_unknown(struct parameters_check *check, const struct config_item *setting) {
    const struct description *description = check->description;
    const char **names = calloc(description->parameter_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < description->parameter_count; i++)
        names[i] = description->parameters[i].name;
    const char *near = names != NULL ? faults_near_miss(setting->name, names) : NULL;
    if (near != NULL)
        faults_add(check->faults, setting->place,
                   "strategy %s has no parameter %s; did you mean %s?", description->name,
                   setting->name, near);
    else if (description->parameter_count == 0)
        faults_add(check->faults, setting->place,
                   "strategy %s has no parameter %s: it has no parameters", description->name,
                   setting->name);
    else
        faults_add(check->faults, setting->place,
                   "strategy %s has no parameter %s; `take5 list` shows its parameters",
                   description->name, setting->name);
    free(names);
}

/* Bounds were found good when the descriptor was checked. */
static bool check_value(struct parameters_check *check,
                        const struct description_parameter *declared, const char *text,
                        struct place place, t5_value *value) {
    t5_value bound;
    if (!parameter_parse(declared->type, text, value)) {
        faults_add(check->faults, place, "%s = %.80s: must be %s", declared->name, text,
                   parameter_type_wish(declared->type));
        return false;
    }
    if (declared->min != NULL && parameter_parse(declared->type, declared->min, &bound) &&
        parameter_compare(value, &bound) < 0) {
        faults_add(check->faults, place, "%s = %s: below the minimum, %s", declared->name, text,
                   declared->min);
        return false;
    }
    if (declared->max != NULL && parameter_parse(declared->type, declared->max, &bound) &&
        parameter_compare(value, &bound) > 0) {
        faults_add(check->faults, place, "%s = %s: above the maximum, %s", declared->name, text,
                   declared->max);
        return false;
    }
    return true;
}

char *parameters_absolute_path(const char *path, const char *ini) {
    if (path[0] == '/')
        return text_dup(path, strlen(path));
    const char *slash = ini != NULL ? strrchr(ini, '/') : NULL;
    const int folder_size = slash != NULL ? (int)(slash - ini) : 0;
    if (ini != NULL && ini[0] == '/')
        return text_format("%.*s/%s", folder_size, ini, path);
    char *here = getcwd(NULL, 0);
    if (here == NULL)
        return NULL;
    char *absolute = folder_size > 0 ? text_format("%s/%.*s/%s", here, folder_size, ini, path)
                                     : text_format("%s/%s", here, path);
    free(here);
    return absolute;
}

/* An empty text is "no file". */
static bool check_file(struct parameters_check *check, struct parameter_value *item,
                       struct place place) {
    if (item->text[0] == '\0')
        return true;
    char *path = parameters_absolute_path(item->text, place.file);
    if (path == NULL) {
        faults_add_memory(check->faults, place, item->name);
        return false;
    }
    free(item->text);
    item->text = path;
    item->value.text = path;
    item->value.length = (uint32_t)strlen(path);
    struct hash hash;
    struct error error;
    if (!hash_file(path, &hash, &error)) {
        faults_add(check->faults, place, "%s: %s", item->name, error.text);
        return false;
    }
    hash_text(hash, item->content);
    wire_put_u64(&check->hashed, hash.high);
    wire_put_u64(&check->hashed, hash.low);
    return true;
}

/* A file without a section runs with its defaults, so that to take the section away is no way to
 * stop such a strategy: the way is named. */
static void fault_missing(struct parameters_check *check,
                          const struct description_parameter *declared, struct place place) {
    const char *name = check->description->name;
    const bool has_name = check->deployment != NULL && check->deployment->name != NULL;
    faults_add(check->faults, place,
               "strategy %s needs a value for %s%s%s; set it in [strategy:%s], or set enabled = no "
               "to disable it",
               name, declared->name, declared->help[0] != '\0' ? ": " : "", declared->help,
               has_name ? check->deployment->name : name);
}

static void check_parameter(struct parameters_check *check,
                            const struct description_parameter *declared,
                            struct parameter_value *item) {
    const struct config_item *setting = find_setting(check, declared->name);
    const struct place place = setting != NULL ? setting->place : check->place;
    const char *text = setting != NULL ? setting->text : declared->default_value;
    if (text == NULL) {
        fault_missing(check, declared, place);
        return;
    }
    if (setting != NULL && quotes_in(text, false)) { /* from elsewhere than a configuration */
        faults_add(check->faults, place,
                   "%s: write the value without quotes, they would be part of it", declared->name);
        return;
    }
    item->name = text_dup(declared->name, strlen(declared->name));
    item->text = text_dup(text, strlen(text));
    if (item->name == NULL || item->text == NULL) {
        faults_add_memory(check->faults, place, declared->name);
        return;
    }
    if (!check_value(check, declared, item->text, place, &item->value))
        return;
    wire_put_string(&check->hashed, item->name);
    wire_put_string(&check->hashed, item->text);
    if (declared->type == T5_PARAMETER_FILE)
        (void)check_file(check, item, place);
}

bool parameters_check(const struct description *description,
                      const struct config_deployment *deployment, struct parameters *parameters,
                      struct faults *faults) {
    const size_t errors_before = faults->error_count;
    struct parameters_check check = {
        .description = description, .deployment = deployment, .faults = faults};
    if (deployment != NULL)
        check.place = deployment->place;
    text_init(&check.hashed);
    memset(parameters, 0, sizeof *parameters);
    for (size_t i = 0; deployment != NULL && i < deployment->settings.count; i++)
        if (parameters_find(description, deployment->settings.items[i].name) == NULL)
            fault_unknown(&check, &deployment->settings.items[i]);
    parameters->items = calloc(description->parameter_count + 1, sizeof *parameters->items);
    if (parameters->items != NULL)
        parameters->count = description->parameter_count;
    for (size_t i = 0; i < parameters->count; i++)
        check_parameter(&check, &description->parameters[i], &parameters->items[i]);
    if (parameters->items == NULL || text_is_oom(&check.hashed))
        faults_add_memory(faults, check.place, "parameters");
    parameters->hash = hash_bytes(check.hashed.data, check.hashed.size);
    text_release(&check.hashed);
    if (faults->error_count == errors_before)
        return true;
    parameters_release(parameters);
    return false;
}

void parameters_release(struct parameters *parameters) {
    for (size_t i = 0; i < parameters->count; i++) {
        free(parameters->items[i].name);
        free(parameters->items[i].text);
    }
    free(parameters->items);
    memset(parameters, 0, sizeof *parameters);
}
