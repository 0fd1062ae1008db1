/*
 * ops/http/server/http_request.h - a request, as routes see it through server.h. Inside this room;
 * the server's thread alone, but for what came another way (http_answer_target()).
 */
#ifndef TAKE5_OPS_HTTP_SERVER_HTTP_REQUEST_H
#define TAKE5_OPS_HTTP_SERVER_HTTP_REQUEST_H

#include "ops/http/server/access.h"
#include "ops/http/server/server.h"

#include <microhttpd.h>

struct http_request {
    struct access *access;             /* NULL: of http_answer_target() */
    struct MHD_Connection *connection; /* likewise */
    t5_str form;
    const char *path;
    const char *query; /* then; what stands behind the path's '?' */
    char parameter[4 * HTTP_PARAMETER_MAX + 1];
    size_t parameter_size;
};

/* The route of the path, which came as it is, and its parameter into the request. NULL: none. */
const struct http_route *http_find_route(const struct http_route *routes, const char *path,
                                         struct http_request *request);

#endif
