/*
 * take5/event.h - things that happen to an instance. Kinds that you do not know are to be ignored.
 */
#ifndef TAKE5_EVENT_H
#define TAKE5_EVENT_H

#include "value.h"

enum t5_event_kind {
    T5_EVENT_FRESH = 1,    /* it begins without what came before; sent after activate */
    T5_EVENT_RESUMED = 2,  /* it goes on with its state; what it missed comes next */
    T5_EVENT_ASSIGNED = 3, /* the host now holds all wanted topics of the partition number */
    T5_EVENT_PARTIAL = 4,  /* it holds only some of them: `topic` is one that it lacks */
    /* Offsets between `from_offset` and `to_offset` of `topic` were not seen, and will not be. */
    T5_EVENT_GAP = 5,
    T5_EVENT_PARKED = 6,         /* it holds none: stop acting outside; timers are frozen */
    T5_EVENT_WOKEN = 7,          /* wake() was called, once or more often */
    T5_EVENT_SYMBOL_EXPIRED = 8, /* `symbol_id` was idle too long; the id may be reused after */
    T5_EVENT_MODE_CHANGED = 9    /* it was a SHADOW, and was promoted: it is LIVE now */
};

typedef struct t5_event {
    uint32_t size;
    uint32_t kind;       /* enum t5_event_kind */
    uint32_t topic;      /* index into the topics wanted, for PARTIAL and GAP; else UINT32_MAX */
    uint32_t symbol_id;  /* for SYMBOL_EXPIRED; else T5_NO_SYMBOL */
    t5_str symbol;       /* its text, valid until on_event returns; else empty */
    int64_t from_offset; /* GAP: first offset not seen, -1 if not known */
    int64_t to_offset;   /* GAP: first offset that will be seen */
} t5_event;

#endif
