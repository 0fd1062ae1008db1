#include "config/ini.h"

#include "base/text.h"

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
 * inih tells its handler no line, splits long lines silently and reports only the first fault. So
 * its reader is ours: it counts lines, sees what inih would mistake, and hands such a line over
 * empty. Right after it has handed a line over inih calls the handler for that line, or not at all.
 */
struct reading {
    struct ini *ini;
    struct faults *faults;
    const char *path;
    const char *data;
    size_t size;
    size_t offset;
    int line;
    bool has_fault;
    bool has_section;     /* one was seen, good or not */
    bool is_skipping;     /* in a section whose head is broken: its keys belong nowhere */
    bool has_key;         /* inih has a key that an indented line would continue */
    bool is_continuation; /* the line in hand */
    bool is_owed;         /* the line in hand must reach the handler */
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

static void *grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    size_t more = *capacity > 0 ? *capacity * 2 : 16;
    void *grown = reallocarray(items, more, size);
    if (grown != NULL)
        *capacity = more;
    return grown;
}

static void out_of_memory(struct reading *reading) {
    FAULT(reading, "out of memory while reading");
}

static void add_section(struct reading *reading, const char *name, size_t size) {
    struct ini *ini = reading->ini;
    struct ini_section *sections =
        grow(ini->sections, ini->section_count, &ini->section_capacity, sizeof *ini->sections);
    char *copy = text_dup(name, size);
    if (sections != NULL)
        ini->sections = sections;
    if (sections == NULL || copy == NULL) {
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
        FAULT(reading, "a section needs its closing bracket: %s]", start);
        return false;
    }
    size_t size = (size_t)(end - name);
    if (!is_rest_empty(end + 1)) {
        FAULT(reading, "text behind [%.*s]: a section stands alone on its line", (int)size, name);
        return false;
    }
    if (size == 0 || strspn(name, BLANKS) > 0 || strchr(BLANKS, name[size - 1]) != NULL) {
        FAULT(reading, "a section's name is empty or has blanks around it: [%.*s]", (int)size,
              name);
        return false;
    }
    if (size > SECTION_NAME_MAX) {
        FAULT(reading, "the section's name is %zu bytes long, at most %d fit: [%.*s]", size,
              SECTION_NAME_MAX, (int)size, name);
        return false;
    }
    const struct ini_section *first = find_section(reading->ini, name, size);
    if (first != NULL) {
        /* Its keys are still read, into a section of its own, so that their faults show too. */
        FAULT(reading, "section [%.*s] a second time, the first is at line %d: put them together",
              (int)size, name, first->place.line);
    }
    reading->is_skipping = false;
    add_section(reading, name, size);
    return true;
}

/* Something that a writer would take for a section of its own, where inih sees a value go on. */
static bool is_hidden_section(const char *start) {
    size_t size = strlen(start);
    return start[0] == '[' && size > 2 && start[size - 1] == ']' &&
           strspn(start + 1, "abcdefghijklmnopqrstuvwxyz0123456789_:.-") == size - 2;
}

static bool check_size(struct reading *reading, size_t size, size_t limit) {
    if (size <= limit)
        return true;
    FAULT(reading,
          "the line is %zu bytes long, at most %zu fit: go on in a further line that is indented",
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

/* Decides what a line is, before inih does. False when inih must not see it. */
static bool take_line(struct reading *reading, const char *line) {
    const char *start = line + strspn(line, BLANKS);
    reading->is_continuation = false;
    if (*start == '\0' || *start == ';' || *start == '#')
        return true;
    if (start > line && reading->has_key) {
        if (is_hidden_section(start)) {
            FAULT(reading,
                  "%s is indented and so would continue the value above it: begin it at "
                  "the line's start",
                  start);
            return false;
        }
        reading->is_continuation = true;
        reading->is_owed = true;
        return true;
    }
    if (*start == '[')
        return take_section(reading, start);
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
    struct ini_entry *entries =
        grow(ini->entries, ini->entry_count, &ini->entry_capacity, sizeof *ini->entries);
    struct ini_entry entry = {.section = ini->section_count - 1,
                              .key = text_dup(key, strlen(key)),
                              .value = text_dup(value, strlen(value)),
                              .place = place_here(reading)};
    if (entries != NULL)
        ini->entries = entries;
    if (entries == NULL || entry.key == NULL || entry.value == NULL) {
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
        FAULT(reading, "%s stands before the first [section]", key);
        return 1;
    }
    if (key[0] == '\0') {
        FAULT(reading, "a key is missing before the equals sign");
        reading->has_key = false; /* inih continues none either */
        return 1;
    }
    const struct ini_entry *first = find_in_section(reading->ini, key);
    if (first != NULL) {
        FAULT(reading, "%s a second time, the first is at line %d", key, first->place.line);
        return 1;
    }
    reading->is_key_bad = false;
    add_entry(reading, key, value);
    return 1;
}

bool ini_read(struct ini *ini, const char *path, const char *data, size_t size,
              struct faults *faults) {
    struct reading reading = {
        .ini = ini, .faults = faults, .path = path, .data = data, .size = size};
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
        reading.offset = 3;
    /* What it returns is the line of the first fault by its own count, or that memory ran out. */
    int result = ini_parse_stream(read_line, &reading, handle, &reading);
    if (result == -2)
        out_of_memory(&reading);
    return !reading.has_fault;
}

static char *read_whole(int fd, size_t expected, size_t *size, int *errnum) {
    char *data = malloc(expected + 1);
    if (data == NULL) {
        *errnum = ENOMEM;
        return NULL;
    }
    *size = 0;
    while (*size < expected) {
        ssize_t got = read(fd, data + *size, expected - *size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            *errnum = errno;
            free(data);
            return NULL;
        }
        if (got == 0)
            break;
        *size += (size_t)got;
    }
    return data;
}

bool ini_read_file(struct ini *ini, const char *path, struct faults *faults) {
    const struct place place = {.file = path};
    bool is_good = false;
    char *data = NULL;
    /* Not blocking, so that a FIFO is refused instead of waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        faults_add(faults, place, "cannot be opened: %s", strerror(errno));
        goto out;
    }
    if (!S_ISREG(status.st_mode)) {
        faults_add(faults, place, "is not a regular file");
        goto out;
    }
    if ((size_t)status.st_size > INI_FILE_SIZE_MAX) {
        faults_add(faults, place, "is %lld bytes long, at most %zu are read: is it an ini file?",
                   (long long)status.st_size, INI_FILE_SIZE_MAX);
        goto out;
    }
    size_t size = 0;
    int errnum = 0;
    data = read_whole(fd, (size_t)status.st_size, &size, &errnum);
    if (data == NULL) {
        faults_add(faults, place, "cannot be read: %s", strerror(errnum));
        goto out;
    }
    is_good = ini_read(ini, path, data, size, faults);

out:
    free(data);
    if (fd >= 0)
        close(fd);
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
