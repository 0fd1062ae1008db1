#include "commands/operation/top_table.h"

#include <criterion/criterion.h>
#include <string.h>

#define STRATEGY(name, worker, busy_ms, messages)                                                  \
    "{\"name\":\"" name "\",\"state\":\"running\"" worker ",\"busy_ms\":" #busy_ms                 \
    ",\"messages\":" #messages "}"
#define OF(worker)            ",\"worker\":\"" worker "\""
#define LANE(number, worker)  "{\"lane\":" #number worker "}"
#define WORKER(name, process) "{\"name\":\"" name "\",\"process\":" #process "}"
#define STATUS(strategies, lanes, workers)                                                         \
    "{\"strategies\":[" strategies "],\"lanes\":[" lanes "],\"workers\":[" workers "]}"

static cJSON *status, *before;
static struct top_table table;

/* Two seconds lie between them. */
static void fill(const char *earlier, const char *now) {
    status = status_parse(now, strlen(now));
    before = status_parse(earlier, strlen(earlier));
    cr_assert(status != NULL && before != NULL);
    cr_assert(top_table_init(&table, status, before, 2));
}

static void end(void) {
    top_table_release(&table);
    cJSON_Delete(status);
    cJSON_Delete(before);
}

TestSuite(top_table, .fini = end);

static void expect(size_t row, const char *name, double time_share, double messages_s) {
    cr_assert(row < table.count);
    cr_expect_str_eq(table.rows[row].name, name);
    cr_expect_float_eq(table.rows[row].time_share, time_share, 1e-9, "%s: %f", name,
                       table.rows[row].time_share);
    cr_expect_float_eq(table.rows[row].messages_s, messages_s, 1e-9, "%s: %f", name,
                       table.rows[row].messages_s);
}

Test(top_table, time_is_of_all_lanes_of_the_only_process) {
    fill(STATUS(STRATEGY("s", "", 100, 10), LANE(0, "") "," LANE(1, ""), ""),
         STATUS(STRATEGY("s", "", 2100, 30), LANE(0, "") "," LANE(1, ""), ""));
    expect(0, "s", 0.5, 10);
}

#define LANES                                                                                      \
    LANE(0, OF("main")) "," LANE(1, OF("main")) "," LANE(2, OF("main")) "," LANE(0, OF("slow"))
#define WORKERS WORKER("main", 11) "," WORKER("slow", 12)

Test(top_table, time_is_of_the_lanes_of_its_worker) {
    fill(STATUS(STRATEGY("s", OF("slow"), 100, 10) "," STRATEGY("m", OF("main"), 0, 0), LANES,
                WORKERS),
         STATUS(STRATEGY("s", OF("slow"), 2100, 30) "," STRATEGY("m", OF("main"), 600, 2), LANES,
                WORKERS));
    expect(0, "s", 1, 10);
    expect(1, "m", 0.1, 1);
}

Test(top_table, what_another_process_counted_gives_no_rate) {
    fill(STATUS(STRATEGY("s", OF("slow"), 100, 10) "," STRATEGY("m", OF("main"), 0, 0), LANES,
                WORKERS),
         STATUS(STRATEGY("s", OF("slow"), 2100, 30) "," STRATEGY("m", OF("slow"), 600, 2), LANES,
                WORKER("main", 11) "," WORKER("slow", 13)));
    expect(0, "s", 0, 0);
    expect(1, "m", 0, 0);
}
