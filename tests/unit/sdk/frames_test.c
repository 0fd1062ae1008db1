#include <take5/frames.h>
#include <take5/testkit.h>
#include <take5/window.h>

#include <criterion/criterion.h>

typedef struct {
    double sum;
    int64_t count;
} memory;

static t5_frames frames;

static memory *get(uint32_t symbol_id, uint32_t time_frame_s) {
    return t5_frames_get(&frames, symbol_id, time_frame_s);
}

Test(frames, time_frames_of_a_symbol_are_apart_and_keep_their_address) {
    t5_frames_init(&frames, sizeof(memory), NULL);
    cr_assert_null(t5_frames_find(&frames, 3, 60));
    memory *minute = get(3, 60);
    minute->sum = 1;
    for (uint32_t frame = 0; frame < 100; frame++)
        get(3, 1000 - frame)->sum = frame;
    cr_expect_eq(get(3, 60), minute);
    cr_expect_eq(minute->sum, 1);
    cr_expect_null(t5_frames_find(&frames, 4, 60));
    cr_expect_null(t5_frames_get(&frames, T5_NO_SYMBOL, 60));
    t5_frames_release(&frames);
    cr_expect_null(t5_frames_find(&frames, 3, 60));
}

Test(frames, they_are_gone_through_in_rising_order) {
    const uint32_t given[] = {300, 0, 3600, 60};
    const uint32_t expected[] = {0, 60, 300, 3600};
    t5_frames_init(&frames, sizeof(memory), NULL);
    for (size_t i = 0; i < 4; i++)
        get(7, given[i])->count = given[i];
    cr_assert_eq(t5_frames_count(&frames, 7), 4);
    for (uint32_t i = 0; i < 4; i++) {
        const t5_frame frame = t5_frames_at(&frames, 7, i);
        cr_expect_eq(frame.time_frame_s, expected[i]);
        cr_expect_eq(((memory *)frame.item)->count, expected[i]);
    }
    cr_expect_null(t5_frames_at(&frames, 7, 4).item);
    cr_expect_eq(t5_frames_count(&frames, 8), 0);
    t5_frames_drop(&frames, 7);
    cr_expect_eq(t5_frames_count(&frames, 7), 0);
    t5_frames_release(&frames);
}

/* ---- saved and loaded by an instance: the probe's state ---- */

static int32_t take(void *self, const t5_message *message) {
    (void)self;
    memory *m = t5_frames_get(&frames, message->symbol_id, message->time_frame_s);
    cr_assert_not_null(m);
    m->sum += message->price;
    m->count++;
    return T5_OK;
}

static t5_host *host;

static int32_t create(const t5_create_args *args, void **self) {
    host = args->host;
    t5_frames_init(&frames, sizeof(memory), NULL);
    *self = NULL;
    return T5_OK;
}

static void destroy(void *self) {
    (void)self;
}

static int32_t save(void *self, const t5_save_args *args) {
    (void)self;
    (void)args;
    return t5_frames_save(&frames, host);
}

static int32_t load(void *self, const t5_load_args *args) {
    (void)self;
    (void)args;
    return t5_frames_load(&frames, host);
}

static const char *const topics[] = {"bar_trends", NULL};
static const t5_strategy strategy = {.size = sizeof strategy,
                                     .name = "frames",
                                     .version = "1",
                                     .topics = topics,
                                     .state_version = 1,
                                     .create = create,
                                     .destroy = destroy,
                                     .on_message = take,
                                     .save = save,
                                     .load = load};

static void send(t5_kit *kit, const char *symbol, uint32_t time_frame_s, double price) {
    t5_kit_message message = t5_kit_message_init("bar_trends", symbol, 1);
    message.time_frame_s = time_frame_s;
    message.price = price;
    cr_assert_eq(t5_kit_send(kit, &message), T5_OK);
}

Test(frames, what_is_saved_is_loaded_by_symbol_and_time_frame) {
    t5_kit *kit = t5_kit_new();
    void *state;
    size_t size;
    cr_assert_eq(t5_kit_use(kit, &strategy), T5_OK);
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    send(kit, "QQQ", 60, 1);
    send(kit, "SPY", 60, 2);
    send(kit, "SPY", 300, 3);
    cr_assert_eq(t5_kit_save(kit, &state, &size), T5_OK, "%s", t5_kit_problem(kit));
    cr_expect_eq(t5_kit_saved_count(kit), 2);
    t5_kit_stop(kit);
    t5_frames_release(&frames);
    cr_assert_eq(t5_kit_start_from(kit, state, size), T5_OK, "%s", t5_kit_problem(kit));
    const uint32_t spy = t5_kit_symbol_id(kit, "SPY");
    cr_expect_eq(t5_frames_count(&frames, spy), 2);
    cr_expect_eq(((memory *)t5_frames_find(&frames, spy, 300))->sum, 3);
    cr_expect_eq(((memory *)t5_frames_find(&frames, t5_kit_symbol_id(kit, "QQQ"), 60))->count, 1);
    t5_kit_stop(kit);
    t5_frames_release(&frames);
    free(state);
    t5_kit_free(kit);
}

static void refuse(const t5_bytes *bytes, const char *what) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_use(kit, &strategy), T5_OK);
    t5_kit_add_record(kit, 1, "QQQ", bytes->data, bytes->size);
    cr_expect_eq(t5_kit_start(kit), T5_ERROR, "%s", what);
    cr_expect_not_null(strstr(t5_kit_problem(kit), "QQQ"), "%s", t5_kit_problem(kit));
    t5_frames_release(&frames);
    t5_kit_free(kit);
}

Test(frames, a_record_that_is_not_its_own_is_refused) {
    const memory m = {1, 2};
    t5_bytes bytes;
    t5_bytes_init(&bytes);
    t5_bytes_put_u64(&bytes, 2);
    t5_bytes_put_u32(&bytes, 60);
    t5_bytes_put(&bytes, &m, sizeof m);
    refuse(&bytes, "one short");
    t5_bytes_put_u32(&bytes, 60);
    t5_bytes_put(&bytes, &m, sizeof m);
    refuse(&bytes, "the same twice");
    t5_bytes_reset(&bytes);
    t5_bytes_put_u64(&bytes, UINT64_MAX);
    refuse(&bytes, "as many as there are");
    t5_bytes_release(&bytes);
}

/* ---- items that hold something ---- */

static int inits, releases;

static int32_t window_init(void *context, uint32_t symbol_id, uint32_t time_frame_s, void *item) {
    (void)symbol_id;
    inits++;
    t5_window_init(item, *(const int64_t *)context * time_frame_s, sizeof(double));
    return T5_OK;
}

static void window_release(void *context, void *item) {
    (void)context;
    releases++;
    t5_window_release(item);
}

Test(frames, each_item_is_completed_and_released_once) {
    const int64_t second_ns = 1000000000;
    const t5_frames_type type = {
        .init = window_init, .release = window_release, .context = (void *)(uintptr_t)&second_ns};
    t5_frames moved;
    t5_frames_init(&frames, sizeof(t5_window), &type);
    for (uint32_t frame = 60; frame <= 300; frame += 60) {
        const double close = 1;
        t5_window_add(t5_frames_get(&frames, 0, frame), 0, &close);
        t5_window_add(t5_frames_get(&frames, 1, frame), 0, &close);
    }
    moved = frames; /* a struct that is moved goes on */
    t5_frames_drop(&moved, 0);
    cr_expect_eq(releases, 5);
    t5_frames_release(&moved);
    cr_expect_eq(inits, 10);
    cr_expect_eq(releases, 10);
}

/* ---- t5::Frames ---- */

/* Its signal is the sum of the closes of symbol and time frame; "frames" how many there are. */
static double sum_after(t5_kit *kit, const char *symbol, uint32_t time_frame_s, double price) {
    send(kit, symbol, time_frame_s, price);
    return t5_kit_signal_last(kit, "sum")->value;
}

Test(frames, the_class_does_the_same) {
    t5_kit *kit = t5_kit_new();
    cr_assert_eq(t5_kit_open(kit, TAKE5_FRAMES_CXX), T5_OK, "%s", t5_kit_problem(kit));
    cr_assert_eq(t5_kit_start(kit), T5_OK, "%s", t5_kit_problem(kit));
    cr_expect_eq(sum_after(kit, "QQQ", 60, 1), 1);
    cr_expect_eq(sum_after(kit, "QQQ", 300, 2), 2);
    cr_expect_eq(sum_after(kit, "SPY", 60, 4), 4);
    cr_expect_eq(sum_after(kit, "QQQ", 60, 8), 9);
    cr_expect_eq(t5_kit_signal_last(kit, "frames")->value, 2);
    cr_assert_eq(t5_kit_reload(kit), T5_OK, "%s", t5_kit_problem(kit));
    cr_expect_eq(sum_after(kit, "QQQ", 60, 16), 25);
    cr_expect_eq(sum_after(kit, "QQQ", 300, 32), 34);
    cr_assert_eq(t5_kit_expire(kit, "QQQ"), T5_OK);
    cr_expect_eq(sum_after(kit, "QQQ", 60, 64), 64);
    cr_expect_eq(sum_after(kit, "SPY", 60, 128), 132);
    t5_kit_free(kit);
}
