#include "ops/page/page_private.h"

#include "base/sync/thread.h"
#include "ops/http/server/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TICKS_PER_SECOND (NS_PER_S / PAGE_TICK_NS)

/* ---- the thread ---- */

REQUIRES(page_lock) static void wait_until(struct page *page, int64_t until_ns) {
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    while (!page->is_over && clock_monotonic_ns() < until_ns)
        pthread_cond_timedwait(&page->changed, &page->lock, &until);
}

/* With nobody there, it looks once a second, for the history. */
static void *look_on(void *argument) {
    struct page *page = argument;
    int64_t at_ns = clock_monotonic_ns();
    uint64_t turn = 0;
    lock_acquire(&page->lock, page_lock);
    while (!page->is_over) {
        const bool is_whole = turn++ % TICKS_PER_SECOND == 0;
        if (is_whole || page->stream_count > 0) {
            lock_release(&page->lock, page_lock);
            page_look(page, is_whole);
            http_server_wake(page->server);
            lock_acquire(&page->lock, page_lock);
        }
        at_ns += PAGE_TICK_NS;
        if (at_ns < clock_monotonic_ns()) /* whoever answers slowly is asked the less */
            at_ns = clock_monotonic_ns() + PAGE_TICK_NS / 2;
        wait_until(page, at_ns);
    }
    lock_release(&page->lock, page_lock);
    return NULL;
}

/* ---- life ---- */

struct page *page_new(const struct page_options *options, struct error *error) {
    struct page *page = calloc(1, sizeof *page);
    pthread_condattr_t attributes;
    if (page == NULL) {
        error_set_memory(error, "the page");
        return NULL;
    }
    page->options = *options;
    page->since_ns = clock_monotonic_ns();
    if (getrandom(&page->epoch, sizeof page->epoch, GRND_NONBLOCK) != sizeof page->epoch)
        page->epoch = (uint64_t)clock_wall_ns();
    lock_alone(page_lock);
    text_init(&page->state);
    text_init(&page->setup);
    pthread_mutex_init(&page->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&page->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return page;
}

bool page_start(struct page *page, struct http_server *server, struct error *error) {
    page->server = server;
    page->has_thread = thread_start(&page->thread, "page", look_on, page, error);
    return page->has_thread;
}

void page_stop(struct page *page) {
    if (page == NULL || !page->has_thread)
        return;
    lock_acquire(&page->lock, page_lock);
    page->is_over = true;
    pthread_cond_broadcast(&page->changed);
    lock_release(&page->lock, page_lock);
    pthread_join(page->thread, NULL);
    page->has_thread = false;
}

void page_free(struct page *page) {
    if (page == NULL)
        return;
    page_stop(page);
    lock_alone(page_lock);
    text_release(&page->state);
    text_release(&page->setup);
    page_series_release(&page->series);
    page_signals_release(&page->signals);
    page_published_release(&page->published);
    pthread_cond_destroy(&page->changed);
    pthread_mutex_destroy(&page->lock);
    free(page);
}

/* ---- the document ---- */

#define SIGNALS_SHOWN 20

/* What is shown is copied, and written without the lock. */
static void copy(struct page *page, cJSON **state, cJSON **setup, cJSON **signals) {
    struct text list;
    text_init(&list);
    struct json_writer json = json_writer_of(&list);
    lock_acquire(&page->lock, page_lock);
    *state = cJSON_Parse(page->state.data);
    *setup = cJSON_Parse(page->setup.data);
    json_begin_array(&json, NULL);
    page_signals_write(&page->signals, NULL, 0, 0, SIGNALS_SHOWN, &json);
    json_end_array(&json);
    lock_release(&page->lock, page_lock);
    *signals = cJSON_Parse(list.data);
    text_release(&list);
}

void page_answer_index(struct page *page, const struct http_request *request,
                       struct http_answer *answer) {
    cJSON *state = NULL, *setup = NULL, *signals = NULL;
    answer->content_type = "text/html; charset=utf-8";
    if (!http_may_read(request)) {
        answer->status = 401;
        page_html_login(&answer->body, false);
        return;
    }
    if (page == NULL) {
        http_fail(answer, 404, "there is no page here");
        return;
    }
    copy(page, &state, &setup, &signals);
    page_html_write(&answer->body, state, setup, signals, page->options.version);
    cJSON_Delete(state);
    cJSON_Delete(setup);
    cJSON_Delete(signals);
}

/* ---- the login ---- */

/* "token=a%2Bb", decoded; returns its size. 0: none, or too long. */
static size_t read_token(t5_str form, char *token, size_t room) {
    static const char name[] = "token=";
    const size_t begin = sizeof name - 1;
    if (form.len < begin || memcmp(form.data, name, begin) != 0)
        return 0;
    const char *raw = form.data + begin;
    const char *next = memchr(raw, '&', form.len - begin);
    const size_t size =
        http_decode(raw, next != NULL ? (size_t)(next - raw) : form.len - begin, token, room);
    return size <= room ? size : 0;
}

void page_answer_login(const struct http_request *request, struct http_answer *answer) {
    char token[1024];
    if (http_is_foreign(request)) {
        http_fail(answer, 403, "a login is for this host's own page");
        return;
    }
    const size_t size = read_token(http_form(request), token, sizeof token);
    const bool did = http_login(request, (t5_str){.data = token, .len = size}, answer);
    explicit_bzero(token, sizeof token);
    if (did) {
        answer->status = 303;
        answer->location = "/";
        answer->content_type = "text/plain";
        return;
    }
    answer->status = 401;
    answer->content_type = "text/html; charset=utf-8";
    page_html_login(&answer->body, true);
}
