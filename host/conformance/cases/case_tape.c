#include "conformance/cases/case_tape.h"

#include "base/io.h"
#include "base/text.h"
#include "config/text/ini_write.h"
#include "recording/writer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_new(const char *directory, const char *name) {
    char *path = text_format("%s/%s", directory, name);
    const int file = path != NULL ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    free(path);
    return file;
}

static bool write_settings(const char *directory, const struct text *text) {
    const int file = open_new(directory, "settings");
    const bool did = file >= 0 && io_write_all(file, text->data, text->size);
    if (file >= 0)
        (void)close(file);
    return did;
}

bool case_tape_open(struct case_tape *tape, const char *directory) {
    struct text none;
    *tape = (struct case_tape){.directory = directory, .messages = -1, .lines = -1};
    if (directory == NULL)
        return true;
    text_init(&none);
    tape->messages = open_new(directory, "messages.jsonl");
    tape->lines = open_new(directory, "instances");
    return tape->messages >= 0 && tape->lines >= 0 && write_settings(directory, &none);
}

void case_tape_close(struct case_tape *tape) {
    if (tape->messages >= 0)
        (void)close(tape->messages);
    if (tape->lines >= 0)
        (void)close(tape->lines);
    tape->messages = tape->lines = -1;
}

static void write_line(const struct case_tape *tape, const char *before, uint32_t instance,
                       int32_t partition) {
    char line[64];
    const int size =
        snprintf(line, sizeof line, "%s%" PRIu32 " %" PRId32 "\n", before, instance, partition);
    if (tape->lines >= 0)
        (void)io_write_all(tape->lines, line, (size_t)size);
}

uint32_t case_tape_instance(struct case_tape *tape, int32_t partition) {
    write_line(tape, "+", tape->instances, partition);
    return tape->instances++;
}

void case_tape_settings(struct case_tape *tape, const struct parameters *parameters) {
    struct text text;
    if (tape->directory == NULL)
        return;
    text_init(&text);
    for (size_t i = 0; i < parameters->count; i++)
        ini_put_setting(&text, parameters->items[i].name, parameters->items[i].text);
    if (!text_is_oom(&text))
        (void)write_settings(tape->directory, &text);
    text_release(&text);
}

void case_tape_message(struct case_tape *tape, uint32_t instance, int32_t partition,
                       const struct record *record, const char *role) {
    struct record numbered = *record;
    struct text line;
    if (tape->messages < 0)
        return;
    numbered.partition = partition;
    text_init(&line);
    recording_line_write(&line, &numbered, role);
    if (!text_is_oom(&line) && io_write_all(tape->messages, line.data, line.size))
        write_line(tape, "", instance, partition);
    text_release(&line);
}
