#include "backtrace/locate_serve.h"

#include "backtrace/code_place.h"
#include "base/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAPS_MOST   ((size_t)64 << 20)
#define HASH_DIGITS 32
#define NAME_MOST   128
#define PLACE_MOST  (LOCATE_PLACE - 1)
#define HEXADECIMAL "0123456789abcdef"
#define DECIMAL     "0123456789"
#define IS_DELETED  " (deleted)"

/* What an address lies in. */
struct mapping {
    const char *path; /* in the text of the maps; ends there, with a NUL */
    uint64_t offset;  /* of the address in the file */
};

/* One file of the stack, opened once. */
struct opened {
    const char *path;
    struct code_file *file; /* NULL: it cannot be read */
};

struct locating {
    struct locate_request request;
    char *maps;
    struct opened files[LOCATE_FRAMES];
    size_t file_count;
};

/* ---- which file ---- */

/* Reads one line "FROM-TO MODE OFFSET DEVICE INODE PATH". False: the address lies elsewhere. */
static bool read_mapping(char *line, uint64_t address, struct mapping *mapping) {
    uint64_t from, to, offset;
    int path = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &from, &to, &offset,
               &path) != 3 ||
        path == 0 || address < from || address >= to || line[path] != '/')
        return false;
    *mapping = (struct mapping){line + path, address - from + offset};
    return true;
}

static bool find_mapping(const struct locating *locating, uint64_t address,
                         struct mapping *mapping) {
    for (char *line = locating->maps; *line != '\0'; line += strlen(line) + 1)
        if (read_mapping(line, address, mapping))
            return true;
    return false;
}

/* Lines, each ended by a NUL, and an empty one. */
static char *read_maps(int fd) {
    size_t size;
    char *maps = io_read_whole(fd, MAPS_MOST, &size);
    for (char *at = maps; at != NULL && (at = strchr(at, '\n')) != NULL; at++)
        *at = '\0';
    return maps;
}

static struct code_file *open_file(struct locating *locating, const char *path) {
    for (size_t i = 0; i < locating->file_count; i++)
        if (strcmp(locating->files[i].path, path) == 0)
            return locating->files[i].file;
    struct opened *opened = &locating->files[locating->file_count++];
    *opened = (struct opened){path, code_file_open(path)};
    return opened->file;
}

/* ---- names ---- */

/* NAME of "NAME-HASH-NUMBER.so". False: it is no such name. */
static bool is_copy(const char *name, size_t *length) {
    const char *end = strrchr(name, '.'), *number = end;
    if (end == NULL || strcmp(end, ".so") != 0)
        return false;
    while (number > name && strchr(DECIMAL, number[-1]) != NULL)
        number--;
    if (number == end || number - name < HASH_DIGITS + 3 || number[-1] != '-')
        return false;
    const char *hash = number - 1 - HASH_DIGITS;
    *length = (size_t)(hash - 1 - name);
    return hash[-1] == '-' && strspn(hash, HEXADECIMAL) == HASH_DIGITS;
}

/* NAME of "N-NAME" in a directory of libraries "....d". */
static const char *library_name(const char *path, const char *name) {
    const size_t digits = strspn(name, DECIMAL);
    const bool is_one = name - path > 3 && strncmp(name - 3, ".d/", 3) == 0;
    return is_one && digits > 0 && name[digits] == '-' ? name + digits + 1 : name;
}

void locate_file_name(const char *path, char *name, size_t size) {
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    size_t length;
    if (is_copy(base, &length)) {
        (void)snprintf(name, size, "%.*s.so", (int)length, base);
        return;
    }
    base = library_name(path, base);
    length = strlen(base);
    const size_t mark = sizeof IS_DELETED - 1;
    if (length > mark && strcmp(base + length - mark, IS_DELETED) == 0)
        length -= mark;
    (void)snprintf(name, size, "%.*s", (int)length, base);
}

/* ---- the answer ---- */

static void add_frame(struct locating *locating, size_t index, struct text *text) {
    const uint64_t frame = locating->request.frames[index];
    const bool is_return = index > 0 || locating->request.is_exact == 0;
    struct mapping mapping;
    char name[NAME_MOST];
    uint64_t address;
    if (!find_mapping(locating, frame, &mapping)) {
        text_printf(text, "0x%" PRIx64, frame);
        return;
    }
    struct code_file *file = open_file(locating, mapping.path);
    locate_file_name(mapping.path, name, sizeof name);
    if (file != NULL && code_file_address(file, mapping.offset, &address))
        code_place_add(file, name, address, is_return, text);
    else
        code_place_add(NULL, name, mapping.offset, is_return, text);
}

/* Whether the file is one of those that are looked for. */
static bool is_meant(const struct locating *locating, uint64_t frame) {
    struct mapping mapping;
    const size_t size = strlen(locating->request.directory);
    return find_mapping(locating, frame, &mapping) && size > 0 &&
           strncmp(mapping.path, locating->request.directory, size) == 0 &&
           mapping.path[size] == '/';
}

/* Where a text of at most `most` bytes ends, between two characters. */
static size_t cut_at(const struct text *text, size_t most) {
    size_t size = text->size < most ? text->size : most;
    while (size > 0 && size < text->size && ((unsigned char)text->data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static bool send_place(struct locating *locating, int output) {
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < locating->request.count; i++) {
        if (!is_meant(locating, locating->request.frames[i]))
            continue;
        add_frame(locating, i, &text);
        break;
    }
    const size_t size = cut_at(&text, PLACE_MOST);
    const bool did = io_write_all(output, text.data, size) && io_write_all(output, "\n", 1);
    text_release(&text);
    return did;
}

static bool send_stack(struct locating *locating, int output) {
    bool did = true;
    for (size_t i = 0; did && i < locating->request.count; i++) {
        struct text text;
        text_init(&text);
        add_frame(locating, i, &text);
        text_putc(&text, '\n');
        did = io_write_all(output, text.data, text.size);
        text_release(&text);
    }
    return did;
}

bool locate_serve(int input, int output, int maps) {
    struct locating locating = {.file_count = 0};
    const bool is_whole = io_read_all(input, &locating.request, sizeof locating.request) ==
                          (ssize_t)sizeof locating.request;
    if (!is_whole || locating.request.count > LOCATE_FRAMES ||
        memchr(locating.request.directory, '\0', LOCATE_DIRECTORY) == NULL)
        return false;
    locating.maps = read_maps(maps);
    const bool did =
        locating.maps != NULL && send_place(&locating, output) && send_stack(&locating, output);
    for (size_t i = 0; i < locating.file_count; i++)
        code_file_close(locating.files[i].file);
    free(locating.maps);
    return did;
}
