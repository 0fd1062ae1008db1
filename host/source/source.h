/*
 * source/source.h - where records come from, as the engine sees it.
 *
 * A source serves lanes and one control thread. Lanes read and store; control polls, and is
 * notified through the listener when partitions come and go. The listener's calls happen inside
 * `poll` or `close`, on the control thread, and the source waits for them to return: when `revoked`
 * has returned, no lane holds a record of those partitions.
 *
 * Kafka (source/kafka/consumer.h) and recorded files (source/replay/replay_source.h) implement the
 * same table.
 */
#ifndef TAKE5_SOURCE_SOURCE_H
#define TAKE5_SOURCE_SOURCE_H

#include "base/error.h"
#include "message/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_NO_OFFSET INT64_MIN

/* One (topic, partition number). */
struct topic_partition {
    uint32_t topic; /* index into the configuration's topics */
    int32_t partition;
    /* Assigned: where reading begins: the committed offset, or without one (`is_new`) what the
     * source makes of that. SOURCE_NO_OFFSET: not known. */
    int64_t offset;
    bool is_new; /* assigned: nobody has committed an offset */
    /* Assigned: the text that was committed with the offset, until the listener returns; NULL:
     * none. */
    const char *note;
};

/* Called on the control thread. */
struct source_listener {
    void *context;
    /*
     * Partitions were assigned; none of their records is read before this returns. The listener may
     * change `offset` of a part to where reading shall begin; SOURCE_NO_OFFSET leaves it to the
     * source (committed, else the reset policy).
     */
    void (*assigned)(void *context, struct topic_partition *parts, size_t count);
    /* Partitions go. Unless `is_lost`, offsets that are stored before this returns are committed.
     */
    void (*revoked)(void *context, const struct topic_partition *parts, size_t count, bool is_lost);
    /* For sources that begin in the middle and have no `history`: how far before their beginning
     * the strategies that run look back. */
    int64_t history_ns;
};

struct source_status {
    bool is_connected; /* a broker answers */
    bool is_assigned;  /* has an assignment that holds, be it an empty one */
    int64_t answer_ns; /* when a broker answered last, clock_monotonic_ns(); 0: not known */
    int64_t commit_ns; /* when an offset was committed last, clock_monotonic_ns(); 0: none was */
    char detail[512];  /* in words: "connecting to 127.0.0.1:29092", "waiting for topics: x, y" */
    char missing[256]; /* topics that cannot be read, "x, y (why)"; empty: none */
    char
        standing[768]; /* partitions that are not read on: offset, error, what to do; empty: none */
};

struct source_lag {
    uint32_t topic;
    int32_t partition;
    /* From what is done to the end of the log; -1 unknown. Records that nobody is given, such as
     * marks of transactions, do not count once they are passed. */
    int64_t lag;
    int64_t committed; /* -1 unknown */
    int64_t end;       /* high watermark; -1 unknown */
    int64_t held_ms;   /* since when an open transaction holds back what lies before the end, in ms
                        * of the epoch; 0: none does */
};

struct source;

struct source_history_ops;

struct source_ops {
    /* Begins: joins the group, or opens the files. Not blocking on the network. */
    bool (*start)(struct source *source, const struct source_listener *listener,
                  struct error *error);
    /* Lane thread. Waits up to `timeout_ms` for one record, then takes what is there, up to `most`.
     * Gives how many; 0 after the time or a wake. Records must be released in the order read. */
    size_t (*read)(struct source *source, uint32_t lane, struct record *records, size_t most,
                   int timeout_ms);
    void (*release)(struct source *source, uint32_t lane, struct record *records, size_t count);
    /* Lane thread: the record's own headers, for dead letters; gives how many there are in all and
     * fills up to `most`. They live as long as the record. The op may be NULL: there are none. */
    size_t (*headers)(struct source *source, const struct record *record,
                      struct record_header *headers, size_t most);
    /* Lane thread: the first offset that the log still has, and the one that its next record will
     * get, as last heard of; false when not known. Local and cheap. The op may be NULL. */
    bool (*range)(struct source *source, uint32_t topic, int32_t partition, int64_t *low,
                  int64_t *high);
    /* Control thread: the offset that this host is known to have committed last, over all
     * assignments; SOURCE_NO_OFFSET: none. The op may be NULL. */
    int64_t (*committed)(struct source *source, uint32_t topic, int32_t partition);
    /* Control thread: puts what another group has committed into the offsets of the parts
     * (SOURCE_NO_OFFSET: nothing), and what was committed with it into their notes, which are NULL
     * before, and the caller's to free(). Joins nothing. False: it is not known. The op may be
     * NULL. */
    bool (*committed_of)(struct source *source, const char *group, struct topic_partition *parts,
                         size_t count, int timeout_ms, struct error *error);
    /* Control thread, within the listener's `assigned`: commits now where those begin that are new,
     * and waits for it as long as is reasonable. Without it that is done behind `assigned`. The op
     * may be NULL. */
    void (*commit_begins)(struct source *source, const struct topic_partition *parts, size_t count);
    /* Control thread: whether there is anybody to read for (the start: yes). While there is not,
     * the source holds no partitions: what it has is revoked, and offsets stay. The op may be NULL.
     */
    void (*attend)(struct source *source, bool is_anybody);
    /* Control thread: how many partitions the topic has in all; 0: not known. The op may be NULL.
     */
    int32_t (*partitions)(struct source *source, uint32_t topic);
    /* Any thread: a read of that lane that waits returns soon. */
    void (*wake)(struct source *source, uint32_t lane);
    /* Lane thread (or control, for partitions that no lane works on): everything below `next` is
     * done. Committed in the background. False: it was not taken, because the partition is not
     * assigned yet, or no more; while it is owned it is to be given again. */
    bool (*store)(struct source *source, uint32_t topic, int32_t partition, int64_t next);
    /* Control thread: serves events for up to `timeout_ms`; a source that has something to do by
     * the clock comes back for it. False: the source has ended for good (a file was read to its
     * end; a fatal error, then `error` says which). */
    bool (*poll)(struct source *source, int timeout_ms, struct error *error);
    /* Any thread: a poll that waits returns soon, and the next one if none does. */
    void (*wake_control)(struct source *source);
    /* Control thread: commits what is stored, and waits, up to the time. */
    bool (*commit)(struct source *source, int timeout_ms, struct error *error);
    /* Any thread. */
    void (*status)(struct source *source, struct source_status *status);
    /* Any thread: the newest figures; gives how many there are in all, fills up to `most`. */
    size_t (*lag)(struct source *source, struct source_lag *lags, size_t most);
    /* Reads records that lie before (history.h). NULL: this source cannot. */
    const struct source_history_ops *history;
    /* Control thread, before `close`: that gives the partitions up for good, instead of keeping
     * them for this host where the group does that. The op may be NULL: it always does. */
    void (*leave)(struct source *source);
    /* Control thread, lanes no longer reading: revokes (through the listener), commits, leaves. The
     * other calls stay possible until `free`; they find nothing more. Bounded by `timeout_ms`;
     * false when it had to give up waiting, or what was stored is not committed. */
    bool (*close)(struct source *source, int timeout_ms);
    /* After close, or without it when it was never started; nobody uses the source any more. False:
     * something of it hangs, and its memory is left. */
    bool (*free)(struct source *source);
};

struct source {
    const struct source_ops *ops;
};

#endif
