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
 * the checkpoint that it continued with. So a host that has lost the partition and does not know it
 * yet replaces no record of its successor, and readers ignore what it writes. The first checkpoint
 * of a term is written whole, with tombstones for earlier terms; later ones only have the changes.
 *
 * For this room only. Any thread.
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

/* Larger records of states are split into pieces of this size: brokers take 1 MB. */
#define STORED_CHUNK (512u << 10)

struct stored_term {
    uint64_t term;
    uint64_t writer; /* random: two hosts that read the same may choose the same number */
    uint64_t base;   /* number of the checkpoint that it continued with; 0: none */
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
    t5_str rest; /* from the kind on: the same in every term */
    t5_str deployment, symbol;
    uint32_t ordinal, chunk;
};

/* What all keys of a term begin with. */
void stored_put_prefix(struct text *out, const char *group, int32_t partition,
                       struct stored_term term);
/* What follows the prefix. */
void stored_put_header_key(struct text *out);
void stored_put_deployment_key(struct text *out, const char *deployment);
void stored_put_state_key(struct text *out, const char *deployment, uint32_t ordinal,
                          uint32_t chunk, t5_str symbol);
void stored_put_journal_key(struct text *out, uint32_t index);

enum stored_is { STORED_OURS, STORED_OF_OTHERS, STORED_MALFORMED };
/* Whether the key is of that group and place. Damaged ones are malformed. */
enum stored_is stored_parse_key(struct stored_key *key, const void *bytes, size_t size,
                                const char *group, int32_t partition);
/* Of any group: for people. False: it is not a key of a state topic. */
bool stored_parse_owner(const void *bytes, size_t size, const char **group, const char **place);

/* What one record adds to the hash of a checkpoint; the sum does not depend on their order. */
uint64_t stored_sum(t5_str rest, const void *value, size_t size);

/* A piece of a record of a state. */
struct stored_piece {
    uint64_t order; /* of first appearance (strategy/instance/state.h) */
    uint32_t chunks;
    t5_str data;
};
void stored_put_piece(struct text *out, const struct stored_piece *piece);
bool stored_get_piece(struct stored_piece *piece, const void *value, size_t size);

struct stored_frames {
    uint64_t number;   /* of the checkpoint that they follow */
    uint64_t sequence; /* continues across checkpoints and terms */
    t5_str section;
};
void stored_put_frames(struct text *out, const struct stored_frames *frames);
bool stored_get_frames(struct stored_frames *frames, const void *value, size_t size);

struct stored_header {
    uint64_t sequence;            /* of the first frames after it */
    uint64_t count, sum;          /* of the kinds d and r of its term */
    struct checkpoint checkpoint; /* without states */
};
void stored_put_header(struct text *out, const struct stored_header *header);
/* Checks everything. ERROR_STATE: another format; ERROR_MEMORY; ERROR_INVALID: damaged. The
 * checkpoint is initialised and empty, also after a failure. */
bool stored_get_header(struct stored_header *header, const void *value, size_t size,
                       struct error *error);

#endif
