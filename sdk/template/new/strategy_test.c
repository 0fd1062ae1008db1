/*
 * The tests of @NAME@, without broker and host:
 *
 *   @NAME@_test @NAME@.so sample.jsonl
 *
 * take5/testkit.h tells what a kit can do. Any test framework will do as well as these few lines.
 */
#include <take5/testkit.h>

#include <stdio.h>
#include <stdlib.h>

#define MINUTE_NS 60000000000LL
#define BEGIN_NS  1718658930000000000LL /* 2024-06-17T21:15:30Z */

/* Ends the test with the line, and with what the kit says. */
#define CHECK(kit, condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n%s\n", __FILE__, __LINE__, #condition,             \
                    t5_kit_problem(kit));                                                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* An instance that speaks from the third price of a symbol on. */
static t5_kit *start(const char *strategy) {
    t5_kit *kit = t5_kit_new();
    if (kit == NULL)
        exit(1);
    CHECK(kit, t5_kit_open(kit, strategy) == T5_OK);
    CHECK(kit, t5_kit_set(kit, "threshold", "1") == T5_OK);
    CHECK(kit, t5_kit_set(kit, "least", "2") == T5_OK);
    CHECK(kit, t5_kit_start(kit) == T5_OK);
    return kit;
}

static void send(t5_kit *kit, const char *symbol, int minute, double price) {
    t5_kit_message message =
        t5_kit_message_init("bar_trends", symbol, BEGIN_NS + minute * MINUTE_NS);
    message.price = price;
    CHECK(kit, t5_kit_send(kit, &message) == T5_OK);
}

static void send_bar(t5_kit *kit, uint32_t time_frame_s, int minute, double close) {
    t5_kit_message message =
        t5_kit_message_init("bar_trends", "QQQ", BEGIN_NS + minute * MINUTE_NS);
    message.time_frame_s = time_frame_s;
    message.close = close;
    CHECK(kit, t5_kit_send(kit, &message) == T5_OK);
}

static void price_that_leaves_its_average_gives_one_signal(const char *strategy) {
    t5_kit *kit = start(strategy);
    send(kit, "QQQ", 0, 100);
    send(kit, "QQQ", 1, 100);
    CHECK(kit, t5_kit_signal_count(kit) == 0);
    send(kit, "QQQ", 2, 103);
    send(kit, "QQQ", 3, 103);
    CHECK(kit, t5_kit_signal_count(kit) == 1);
    CHECK(kit, t5_kit_signal_last(kit, "@NAME@_up") != NULL);
    CHECK(kit, strcmp(t5_kit_signal_at(kit, 0)->symbol, "QQQ") == 0);
    send(kit, "QQQ", 4, 95);
    CHECK(kit, t5_kit_signal_last(kit, "@NAME@_down") != NULL);
    t5_kit_free(kit);
}

static void symbols_do_not_touch_each_other(const char *strategy) {
    t5_kit *kit = start(strategy);
    for (int i = 0; i < 5; i++) {
        send(kit, "QQQ", i, 100);
        send(kit, "SPY", i, 200);
    }
    CHECK(kit, t5_kit_signal_count(kit) == 0);
    t5_kit_free(kit);
}

static void time_frames_do_not_touch_each_other(const char *strategy) {
    t5_kit *kit = start(strategy);
    for (int i = 0; i < 5; i++) {
        send_bar(kit, 60, i, 100);
        send_bar(kit, 300, i, 200);
    }
    CHECK(kit, t5_kit_signal_count(kit) == 0);
    t5_kit_free(kit);
}

static void what_it_knows_survives_a_reload(const char *strategy) {
    t5_kit *kit = start(strategy);
    send(kit, "QQQ", 0, 100);
    send(kit, "QQQ", 1, 100);
    CHECK(kit, t5_kit_reload(kit) == T5_OK);
    send(kit, "QQQ", 2, 103);
    CHECK(kit, t5_kit_signal_count(kit) == 1);
    t5_kit_free(kit);
}

/* With each allocation failing in turn it may say that it cannot, and must not crash. */
static void memory_that_runs_out_is_an_error(const char *strategy) {
    for (uint64_t n = 1;; n++) {
        t5_kit *kit = t5_kit_new();
        if (kit == NULL)
            exit(1);
        CHECK(kit, t5_kit_open(kit, strategy) == T5_OK);
        if (t5_kit_fail_allocation(kit, n) != T5_OK) {
            t5_kit_free(kit);
            return; /* this build cannot */
        }
        if (t5_kit_start(kit) == T5_OK) {
            t5_kit_message message = t5_kit_message_init("bar_trends", "QQQ", BEGIN_NS);
            message.price = 100;
            (void)t5_kit_send(kit, &message);
        }
        const int is_last = t5_kit_allocations(kit) < n;
        t5_kit_free(kit);
        if (is_last)
            return;
    }
}

/* The recorded sample gives signals, and no message of it is an error. */
static void sample_is_taken(const char *strategy, const char *path) {
    char line[65536];
    t5_kit *kit = t5_kit_new();
    FILE *file = fopen(path, "r");
    if (kit == NULL || file == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    CHECK(kit, t5_kit_open(kit, strategy) == T5_OK);
    CHECK(kit, t5_kit_start(kit) == T5_OK);
    while (fgets(line, sizeof line, file) != NULL)
        CHECK(kit, t5_kit_json(kit, NULL, line) == T5_OK);
    CHECK(kit, t5_kit_error_count(kit) == 0);
    CHECK(kit, t5_kit_signal_count(kit) > 0);
    for (size_t i = 0; i < t5_kit_signal_count(kit); i++) {
        const t5_kit_signal *signal = t5_kit_signal_at(kit, i);
        printf("%s %s %.4f\n", signal->symbol, signal->name, signal->value);
    }
    fclose(file);
    t5_kit_free(kit);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s STRATEGY.so SAMPLE.jsonl\n", argv[0]);
        return 2;
    }
    price_that_leaves_its_average_gives_one_signal(argv[1]);
    symbols_do_not_touch_each_other(argv[1]);
    time_frames_do_not_touch_each_other(argv[1]);
    what_it_knows_survives_a_reload(argv[1]);
    memory_that_runs_out_is_an_error(argv[1]);
    sample_is_taken(argv[1], argv[2]);
    return 0;
}
