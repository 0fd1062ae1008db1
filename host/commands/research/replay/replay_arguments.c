#include "commands/research/replay/replay_arguments.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_list(struct arguments *arguments, const char *option, const struct csv_arg *list) {
    for (size_t i = 0; i < list->count; i++)
        arguments_add(arguments, "%s=%s", option, list->items[i]);
}

static void add_span(struct arguments *arguments, const struct file_source_options *source) {
    if (source->from_ns != FILE_SOURCE_NO_FROM)
        arguments_add(arguments, "--from=%" PRId64, source->from_ns);
    if (source->until_ns != FILE_SOURCE_NO_UNTIL)
        arguments_add(arguments, "--until=%" PRId64, source->until_ns);
    if (source->is_cold)
        arguments_add(arguments, "--cold");
}

void arguments_add_replay(struct arguments *arguments, const struct replay_options *options) {
    const struct file_source_options *source = &options->source;
    if (options->config.path != NULL)
        arguments_add(arguments, "-c%s", options->config.path);
    for (size_t i = 0; i < options->config.override_count; i++) {
        const struct config_override *override = &options->config.overrides[i];
        arguments_add(arguments, "-s%s.%s=%s", override->section, override->key, override->value);
    }
    if (source->topic != NULL)
        arguments_add(arguments, "--topic=%s", source->topic);
    if (source->journal != NULL)
        arguments_add(arguments, "--journal=%s", source->journal);
    add_span(arguments, source);
    if (options->is_verbose)
        arguments_add(arguments, "-v");
    if (source->is_strict)
        arguments_add(arguments, "--strict");
    add_list(arguments, "--symbols", &options->symbols);
    add_list(arguments, "--map", &options->mappings);
}
