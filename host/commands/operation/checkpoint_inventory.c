#include "commands/operation/checkpoint_inventory.h"

#include "base/text.h"
#include "checkpoint/kafka/state_topic.h"
#include "checkpoint/store.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- loading ---- */

static bool load_files(struct inventory *inventory, const struct config *config,
                       struct error *error) {
    struct checkpoint_file *files;
    size_t count;
    if (!checkpoint_files_list(config->state_dir, &files, &count, error))
        return false;
    inventory->place = text_format("%s/checkpoints", config->state_dir);
    inventory->items = calloc(count + 1, sizeof *inventory->items);
    const bool did = inventory->place != NULL && inventory->items != NULL;
    for (size_t i = 0; did && i < count; i++) {
        inventory->items[inventory->count++] =
            (struct inventory_item){.partition = files[i].partition,
                                    .number = files[i].number,
                                    .is_journal = files[i].is_journal,
                                    .name = files[i].path,
                                    .size = files[i].size};
        files[i].path = NULL;
    }
    checkpoint_files_free(files, count);
    return did || error_set_memory(error, "a list of checkpoints");
}

static bool name_entries(struct inventory *inventory) {
    inventory->items = calloc(inventory->entry_count + 1, sizeof *inventory->items);
    for (size_t i = 0; inventory->items != NULL && i < inventory->entry_count; i++) {
        const struct state_topic_entry *entry = &inventory->entries[i];
        struct inventory_item *item = &inventory->items[inventory->count++];
        *item = (struct inventory_item){.partition = entry->partition,
                                        .number = entry->checkpoint.number,
                                        .size = entry->bytes + entry->journal_bytes};
        item->name = text_format("%s[%" PRId32 "]", inventory->place,
                                 entry->partition >= 0 ? entry->partition : 0);
        if (item->name == NULL)
            return false;
    }
    return inventory->items != NULL;
}

static bool load_topic(struct inventory *inventory, const struct config *config,
                       struct error *error) {
    struct log *log = log_for_command();
    inventory->place = text_format("topic %s", config->checkpoint_topic);
    const bool did =
        (log != NULL && inventory->place != NULL) || error_set_memory(error, "a topic");
    const bool is_read =
        did && state_topic_read(config, log, &inventory->entries, &inventory->entry_count, error);
    if (log != NULL)
        log_free(log);
    return is_read && (name_entries(inventory) || error_set_memory(error, "a list of checkpoints"));
}

bool inventory_load(struct inventory *inventory, const struct config *config, struct error *error) {
    *inventory = (struct inventory){0};
    const bool did = config->checkpoint_store == CHECKPOINT_STORE_KAFKA
                         ? load_topic(inventory, config, error)
                         : load_files(inventory, config, error);
    if (!did)
        inventory_release(inventory);
    return did;
}

void inventory_release(struct inventory *inventory) {
    for (size_t i = 0; i < inventory->count; i++)
        free(inventory->items[i].name);
    free(inventory->items);
    free(inventory->place);
    state_topic_entries_free(inventory->entries, inventory->entry_count);
    *inventory = (struct inventory){0};
}

/* ---- one item ---- */

static bool is_read(const struct inventory *inventory, size_t item, struct error *error) {
    const struct error *damaged = &inventory->entries[item].damaged;
    return damaged->code == ERROR_NONE ||
           error_set(error, damaged->code, "%s: %s", inventory->items[item].name, damaged->text);
}

const struct checkpoint *inventory_read(const struct inventory *inventory, size_t item,
                                        struct checkpoint *room, struct error *error) {
    if (inventory->entries == NULL)
        return checkpoint_file_read(inventory->items[item].name, room, error) ? room : NULL;
    const struct checkpoint *checkpoint = &inventory->entries[item].checkpoint;
    return checkpoint->number != 0 || is_read(inventory, item, error) ? checkpoint : NULL;
}

static bool verify_file(const struct inventory_item *item, uint64_t *torn, struct error *error) {
    struct checkpoint checkpoint;
    if (item->is_journal)
        return checkpoint_journal_check(item->name, torn, error);
    checkpoint_init(&checkpoint);
    bool did = checkpoint_file_read(item->name, &checkpoint, error);
    if (did && (checkpoint.number != item->number || checkpoint.partition != item->partition))
        did =
            error_set(error, ERROR_INVALID,
                      "%s: it is number %" PRIu64 " of partition %" PRId32 ", not of its file name",
                      item->name, checkpoint.number, checkpoint.partition);
    checkpoint_release(&checkpoint);
    return did;
}

bool inventory_verify(const struct inventory *inventory, size_t item, uint64_t *torn,
                      struct error *error) {
    *torn = 0;
    return inventory->entries == NULL ? verify_file(&inventory->items[item], torn, error)
                                      : is_read(inventory, item, error);
}

bool inventory_is_gone(const struct inventory *inventory, size_t item) {
    return inventory->entries == NULL && access(inventory->items[item].name, F_OK) != 0 &&
           errno == ENOENT;
}
