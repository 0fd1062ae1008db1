/*
 * take5/state.h - what an instance remembers across a reload, a restart or a move.
 *
 * State is a sequence of records, each of one symbol (or of none) and some bytes: the host can so
 * keep, move or split it by symbol. It is written by `save` with t5_record_write() and given to
 * `load` with t5_record_read(), whole records, in the order of first sight of their symbols, those
 * without a symbol first. The bytes are the strategy's own; `state_version` of the descriptor says
 * how to read them. The host saves the event clock and the armed timers beside it by itself.
 */
#ifndef TAKE5_STATE_H
#define TAKE5_STATE_H

#include "codes.h"
#include "value.h"

/* Why save is called. It changes nothing in the instance, whatever the reason. */
enum t5_save_reason {
    T5_SAVE_RELOAD = 1,     /* another version or other parameters may take over */
    T5_SAVE_CHECKPOINT = 2, /* to disk */
    T5_SAVE_SHADOW = 3      /* a second instance starts from here, this one goes on */
};

typedef struct t5_save_args {
    uint32_t size;
    uint32_t reason; /* enum t5_save_reason */
    t5_str symbol;   /* reserved: empty, save everything */
} t5_save_args;

typedef struct t5_load_args {
    uint32_t size;
    uint32_t state_version; /* of the strategy that wrote the records */
    t5_str version;         /* version text of the strategy that wrote them */
} t5_load_args;

/* One record. `data` is aligned to 8 bytes and valid until the next record is read. */
typedef struct t5_record {
    uint32_t size;
    uint32_t symbol_id; /* in this instance's numbering, or T5_NO_SYMBOL */
    t5_str symbol;      /* its text; empty without one */
    const void *data;
    size_t data_size;
} t5_record;

#endif
