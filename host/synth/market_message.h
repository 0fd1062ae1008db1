/*
 * synth/market_message.h - one message of the synthetic market, and its bounds.
 */
#ifndef TAKE5_SYNTH_MARKET_MESSAGE_H
#define TAKE5_SYNTH_MARKET_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARKET_ROLES        3
#define MARKET_WINDOW       20
#define MARKET_MAX_FRAMES   16
#define MARKET_MAX_SYMBOL   64
#define MARKET_MESSAGE_SIZE 2048 /* no message is larger */

struct market_message {
    uint32_t role;   /* market_role_name() */
    const char *key; /* NULL: none */
    size_t key_size;
    const char *payload; /* may have size 0, then it is a tombstone */
    size_t payload_size;
    int64_t event_time_ms; /* for bad ones: of the good one beside it */
    uint32_t symbol;       /* index */
    uint32_t time_frame_s;
    bool is_bad;
    bool is_late;
};

#endif
