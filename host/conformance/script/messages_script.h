/*
 * conformance/script/messages_script.h - messages for the conformance check, made up front.
 */
#ifndef TAKE5_CONFORMANCE_SCRIPT_MESSAGES_SCRIPT_H
#define TAKE5_CONFORMANCE_SCRIPT_MESSAGES_SCRIPT_H

#include "message/decode.h"
#include "message/symbols.h"
#include "strategy/plugin/description.h"
#include "synth/market.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script_message {
    char *key; /* NULL: none */
    size_t key_size;
    char *payload;
    size_t payload_size;
    int64_t kafka_time_ms;
    uint32_t topic; /* index into the description's topics */
    /* Of its envelope, once script_read() has looked. */
    bool is_usable;
    int64_t event_time_ns;
    uint32_t symbol; /* by the script's symbols; SYMBOL_NONE: none */
    bool is_mutated;
    const char *what; /* a literal: what is special about it; NULL: nothing */
};

struct script {
    struct script_message *items;
    size_t count, capacity;
    bool is_oom;             /* memory ran out: not complete */
    struct symbols *symbols; /* as script_read() found them; NULL: it has not looked */
};

void script_init(struct script *script);
void script_release(struct script *script);

/* The author's own messages. */
struct script_recording {
    const struct record *records;
    size_t count;
    const struct config_topic *topics; /* what the records' topics are, by index */
    size_t topic_count;
};

struct script_options {
    const struct description *description; /* topics and fields wanted */
    const char *role;                      /* this topic alone; NULL: all */
    uint64_t seed;
    size_t count; /* at most, of a recording */
    enum market_envelope envelope;
    double late_share;
    char *const *symbols; /* NULL-terminated; NULL: the usual ones (script_symbols) */
    /* Its messages, in its order, instead of a market's, when MARKET_MIXED is asked for; NULL:
     * none. */
    const struct script_recording *recording;
};

/* The names that a market has when it is given none, NULL behind the last. */
extern const char *const script_symbols[];

/* Well-formed messages of a few symbols and all usual time frames, in three stretches with breaks
 * of half an hour and of a day between them, so that timers of silence fire. What
 * the feed does not carry is not in them, whoever declares it. Of more than two symbols some fall
 * silent from one stretch to the next. */
void script_market(struct script *script, const struct script_options *options);

/* Fills in what the messages' envelopes say. False: out of memory. */
bool script_read(struct script *script, const struct decode_limits *limits);

enum script_mutation {
    SCRIPT_MISSING = 1, /* members left out, null, of another type */
    SCRIPT_EXTREME,     /* numbers, times and time frames beyond the usual */
    SCRIPT_TEXT         /* empty, long, odd text; deep and large */
};

/* Messages of both envelopes, each mutated in one way, with some well-formed ones between. They are
 * JSON with a symbol or a key, so that most of them reach the strategy. */
void script_mutation(struct script *script, const struct script_options *options,
                     enum script_mutation mutation);

#endif
