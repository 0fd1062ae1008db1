#include "config/text/quotes.h"

#include <string.h>

#define BLANKS    " \t"
#define SEPARATOR ",\n"

/* As they are typed, and as text programs make of them. */
static const char *const quotes[] = {"\"",     "'",      "`",      "\u00B4", "\u2018", "\u2019",
                                     "\u201A", "\u201B", "\u201C", "\u201D", "\u201E", "\u201F",
                                     "\u2032", "\u2033", "\u00AB", "\u00BB", "\u2039", "\u203A"};

/* The bytes of the quote that the text begins with, or ends with; 0: none. */
static size_t quote_at(const char *text, size_t size, bool is_end) {
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        const size_t quote = strlen(quotes[i]);
        if (quote <= size && memcmp(is_end ? text + size - quote : text, quotes[i], quote) == 0)
            return quote;
    }
    return 0;
}

/* Whether the text begins and ends with a quote, of any kind: also those that text programs put in
 * their place, and backticks. */
static bool quotes_around(const char *text, size_t size) {
    const size_t first = quote_at(text, size, false);
    return first > 0 && quote_at(text + first, size - first, true) > 0;
}

/* Appends what stands between the quotes; all of it when there are none. */
static void append_inside(const char *text, size_t size, struct text *meant) {
    const bool is_quoted = quotes_around(text, size);
    const size_t first = is_quoted ? quote_at(text, size, false) : 0;
    const size_t last = is_quoted ? quote_at(text, size, true) : 0;
    for (size_t i = first; i < size - last; i++)
        text_putc(meant, text[i] == '\n' ? ' ' : text[i]);
}

/* The next item of a list, trimmed. False when there is none left. */
static bool next_item(const char **rest, const char **item, size_t *size) {
    if (*rest == NULL)
        return false;
    *item = *rest + strspn(*rest, BLANKS);
    *size = strcspn(*item, SEPARATOR);
    const char *end = *item + *size;
    *rest = *end != '\0' ? end + 1 : NULL;
    while (*size > 0 && strchr(BLANKS, (*item)[*size - 1]) != NULL)
        (*size)--;
    return true;
}

bool quotes_in(const char *value, bool is_list) {
    const char *item;
    size_t size;
    if (quotes_around(value, strlen(value)))
        return true;
    while (is_list && next_item(&value, &item, &size))
        if (quotes_around(item, size))
            return true;
    return false;
}

/* Whether the value is a list of which each item has quotes of its own: one pair around it all is
 * another thing. */
static bool is_quoted_list(const char *value) {
    const char *item;
    size_t size;
    while (next_item(&value, &item, &size))
        if (size > 0 && !quotes_around(item, size))
            return false;
    return true;
}

static void append_items(const char *value, struct text *meant) {
    const char *comma = "";
    const char *item;
    size_t size;
    while (next_item(&value, &item, &size)) {
        if (size == 0)
            continue;
        text_puts(meant, comma);
        append_inside(item, size, meant);
        comma = ", ";
    }
}

void quotes_meant(const char *value, struct text *meant) {
    const size_t size = strlen(value);
    if (quotes_around(value, size) && !is_quoted_list(value))
        append_inside(value, size, meant);
    else
        append_items(value, meant);
}
