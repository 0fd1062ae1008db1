/*
 * ops/page/page.h - the live page: what a browser shows of a running host. Read-only.
 *
 *   GET /              the page, with tables that need no JavaScript; a login form without a token
 *   GET /assets/NAME   scripts and styles, part of the program; the name has a hash of the content
 *   GET /events        server-sent events: all that the page shows, and what changes of it
 *   POST /login        the token of a form, for a session's cookie
 *
 * It knows a host by what that answers over HTTP (struct page_source), so that one process and a
 * supervisor with its workers are shown alike. A separate thread looks every PAGE_TICK_NS;
 * nothing here calls or waits for a lane. It keeps, and all of it is bounded: PAGE_HISTORY seconds
 * of rate, lag and latency; PAGE_SERIES series of prices with PAGE_POINTS points each; PAGE_SIGNALS
 * signals; for each symbol that a stream shows PAGE_PUBLISHED_SERIES of the series that strategies
 * publish, with PAGE_PUBLISHED_POINTS points each.
 *
 * Prices and signals are samples: of each series the newest price every tick while somebody looks,
 * every second otherwise; of signals of one name, symbol, deployment and partition the newest of a
 * tick. Of published series it shows what the host keeps (published/published.h), each second, by
 * event time; of one time the value that came last.
 *
 * Events: each frame is {"state":...,"history":[...],"quotes":[...],"signals":[...],...}, of which
 * only what is new is there (page_stream.c has the form). Its id is EPOCH-TICK. Who reconnects with
 * Last-Event-ID within PAGE_RESUME_TICKS gets what is new since, whoever else an event "reset" with
 * all of it. A stream that has nothing to send sends a comment every PAGE_COMMENT_NS. There are
 * PAGE_STREAMS at most, further ones get 503 with the reason.
 *
 * What a shadow differs in has its place in "state" as a further member of /stats: what that brings
 * is passed on as it is.
 */
#ifndef TAKE5_OPS_PAGE_PAGE_H
#define TAKE5_OPS_PAGE_PAGE_H

#include "base/clock.h"
#include "base/error.h"
#include "log/log.h"
#include "ops/http/server/server.h"

#include <stdbool.h>

#define PAGE_TICK_NS          (NS_PER_S / 4)
#define PAGE_HISTORY          900
#define PAGE_SERIES           512
#define PAGE_POINTS           1024
#define PAGE_SIGNALS          1024
#define PAGE_SIGNAL_BYTES     (4 * 1024 * 1024)
#define PAGE_PUBLISHED_SERIES 48
#define PAGE_PUBLISHED_POINTS 256
#define PAGE_STREAMS          16
#define PAGE_RESUME_TICKS     240
#define PAGE_COMMENT_NS       (15 * NS_PER_S)

struct page;

/* The host that is shown. Called by the page's thread alone. */
struct page_source {
    void *context;
    /* What the host as a whole answers to "/stats" or "/health/ready"; nothing: it cannot now. */
    void (*get)(void *context, const char *target, struct text *body);
    /* What each of its processes answers to a target of page_process.h; of one that does not answer
     * nothing is sent. `worker` is empty for the only process. */
    void (*each)(void *context, const char *target,
                 void (*visit)(void *visitor, const char *worker, const char *body), void *visitor);
};

struct page_options {
    struct page_source source;
    const char *version;
    struct log *log;
};

struct page *page_new(const struct page_options *options, struct error *error);
/* Begins to look. The server gets page_free()'d after page_stop() and before page_free(). */
bool page_start(struct page *page, struct http_server *server, struct error *error);
/* It looks no more, and wakes the server no more. NULL is allowed, and a page that never began. */
void page_stop(struct page *page);
/* After the server, whose streams it feeds. NULL is allowed. */
void page_free(struct page *page);

/* What the routes answer, on the server's thread. */
void page_answer_index(struct page *page, const struct http_request *request,
                       struct http_answer *answer);
void page_answer_asset(const struct http_request *request, struct http_answer *answer);
void page_answer_events(struct page *page, const struct http_request *request,
                        struct http_answer *answer);
void page_answer_login(const struct http_request *request, struct http_answer *answer);

/* Their rows in a table of routes, in which PREFIX##index and so on are handlers. */
#define PAGE_ROUTES(PREFIX)                                                                        \
    {"/", PREFIX##index, HTTP_OPEN}, {"/assets/{name}", PREFIX##asset, HTTP_OPEN},                 \
        {"/events", PREFIX##events, 0}, {                                                          \
        "/login", PREFIX##login_form, HTTP_OPEN | HTTP_POST                                        \
    }

#endif
