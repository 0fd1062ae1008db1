#include "supervisor/merge.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* A family as it came first: its comments, and then all samples. */
struct family {
    char name[128];
    struct text head, samples;
};

struct families {
    struct family *items;
    size_t count, capacity;
};

struct line {
    const char *at;
    size_t size;
};

static bool next_line(const char **text, struct line *line) {
    if (**text == '\0')
        return false;
    line->at = *text;
    line->size = strcspn(*text, "\n");
    *text += line->size + ((*text)[line->size] == '\n');
    return true;
}

static struct family *family_of(struct families *families, const char *name, size_t size) {
    if (size >= sizeof families->items->name)
        return NULL;
    for (size_t i = 0; i < families->count; i++)
        if (strlen(families->items[i].name) == size &&
            memcmp(families->items[i].name, name, size) == 0)
            return &families->items[i];
    if (!ARRAY_GROW(families->items, families->count, families->capacity))
        return NULL;
    struct family *family = &families->items[families->count++];
    *family = (struct family){0};
    memcpy(family->name, name, size);
    text_init(&family->head);
    text_init(&family->samples);
    return family;
}

/* "name{a="b"} 1" or "name 1". */
static void add_sample(struct text *out, const struct line *line, const char *worker) {
    const size_t name_size = strcspn(line->at, "{ \n");
    text_append(out, line->at, name_size);
    text_printf(out, "{worker=\"%s\"", worker); /* of letters, digits, '_', '-' and '.' */
    if (line->at[name_size] == '{') {
        const bool is_empty = line->at[name_size + 1] == '}';
        text_puts(out, is_empty ? "" : ",");
        text_append(out, line->at + name_size + 1, line->size - name_size - 1);
    } else {
        text_putc(out, '}');
        text_append(out, line->at + name_size, line->size - name_size);
    }
    text_putc(out, '\n');
}

/* "# HELP name ..." and "# TYPE name ...": the family that the following samples belong to. */
static struct family *begin_family(struct families *families, const struct line *line) {
    const char *name = line->at + strlen("# HELP ");
    const size_t size = strcspn(name, " \n");
    struct family *family = family_of(families, name, size);
    const bool is_known =
        family == NULL || family->samples.size > 0 ||
        (family->head.size > 0 && memcmp(family->head.data, line->at, strlen("# HELP ")) == 0);
    if (is_known)
        return family;
    text_append(&family->head, line->at, line->size);
    text_putc(&family->head, '\n');
    return family;
}

static bool add_part(struct families *families, const struct merge_part *part) {
    struct family *family = NULL;
    struct line line;
    for (const char *text = part->data; next_line(&text, &line);) {
        const bool is_head =
            line.size > strlen("# HELP ") && (strncmp(line.at, "# HELP ", strlen("# HELP ")) == 0 ||
                                              strncmp(line.at, "# TYPE ", strlen("# TYPE ")) == 0);
        if (is_head)
            family = begin_family(families, &line);
        if (is_head && family == NULL)
            return false;
        if (line.size == 0 || line.at[0] == '#')
            continue;
        if (family == NULL)
            family = family_of(families, line.at, strcspn(line.at, "{ \n"));
        if (family == NULL)
            return false;
        add_sample(&family->samples, &line, part->worker);
    }
    return true;
}

void merge_metrics(const struct merge_part *parts, size_t count, struct text *out) {
    struct families families = {0};
    bool did = true;
    for (size_t i = 0; did && i < count; i++)
        did = parts[i].data == NULL || add_part(&families, &parts[i]);
    for (size_t i = 0; i < families.count; i++) {
        struct family *family = &families.items[i];
        text_append(out, family->head.data, family->head.size);
        text_append(out, family->samples.data, family->samples.size);
        out->is_oom |= text_is_oom(&family->head) || text_is_oom(&family->samples);
        text_release(&family->head);
        text_release(&family->samples);
    }
    out->is_oom |= !did;
    free(families.items);
}
