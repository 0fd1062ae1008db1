#include "message/document.h"

#include "base/array.h"

#include "message/projection_private.h"
#include "json/number_scan.h"
#include "json/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_NODE     UINT32_MAX
/* Objects with more members are sorted to find duplicates. */
#define FEW_MEMBERS 16

struct node {
    t5_value value;
    t5_str name; /* of a member */
    uint32_t parent;
    uint32_t next; /* sibling */
    uint32_t first_child;
    uint32_t last_child;
    uint32_t child_count;
};

struct document {
    struct node *nodes; /* 0 is the document */
    uint32_t count, capacity;
    char *scratch; /* texts with resolved escapes; allocated for the first one */
    size_t scratch_used;
    size_t size;
    /* The child that was accessed last: iteration continues from it. */
    uint32_t last_parent, last_number, last_node;
};

static const t5_value missing_value = {T5_VALUE_MISSING, 0, 0, (double)NAN, 0, NULL};

static t5_value span_value(enum t5_value_type type, const char *begin, size_t size) {
    t5_value value = missing_value;
    value.type = (uint16_t)type;
    value.length = (uint32_t)size;
    value.text = begin;
    return value;
}

/* Adds a node after the last child of `parent`; NO_NODE: out of memory. */
static uint32_t add_node(struct document *document, uint32_t parent, t5_str name) {
    if (!ARRAY_GROW(document->nodes, document->count, document->capacity))
        return NO_NODE;
    const uint32_t index = document->count++;
    document->nodes[index] = (struct node){.value = missing_value,
                                           .name = name,
                                           .parent = parent,
                                           .next = NO_NODE,
                                           .first_child = NO_NODE,
                                           .last_child = NO_NODE};
    if (parent == NO_NODE)
        return index;
    struct node *above = &document->nodes[parent];
    if (above->last_child == NO_NODE)
        above->first_child = index;
    else
        document->nodes[above->last_child].next = index;
    above->last_child = index;
    above->child_count++;
    return index;
}

/* From an opening quote to after the closing one. */
static const char *read_text(struct document *document, struct scan *scan, const char *p,
                             t5_str *text) {
    bool has_escapes;
    const char *begin = p + 1;
    const char *end = scan_string(scan, begin, &has_escapes);
    if (end == NULL)
        return NULL;
    *text = (t5_str){begin, (size_t)(end - begin)};
    if (!has_escapes)
        return end + 1;
    if (document->scratch == NULL)
        document->scratch = malloc(document->size);
    if (document->scratch == NULL)
        return scan_fail(scan, p, DECODE_OK, "out of memory");
    char *out = document->scratch + document->scratch_used;
    *text = (t5_str){out, scan_unescape(begin, text->len, out)};
    document->scratch_used += text->len;
    return end + 1;
}

static const char *read_scalar(struct document *document, struct scan *scan, const char *p,
                               t5_value *value) {
    if (*p == '"') {
        t5_str text;
        p = read_text(document, scan, p, &text);
        if (p != NULL)
            *value = span_value(T5_VALUE_TEXT, text.data, text.len);
        return p;
    }
    return number_begins(p) ? number_read(scan, p, value) : scan_word_value(scan, p, value);
}

/* From a member's name to its value. */
static const char *read_name(struct document *document, struct scan *scan, const char *p,
                             t5_str *name) {
    if (*p != '"')
        return scan_fail_grammar(scan, p, "expected a member's name");
    p = read_text(document, scan, p, name);
    if (p == NULL)
        return NULL;
    p = scan_space(p);
    if (*p != ':')
        return scan_fail_grammar(scan, p, "expected ':' after a member's name");
    return scan_space(p + 1);
}

/* Members by name, then in document order. */
static int compare_members(const void *a, const void *b, void *context) {
    const struct node *nodes = context;
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    const t5_str p = nodes[x].name;
    const t5_str q = nodes[y].name;
    if (p.len != q.len)
        return p.len < q.len ? -1 : 1;
    const int order = p.len > 0 ? memcmp(p.data, q.data, p.len) : 0;
    return order != 0 ? order : (x > y) - (x < y);
}

/* Unlinks the members whose parent was set to NO_NODE. */
static void unlink_marked(struct document *document, struct node *object) {
    uint32_t *link = &object->first_child;
    while (*link != NO_NODE) {
        struct node *child = &document->nodes[*link];
        if (child->parent == NO_NODE) {
            *link = child->next;
            object->child_count--;
        } else {
            link = &child->next;
        }
    }
}

static bool mark_by_sorting(struct document *document, const struct node *object,
                            bool *has_marked) {
    struct node *nodes = document->nodes;
    uint32_t *members = malloc(object->child_count * sizeof *members);
    if (members == NULL)
        return false;
    uint32_t count = 0;
    for (uint32_t i = object->first_child; i != NO_NODE; i = nodes[i].next)
        members[count++] = i;
    qsort_r(members, count, sizeof *members, compare_members, nodes);
    for (uint32_t i = 1; i < count; i++) {
        if (!t5_str_equal(nodes[members[i - 1]].name, nodes[members[i]].name))
            continue;
        nodes[members[i - 1]].parent = NO_NODE;
        *has_marked = true;
    }
    free(members);
    return true;
}

static void mark_by_pairs(struct document *document, const struct node *object, bool *has_marked) {
    struct node *nodes = document->nodes;
    for (uint32_t i = object->first_child; i != NO_NODE; i = nodes[i].next)
        for (uint32_t k = nodes[i].next; k != NO_NODE && nodes[i].parent != NO_NODE;
             k = nodes[k].next)
            if (t5_str_equal(nodes[i].name, nodes[k].name)) {
                nodes[i].parent = NO_NODE;
                *has_marked = true;
            }
}

/* Of members with the same name the last one stays. */
static bool drop_duplicates(struct document *document, uint32_t index) {
    struct node *object = &document->nodes[index];
    bool has_marked = false;
    if (object->child_count <= FEW_MEMBERS)
        mark_by_pairs(document, object, &has_marked);
    else if (!mark_by_sorting(document, object, &has_marked))
        return false;
    if (has_marked)
        unlink_marked(document, object);
    return true;
}

/* A bracket closes before `end`: its span is known. */
static bool close_node(struct document *document, uint32_t index, const char *end) {
    t5_value *value = &document->nodes[index].value;
    value->length = (uint32_t)(end - value->text);
    return *value->text == '[' || drop_duplicates(document, index);
}

static const char *no_memory(struct scan *scan, const char *p) {
    return scan_fail(scan, p, DECODE_OK, "out of memory");
}

/* Returns the position after the document. */
static const char *build(struct document *document, struct scan *scan, const char *p) {
    uint32_t open = NO_NODE; /* the innermost open bracket */
    char closer = 0;
    t5_str name = {NULL, 0};

value:;
    const uint32_t index = add_node(document, open, name);
    if (index == NO_NODE)
        return no_memory(scan, p);
    if (*p == '{' || *p == '[') {
        document->nodes[index].value = span_value(T5_VALUE_JSON, p, 0);
        open = index;
        closer = *p == '{' ? '}' : ']';
        p = scan_space(p + 1);
        if (*p == closer)
            goto close;
        goto next;
    }
    t5_value value;
    p = read_scalar(document, scan, p, &value);
    if (p == NULL)
        return NULL;
    document->nodes[index].value = value;

behind:
    if (p == scan->end)
        return scan_fail_grammar(scan, p, "the text ends before its brackets are closed");
    p = scan_space(p);
    if (*p == closer)
        goto close;
    if (*p != ',')
        return scan_fail_grammar(scan, p, "expected ',' or a closing bracket");
    p = scan_space(p + 1);

next:
    name = (t5_str){NULL, 0};
    if (closer == '}') {
        p = read_name(document, scan, p, &name);
        if (p == NULL)
            return NULL;
    }
    goto value;

close:
    p++;
    if (!close_node(document, open, p))
        return no_memory(scan, p);
    open = document->nodes[open].parent;
    if (open == NO_NODE)
        return p;
    closer = *document->nodes[open].value.text == '{' ? '}' : ']';
    goto behind;
}

struct document *document_new(const char *payload, size_t size, struct error *error) {
    struct document *document = NULL;
    const char *begin = payload;
    const char *end = payload + size;
    struct scan scan = {.end = end};
    if (size > UINT32_MAX || !scan_trim(&begin, &end) || *begin != '{' || end[-1] != '}') {
        error_set(error, ERROR_INVALID, "the document is not a single JSON object");
        return NULL;
    }
    document = calloc(1, sizeof *document);
    if (document == NULL) {
        error_set_memory(error, "a document");
        return NULL;
    }
    document->size = size;
    document->last_parent = NO_NODE;
    scan.end = end;
    const char *behind = build(document, &scan, begin);
    if (behind == end)
        return document;
    if (behind == NULL && scan.reason == DECODE_OK)
        error_set_memory(error, "a document");
    else
        error_set(error, ERROR_INVALID, "the document is not a single JSON object: byte %zu: %s",
                  (size_t)((behind != NULL ? behind : scan.at) - payload),
                  behind != NULL ? "text after the object" : scan.what);
    document_free(document);
    return NULL;
}

void document_free(struct document *document) {
    if (document == NULL)
        return;
    free(document->nodes);
    free(document->scratch);
    free(document);
}

/* Child `number` of a node, or NO_NODE. Continuing from the child accessed last is free. */
static uint32_t child_at(struct document *document, uint32_t parent, uint32_t number) {
    const struct node *nodes = document->nodes;
    if (number >= nodes[parent].child_count)
        return NO_NODE;
    uint32_t at = 0;
    uint32_t index = nodes[parent].first_child;
    if (document->last_parent == parent && document->last_number <= number) {
        at = document->last_number;
        index = document->last_node;
    }
    for (; at < number; at++)
        index = nodes[index].next;
    document->last_parent = parent;
    document->last_number = number;
    document->last_node = index;
    return index;
}

static uint32_t step_from(struct document *document, uint32_t parent, t5_str step) {
    const struct node *nodes = document->nodes;
    const t5_value *value = &nodes[parent].value;
    uint32_t number;
    if (value->type != T5_VALUE_JSON)
        return NO_NODE;
    if (*value->text == '[')
        return trie_index(step.data, step.len, &number) ? child_at(document, parent, number)
                                                        : NO_NODE;
    for (uint32_t i = nodes[parent].first_child; i != NO_NODE; i = nodes[i].next)
        if (t5_str_equal(nodes[i].name, step))
            return i;
    return NO_NODE;
}

/* The value at a well-formed path: the first alternative that is present, or NO_NODE. */
static uint32_t find(struct document *document, t5_str path) {
    char step[PROJECTION_MAX_PATH];
    struct path_cursor cursor = {path.data, path.data + path.len};
    uint32_t at = 0;
    for (;;) {
        size_t size;
        const enum path_token token = path_next(&cursor, step, &size);
        if (at != NO_NODE)
            at = step_from(document, at, (t5_str){step, size});
        if (token == PATH_STEP)
            continue;
        if (at != NO_NODE && document->nodes[at].value.type != T5_VALUE_MISSING)
            return at;
        if (token != PATH_LAST)
            return NO_NODE;
        at = 0;
    }
}

int32_t document_look(struct document *document, t5_document *query) {
    if (query->size < sizeof *query)
        return T5_ERROR;
    query->value = missing_value;
    query->name = (t5_str){NULL, 0};
    query->child_count = 0;

    uint32_t at = 0;
    if (query->path.len > 0) {
        struct error error;
        if (!projection_check(query->path.data, query->path.len, &error))
            return T5_ERROR;
        at = find(document, query->path);
    }
    if (at != NO_NODE && query->child != UINT32_MAX)
        at = child_at(document, at, query->child);
    if (at == NO_NODE)
        return T5_END;
    const struct node *node = &document->nodes[at];
    query->value = node->value;
    if (query->child != UINT32_MAX)
        query->name = node->name;
    query->child_count = node->child_count;
    return T5_OK;
}
