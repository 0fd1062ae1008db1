/*
 * source/file.h - recorded files as a source: replay.
 *
 * One thread reads ahead, as far as a bound of memory allows, and deals the records out to the
 * lanes (partition % lanes), each lane's in the order of the input. Every record has a sequence
 * number, its place among all that are delivered; so what lanes make of them can be put into the
 * order of the input again, whatever the number of lanes.
 *
 * Lines are those of recording_line.h. One that names no topic belongs to `topic`, or to the one
 * that its shape tells. One that names no partition goes to one of FILE_SOURCE_SPREAD by a hash of
 * its symbol (else of its key), whatever the number of lanes. One that names no offset gets the
 * next one of its (topic, partition); filters do not change that numbering.
 *
 * Several files are merged by event time; of equal times the file that was named first comes first,
 * and within a file the order of the lines stays. So what belongs to one partition of one topic and
 * was recorded one file after the other is better given as one file (cat a b | ... -).
 *
 * Partitions: a number is assigned, for all topics, when the first record with it is met; all
 * records before it have been worked on by then, and none of it is read before the listener has
 * returned. (Lines without a partition assign all FILE_SOURCE_SPREAD numbers at once.) So the place
 * of an assignment in the stream does not depend on timing. Nothing is committed; the source ends,
 * in source_poll(), when all records have been released.
 */
#ifndef TAKE5_SOURCE_FILE_H
#define TAKE5_SOURCE_FILE_H

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_SOURCE_SPREAD 16

/* No bound of time. */
#define FILE_SOURCE_NO_FROM  INT64_MIN
#define FILE_SOURCE_NO_UNTIL INT64_MAX

struct file_source_options {
    const char *const *paths; /* "-": the standard input */
    size_t path_count;
    const char *topic; /* role or name, for lines that name none; NULL: by shape */
    /* The order of delivery in a live host: what is not in it is left out, and so are lines
     * without topic, partition and offset. Reads the files once while the recording goes about as
     * the journal does, and once more for each group of parts that it has much later (32 MiB); an
     * error then, when a file is a pipe. NULL: by event time. */
    const char *journal;
    int64_t from_ns; /* event time: from <= time < until */
    int64_t until_ns;
    const char *const *symbols; /* NULL: all */
    size_t symbol_count;
    double speed;   /* how many times faster than the event times; 0: as fast as it goes */
    bool is_strict; /* ends with an error at the first bad line, after what came before it */
    /* Between every so many records and the next, when all before have been worked on, the control
     * thread calls `paused`, inside source_poll(). 0: never. */
    uint64_t pause_every;
    void (*paused)(void *context);
    /* Called in the reading thread for each bad line; "line" stands before `text`. May be NULL. */
    void (*bad_line)(void *context, const char *file, uint64_t line, const char *text);
    void *context;
};

#define FILE_SOURCE_OPTIONS_INIT                                                                   \
    { .from_ns = FILE_SOURCE_NO_FROM, .until_ns = FILE_SOURCE_NO_UNTIL }

struct file_source_progress {
    uint64_t bytes;      /* read so far, of all files */
    int64_t bytes_total; /* -1: not known (a pipe) */
    uint64_t lines;
    uint64_t bad_lines;
    uint64_t records;  /* delivered to lanes */
    uint64_t filtered; /* left out by the filters or because their topic is not configured */
};

/* NULL with an error. Opens the files, so that a missing one is said at once; reads nothing before
 * `start`. Copies the options; `config` and `log` must outlive the source. */
struct source *file_source_new(const struct file_source_options *options,
                               const struct config *config, struct log *log, struct error *error);

/* The record's place in the order of the input, from 0 without gaps. */
uint64_t file_source_sequence(const struct record *record);
/* The line that it was, for messages; `file` lives as long as the source. */
void file_source_place(const struct source *source, const struct record *record, const char **file,
                       uint64_t *line);

/* Any thread: all records with a lower sequence have been released by their lanes. So everything
 * that they gave rise to is known, and can be written in order. */
uint64_t file_source_done(struct source *source);

/* Any thread. */
void file_source_progress(struct source *source, struct file_source_progress *progress);

#endif
