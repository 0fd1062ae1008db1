/*
 * checkpoint/store.h - where checkpoints and journals are kept, written by a thread of its own: in
 * a directory (directory.h) or in a topic (checkpoint/kafka/state_topic.h). Users of a store do not
 * know which.
 *
 * What is unusable (damaged, cut off, of another format) is logged with the reason; the next older
 * one is taken. A full disk, or unreachable brokers, stop checkpoints and journals, and are logged
 * once, and once more when that is over; nothing waits for them.
 *
 * Threads: lanes put and append; control does the rest. checkpoint_store_status() by any thread.
 */
#ifndef TAKE5_CHECKPOINT_STORE_H
#define TAKE5_CHECKPOINT_STORE_H

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/order.h"
#include "checkpoint/order_tail.h"
#include "log/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct checkpoint_store;
struct store_backend;
struct backend_look;

struct checkpoint_store_options {
    struct store_backend *backend; /* taken over, even on failure; NULL: a directory */
    const char *state_dir;         /* where states of older versions are, and the directory */
    const char *group;             /* group.id: checkpoints of other groups are refused */
    /* Kafka's names. Their indices are the streams of a KEYED number; for GLOBAL, (topic T,
     * partition number P) is stream P * topic_count + T. */
    const char *const *topics;
    size_t topic_count;
    struct log *log;
    /* Control's waits end at that time (monotonic), which may be brought forward meanwhile;
     * outlives the store. NULL: none. */
    const _Atomic int64_t *hurry_ns;
};

/* Checks whether the place can be used (only this service may access the directory, the topic has
 * the right settings), and starts the thread. Copies the options' texts. NULL with an error. */
struct checkpoint_store *checkpoint_store_new(const struct checkpoint_store_options *options,
                                              struct error *error);
/* Writes what was put, up to the time, and ends the thread. False: it hangs, and its memory is
 * leaked. Takes NULL. */
bool checkpoint_store_free(struct checkpoint_store *store, int64_t timeout_ns);

/* Whether the other hosts of the group write there too: what they wrote for a partition number
 * while it was theirs is then found here. Any thread. */
bool checkpoint_store_is_shared(const struct checkpoint_store *store);

/*
 * The newest checkpoint of the partition number that is usable for the committed offsets; it is not
 * removed before a newer one has been written. False: there is none; `why` then describes the
 * newest existing one for people ("" if there is none at all). ERROR_MEMORY in `error` means that
 * it cannot be found out, and ERROR_TIMEOUT that it could not be in time (a stop was requested, or
 * the brokers do not answer); otherwise it has ERROR_NONE, and problems with files or records were
 * logged. Checkpoints above the committed offsets stay, and are removed when the next one is
 * written, whose number is above all of them. If there is no usable one, the journals are useless,
 * and are removed. What was put and is not written yet is not seen, nor written any more: await it
 * first.
 */
bool checkpoint_store_find(struct checkpoint_store *store, int32_t partition,
                           const struct positions *committed, struct checkpoint *checkpoint,
                           struct text *why, struct error *error);

/*
 * The newest usable one below that number: for a deployment that cannot use its part of the one
 * that was found. The partition number still continues with that one. If there is none
 * `checkpoint`, which is initialised and empty, stays so; a topic keeps older ones only for a
 * while. False with an error: ERROR_MEMORY, ERROR_TIMEOUT as above.
 */
bool checkpoint_store_find_before(struct checkpoint_store *store, int32_t partition,
                                  uint64_t number, const struct positions *committed,
                                  struct checkpoint *checkpoint, struct error *error);

/* Keeps for inspection the checkpoint's part for a deployment whose strategy refuses it, as a
 * checkpoint with only that part: STATE_DIR/checkpoints/PARTITION/NUMBER.DEPLOYMENT.refused,
 * whatever the store is; a state of a version without checkpoints is renamed. Returns the path, to
 * free(). NULL with an error. */
char *checkpoint_store_keep_refused(struct checkpoint_store *store,
                                    const struct checkpoint *checkpoint, const char *deployment,
                                    struct error *error);

/* A partition number is assigned, and continues with nothing that is stored for it: it was parked
 * here, or it is not known where it begins. Either this or find is called before the first put for
 * an assigned number. False with an error: ERROR_MEMORY, ERROR_TIMEOUT as above. */
bool checkpoint_store_resume(struct checkpoint_store *store, int32_t partition,
                             struct error *error);

/*
 * Examines what other processes of this host, or this one, keep in places of the same kind: answers
 * all of the questions (backend.h; their checkpoints are initialised and empty), with journals and
 * their tails. Changes nothing of theirs; what is unreadable is skipped, and logged. False with an
 * error: ERROR_MEMORY, ERROR_TIMEOUT as above.
 */
bool checkpoint_store_look(struct checkpoint_store *store, int32_t partition,
                           struct backend_look *looks, size_t count, struct error *error);

/* Reads the journal after that checkpoint number into an order just made with the number (order.h),
 * segment by segment. It ends at files that are missing, unreadable or end within a frame, with
 * `is_broken` if others follow. */
void checkpoint_store_read_order(struct checkpoint_store *store, int32_t partition, uint64_t number,
                                 struct order *order);

/*
 * For continuing from that checkpoint (number 0: from none) with the order that was read: adds to
 * it what the previous process had noted in the journal's tail (order_tail.h) and not written.
 */
void checkpoint_store_read_tail(struct checkpoint_store *store, const struct checkpoint *from,
                                struct order *order);
/* Makes a new tail for the order; the caller frees it. NULL: it failed, which was logged: the order
 * since the journal was last written is lost if the process ends. */
struct order_tail *checkpoint_store_new_tail(struct checkpoint_store *store, int32_t partition,
                                             const struct order *order);

/* The wall clock in ms, for `worked_ms` (checkpoint.h): by it the last one of several workers in
 * which a deployment ran is found (engine/history/moved.h). If the clock was set back it is above
 * what checkpoint_store_raise_stamp() was given. Any thread. */
int64_t checkpoint_store_stamp_ms(struct checkpoint_store *store);
void checkpoint_store_raise_stamp(struct checkpoint_store *store, int64_t above_ms);

/* The number for the next checkpoint: above all that exist or were put. 0: unknown now, for lack of
 * memory or because of the disk; it was logged. Any thread. */
uint64_t checkpoint_store_next_number(struct checkpoint_store *store, int32_t partition);

/* Takes over the checkpoint, to be written; `*checkpoint` is empty afterwards. Timers of its states
 * may be unsorted. `committed` (copied) is what was stored at the time. Returns a ticket. 0: out of
 * memory, the checkpoint is lost. Never blocks on the disk: if more than CHECKPOINT_STORE_WAITING
 * of one partition number wait, the oldest of them fails. */
#define CHECKPOINT_STORE_WAITING 4
uint64_t checkpoint_store_put(struct checkpoint_store *store, struct checkpoint *checkpoint,
                              const struct positions *committed);
/* Likewise appends to the journal of that number what order_put_frames() returned. If something is
 * lost, for lack of memory, on a full disk, or because too much waits, the journal says so as soon
 * as possible: readers know that the order is broken. Numbers never decrease. */
uint64_t checkpoint_store_append(struct checkpoint_store *store, int32_t partition, uint64_t number,
                                 const struct text *frames);
/* Whether everything up to the ticket has been attempted; what was written is safe: synced
 * (fdatasync), or acknowledged by all required brokers. Any thread. */
bool checkpoint_store_is_done(const struct checkpoint_store *store, uint64_t ticket);
/* Waits for it, up to the time. */
bool checkpoint_store_await(struct checkpoint_store *store, uint64_t ticket, int64_t timeout_ns);
/* Whether that one is kept, so that `same_as` of one that is put now may refer to it. Any
 * thread. */
bool checkpoint_store_has(struct checkpoint_store *store, int32_t partition, uint64_t number);
/* Number of the oldest checkpoint kept for the partition number; 0: none. Any thread. */
uint64_t checkpoint_store_oldest(struct checkpoint_store *store, int32_t partition);

/* Reads the states of clean stops of versions without checkpoints
 * (STATE_DIR/instances/DEPLOYMENT.PARTITION.state) for one partition number, as a checkpoint with
 * number 0, and logs that; they are removed when the next checkpoint has been written. False: there
 * are none. */
bool checkpoint_store_find_old(struct checkpoint_store *store, int32_t partition,
                               const struct positions *committed, struct checkpoint *checkpoint,
                               struct error *error);

/* Of one partition number. */
struct checkpoint_store_status {
    int32_t partition;
    uint64_t number;  /* of the newest one written; 0: none by this process */
    int64_t taken_ms; /* wall clock */
    uint64_t size;    /* bytes */
    int64_t write_ns; /* duration of writing, sync included */
};

struct checkpoint_store_totals {
    uint64_t written, failed, bytes, journal_bytes;
    bool is_ok;       /* the last attempt worked */
    char detail[256]; /* what is wrong */
};

/* Returns how many partition numbers there are in all; fills up to `most`. `totals` may be NULL. */
size_t checkpoint_store_status(struct checkpoint_store *store,
                               struct checkpoint_store_status *status, size_t most,
                               struct checkpoint_store_totals *totals);

/* ---- offline, for `take5 checkpoint`: files, without a store ---- */

struct checkpoint_file {
    int32_t partition;
    uint64_t number;
    bool is_journal;
    char *path;
    uint64_t size;
};

/* All under the directory, by partition and number; free with checkpoint_files_free(). False with
 * an error: it is unreadable. */
bool checkpoint_files_list(const char *state_dir, struct checkpoint_file **files, size_t *count,
                           struct error *error);
void checkpoint_files_free(struct checkpoint_file *files, size_t count);
bool checkpoint_file_read(const char *path, struct checkpoint *checkpoint, struct error *error);
/* Checks all hashes of a journal. `*torn`: bytes at its end that a crash cut off, which is not
 * damage. */
bool checkpoint_journal_check(const char *path, uint64_t *torn, struct error *error);
/* Reads what was handed over since that checkpoint, which is in the directory, into an order just
 * made with its number: its journal, the following ones, and the tail. `group` and `topics` as in
 * struct checkpoint_store_options. False with an error: one is missing or damaged, or memory runs
 * out. If frames were lost the order is broken. */
bool checkpoint_order_read(const char *state_dir, const char *group, const char *const *topics,
                           size_t topic_count, const struct checkpoint *from, struct order *order,
                           struct error *error);
/* Only the part of the tail that the order does not have. False: out of memory. */
bool checkpoint_order_read_tail(const char *state_dir, const char *group, const char *const *topics,
                                size_t topic_count, const struct checkpoint *from,
                                struct order *order, struct error *error);

#endif
