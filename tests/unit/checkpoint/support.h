/* What the tests of this room share. */
#ifndef TAKE5_TESTS_CHECKPOINT_SUPPORT_H
#define TAKE5_TESTS_CHECKPOINT_SUPPORT_H

#include "checkpoint/checkpoint.h"
#include "log/log.h"

/* A checkpoint of partition 3 at bar_trends[3] and ticks[3] `next`: deployment "alpha" with a
 * record of `size` bytes, "beta" without state, and "gamma" behind the others, with timers. */
void make_checkpoint(struct checkpoint *checkpoint, uint64_t number, int64_t next, size_t size);
void expect_same(const struct checkpoint *checkpoint, const struct checkpoint *other);
/* Gives `positions` bar_trends[3] and ticks[3] at `next`. */
void make_positions(struct positions *positions, int64_t next);

/* A directory of the test's own, and a log into a file in it. */
extern char directory[64];
extern struct log *test_log;
void open_directory(void);
void close_directory(void);
/* What the log has said; valid until the next call. */
const char *logged(void);
size_t count_of(const char *text, const char *part);

/* A file in the directory; valid until the call after the next one. */
const char *in_directory(const char *name);
bool is_there(const char *name);
char *read_file(const char *name, size_t *size);
void write_file(const char *name, const void *bytes, size_t size);

#endif
