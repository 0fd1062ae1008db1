#include "recording/reader.h"

#include "base/text.h"
#include "recording/csv.h"
#include "recording/kind.h"
#include "recording/shared_block.h"
#include "json/lenient_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX_LINE (16 * 1024 * 1024)

struct recording_reader {
    struct recording_options options;
    char *name;
    struct recording_input *input;
    uint64_t bytes, lines, bad_lines; /* bytes of text */
    uint64_t useful_bytes;            /* those of them up to the last line that was given */

    struct recording_block *block;
    size_t begin;    /* where the next line begins in the block */
    size_t searched; /* up to here there is no line break after `begin` */
    size_t filled;   /* bytes in the block */
    size_t scratch_used;
    uint64_t begin_at; /* position of `begin` in the file */
    bool is_ended;     /* nothing more to read */
    size_t line;       /* where the one that was given last begins in the block */
    bool is_skipping;  /* within a line that is too long */
    uint64_t skipped;  /* bytes of it */
    bool is_cut;       /* the last bad line has no break, and begins as it should */

    uint64_t given,
        refused; /* lines that could be read, and those of them that the caller refused */
    bool is_judged;
    const struct recording_kind *kind; /* of the first line, once that turned out to be bad */
    struct rows *rows;                 /* NULL: the text is lines of JSON */
};

/* CSV: the text as it comes, and its rows as lines. */
struct rows {
    bool is_known; /* whether it is CSV at all */
    bool is_ended;
    struct text text; /* from `begin` on it was not looked at */
    size_t begin;
    struct recording_csv *csv; /* NULL before the header */
    struct text line;          /* the current row, of which `given` bytes were given */
    size_t given;
};

static void rows_free(struct rows *rows) {
    if (rows == NULL)
        return;
    text_release(&rows->text);
    text_release(&rows->line);
    recording_csv_free(rows->csv);
    free(rows);
}

static struct rows *rows_new(void) {
    struct rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return NULL;
    text_init(&rows->text);
    text_init(&rows->line);
    return rows;
}

struct recording_reader *recording_reader_open(const char *path,
                                               const struct recording_options *options,
                                               struct error *error) {
    struct recording_reader *reader = calloc(1, sizeof *reader);
    const bool is_csv = options->mapping_count > 0;
    if (reader == NULL || (reader->name = strdup(path)) == NULL ||
        (is_csv && (reader->rows = rows_new()) == NULL)) {
        error_set_memory(error, "reading a recorded file");
        recording_reader_close(reader);
        return NULL;
    }
    reader->options = *options;
    if (reader->options.max_line == 0)
        reader->options.max_line = DEFAULT_MAX_LINE;
    reader->begin_at = options->begin_at;
    reader->lines = options->begin_lines;
    reader->input = recording_input_open(path, options->begin_at, error);
    if (reader->input != NULL)
        return reader;
    recording_reader_close(reader);
    return NULL;
}

void recording_reader_close(struct recording_reader *reader) {
    if (reader == NULL)
        return;
    if (reader->block != NULL)
        recording_block_release(reader->block);
    recording_input_close(reader->input);
    rows_free(reader->rows);
    free(reader->name);
    free(reader);
}

/* Bad lines. */

/* No line was of use so far. What comes behind `begin_at` says nothing of the file. */
static bool is_useless(const struct recording_reader *reader) {
    return reader->given == reader->refused && reader->options.begin_at == 0;
}

#define SEEMS_SIZE 512

/* "; it looks like CSV: ..." of a file without a good line, or nothing. */
static const char *seems(const struct recording_reader *reader, char text[SEEMS_SIZE]) {
    text[0] = '\0';
    if (is_useless(reader) && reader->kind != NULL)
        snprintf(text, SEEMS_SIZE, "; it looks like %s: %s", reader->kind->what,
                 reader->kind->advice);
    return text;
}

static bool fail_useless(const struct recording_reader *reader, struct error *error) {
    char text[SEEMS_SIZE];
    return error_set(error, ERROR_INVALID, "%s: none of its %s%llu line%s is valid%s", reader->name,
                     reader->is_ended ? "" : "first ", (unsigned long long)reader->lines,
                     text_plural(reader->lines), seems(reader, text));
}

/* Looks once at how the file begins. False with an error when that is enough. */
static bool judge(struct recording_reader *reader, const char *line, struct error *error) {
    const size_t size = (size_t)(reader->block->input + reader->filled - line);
    if (reader->is_judged || !is_useless(reader))
        return true;
    reader->is_judged = true;
    reader->kind = recording_kind_of(line, size);
    if (reader->kind == NULL || !reader->kind->is_certain)
        return true;
    return error_set(error, ERROR_INVALID, "%s: is %s, not JSON lines: %s", reader->name,
                     reader->kind->what, reader->kind->advice);
}

static bool reject(struct recording_reader *reader, uint64_t number, const char *text,
                   struct error *error) {
    char more[SEEMS_SIZE];
    reader->bad_lines++;
    if (reader->options.bad_line != NULL)
        reader->options.bad_line(reader->options.bad_line_context, reader->name, number, text);
    if (reader->options.is_strict)
        return error_set(error, ERROR_INVALID, "%s:%llu: line %s%s", reader->name,
                         (unsigned long long)number, text, seems(reader, more));
    return !is_useless(reader) || reader->bytes < RECORDING_USELESS_BYTES ||
           fail_useless(reader, error);
}

bool recording_reader_reject(struct recording_reader *reader, uint64_t number, const char *text,
                             struct error *error) {
    reader->refused++;
    return judge(reader, reader->block->input + reader->line, error) &&
           reject(reader, number, text, error);
}

/* Input. */

static bool is_blank(const char *line, size_t size) {
    while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '\t' || line[size - 1] == '\r'))
        size--;
    return size == 0;
}

/* Makes room behind what is filled: in this block, or in a new one that begins with the rest. */
static bool make_room(struct recording_reader *reader, struct error *error) {
    struct recording_block *block = reader->block;
    size_t rest = reader->filled - reader->begin;
    if (block != NULL && reader->filled < block->capacity)
        return true;
    size_t capacity = RECORDING_BLOCK_SIZE;
    while (capacity - capacity / 4 < rest) /* a line of this length: read on in larger pieces */
        capacity *= 2;
    struct recording_block *next = recording_block_new(reader->options.pool, capacity);
    if (next == NULL)
        return error_set_memory(error, reader->name);
    if (block != NULL) {
        memcpy(next->input, block->input + reader->begin, rest);
        recording_block_release(block);
    }
    reader->block = next;
    reader->searched -= reader->begin;
    reader->begin = 0;
    reader->filled = rest;
    reader->scratch_used = 0;
    return true;
}

/* Of a packed file a little may come to any amount: when none of it is of use, it ends. */
static bool check_useful(const struct recording_reader *reader, struct error *error) {
    const uint64_t useless = reader->bytes - reader->useful_bytes;
    const uint64_t most = 2 * (uint64_t)reader->options.max_line;
    if (recording_input_packing(reader->input) == RECORDING_PLAIN ||
        useless <= (most > RECORDING_USELESS_BYTES ? most : RECORDING_USELESS_BYTES))
        return true;
    return error_set(error, ERROR_INVALID,
                     "%s: %llu MiB that were unpacked in a row, up to byte %llu of the file, hold "
                     "no line that can be used: it is damaged, or made to do harm",
                     reader->name, (unsigned long long)useless >> 20,
                     (unsigned long long)recording_input_bytes(reader->input));
}

static enum recording_result read_text(struct recording_reader *reader, char *to, size_t room,
                                       size_t *got, struct error *error) {
    const enum recording_result result = recording_input_read(reader->input, to, room, got, error);
    if (result != RECORDING_ENTRY)
        return result;
    reader->bytes += *got;
    return check_useful(reader, error) ? RECORDING_ENTRY : RECORDING_FAILED;
}

static void put(struct recording_reader *reader, const char *bytes, size_t size) {
    memcpy(reader->block->input + reader->filled, bytes, size);
    reader->filled += size;
}

/* ---- rows of CSV ---- */

/* Moves to the front what was not looked at, and reads behind it. */
static enum recording_result rows_read(struct recording_reader *reader, struct error *error) {
    struct rows *rows = reader->rows;
    struct text *text = &rows->text;
    size_t got = 0;
    if (rows->begin > 0) {
        memmove(text->data, text->data + rows->begin, text->size - rows->begin);
        text->size -= rows->begin;
        rows->begin = 0;
    }
    if (text->size > reader->options.max_line) {
        error_set(error, ERROR_INVALID, "%s:%llu: a line of the CSV is longer than %zu bytes",
                  reader->name, (unsigned long long)reader->lines + 1, reader->options.max_line);
        return RECORDING_FAILED;
    }
    const size_t room = RECORDING_BLOCK_SIZE / 2;
    text_reserve(text, text->size + room);
    if (text->capacity <= text->size + room) {
        error_set_memory(error, reader->name);
        return RECORDING_FAILED;
    }
    const enum recording_result result =
        read_text(reader, text->data + text->size, room, &got, error);
    rows->is_ended = result == RECORDING_END;
    text->size += got;
    return result == RECORDING_END ? RECORDING_ENTRY : result;
}

static size_t mark_size(const struct text *text) {
    return text->size >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Where the first line that is not blank begins; the text's size: there is none yet. */
static size_t first_line(const struct text *text) {
    size_t at = mark_size(text);
    while (at < text->size && (text->data[at] == '\n' || is_blank(text->data + at, 1)))
        at++;
    return at;
}

/* Looks once at how the file begins: what is lines of JSON, or something that the lines' judge
 * knows better, goes on as such, with what was read. */
static enum recording_result rows_begin(struct recording_reader *reader, struct error *error) {
    struct rows *rows = reader->rows;
    const struct text *text = &rows->text;
    const size_t at = first_line(text);
    const bool is_whole = memchr(text->data + at, '\n', text->size - at) != NULL;
    if (!is_whole && text->size < RECORDING_KIND_SIZE && !rows->is_ended)
        return rows_read(reader, error);
    const struct recording_kind *kind = recording_kind_of(text->data, text->size);
    rows->is_known = true;
    if (at < text->size && text->data[at] != '{' && (kind == NULL || !kind->is_certain)) {
        rows->begin = mark_size(text);
        reader->is_judged = true;
        return RECORDING_ENTRY;
    }
    put(reader, text->data, text->size);
    reader->is_ended = rows->is_ended;
    rows_free(rows);
    reader->rows = NULL;
    return RECORDING_ENTRY;
}

/* The next line of the text: false when it is not there yet, or there is none any more. */
static bool rows_next(const struct rows *rows, size_t *size, size_t *size_with_break) {
    const char *begin = rows->text.data + rows->begin;
    const size_t left = rows->text.size - rows->begin;
    const char *stop = left > 0 ? memchr(begin, '\n', left) : NULL;
    *size = stop != NULL ? (size_t)(stop - begin) : left;
    *size_with_break = stop != NULL ? *size + 1 : left;
    return stop != NULL || (rows->is_ended && left > 0);
}

/* The header's line becomes an empty one. */
static bool rows_take_header(struct recording_reader *reader, const char *line, size_t size,
                             struct error *error) {
    struct rows *rows = reader->rows;
    rows->csv = recording_csv_new(line, size, reader->options.mappings,
                                  reader->options.mapping_count, error);
    text_putc(&rows->line, '\n');
    return rows->csv != NULL || error_prefix(error, "%s: ", reader->name);
}

/* A bad row is reported when all before it were given; `*did_wait`: they were not. */
static bool rows_take(struct recording_reader *reader, const char *line, size_t size, bool is_alone,
                      bool *did_wait, struct error *error) {
    struct rows *rows = reader->rows;
    if (rows->csv == NULL && !is_blank(line, size))
        return rows_take_header(reader, line, size, error);
    const char *problem =
        is_blank(line, size) ? NULL : recording_csv_row(rows->csv, line, size, &rows->line);
    if (problem == NULL) {
        text_putc(&rows->line, '\n');
        return !text_is_oom(&rows->line) || error_set_memory(error, reader->name);
    }
    text_reset(&rows->line);
    *did_wait = !is_alone;
    return *did_wait || reject(reader, ++reader->lines, problem, error);
}

/* Fills the block with lines that rows give. */
static enum recording_result read_rows(struct recording_reader *reader, struct error *error) {
    struct rows *rows = reader->rows;
    const size_t before = reader->filled;
    for (;;) {
        const size_t left = rows->line.size - rows->given;
        const size_t room = reader->block->capacity - reader->filled;
        const size_t size = left < room ? left : room;
        put(reader, rows->line.data + rows->given, size);
        rows->given += size;
        if (reader->filled == reader->block->capacity)
            return RECORDING_ENTRY;
        text_reset(&rows->line);
        rows->given = 0;

        size_t line_size, with_break;
        if (!rows_next(rows, &line_size, &with_break)) {
            if (reader->filled > before)
                return RECORDING_ENTRY;
            reader->is_ended = rows->is_ended;
            return rows->is_ended ? RECORDING_ENTRY : rows_read(reader, error);
        }
        bool did_wait = false;
        if (!rows_take(reader, rows->text.data + rows->begin, line_size,
                       reader->filled == reader->begin, &did_wait, error))
            return RECORDING_FAILED;
        if (did_wait)
            return RECORDING_ENTRY;
        rows->begin += with_break;
    }
}

/* ---- any text ---- */

static enum recording_result read_more(struct recording_reader *reader, struct error *error) {
    if (reader->options.before_read != NULL &&
        !reader->options.before_read(reader->options.before_read_context,
                                     recording_input_waits_for(reader->input)))
        return RECORDING_STOPPED;
    if (!make_room(reader, error))
        return RECORDING_FAILED;
    struct recording_block *block = reader->block;
    enum recording_result result;
    if (reader->rows != NULL) {
        result = reader->rows->is_known ? read_rows(reader, error) : rows_begin(reader, error);
    } else {
        size_t got;
        result = read_text(reader, block->input + reader->filled, block->capacity - reader->filled,
                           &got, error);
        reader->is_ended = result == RECORDING_END;
        reader->filled += got;
    }
    memset(block->input + reader->filled, 0, LENIENT_SLACK);
    return result == RECORDING_END ? RECORDING_ENTRY : result;
}

/* Lines. */

/* Takes the bytes from `begin` on away as a line (or a piece of one that is too long). */
static void take_line(struct recording_reader *reader, size_t size) {
    reader->begin += size;
    reader->searched = reader->begin;
    reader->begin_at += size;
}

/* Passes a piece of a line that is too long. False, with an error, when it has no end. */
static bool skip(struct recording_reader *reader, size_t size, struct error *error) {
    if (!judge(reader, reader->block->input + reader->begin, error))
        return false;
    reader->skipped = (reader->is_skipping ? reader->skipped : 0) + size;
    reader->is_skipping = true;
    take_line(reader, size);
    const bool is_endless = reader->skipped >= RECORDING_ENDLESS_BYTES ||
                            (is_useless(reader) && reader->skipped >= RECORDING_USELESS_BYTES);
    char more[SEEMS_SIZE];
    return !is_endless ||
           error_set(error, ERROR_INVALID, "%s:%llu: a line is longer than %llu MiB%s",
                     reader->name, (unsigned long long)reader->lines + 1,
                     (unsigned long long)reader->skipped >> 20, seems(reader, more));
}

/* Finds the next line: ENTRY with its size without and with its break. */
static enum recording_result find_line(struct recording_reader *reader, size_t *size,
                                       size_t *size_with_break, struct error *error) {
    for (;;) {
        const char *input = reader->block == NULL ? NULL : reader->block->input;
        const char *stop = NULL;
        if (reader->searched < reader->filled)
            stop = memchr(input + reader->searched, '\n', reader->filled - reader->searched);
        if (stop != NULL) {
            *size = (size_t)(stop - input) - reader->begin;
            *size_with_break = *size + 1;
            return RECORDING_ENTRY;
        }
        reader->searched = reader->filled;
        *size = *size_with_break = reader->filled - reader->begin;
        if (reader->is_ended)
            return *size > 0 ? RECORDING_ENTRY : RECORDING_END;
        if (input != NULL && *size > reader->options.max_line && !skip(reader, *size, error))
            return RECORDING_FAILED;
        enum recording_result result = read_more(reader, error);
        if (result != RECORDING_ENTRY)
            return result;
    }
}

/* A file with lines of which none was of use, be they blank, is no recording. */
static enum recording_result end(struct recording_reader *reader, struct error *error) {
    if (reader->is_skipping) {
        reader->is_skipping = false;
        reader->lines++;
        if (!reject(reader, reader->lines, "is too long", error))
            return RECORDING_FAILED;
    }
    if (is_useless(reader) && reader->lines > 0) {
        fail_useless(reader, error);
        return RECORDING_FAILED;
    }
    return RECORDING_END;
}

/* What is wrong with the line, or NULL: `entry` has what it says. */
static const char *scan(struct recording_reader *reader, const char *line, size_t size,
                        bool is_complete, struct recording_entry *entry) {
    struct recording_block *block = reader->block;
    size_t used;
    if (reader->is_skipping || size > reader->options.max_line)
        return "is too long";
    const char *problem =
        recording_line_scan(line, size, block->scratch + reader->scratch_used, &used, &entry->line);
    if (problem == NULL) {
        reader->scratch_used += used;
        entry->line.is_row = reader->rows != NULL;
        return NULL;
    }
    reader->is_cut = !is_complete && line[0] == '{';
    return reader->is_cut    ? "is truncated: the file ends within it"
           : line[0] == '\0' ? "is NUL bytes, as after a crash of the machine"
                             : problem;
}

enum recording_result recording_reader_next(struct recording_reader *reader,
                                            struct recording_entry *entry, struct error *error) {
    for (;;) {
        size_t size, size_with_break;
        enum recording_result result = find_line(reader, &size, &size_with_break, error);
        if (result == RECORDING_END)
            return end(reader, error);
        if (result != RECORDING_ENTRY)
            return result;
        struct recording_block *block = reader->block;
        if (block == NULL) /* never: a line lies in one */
            return RECORDING_FAILED;
        const char *line = block->input + reader->begin, *const begin = line;
        take_line(reader, size_with_break);
        uint64_t number = ++reader->lines;
        if (number == 1 && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            line += 3; /* a byte order mark */
            size -= 3;
        }
        if (!reader->is_skipping && is_blank(line, size))
            continue;
        const bool is_complete = size_with_break > 0 && block->input[reader->begin - 1] == '\n';
        const char *problem = scan(reader, line, size, is_complete, entry);
        const bool is_whole = !reader->is_skipping;
        reader->is_skipping = false;
        if (problem != NULL) {
            if ((is_whole && !judge(reader, begin, error)) ||
                !reject(reader, number, problem, error))
                return RECORDING_FAILED;
            continue;
        }
        reader->given++;
        reader->useful_bytes = reader->bytes;
        reader->line = (size_t)(begin - block->input);
        entry->text = line;
        entry->text_size = size;
        entry->block = block;
        entry->number = number;
        entry->end = reader->begin_at;
        entry->is_complete = is_complete;
        return RECORDING_ENTRY;
    }
}

char *recording_reader_scratch(struct recording_reader *reader) {
    return reader->block->scratch + reader->scratch_used;
}

const char *recording_reader_name(const struct recording_reader *reader) {
    return reader->name;
}

uint64_t recording_reader_bytes(const struct recording_reader *reader) {
    return recording_input_bytes(reader->input);
}

uint64_t recording_reader_at(const struct recording_reader *reader) {
    return reader->begin_at;
}

uint64_t recording_reader_lines(const struct recording_reader *reader) {
    return reader->lines;
}

uint64_t recording_reader_bad_lines(const struct recording_reader *reader) {
    return reader->bad_lines;
}

bool recording_reader_is_cut(const struct recording_reader *reader) {
    return reader->is_cut;
}

int64_t recording_reader_size(const struct recording_reader *reader) {
    return recording_input_size(reader->input);
}
