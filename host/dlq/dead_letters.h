/*
 * dlq/dead_letters.h - dead letters, read back from where the host put them.
 */
#ifndef TAKE5_DLQ_DEAD_LETTERS_H
#define TAKE5_DLQ_DEAD_LETTERS_H

#include "base/error.h"
#include "config/config.h"
#include "engine/redrive.h"
#include "message/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DLQ_MAX_HEADERS 128

/* One dead letter; all of it lives until the visitor returns. The coordinates are the original's,
 * and name the dead_letter. */
struct dead_letter {
    const char *topic; /* never NULL */
    int32_t partition;
    int64_t offset;
    int64_t time_ms; /* of the original; RECORD_NO_TIME: none */
    const char *key; /* NULL: none */
    size_t key_size;
    const char *payload; /* NULL: a tombstone */
    size_t payload_size;
    struct record_header headers[DLQ_MAX_HEADERS]; /* the original's own */
    size_t header_count;
    const char *reason, *message;
    const char *strategy; /* "": none */
};

struct dlq_source {
    const char *file;    /* JSON lines; NULL: a topic */
    const char *topic;   /* of the dead letters */
    const char *brokers; /* NULL: the configuration's */
    const struct config *config;
};

/* Which dead letters; NULL and INT64_MIN: any. */
struct dlq_filter {
    const char *strategy, *reason, *from; /* `from`: the original's topic */
    const char *lost_by; /* what this deployment has not had: what it rejected, and what nobody
                            could use. Not what another one rejected: it has seen that */
    int64_t since_ms;
    bool has_place; /* this one dead letter */
    const char *topic;
    int32_t partition;
    int64_t offset;
};

/* Gives false to end the reading. */
typedef bool dlq_visit(void *context, const struct dead_letter *dead_letter);

/* Reads what is there now, in the order that it was written in. Lines that are no dead letters are
 * counted in `unreadable`. */
bool dlq_read(const struct dlq_source *source, dlq_visit *visit, void *context, size_t *unreadable,
              struct error *error);
/* Its two kinds. */
bool dlq_read_file(const char *path, dlq_visit *visit, void *context, size_t *unreadable,
                   struct error *error);
bool dlq_read_topic(const struct dlq_source *source, dlq_visit *visit, void *context,
                    size_t *unreadable, struct error *error);

bool dlq_is_chosen(const struct dlq_filter *filter, const struct dead_letter *dead_letter);

struct dlq_redrive {
    const char *brokers, *to_topic;
    const char *ledger_path; /* ledger.h: made if need be */
    bool is_dry_run;         /* looks whether the topic is there, counts, and sends nothing */
    bool lacks_topic;        /* a dry run's: the run would make the topic, if the broker lets it */
    size_t sent, skipped, failed;
};

/*
 * Sends the chosen dead letters as they came, less what was sent there before: key, payload, time
 * and headers of the original, and a header `take5-redrive` with its coordinates. A dead letter
 * counts as sent when the broker has confirmed it and it stands in the ledger; a crash between the
 * two sends it again.
 */
bool dlq_redrive(struct dlq_redrive *redrive, const struct dlq_source *source,
                 const struct dlq_filter *filter, size_t *unreadable, struct error *error);

/* Why dead letters were not given: how many, and the first of them. */
struct dlq_refusal {
    size_t count;
    char first[768]; /* "TOPIC/PARTITION/OFFSET: why" */
};

struct dlq_through {
    const char *deployment;
    const char *socket;      /* of the running host */
    const char *ledger_path; /* as above */
    bool is_dry_run;         /* the host reports what it would do; nothing is given or noted */
    size_t given, skipped;
    struct dlq_refusal refusals[REDRIVE_OUTCOMES]; /* by the host's outcome */
};

/*
 * Gives the chosen dead letters to a deployment of the running host, one request each, less what it
 * was given before. A dead letter counts as given when the host says that its signals are confirmed
 * and it stands in the ledger; a crash between the two gives it again, and its signals have the
 * same ids then. What is refused is not noted, and can be tried again. False: it ended before the
 * last dead_letter. ERROR_STATE with `refusals` of the outcome when the host said why.
 */
bool dlq_through(struct dlq_through *through, const struct dlq_source *source,
                 const struct dlq_filter *filter, size_t *unreadable, struct error *error);

#endif
