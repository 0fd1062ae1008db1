#include "checkpoint/checkpoint.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "checkpoint/store.h"
#include "cli/cli.h"
#include "commands/operation/checkpoint_inventory.h"
#include "commands/operation/operation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checkpoint_command {
    struct config_options options;
    bool is_json;
};

/* What is printed at the end, as a whole: JSON, or rows for people. */
struct output {
    struct text text;
    struct json_writer json;
    bool is_json;
};

static void output_init(struct output *output, bool is_json) {
    text_init(&output->text);
    output->json = json_writer_of(&output->text);
    output->is_json = is_json;
}

/* Prints it; false: memory was short. */
static bool output_end(struct output *output) {
    const bool did = !text_is_oom(&output->text);
    if (!did)
        note_oom();
    else if (output->is_json)
        printf("%s\n", output->text.data);
    else
        print_out("%s", output->text.data);
    text_release(&output->text);
    return did;
}

/* ---- parts of both ---- */

static const char *partition_text(int32_t partition, char text[16]) {
    if (partition < 0)
        return "global";
    snprintf(text, 16, "%" PRId32, partition);
    return text;
}

static bool parse_partition(const char *text, int32_t *partition) {
    char *end;
    if (strcmp(text, "global") == 0) {
        *partition = -1;
        return true;
    }
    const long number = strtol(text, &end, 10);
    *partition = (int32_t)number;
    return *text >= '0' && *text <= '9' && *end == '\0' && number <= INT32_MAX;
}

/* "bar_trends 1000, ticks 900"; partitions of GLOBAL are named: "ticks[3] 900". */
static void put_positions(struct text *text, const struct positions *positions, int32_t partition) {
    for (size_t i = 0; i < positions->count; i++) {
        const struct position *position = &positions->items[i];
        text_printf(text, "%s%s", i > 0 ? ", " : "", position->topic);
        if (position->partition != partition)
            text_printf(text, "[%" PRId32 "]", position->partition);
        text_printf(text, " %" PRId64, position->next);
    }
    if (positions->count == 0)
        text_putc(text, '-');
}

static void put_json_positions(struct json_writer *json, const struct positions *positions) {
    json_begin_array(json, "positions");
    for (size_t i = 0; i < positions->count; i++) {
        json_begin_object(json, NULL);
        json_text(json, "topic", positions->items[i].topic);
        json_integer(json, "partition", positions->items[i].partition);
        json_integer(json, "next", positions->items[i].next);
        json_end_object(json);
    }
    json_end_array(json);
}

static void put_json_head(struct json_writer *json, const struct checkpoint *checkpoint,
                          const char *path, uint64_t size) {
    char number[16];
    json_text(json, "partition", partition_text(checkpoint->partition, number));
    json_unsigned(json, "number", checkpoint->number);
    json_integer(json, "taken_ms", checkpoint->taken_ms);
    json_text(json, "group", checkpoint->group);
    json_text(json, "path", path);
    json_unsigned(json, "size", size);
    put_json_positions(json, &checkpoint->positions);
}

static bool load(struct inventory *inventory, const struct config *config) {
    struct error error;
    if (inventory_load(inventory, config, &error))
        return true;
    print_err("%s", error.text);
    return false;
}

/* ---- list ---- */

static void list_one(struct output *output, const struct checkpoint *checkpoint,
                     const struct inventory_item *item) {
    char number[16];
    if (output->is_json) {
        json_begin_object(&output->json, NULL);
        put_json_head(&output->json, checkpoint, item->name, item->size);
        json_begin_array(&output->json, "deployments");
        for (size_t i = 0; i < checkpoint->part_count; i++)
            json_text(&output->json, NULL, checkpoint->parts[i].deployment);
        json_end_array(&output->json);
        json_end_object(&output->json);
        return;
    }
    text_printf(&output->text, "%-9s  %8" PRIu64 "  ",
                partition_text(checkpoint->partition, number), checkpoint->number);
    text_time_ns(&output->text, clock_ms_ns(checkpoint->taken_ms));
    text_printf(&output->text, "  %11zu  %12" PRIu64 "  ", checkpoint->part_count, item->size);
    put_positions(&output->text, &checkpoint->positions, checkpoint->partition);
    text_putc(&output->text, '\n');
}

static bool list_item(struct output *output, const struct inventory *inventory, size_t item) {
    struct checkpoint room;
    struct error error;
    checkpoint_init(&room);
    const struct checkpoint *checkpoint = inventory_read(inventory, item, &room, &error);
    const bool is_good = checkpoint != NULL || inventory_is_gone(inventory, item);
    if (checkpoint != NULL)
        list_one(output, checkpoint, &inventory->items[item]);
    else if (!is_good)
        print_err("%s", error.text);
    checkpoint_release(&room);
    return is_good;
}

static bool list_all(struct output *output, const struct inventory *inventory) {
    bool is_good = true;
    if (!output->is_json)
        text_printf(&output->text, "%-9s  %8s  %-24s  %11s  %12s  %s\n", "PARTITION", "NUMBER",
                    "TAKEN", "DEPLOYMENTS", "BYTES", "POSITIONS");
    for (size_t i = 0; i < inventory->count; i++) {
        if (!inventory->items[i].is_journal)
            is_good &= list_item(output, inventory, i);
    }
    return is_good;
}

/* ---- show ---- */

static void show_part(struct output *output, const struct checkpoint_part *part,
                      int32_t partition) {
    const struct state *state = &part->state;
    struct text *text = &output->text;
    text_printf(text, "  %s", part->deployment);
    if (part->has_state)
        text_printf(text,
                    "\n    strategy     %s %s, state version %" PRIu32
                    "\n    state        %zu records, %zu timers\n    event clock  ",
                    state->strategy, state->version, state->state_version, state->record_count,
                    state->timer_count);
    else
        text_puts(text, "\n    state        none is kept");
    if (part->has_state && state->event_clock_ns != 0)
        text_time_ns(text, state->event_clock_ns);
    else if (part->has_state)
        text_puts(text, "has not moved");
    if (part->positions.count > 0) {
        text_puts(text, "\n    positions    ");
        put_positions(text, &part->positions, partition);
        text_puts(text, " (of its own)");
    }
    text_putc(text, '\n');
}

static void show_json_part(struct json_writer *json, const struct checkpoint_part *part) {
    const struct state *state = &part->state;
    json_begin_object(json, NULL);
    json_text(json, "deployment", part->deployment);
    json_bool(json, "has_state", part->has_state);
    json_text(json, "strategy", state->strategy);
    json_text(json, "version", state->version);
    json_unsigned(json, "state_version", state->state_version);
    json_unsigned(json, "records", state->record_count);
    json_unsigned(json, "timers", state->timer_count);
    json_integer(json, "event_clock_ns", state->event_clock_ns);
    put_json_positions(json, &part->positions);
    json_end_object(json);
}

static bool show(const struct checkpoint *checkpoint, const char *name, uint64_t size,
                 bool is_json) {
    struct output output;
    char number[16];
    output_init(&output, is_json);
    if (is_json) {
        json_begin_object(&output.json, NULL);
        put_json_head(&output.json, checkpoint, name, size);
        json_begin_array(&output.json, "deployments");
        for (size_t i = 0; i < checkpoint->part_count; i++)
            show_json_part(&output.json, &checkpoint->parts[i]);
        json_end_array(&output.json);
        json_end_object(&output.json);
    } else {
        text_printf(&output.text, "%s\n  partition %s, number %" PRIu64 ", taken ", name,
                    partition_text(checkpoint->partition, number), checkpoint->number);
        text_time_ns(&output.text, clock_ms_ns(checkpoint->taken_ms));
        text_printf(&output.text, ", group.id %s\n  positions ", checkpoint->group);
        put_positions(&output.text, &checkpoint->positions, checkpoint->partition);
        text_putc(&output.text, '\n');
        for (size_t i = 0; i < checkpoint->part_count; i++)
            show_part(&output, &checkpoint->parts[i], checkpoint->partition);
    }
    return output_end(&output);
}

static bool show_file(const char *path, uint64_t size, bool is_json) {
    struct checkpoint checkpoint;
    struct error error;
    checkpoint_init(&checkpoint);
    if (!checkpoint_file_read(path, &checkpoint, &error)) {
        print_err("%s", error.text);
        return false;
    }
    const bool did = show(&checkpoint, path, size, is_json);
    checkpoint_release(&checkpoint);
    return did;
}

static bool show_item(const struct inventory *inventory, size_t item, bool is_json) {
    struct checkpoint room;
    struct error error;
    checkpoint_init(&room);
    const struct checkpoint *checkpoint = inventory_read(inventory, item, &room, &error);
    if (checkpoint == NULL)
        print_err("%s", error.text);
    const bool did = checkpoint != NULL && show(checkpoint, inventory->items[item].name,
                                                inventory->items[item].size, is_json);
    checkpoint_release(&room);
    return did;
}

static bool show_newest(const struct config *config, int32_t partition, bool is_json) {
    struct inventory inventory;
    char number[16];
    if (!load(&inventory, config))
        return false;
    size_t newest = inventory.count;
    for (size_t i = 0; i < inventory.count; i++) {
        if (inventory.items[i].partition == partition && !inventory.items[i].is_journal)
            newest = i;
    }
    if (newest == inventory.count)
        print_err("%s has none of partition %s", inventory.place,
                  partition_text(partition, number));
    const bool did = newest < inventory.count && show_item(&inventory, newest, is_json);
    inventory_release(&inventory);
    return did;
}

/* ---- verify ---- */

static void verify_one(struct output *output, const struct inventory_item *item, bool is_good,
                       uint64_t torn, const struct error *error) {
    if (output->is_json) {
        char number[16];
        json_begin_object(&output->json, NULL);
        json_text(&output->json, "path", item->name);
        json_text(&output->json, "kind", item->is_journal ? "journal" : "checkpoint");
        json_text(&output->json, "partition", partition_text(item->partition, number));
        json_unsigned(&output->json, "number", item->number);
        json_unsigned(&output->json, "size", item->size);
        json_bool(&output->json, "is_good", is_good);
        json_unsigned(&output->json, "torn", torn);
        json_text(&output->json, "error", is_good ? NULL : error->text);
        json_end_object(&output->json);
        return;
    }
    if (!is_good)
        text_printf(&output->text, "bad   %s\n", error->text);
    else if (torn > 0)
        text_printf(&output->text,
                    "good  %s, but for the last %" PRIu64 " bytes, which a crash cut off\n",
                    item->name, torn);
    else
        text_printf(&output->text, "good  %s\n", item->name);
}

static bool verify_all(struct output *output, const struct inventory *inventory) {
    bool are_good = true;
    for (size_t i = 0; i < inventory->count; i++) {
        struct error error;
        uint64_t torn;
        const bool is_good = inventory_verify(inventory, i, &torn, &error);
        if (!is_good && inventory_is_gone(inventory, i))
            continue;
        verify_one(output, &inventory->items[i], is_good, torn, &error);
        are_good &= is_good;
    }
    if (!output->is_json && inventory->count == 0)
        text_printf(&output->text, "%s: there are none\n", inventory->place);
    return are_good;
}

/* ---- the command ---- */

static bool print_all(const struct config *config, bool is_json,
                      bool (*print)(struct output *output, const struct inventory *inventory)) {
    struct inventory inventory;
    struct output output;
    if (!load(&inventory, config))
        return false;
    output_init(&output, is_json);
    if (is_json)
        json_begin_array(&output.json, NULL);
    const bool is_good = print(&output, &inventory);
    if (is_json)
        json_end_array(&output.json);
    inventory_release(&inventory);
    return output_end(&output) && is_good;
}

static int with_config(const struct checkpoint_command *command, int argc, char **argv) {
    int32_t partition;
    struct config *config = config_options_load(&command->options);
    if (config == NULL)
        return EXIT_CONFIG;
    bool did;
    if (argc == 2 && parse_partition(argv[1], &partition))
        did = show_newest(config, partition, command->is_json);
    else
        did = print_all(config, command->is_json,
                        strcmp(argv[0], "list") == 0 ? list_all : verify_all);
    config_free(config);
    return did ? EXIT_GOOD : EXIT_FAILED;
}

static uint64_t size_of(const char *path) {
    FILE *file = fopen(path, "r");
    const long size = file != NULL && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    if (file != NULL)
        fclose(file);
    return size > 0 ? (uint64_t)size : 0;
}

static int run(int argc, char **argv) {
    struct checkpoint_command command = {.is_json = false};
    int32_t partition;
    int code = EXIT_GOOD;
    if (options_parse(&command_checkpoint, &command, &argc, &argv, &code)) {
        const bool is_show = strcmp(argv[0], "show") == 0 && argc == 2;
        const bool is_other =
            argc == 1 && (strcmp(argv[0], "list") == 0 || strcmp(argv[0], "verify") == 0);
        if (is_show && !parse_partition(argv[1], &partition))
            code = show_file(argv[1], size_of(argv[1]), command.is_json) ? EXIT_GOOD : EXIT_FAILED;
        else if (is_show || is_other)
            code = with_config(&command, argc, argv);
        else
            code = usage(&command_checkpoint);
    }
    config_options_release(&command.options);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct checkpoint_command, options),
    {0, "json", NULL, OPTION_FLAG(struct checkpoint_command, is_json), "the same as JSON"},
    OPTIONS_END,
};

const struct command command_checkpoint = {
    .name = "checkpoint",
    .usage = "list [options]\nshow [options] FILE|PARTITION\nverify [options]",
    .summary = "list, show and verify checkpoints of the strategies' states",
    .description =
        "Reads the checkpoints and journals in STATE_DIR/checkpoints or, with [checkpoint] store = "
        "kafka, in the topic, whether a host runs or not, and changes nothing."
        "\n\n"
        "list prints where in the topics each checkpoint stands and what it holds. show "
        "describes each deployment in one checkpoint: a file, or the newest one of a partition "
        "number or of \"global\". verify checks all hashes, those of journals included, and fails "
        "if any is wrong. A journal whose end a crash cut off is not damaged. Of a topic, all "
        "three read the newest complete checkpoint of each partition number.",
    .examples = "take5 checkpoint list                     # what there is, and where in the "
                "topics it stands\n"
                "take5 checkpoint verify",
    .options = options,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
