#include "commands/research/diff_compare.h"

#include "base/array.h"
#include "comparison/comparison.h"
#include "message/symbols.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A signal of the current place. */
struct item {
    char *text;
    size_t size, capacity;
    cJSON *tree;          /* when it was needed, */
    struct signal signal; /* and what it says: its texts are the tree's and the line's */
};

struct items {
    struct item *items;
    size_t count, capacity; /* texts beyond the count are kept for the next place */
    const struct signal **signals;
    size_t signal_capacity;
};

struct stream {
    FILE *file;
    const char *name;
    char *line;
    size_t line_capacity;
    const char *text; /* of the line: the signal */
    size_t text_size;
    uint64_t place;
    bool has_line;
    struct items at_place;
};

bool diff_init(struct diff *diff, double eps) {
    *diff = (struct diff){.eps = eps, .symbols = symbols_new(SYMBOL_NONE - 1)};
    return diff->symbols != NULL;
}

void diff_release(struct diff *diff) {
    symbols_free(diff->symbols);
    free(diff->by_symbol);
    free(diff->first_old);
    free(diff->first_new);
    *diff = (struct diff){0};
}

uint64_t diff_count(const struct diff_counts *counts) {
    return counts->changed + counts->only_old + counts->only_new;
}

/* ---- streams ---- */

static bool read_line(struct stream *stream, struct error *error) {
    const ssize_t size = getline(&stream->line, &stream->line_capacity, stream->file);
    char *end;
    stream->has_line = size > 0;
    if (size <= 0)
        return !ferror(stream->file) ||
               error_set(error, ERROR_SYSTEM, "cannot read the signals of %s", stream->name);
    const uint64_t before = stream->place;
    stream->place = strtoull(stream->line, &end, 10);
    if (end == stream->line || *end != ' ' || stream->line[size - 1] != '\n' ||
        stream->place < before)
        return error_set(error, ERROR_STATE, "the signals of %s end before their time",
                         stream->name);
    stream->text = end + 1;
    stream->text_size = (size_t)(stream->line + size - 1 - stream->text);
    return true;
}

static bool add_item(struct items *items, const char *text, size_t size) {
    const size_t had = items->capacity;
    if (!ARRAY_GROW(items->items, items->count, items->capacity))
        return false;
    memset(items->items + had, 0, (items->capacity - had) * sizeof *items->items);
    struct item *item = &items->items[items->count];
    if (item->capacity <= size) {
        if (!ARRAY_RESIZE(item->text, 2 * size + 1))
            return false;
        item->capacity = 2 * size + 1;
    }
    memcpy(item->text, text, size);
    item->text[size] = '\0';
    item->size = size;
    items->count++;
    return true;
}

static bool take_place(struct stream *stream, uint64_t place, struct error *error) {
    while (stream->has_line && stream->place == place) {
        if (!add_item(&stream->at_place, stream->text, stream->text_size))
            return error_set_memory(error, "signals to compare");
        if (!read_line(stream, error))
            return false;
    }
    return true;
}

static void empty_place(struct items *items) {
    for (size_t i = 0; i < items->count; i++) {
        cJSON_Delete(items->items[i].tree);
        items->items[i].tree = NULL;
    }
    items->count = 0;
}

static void release_stream(struct stream *stream) {
    empty_place(&stream->at_place);
    for (size_t i = 0; i < stream->at_place.capacity; i++)
        free(stream->at_place.items[i].text);
    free(stream->at_place.items);
    free(stream->at_place.signals);
    free(stream->line);
}

/* ---- signals ---- */

static const cJSON *member(const struct item *item, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(item->tree, name);
}

static t5_str text_of(const struct item *item, const char *name) {
    const char *text = cJSON_GetStringValue(member(item, name));
    return t5_text(text != NULL ? text : "");
}

static double number_of(const struct item *item, const char *name) {
    const cJSON *found = member(item, name);
    return cJSON_IsNumber(found) ? found->valuedouble : (double)NAN;
}

static int64_t integer_of(const struct item *item, const char *name) {
    const double number = number_of(item, name);
    return isnan(number) ? 0 : (int64_t)number;
}

/* What stands behind a name of the line. No text that comes before it has quotation marks that are
 * not escaped. NULL: it has none. */
static const char *behind(const struct item *item, const char *name) {
    const char *at = strstr(item->text, name);
    return at != NULL ? at + strlen(name) : NULL;
}

/* Event times are read of the line: a double does not hold them. So is data, its last member. */
static struct signal read_signal(const struct item *item) {
    const char *time = behind(item, ",\"event_time_ns\":");
    const char *data = behind(item, ",\"data\":");
    const double price = number_of(item, "price");
    return (struct signal){
        .name = text_of(item, "name"),
        .symbol = text_of(item, "symbol"),
        .deployment = text_of(item, "deployment"),
        .topic = text_of(item, "topic"),
        .partition = (int32_t)integer_of(item, "partition"),
        .offset = integer_of(item, "offset"),
        .event_time_ns = time != NULL ? strtoll(time, NULL, 10) : 0,
        .value = number_of(item, "value"),
        .confidence = number_of(item, "confidence"),
        .price = isnan(price) ? 0 : price,
        .time_frame_s = (uint32_t)integer_of(item, "time_frame"),
        .data = {data, data != NULL ? (size_t)(item->text + item->size - 1 - data) : 0},
    };
}

/* The line from the signal's name on: what strategy and version say stands before it. A text that
 * contains this and is none leads to a closer look, no more. */
static const char *tail_of(const struct item *item) {
    return strstr(item->text, "\",\"name\":\"");
}

static size_t head_size(const struct item *item) {
    const char *end = strstr(item->text, "\",\"strategy\":\"");
    return end != NULL ? (size_t)(end - item->text) : 0;
}

static bool is_obviously_same(const struct item *a, const struct item *b) {
    const char *tail = tail_of(a), *other = tail_of(b);
    const size_t head = head_size(a);
    return tail != NULL && other != NULL && head > 0 && head == head_size(b) &&
           memcmp(a->text, b->text, head) == 0 && strcmp(tail, other) == 0;
}

/* ---- counting ---- */

/* The symbol's counts. NULL when memory runs out. */
static struct diff_counts *counts_of(struct diff *diff, const char *symbol, size_t size) {
    const uint32_t id = symbols_intern(diff->symbols, symbol, size, NULL);
    if (id == SYMBOL_NONE)
        return NULL;
    while (diff->symbol_count <= id) {
        if (!ARRAY_GROW(diff->by_symbol, diff->symbol_count, diff->symbol_capacity))
            return NULL;
        diff->by_symbol[diff->symbol_count++] = (struct diff_symbol){0};
    }
    diff->by_symbol[id].name = symbols_text(diff->symbols, id, NULL);
    return &diff->by_symbol[id].counts;
}

/* The symbol of a line as it is written there, if it has no escapes; else NULL. */
static const char *plain_symbol(const struct item *item, size_t *size) {
    static const char name[] = "\"symbol\":\"";
    const char *at = strstr(tail_of(item), name);
    if (at == NULL)
        return NULL;
    at += sizeof name - 1;
    *size = strcspn(at, "\"\\");
    return at[*size] == '"' ? at : NULL;
}

static bool parse(struct item *item, const char *name, struct error *error) {
    if (item->tree == NULL)
        item->tree = cJSON_ParseWithLength(item->text, item->size);
    if (!cJSON_IsObject(item->tree))
        return error_set(error, ERROR_INVALID, "a signal of %s cannot be read: %.200s", name,
                         item->text);
    item->signal = read_signal(item);
    return true;
}

static bool note_first(struct diff *diff, const struct item *older, const struct item *newer,
                       struct error *error) {
    if (diff->has_first)
        return true;
    diff->has_first = true;
    diff->first_old = older != NULL ? strdup(older->text) : NULL;
    diff->first_new = newer != NULL ? strdup(newer->text) : NULL;
    return ((diff->first_old != NULL) == (older != NULL) &&
            (diff->first_new != NULL) == (newer != NULL)) ||
           error_set_memory(error, "the first difference");
}

static void list_difference(const struct diff *diff, const char *kind, const struct item *older,
                            const struct item *newer) {
    if (diff->list != NULL)
        fprintf(diff->list, "{\"kind\":\"%s\",\"old\":%s,\"new\":%s}\n", kind,
                older != NULL ? older->text : "null", newer != NULL ? newer->text : "null");
}

/* ---- one place ---- */

/* True when nothing has to be looked at closely; then all of it is counted. `*is_good` false:
 * memory ran out. */
static bool compare_fast(struct diff *diff, const struct items *older, const struct items *newer,
                         bool *is_good) {
    size_t size = 0;
    if (older->count != newer->count)
        return false;
    for (size_t i = 0; i < older->count; i++)
        if (!is_obviously_same(&older->items[i], &newer->items[i]) ||
            plain_symbol(&older->items[i], &size) == NULL)
            return false;
    for (size_t i = 0; *is_good && i < older->count; i++) {
        const char *symbol = plain_symbol(&older->items[i], &size);
        struct diff_counts *counts = counts_of(diff, symbol, size);
        *is_good = counts != NULL;
        if (counts != NULL)
            counts->same++;
        diff->counts.same++;
    }
    return true;
}

/* What is compared closely, and what came of it. */
struct close_look {
    struct diff *diff;
    const struct items *older, *newer;
    const struct item *alone[2]; /* the first that has no pair, old and new */
    struct error *error;
};

static void count_changed(struct diff *diff, unsigned changes) {
    diff->counts.changed++;
    diff->value_changes += (changes & COMPARISON_VALUE) != 0;
    diff->confidence_changes += (changes & COMPARISON_CONFIDENCE) != 0;
    diff->data_changes += (changes & COMPARISON_DATA) != 0;
}

static bool count_pair(struct close_look *look, const struct item *older, const struct item *newer,
                       struct diff_counts *counts, unsigned changes) {
    if (changes == 0) {
        counts->same++;
        look->diff->counts.same++;
        return true;
    }
    counts->changed++;
    count_changed(look->diff, changes);
    list_difference(look->diff, "changed", older, newer);
    return note_first(look->diff, older, newer, look->error);
}

static void count_alone(struct close_look *look, const struct item *item,
                        struct diff_counts *counts, bool is_old) {
    counts->only_old += is_old;
    counts->only_new += !is_old;
    look->diff->counts.only_old += is_old;
    look->diff->counts.only_new += !is_old;
    list_difference(look->diff, is_old ? "only_old" : "only_new", is_old ? item : NULL,
                    is_old ? NULL : item);
    if (look->alone[!is_old] == NULL)
        look->alone[!is_old] = item;
}

static bool visit(void *context, size_t older, size_t newer, unsigned changes) {
    struct close_look *look = context;
    const struct item *left = older != COMPARISON_NONE ? &look->older->items[older] : NULL;
    const struct item *right = newer != COMPARISON_NONE ? &look->newer->items[newer] : NULL;
    const struct item *either = left != NULL ? left : right;
    struct diff_counts *counts =
        counts_of(look->diff, either->signal.symbol.data, either->signal.symbol.len);
    if (counts == NULL)
        return error_set_memory(look->error, "symbols to compare");
    if (left != NULL && right != NULL)
        return count_pair(look, left, right, counts, changes);
    count_alone(look, either, counts, left != NULL);
    return true;
}

static bool has_same_cause(const struct signal *a, const struct signal *b) {
    return t5_str_equal(a->topic, b->topic) && a->partition == b->partition &&
           a->offset == b->offset;
}

/* Room for the signals of a place, and for which of them are paired. */
static bool list_signals(struct items *items, const char *name, struct error *error) {
    while (items->signal_capacity < items->count)
        if (!ARRAY_GROW(items->signals, items->signal_capacity, items->signal_capacity))
            return error_set_memory(error, "signals to compare");
    for (size_t i = 0; i < items->count; i++) {
        if (!parse(&items->items[i], name, error))
            return false;
        items->signals[i] = &items->items[i].signal;
    }
    return true;
}

static bool compare_closely(struct diff *diff, struct items *older, struct items *newer,
                            struct error *error) {
    const struct comparison comparison = {.eps = diff->eps, .has_deployments = true};
    struct close_look look = {.diff = diff, .older = older, .newer = newer, .error = error};
    if (!list_signals(older, "OLD", error) || !list_signals(newer, "NEW", error))
        return false;
    if (older->count > 0 && newer->count > 0 &&
        !has_same_cause(older->signals[0], newer->signals[0]))
        return error_set(error, ERROR_STATE,
                         "the two were given different messages: do their topics differ?");
    bool *paired = calloc(newer->count + 1, sizeof *paired);
    error->code = ERROR_NONE;
    const bool did =
        paired != NULL &&
        comparison_place(&comparison, (struct comparison_side){older->signals, older->count},
                         (struct comparison_side){newer->signals, newer->count}, paired, visit,
                         &look);
    free(paired);
    if (!did)
        return error->code != ERROR_NONE ? false : error_set_memory(error, "signals to compare");
    return (look.alone[0] == NULL && look.alone[1] == NULL) ||
           note_first(diff, look.alone[0], look.alone[1], error);
}

static bool compare_place(struct diff *diff, struct items *older, struct items *newer,
                          struct error *error) {
    bool is_good = true;
    if (compare_fast(diff, older, newer, &is_good))
        return is_good || error_set_memory(error, "symbols to compare");
    return compare_closely(diff, older, newer, error);
}

bool diff_compare(struct diff *diff, FILE *older_file, FILE *newer_file, struct error *error) {
    struct stream older = {.file = older_file, .name = "OLD"},
                  newer = {.file = newer_file, .name = "NEW"};
    bool did = read_line(&older, error) && read_line(&newer, error);
    while (did && (older.has_line || newer.has_line)) {
        const bool is_old = older.has_line && (!newer.has_line || older.place <= newer.place);
        const uint64_t place = is_old ? older.place : newer.place;
        did = take_place(&older, place, error) && take_place(&newer, place, error) &&
              compare_place(diff, &older.at_place, &newer.at_place, error);
        empty_place(&older.at_place);
        empty_place(&newer.at_place);
        if (did && diff->progress != NULL)
            diff->progress(diff->context, diff->counts.same + diff_count(&diff->counts));
    }
    release_stream(&older);
    release_stream(&newer);
    return did;
}
