#include "config/text/continuation.h"

#include <string.h>

#define BLANKS          " \t"
#define LOWER           "abcdefghijklmnopqrstuvwxyz"
#define UPPER           "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS          "0123456789"
#define LETTERS         LOWER UPPER DIGITS "_.-"
#define BASE64          LOWER UPPER DIGITS "+/"
/* Lines of base64 are 64 or 76 long; one that is much shorter is a word. */
#define BASE64_LINE_MIN 16

/* A line, or an item of one. */
struct span {
    const char *text;
    size_t size;
};

static bool has_any(struct span span, const char *letters) {
    for (size_t i = 0; i < span.size; i++)
        if (strchr(letters, span.text[i]) != NULL)
            return true;
    return false;
}

static size_t count_of(struct span span, const char *letters) {
    size_t count = 0;
    while (count < span.size && strchr(letters, span.text[count]) != NULL)
        count++;
    return count;
}

static struct span trimmed(struct span span) {
    const size_t blanks = count_of(span, BLANKS);
    span.text += blanks;
    span.size -= blanks;
    while (span.size > 0 && strchr(BLANKS, span.text[span.size - 1]) != NULL)
        span.size--;
    return span;
}

/* ---- sections ---- */

/* "[name]"; or "[kind:name" that lacks its bracket. */
static bool is_section(struct span line) {
    if (line.size < 2 || line.text[0] != '[')
        return false;
    struct span rest = trimmed((struct span){line.text + 1, line.size - 1});
    const struct span name = {rest.text, count_of(rest, LETTERS ":")};
    if (name.size == 0 || strchr(LOWER UPPER, name.text[0]) == NULL)
        return false;
    rest = trimmed((struct span){name.text + name.size, rest.size - name.size});
    if (rest.size == 0)
        return has_any(name, ":");
    if (rest.text[0] != ']')
        return false;
    rest = trimmed((struct span){rest.text + 1, rest.size - 1});
    return rest.size == 0 || strchr(";#", rest.text[0]) != NULL;
}

/* ---- keys ---- */

/* "NAME = REST", "NAME:REST" and so on. */
struct pair {
    struct span name, rest;
    char mark;
    bool is_word;   /* the name has a key's letters */
    bool has_blank; /* around the mark */
};

static bool split(struct span line, struct pair *pair) {
    size_t at = 0;
    while (at < line.size && line.text[at] != '=' && line.text[at] != ':')
        at++;
    if (at == line.size)
        return false;
    const struct span before = {line.text, at}, after = {line.text + at + 1, line.size - at - 1};
    pair->name = trimmed(before);
    pair->rest = trimmed(after);
    pair->mark = line.text[at];
    pair->has_blank = pair->name.size != before.size || pair->rest.size != after.size;
    pair->is_word = pair->name.size > 0 && strchr(LOWER UPPER "_", pair->name.text[0]) != NULL &&
                    count_of(pair->name, LETTERS) == pair->name.size;
    return true;
}

static bool begins_with(struct span span, const char *begin) {
    const size_t size = strlen(begin);
    return span.size >= size && memcmp(span.text, begin, size) == 0;
}

static bool is_known(const struct continuation_of *of, const struct pair *pair) {
    return pair->is_word && of->rules != NULL &&
           of->rules->is_key(of->rules->context, of->section, pair->name.text, pair->name.size);
}

/* "9092". */
static bool is_port(struct span rest) {
    const size_t digits = count_of(rest, DIGITS);
    return digits > 0 && (digits == rest.size || strchr("," BLANKS, rest.text[digits]) != NULL);
}

/* Symbols are written in capitals, keys are not: "ES=F", "NYSE:IBM". */
static bool is_symbol(struct span name) {
    return !has_any(name, LOWER);
}

/* ---- lists ---- */

static bool is_key_in_list(const struct continuation_of *of, struct span item, bool has_hosts) {
    struct pair pair;
    if (!split(item, &pair) || pair.name.size == 0)
        return false;
    if (is_known(of, &pair) || pair.has_blank || pair.rest.size == 0)
        return true;
    if (has_hosts)
        return pair.mark == '=';
    return !is_symbol(pair.name);
}

static enum continuation judge_list(const struct continuation_of *of, struct span line,
                                    bool has_hosts, size_t *size) {
    for (struct span left = line; left.size > 0;) {
        struct span item = {left.text, 0};
        while (item.size < left.size && item.text[item.size] != ',')
            item.size++;
        const size_t used = item.size + (item.size < left.size);
        left = (struct span){left.text + used, left.size - used};
        item = trimmed(item);
        if (!is_key_in_list(of, item, has_hosts))
            continue;
        struct pair pair;
        (void)split(item, &pair);
        *size = (size_t)(pair.name.text - line.text) + pair.name.size;
        return CONTINUATION_KEY;
    }
    return CONTINUATION_VALUE;
}

/* ---- PEM ---- */

static bool is_base64(struct span line) {
    const size_t letters = count_of(line, BASE64);
    const struct span end = {line.text + letters, line.size - letters};
    return letters > 0 && end.size <= 2 && count_of(end, "=") == end.size;
}

/* "Proc-Type: 4,ENCRYPTED". */
static bool is_header(const struct pair *pair) {
    return pair->is_word && pair->mark == ':' && pair->rest.size > 0 && pair->has_blank &&
           strchr(UPPER, pair->name.text[0]) != NULL && !has_any(pair->name, "_.");
}

static enum continuation judge_pem(const struct continuation_of *of, struct span line,
                                   size_t *size) {
    struct pair pair;
    const bool is_pair = split(line, &pair);
    const bool is_key = is_pair && is_known(of, &pair);
    if (begins_with(line, "-----") ||
        (!is_key && (is_base64(line) || (is_pair && is_header(&pair)))))
        return CONTINUATION_VALUE;
    if (!is_pair || !pair.is_word)
        return CONTINUATION_STRAY;
    *size = pair.name.size;
    return CONTINUATION_KEY;
}

/* Whether a PEM text in the value has begun and not ended. */
static bool is_in_pem(const char *value) {
    const char *begin = NULL;
    for (const char *at = value; (at = strstr(at, "-----BEGIN")) != NULL; at++)
        begin = at;
    return begin != NULL && strstr(begin, "-----END") == NULL;
}

/* ---- texts ---- */

static struct span last_line(const char *value) {
    const char *last = strrchr(value, '\n');
    last = last != NULL ? last + 1 : value;
    return (struct span){last, strlen(last)};
}

static bool is_base64_end(struct span above, struct span line) {
    return above.size >= BASE64_LINE_MIN && is_base64(above) && above.text[above.size - 1] != '=' &&
           line.size <= above.size && line.size % 4 == 0 && is_base64(line);
}

/* Whether "name:9092" is the next of several hosts. */
static bool is_next_host(struct span above) {
    struct pair pair;
    return (above.size > 0 && above.text[above.size - 1] == ',') ||
           (split(above, &pair) && pair.is_word && pair.mark == ':' && is_port(pair.rest));
}

static bool is_key_in_text(const struct continuation_of *of, struct span line,
                           const struct pair *pair) {
    const struct span above = last_line(of->value);
    if (!pair->is_word)
        return false;
    if (is_known(of, pair))
        return true;
    if (pair->mark == '=')
        return !is_base64_end(above, line);
    if (pair->has_blank || pair->rest.size == 0)
        return true;
    if (begins_with(pair->rest, "//") || begins_with(pair->rest, "\\") || is_symbol(pair->name))
        return false;
    return !is_port(pair->rest) || !is_next_host(above);
}

static enum continuation judge_text(const struct continuation_of *of, struct span line,
                                    size_t *size) {
    struct pair pair;
    if (is_in_pem(of->value))
        return judge_pem(of, line, size);
    if (!split(line, &pair) || !is_key_in_text(of, line, &pair))
        return CONTINUATION_VALUE;
    *size = pair.name.size;
    return CONTINUATION_KEY;
}

/* ---- all ---- */

static enum continuation judge_line(struct span line, size_t *size) {
    struct pair pair;
    if (!split(line, &pair) || !pair.is_word)
        return CONTINUATION_STRAY;
    *size = pair.name.size;
    return CONTINUATION_KEY;
}

enum continuation continuation_judge(const struct continuation_of *of, const char *text,
                                     size_t *size) {
    const struct span line = trimmed((struct span){text, strlen(text)});
    const enum ini_value kind = of->rules != NULL
                                    ? of->rules->value_of(of->rules->context, of->section, of->key)
                                    : INI_VALUE_TEXT;
    if (is_section(line)) {
        *size = line.size;
        return CONTINUATION_SECTION;
    }
    switch (kind) {
    case INI_VALUE_LINE:
        return judge_line(line, size);
    case INI_VALUE_LIST:
    case INI_VALUE_HOSTS:
        return judge_list(of, line, kind == INI_VALUE_HOSTS, size);
    case INI_VALUE_PEM:
        return judge_pem(of, line, size);
    case INI_VALUE_TEXT:
        break;
    }
    return judge_text(of, line, size);
}
