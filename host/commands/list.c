#include "commands/commands.h"
#include "commands/fitness.h"

#include <getopt.h>
#include <grp.h>
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
    printf("  %-8s", title);
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i > 0 ? ", " : " ", texts[i]);
    putchar('\n');
}

static void print_people(const struct strategy_file *file, const struct description *description) {
    printf("%s %s (ABI %" PRIu32 ".%" PRIu32 ", %s)  %s\n", file->name, description->version,
           file->abi_major, file->abi_minor_required,
           description->scope == T5_SCOPE_GLOBAL ? "global" : "keyed",
           description->summary != NULL ? description->summary : "");
    print_texts("topics", description->topics, description->topic_count);
    if (description->field_count > 0)
        print_texts("fields", description->fields, description->field_count);
    for (size_t i = 0; i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        printf("  %s  %s", parameter->name, type_name(parameter->type));
        if (parameter->preset != NULL)
            printf(", default %s", parameter->preset);
        else
            printf(", required");
        if (parameter->min != NULL || parameter->max != NULL)
            printf(", %s to %s", parameter->min != NULL ? parameter->min : "",
                   parameter->max != NULL ? parameter->max : "");
        printf("  %s\n", parameter->help != NULL ? parameter->help : "");
    }
}

static void put_member(struct text *text, const char *name, const char *value) {
    text_printf(text, ",\"%s\":", name);
    if (value != NULL)
        text_json_string(text, value, strlen(value));
    else
        text_puts(text, "null");
}

static void put_texts(struct text *text, const char *name, char *const *texts, size_t count) {
    text_printf(text, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_putc(text, ',');
        text_json_string(text, texts[i], strlen(texts[i]));
    }
    text_putc(text, ']');
}

static void put_json(struct text *text, const struct strategy_file *file,
                     const struct description *description) {
    char hash[HASH_TEXT_SIZE];
    hash_text(file->hash, hash);
    text_puts(text, "{\"name\":");
    text_json_string(text, file->name, strlen(file->name));
    put_member(text, "version", description->version);
    put_member(text, "summary", description->summary);
    put_member(text, "path", file->path);
    put_member(text, "hash", hash);
    put_member(text, "scope", description->scope == T5_SCOPE_GLOBAL ? "global" : "keyed");
    text_printf(text,
                ",\"abi_major\":%" PRIu32 ",\"abi_minor_built\":%" PRIu32
                ",\"abi_minor_required\":%" PRIu32,
                file->abi_major, file->abi_minor_built, file->abi_minor_required);
    put_texts(text, "topics", description->topics, description->topic_count);
    put_texts(text, "fields", description->fields, description->field_count);
    text_puts(text, ",\"parameters\":[");
    for (size_t i = 0; i < description->parameter_count; i++) {
        const struct description_parameter *parameter = &description->parameters[i];
        text_puts(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        text_json_string(text, parameter->name, strlen(parameter->name));
        put_member(text, "type", type_name(parameter->type));
        put_member(text, "default", parameter->preset);
        put_member(text, "min", parameter->min);
        put_member(text, "max", parameter->max);
        put_member(text, "help", parameter->help);
        text_putc(text, '}');
    }
    text_puts(text, "]}");
}

/* What a file says needs its code for the descriptor, and for describe(); so a child asks. */
static bool list_all(const struct config *config, bool is_json, struct fitness *fitness) {
    struct catalog catalog = {0};
    struct faults faults = FAULTS_INIT;
    struct text text;
    const struct group *group =
        config->control_group != NULL ? getgrnam(config->control_group) : NULL;
    bool is_good = catalog_scan(config->strategy_dir, config->strict_modes,
                                group != NULL ? group->gr_gid : (gid_t)-1, &catalog, &faults);
    size_t listed = 0;
    text_init(&text);
    text_putc(&text, '[');
    for (size_t i = 0; i < catalog.count; i++) {
        struct description *description =
            fitness_describe(fitness, config, &catalog.files[i], &faults);
        if (description == NULL)
            continue;
        if (is_json) {
            if (listed > 0)
                text_putc(&text, ',');
            put_json(&text, &catalog.files[i], description);
        } else {
            print_people(&catalog.files[i], description);
        }
        listed++;
        description_free(description);
    }
    text_puts(&text, "]\n");
    if (is_json)
        fputs(text.data, stdout);
    is_good = is_good && faults.error_count == 0;
    print_faults(&faults);
    faults_release(&faults);
    text_release(&text);
    catalog_release(&catalog);
    return is_good;
}

int command_list(int argc, char **argv) {
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct config_options options = {0};
    struct fitness fitness;
    struct error error;
    bool is_json = false;
    for (int c; (c = getopt_long(argc, argv, "c:s:", longs, NULL)) != -1;) {
        if (c == 'c')
            options.path = optarg;
        else if (c == 'j')
            is_json = true;
        else if (c != 's' || !config_options_add(&options, optarg))
            return usage("list");
    }
    if (optind != argc)
        return usage("list");
    struct config *config = config_options_load(&options);
    config_options_release(&options);
    if (config == NULL)
        return EXIT_CONFIG;
    if (!fitness_init(&fitness, &error)) {
        complain("%s", error.text);
        config_free(config);
        return EXIT_FAILED;
    }
    const bool is_good = list_all(config, is_json, &fitness);
    fitness_release(&fitness);
    config_free(config);
    return is_good ? EXIT_GOOD : EXIT_FAILED;
}
