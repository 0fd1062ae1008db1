/*
 * conformance/messages_script.h - messages for the conformance check, made up front.
 */
#ifndef TAKE5_CONFORMANCE_MESSAGES_SCRIPT_H
#define TAKE5_CONFORMANCE_MESSAGES_SCRIPT_H

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
    bool is_mutated;
    const char *what; /* a literal: what is special about it; NULL: nothing */
};

struct script {
    struct script_message *items;
    size_t count, capacity;
    bool is_oom; /* memory ran out: not complete */
};

void script_init(struct script *script);
void script_release(struct script *script);
/* A copy of the bytes; the script notes when memory runs out. */
void script_add(struct script *script, const struct script_message *message);

struct script_options {
    const struct description *description; /* topics and fields wanted */
    const char *role;                      /* this topic alone; NULL: all */
    uint64_t seed;
    size_t count;
    enum market_envelope envelope;
    double late_share;
    uint32_t symbols; /* how many; 0: 4 */
    bool is_bare;     /* nothing is put in that the feed does not carry */
};

/* Well-formed messages of a few symbols and all usual time frames, in three stretches with breaks
 * of half an hour and of a day between them, so that timers of silence have something to say.
 * Declared fields that the feed does not carry are put in, with numbers. */
void script_market(struct script *script, const struct script_options *options);

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
