/*
 * cli/progress_line.h - one line that shows the progress of a long task, on a terminal only.
 *
 * It stands at the end of stderr with the cursor before it, so that whatever is printed next takes
 * its place.
 */
#ifndef TAKE5_CLI_PROGRESS_LINE_H
#define TAKE5_CLI_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress_line {
    bool is_on; /* stderr is a terminal */
    int64_t began_ns, shown_ns;
    uint64_t shown_count;
    double rate; /* a second, smoothed */
};

void progress_line_init(struct progress_line *line);
/* Whether it is time to show it again. */
bool progress_line_is_due(const struct progress_line *line);
/*
 * Shows "take5: WHAT 42 %, 1 200 000 messages, 812 000/s, 0:12 left". `share` is how much of the
 * work is done, 0 to 1, negative when that is not known.
 */
void progress_line_show(struct progress_line *line, const char *what, const char *unit,
                        uint64_t count, double share);
/* Takes it away. */
void progress_line_clear(struct progress_line *line);

/* "DID 1 200 000 messages (3.5 MB)WHERE in 2.00 s (600 000/s)", since init, on stderr. */
void progress_line_summary(const struct progress_line *line, const char *did, uint64_t count,
                           uint64_t bytes, const char *where);

/* "1 234 567" (with narrow gaps for people). */
void format_count(uint64_t count, char *buffer, size_t size);

#endif
