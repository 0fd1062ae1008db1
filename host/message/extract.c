#include "message/extract.h"

#include "json/number_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const t5_value missing_value = {T5_VALUE_MISSING, 0, 0, (double)NAN, 0, NULL};

bool extract_init(struct extract *extract, const struct trie *trie, uint32_t max_depth,
                  size_t max_bytes) {
    *extract = (struct extract){.trie = trie};
    extract->group_count = (trie->cell_count + EXTRACT_GROUP - 1) / EXTRACT_GROUP;
    const uint32_t cell_count = extract->group_count * EXTRACT_GROUP;
    extract->cells = malloc(cell_count * sizeof *extract->cells);
    extract->is_dirty = calloc(extract->group_count, sizeof *extract->is_dirty);
    extract->has_met = calloc(trie->node_count, sizeof *extract->has_met);
    extract->frames = malloc(max_depth * sizeof *extract->frames);
    extract->scratch = malloc(max_bytes);
    for (size_t topic = 0; topic < EXTRACT_TOPICS; topic++) {
        if (!hints_init(&extract->hints[topic], trie->node_count))
            return false;
    }
    if (extract->cells == NULL || extract->is_dirty == NULL || extract->has_met == NULL ||
        extract->frames == NULL || extract->scratch == NULL)
        return false;
    for (uint32_t i = 0; i < cell_count; i++)
        extract->cells[i] = missing_value;
    return true;
}

void extract_release(struct extract *extract) {
    for (size_t topic = 0; topic < EXTRACT_TOPICS; topic++)
        hints_release(&extract->hints[topic]);
    free(extract->cells);
    free(extract->is_dirty);
    free(extract->has_met);
    free(extract->frames);
    free(extract->scratch);
    *extract = (struct extract){0};
}

void extract_reset(struct extract *extract) {
    for (uint32_t group = 0; group < extract->group_count; group++) {
        if (!extract->is_dirty[group])
            continue;
        t5_value *cells = extract->cells + (size_t)group * EXTRACT_GROUP;
        for (int i = 0; i < EXTRACT_GROUP; i++)
            cells[i] = missing_value;
        extract->is_dirty[group] = 0;
    }
    memset(extract->has_met, 0, extract->trie->node_count);
    extract->scratch_used = 0;
}

static __attribute__((noinline)) void forget_below(struct extract *extract, uint32_t node) {
    const struct trie *trie = extract->trie;
    const uint32_t end = trie->nodes[node].below_end;
    for (uint32_t i = node; i < end; i++)
        extract->cells[trie->nodes[i].cell] = missing_value;
}

/* A wanted node is met; returns its cell. If it was met before, the next value replaces the earlier
 * one, and all that was below it. */
static inline t5_value *meet(struct extract *extract, uint32_t node) {
    const uint32_t cell = extract->trie->nodes[node].cell;
    if (extract->has_met[node])
        forget_below(extract, node);
    extract->has_met[node] = 1;
    extract->is_dirty[cell / EXTRACT_GROUP] = 1;
    return &extract->cells[cell];
}

/* Each slot with alternatives takes the first one that is present. */
static void choose(struct extract *extract) {
    const struct trie *trie = extract->trie;
    for (uint32_t i = 0; i < trie->choice_count; i++) {
        const struct trie_choice *choice = &trie->choices[i];
        for (uint32_t k = 0; k < choice->count; k++) {
            const t5_value *option = &extract->cells[trie->options[choice->first + k]];
            if (option->type != T5_VALUE_MISSING) {
                extract->cells[choice->slot] = *option;
                extract->is_dirty[choice->slot / EXTRACT_GROUP] = 1;
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

/* From after a name's closing quote to its value. */
static inline const char *take_colon(struct scan *scan, const char *p) {
    p = scan_space(p);
    if (*p != ':')
        return scan_fail_grammar(scan, p, "expected ':' after a member's name");
    return scan_space(p + 1);
}

/* A name with escapes. It is only compared, so the scratch memory that it takes is free again
 * afterwards. */
static const char *take_escaped_name(struct extract *extract, struct hints *hints,
                                     struct scan *scan, const char *name, const char *end,
                                     uint32_t parent, uint32_t *child, struct hint ***link) {
    size_t size;
    name = unescaped(extract, name, end, &size);
    *child = trie_find(extract->trie, parent, trie_name(name, size, name + size), name, size);
    *link = hints_lose(hints);
    return take_colon(scan, end + 1);
}

/* From a name's opening quote to its value, if no hint matches. `*child` gets the node that the
 * name leads to, `*link` the hint of the next name. */
static __attribute__((noinline)) const char *take_name(struct extract *extract, struct hints *hints,
                                                       struct scan *scan, const char *p,
                                                       uint32_t parent, uint32_t *child,
                                                       struct hint ***link) {
    if (*p != '"')
        return scan_fail_grammar(scan, p, "expected a member's name");
    bool has_escapes;
    const char *name = p + 1;
    const char *end = scan_string(scan, name, &has_escapes);
    if (end == NULL)
        return NULL;
    if (has_escapes)
        return take_escaped_name(extract, hints, scan, name, end, parent, child, link);
    const size_t size = (size_t)(end - name);
    const struct trie_name words = trie_name(name, size, scan->end);
    *child = trie_find(extract->trie, parent, words, name, size);
    if (end[1] == ':')
        *link = hints_learn(hints, *link, parent, *child, words, name, size);
    return take_colon(scan, end + 1);
}

/* The node of the current element, or TRIE_NONE. */
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

/* A wanted scalar. */
static inline const char *take_scalar(struct extract *extract, struct scan *scan, const char *p,
                                      t5_value *cell) {
    if (number_begins(p))
        return number_read(scan, p, cell);
    if (*p == '"')
        return take_string(extract, scan, p, cell);
    return scan_word_value(scan, p, cell);
}

const char *extract_run(struct extract *extract, struct scan *scan, const char *begin,
                        uint32_t topic) {
    const struct trie *trie = extract->trie;
    struct hints *hints = &extract->hints[topic % EXTRACT_TOPICS];
    struct extract_frame *frame;
    uint32_t depth = 0;
    uint32_t child = 0; /* the document itself */
    struct hint **link = &hints->nowhere;
    const char *p = begin;
    t5_value *cell;

open: /* a bracket with something wanted below it */
    if (depth == scan->max_depth)
        return scan_fail(scan, p, DECODE_TOO_DEEP, "brackets deeper than max_depth");
    frame = &extract->frames[depth++];
    *frame = (struct extract_frame){
        .begin = p, .link = link, .node = child, .closer = *p == '{' ? '}' : ']'};
    link = &hints->all[child].first;
    p = scan_space(p + 1);
    if (*p == frame->closer)
        goto close;

next: /* a member or an element */
    if (frame->closer == '}') {
        struct hint *hint = *link;
        if (*p == '"' && hint_fits(hint, p + 1, scan->end, frame->node)) {
            child = hint->child;
            link = &hint->next;
            p = scan_space(p + 1 + hint->size);
        } else {
            p = take_name(extract, hints, scan, p, frame->node, &child, &link);
            if (p == NULL)
                return NULL;
        }
    } else {
        child = element_node(trie, frame);
        frame->index++;
    }

    if (child == TRIE_NONE) {
        if (number_begins(p)) {
            p = number_skip(scan, p);
            if (p == NULL)
                return NULL;
            goto behind;
        }
        p = scan_skip(scan, p, depth);
    } else {
        const struct trie_node *node = &trie->nodes[child];
        cell = meet(extract, child);
        if (*p != '{' && *p != '[') {
            p = take_scalar(extract, scan, p, cell);
            if (p == NULL)
                return NULL;
            goto behind;
        }
        if (*p == '{' ? node->has_names : node->element_count > 0)
            goto open;
        const char *value = p;
        p = scan_skip(scan, p, depth);
        if (p != NULL)
            *cell = span_value(T5_VALUE_JSON, value, p);
    }
    if (p == NULL)
        return NULL;

behind_bracket: /* which may have been the last byte */
    if (p == scan->end)
        return scan_fail_grammar(scan, p, "the text ends before its brackets are closed");
behind: /* a value */
    p = scan_space(p);
    if (*p == ',') {
        p = scan_space(p + 1);
        goto next;
    }
    if (*p != frame->closer)
        return scan_fail_grammar(scan, p,
                                 frame->closer == '}' ? "expected ',' or '}' after a member"
                                                      : "expected ',' or ']' after an element");

close: /* the document's own cell is in no slot: it need not be dirty */
    p++;
    extract->cells[trie->nodes[frame->node].cell] = span_value(T5_VALUE_JSON, frame->begin, p);
    link = frame->link;
    if (--depth > 0) {
        frame--;
        goto behind_bracket;
    }
    choose(extract);
    return p;
}
