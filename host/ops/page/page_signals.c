#include "ops/page/page_private.h"

#include <stdlib.h>
#include <string.h>

/* Of a larger one the data is left out. */
#define TEXT_MAX 4096

static struct page_signal *nth(const struct page_signals *signals, size_t age) {
    return (struct page_signal *)&signals
        ->items[(signals->next + PAGE_SIGNALS - 1 - age) % PAGE_SIGNALS];
}

static void forget_oldest(struct page_signals *signals) {
    struct page_signal *oldest = nth(signals, signals->count - 1);
    signals->bytes -= oldest->text_size;
    free(oldest->text);
    oldest->text = NULL;
    signals->count--;
}

void page_signals_release(struct page_signals *signals) {
    while (signals->count > 0)
        forget_oldest(signals);
}

static char *print(const cJSON *signal) {
    char *text = cJSON_PrintUnformatted(signal);
    if (text == NULL || strlen(text) <= TEXT_MAX)
        return text;
    free(text);
    cJSON *copy = cJSON_Duplicate(signal, true);
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "data");
    text = copy != NULL ? cJSON_PrintUnformatted(copy) : NULL;
    cJSON_Delete(copy);
    return text;
}

static void enter(struct page_signals *signals, const cJSON *signal, uint64_t tick) {
    const char *symbol = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(signal, "symbol"));
    const size_t size = symbol != NULL ? strlen(symbol) : 0;
    char *text = print(signal);
    if (text == NULL)
        return;
    if (signals->count == PAGE_SIGNALS)
        forget_oldest(signals);
    struct page_signal *to = &signals->items[signals->next];
    *to = (struct page_signal){.size = size <= PAGE_SYMBOL_MAX ? size : 0,
                               .tick = tick,
                               .text = text,
                               .text_size = strlen(text)};
    if (to->size > 0)
        memcpy(to->symbol, symbol, to->size);
    signals->next = (signals->next + 1) % PAGE_SIGNALS;
    signals->count++;
    signals->bytes += to->text_size;
    while (signals->bytes > PAGE_SIGNAL_BYTES)
        forget_oldest(signals);
}

void page_signals_enter(struct page_signals *signals, const cJSON *list, uint64_t tick) {
    const cJSON *signal;
    cJSON_ArrayForEach(signal, list) enter(signals, signal, tick);
}

static bool is_asked(const struct page_signal *signal, const char *symbol, size_t size,
                     uint64_t tick) {
    return signal->tick > tick &&
           (symbol == NULL || (signal->size == size && memcmp(signal->symbol, symbol, size) == 0));
}

void page_signals_write(const struct page_signals *signals, const char *symbol, size_t size,
                        uint64_t tick, size_t most, struct json_writer *json) {
    size_t age = 0, found = 0;
    for (; age < signals->count && found < most; age++)
        found += is_asked(nth(signals, age), symbol, size, tick);
    while (age-- > 0) {
        const struct page_signal *signal = nth(signals, age);
        if (is_asked(signal, symbol, size, tick))
            text_append(json_value(json, NULL), signal->text, signal->text_size);
    }
}
