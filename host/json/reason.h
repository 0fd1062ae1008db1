/*
 * json/reason.h - why a record cannot be used: the scanner's reasons and the decoder's.
 */
#ifndef TAKE5_JSON_REASON_H
#define TAKE5_JSON_REASON_H

/* Why a record cannot be used. DECODE_OK is none. */
enum decode_reason {
    DECODE_OK = 0,
    DECODE_EMPTY,            /* no payload: a tombstone or zero bytes */
    DECODE_NOT_JSON,         /* breaks the grammar, or text after the value */
    DECODE_NOT_OBJECT,       /* JSON, but not one object */
    DECODE_BAD_UTF8,         /* in a string, or anywhere else */
    DECODE_TOO_DEEP,         /* above max_depth */
    DECODE_TOO_LARGE,        /* payload above max_bytes */
    DECODE_NO_SYMBOL,        /* neither `symbol` nor a key */
    DECODE_SYMBOL_TOO_LONG,  /* above max_symbol */
    DECODE_NON_FINITE,       /* NaN, Infinity or a number beyond doubles, and non_finite = reject */
    DECODE_NO_TIME,          /* neither an event time nor a record timestamp */
    DECODE_TOO_MANY_SYMBOLS, /* set by the engine, not by the decoder: the table is full */
    DECODE_REASONS           /* how many there are */
};

#endif
