#include "conformance/script/feed_paths.h"

#include <stddef.h>
#include <string.h>

static const char *const documented[] = {
    "symbol",
    "timestamp",
    "price",
    "volume",
    "trend_data",
    "historic_analysis",
    "statistics",
    "predictions",
    "trend_vectors",
    "publishTime",
    "publishTime.take5Time",
    "PublishTime",
    "PublishTime.take5Time",
    "barData",
    "barData.barTimeFrame",
    "barData.open",
    "barData.high",
    "barData.low",
    "barData.close",
    "barData.volume",
    "lastSampleStats",
    "stats",
    "z_score",
    "trendVector",
};

/* In trendData and trendVector.trendData. */
static const char *const places[] = {"trendData", "trendVector.trendData"};
static const char *const lines[] = {"wSma_slope", "wSma_intercept", "wSma_slope_std_err",
                                    "smaSlope",   "smaIntercept",   "smaSlopeStdErr"};
#define QUANTITIES 3

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool is_text(const char *text, const char *bytes, size_t size) {
    return strlen(text) == size && memcmp(text, bytes, size) == 0;
}

/* Index into lines, -1: it is the object itself, -2: neither. */
static int line_of(const char *path, size_t size) {
    for (size_t i = 0; i < COUNT(places); i++) {
        const size_t place = strlen(places[i]);
        if (size < place || memcmp(path, places[i], place) != 0)
            continue;
        if (size == place)
            return -1;
        for (int j = 0; j < (int)COUNT(lines) && path[place] == '.'; j++)
            if (is_text(lines[j], path + place + 1, size - place - 1))
                return j;
    }
    return -2;
}

static bool is_documented(const char *path, size_t size) {
    for (size_t i = 0; i < COUNT(documented); i++)
        if (is_text(documented[i], path, size))
            return true;
    return line_of(path, size) != -2;
}

int feed_path_quantity(const char *path) {
    const int line = line_of(path, strlen(path));
    return line >= 0 ? line % QUANTITIES + 1 : 0;
}

bool feed_path_is_documented(const char *path) {
    for (;;) {
        const size_t size = strcspn(path, "|");
        if (is_documented(path, size))
            return true;
        if (path[size] == '\0')
            return false;
        path += size + 1;
    }
}
