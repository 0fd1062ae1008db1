/*
 * source/kafka/consumer_private.h - the inside of the Kafka source, for its own files only.
 *
 *   consumer.c           the table of operations, lanes' reading, making and starting
 *   client_properties.c  what librdkafka is configured with
 *   rebalance.c          assignment: rebalance, forwarding to lanes
 *   offset_commit.c      offsets: stored by lanes, committed by control
 *   member.c             the static member of the group, and leaving it for good
 *   begin.c              where partitions begin that have no committed offset
 *   topics.c             which topics there are, and the subscription to them
 *   connection.c         connection, librdkafka's log and errors, the status in words
 *   stand.c              partitions that cannot be read on
 *   refill.c             keeping the client fetching while a lane works off what it has
 *   lag.c                librdkafka's statistics
 *   history.c            records that lie before, read beside the stream
 *   close.c              leaving within a time
 */
#ifndef TAKE5_SOURCE_KAFKA_CONSUMER_PRIVATE_H
#define TAKE5_SOURCE_KAFKA_CONSUMER_PRIVATE_H

#include "base/sync/locks.h"
#include "source/kafka/consumer.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

/* Aligned, so that two lanes do not share a cache line. */
struct kafka_owned_part {
    _Atomic bool is_owned; /* written by control, read by lanes */
    /* One above the last record that a lane was given; SOURCE_NO_OFFSET: none. Written by the lane
     * where a run of a partition's records ends, read by control. */
    _Atomic int64_t given;
    /* As last known. Written by control, read by lanes. */
    _Atomic int64_t committed;
    /* Exactly once: what a transaction of this host has committed, over all assignments; written by
     * the lane. SOURCE_NO_OFFSET: none. */
    _Atomic int64_t transacted;
    /* Everything below is done; SOURCE_NO_OFFSET: nothing was stored since its assignment. Written
     * by the thread that works on it while `takes_offsets`, read by control. */
    _Atomic int64_t stored;
    _Atomic bool takes_offsets; /* from the assignment until the commit of the revocation */
} __attribute__((aligned(64)));

/* Which partitions of a topic this host owns. It is only ever replaced by a larger one; the older
 * ones are kept until the end, since a lane may be using them. */
struct kafka_owned {
    struct kafka_owned *older;
    struct kafka_owned_part *added; /* those that the older one does not have */
    int32_t count;
    struct kafka_owned_part *parts[];
};

/* What control remembers of a partition, over all assignments. Offsets may be SOURCE_NO_OFFSET. */
struct kafka_part {
    int64_t committed_by_us; /* last */
    int64_t begun;           /* where it begins without a committed offset */
    int64_t committed;       /* by any host, as last known */
    bool had_offset;         /* the group once had one in it */
    rd_kafka_queue_t *queue; /* the client's, since its last assignment; see group_parts.c */
    /* No record between these offsets is ever handed out, see lag.c. */
    int64_t settled_from, settled_to;
    int64_t held_at, held_ms; /* where an open transaction holds it back, and since when; 0: it
                               * does not */
};

struct kafka_topic {
    char *name;
    struct kafka_part *parts; /* control's only */
    int32_t part_count;
    rd_kafka_topic_t *handle;         /* held, so that its address keeps meaning this topic */
    rd_kafka_topic_t *history_handle; /* of the client of readings; control's; NULL: none was
                                       * read */
    _Atomic(struct kafka_owned *) owned;
    int32_t partition_count; /* as the metadata had it; 0: not seen yet */
    /* The topics thread's while it is asked, then control's. */
    rd_kafka_resp_err_t answer;
    int32_t answer_count;
    rd_kafka_topic_partition_list_t *begins; /* see kafka_begin_ask(); NULL: not asked */
    int ask_count;                           /* checks that could not find it out */
    /* Control's; the topics thread reads them while it is asked. */
    rd_kafka_resp_err_t error; /* of the last check */
    bool is_seen;              /* it is known whether it existed when this host first looked */
    int32_t first_count;       /* how many partitions it had then: the others came later */
    int absent_count;          /* checks in a row without it */
    bool is_there;
    bool is_subscribed;
};

/* A partition in which the client is stuck. */
struct kafka_stand {
    uint32_t topic;
    int32_t partition;
    int64_t offset;
    rd_kafka_resp_err_t code;
    char reason[192];
};

#define KAFKA_STANDS 32 /* more are only logged */

/* Aligned, so that two lanes do not share a cache line. */
struct kafka_lane {
    rd_kafka_queue_t *queue;
    rd_kafka_message_t **batch;
    size_t batch_size;
    /* The topic of the previous message: nearly always the next one's too. */
    const rd_kafka_topic_t *seen;
    uint32_t seen_topic;
    _Atomic bool is_woken; /* a wake-up that no waiting read has seen yet */
    size_t peak;           /* the longest queue since the client was last made to fetch */
} __attribute__((aligned(64)));

/* What the group knows about this host's name. A broker gives a process that returns the partitions
 * of the previous one, whatever topics and partitions exist by now. */
enum kafka_member {
    KAFKA_MEMBER_CURRENT,
    KAFKA_MEMBER_STALE,   /* the next assignment is out of date */
    KAFKA_MEMBER_DECLINED /* it came: the group has to be left and joined again */
};

enum kafka_look { KAFKA_LOOK_NONE, KAFKA_LOOK_ASKED, KAFKA_LOOK_ANSWERED };

LOCK_CLASS(kafka_lock);
LOCK_CLASS(kafka_look_lock);
struct kafka_source {
    struct source source;

    /* Fixed before the lanes start. */
    struct log *log;
    rd_kafka_conf_t *conf; /* until the start */
    rd_kafka_t *client;
    char *servers;
    char *group;
    char *instance; /* group.instance.id; NULL: a dynamic member */
    struct kafka_topic *topics;
    uint32_t topic_count;
    struct kafka_lane *lanes;
    uint32_t lane_count;
    struct source_listener listener;
    bool needs_refill;          /* the client sleeps at its limits, see refill.c */
    char *user, *password;      /* of SASL; NULL: none */
    int64_t reset;              /* auto.offset.reset as RD_KAFKA_OFFSET_...; _INVALID: an error */
    int64_t session_ns;         /* session.timeout.ms */
    int64_t commit_interval_ns; /* auto.commit.interval.ms; 0: only when partitions are revoked */
    bool keeps_assignor_state;  /* the assignor is cooperative-sticky, see close.c */
    int64_t silence_ns;         /* a working broker answers sooner */
    int64_t quiet_ns;           /* the same for a client with partitions, for the status */
    /* Exactly once: transactors commit, with this client's group metadata; it only commits where
     * partitions begin. */
    bool is_transactional;

    /* Control thread. */
    rd_kafka_topic_partition_list_t *assignment;
    bool is_subscribed;
    bool has_joined;     /* it has ever subscribed */
    bool was_rebalanced; /* the group has ever assigned something, or nothing */
    bool has_looked;     /* a broker has ever listed the topics */
    uint64_t look_count;
    enum kafka_member member;
    int64_t assigned_ns;   /* when the group assigned last */
    bool is_fenced;        /* has to be logged */
    bool should_rejoin;    /* an assignment was declined */
    bool is_committing;    /* a commit is in progress */
    int64_t commit_due_ns; /* when the next one is */
    int64_t waiting_ns; /* since when offsets wait for a commit, or that was logged; 0: none wait */
    rd_kafka_resp_err_t commit_code; /* the last commit's */
    bool leaves;                     /* closing: the partitions are given up permanently */
    bool is_closed;
    bool is_uncommitted;            /* closing: the broker did not take the last offsets */
    _Atomic int64_t joining_ns;     /* since when it is joining the group; 0: it is not */
    _Atomic bool is_joining_logged; /* it takes longer than it should; read by any thread */
    int64_t close_ns;               /* when closing must be over */
    bool was_connected;             /* ever */
    bool is_down_logged;
    bool is_trouble_new; /* `trouble` was not logged yet */
    int64_t look_ns;     /* when to check the metadata next */
    int64_t forward_ns;  /* when to renew the forwarding next */
    int64_t down_ns;     /* when the connection was last found lost */
    int silent_count;    /* statistics in a row without a broker that is up */
    char refused[256];   /* the last refusal (TLS, authentication) that was logged */
    char uneven[256];    /* the last differing partition counts that were logged */
    struct error fatal;  /* code ERROR_NONE: none */

    /* Control thread: readers of history, see history.c. */
    rd_kafka_conf_t *reader_conf;    /* of clients that join no group, to be copied */
    rd_kafka_conf_t *history_conf;   /* until the first reading */
    rd_kafka_t *history_client;      /* from then on, read by lanes that have a reading */
    struct source_history *readings; /* the open ones */

    /* The topics thread's while it is asked, then control's: of the process that had this name
     * before. */
    bool has_asked_former;
    char former_host[64]; /* empty: none */
    rd_kafka_topic_partition_list_t
        *former_parts; /* what the group has assigned; NULL: not known */

    /* The thread that looks at the topics, see topics.c. */
    pthread_t topics_thread;
    bool has_topics_thread;
    pthread_mutex_t look_mutex;
    pthread_cond_t look_changed;
    enum kafka_look look GUARDED_BY(kafka_look_lock);
    _Atomic bool is_look_ending;

    /* Any thread. */
    _Atomic(rd_kafka_queue_t *) control_queue; /* that control polls; NULL: before the start */
    _Atomic bool is_control_woken;             /* a wake-up that no poll has seen yet */
    _Atomic bool is_assigned;
    _Atomic bool is_connected;
    _Atomic bool has_partitions;
    _Atomic bool is_broken; /* an invariant was violated: nothing is stored any more */
    _Atomic bool is_unattended;
    _Atomic int64_t lost_ns;                  /* when a session was last lost; 0: never */
    _Atomic int64_t answer_ns;                /* when a broker last answered; 0: not known */
    _Atomic int64_t commit_ns;                /* when an offset was last committed; 0: none */
    pthread_mutex_t mutex;                    /* for the following members */
    char trouble[256] GUARDED_BY(kafka_lock); /* why there is no connection; empty: not known */
    bool is_refused GUARDED_BY(kafka_lock);   /* ... by a broker that was reached */
    char missing[256] GUARDED_BY(kafka_lock); /* topics that do not exist: "x, y"; empty: none */
    struct kafka_stand stands[KAFKA_STANDS] GUARDED_BY(kafka_lock);
    size_t stand_count GUARDED_BY(kafka_lock);
    char *statistics GUARDED_BY(kafka_lock); /* the newest, librdkafka's memory */
    struct source_lag *lags GUARDED_BY(kafka_lock);
    size_t lag_count GUARDED_BY(kafka_lock);
    size_t lag_capacity GUARDED_BY(kafka_lock);
};

static inline struct kafka_source *kafka_of(struct source *source) {
    return (struct kafka_source *)source;
}

/* A message as lanes see it: nothing is copied, it lives as long as the message. */
static inline struct record kafka_record(rd_kafka_message_t *message, uint32_t topic) {
    rd_kafka_timestamp_type_t type;
    const int64_t time_ms = rd_kafka_message_timestamp(message, &type);
    return (struct record){
        .payload = message->payload,
        .payload_size = message->len,
        .key = message->key,
        .key_size = message->key_len,
        .kafka_time_ms =
            type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time_ms < 0 ? RECORD_NO_TIME : time_ms,
        .offset = message->offset,
        .partition = message->partition,
        .topic = topic,
        .handle = message,
    };
}

/* The room of the log. */
#define KAFKA_ROOM "kafka"

/* history.c */
extern const struct source_history_ops KAFKA_HISTORY_OPS;
bool kafka_history_init(struct kafka_source *self, const struct config *config,
                        struct error *error);
/* Control thread, each poll: serves the events of the client of readings. Does not wait. */
void kafka_history_poll(struct kafka_source *self);
/* At the end: closes open readings, so that the client can be destroyed. */
void kafka_history_release(struct kafka_source *self);

/* rebalance.c */
void kafka_group_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *parts, void *opaque);
/* group_parts.c */
/* Any thread: a waiting poll of control returns soon. */
void kafka_wake_control(struct source *source);
/* What lanes see of a partition; NULL: it was never ours. */
struct kafka_owned_part *kafka_group_owned(const struct kafka_topic *topic, int32_t partition);
/* Control, at an assignment: lanes may be given its records, and may store. False: out of
 * memory. */
bool kafka_group_own(struct kafka_source *self, const struct topic_partition *part);
/* Control, at a revocation: no lane is given another record of it; */
void kafka_group_disown(const struct kafka_source *self, const struct topic_partition *part);
/* and then: what was stored of it is committed, or never will be. */
void kafka_group_end_offsets(const struct kafka_source *self, const struct topic_partition *part);
/* Has the client put the partition's records into its lane's queue. NULL: it does not have it. */
rd_kafka_queue_t *kafka_group_forward(struct kafka_source *self, const char *topic,
                                      int32_t partition);
/* Renews the forwarding of every assigned partition. */
void kafka_group_forward_all(struct kafka_source *self);
/* Index of a topic by its name; topic_count if it is not ours. */
uint32_t kafka_group_topic(const struct kafka_source *self, const char *name);
/* One above the last record of the partition that was given since its assignment, as noted by a
 * lane; SOURCE_NO_OFFSET: none. */
int64_t kafka_group_given(const struct kafka_topic *topic, int32_t partition);
/* What is remembered of a partition; NULL: out of memory. */
struct kafka_part *kafka_group_part(struct kafka_topic *topic, int32_t partition);
/* Releases the queue of the previous assignment, with what is left in it. */
void kafka_group_release_queue(struct kafka_part *part);
void kafka_group_forget_parts(struct kafka_topic *topic);
/* At the end: the client could not be destroyed before. */
void kafka_group_release_parts(struct kafka_topic *topic);

/* joining.c */
/* Control thread: notes that there is an assignment, or none and the group is being joined. */
void kafka_joining_note(struct kafka_source *self, bool is_assigned);
/* How much longer to wait for a dead member: its session began before the joining. */
int64_t kafka_joining_left_s(const struct kafka_source *self, int64_t joining_ns);
/* Control thread, each poll: logs once if it takes long. */
void kafka_joining_watch(struct kafka_source *self, int64_t now_ns);

/* offset_commit.c */
/* Lane, or control for what no lane works on: everything below `next` is done. False: the partition
 * is not assigned yet, or no longer. */
bool kafka_commit_store(struct kafka_topic *topic, int32_t partition, int64_t next);
/* Lane thread: a transaction has committed this. */
void kafka_commit_note_transaction(struct kafka_topic *topic, int32_t partition, int64_t next);
/* Control thread: takes over what transactions have committed. */
void kafka_commit_learn(struct kafka_topic *topic, int32_t partition);
/* Control thread: what this host has last committed, over all assignments; SOURCE_NO_OFFSET:
 * none. */
int64_t kafka_commit_by_us(const struct kafka_source *self, uint32_t topic, int32_t partition);
/* Control thread: commits the offsets of the list, and waits for the answer. */
rd_kafka_resp_err_t kafka_commit_list(struct kafka_source *self,
                                      const rd_kafka_topic_partition_list_t *list, int timeout_ms);
/* The same with what is stored. */
bool kafka_commit_now(struct kafka_source *self, int timeout_ms, struct error *error);
/* Control thread, each poll: commits what is stored, without waiting, when that is due. Returns
 * when it is due next; INT64_MAX: not known. */
int64_t kafka_commit_poll(struct kafka_source *self, int64_t now_ns);
/* librdkafka's offset_commit_cb: for what the poll sent. */
void kafka_commit_answered(rd_kafka_t *client, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque);

/* other_group.c: source_ops.committed_of */
bool kafka_other_group_committed(struct source *source, const char *group,
                                 struct topic_partition *parts, size_t count, int timeout_ms,
                                 struct error *error);

/* member.c */
/* The topics thread, once: finds out who had this host's name before. */
void kafka_member_ask(struct kafka_source *self);
/* Control, before the first subscription. */
void kafka_member_subscribing(struct kafka_source *self);
/* Any thread: the session is lost, and the group will be joined again. */
void kafka_member_lost(struct kafka_source *self);
/* Control: another process has taken the name. Logs that, and whether a restart would help. */
void kafka_member_fenced(struct kafka_source *self);
/* Control, closing: whether the group keeps the partitions, and how that is logged. */
bool kafka_member_keeps(const struct kafka_source *self);
void kafka_member_log_kept(struct kafka_source *self, int count);
/* Control, closing: makes the group forget the name, if the partitions are given up permanently. */
void kafka_member_leave(struct kafka_source *self);
void kafka_member_free(struct kafka_source *self);

/* begin.c */
/* The value of auto.offset.reset as an offset of librdkafka. */
int64_t kafka_begin_policy(const char *value);
/* The topics thread: asks where the partitions of a topic begin, if it exists at the first check.
 * False: not known yet, and needed before anything is read; the next check asks again. */
bool kafka_begin_ask(struct kafka_source *self, struct kafka_topic *topic);
/* Control: takes what was found out, or drops it. */
void kafka_begin_learn(struct kafka_topic *topic);
void kafka_begin_forget(struct kafka_topic *topic);
/* Control, at an assignment: where new parts begin. Does not wait. A part for which no broker has
 * answered keeps SOURCE_NO_OFFSET, which is logged: the client then finds its beginning. */
void kafka_begin_find(struct kafka_source *self, struct topic_partition *parts, size_t count);
/* Commits where they begin, before anything of them is read: whatever ends this host, they do not
 * begin a second time. */
void kafka_begin_commit(struct kafka_source *self, const struct topic_partition *parts,
                        size_t count);

/* topics.c */
/* At the start of the client: a thread that asks the brokers, so that control need not wait. */
bool kafka_topics_start(struct kafka_source *self, struct error *error);
void kafka_topics_ask_to_end(struct kafka_source *self);
/* Waits for its end, as long as an answer may take. */
void kafka_topics_end(struct kafka_source *self);
/* Control thread, each poll: checks the topics from time to time; subscribes to existing ones. */
void kafka_topics_poll(struct kafka_source *self, int64_t now_ns);
/* Whether any deployment runs that the topics are read for. */
void kafka_topics_attend(struct kafka_source *self, bool is_anybody);

/* stand.c */
/* Lane or control thread: what the client reports about a partition in place of its records. */
void kafka_stand_note(struct kafka_source *self, const rd_kafka_message_t *message);
/* Control thread: up to where the partition has been read, by the statistics. */
void kafka_stand_passed(struct kafka_source *self, uint32_t topic, int32_t partition, int64_t next);
/* Control thread: the partition is no longer ours. */
void kafka_stand_forget(struct kafka_source *self, uint32_t topic, int32_t partition);
/* For the status; holds the mutex. */
void kafka_stand_describe(const struct kafka_source *self, char *text, size_t size)
    REQUIRES(kafka_lock);

/* connection.c */
void kafka_connection_log(const rd_kafka_t *client, int level, const char *facility,
                          const char *text);
void kafka_connection_error(rd_kafka_t *client, int code, const char *reason, void *opaque);
/* Control thread: the client has ended permanently, with the reason. */
void kafka_connection_fatal(struct kafka_source *self);
/* A broker answers. */
void kafka_connection_connected(struct kafka_source *self);
/* From the statistics taken at that time: whether any broker was up, and for how long none has
 * answered (-1: not known). */
void kafka_connection_brokers(struct kafka_source *self, bool is_any_up, int64_t time_ns,
                              int64_t idle_ns);
void kafka_connection_status(struct kafka_source *self, struct source_status *status);

/* poll.c */
/* Control thread, each poll: does what is due. Returns for how long nothing else is, at most
 * `timeout_ms`. */
int kafka_poll_due(struct kafka_source *self, int timeout_ms);

/* refill.c */
/* False: out of memory. */
bool kafka_refill_init(struct kafka_source *self, const struct config *config);
/* Lane thread, after a read that found the queue not empty: wakes the client's broker threads when
 * the queue has shrunk to half of `*peak`, its longest since the last time; not if that was shorter
 * than `least`. */
void kafka_refill(struct kafka_source *self, rd_kafka_t *client, rd_kafka_queue_t *queue,
                  size_t *peak, size_t least);

/* lag.c */
int kafka_lag_parse(rd_kafka_t *client, char *json, size_t size, void *opaque);
size_t kafka_lag_fill(struct kafka_source *self, struct source_lag *lags, size_t most);
/* Control thread: the partition is no longer ours. */
void kafka_lag_forget(struct kafka_source *self, uint32_t topic, int32_t partition);

/* close.c */
bool kafka_close(struct source *source, int timeout_ms);
/* Frees everything but the client, which is destroyed or never existed. */
bool kafka_free(struct source *source);

#endif
