#include "commands/research/replay/bad_lines.h"

#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void bad_lines_init(struct bad_lines *lines, uint64_t most) {
    memset(lines, 0, sizeof *lines);
    lines->most = most;
    pthread_mutex_init(&lines->lock, NULL);
}

void bad_lines_release(struct bad_lines *lines) {
    pthread_mutex_destroy(&lines->lock);
}

void bad_lines_report(struct bad_lines *lines, const char *file, uint64_t line, const char *text) {
    lock_acquire(&lines->lock, bad_lines_lock);
    if (lines->printed < lines->most) {
        lines->printed++;
        print_err("%s:%" PRIu64 ": %s", file, line, text);
    } else {
        lines->suppressed++;
    }
    lock_release(&lines->lock, bad_lines_lock);
}

bool bad_lines_note_first(struct bad_lines *lines, uint64_t place, const char *file, uint64_t line,
                          const char *text) {
    lock_acquire(&lines->lock, bad_lines_lock);
    const bool is_first = !lines->has_first || place < lines->first;
    if (is_first) {
        lines->has_first = true;
        lines->first = place;
        snprintf(lines->text, sizeof lines->text, "%s:%" PRIu64 ": %s", file, line, text);
    }
    lock_release(&lines->lock, bad_lines_lock);
    return is_first;
}

bool bad_lines_has_first_below(struct bad_lines *lines, uint64_t done) {
    lock_acquire(&lines->lock, bad_lines_lock);
    const bool has_it = lines->has_first && lines->first < done;
    lock_release(&lines->lock, bad_lines_lock);
    return has_it;
}

void bad_lines_end(struct bad_lines *lines) {
    lock_acquire(&lines->lock, bad_lines_lock);
    if (lines->has_first)
        print_err("%s", lines->text);
    if (lines->suppressed > 0)
        print_err("%" PRIu64 " more bad lines (-v lists them)", lines->suppressed);
    lock_release(&lines->lock, bad_lines_lock);
}
