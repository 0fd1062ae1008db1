/*
 * source/replay/replay_source.h - recorded files as a source: replay.
 *
 * One thread reads ahead, as far as a bound of memory allows, and deals the records out to the
 * lanes (partition % lanes), each lane's in the order of the input. Every record has a sequence
 * number, its place among all that are delivered; so what lanes make of them can be put into the
 * order of the input again, whatever the number of lanes.
 *
 * Lines are those of line.h. One that names no topic belongs to `topic`, or to the one
 * that follows from its shape. One that names no partition goes to one of FILE_SOURCE_SPREAD by a
 * hash of its symbol (else of its key), whatever the number of lanes. One that names no offset gets
 * the next one of its (topic, partition); filters do not change that numbering.
 *
 * Several files are merged by event time; of equal times the file that was named first comes first,
 * and within a file the order of the lines stays. So what belongs to one partition of one topic and
 * was recorded one file after the other is better given as one file (cat a b | ... -).
 *
 * Partitions: a number is assigned, for all topics, when the first record with it is met; all
 * records before it have been worked on by then, and none of it is read before the listener has
 * returned. (Lines without a partition assign all FILE_SOURCE_SPREAD numbers at once.) So the place
 * of an assignment in the stream does not depend on timing. Nothing is committed; the source ends,
 * in `poll`, when all records have been released.
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_SOURCE_H
#define TAKE5_SOURCE_REPLAY_REPLAY_SOURCE_H

#include "base/error.h"
#include "config/config.h"
#include "log/log.h"
#include "source/replay/replay_options.h"
#include "source/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL with an error. Opens the files, so that a missing one is reported at once; reads nothing
 * before `start`. Copies the options; `config` and `log` must outlive the source. */
struct source *file_source_new(const struct file_source_options *options,
                               const struct config *config, struct log *log, struct error *error);

/* The record's place in the order of the input, from 0 without gaps. */
uint64_t file_source_sequence(const struct record *record);
/* How long before `from_ns` the record lies: it is given for the windows of those that look back so
 * far, up to the listener's `history_ns`. 0: it is replayed. */
int64_t file_source_ahead_ns(const struct record *record);
/* The line that it was, for messages; `file` lives as long as the source. */
void file_source_place(const struct source *source, const struct record *record, const char **file,
                       uint64_t *line);

/* Any thread: all records with a lower sequence have been released by their lanes. So everything
 * that they gave rise to is known, and can be written in order. */
uint64_t file_source_done(struct source *source);

/* Any thread. */
void file_source_progress(struct source *source, struct file_source_progress *progress);

#endif
