#include "base/format/json_writer.h"
#include "cli/choice.h"
#include "cli/cli.h"
#include "commands/authoring/authoring.h"
#include "conformance/offline_services.h"
#include "engine/crash/quarantine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *type_name(enum t5_parameter_type type) {
    switch (type) {
    case T5_PARAMETER_INTEGER:
        return "integer";
    case T5_PARAMETER_NUMBER:
        return "number";
    case T5_PARAMETER_BOOLEAN:
        return "boolean";
    case T5_PARAMETER_TEXT:
        return "text";
    case T5_PARAMETER_DURATION:
        return "duration";
    case T5_PARAMETER_FILE:
        return "file";
    }
    return "unknown";
}

static void print_texts(const char *title, char *const *texts, size_t count) {
    print_out("  %-8s", title);
    for (size_t i = 0; i < count; i++)
        print_out("%s%s", i > 0 ? ", " : " ", texts[i]);
    print_out("\n");
}

static void print_people(const struct strategy_file *file, const struct description *description) {
    print_out("%s %s (ABI %" PRIu32 ".%" PRIu32 ", %s)  %s\n", file->name, description->version,
              file->abi_major, file->abi_minor_required,
              description->scope == T5_SCOPE_GLOBAL ? "global" : "keyed",
              description->summary != NULL ? description->summary : "");
    print_texts("topics", description->topics, description->topic_count);
    if (description->field_count > 0)
        print_texts("fields", description->fields, description->field_count);
    if (description->series_count > 0)
        print_texts("series", description->series, description->series_count);
    if (description->warm_up_ns > 0)
        print_out("  %-8s %.3g s\n", "warm-up", (double)description->warm_up_ns / 1e9);
    for (size_t i = 0; i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        print_out("  %s  %s", parameter->name, type_name(parameter->type));
        if (parameter->default_value != NULL)
            print_out(", default %s", parameter->default_value);
        else
            print_out(", required");
        if (parameter->min != NULL || parameter->max != NULL)
            print_out(", %s to %s", parameter->min != NULL ? parameter->min : "",
                      parameter->max != NULL ? parameter->max : "");
        print_out("  %s\n", parameter->help != NULL ? parameter->help : "");
    }
}

/* Deployments of this very file that the next start does not let in. */
static void print_quarantine(const struct quarantine *quarantine,
                             const struct strategy_file *file) {
    char hash[HASH_TEXT_SIZE];
    hash_text(file->hash, hash);
    for (size_t i = 0; i < quarantine->count; i++) {
        const struct accusation *item = &quarantine->items[i];
        if (strcmp(item->hash, hash) == 0)
            printf("  quarantined as %s: %s\n", item->deployment, item->why);
    }
}

static void put_quarantine(struct json_writer *json, const struct quarantine *quarantine,
                           const char *hash) {
    json_begin_array(json, "quarantined");
    for (size_t i = 0; i < quarantine->count; i++) {
        const struct accusation *item = &quarantine->items[i];
        if (strcmp(item->hash, hash) != 0)
            continue;
        json_begin_object(json, NULL);
        json_text(json, "deployment", item->deployment);
        json_text(json, "why", item->why);
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_texts(struct json_writer *json, const char *name, char *const *texts,
                      size_t count) {
    json_begin_array(json, name);
    for (size_t i = 0; i < count; i++)
        json_text(json, NULL, texts[i]);
    json_end_array(json);
}

static void put_json(struct json_writer *json, const struct strategy_file *file,
                     const struct description *description, const struct quarantine *quarantine) {
    char hash[HASH_TEXT_SIZE];
    hash_text(file->hash, hash);
    json_begin_object(json, NULL);
    json_text(json, "name", file->name);
    json_text(json, "version", description->version);
    json_text(json, "summary", description->summary);
    json_text(json, "path", file->path);
    json_text(json, "hash", hash);
    json_text(json, "scope", description->scope == T5_SCOPE_GLOBAL ? "global" : "keyed");
    json_unsigned(json, "abi_major", file->abi_major);
    json_unsigned(json, "abi_minor_built", file->abi_minor_built);
    json_unsigned(json, "abi_minor_required", file->abi_minor_required);
    put_texts(json, "topics", description->topics, description->topic_count);
    put_texts(json, "fields", description->fields, description->field_count);
    put_texts(json, "series", description->series, description->series_count);
    json_integer(json, "warm_up_ns", description->warm_up_ns);
    json_text(json, "side",
              description->side == T5_SIDE_VALUE   ? "value"
              : description->side == T5_SIDE_NAMED ? "named"
                                                   : "none");
    json_begin_array(json, "parameters");
    for (size_t i = 0; i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        json_begin_object(json, NULL);
        json_text(json, "name", parameter->name);
        json_text(json, "type", type_name(parameter->type));
        json_text(json, "default", parameter->default_value);
        json_text(json, "min", parameter->min);
        json_text(json, "max", parameter->max);
        json_text(json, "help", parameter->help);
        json_end_object(json);
    }
    json_end_array(json);
    put_quarantine(json, quarantine, hash);
    json_end_object(json);
}

/* What a file says needs its code for the descriptor, and for describe(); so a child asks. */
static bool list_all(const struct config *config, bool is_json, struct offline *offline) {
    struct catalog catalog = {.only = config->strategy_files, .bundled = config->bundled_dir};
    struct faults faults = FAULTS_INIT;
    struct quarantine quarantine = {0};
    struct text text;
    struct json_writer json = json_writer_of(&text);
    struct error error;
    bool is_good = catalog_scan(config->strategy_dir, config->strict_modes,
                                config_trust(config).group, &catalog, &faults);
    /* Users who may not read the state directory do not see it. */
    if (config->on_crash == ON_CRASH_QUARANTINE &&
        !quarantine_read(&quarantine, config->state_dir, config->quarantine_ns, &error)) {
        print_err("cannot list the quarantined deployments: %s", error.text);
        is_good = false;
    }
    text_init(&text);
    json_begin_array(&json, NULL);
    for (size_t i = 0; i < catalog.count; i++) {
        struct description *description =
            offline_describe(offline, config, &catalog.files[i], &faults);
        if (description == NULL)
            continue;
        if (is_json) {
            put_json(&json, &catalog.files[i], description, &quarantine);
        } else {
            print_people(&catalog.files[i], description);
            print_quarantine(&quarantine, &catalog.files[i]);
        }
        description_free(description);
    }
    json_end_array(&json);
    text_putc(&text, '\n');
    if (is_json && text_is_oom(&text)) {
        print_err("out of memory for the list");
        is_good = false;
    } else if (is_json) {
        fputs(text.data, stdout);
    }
    is_good = is_good && faults.error_count == 0;
    print_faults(&faults);
    faults_release(&faults);
    quarantine_release(&quarantine);
    text_release(&text);
    catalog_release(&catalog);
    return is_good;
}

struct list {
    struct config_options options;
    struct choice choice;
    bool is_json;
};

static bool parse(struct list *list, int argc, char **argv, int *code) {
    if (!options_parse(&command_list, list, &argc, &argv, code))
        return false;
    bool is_clear = true;
    for (int i = 0; is_clear && i < argc; i++)
        is_clear = choice_is_strategy(argv[i]) && choice_add(&list->choice, argv[i]);
    if (is_clear && choice_apply(&list->choice, &list->options))
        return true;
    *code = usage(&command_list);
    return false;
}

static int run(int argc, char **argv) {
    struct list list = {0};
    struct offline offline;
    struct error error;
    int code = EXIT_CONFIG;
    struct config *config = NULL;
    if (parse(&list, argc, argv, &code))
        config = choice_load(&list.choice, &list.options);
    config_options_release(&list.options);
    choice_release(&list.choice);
    if (config == NULL)
        return code;
    if (offline_init(&offline, &error)) {
        code = list_all(config, list.is_json, &offline) ? EXIT_GOOD : EXIT_FAILED;
        offline_release(&offline);
    } else {
        code = fail(EXIT_FAILED, &error);
    }
    config_free(config);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct list, options),
    {0, "json", NULL, OPTION_FLAG(struct list, is_json), "print the list as JSON"},
    OPTIONS_END,
};

const struct command command_list = {
    .name = "list",
    .usage = "[options] [STRATEGY.so... | DIRECTORY]",
    .summary = "list strategies: version, ABI, topics, fields, parameters",
    .description = "Lists the strategies in the strategy directory, or those given: "
                   "files, or another directory.",
    .examples =
        "take5 list                                # the strategies of the configured directory\n"
        "take5 list build/alpha.so",
    .options = options,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
