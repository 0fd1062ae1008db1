/*
 * checkpoint/kafka/stored.h - the records of the state topic: keys and values.
 *
 *   key     group NUL place NUL TERM WRITER BASE CHECK kind rest   (numbers: 16 hexadecimal digits)
 *           CHECK is the XXH3 of all before it: a damaged key begins no term that nobody wrote.
 *   kind h  the header of a checkpoint: what is in it but the states, and how many records of what
 *           hash these are. The last record of its transaction.
 *   kind d  rest: deployment. What its state says of all symbols, and its timers.
 *   kind r  rest: deployment NUL, ordinal and chunk (4 bytes each), symbol. A record of a state, or
 *           a piece of it; the ordinal counts those of one symbol.
 *   kind j  rest: index (4 bytes). Frames of the journal, as a section of a journal's file
 *           (checkpoint/journal_file.h); the index counts within the journal of one checkpoint, and
 *           is used again behind the next one, so that compaction removes what is not needed.
 *
 * A *term* is the time that one host works on a partition number, from the reading of what is there
 * on. Only its host writes with its number, which is above all that it read; BASE is the number of
 * the checkpoint that it went on with. So what a host writes that lost the partition and does not
 * know it yet takes the place of no record of its successor's, and readers pass over it. The first
 * checkpoint of a term is written whole, with tombstones for the terms before; the later ones have
 * what has changed.
 *
 * For this room alone. Any thread.
 */
#ifndef TAKE5_CHECKPOINT_KAFKA_STORED_H
#define TAKE5_CHECKPOINT_KAFKA_STORED_H

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"

#include <take5/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Larger records of states are cut into pieces of that size: brokers take 1 MB. */
#define STORED_CHUNK (512u << 10)

struct stored_term {
    uint64_t term;
    uint64_t writer; /* random: two hosts that read the same may take the same number */
    uint64_t base;   /* number of the checkpoint that it went on with; 0: none */
};

static inline bool stored_is_same_term(struct stored_term a, struct stored_term b) {
    return a.term == b.term && a.writer == b.writer;
}

enum stored_kind {
    STORED_HEADER = 'h',
    STORED_DEPLOYMENT = 'd',
    STORED_STATE = 'r',
    STORED_JOURNAL = 'j'
};

/* Points into the bytes. */
struct stored_key {
    struct stored_term term;
    enum stored_kind kind;
    t5_str rest; /* from the kind on: what is the same in every term */
    t5_str deployment, symbol;
    uint32_t ordinal, chunk;
};

/* What all keys of a term begin with. */
void stored_put_prefix(struct text *out, const char *group, int32_t partition,
                       struct stored_term term);
/* What follows it. */
void stored_put_header_key(struct text *out);
void stored_put_deployment_key(struct text *out, const char *deployment);
void stored_put_state_key(struct text *out, const char *deployment, uint32_t ordinal,
                          uint32_t chunk, t5_str symbol);
void stored_put_journal_key(struct text *out, uint32_t index);

enum stored_is { STORED_OURS, STORED_OF_OTHERS, STORED_MALFORMED };
/* Whether the key is of that group and place. Damaged ones are malformed. */
enum stored_is stored_parse_key(struct stored_key *key, const void *bytes, size_t size,
                                const char *group, int32_t partition);
/* Of anybody: for people. False: it is no key of a state topic. */
bool stored_parse_owner(const void *bytes, size_t size, const char **group, const char **place);

/* What one record adds to the hash of a checkpoint; the sum does not hang on their order. */
uint64_t stored_sum(t5_str rest, const void *value, size_t size);

/* A piece of a record of a state. */
struct stored_piece {
    uint64_t order; /* of first sight (strategy/instance/state.h) */
    uint32_t chunks;
    t5_str data;
};
void stored_put_piece(struct text *out, const struct stored_piece *piece);
bool stored_get_piece(struct stored_piece *piece, const void *value, size_t size);

struct stored_frames {
    uint64_t number;   /* of the checkpoint that they lie behind */
    uint64_t sequence; /* counts on over checkpoints and terms */
    t5_str section;
};
void stored_put_frames(struct text *out, const struct stored_frames *frames);
bool stored_get_frames(struct stored_frames *frames, const void *value, size_t size);

struct stored_header {
    uint64_t sequence;            /* of the first frames behind it */
    uint64_t count, sum;          /* of the kinds d and r of its term */
    struct checkpoint checkpoint; /* without states */
};
void stored_put_header(struct text *out, const struct stored_header *header);
/* Checks everything. ERROR_STATE: of another form; ERROR_MEMORY; ERROR_INVALID: damaged. The
 * checkpoint is initialised and empty, and is so again after a failure. */
bool stored_get_header(struct stored_header *header, const void *value, size_t size,
                       struct error *error);

#endif
