#include "message/extract.h"

#include "message/number_scan.h"

#include <math.h>
#include <stdlib.h>

static const t5_value missing_value = {T5_VALUE_MISSING, 0, 0, (double)NAN, 0, NULL};

bool extract_init(struct extract *extract, const struct trie *trie, uint32_t max_depth,
                  size_t max_bytes) {
    *extract = (struct extract){.trie = trie};
    extract->cells = malloc(trie->cell_count * sizeof *extract->cells);
    extract->has_met = calloc(trie->node_count, sizeof *extract->has_met);
    extract->touched = malloc(trie->node_count * sizeof *extract->touched);
    extract->frames = malloc(max_depth * sizeof *extract->frames);
    extract->scratch = malloc(max_bytes);
    if (extract->cells == NULL || extract->has_met == NULL || extract->touched == NULL ||
        extract->frames == NULL || extract->scratch == NULL)
        return false;
    for (uint32_t i = 0; i < trie->cell_count; i++)
        extract->cells[i] = missing_value;
    return true;
}

void extract_release(struct extract *extract) {
    free(extract->cells);
    free(extract->has_met);
    free(extract->touched);
    free(extract->frames);
    free(extract->scratch);
    *extract = (struct extract){0};
}

static inline void make_missing(struct extract *extract, uint32_t node) {
    const uint32_t cell = extract->trie->nodes[node].cell;
    if (cell != TRIE_NO_CELL)
        extract->cells[cell] = missing_value;
}

void extract_reset(struct extract *extract) {
    for (uint32_t i = 0; i < extract->touched_count; i++) {
        make_missing(extract, extract->touched[i]);
        extract->has_met[extract->touched[i]] = 0;
    }
    for (uint32_t i = 0; i < extract->trie->choice_count; i++)
        extract->cells[extract->trie->choices[i].slot] = missing_value;
    extract->touched_count = 0;
    extract->scratch_used = 0;
}

/* A wanted node comes up. If it did before, the value to come replaces the earlier one, and all
 * that lay below it. */
static inline void meet(struct extract *extract, uint32_t node) {
    if (!extract->has_met[node]) {
        extract->has_met[node] = 1;
        extract->touched[extract->touched_count++] = node;
        return;
    }
    const uint32_t end = extract->trie->nodes[node].below_end;
    for (uint32_t i = node; i < end; i++)
        make_missing(extract, i);
}

/* Each slot with alternatives takes the first that is there. */
static void choose(struct extract *extract) {
    const struct trie *trie = extract->trie;
    for (uint32_t i = 0; i < trie->choice_count; i++) {
        const struct trie_choice *choice = &trie->choices[i];
        for (uint32_t k = 0; k < choice->count; k++) {
            const t5_value *option = &extract->cells[trie->options[choice->first + k]];
            if (option->type != T5_VALUE_MISSING) {
                extract->cells[choice->slot] = *option;
                break;
            }
        }
    }
}

static inline t5_value span_value(enum t5_value_type type, const char *begin, const char *end) {
    t5_value value = missing_value;
    value.type = (uint16_t)type;
    value.length = (uint32_t)(end - begin);
    value.text = begin;
    return value;
}

static const char *unescaped(struct extract *extract, const char *begin, const char *end,
                             size_t *size) {
    char *out = extract->scratch + extract->scratch_used;
    *size = scan_unescape(begin, (size_t)(end - begin), out);
    return out;
}

static const char *take_string(struct extract *extract, struct scan *scan, const char *p,
                               t5_value *cell) {
    bool has_escapes;
    const char *begin = p + 1;
    const char *end = scan_string(scan, begin, &has_escapes);
    if (end == NULL)
        return NULL;
    if (has_escapes) {
        size_t size;
        const char *text = unescaped(extract, begin, end, &size);
        extract->scratch_used += size;
        *cell = span_value(T5_VALUE_TEXT, text, text + size);
    } else {
        *cell = span_value(T5_VALUE_TEXT, begin, end);
    }
    return end + 1;
}

static inline const char *take_scalar(struct extract *extract, struct scan *scan, const char *p,
                                      t5_value *cell) {
    if (*p == '"')
        return take_string(extract, scan, p, cell);
    if (number_begins(p))
        return number_read(scan, p, cell);
    return scan_word_value(scan, p, cell);
}

/* From the opening quote of a name to behind its closing one; `*child` gets the node it leads to.
 */
static inline const char *take_name(struct extract *extract, struct scan *scan, const char *p,
                                    const struct trie_node *node, uint32_t *child) {
    if (*p != '"')
        return scan_fail_grammar(scan, p, "expected a member's name");
    bool has_escapes;
    const char *name = p + 1;
    const char *end = scan_string(scan, name, &has_escapes);
    if (end == NULL)
        return NULL;
    size_t size = (size_t)(end - name);
    if (has_escapes) /* only looked at: the scratch behind what is used is free again after */
        name = unescaped(extract, name, end, &size);
    *child = trie_find(extract->trie, node, trie_name(name, size), name, size);
    return end + 1;
}

/* The node of the element in hand, or TRIE_NONE. */
static inline uint32_t element_node(const struct trie *trie, struct extract_frame *frame) {
    const struct trie_node *node = &trie->nodes[frame->node];
    if (frame->next_element == node->element_count)
        return TRIE_NONE;
    const struct trie_element *element = &trie->elements[node->first_element + frame->next_element];
    if (element->index != frame->index)
        return TRIE_NONE;
    frame->next_element++;
    return element->node;
}

const char *extract_run(struct extract *extract, struct scan *scan, const char *begin) {
    const struct trie *trie = extract->trie;
    struct extract_frame *frame;
    uint32_t depth = 0;
    uint32_t child = 0; /* the document itself */
    const char *p = begin;

open: /* a bracket with something wanted below it */
    if (depth == scan->max_depth)
        return scan_fail(scan, p, DECODE_TOO_DEEP, "brackets deeper than max_depth");
    frame = &extract->frames[depth++];
    *frame = (struct extract_frame){.begin = p, .node = child, .closer = *p == '{' ? '}' : ']'};
    p = scan_space(p + 1);
    if (*p == frame->closer)
        goto close;

next: /* a member or an element */
    if (frame->closer == '}') {
        p = take_name(extract, scan, p, &trie->nodes[frame->node], &child);
        if (p == NULL)
            return NULL;
        p = scan_space(p);
        if (*p != ':')
            return scan_fail_grammar(scan, p, "expected ':' after a member's name");
        p = scan_space(p + 1);
    } else {
        child = element_node(trie, frame);
        frame->index++;
    }

    if (child == TRIE_NONE) {
        p = scan_skip(scan, p, depth);
    } else {
        const struct trie_node *node = &trie->nodes[child];
        meet(extract, child);
        if ((*p == '{' && node->has_names) || (*p == '[' && node->element_count > 0))
            goto open;
        const char *value = p;
        if (*p == '{' || *p == '[') {
            p = scan_skip(scan, p, depth);
            if (p != NULL && node->cell != TRIE_NO_CELL)
                extract->cells[node->cell] = span_value(T5_VALUE_JSON, value, p);
        } else if (node->cell == TRIE_NO_CELL) {
            p = scan_skip(scan, p, depth);
        } else {
            p = take_scalar(extract, scan, p, &extract->cells[node->cell]);
        }
    }
    if (p == NULL)
        return NULL;

behind: /* a value */
    if (p == scan->end)
        return scan_fail_grammar(scan, p, "the text ends before its brackets are closed");
    p = scan_space(p);
    if (*p == ',') {
        p = scan_space(p + 1);
        goto next;
    }
    if (*p != frame->closer)
        return scan_fail_grammar(scan, p,
                                 frame->closer == '}' ? "expected ',' or '}' after a member"
                                                      : "expected ',' or ']' after an element");

close:
    p++;
    const uint32_t cell = trie->nodes[frame->node].cell;
    if (cell != TRIE_NO_CELL)
        extract->cells[cell] = span_value(T5_VALUE_JSON, frame->begin, p);
    if (--depth > 0) {
        frame--;
        goto behind;
    }
    choose(extract);
    return p;
}
