#include "recording/csv.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_COLUMNS 1000
#define CONSTANT    SIZE_MAX

struct span {
    const char *at;
    size_t size;
};

/* What stands at one path of the message. */
struct place {
    char *path;
    bool is_name;  /* the path is one name, dots and all */
    size_t column; /* CONSTANT: `constant` */
    char *constant;
    bool is_written; /* while the template is made */
};

/* The message is literals with cells between them. */
struct hole {
    size_t literal_end; /* what comes before it */
    size_t column;
    bool is_text, is_time;
};

struct recording_csv {
    char separator;
    size_t column_count;
    struct span *cells; /* of the current row */
    char *unquoted;
    size_t unquoted_capacity, unquoted_used;
    struct text literals;
    struct hole *holes;
    size_t hole_count;
};

/* ---- cells ---- */

static struct span trim(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\r'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\r'))
        end--;
    return (struct span){at, (size_t)(end - at)};
}

/* A cell in quotes; `*at` is behind its separator, or the end, afterwards. False: not closed. */
static bool take_quoted(struct recording_csv *csv, const char **at, const char *end,
                        struct span *cell) {
    char *to = csv->unquoted + csv->unquoted_used;
    const char *from = *at + 1;
    *cell = (struct span){to, 0};
    for (;; from++) {
        if (from == end)
            return false;
        if (*from == '"' && (from + 1 == end || from[1] != '"'))
            break;
        from += *from == '"';
        to[cell->size++] = *from;
    }
    csv->unquoted_used += cell->size;
    from++;
    while (from < end && (*from == ' ' || *from == '\r'))
        from++;
    if (from < end && *from != csv->separator)
        return false;
    *at = from;
    return true;
}

/* Divides the line; gives how many cells there are, of which `most` are kept, or 0 with a
 * problem. */
static size_t divide(struct recording_csv *csv, const char *line, size_t size, struct span *cells,
                     size_t most, const char **problem) {
    const char *at = line, *const end = line + size;
    size_t count = 0;
    csv->unquoted_used = 0;
    for (;;) {
        struct span cell;
        while (at < end && *at == ' ')
            at++;
        if (at < end && *at == '"') {
            if (!take_quoted(csv, &at, end, &cell)) {
                *problem = "has a quote that is not closed: a cell cannot go over several lines";
                return 0;
            }
        } else {
            const char *stop = at;
            while (stop < end && *stop != csv->separator)
                stop++;
            cell = trim(at, stop);
            at = stop;
        }
        if (count < most)
            cells[count] = cell;
        count++;
        if (at == end)
            return count;
        at++;
    }
}

static bool make_room(struct recording_csv *csv, size_t size) {
    if (size <= csv->unquoted_capacity)
        return true;
    if (!ARRAY_RESIZE(csv->unquoted, size))
        return false;
    csv->unquoted_capacity = size;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* As JSON has numbers. */
static bool is_number(struct span cell) {
    const char *at = cell.at, *const end = at + cell.size;
    at += at < end && *at == '-';
    if (at == end || !is_digit(*at))
        return false;
    const bool is_zero = *at == '0';
    const char *first = at;
    while (at < end && is_digit(*at))
        at++;
    if (is_zero && at - first > 1)
        return false;
    if (at < end && *at == '.') {
        if (++at == end || !is_digit(*at))
            return false;
        while (at < end && is_digit(*at))
            at++;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        if (at == end || !is_digit(*at))
            return false;
        while (at < end && is_digit(*at))
            at++;
    }
    return at == end;
}

static bool is_date(struct span cell) {
    static const char form[] = "dddd-dd-dd";
    if (cell.size != sizeof form - 1)
        return false;
    for (size_t i = 0; i < cell.size; i++)
        if (form[i] == 'd' ? !is_digit(cell.at[i]) : cell.at[i] != '-')
            return false;
    return true;
}

static void put_cell(struct text *json, struct span cell, const struct hole *hole) {
    if (cell.size == 0) {
        text_puts(json, "null");
    } else if (!hole->is_text && is_number(cell)) {
        text_append(json, cell.at, cell.size);
    } else if (hole->is_time && is_date(cell)) {
        text_printf(json, "\"%.*sT00:00:00\"", (int)cell.size, cell.at);
    } else {
        text_json_string(json, cell.at, cell.size);
    }
}

const char *recording_csv_row(struct recording_csv *csv, const char *row, size_t size,
                              struct text *json) {
    const char *problem = "has another number of cells than the header";
    if (!make_room(csv, size))
        return "cannot be taken apart: out of memory";
    if (divide(csv, row, size, csv->cells, csv->column_count, &problem) != csv->column_count)
        return problem;
    size_t literal = 0;
    for (size_t i = 0; i < csv->hole_count; i++) {
        const struct hole *hole = &csv->holes[i];
        text_append(json, csv->literals.data + literal, hole->literal_end - literal);
        literal = hole->literal_end;
        put_cell(json, csv->cells[hole->column], hole);
    }
    text_append(json, csv->literals.data + literal, csv->literals.size - literal);
    return text_is_oom(json) ? "cannot be taken apart: out of memory" : NULL;
}

/* ---- the mapping ---- */

/* Where the path of a mapping ends. */
static size_t path_size(const char *mapping) {
    return strcspn(mapping, "=:");
}

bool recording_csv_check(const char *mapping, struct error *error) {
    const size_t size = path_size(mapping);
    bool is_good = size > 0 && mapping[size] != '\0' && mapping[size + 1] != '\0';
    for (size_t i = 0; is_good && i < size; i++)
        is_good = mapping[i] != '.' || (i > 0 && i + 1 < size && mapping[i + 1] != '.');
    return is_good || error_set(error, ERROR_INVALID,
                                "%s: must be PATH=COLUMN or PATH:VALUE, such as price=close or "
                                "symbol:QQQ",
                                mapping);
}

/* The places, while the template is made. */
struct places {
    struct place *items;
    size_t count, capacity;
    struct span *names; /* of the columns */
    size_t name_count;
};

static void places_release(struct places *places) {
    for (size_t i = 0; i < places->count; i++) {
        free(places->items[i].path);
        free(places->items[i].constant);
    }
    free(places->items);
    free(places->names);
}

static bool add_place(struct places *places, const struct place *place, struct error *error) {
    if (place->path == NULL || !ARRAY_GROW(places->items, places->count, places->capacity)) {
        free(place->path);
        free(place->constant);
        return error_set_memory(error, "the columns of CSV");
    }
    places->items[places->count++] = *place;
    return true;
}

static bool is_column(struct span name, const char *wanted, bool is_exact) {
    return name.size == strlen(wanted) && (is_exact ? memcmp(name.at, wanted, name.size) == 0
                                                    : strncasecmp(name.at, wanted, name.size) == 0);
}

static bool find_column(const struct places *places, const char *wanted, size_t *column) {
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < places->name_count; i++)
            if (is_column(places->names[i], wanted, pass == 0)) {
                *column = i;
                return true;
            }
    return false;
}

static bool fail_column(const struct places *places, const char *wanted, struct error *error) {
    struct text names;
    text_init(&names);
    for (size_t i = 0; i < places->name_count && names.size < 400; i++)
        text_printf(&names, "%s%.*s", i > 0 ? ", " : "", (int)places->names[i].size,
                    places->names[i].at);
    error_set(error, ERROR_INVALID, "the CSV has no column \"%.100s\"; it has: %s", wanted,
              names.data);
    text_release(&names);
    return false;
}

static bool add_mapping(struct places *places, const char *mapping, struct error *error) {
    const size_t size = path_size(mapping);
    const char *value = mapping + size + 1;
    struct place place = {.column = CONSTANT};
    if (!recording_csv_check(mapping, error) ||
        (mapping[size] == '=' && !find_column(places, value, &place.column) &&
         !fail_column(places, value, error)))
        return false;
    place.path = text_dup(mapping, size);
    if (mapping[size] == ':' && (place.constant = strdup(value)) == NULL) {
        free(place.path);
        return error_set_memory(error, "the columns of CSV");
    }
    return add_place(places, &place, error);
}

static size_t step_size(const struct place *place, size_t at) {
    return place->is_name ? strlen(place->path + at) : strcspn(place->path + at, ".");
}

/* Whether a place begins with that one's first step. */
static bool is_taken(const struct places *places, struct span name) {
    for (size_t i = 0; i < places->count; i++)
        if (step_size(&places->items[i], 0) == name.size &&
            memcmp(places->items[i].path, name.at, name.size) == 0)
            return true;
    return false;
}

static bool is_mapped(const struct places *places, size_t column) {
    for (size_t i = 0; i < places->count; i++)
        if (places->items[i].column == column)
            return true;
    return false;
}

/* Columns that no mapping speaks of stand under their own names. */
static bool add_others(struct places *places, struct error *error) {
    for (size_t i = 0; i < places->name_count; i++) {
        const struct span name = places->names[i];
        if (name.size == 0 || is_mapped(places, i) || is_taken(places, name))
            continue;
        const struct place place = {
            .path = text_dup(name.at, name.size), .is_name = true, .column = i};
        if (!add_place(places, &place, error))
            return false;
    }
    return true;
}

static bool has_place(const struct places *places, const char *path) {
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->items[i].path, path) == 0)
            return true;
    return false;
}

static bool check_places(const struct places *places, struct error *error) {
    if (!has_place(places, "symbol"))
        return error_set(error, ERROR_INVALID,
                         "no column of the CSV is \"symbol\": add symbol=COLUMN, or symbol:NAME "
                         "for all rows, to --map");
    if (!has_place(places, "timestamp") && !has_place(places, "publishTime.take5Time"))
        return error_set(error, ERROR_INVALID,
                         "no column of the CSV is \"timestamp\": add timestamp=COLUMN to --map");
    for (size_t i = 0; i < places->count; i++)
        for (size_t other = 0; other < places->count; other++) {
            const char *path = places->items[i].path, *longer = places->items[other].path;
            if (i != other && strncmp(path, longer, strlen(path)) == 0 &&
                (longer[strlen(path)] == '.' || longer[strlen(path)] == '\0') &&
                !places->items[other].is_name)
                return error_set(error, ERROR_INVALID,
                                 "--map has \"%.100s\" beside \"%.100s\": one place, two values",
                                 path, longer);
        }
    return true;
}

/* ---- the template ---- */

static bool put_hole(struct recording_csv *csv, const struct place *place) {
    struct text *literals = &csv->literals;
    const bool is_text = strcmp(place->path, "symbol") == 0;
    if (place->column == CONSTANT) {
        const struct hole constant = {.is_text = is_text};
        put_cell(literals, (struct span){place->constant, strlen(place->constant)}, &constant);
        return true;
    }
    if (!ARRAY_RESIZE(csv->holes, csv->hole_count + 1))
        return false;
    csv->holes[csv->hole_count++] = (struct hole){.literal_end = literals->size,
                                                  .column = place->column,
                                                  .is_text = is_text,
                                                  .is_time = strcmp(place->path, "timestamp") == 0};
    return true;
}

/* The object of all places that begin with the first `prefix` bytes of the path of `of`. */
static bool put_object(struct recording_csv *csv, struct places *places, const struct place *of,
                       size_t prefix) {
    bool is_first = true;
    text_putc(&csv->literals, '{');
    for (size_t i = 0; i < places->count; i++) {
        struct place *place = &places->items[i];
        if (place->is_written ||
            (prefix > 0 && (place->is_name || strncmp(place->path, of->path, prefix) != 0)))
            continue;
        const size_t size = step_size(place, prefix);
        if (!is_first)
            text_putc(&csv->literals, ',');
        is_first = false;
        text_json_string(&csv->literals, place->path + prefix, size);
        text_putc(&csv->literals, ':');
        place->is_written = place->path[prefix + size] == '\0';
        if (place->is_written ? !put_hole(csv, place)
                              : !put_object(csv, places, place, prefix + size + 1))
            return false;
    }
    text_putc(&csv->literals, '}');
    return !text_is_oom(&csv->literals);
}

/* ---- the header ---- */

static char separator_of(const char *header, size_t size) {
    static const char separators[] = {',', ';', '\t'};
    char best = ',';
    size_t most = 0;
    for (size_t i = 0; i < sizeof separators; i++) {
        size_t count = 0;
        for (size_t at = 0; at < size; at++)
            count += header[at] == separators[i];
        if (count > most) {
            most = count;
            best = separators[i];
        }
    }
    return best;
}

static bool read_header(struct recording_csv *csv, struct places *places, const char *header,
                        size_t size, struct error *error) {
    const char *problem = NULL;
    csv->separator = separator_of(header, size);
    places->names = calloc(MAX_COLUMNS, sizeof *places->names);
    if (places->names == NULL || !make_room(csv, size + 1))
        return error_set_memory(error, "the columns of CSV");
    csv->column_count = divide(csv, header, size, places->names, MAX_COLUMNS, &problem);
    if (problem != NULL)
        return error_set(error, ERROR_INVALID, "the header %s", problem);
    if (csv->column_count > MAX_COLUMNS)
        return error_set(error, ERROR_INVALID, "the CSV has %zu columns: at most %d are taken",
                         csv->column_count, MAX_COLUMNS);
    places->name_count = csv->column_count;
    csv->cells = calloc(csv->column_count, sizeof *csv->cells);
    return csv->cells != NULL || error_set_memory(error, "the columns of CSV");
}

struct recording_csv *recording_csv_new(const char *header, size_t size,
                                        const char *const *mappings, size_t count,
                                        struct error *error) {
    struct places places = {0};
    struct recording_csv *csv = calloc(1, sizeof *csv);
    if (csv == NULL) {
        error_set_memory(error, "the columns of CSV");
        return NULL;
    }
    text_init(&csv->literals);
    bool did = read_header(csv, &places, header, size, error);
    for (size_t i = 0; did && i < count; i++)
        did = add_mapping(&places, mappings[i], error);
    did = did && add_others(&places, error) && check_places(&places, error);
    if (did && !put_object(csv, &places, NULL, 0))
        did = error_set_memory(error, "the columns of CSV");
    places_release(&places);
    if (did)
        return csv;
    recording_csv_free(csv);
    return NULL;
}

void recording_csv_free(struct recording_csv *csv) {
    if (csv == NULL)
        return;
    text_release(&csv->literals);
    free(csv->holes);
    free(csv->cells);
    free(csv->unquoted);
    free(csv);
}
