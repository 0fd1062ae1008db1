#include "ops/page/page_private.h"

#include "ops/page/page_process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETUP_EVERY 5 /* whole looks */
#define WATCHED_MAX PAGE_STREAMS

/* Symbols that somebody looks at. */
struct watched {
    size_t count;
    struct {
        char name[PAGE_SYMBOL_MAX];
        size_t size;
        cJSON *published; /* what each process answered; NULL: none was asked */
    } items[WATCHED_MAX];
};

/* What the processes answered, before it is entered. */
struct answers {
    cJSON *stats, *ready, *setup;
    cJSON *looks; /* one of each process */
    cJSON *quotes;
    struct watched watched;
    struct page_histogram latency;
    double memory_bytes, series;
    int64_t began_ns;
};

static void release(struct answers *answers) {
    cJSON_Delete(answers->stats);
    cJSON_Delete(answers->ready);
    cJSON_Delete(answers->setup);
    cJSON_Delete(answers->looks);
    cJSON_Delete(answers->quotes);
    for (size_t i = 0; i < answers->watched.count; i++)
        cJSON_Delete(answers->watched.items[i].published);
}

static double number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- asking ---- */

static cJSON *get(const struct page *page, const char *target) {
    struct text body;
    text_init(&body);
    page->options.source.get(page->options.source.context, target, &body);
    cJSON *value = text_is_oom(&body) ? NULL : cJSON_ParseWithLength(body.data, body.size);
    text_release(&body);
    return value;
}

/* Of each process's signals those say whose they are. */
static void collect_look(void *visitor, const char *worker, const char *body) {
    struct answers *answers = visitor;
    cJSON *look = cJSON_Parse(body);
    if (look == NULL)
        return;
    (void)worker; /* a deployment's name is one of the whole host */
    page_histogram_add(&answers->latency, member(look, "latency"));
    answers->memory_bytes += number(look, "memory_bytes");
    if (number(look, "series") > answers->series) /* each worker reads the same topics */
        answers->series = number(look, "series");
    if (!cJSON_AddItemToArray(answers->looks, look))
        cJSON_Delete(look);
}

static void collect_answer(void *visitor, const char *worker, const char *body) {
    cJSON *answers = visitor, *answer = cJSON_Parse(body);
    (void)worker;
    if (answer != NULL && !cJSON_AddItemToArray(answers, answer))
        cJSON_Delete(answer);
}

static void collect_setup(void *visitor, const char *worker, const char *body) {
    struct answers *answers = visitor;
    cJSON *list = cJSON_Parse(body);
    for (cJSON *item; (item = cJSON_DetachItemFromArray(list, 0)) != NULL;) {
        if (worker[0] != '\0')
            cJSON_AddStringToObject(item, "worker", worker);
        if (!cJSON_AddItemToArray(answers->setup, item))
            cJSON_Delete(item);
    }
    cJSON_Delete(list);
}

/* ---- symbols that somebody looks at ---- */

static void take_watched(void *context, const char *symbol, size_t size) {
    struct watched *watched = context;
    for (size_t i = 0; i < watched->count; i++)
        if (watched->items[i].size == size && memcmp(watched->items[i].name, symbol, size) == 0)
            return;
    if (watched->count == WATCHED_MAX || size > PAGE_SYMBOL_MAX)
        return;
    memcpy(watched->items[watched->count].name, symbol, size);
    watched->items[watched->count++].size = size;
}

/* As a part of a path. */
static void write_part(struct text *target, const char *name, size_t size) {
    for (size_t i = 0; i < size; i++)
        text_printf(target, "%%%02X", (unsigned char)name[i]);
}

static void ask_of(const struct page *page, const char *what, const char *name, size_t size,
                   cJSON *answers) {
    const struct page_source *source = &page->options.source;
    struct text target;
    text_init(&target);
    text_printf(&target, "%s/", what);
    write_part(&target, name, size);
    if (!text_is_oom(&target))
        source->each(source->context, target.data, collect_answer, answers);
    text_release(&target);
}

/* Few hosts have so many symbols that the price of one has to be asked for by its name. */
static void ask_watched(struct page *page, bool is_whole, struct answers *answers) {
    struct watched *watched = &answers->watched;
    lock_acquire(&page->lock, page_lock);
    page_stream_symbols(page, take_watched, watched);
    lock_release(&page->lock, page_lock);
    for (size_t i = 0; i < watched->count; i++) {
        const char *name = watched->items[i].name;
        const size_t size = watched->items[i].size;
        if (answers->series > PAGE_SERIES)
            ask_of(page, PAGE_QUOTES, name, size, answers->quotes);
        if (!is_whole)
            continue;
        watched->items[i].published = cJSON_CreateArray();
        ask_of(page, PAGE_PUBLISHED, name, size, watched->items[i].published);
    }
}

/* ---- entering ---- */

REQUIRES(page_lock)
static void enter_series_and_signals(struct page *page, const struct answers *answers) {
    const cJSON *look, *answer;
    cJSON_ArrayForEach(look, answers->looks) {
        page_series_enter(&page->series, member(look, "quotes"), page->tick);
        page_signals_enter(&page->signals, member(look, "signals"), page->tick);
    }
    cJSON_ArrayForEach(answer, answers->quotes)
        page_series_enter(&page->series, member(answer, "quotes"), page->tick);
}

REQUIRES(page_lock)
static void enter_published(struct page *page, const struct watched *watched) {
    for (size_t i = 0; i < watched->count; i++)
        page_published_enter(&page->published, watched->items[i].name, watched->items[i].size,
                             watched->items[i].published, page->tick);
    page_published_forget(&page->published, page->tick);
}

static void put_text(struct json_writer *json, const char *name, const cJSON *value) {
    char *printed = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
    text_puts(json_value(json, name), printed != NULL ? printed : "null");
    free(printed);
}

REQUIRES(page_lock) static void enter_state(struct page *page, const struct answers *answers) {
    const cJSON *totals = member(answers->stats, "totals");
    const bool is_deaf = totals == NULL;
    if (!is_deaf)
        page_history_add(&page->history, page->tick, answers->began_ns, number(totals, "messages"),
                         number(totals, "lag"), &answers->latency);
    text_reset(&page->state);
    struct json_writer json = json_writer_of(&page->state);
    json_begin_object(&json, NULL);
    json_integer(&json, "now_ms", clock_wall_ns() / NS_PER_MS);
    json_text(&json, "version", page->options.version);
    json_number(&json, "memory_bytes", answers->memory_bytes);
    json_number(&json, "series", answers->series);
    json_begin_array(&json, "last");
    const struct page_moment *last = page_history_last(&page->history);
    if (last != NULL)
        page_history_write(&page->history, last->tick - 1, &json);
    json_end_array(&json);
    put_text(&json, "stats", answers->stats);
    put_text(&json, "ready", answers->ready);
    json_end_object(&json);
    page->state_tick = page->tick;
}

REQUIRES(page_lock) static void enter_setup(struct page *page, const struct answers *answers) {
    char *printed = cJSON_PrintUnformatted(answers->setup);
    if (printed == NULL || cJSON_GetArraySize(answers->setup) == 0 ||
        strcmp(printed, page->setup.data) == 0) {
        free(printed);
        return;
    }
    text_reset(&page->setup);
    text_puts(&page->setup, printed);
    page->setup_tick = page->tick;
    free(printed);
}

void page_look(struct page *page, bool is_whole) {
    const struct page_source *source = &page->options.source;
    const bool with_setup = is_whole && page->whole_looks++ % SETUP_EVERY == 0;
    struct answers answers = {.looks = cJSON_CreateArray(),
                              .quotes = cJSON_CreateArray(),
                              .setup = with_setup ? cJSON_CreateArray() : NULL,
                              .began_ns = clock_monotonic_ns()};
    char target[64];
    (void)snprintf(target, sizeof target, PAGE_LOOK "?since=%" PRId64 "&until=%" PRId64,
                   page->since_ns, answers.began_ns);
    source->each(source->context, target, collect_look, &answers);
    ask_watched(page, is_whole, &answers);
    if (with_setup)
        source->each(source->context, PAGE_SETUP, collect_setup, &answers);
    if (is_whole) {
        answers.stats = get(page, "/stats");
        answers.ready = get(page, "/health/ready");
    }
    page->since_ns = answers.began_ns;
    lock_acquire(&page->lock, page_lock);
    page->tick++;
    enter_series_and_signals(page, &answers);
    if (is_whole) {
        enter_published(page, &answers.watched);
        enter_state(page, &answers);
    }
    if (with_setup)
        enter_setup(page, &answers);
    lock_release(&page->lock, page_lock);
    release(&answers);
}
