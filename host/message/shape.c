/*
 * What a text is as a whole: which topic its members indicate, and whether it is one JSON object.
 */
#include "message/shape.h"

#include "message/decode.h"
#include "json/scan.h"

#include <string.h>

/* How deep these scans follow nested brackets. */
#define SHAPE_MAX_DEPTH 1024

/* Members that indicate a topic, as bits. */
enum {
    SHAPE_BAR = 1 << 0,
    SHAPE_STATS = 1 << 1,
    SHAPE_Z_SCORE = 1 << 2,
    SHAPE_HISTORIC = 1 << 3,
    SHAPE_ASSET = 1 << 4
};

static const struct {
    const char *name;
    uint32_t size;
    uint32_t bit;
} role_members[] = {
    {"lastSampleStats", 15, SHAPE_BAR},
    {"trend_data", 10, SHAPE_BAR},
    {"stats", 5, SHAPE_STATS},
    {"z_score", 7, SHAPE_Z_SCORE},
    {"historic_analysis", 17, SHAPE_HISTORIC},
    {"statistics", 10, SHAPE_HISTORIC},
    {"trendData", 9, SHAPE_ASSET},
    {"trendVector", 11, SHAPE_ASSET},
    {"predictions", 11, SHAPE_ASSET},
    {"trend_vectors", 13, SHAPE_ASSET},
};

uint32_t shape_member(const char *name, size_t size) {
    for (size_t i = 0; i < sizeof role_members / sizeof *role_members; i++)
        if (role_members[i].size == size && memcmp(role_members[i].name, name, size) == 0)
            return role_members[i].bit;
    return 0;
}

const char *shape_role(uint32_t bits) {
    if (bits & SHAPE_BAR)
        return "bar_trends";
    if ((bits & SHAPE_HISTORIC) ||
        (bits & (SHAPE_STATS | SHAPE_Z_SCORE)) == (SHAPE_STATS | SHAPE_Z_SCORE))
        return "historic_stats";
    return bits & SHAPE_ASSET ? "asset_trends" : NULL;
}

/* Longest escaped spelling of a name above: six bytes per letter. */
#define LONGEST_ESCAPED (17 * 6)

static uint32_t member_bit(const char *name, size_t size, bool has_escapes) {
    char plain[LONGEST_ESCAPED];
    if (has_escapes) {
        if (size > sizeof plain)
            return 0;
        size = scan_unescape(name, size, plain);
        name = plain;
    }
    return shape_member(name, size);
}

/* All members of the object at p; returns the position after it. */
static const char *scan_members(struct scan *scan, const char *p, uint32_t *bits) {
    p = scan_space(p + 1);
    if (*p == '}')
        return p + 1;
    for (;;) {
        bool has_escapes;
        if (*p != '"')
            return NULL;
        const char *name = p + 1;
        p = scan_string(scan, name, &has_escapes);
        if (p == NULL)
            return NULL;
        *bits |= member_bit(name, (size_t)(p - name), has_escapes);
        p = scan_space(p + 1);
        if (*p != ':')
            return NULL;
        p = scan_skip(scan, scan_space(p + 1), 1);
        if (p == NULL || p == scan->end)
            return NULL;
        p = scan_space(p);
        if (*p == '}')
            return p + 1;
        if (*p != ',')
            return NULL;
        p = scan_space(p + 1);
    }
}

const char *decode_shape(const char *payload, size_t size) {
    uint8_t closers[SHAPE_MAX_DEPTH];
    const char *end = payload + size;
    if (!scan_trim(&payload, &end) || *payload != '{' || end[-1] != '}')
        return NULL;
    struct scan scan = {.end = end, .closers = closers, .max_depth = SHAPE_MAX_DEPTH};
    uint32_t bits = 0;
    return scan_members(&scan, payload, &bits) == end ? shape_role(bits) : NULL;
}

bool decode_is_object(const char *text, size_t size, uint32_t max_depth) {
    uint8_t closers[SHAPE_MAX_DEPTH];
    const char *end = text + size;
    if (!scan_trim(&text, &end) || *text != '{' || end[-1] != '}')
        return false;
    struct scan scan = {.end = end,
                        .closers = closers,
                        .max_depth = max_depth < SHAPE_MAX_DEPTH ? max_depth : SHAPE_MAX_DEPTH,
                        .refuses_non_finite = true};
    return scan_skip(&scan, text, 0) == end;
}
