/*
 * synth/market_bad.h - invalid messages, made from a good one.
 */
#ifndef TAKE5_SYNTH_MARKET_BAD_H
#define TAKE5_SYNTH_MARKET_BAD_H

#include "synth/market_message.h"
#include "synth/market_random.h"

enum market_bad_kind {
    MARKET_BAD_TRUNCATED,
    MARKET_BAD_UTF8,
    MARKET_BAD_NO_SYMBOL, /* and no key */
    MARKET_BAD_NOT_OBJECT,
    MARKET_BAD_EMPTY,
    MARKET_BAD_TRAILING_TEXT,
    MARKET_BAD_CONTROL_CHARACTER,
    MARKET_BAD_NUMBER,
    MARKET_BAD_TRAILING_COMMA,
    MARKET_BAD_TOO_DEEP,
    MARKET_BAD_LONG_SYMBOL,
    MARKET_BAD_SURROGATE,
    MARKET_BAD_KINDS
};

/* Turns the message bad; its payload is rewritten into `buffer` (MARKET_MESSAGE_SIZE). */
void market_bad_make(enum market_bad_kind kind, struct market_random *random, char *buffer,
                     struct market_message *message);

#endif
