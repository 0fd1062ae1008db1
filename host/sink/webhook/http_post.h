/*
 * sink/webhook/http_post.h - one POST after the other to one address, by libcurl, each with a time
 * limit.
 */
#ifndef TAKE5_SINK_WEBHOOK_HTTP_POST_H
#define TAKE5_SINK_WEBHOOK_HTTP_POST_H

#include "base/error.h"
#include "base/text.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct http_post;

struct http_post_options {
    const char *url;
    const char *ca_file; /* NULL: the system's authorities */
    int64_t timeout_ns;
};

/* Copies everything. NULL with an error. */
struct http_post *http_post_new(const struct http_post_options *options, struct error *error);
void http_post_free(struct http_post *post);

struct http_reply {
    long status;     /* 0: none, `text` says why */
    int64_t wait_ns; /* from Retry-After; 0: none */
    char text[256];  /* the beginning of the answer, or the problem; for people */
};

/* `is_over` is called every RECEIVER_LOOK_MS; true gives the request up. The connection is kept for
 * the next one. */
void http_post_send(struct http_post *post, const struct curl_slist *headers,
                    const struct text *body, bool (*is_over)(void *context), void *context,
                    struct http_reply *answer);
/* Closes the connection: the next request has a new one. */
void http_post_hang_up(struct http_post *post);

#endif
