/*
 * engine/lane/journal.h - the order in which messages of each partition number were delivered: a
 * replay needs it to give the same signals as the live run, for strategies that join topics.
 *
 * Text, one line per run of messages: TOPIC PARTITION FIRST_OFFSET COUNT. Lines of one partition
 * number are in the order of delivery; those of different lanes may be interleaved. A restart
 * appends.
 *
 * Each lane has its own writer, which gathers lines and writes them whole. A file that was moved or
 * removed is created again. The journal is no part of the delivery guarantee: what is in memory at
 * a crash is lost, and a failed write is logged once and ends the journal.
 */
#ifndef TAKE5_ENGINE_LANE_JOURNAL_H
#define TAKE5_ENGINE_LANE_JOURNAL_H

#include "base/error.h"
#include "base/sync/locks.h"
#include "base/text.h"
#include "engine/core/topic_table.h"
#include "log/log.h"
#include "message/record.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

LOCK_CLASS(journal_lock);
struct journal {
    pthread_mutex_t lock; /* lanes write one after the other */
    int file GUARDED_BY(journal_lock);
    dev_t device GUARDED_BY(journal_lock); /* of the file */
    ino_t inode GUARDED_BY(journal_lock);
    bool is_astray GUARDED_BY(
        journal_lock); /* the path leads elsewhere, and could not be reopened: already logged */
    const char *path;
    const struct topics *topics;
    struct log *log;
    _Atomic bool has_failed;
};

/* Appends to the file, which it creates if needed; both texts must outlive it. NULL with an
 * error. */
struct journal *journal_new(const char *path, const struct topics *topics, struct log *log,
                            struct error *error);
/* Takes NULL. */
void journal_free(struct journal *journal);

/* One per lane. */
struct journal_writer {
    struct journal *journal; /* NULL: nothing is written */
    uint32_t topic;          /* of the open run */
    int32_t partition;
    int64_t first, next;
    struct text lines;
    int64_t written_ns; /* clock_coarse_ns() */
};

/* `journal` may be NULL. */
void journal_writer_init(struct journal_writer *writer, struct journal *journal);
/* Notes that the record is delivered now. */
void journal_note(struct journal_writer *writer, const struct record *record);
/* Writes what was gathered, if that was a second ago or `is_last`. */
void journal_flush(struct journal_writer *writer, int64_t coarse_ns, bool is_last);
void journal_writer_release(struct journal_writer *writer);

#endif
