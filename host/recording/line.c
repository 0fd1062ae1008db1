#include "recording/line.h"

#include "message/shape.h"
#include "json/lenient.h"
#include "json/lenient_bytes.h"

#include <string.h>

enum member {
    MEMBER_OTHER,
    MEMBER_TOPIC,
    MEMBER_PARTITION,
    MEMBER_OFFSET,
    MEMBER_TSTYPE,
    MEMBER_TS,
    MEMBER_BROKER,
    MEMBER_HEADERS,
    MEMBER_KEY,
    MEMBER_KEY_BASE64,
    MEMBER_PAYLOAD,
    MEMBER_PAYLOAD_BASE64
};

static bool is_name(const char *name, size_t size, const char *wanted, size_t wanted_size) {
    return size == wanted_size && memcmp(name, wanted, size) == 0;
}

#define IS_NAME(name, size, literal) is_name((name), (size), (literal), sizeof(literal) - 1)

static enum member member_of(const char *name, size_t size) {
    switch (size) {
    case 2:
        return IS_NAME(name, size, "ts") ? MEMBER_TS : MEMBER_OTHER;
    case 3:
        return IS_NAME(name, size, "key") ? MEMBER_KEY : MEMBER_OTHER;
    case 5:
        return IS_NAME(name, size, "topic") ? MEMBER_TOPIC : MEMBER_OTHER;
    case 6:
        return IS_NAME(name, size, "offset")   ? MEMBER_OFFSET
               : IS_NAME(name, size, "tstype") ? MEMBER_TSTYPE
               : IS_NAME(name, size, "broker") ? MEMBER_BROKER
                                               : MEMBER_OTHER;
    case 7:
        return IS_NAME(name, size, "payload")   ? MEMBER_PAYLOAD
               : IS_NAME(name, size, "headers") ? MEMBER_HEADERS
                                                : MEMBER_OTHER;
    case 9:
        return IS_NAME(name, size, "partition") ? MEMBER_PARTITION : MEMBER_OTHER;
    case 10:
        return IS_NAME(name, size, "key_base64") ? MEMBER_KEY_BASE64 : MEMBER_OTHER;
    case 14:
        return IS_NAME(name, size, "payload_base64") ? MEMBER_PAYLOAD_BASE64 : MEMBER_OTHER;
    default:
        return MEMBER_OTHER;
    }
}

/* A scan under way. */
struct scan {
    const char *at, *end;
    char *scratch; /* what is free of it */
};

/* Steps over "name": and the space around it. */
static bool scan_name(struct scan *scan, const char **name, size_t *size) {
    if (scan->at == scan->end || *scan->at != '"')
        return false;
    const char *after = lenient_skip_string(scan->at, scan->end);
    if (after == NULL)
        return false;
    *name = scan->at + 1;
    *size = (size_t)(after - scan->at) - 2;
    scan->at = lenient_skip_space(after, scan->end);
    if (scan->at == scan->end || *scan->at != ':')
        return false;
    scan->at = lenient_skip_space(scan->at + 1, scan->end);
    return scan->at < scan->end;
}

/* Steps over what stands between two members. 1: another one follows, 0: the object is over,
 * -1: neither. */
static int scan_between(struct scan *scan) {
    scan->at = lenient_skip_space(scan->at, scan->end);
    if (scan->at == scan->end)
        return -1;
    char c = *scan->at++;
    if (c == ',') {
        scan->at = lenient_skip_space(scan->at, scan->end);
        return 1;
    }
    return c == '}' ? 0 : -1;
}

static bool scan_null(struct scan *scan) {
    if (scan->end - scan->at < 4 || memcmp(scan->at, "null", 4) != 0)
        return false;
    scan->at += 4;
    return true;
}

/* Text into scratch; null gives NULL. */
static bool scan_text(struct scan *scan, const char **text, size_t *size) {
    *text = NULL;
    *size = 0;
    if (*scan->at != '"')
        return scan_null(scan);
    const char *after = lenient_unescape(scan->at, scan->end, scan->scratch, size);
    if (after == NULL)
        return false;
    *text = scan->scratch;
    scan->scratch += *size;
    scan->at = after;
    return true;
}

static bool scan_base64(struct scan *scan, const char **bytes, size_t *size) {
    const char *text;
    size_t text_size;
    char *to = scan->scratch; /* in place: three bytes for four */
    if (!scan_text(scan, &text, &text_size) || text == NULL ||
        !lenient_unbase64(text, text_size, to, size))
        return false;
    *bytes = to;
    scan->scratch = to + *size;
    return true;
}

static bool scan_payload(struct scan *scan, struct recording_line *line) {
    if (*scan->at != '{' && *scan->at != '[')
        return scan_text(scan, &line->payload, &line->payload_size);
    const char *after = lenient_skip_value(scan->at, scan->end);
    if (after == NULL)
        return false;
    line->payload = scan->at;
    line->payload_size = (size_t)(after - scan->at);
    scan->at = after;
    return true;
}

static bool scan_integer(struct scan *scan, int64_t least, int64_t most, int64_t *number) {
    const char *after = lenient_integer(scan->at, scan->end, number);
    if (after == NULL || *number < least || *number > most)
        return false;
    scan->at = after;
    return true;
}

static bool scan_other(struct scan *scan) {
    const char *after = lenient_skip_value(scan->at, scan->end);
    if (after == NULL)
        return false;
    scan->at = after;
    return true;
}

/* One member's value. Gives what is wrong with it, or NULL. */
static const char *scan_member(struct scan *scan, enum member member, struct recording_line *line,
                               bool *is_timeless) {
    int64_t number;
    const char *text;
    size_t size;
    switch (member) {
    case MEMBER_TOPIC:
        return scan_text(scan, &line->topic, &line->topic_size)
                   ? NULL
                   : "\"topic\" is truncated or not text";
    case MEMBER_PARTITION:
        if (!scan_integer(scan, 0, INT32_MAX, &number))
            return "\"partition\" is not a partition number";
        line->partition = (int32_t)number;
        return NULL;
    case MEMBER_OFFSET:
        return scan_integer(scan, 0, INT64_MAX - 1, &line->offset) ? NULL
                                                                   : "\"offset\" is not an offset";
    case MEMBER_TS:
        /* Beyond that, nanoseconds do not fit. */
        if (!scan_integer(scan, INT64_MIN / 1000000, INT64_MAX / 1000000, &number))
            return "\"ts\" is not a timestamp in milliseconds";
        line->time_ms = number < 0 ? RECORD_NO_TIME : number;
        return NULL;
    case MEMBER_TSTYPE:
        if (!scan_text(scan, &text, &size))
            return "\"tstype\" is truncated or not text";
        *is_timeless = text != NULL && IS_NAME(text, size, "unknown");
        return NULL;
    case MEMBER_KEY:
        return scan_text(scan, &line->key, &line->key_size) ? NULL
                                                            : "\"key\" is truncated or not text";
    case MEMBER_KEY_BASE64:
        return scan_base64(scan, &line->key, &line->key_size) ? NULL
                                                              : "\"key_base64\" is not base64";
    case MEMBER_PAYLOAD:
        return scan_payload(scan, line)
                   ? NULL
                   : "\"payload\" is truncated, or not text, an object or an array";
    case MEMBER_PAYLOAD_BASE64:
        return scan_base64(scan, &line->payload, &line->payload_size)
                   ? NULL
                   : "\"payload_base64\" is not base64";
    default:
        return scan_other(scan) ? NULL : "a value is not terminated";
    }
}

static const char *plain_line(const char *line, const char *end, struct recording_line *result) {
    while (end > line && lenient_skip_space(end - 1, end) == end)
        end--;
    if (*line != '{')
        return "is not a JSON object";
    if (end[-1] != '}')
        return "is a JSON object that is not closed";
    *result = (struct recording_line){.is_plain = true,
                                      .payload = line,
                                      .payload_size = (size_t)(end - line),
                                      .time_ms = RECORD_NO_TIME,
                                      .offset = RECORDING_NO_OFFSET,
                                      .partition = RECORDING_NO_PARTITION};
    return NULL;
}

const char *recording_line_scan(const char *line, size_t size, char *scratch, size_t *used,
                                struct recording_line *result) {
    const char *end = line + size;
    struct scan scan = {lenient_skip_space(line, end), end, scratch};
    const char *begin = scan.at;
    *used = 0;
    if (begin == end)
        return "is empty";
    if (*begin != '{')
        return plain_line(begin, end, result);
    scan.at = lenient_skip_space(begin + 1, end);

    *result = (struct recording_line){.time_ms = RECORD_NO_TIME,
                                      .offset = RECORDING_NO_OFFSET,
                                      .partition = RECORDING_NO_PARTITION};
    bool has_payload = false, is_first = true, is_timeless = false;
    for (int more = 1; more == 1; is_first = false) {
        const char *name;
        size_t name_size;
        if (!scan_name(&scan, &name, &name_size))
            return is_first ? plain_line(begin, end, result)
                            : "a member lacks its name or its value";
        enum member member = member_of(name, name_size);
        if (is_first && member == MEMBER_OTHER)
            return plain_line(begin, end, result);
        has_payload |= member == MEMBER_PAYLOAD || member == MEMBER_PAYLOAD_BASE64;
        const char *problem = scan_member(&scan, member, result, &is_timeless);
        if (problem != NULL)
            return is_first ? plain_line(begin, end, result) : problem;
        more = scan_between(&scan);
        if (more < 0)
            return "expected ',' or '}' after a member";
    }
    if (!has_payload)
        return plain_line(begin, end, result);
    if (lenient_skip_space(scan.at, end) != end)
        return "has text after the object";
    if (is_timeless)
        result->time_ms = RECORD_NO_TIME;
    *used = (size_t)(scan.scratch - scratch);
    return NULL;
}

/* Shapes. */

/* The name with its escapes resolved, if it has any. */
static bool plain_name(struct scan *scan, const char **name, size_t *size) {
    if (memchr(*name, '\\', *size) == NULL)
        return true;
    const char *quote = *name - 1, *after = *name + *size + 1;
    if (lenient_unescape(quote, after, scan->scratch, size) == NULL)
        return false;
    *name = scan->scratch;
    return true;
}

bool recording_shape_scan(const char *value, size_t size, char *scratch, size_t *used,
                          struct recording_shape *shape) {
    struct scan scan = {lenient_skip_space(value, value + size), value + size, scratch};
    uint32_t bits = 0;
    *shape = (struct recording_shape){0};
    *used = 0;
    if (scan.at == scan.end || *scan.at++ != '{')
        return false;
    scan.at = lenient_skip_space(scan.at, scan.end);
    if (scan.at < scan.end && *scan.at == '}')
        return lenient_skip_space(scan.at + 1, scan.end) == scan.end;
    for (int more = 1; more == 1;) {
        const char *name;
        size_t name_size;
        if (!scan_name(&scan, &name, &name_size) || !plain_name(&scan, &name, &name_size))
            return false;
        if (IS_NAME(name, name_size, "symbol")) {
            /* The last of several counts, whatever it is. */
            scan.scratch = scratch;
            shape->symbol = NULL;
            if (*scan.at != '"' ? !scan_other(&scan)
                                : !scan_text(&scan, &shape->symbol, &shape->symbol_size))
                return false;
        } else {
            bits |= shape_member(name, name_size);
            if (!scan_other(&scan))
                return false;
        }
        more = scan_between(&scan);
        if (more < 0)
            return false;
    }
    if (shape->symbol_size == 0)
        shape->symbol = NULL;
    if (shape->symbol == NULL)
        shape->symbol_size = 0;
    shape->role = shape_role(bits);
    *used = (size_t)(scan.scratch - scratch);
    return lenient_skip_space(scan.at, scan.end) == scan.end;
}
