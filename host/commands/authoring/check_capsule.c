#include "commands/authoring/check_capsule.h"

#include "base/array.h"
#include "base/io.h"
#include "capsule/attempt.h"
#include "capsule/capsule.h"
#include "config/text/ini_write.h"
#include "recording/reader.h"
#include "recording/writer.h"
#include "rerun/rerun.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SETTINGS ((size_t)1 << 20)

/* A message of the tape; the texts are the capsule's. */
struct taped {
    char *line;
    size_t size;
    char *topic;
    int32_t partition;
    int64_t offset;
};

struct taped_list {
    struct taped *items;
    size_t count, capacity;
};

static void release_messages(struct taped_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].line);
        free(list->items[i].topic);
    }
    free(list->items);
    *list = (struct taped_list){0};
}

/* ---- the messages ---- */

static bool add_message(void *context, const struct recording_entry *entry, struct error *error) {
    struct taped_list *list = context;
    const struct recording_line *line = &entry->line;
    if (line->topic == NULL)
        return true;
    if (!ARRAY_GROW(list->items, list->count, list->capacity))
        return error_set_memory(error, "a list of messages");
    struct taped *item = &list->items[list->count++];
    *item = (struct taped){.line = text_dup(entry->text, entry->text_size),
                           .size = entry->text_size,
                           .topic = text_dup(line->topic, line->topic_size),
                           .partition = line->partition,
                           .offset = line->offset};
    return (item->line != NULL && item->topic != NULL) ||
           error_set_memory(error, "a list of messages");
}

/* The instance of the last call: that one crashed. */
struct instances {
    uint32_t *numbers; /* by message */
    size_t count, capacity;
    uint32_t last;
    int32_t partition; /* of the last */
};

static bool read_instances(struct instances *instances, const char *path, struct error *error) {
    char line[64];
    FILE *file = fopen(path, "re");
    bool did = file != NULL || error_set_errno(error, errno, "cannot read %s", path);
    while (did && fgets(line, sizeof line, file) != NULL) {
        const bool is_new = line[0] == '+';
        if (sscanf(line + is_new, "%" SCNu32 " %" SCNd32, &instances->last,
                   &instances->partition) != 2 ||
            is_new)
            continue;
        if (!ARRAY_GROW(instances->numbers, instances->count, instances->capacity))
            did = error_set_memory(error, "a list of messages");
        else
            instances->numbers[instances->count++] = instances->last;
    }
    if (file != NULL)
        fclose(file);
    return did;
}

static void keep_last_instance(struct taped_list *list, const struct instances *instances) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct taped item = list->items[i];
        if (i < instances->count && instances->numbers[i] == instances->last) {
            list->items[i] = list->items[kept];
            list->items[kept++] = item;
        }
    }
    for (size_t i = kept; i < list->count; i++) {
        free(list->items[i].line);
        free(list->items[i].topic);
    }
    list->count = kept;
}

/* With an empty message an instance is made. */
static bool add_empty(struct taped_list *list, const struct config *config, int32_t partition,
                      struct error *error) {
    const struct record record = {.payload = "{}",
                                  .payload_size = 2,
                                  .kafka_time_ms = RECORD_NO_TIME,
                                  .partition = partition};
    const char *role = config->topics[0].role;
    struct text line;
    text_init(&line);
    recording_line_write(&line, &record, role);
    const struct recording_entry entry = {
        .text = line.data,
        .text_size = line.size - 1,
        .line = {.topic = role, .topic_size = strlen(role), .partition = partition}};
    const bool did = text_is_oom(&line) ? error_set_memory(error, "a message")
                                        : add_message(list, &entry, error);
    text_release(&line);
    return did;
}

static bool find_messages(const struct check_capsule *wanted, struct taped_list *list,
                          struct error *error) {
    struct instances instances = {0};
    char *messages = text_format("%s/messages.jsonl", wanted->tape->directory);
    char *lines = text_format("%s/instances", wanted->tape->directory);
    bool did = (messages != NULL && lines != NULL) || error_set_memory(error, "a path");
    did = did && recording_read_all(messages, add_message, list, error) &&
          read_instances(&instances, lines, error);
    if (did)
        keep_last_instance(list, &instances);
    did = did && (list->count > 0 || add_empty(list, wanted->config, instances.partition, error));
    free(instances.numbers);
    free(messages);
    free(lines);
    return did;
}

/* The first of them, and their order. */
static bool put_messages(const struct check_capsule *wanted, const struct taped_list *list,
                         size_t count, struct error *error) {
    struct text journal;
    const int file = capsule_open_messages(wanted->directory, error);
    bool did = file >= 0;
    text_init(&journal);
    for (size_t i = 0; did && i < count; i++) {
        const struct taped *item = &list->items[i];
        text_printf(&journal, "%s %" PRId32 " %" PRId64 " 1\n", item->topic, item->partition,
                    item->offset);
        did = (io_write_all(file, item->line, item->size) && io_write_all(file, "\n", 1)) ||
              error_set_errno(error, errno, "cannot write the messages");
    }
    if (file >= 0 && close(file) != 0 && did)
        did = error_set_errno(error, errno, "cannot write the messages");
    did = did && rerun_put_journal(wanted->directory, &journal, error);
    text_release(&journal);
    return did;
}

/* ---- the configuration ---- */

static bool put_taped_settings(const struct check_capsule *wanted, struct text *ini) {
    struct error ignored;
    size_t size = 0;
    char *path = text_format("%s/settings", wanted->tape->directory);
    char *bytes = path != NULL ? io_read_path(path, MAX_SETTINGS, &size, &ignored) : NULL;
    if (bytes != NULL)
        text_append(ini, bytes, size);
    free(bytes);
    free(path);
    return size > 0;
}

static bool put_ini(const struct check_capsule *wanted, struct error *error) {
    const struct config_items *settings = &wanted->deployment->settings;
    struct text ini;
    text_init(&ini);
    for (size_t i = 0; i < wanted->config->topic_count; i++) {
        text_printf(&ini, "[topic:%s]\n", wanted->config->topics[i].role);
        ini_put_setting(&ini, "topic", wanted->config->topics[i].role);
    }
    text_printf(&ini, "[strategy:%s]\n", wanted->deployment->name);
    ini_put_setting(&ini, "plugin", wanted->file->name);
    if (!put_taped_settings(wanted, &ini)) {
        for (size_t i = 0; i < settings->count; i++)
            ini_put_setting(&ini, settings->items[i].name, settings->items[i].text);
    }
    const bool did = rerun_put_ini(wanted->directory, 0, &ini, error);
    text_release(&ini);
    return did;
}

/* ---- the crash ---- */

/* How many messages come before the fatal one. */
static size_t find_fatal(const struct taped_list *list, const struct crash_record *crash) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].topic, crash->topic) == 0 &&
            list->items[i].offset == crash->offset)
            return i;
    }
    return list->count;
}

/* Up to the message that it crashed at, now that this is known. */
static bool cut(const struct check_capsule *wanted, const struct taped_list *list,
                const struct crash_record *crash, struct error *error) {
    const size_t fatal = find_fatal(list, crash);
    const bool does_save = strcmp(crash->callback, "save") == 0 ||
                           (fatal == list->count && strcmp(crash->callback, "load") == 0);
    const bool is_begin = strcmp(crash->callback, "open") == 0 ||
                          strcmp(crash->callback, "create") == 0 ||
                          strcmp(crash->callback, "activate") == 0;
    const size_t count = fatal < list->count ? fatal + 1 : list->count;
    return put_messages(wanted, list, count, error) &&
           rerun_put_fatal(wanted->directory, is_begin ? 0 : fatal, does_save, error);
}

static bool try_it(const struct check_capsule *wanted, struct attempt *attempt, struct text *text,
                   struct error *error) {
    text_reset(text);
    if (!attempt_run(wanted->directory, wanted->timeout_ns, true, attempt, error))
        return false;
    attempt_describe(attempt, wanted->timeout_ns, text);
    return attempt->has_crash ||
           error_set(error, ERROR_STATE,
                     "no capsule: %s crashes in case %s by what a replay of messages does not do "
                     "(%s)",
                     wanted->file->name, wanted->tape->crashed, text->data);
}

static bool fill(const struct check_capsule *wanted, const struct taped_list *list,
                 struct text *text, struct error *error) {
    struct attempt attempt;
    return put_ini(wanted, error) &&
           rerun_put_strategy(wanted->directory, 0, wanted->file, error) &&
           rerun_put_reloads(wanted->directory, NULL, 0, error) &&
           put_messages(wanted, list, list->count, error) &&
           /* At the end it saves, and loads what it saved. */
           rerun_put_fatal(wanted->directory, list->count, true, error) &&
           try_it(wanted, &attempt, text, error) && cut(wanted, list, &attempt.crash, error) &&
           try_it(wanted, &attempt, text, error) && capsule_seal(wanted->directory, error);
}

bool check_capsule_make(const struct check_capsule *wanted, struct text *text,
                        struct error *error) {
    struct taped_list list = {0};
    bool did = find_messages(wanted, &list, error) && capsule_make(wanted->directory, error);
    if (did) {
        did = fill(wanted, &list, text, error);
        if (!did)
            capsule_discard(wanted->directory);
    }
    release_messages(&list);
    return did;
}
