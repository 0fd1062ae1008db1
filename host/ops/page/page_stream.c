/*
 * One client's events. A frame is a JSON object of what is new:
 *
 *   "state"     all figures, when there was a look at them
 *   "setup"     what deployments are made of, when it changed
 *   "symbols"   [[SYMBOL,[TIME_FRAME_S,...]],...], when there are more or others
 *   "history"   [[TIME_MS,MESSAGES_PER_S,LAG,P50_MS,P99_MS],...]
 *   "quotes"    [[TIME_FRAME_S,TIME_MS,PRICE],...] of the symbol that the client shows
 *   "signals"   of that symbol, or without one of all
 *   "published" series of that symbol, when there is news of them (page_published_write())
 */
#include "ops/page/page_private.h"

#include "base/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SIGNALS_AT_ONCE 200

struct page_stream {
    struct page *page;
    struct page_stream *before, *after;
    char symbol[PAGE_SYMBOL_MAX + 1];
    size_t size;   /* 0: all */
    uint64_t seen; /* tick; 0: nothing */
    bool is_reset;
    int64_t wrote_ns;
};

REQUIRES(page_lock)
void page_stream_symbols(const struct page *page,
                         void (*visit)(void *context, const char *symbol, size_t size),
                         void *context) {
    for (const struct page_stream *stream = page->streams; stream != NULL; stream = stream->after)
        if (stream->size > 0)
            visit(context, stream->symbol, stream->size);
}

/* ---- frames ---- */

static void put(struct json_writer *json, const char *name, const struct text *text) {
    text_append(json_value(json, name), text->data, text->size);
}

REQUIRES(page_lock)
static void write_lists(const struct page *page, const struct page_stream *stream,
                        struct json_writer *json) {
    const char *symbol = stream->size > 0 ? stream->symbol : NULL;
    json_begin_array(json, "history");
    page_history_write(&page->history, stream->seen, json);
    json_end_array(json);
    json_begin_array(json, "quotes");
    if (symbol != NULL)
        page_series_write(&page->series, symbol, stream->size, stream->seen, json);
    json_end_array(json);
    json_begin_array(json, "signals");
    page_signals_write(&page->signals, symbol, stream->size, stream->seen, SIGNALS_AT_ONCE, json);
    json_end_array(json);
    if (symbol != NULL)
        page_published_write(&page->published, symbol, stream->size, stream->seen, json);
}

REQUIRES(page_lock)
static void write_frame(const struct page *page, const struct page_stream *stream,
                        struct text *text) {
    struct json_writer json = json_writer_of(text);
    json_begin_object(&json, NULL);
    if (page->state.size > 0 && page->state_tick > stream->seen)
        put(&json, "state", &page->state);
    if (page->setup.size > 0 && page->setup_tick > stream->seen)
        put(&json, "setup", &page->setup);
    if (page->series.changed_tick > stream->seen) {
        json_begin_array(&json, "symbols");
        page_series_list(&page->series, &json);
        json_end_array(&json);
    }
    write_lists(page, stream, &json);
    json_end_object(&json);
}

static const char nothing[] = "{\"history\":[],\"quotes\":[],\"signals\":[]}";

/* The ring does not reach back to what it has seen. */
REQUIRES(page_lock) static void look_back(const struct page *page, struct page_stream *stream) {
    if (stream->seen == 0 || stream->seen > page->tick ||
        page->tick - stream->seen > PAGE_RESUME_TICKS) {
        stream->seen = 0;
        stream->is_reset = true;
    }
}

static void read_stream(void *context, struct text *text) {
    struct page_stream *stream = context;
    struct page *page = stream->page;
    struct text frame;
    text_init(&frame);
    lock_acquire(&page->lock, page_lock);
    const uint64_t tick = page->tick;
    if (tick > 0 && tick != stream->seen) {
        look_back(page, stream);
        write_frame(page, stream, &frame);
        stream->seen = tick;
    }
    lock_release(&page->lock, page_lock);
    const int64_t now_ns = clock_monotonic_ns();
    if (frame.size > 0 && (stream->is_reset || strcmp(frame.data, nothing) != 0)) {
        text_printf(text, "id: %" PRIx64 "-%" PRIu64 "\n%sdata: ", page->epoch, tick,
                    stream->is_reset ? "event: reset\n" : "");
        text_append(text, frame.data, frame.size);
        text_puts(text, "\n\n");
        stream->is_reset = false;
        stream->wrote_ns = now_ns;
    } else if (now_ns - stream->wrote_ns >= PAGE_COMMENT_NS) {
        text_puts(text, ":\n\n");
        stream->wrote_ns = now_ns;
    }
    text->is_oom |= text_is_oom(&frame);
    text_release(&frame);
}

/* ---- life ---- */

static void close_stream(void *context) {
    struct page_stream *stream = context;
    struct page *page = stream->page;
    lock_acquire(&page->lock, page_lock);
    if (stream->before != NULL)
        stream->before->after = stream->after;
    else
        page->streams = stream->after;
    if (stream->after != NULL)
        stream->after->before = stream->before;
    page->stream_count--;
    lock_release(&page->lock, page_lock);
    free(stream);
}

/* False: there are enough. */
static bool add_stream(struct page *page, struct page_stream *stream) {
    lock_acquire(&page->lock, page_lock);
    const bool has_room = page->stream_count < PAGE_STREAMS;
    if (has_room) {
        stream->after = page->streams;
        if (page->streams != NULL)
            page->streams->before = stream;
        page->streams = stream;
        page->stream_count++;
        pthread_cond_broadcast(&page->changed);
    }
    lock_release(&page->lock, page_lock);
    return has_room;
}

/* "EPOCH-TICK"; 0: it is none of this process's. */
static uint64_t read_id(const struct page *page, const char *id) {
    char *end;
    if (id == NULL || strtoull(id, &end, 16) != page->epoch || *end != '-')
        return 0;
    return strtoull(end + 1, NULL, 10);
}

void page_answer_events(struct page *page, const struct http_request *request,
                        struct http_answer *answer) {
    static const struct http_stream ops = {.read = read_stream, .close = close_stream};
    if (page == NULL) {
        http_fail(answer, 503, "there is no page here");
        return;
    }
    if (http_is_foreign(request)) {
        http_fail(answer, 403, "events are for this host's own page");
        return;
    }
    struct page_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    *stream = (struct page_stream){.page = page,
                                   .seen = read_id(page, http_header(request, "Last-Event-ID")),
                                   .wrote_ns = clock_monotonic_ns()};
    (void)http_query_text(request, "symbol", stream->symbol, sizeof stream->symbol, &stream->size);
    if (stream->size > PAGE_SYMBOL_MAX) {
        http_fail(answer, 400, "a symbol has at most %d bytes", PAGE_SYMBOL_MAX);
        free(stream);
        return;
    }
    if (!add_stream(page, stream)) {
        http_fail(answer, 503, "%d streams are open, the maximum; close a page", PAGE_STREAMS);
        free(stream);
        return;
    }
    answer->content_type = "text/event-stream; charset=utf-8";
    answer->stream = &ops;
    answer->stream_context = stream;
    text_puts(&answer->body, "");
}
