#include <take5/symbols.h>
#include <take5/window.h>

#include <criterion/criterion.h>

/* A host that keeps records, for save and load. */
struct kept {
    char symbol[16];
    uint32_t id;
    unsigned char data[256];
    size_t size;
};

struct fake_host {
    t5_host host; /* first */
    struct kept kept[64];
    size_t count, next;
    size_t refuse_at; /* record_write number that fails, from 1; 0: none */
    uint32_t shift;   /* ids are given out differently at load */
    char problem[512];
};

static int32_t fake_write(t5_host *host, uint32_t id, const void *data, size_t size) {
    struct fake_host *fake = (struct fake_host *)(void *)host;
    if (fake->count + 1 == fake->refuse_at)
        return T5_ERROR;
    struct kept *kept = &fake->kept[fake->count++];
    kept->id = id;
    snprintf(kept->symbol, sizeof kept->symbol, "S%u", id);
    memcpy(kept->data, data, size);
    kept->size = size;
    return T5_OK;
}

static int32_t fake_read(t5_host *host, t5_record *record) {
    struct fake_host *fake = (struct fake_host *)(void *)host;
    if (fake->next == fake->count)
        return T5_END;
    struct kept *kept = &fake->kept[fake->next++];
    record->symbol_id = kept->id == T5_NO_SYMBOL ? T5_NO_SYMBOL : kept->id + fake->shift;
    record->symbol = t5_text(kept->symbol);
    record->data = kept->data;
    record->data_size = kept->size;
    return T5_OK;
}

static int32_t fake_fail(t5_host *host, const char *text, size_t len) {
    struct fake_host *fake = (struct fake_host *)(void *)host;
    snprintf(fake->problem, sizeof fake->problem, "%.*s", (int)len, text);
    return T5_OK;
}

static t5_services services;

static void fake_init(struct fake_host *fake) {
    services.size = (uint32_t)sizeof services;
    services.record_write = fake_write;
    services.record_read = fake_read;
    services.fail = fake_fail;
    memset(fake, 0, sizeof *fake);
    fake->host.services = &services;
}

typedef struct memory {
    double last;
    uint64_t count;
} memory;

Test(symbols, an_item_is_made_on_first_sight_and_keeps_its_address) {
    t5_symbols symbols;
    t5_symbols_init(&symbols, sizeof(memory), NULL);
    cr_assert(t5_symbols_find(&symbols, 0) == NULL);
    memory *first = t5_symbols_get(&symbols, 3);
    cr_assert(first != NULL && first->count == 0 && first->last == 0.0);
    first->count = 7;
    for (uint32_t id = 0; id < 100000; id += 3)
        cr_assert(t5_symbols_get(&symbols, id) != NULL);
    cr_assert(t5_symbols_get(&symbols, 3) == (void *)first);
    cr_assert_eq(first->count, 7);
    cr_assert_eq(symbols.count, 33334);
    cr_assert(t5_symbols_find(&symbols, 1) == NULL);
    cr_assert(t5_symbols_get(&symbols, T5_NO_SYMBOL) == NULL);
    t5_symbols_release(&symbols);
    cr_assert_eq(symbols.count, 0);
    cr_assert(t5_symbols_get(&symbols, 5) != NULL); /* usable again */
    t5_symbols_release(&symbols);
}

Test(symbols, iteration_goes_by_rising_id_and_allows_dropping) {
    const uint32_t ids[] = {40, 2, 1000, 0, 7};
    const uint32_t rising[] = {0, 2, 7, 40, 1000};
    t5_symbols symbols;
    t5_symbols_init(&symbols, sizeof(memory), NULL);
    uint32_t id = T5_NO_SYMBOL;
    cr_assert(t5_symbols_next(&symbols, &id) == NULL);
    for (size_t i = 0; i < 5; i++)
        ((memory *)t5_symbols_get(&symbols, ids[i]))->count = ids[i];
    size_t seen = 0;
    id = T5_NO_SYMBOL;
    for (memory *m; (m = t5_symbols_next(&symbols, &id)) != NULL; seen++) {
        cr_assert_eq(id, rising[seen]);
        cr_assert_eq(m->count, id);
        t5_symbols_drop(&symbols, id);
    }
    cr_assert_eq(seen, 5);
    cr_assert_eq(symbols.count, 0);
    t5_symbols_drop(&symbols, 7);
    t5_symbols_drop(&symbols, T5_NO_SYMBOL);
    t5_symbols_release(&symbols);
}

Test(symbols, flat_items_come_back_under_their_new_ids) {
    static struct fake_host fake;
    t5_symbols symbols, again;
    fake_init(&fake);
    t5_symbols_init(&symbols, sizeof(memory), NULL);
    t5_symbols_init(&again, sizeof(memory), NULL);
    for (uint32_t id = 0; id < 10; id++)
        ((memory *)t5_symbols_get(&symbols, id))->count = id + 1;
    cr_assert_eq(t5_symbols_save(&symbols, &fake.host), T5_OK);
    cr_assert_eq(fake.count, 10);
    fake.shift = 100;
    cr_assert_eq(t5_symbols_load(&again, &fake.host), T5_OK);
    cr_assert_eq(again.count, 10);
    for (uint32_t id = 0; id < 10; id++)
        cr_assert_eq(((memory *)t5_symbols_find(&again, id + 100))->count, id + 1);
    t5_symbols_release(&symbols);
    t5_symbols_release(&again);
}

/* Items that hold memory of their own. */
typedef struct series {
    t5_window window;
} series;

static int32_t series_init(void *context, uint32_t id, void *item) {
    int *made = context;
    if (id == 13)
        return T5_ERROR;
    ++*made;
    t5_window_init(&((series *)item)->window, 100, sizeof(double));
    return T5_OK;
}

static void series_release(void *context, void *item) {
    int *made = context;
    --*made;
    t5_window_release(&((series *)item)->window);
}

static void series_save(void *context, const void *item, t5_bytes *out) {
    (void)context;
    t5_window_save(&((const series *)item)->window, out);
}

static int32_t series_load(void *context, void *item, t5_reader *in) {
    (void)context;
    return t5_window_load(&((series *)item)->window, in);
}

Test(symbols, items_with_memory_of_their_own_are_made_saved_loaded_and_released) {
    static struct fake_host fake;
    int made = 0;
    const t5_symbols_type type = {series_init, series_release, series_save, series_load, &made};
    t5_symbols symbols, again;
    fake_init(&fake);
    t5_symbols_init(&symbols, sizeof(series), &type);
    t5_symbols_init(&again, sizeof(series), &type);
    for (uint32_t id = 0; id < 5; id++) {
        series *s = t5_symbols_get(&symbols, id);
        for (int64_t t = 0; t < id; t++) {
            const double x = (double)t;
            t5_window_add(&s->window, t, &x);
        }
    }
    cr_assert(t5_symbols_get(&symbols, 13) == NULL); /* init refused: nothing is left of it */
    cr_assert_eq(symbols.count, 5);
    cr_assert_eq(t5_symbols_save(&symbols, &fake.host), T5_OK);
    cr_assert_eq(t5_symbols_load(&again, &fake.host), T5_OK);
    cr_assert_eq(t5_window_count(&((series *)t5_symbols_find(&again, 4))->window), 4);
    cr_assert_eq(made, 10);
    t5_symbols_drop(&again, 2);
    cr_assert_eq(made, 9);
    t5_symbols_release(&symbols);
    t5_symbols_release(&again);
    cr_assert_eq(made, 0);
}

Test(symbols, a_record_that_is_not_ours_is_refused_with_its_symbol) {
    static struct fake_host fake;
    t5_symbols symbols;
    fake_init(&fake);
    t5_symbols_init(&symbols, sizeof(memory), NULL);
    const size_t sizes[] = {0, sizeof(memory) - 1, sizeof(memory) + 1};
    for (size_t i = 0; i < 3; i++) {
        fake.count = fake.next = 0;
        fake_write(&fake.host, 5, "0123456789abcdefg", sizes[i]);
        cr_assert_eq(t5_symbols_load(&symbols, &fake.host), T5_ERROR);
        cr_assert(strstr(fake.problem, "\"S5\"") != NULL);
        cr_assert(t5_symbols_find(&symbols, 5) == NULL);
    }
    fake.count = fake.next = 0;
    fake_write(&fake.host, T5_NO_SYMBOL, "x", 1);
    cr_assert_eq(t5_symbols_load(&symbols, &fake.host), T5_ERROR);
    cr_assert(strstr(fake.problem, "without a symbol") != NULL);
    t5_symbols_release(&symbols);
}

Test(symbols, a_save_that_the_host_does_not_take_is_an_error_with_a_reason) {
    static struct fake_host fake;
    t5_symbols symbols;
    fake_init(&fake);
    t5_symbols_init(&symbols, sizeof(memory), NULL);
    for (uint32_t id = 0; id < 5; id++)
        t5_symbols_get(&symbols, id);
    fake.refuse_at = 3;
    cr_assert_eq(t5_symbols_save(&symbols, &fake.host), T5_ERROR);
    cr_assert(strstr(fake.problem, "did not take") != NULL);
    cr_assert_eq(fake.count, 2);
    t5_symbols_release(&symbols);
}
