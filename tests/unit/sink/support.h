/*
 * What the tests of the sinks share: deliveries that tell when they are done, and files.
 */
#ifndef TAKE5_TESTS_SINK_SUPPORT_H
#define TAKE5_TESTS_SINK_SUPPORT_H

#include "sink/sink.h"

#include <pthread.h>

/* Generous: only a hang takes so long. */
#define HANG_MS 30000

/* Which deliveries were confirmed, in their order. Zeroed is fresh. */
struct tally {
    pthread_mutex_t mutex;
    uint64_t words[4096]; /* owner_word of each */
    size_t count;
};

size_t tally_count(struct tally *tally);

/* A signal, made with its text, whose value is {"n":N}, with `size` of padding; owner_word N. */
struct delivery *signal_make(struct tally *tally, uint64_t n, size_t size);
/* What a lane hands on: a signal of values of every type, its offset N. */
struct signal signal_like(uint64_t n);
/* One for so many sinks; owner_word N. */
struct delivery *typed_make(struct tally *tally, uint64_t n, uint32_t sinks);
/* A dead letter for the bytes, from topic bar_trends, partition 3, offset N. */
struct delivery *dead_letter_make(struct tally *tally, uint64_t n, const char *key, size_t key_size,
                                  const char *value, size_t value_size);
/* Pushes and gives the reference up; fails the test when refused. */
void push(struct sink *sink, struct delivery *delivery);
void push_signals(struct sink *sink, struct tally *tally, uint64_t from, uint64_t to, size_t size);

struct sink_status status_of(struct sink *sink);
/* Waits until the sink's is_ok is that; fails the test when it hangs. */
void await_ok(struct sink *sink, bool is_ok);

/* The whole file, NUL-terminated; free(). */
char *file_text(const char *path);
/* A fresh directory that goes when the test process ends well. */
const char *scratch(void);
/* PATH in the scratch directory; a static buffer, two calls at a time. */
const char *scratch_path(const char *name);

/* Fails the test unless the text is exactly the lines {"n":FROM..} to TO in order. */
void check_lines(const char *text, uint64_t from, uint64_t to);
/* Fails the test when memory was lost (AddressSanitizer's builds). */
void check_leaks(void);

#endif
