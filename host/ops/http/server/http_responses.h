/*
 * ops/http/server/http_responses.h - answers on their way to clients. Inside this room; the
 * server's thread alone.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_HTTP_RESPONSES_H
#define TAKE5_OPS_HTTP_SERVER_HTTP_RESPONSES_H

#include "ops/http/server/server.h"
#include "ops/http/server/streams.h"

#include <microhttpd.h>
#include <stddef.h>

struct http_responses {
    size_t bytes; /* of the answers under way */
    struct streams streams;
};

/* Sends the answer with the server's headers, and with Allow (NULL: without); 503 in its place when
 * too much is under way. MHD_NO: no memory; the connection ends. */
enum MHD_Result http_responses_send(struct http_responses *responses,
                                    struct MHD_Connection *connection, struct http_answer *answer,
                                    const char *allow);

#endif
