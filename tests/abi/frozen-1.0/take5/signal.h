/*
 * take5/signal.h - what an instance says.
 */
#ifndef TAKE5_SIGNAL_H
#define TAKE5_SIGNAL_H

#include "value.h"

/*
 * One signal, handed to emit. The host checks and copies it; nothing is kept of the caller's
 * memory. Zero-initialise, set `size`, then what you need (t5_signal_init() does both).
 *
 * Limits: name 1 to 64 bytes of [A-Za-z0-9_.-]; symbol at most 64 bytes; data at most 64 KiB.
 */
typedef struct t5_signal {
    uint32_t size;
    uint32_t flags; /* none yet: 0 */
    t5_str name;    /* what is said, such as "momentum_up" */
    t5_str symbol;  /* empty: the symbol of the message or timer in hand */
    int64_t event_time_ns; /* 0: that of the message or timer in hand */
    double value;          /* finite */
    double confidence;     /* 0 to 1 */
    t5_str data;           /* empty, or the text of one JSON object */
} t5_signal;

#endif
