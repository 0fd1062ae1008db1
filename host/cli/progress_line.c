#include "cli/progress_line.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOW_NS (200 * NS_PER_MS)
/* How much of the rate is the last span's. */
#define SMOOTH  0.3

void progress_line_init(struct progress_line *line) {
    memset(line, 0, sizeof *line);
    line->is_on = isatty(STDERR_FILENO) != 0;
    line->began_ns = line->shown_ns = clock_monotonic_ns();
}

bool progress_line_is_due(const struct progress_line *line) {
    return line->is_on && clock_monotonic_ns() - line->shown_ns >= SHOW_NS;
}

void format_count(uint64_t count, char *buffer, size_t size) {
    char digits[32];
    const size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t used = 0;
    for (size_t i = 0; i < length && used + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer[used++] = ' ';
        buffer[used++] = digits[i];
    }
    buffer[used] = '\0';
}

static void format_left(double seconds, char *buffer, size_t size) {
    const uint64_t whole = seconds < 1e9 ? (uint64_t)seconds : 1000000000;
    if (whole >= 3600)
        snprintf(buffer, size, ", %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", whole / 3600,
                 whole / 60 % 60, whole % 60);
    else
        snprintf(buffer, size, ", %" PRIu64 ":%02" PRIu64 " left", whole / 60, whole % 60);
}

void progress_line_show(struct progress_line *line, const char *what, const char *unit,
                        uint64_t count, double share) {
    char percent[16] = "", left[48] = "", counted[40], rate[40];
    const int64_t now_ns = clock_monotonic_ns();
    const double span_s = (double)(now_ns - line->shown_ns) / 1e9;
    if (!line->is_on || span_s <= 0)
        return;
    const double last = (double)(count - line->shown_count) / span_s;
    line->rate = line->rate > 0 ? line->rate + SMOOTH * (last - line->rate) : last;
    line->shown_ns = now_ns;
    line->shown_count = count;
    if (share >= 0) {
        const double spent_s = (double)(now_ns - line->began_ns) / 1e9;
        snprintf(percent, sizeof percent, " %.0f %%,", share < 1 ? 100 * share : 100);
        if (share > 0.001 && share < 1)
            format_left(spent_s * (1 - share) / share, left, sizeof left);
    }
    format_count(count, counted, sizeof counted);
    format_count((uint64_t)line->rate, rate, sizeof rate);
    fprintf(stderr, "\r\033[Ktake5: %s%s %s %s, %s/s%s\r", what, percent, counted, unit, rate,
            left);
}

void progress_line_clear(struct progress_line *line) {
    if (line->is_on)
        fputs("\r\033[K", stderr);
}

void progress_line_summary(const struct progress_line *line, const char *did, uint64_t count,
                           uint64_t bytes, const char *where) {
    char counted[40], rate[40];
    const double seconds = (double)(clock_monotonic_ns() - line->began_ns) / 1e9;
    format_count(count, counted, sizeof counted);
    format_count((uint64_t)(seconds > 0 ? (double)count / seconds : 0), rate, sizeof rate);
    fprintf(stderr, "%s %s message%s (%.1f MB)%s in %.2f s (%s/s)\n", did, counted,
            text_plural(count), (double)bytes / 1e6, where, seconds, rate);
}
