#include "synth/market_bad.h"

#include <string.h>

#define SYMBOL_START 11  /* {"symbol":" */
#define DEPTH        100 /* beyond the default limit of 64 */
#define LONG_SYMBOL  300

static const char *const not_objects[] = {"[1,2,3]", "\"QQQ\"", "42", "null", "true"};

/* The good payload with some bytes put in at a place. */
static void insert(char *buffer, struct market_message *message, size_t at, const char *bytes,
                   size_t size) {
    memcpy(buffer, message->payload, at);
    memcpy(buffer + at, bytes, size);
    memcpy(buffer + at + size, message->payload + at, message->payload_size - at);
    message->payload_size += size;
}

static void remove_symbol(char *buffer, struct market_message *message) {
    /* {"symbol":"KEY", goes; what follows is the next member */
    size_t from = SYMBOL_START + message->key_size + 2;
    buffer[0] = '{';
    memcpy(buffer + 1, message->payload + from, message->payload_size - from);
    message->payload_size -= from - 1;
    message->key = NULL;
    message->key_size = 0;
}

static void nest(char *buffer, struct market_message *message) {
    size_t size = SYMBOL_START + message->key_size + 1;
    memcpy(buffer, message->payload, size);
    memcpy(buffer + size, ",\"deep\":", 8);
    size += 8;
    memset(buffer + size, '[', DEPTH);
    memset(buffer + size + DEPTH, ']', DEPTH);
    size += 2 * DEPTH;
    buffer[size++] = '}';
    message->payload_size = size;
}

void market_bad_make(enum market_bad_kind kind, struct market_random *random, char *buffer,
                     struct market_message *message) {
    size_t size = message->payload_size;
    char filler[LONG_SYMBOL];
    switch (kind) {
    case MARKET_BAD_TRUNCATED:
        message->payload_size = 1 + market_random_below(random, (uint32_t)size - 1);
        memcpy(buffer, message->payload, message->payload_size);
        break;
    case MARKET_BAD_UTF8:
        insert(buffer, message, SYMBOL_START, "\xc3\x28\xff", 3);
        break;
    case MARKET_BAD_NO_SYMBOL:
        remove_symbol(buffer, message);
        break;
    case MARKET_BAD_NOT_OBJECT: {
        const char *text =
            not_objects[market_random_below(random, sizeof not_objects / sizeof *not_objects)];
        message->payload_size = strlen(text);
        memcpy(buffer, text, message->payload_size);
        break;
    }
    case MARKET_BAD_EMPTY:
        message->payload = NULL;
        message->payload_size = 0;
        return;
    case MARKET_BAD_TRAILING_TEXT:
        insert(buffer, message, size, "}", 1);
        break;
    case MARKET_BAD_CONTROL_CHARACTER:
        insert(buffer, message, SYMBOL_START, "\x01", 1);
        break;
    case MARKET_BAD_NUMBER:
        insert(buffer, message, size - 1, ",\"count\":007", 12);
        break;
    case MARKET_BAD_TRAILING_COMMA:
        insert(buffer, message, size - 1, ",", 1);
        break;
    case MARKET_BAD_TOO_DEEP:
        nest(buffer, message);
        break;
    case MARKET_BAD_LONG_SYMBOL:
        memset(filler, 'X', sizeof filler);
        insert(buffer, message, SYMBOL_START, filler, sizeof filler);
        break;
    case MARKET_BAD_SURROGATE:
    case MARKET_BAD_KINDS:
        insert(buffer, message, SYMBOL_START, "\\ud800", 6);
        break;
    }
    message->payload = buffer;
}
