/* A client that can be as rude as a test needs it. */
#ifndef TAKE5_TESTS_OPS_CLIENT_H
#define TAKE5_TESTS_OPS_CLIENT_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* A connection to 127.0.0.1, or -1. */
int client_connect(uint16_t port);
bool client_send(int fd, const char *text);
/* Reads to the end of the stream. */
void client_read_all(int fd, struct text *into);
/* One request with Connection: close; the whole answer, head and body. */
void client_ask(uint16_t port, const char *method, const char *path, struct text *into);
/* Takes every descriptor that this process may still open; gives them back. */
void client_take_descriptors(void);
void client_give_descriptors(void);
unsigned client_status(const struct text *answer);
const char *client_body(const struct text *answer);

#endif
