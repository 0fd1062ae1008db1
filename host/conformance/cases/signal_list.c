#include "conformance/cases/signal_list.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

bool signal_list_init(struct signal_list *list) {
    memset(list, 0, sizeof *list);
    list->names = symbols_new(SYMBOL_NONE - 1);
    return list->names != NULL;
}

void signal_list_release(struct signal_list *list) {
    symbols_free(list->names);
    free(list->items);
    memset(list, 0, sizeof *list);
}

void signal_list_add(struct signal_list *list, const struct emitted_signal *emitted, size_t message,
                     size_t begin, size_t end) {
    const t5_str symbol = emitted->symbol;
    struct signal_item item = {.begin = begin,
                               .end = end,
                               .message = message,
                               .time_ns = emitted->event_time_ns,
                               .symbol = SYMBOL_NONE};
    if (symbol.len > 0)
        item.symbol = symbols_intern(list->names, symbol.data, symbol.len, NULL);
    if ((symbol.len > 0 && item.symbol == SYMBOL_NONE) ||
        !ARRAY_GROW(list->items, list->count, list->capacity)) {
        list->is_oom = true;
        return;
    }
    list->items[list->count++] = item;
}
