/*
 * ops/http/server/listener.h - where the server listens. Inside this room.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_LISTENER_H
#define TAKE5_OPS_HTTP_SERVER_LISTENER_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct listener {
    int fd; /* -1: none */
    uint16_t port;
};

/* Listens on an address or a name; port 0: any that is free. What is there upon an error goes with
 * listener_close() all the same. */
bool listener_open(struct listener *listener, const char *address, uint16_t port,
                   struct error *error);
void listener_close(struct listener *listener);

#endif
