/*
 * ops/page/page_private.h - the inside of the page, shared by this room's files only.
 *
 *   page.c          the thread, the routes
 *   page_look.c     queries the host, and enters its answers
 *   page_history.c  rate, lag and latency, second by second
 *   page_series.c   prices; page_signals.c signals; page_published.c published series
 *   page_stream.c   one client's events
 *   page_html.c     the document; page_assets.c what belongs to it
 *
 * Whatever came with a look bears the look's tick, so that what is new to a client is what bears a
 * later one than it has seen.
 */
#ifndef TAKE5_OPS_PAGE_PAGE_PRIVATE_H
#define TAKE5_OPS_PAGE_PAGE_PRIVATE_H

#include "base/format/json_writer.h"
#include "base/sync/locks.h"
#include "ops/page/page.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SYMBOL_MAX 64 /* bytes */

/* ---- history ---- */

#define PAGE_BUCKETS       64 /* of a latency histogram, at most */
#define PAGE_LATENCY_LOOKS 10 /* seconds over which quantiles are taken */

/* NAN: not known. */
struct page_moment {
    int64_t time_ms;
    uint64_t tick;
    double rate, lag, p50_ms, p99_ms;
};

struct page_histogram {
    size_t count;
    double bounds_us[PAGE_BUCKETS], counts[PAGE_BUCKETS];
};

struct page_history {
    struct page_moment moments[PAGE_HISTORY]; /* a ring */
    size_t count, next;
    double messages; /* as counted last; negative: never */
    int64_t messages_ns;
    struct page_histogram looks[PAGE_LATENCY_LOOKS]; /* a ring of what was counted in all */
    size_t look_count, look_next;
};

/* Seconds that the newest one has: NULL before the first. */
const struct page_moment *page_history_last(const struct page_history *history);
/* One more second: `lag` is negative when it is not known. */
void page_history_add(struct page_history *history, uint64_t tick, int64_t now_ns, double messages,
                      double lag, const struct page_histogram *latency);
/* Adds another process's to it. */
void page_histogram_add(struct page_histogram *histogram, const cJSON *latency);
/* [[TIME_MS,RATE,LAG,P50_MS,P99_MS],...] of those behind the tick. */
void page_history_write(const struct page_history *history, uint64_t tick,
                        struct json_writer *json);

/* ---- prices ---- */

struct page_point {
    int64_t time_ms;
    float price;
    uint32_t tick; /* the low bits */
};

struct page_one_series {
    char symbol[PAGE_SYMBOL_MAX + 1];
    size_t size;
    uint32_t time_frame_s;
    uint64_t seen_tick;        /* a look found it last */
    struct page_point *points; /* a ring; PAGE_POINTS of them, or NULL */
    size_t count, next;
};

struct page_series {
    struct page_one_series items[PAGE_SERIES];
    size_t count, hint;
    uint64_t changed_tick; /* when the list of symbols did */
};

void page_series_release(struct page_series *series);
/* Enters [SYMBOL,TIME_FRAME_S,TIME_MS,PRICE]s. */
void page_series_enter(struct page_series *series, const cJSON *quotes, uint64_t tick);
/* [[SYMBOL,[TIME_FRAME_S,...]],...] */
void page_series_list(const struct page_series *series, struct json_writer *json);
/* [[TIME_FRAME_S,TIME_MS,PRICE],...] of the symbol, of points behind the tick. */
void page_series_write(const struct page_series *series, const char *symbol, size_t size,
                       uint64_t tick, struct json_writer *json);

/* ---- signals ---- */

struct page_signal {
    char symbol[PAGE_SYMBOL_MAX + 1];
    size_t size;
    uint64_t tick;
    char *text; /* JSON */
    size_t text_size;
};

struct page_signals {
    struct page_signal items[PAGE_SIGNALS]; /* a ring */
    size_t count, next, bytes;
};

void page_signals_release(struct page_signals *signals);
void page_signals_enter(struct page_signals *signals, const cJSON *list, uint64_t tick);
/* The newest `most` of those behind the tick, oldest first; of the symbol, unless it is NULL. */
void page_signals_write(const struct page_signals *signals, const char *symbol, size_t size,
                        uint64_t tick, size_t most, struct json_writer *json);

/* ---- published series, of symbols that streams show ---- */

#define PAGE_PUBLISHED_NAME 128 /* of a deployment or a series, with its end */

struct page_published_point {
    int64_t time_ms;
    double value; /* NAN: a gap */
    uint64_t tick;
};

struct page_published_series {
    char deployment[PAGE_PUBLISHED_NAME], series[PAGE_PUBLISHED_NAME];
    uint32_t time_frame_s; /* 0: none */
    uint64_t seen_tick;
    size_t count;
    struct page_published_point points[PAGE_PUBLISHED_POINTS]; /* by time, each time once */
};

struct page_published_symbol {
    char name[PAGE_SYMBOL_MAX + 1];
    size_t size; /* 0: a free place */
    uint64_t seen_tick;
    uint64_t whole_tick; /* something was gone that a client may know */
    size_t more;         /* series that are not among the items */
    uint64_t more_tick;
    size_t count;
    struct page_published_series *items[PAGE_PUBLISHED_SERIES];
};

struct page_published {
    struct page_published_symbol symbols[PAGE_STREAMS];
};

void page_published_release(struct page_published *published);
/* Enters what processes have of a symbol: an array of their answers to PAGE_PUBLISHED. */
void page_published_enter(struct page_published *published, const char *name, size_t size,
                          const cJSON *answers, uint64_t tick);
/* Of symbols that nothing was entered for at this tick: nobody shows them. */
void page_published_forget(struct page_published *published, uint64_t tick);
/* The member "published" of a frame for who has seen the tick; nothing without news:
 * {"whole":BOOL,"more":N,"series":[[DEPLOYMENT,SERIES,TIME_FRAME_S,[[TIME_MS,VALUE],...]],...]}
 * "whole": what is not in it is no more. Otherwise points that are new, or have another value. */
void page_published_write(const struct page_published *published, const char *name, size_t size,
                          uint64_t tick, struct json_writer *json);

/* ---- all of it ---- */

LOCK_CLASS(page_lock);
struct page {
    struct page_options options;
    struct http_server *server;
    uint64_t epoch; /* of this process: ids of another one mean nothing here */
    pthread_t thread;
    bool has_thread;
    /* The thread's own. */
    int64_t since_ns; /* signals before were sent */
    uint64_t whole_looks;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool is_over GUARDED_BY(page_lock);
    uint64_t tick GUARDED_BY(page_lock);
    struct text state GUARDED_BY(page_lock); /* {"stats":...,"ready":...,...} */
    uint64_t state_tick GUARDED_BY(page_lock);
    struct text setup GUARDED_BY(page_lock);
    uint64_t setup_tick GUARDED_BY(page_lock);
    struct page_history history GUARDED_BY(page_lock);
    struct page_series series GUARDED_BY(page_lock);
    struct page_signals signals GUARDED_BY(page_lock);
    struct page_published published GUARDED_BY(page_lock);
    struct page_stream *streams GUARDED_BY(page_lock);
    size_t stream_count GUARDED_BY(page_lock);
};

/* One look. `is_whole`: also at what is asked for each second. The thread. */
void page_look(struct page *page, bool is_whole);

/* The symbols that streams show: `visit` for each, under the lock. */
REQUIRES(page_lock)
void page_stream_symbols(const struct page *page,
                         void (*visit)(void *context, const char *symbol, size_t size),
                         void *context);

/* The document, of the state (NULL: none yet). */
void page_html_write(struct text *html, const cJSON *state, const cJSON *setup,
                     const cJSON *signals, const char *version);
/* The form that asks for a token. */
void page_html_login(struct text *html, bool was_wrong);

/* "assets/app.0123456789ab.js", relative to the page. */
const char *page_asset_path(const char *name);

#endif
