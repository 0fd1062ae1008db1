/*
 * strategy/rehearsal/protocol.h - what goes through the two pipes of a rehearsal.
 *
 * One request, then any number of answers. Both sides are the same program, so the form has no
 * version; but what comes from the child was in reach of a strategy's stray pointer, and what the
 * child reads may come from somebody who tried `take5 rehearse` by hand: lengths are checked, and
 * what does not add up is refused.
 */
#ifndef TAKE5_STRATEGY_REHEARSAL_PROTOCOL_H
#define TAKE5_STRATEGY_REHEARSAL_PROTOCOL_H

#include "base/faults.h"
#include "base/format/wire.h"
#include "os/locate.h"
#include "strategy/rehearsal/rehearsal_data.h"

/* One part of the request: a state still encoded; empty without one. */
struct request_part {
    int32_t partition;
    t5_str state;
};

/* The request as the child has it. Spans point into the bytes that it was decoded from. */
struct request {
    struct generation generation; /* not opened */
    bool has_deployment;
    struct config_deployment deployment;
    struct config_topic *topics;
    size_t topic_count;
    struct decode_limits decode;
    int64_t max_symbols, max_signals, max_timers;
    struct request_part *parts;
    size_t part_count;
    struct record *records;
    size_t record_count;
};

/* The whole request, its length before it. */
void request_encode(const struct rehearsal *rehearsal, struct text *out);
/* `bytes` without the length. False when they are no request. Release in either case. */
bool request_decode(struct request *request, const void *bytes, size_t size);
void request_release(struct request *request);

#define REQUEST_LENGTH_SIZE 8

enum answer_kind {
    ANSWER_STEP = 1, /* text: what begins now */
    ANSWER_FAULT,    /* text */
    ANSWER_WARNING,  /* text */
    ANSWER_PLACE,    /* text: where in the strategy it crashes, or hangs */
    ANSWER_DONE      /* a rehearsal_answer: it ended well */
};

#define ANSWER_HEAD_SIZE 8

/* What stands before an answer of so many bytes. Async-signal-safe. */
void answer_head(char head[ANSWER_HEAD_SIZE], enum answer_kind kind, size_t size);
/* Appends one answer with its kind and length. */
void answer_put(struct text *out, enum answer_kind kind, const char *body, size_t size);
/* Sends what was put, and empties it. The parent may be gone: then there is nobody to do the work
 * for, and the process ends. */
void answers_send(struct text *out, int output);
/* Takes the next whole answer from the front of `bytes`: its size with all, 0 when there is no
 * whole one yet, SIZE_MAX when that is no answer. */
size_t answer_parse(const char *bytes, size_t size, enum answer_kind *kind, t5_str *body);

/* What a child has answered so far. */
struct answers {
    struct faults *faults; /* where its faults and warnings go */
    char step[1024];       /* that it is in; empty: none yet */
    char at[LOCATE_PLACE]; /* where it crashed or hung; empty: unknown */
    bool is_done;          /* it reported that it ended well */
    size_t fault_count;    /* that it sent */
    struct rehearsal_answer answer;
};

/* The `take` of a child_call, with a struct answers for its context. */
size_t answers_parse(void *answers, const char *bytes, size_t size);

void answer_encode_done(struct text *out, const struct rehearsal_answer *answer);
bool answer_decode_done(struct rehearsal_answer *answer, t5_str body);

#endif
