/*
 * checkpoint/store.h - where checkpoints and journals are kept, written by a thread of its own: in
 * a directory (directory.h) or in a topic (checkpoint/kafka/state_topic.h). Who uses a store does
 * not know which.
 *
 * What cannot be used - damaged, cut off, of another form - is logged with the reason; the next
 * older one is taken. A disk that is full, or brokers that are away, stop checkpoints and journals,
 * are logged once, and once more when it is over; nothing waits for them.
 *
 * Threads: lanes put and append; control does all the rest. checkpoint_store_status() by any
 * thread.
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
    struct store_backend *backend; /* taken over, also by a failure; NULL: a directory */
    const char *state_dir;         /* where states of before are, and the directory */
    const char *group;             /* group.id: checkpoints of another one are refused */
    /* Kafka's names. Their indices are the streams of a KEYED number; of GLOBAL, (topic T,
     * partition number P) is stream P * topic_count + T. */
    const char *const *topics;
    size_t topic_count;
    struct log *log;
    /* Control's waits end at that moment (monotonic), which may come nearer meanwhile; outlives the
     * store. NULL: none. */
    const _Atomic int64_t *hurry_ns;
};

/* Sees whether the place can be used - the directory is this service's alone, the topic has the
 * right settings -, and starts the thread. Copies the
 * options' texts. NULL with an error. */
struct checkpoint_store *checkpoint_store_new(const struct checkpoint_store_options *options,
                                              struct error *error);
/* Writes what was put, up to the time, and ends the thread. False: it hangs, and its memory is
 * left. NULL is allowed. */
bool checkpoint_store_free(struct checkpoint_store *store, int64_t timeout_ns);

/* Whether the other hosts of the group write there too: what they did with a partition number while
 * it was theirs is found here then. Any thread. */
bool checkpoint_store_is_shared(const struct checkpoint_store *store);

/*
 * The newest checkpoint of the partition number that is usable for the committed offsets; it is not
 * removed before a newer one has been written. False: there is none; `why` then tells people about
 * the newest that there is ("" when there is none at all). ERROR_MEMORY in `error` means that
 * nobody can say, and ERROR_TIMEOUT that nobody could by now (a stop was asked for, or the brokers
 * do not answer); otherwise it has ERROR_NONE, and what is wrong with files or records was logged.
 * Checkpoints above the committed offsets stay, and are removed when the next one is written, whose
 * number is above all there are. When there is none, the journals are of no use, and are removed.
 * What was put and is not written yet is not seen, nor written any more: await it.
 */
bool checkpoint_store_find(struct checkpoint_store *store, int32_t partition,
                           const struct positions *committed, struct checkpoint *checkpoint,
                           struct text *why, struct error *error);

/*
 * The newest one below that number that is usable: for who cannot use what the one that was found
 * has of him. That one stays the one that is gone on with. Where there is none `checkpoint`, which
 * is initialised and empty, stays so; a topic keeps older ones for a while alone. False with an
 * error: ERROR_MEMORY, ERROR_TIMEOUT as above.
 */
bool checkpoint_store_find_before(struct checkpoint_store *store, int32_t partition,
                                  uint64_t number, const struct positions *committed,
                                  struct checkpoint *checkpoint, struct error *error);

/* Keeps for inspection what the checkpoint has of a deployment whose strategy refuses it, as a
 * checkpoint of that part alone: STATE_DIR/checkpoints/PARTITION/NUMBER.DEPLOYMENT.refused,
 * whatever the store is; a state of before there were checkpoints is renamed. Gives the path, to
 * free(). NULL with an error. */
char *checkpoint_store_keep_refused(struct checkpoint_store *store,
                                    const struct checkpoint *checkpoint, const char *deployment,
                                    struct error *error);

/* A partition number comes, and nothing that is kept of it is gone on with: it was parked here, or
 * nobody knows where it begins. Before the first put of a number that comes there is one of the
 * two, this or find. False with an error: ERROR_MEMORY, ERROR_TIMEOUT as above. */
bool checkpoint_store_resume(struct checkpoint_store *store, int32_t partition,
                             struct error *error);

/*
 * Looks at what other processes of this host keep in places of the same kind, or this one: answers
 * all of the questions (backend.h; their checkpoints are initialised and empty), journals with
 * their tails. Nothing that is theirs is changed; what cannot be read of it is passed over, and
 * logged. False with an error: ERROR_MEMORY, ERROR_TIMEOUT as above.
 */
bool checkpoint_store_look(struct checkpoint_store *store, int32_t partition,
                           struct backend_look *looks, size_t count, struct error *error);

/* Reads the journal behind that checkpoint number into an order just made with the number
 * (order.h), segment by segment. Files that are missing, unreadable or end within a frame end it:
 * `is_broken` when others follow. */
void checkpoint_store_read_order(struct checkpoint_store *store, int32_t partition, uint64_t number,
                                 struct order *order);

/*
 * For who goes on from that checkpoint (number 0: from none) with the order that was read: adds to
 * it what the process before had noted in the journal's tail (order_tail.h) and not written.
 */
void checkpoint_store_read_tail(struct checkpoint_store *store, const struct checkpoint *from,
                                struct order *order);
/* Makes the tail of the order anew; the caller frees it. NULL: there is none, which was logged: the
 * order since the journal was written last goes with the process. */
struct order_tail *checkpoint_store_new_tail(struct checkpoint_store *store, int32_t partition,
                                             const struct order *order);

/* The number for the next checkpoint: above all that are there or were put. 0: nobody can say now,
 * for lack of memory or because of the disk; it was logged. Any thread. */
uint64_t checkpoint_store_next_number(struct checkpoint_store *store, int32_t partition);

/* Takes the checkpoint over, to be written; `*checkpoint` is empty afterwards. Timers of its states
 * may be in no order. `committed` (copied) is what was stored at the time. Gives a ticket. 0: out
 * of memory, the checkpoint is gone. Never blocks on the disk: when more wait than
 * CHECKPOINT_STORE_WAITING of one partition number, the oldest of them fails. */
#define CHECKPOINT_STORE_WAITING 4
uint64_t checkpoint_store_put(struct checkpoint_store *store, struct checkpoint *checkpoint,
                              const struct positions *committed);
/* Appends to the journal of that number what order_put_frames() gave; likewise. What is lost, for
 * lack of memory, on a full disk, or because too much waits, is told in the journal as soon as it
 * can be: whoever reads it knows that the order is broken. Numbers never go down. */
uint64_t checkpoint_store_append(struct checkpoint_store *store, int32_t partition, uint64_t number,
                                 const struct text *frames);
/* Whether all up to the ticket has been tried; what was written is safe: synced (fdatasync), or
 * acknowledged by all brokers that have to. Any thread. */
bool checkpoint_store_is_done(const struct checkpoint_store *store, uint64_t ticket);
/* Waits for it, up to the time. */
bool checkpoint_store_await(struct checkpoint_store *store, uint64_t ticket, int64_t timeout_ns);
/* Whether that one is kept: so that `same_as` of one that is put now may name it. Any thread. */
bool checkpoint_store_has(struct checkpoint_store *store, int32_t partition, uint64_t number);
/* Number of the oldest checkpoint kept of the partition number; 0: none. Any thread. */
uint64_t checkpoint_store_oldest(struct checkpoint_store *store, int32_t partition);

/* Reads the states of clean stops of versions before there were checkpoints
 * (STATE_DIR/instances/DEPLOYMENT.PARTITION.state) of one partition number, as a checkpoint with
 * number 0, and says so; they are removed when the next checkpoint has been written. False: there
 * are none. */
bool checkpoint_store_find_old(struct checkpoint_store *store, int32_t partition,
                               const struct positions *committed, struct checkpoint *checkpoint,
                               struct error *error);

/* Of one partition number. */
struct checkpoint_store_status {
    int32_t partition;
    uint64_t number;  /* of the newest that is written; 0: none by this process */
    int64_t taken_ms; /* wall clock */
    uint64_t size;    /* bytes */
    int64_t write_ns; /* how long writing took, sync included */
};

struct checkpoint_store_totals {
    uint64_t written, failed, bytes, journal_bytes;
    bool is_ok;       /* the last attempt worked */
    char detail[256]; /* what is wrong */
};

/* Gives how many partition numbers there are in all; fills up to `most`. `totals` may be NULL. */
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

/* All there are under the directory, by partition and number; free with checkpoint_files_free().
 * False with an error when it cannot be read. */
bool checkpoint_files_list(const char *state_dir, struct checkpoint_file **files, size_t *count,
                           struct error *error);
void checkpoint_files_free(struct checkpoint_file *files, size_t count);
bool checkpoint_file_read(const char *path, struct checkpoint *checkpoint, struct error *error);
/* Checks all hashes of a journal. `*torn`: bytes at its end that a crash cut off, which is no
 * damage. */
bool checkpoint_journal_check(const char *path, uint64_t *torn, struct error *error);
/* Reads what was handed over since that checkpoint, which is of the directory, into an order just
 * made with its number: its journal, those behind it, and the tail. `group` and `topics` as in
 * struct checkpoint_store_options. False with an error: one is missing or damaged, or memory runs
 * out. Where frames were lost the order is broken. */
bool checkpoint_order_read(const char *state_dir, const char *group, const char *const *topics,
                           size_t topic_count, const struct checkpoint *from, struct order *order,
                           struct error *error);
/* The tail alone, behind what the order has. False: out of memory. */
bool checkpoint_order_read_tail(const char *state_dir, const char *group, const char *const *topics,
                                size_t topic_count, const struct checkpoint *from,
                                struct order *order, struct error *error);

#endif
