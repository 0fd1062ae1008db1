/*
 * ops/http/server/streams.h - answers without an end. Inside this room; the server's thread alone.
 *
 * A stream that has nothing to send is suspended: libmicrohttpd neither asks it nor counts its time
 * until streams_resume(). One whose client does not read is not suspended, and ends by its age, as
 * soon as what the kernel takes for it is full: some frames of the page.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_STREAMS_H
#define TAKE5_OPS_HTTP_SERVER_STREAMS_H

#include "ops/http/server/server.h"

#include <microhttpd.h>

struct streams {
    struct stream *first;
};

/* The response that sends it; it is closed with the response. NULL: no memory, and it is closed. */
struct MHD_Response *streams_add(struct streams *streams, struct MHD_Connection *connection,
                                 const struct http_answer *answer);
/* All are asked again. `touch` is called for each that had sent all it had. */
void streams_resume(struct streams *streams,
                    void (*touch)(void *context, struct MHD_Connection *connection), void *context);

#endif
