#include "config/text/ini.h"

#include "base/array.h"
#include "base/io.h"
#include "base/text.h"
#include "config/text/continuation.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* inih copies a section's name into 50 bytes. */
#define SECTION_NAME_MAX 49
#define BLANKS           " \t"

/*
 * inih gives its handler no line, splits long lines silently and reports only the first fault. So
 * its reader is ours: it counts lines, sees what inih would mistake, and hands such a line over
 * empty. Right after it has handed a line over inih calls the handler for that line, or not at all.
 */
struct reading {
    struct ini *ini;
    struct faults *faults;
    const struct ini_rules *rules;
    const char *path;
    const char *data;
    size_t size;
    size_t offset;
    int line;
    bool has_fault;
    bool has_section;     /* one was seen, good or not */
    bool is_skipping;     /* in a section whose head is broken: its keys belong nowhere */
    bool has_key;         /* inih has a key that an indented line would continue */
    size_t key_indent;    /* columns before it */
    bool is_continuation; /* the current line */
    bool is_owed;         /* the current line must reach the handler */
    bool is_key_bad;      /* the key above was refused; so are its continuations, silently */
};

static struct place place_here(const struct reading *reading) {
    return (struct place){.file = reading->path, .line = reading->line};
}

#define FAULT(reading, ...)                                                                        \
    do {                                                                                           \
        (reading)->has_fault = true;                                                               \
        faults_add((reading)->faults, place_here(reading), __VA_ARGS__);                           \
    } while (0)

static void out_of_memory(struct reading *reading) {
    FAULT(reading, "out of memory while reading");
}

static void add_section(struct reading *reading, const char *name, size_t size) {
    struct ini *ini = reading->ini;
    char *copy = text_dup(name, size);
    if (copy == NULL || !ARRAY_GROW(ini->sections, ini->section_count, ini->section_capacity)) {
        free(copy);
        out_of_memory(reading);
        reading->is_skipping = true;
        return;
    }
    ini->sections[ini->section_count++] =
        (struct ini_section){.name = copy, .place = place_here(reading)};
}

static const struct ini_section *find_section(const struct ini *ini, const char *name,
                                              size_t size) {
    for (size_t i = 0; i < ini->section_count; i++)
        if (strlen(ini->sections[i].name) == size && memcmp(ini->sections[i].name, name, size) == 0)
            return &ini->sections[i];
    return NULL;
}

/* Whether what stands behind a section's bracket is nothing or a comment. */
static bool is_rest_empty(const char *rest) {
    size_t blanks = strspn(rest, BLANKS);
    return rest[blanks] == '\0' || (blanks > 0 && rest[blanks] == ';');
}

/* A line that begins with a bracket. False when inih must not see it. */
static bool take_section(struct reading *reading, const char *start) {
    reading->has_section = true;
    reading->has_key = false;
    reading->is_skipping = true; /* until the head proves good */

    const char *name = start + 1;
    const char *end = strchr(name, ']');
    if (end == NULL) {
        FAULT(reading, "missing closing bracket: %s]", start);
        return false;
    }
    size_t size = (size_t)(end - name);
    if (!is_rest_empty(end + 1)) {
        FAULT(reading, "text after [%.*s]: a section must be alone on its line", (int)size, name);
        return false;
    }
    if (size == 0 || strspn(name, BLANKS) > 0 || strchr(BLANKS, name[size - 1]) != NULL) {
        FAULT(reading, "the name of a section is empty or has blanks around it: [%.*s]", (int)size,
              name);
        return false;
    }
    if (size > SECTION_NAME_MAX) {
        FAULT(reading, "the name of the section is %zu bytes long, at most %d are possible: [%.*s]",
              size, SECTION_NAME_MAX, (int)size, name);
        return false;
    }
    const struct ini_section *first = find_section(reading->ini, name, size);
    if (first != NULL) {
        /* Its keys are still read, into a section of its own, so that their faults show too. */
        FAULT(reading, "duplicate section [%.*s], the first is at line %d: merge them", (int)size,
              name, first->place.line);
    }
    reading->is_skipping = false;
    add_section(reading, name, size);
    return true;
}

#define TAB 8

/* The column that the line begins in. */
static size_t indent_of(const char *line) {
    size_t column = 0;
    for (; *line == ' ' || *line == '\t'; line++)
        column = *line == '\t' ? column - column % TAB + TAB : column + 1;
    return column;
}

/* Inih knows a ; behind a blank only in a key's own line. */
static void cut_comment(char *start) {
    for (char *mark = start; (mark = strchr(mark, ';')) != NULL; mark++) {
        if (mark == start || strchr(BLANKS, mark[-1]) == NULL)
            continue;
        *mark = '\0';
        return;
    }
}

/* What the current line would go on with. A key that was refused has no value. */
static struct continuation_of value_above(const struct reading *reading) {
    const struct ini *ini = reading->ini;
    if (reading->is_key_bad || ini->entry_count == 0)
        return (struct continuation_of){.section = "", .key = "", .value = ""};
    const struct ini_entry *entry = &ini->entries[ini->entry_count - 1];
    return (struct continuation_of){.rules = reading->rules,
                                    .section = ini->sections[entry->section].name,
                                    .key = entry->key,
                                    .value = entry->value};
}

/* A line that goes on with the value above it. False when inih must not see it. A value is not
 * shown: it may be a secret. */
static bool take_continuation(struct reading *reading, char *start) {
    cut_comment(start);
    const struct continuation_of above = value_above(reading);
    size_t size = 0;
    switch (continuation_judge(&above, start, &size)) {
    case CONTINUATION_VALUE:
        reading->is_continuation = true;
        reading->is_owed = true;
        return true;
    case CONTINUATION_SECTION:
        FAULT(reading,
              "%.*s is indented deeper than the key above it and would continue its value: "
              "start it in the first column",
              (int)size, start);
        /* What stands below it belongs into it, and not into the section above. */
        reading->is_skipping = true;
        reading->has_key = false;
        return false;
    case CONTINUATION_KEY:
        FAULT(reading,
              "%.*s is indented deeper than the key above it and would continue its value: "
              "start it in the same column as the other keys",
              (int)size, start);
        return false;
    case CONTINUATION_STRAY:
        break;
    }
    FAULT(reading,
          "the line is indented deeper than %s above it and would continue its value, where "
          "it is not allowed: start it in the same column as the other keys",
          above.key);
    return false;
}

static bool check_size(struct reading *reading, size_t size, size_t limit) {
    if (size <= limit)
        return true;
    FAULT(reading,
          "the line is %zu bytes long, at most %zu are possible: continue it in an indented line",
          size, limit);
    return false;
}

/* Sees to it that a line is text. False when it is not, with the fault. */
static bool check_bytes(struct reading *reading, const char *line, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t length = text_utf8_length(line + i, size - i);
        unsigned char c = (unsigned char)line[i];
        if (length == 0) {
            FAULT(reading, "byte 0x%02x at column %zu is not UTF-8", c, i + 1);
            return false;
        }
        if ((c < 0x20 && c != '\t') || c == 0x7F) {
            FAULT(reading, "%s 0x%02x at column %zu: an ini file is text",
                  c == 0 ? "NUL byte" : "control character", c, i + 1);
            return false;
        }
        i += length;
    }
    return true;
}

/* Decides what a line is, before inih does. False when inih must not see it. Inih takes whatever is
 * indented for a continuation, so that other lines lose their indent. */
static bool take_line(struct reading *reading, char *line) {
    char *start = line + strspn(line, BLANKS);
    const size_t indent = indent_of(line);
    reading->is_continuation = false;
    if (*start == '\0' || *start == ';' || *start == '#')
        return true;
    if (reading->has_key && indent > reading->key_indent)
        return take_continuation(reading, start);
    reading->key_indent = indent;
    memmove(line, start, strlen(start) + 1);
    if (*line == '[')
        return take_section(reading, line);
    reading->is_owed = true;
    return true;
}

static void settle_owed(struct reading *reading) {
    if (!reading->is_owed)
        return;
    reading->is_owed = false;
    /* A broken head has been reported; what stands below it need not be. */
    if (!reading->is_skipping)
        FAULT(reading, "neither [section] nor key = value");
}

/* One line without its end; sets where the next begins. */
static size_t next_line(struct reading *reading, const char **line) {
    *line = reading->data + reading->offset;
    size_t left = reading->size - reading->offset;
    const char *end = memchr(*line, '\n', left);
    size_t size = end != NULL ? (size_t)(end - *line) : left;
    reading->offset += end != NULL ? size + 1 : size;
    if (size > 0 && (*line)[size - 1] == '\r')
        size--;
    return size;
}

/* The reader that inih calls: fgets over memory. */
static char *read_line(char *buffer, int room, void *stream) {
    struct reading *reading = stream;
    settle_owed(reading);
    if (reading->offset >= reading->size)
        return NULL;

    reading->line++;
    const char *line;
    size_t size = next_line(reading, &line);
    buffer[0] = '\0';
    size_t indent = 0;
    while (indent < size && strchr(BLANKS, line[indent]) != NULL && line[indent] != '\0')
        indent++;
    bool is_comment = indent < size && (line[indent] == ';' || line[indent] == '#');
    if (is_comment && memchr(line, '\0', size) == NULL)
        return buffer; /* of any length, in any encoding */
    if (!check_size(reading, size, (size_t)room - 1) || !check_bytes(reading, line, size)) {
        reading->is_key_bad = true; /* its continuations have nothing to continue */
        if (indent < size && line[indent] == '[') {
            reading->has_section = true;
            reading->is_skipping = true;
        }
        return buffer;
    }
    memcpy(buffer, line, size);
    buffer[size] = '\0';
    if (!take_line(reading, buffer))
        buffer[0] = '\0';
    return buffer;
}

static void continue_value(struct reading *reading, const char *more) {
    struct ini *ini = reading->ini;
    if (reading->is_key_bad || ini->entry_count == 0)
        return;
    struct ini_entry *entry = &ini->entries[ini->entry_count - 1];
    char *joined = entry->value[0] != '\0' ? text_format("%s\n%s", entry->value, more)
                                           : text_dup(more, strlen(more));
    if (joined == NULL) {
        out_of_memory(reading);
        return;
    }
    free(entry->value);
    entry->value = joined;
}

static const struct ini_entry *find_in_section(const struct ini *ini, const char *key) {
    for (size_t i = ini->entry_count; i > 0; i--) {
        const struct ini_entry *entry = &ini->entries[i - 1];
        if (entry->section != ini->section_count - 1)
            return NULL;
        if (strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

static void add_entry(struct reading *reading, const char *key, const char *value) {
    struct ini *ini = reading->ini;
    struct ini_entry entry = {.section = ini->section_count - 1,
                              .key = text_dup(key, strlen(key)),
                              .value = text_dup(value, strlen(value)),
                              .place = place_here(reading)};
    if (entry.key == NULL || entry.value == NULL ||
        !ARRAY_GROW(ini->entries, ini->entry_count, ini->entry_capacity)) {
        free(entry.key);
        free(entry.value);
        out_of_memory(reading);
        reading->is_key_bad = true;
        return;
    }
    ini->entries[ini->entry_count++] = entry;
}

static int handle(void *user, const char *section, const char *key, const char *value) {
    (void)section; /* the reader knows it uncut */
    struct reading *reading = user;
    reading->is_owed = false;
    if (reading->is_continuation) {
        continue_value(reading, value);
        return 1;
    }

    reading->has_key = true;
    reading->is_key_bad = true; /* until it proves good */
    if (reading->is_skipping)
        return 1;
    if (!reading->has_section) {
        FAULT(reading, "%s is before the first [section]", key);
        return 1;
    }
    if (key[0] == '\0') {
        FAULT(reading, "missing key before the equals sign");
        reading->has_key = false; /* inih continues none either */
        return 1;
    }
    const struct ini_entry *first = find_in_section(reading->ini, key);
    if (first != NULL) {
        FAULT(reading, "duplicate key %s, the first is at line %d", key, first->place.line);
        return 1;
    }
    reading->is_key_bad = false;
    add_entry(reading, key, value);
    return 1;
}

bool ini_read(struct ini *ini, const char *path, const char *data, size_t size,
              const struct ini_rules *rules, struct faults *faults) {
    struct reading reading = {
        .ini = ini, .faults = faults, .rules = rules, .path = path, .data = data, .size = size};
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
        reading.offset = 3;
    /* What it returns is the line of the first fault by its own count, or that memory ran out. */
    int result = ini_parse_stream(read_line, &reading, handle, &reading);
    if (result == -2)
        out_of_memory(&reading);
    return !reading.has_fault;
}

char *ini_load(const char *path, size_t *size, struct faults *faults) {
    const struct place place = {.file = path};
    char *data = NULL;
    /* Not blocking, so that a FIFO is refused instead of waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        faults_add(faults, place, "cannot be opened: %s", strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        faults_add(faults, place, "is not a regular file");
    } else if ((size_t)status.st_size > INI_FILE_SIZE_MAX) {
        faults_add(faults, place,
                   "is %lld bytes long, at most %zu are supported: is it an ini file?",
                   (long long)status.st_size, INI_FILE_SIZE_MAX);
    } else {
        data = io_read_whole(fd, INI_FILE_SIZE_MAX, size);
        if (data == NULL)
            faults_add(faults, place, "cannot be read: %s", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return data;
}

bool ini_read_file(struct ini *ini, const char *path, const struct ini_rules *rules,
                   struct faults *faults) {
    size_t size;
    char *data = ini_load(path, &size, faults);
    const bool is_good = data != NULL && ini_read(ini, path, data, size, rules, faults);
    free(data);
    return is_good;
}

void ini_release(struct ini *ini) {
    for (size_t i = 0; i < ini->section_count; i++)
        free(ini->sections[i].name);
    for (size_t i = 0; i < ini->entry_count; i++) {
        free(ini->entries[i].key);
        free(ini->entries[i].value);
    }
    free(ini->sections);
    free(ini->entries);
    *ini = (struct ini)INI_INIT;
}
