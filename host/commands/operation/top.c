#include "cli/cli.h"
#include "commands/operation/operation.h"

#include "base/clock.h"
#include "cli/host_locator.h"
#include "commands/operation/top_table.h"

#include <ctype.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Lines for lanes: as many, or this part of the screen if that is more. */
#define MIN_LANES   4
#define LANES_PART  6
#define TEXT_SIZE   32
#define WORKER_SIZE 80 /* "[NAME] " */

#define COLOR_BAD 1 /* a pair of colours */

struct top {
    struct host_locator locator;
    int64_t interval_ns;
    enum top_order order;
    bool is_reversed;
    size_t first; /* row at the top of the list */
    cJSON *status, *before;
    double seconds; /* between the two */
    int64_t taken_ns;
    struct error error; /* of the last look; code ERROR_NONE: it worked */
    int line;
};

/* One line, cut at the screen's right edge. */
__attribute__((format(printf, 3, 4))) static void put(struct top *top, attr_t attributes,
                                                      const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (top->line >= LINES - 1)
        return;
    attrset((int)attributes);
    mvaddnstr(top->line++, 0, text, COLS);
    attrset(A_NORMAL);
}

static attr_t bad(void) {
    return A_BOLD | (has_colors() ? (attr_t)COLOR_PAIR(COLOR_BAD) : A_NORMAL);
}

/* Behind the text that the line has: fills it up in the same look, as a bar. */
static void put_bar(struct top *top, const char *text) {
    if (top->line >= LINES - 1)
        return;
    attrset(A_REVERSE);
    mvhline(top->line, 0, ' ', COLS);
    mvaddnstr(top->line++, 0, text, COLS);
    attrset(A_NORMAL);
}

/* ---- the parts of the screen ---- */

static void draw_head(struct top *top) {
    char condition[320], span[TEXT_SIZE], left[400], clock[16];
    const time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    strftime(clock, sizeof clock, "%H:%M:%S", &local);
    status_condition(top->status, condition, sizeof condition);
    status_format_span(status_number(top->status, "uptime_s"), span, sizeof span);
    snprintf(left, sizeof left, "%s  %s, up %s", status_text(top->status, "service"), condition,
             span);
    put(top, strcmp(condition, "running") == 0 ? A_BOLD : bad(), "%s", left);
    if (COLS > (int)sizeof clock)
        mvaddstr(0, COLS - (int)strlen(clock), clock);
}

static void draw_source(struct top *top) {
    const cJSON *source = status_member(top->status, "source");
    const bool is_ok = status_is(source, "connected") && status_is(source, "assigned");
    const double lag = status_number(status_member(top->status, "totals"), "lag");
    char behind[TEXT_SIZE];
    status_format_count(lag, 12, behind, sizeof behind);
    put(top, is_ok ? A_NORMAL : bad(), "source  %s, lag %s, %d partitions, %s",
        !status_is(source, "connected")  ? "NOT CONNECTED"
        : !status_is(source, "assigned") ? "NOT ASSIGNED"
                                         : "ok",
        behind, cJSON_GetArraySize(status_member(top->status, "assignment")),
        status_text(source, "detail"));
}

static void draw_totals(struct top *top) {
    const cJSON *now = status_member(top->status, "totals");
    const cJSON *before = status_totals_before(top->status, top->before);
    char text[5][TEXT_SIZE];
    status_format_count(status_rate(now, before, "messages", top->seconds), 9, text[0], TEXT_SIZE);
    status_format_count(status_rate(now, before, "bad", top->seconds), 7, text[1], TEXT_SIZE);
    status_format_count(status_rate(now, before, "signals", top->seconds), 7, text[2], TEXT_SIZE);
    status_format_count(status_number(now, "dead_letters"), 7, text[3], TEXT_SIZE);
    status_format_count(status_number(now, "unconfirmed"), 7, text[4], TEXT_SIZE);
    put(top, A_NORMAL, "in %s/s  bad %s/s  signals %s/s  dead letters %s  unconfirmed %s", text[0],
        text[1], text[2], text[3], text[4]);
}

static void draw_lanes(struct top *top) {
    const cJSON *lanes = status_member(top->status, "lanes");
    const int count = cJSON_GetArraySize(lanes);
    const int most = LINES / LANES_PART > MIN_LANES ? LINES / LANES_PART : MIN_LANES;
    for (int i = 0; i < count && i < most; i++) {
        const cJSON *lane = cJSON_GetArrayItem(lanes, i);
        const cJSON *before = status_lane_before(top->status, lane, top->before);
        const char *hand = status_text(lane, "in_callback");
        char worker[WORKER_SIZE], text[2][TEXT_SIZE];
        status_format_worker(lane, worker, sizeof worker);
        status_format_count(status_rate(lane, before, "messages", top->seconds), 9, text[0],
                            TEXT_SIZE);
        status_format_count(status_number(lane, "unconfirmed"), 9, text[1], TEXT_SIZE);
        put(top, A_NORMAL, "lane %.0f  %s%s/s, %.0f partitions, unconfirmed %s%s%s",
            status_number(lane, "lane"), worker, text[0], status_number(lane, "partitions"),
            text[1], hand[0] != '\0' ? ", in " : "", hand);
    }
    if (count > most)
        put(top, A_NORMAL, "        and %d more lanes", count - most);
}

static void draw_sinks(struct top *top) {
    const cJSON *sink;
    cJSON_ArrayForEach(sink, status_member(top->status, "sinks")) {
        char worker[WORKER_SIZE], queued[TEXT_SIZE];
        status_format_worker(sink, worker, sizeof worker);
        const bool is_ok = status_is(sink, "ok");
        status_format_count(status_number(sink, "queued"), 9, queued, sizeof queued);
        put(top, is_ok ? A_NORMAL : bad(), "sink    %s%s (%s) %s, queued %s  %s", worker,
            status_text(sink, "name"), status_text(sink, "for"), is_ok ? "ok" : "FAILING", queued,
            status_text(sink, "detail"));
    }
}

/* Those of a host that have problems; the others show in their strategies. */
static void draw_workers(struct top *top) {
    const cJSON *worker;
    cJSON_ArrayForEach(worker, status_member(top->status, "workers")) {
        if (strcmp(status_text(worker, "state"), "running") != 0)
            put(top, bad(), "worker  %s %s", status_text(worker, "name"),
                status_text(worker, "detail"));
        else if (status_text(worker, "silent")[0] != '\0')
            put(top, bad(), "worker  %s does not answer: %s", status_text(worker, "name"),
                status_text(worker, "silent"));
    }
}

static void draw_checkpoints(struct top *top) {
    const cJSON *kept = status_member(top->status, "checkpoints");
    const double oldest_s = status_number(kept, "oldest_s");
    char oldest[TEXT_SIZE], pause[TEXT_SIZE];
    if (kept == NULL || !status_is(kept, "kept"))
        return;
    status_format_span(oldest_s, oldest, sizeof oldest);
    status_format_ns(status_number(kept, "longest_pause_ms") * 1e6, pause, sizeof pause);
    if (!status_is(kept, "ok"))
        put(top, bad(), "state   NOT SAVED: %s", status_text(kept, "detail"));
    else if (oldest_s < 0)
        put(top, A_NORMAL, "state   no checkpoint yet");
    else
        put(top, A_NORMAL, "state   saved within %s, longest pause %s", oldest, pause);
}

static void draw_row(struct top *top, const struct top_row *row) {
    char rate[TEXT_SIZE], signals[TEXT_SIZE], errors[TEXT_SIZE], p50[TEXT_SIZE], p99[TEXT_SIZE];
    const bool is_running = strcmp(row->state, "running") == 0;
    char state[sizeof row->state];
    for (size_t i = 0; i < sizeof state; i++)
        state[i] = is_running ? row->state[i] : (char)toupper((unsigned char)row->state[i]);
    status_format_count(row->messages_s, 9, rate, TEXT_SIZE);
    status_format_count(row->errors, 6, errors, TEXT_SIZE);
    status_format_ns(row->p50_ns, p50, TEXT_SIZE);
    status_format_ns(row->p99_ns, p99, TEXT_SIZE);
    snprintf(signals, TEXT_SIZE, row->signals_s < 99.5 ? "%.1f" : "%.0f", row->signals_s);
    put(top, is_running ? A_NORMAL : bad(), "%-20.20s %-11.11s %9s %6.1f%% %7s %7s %6s %6s",
        row->name, state, rate, row->time_share * 100, p50, p99, signals, errors);
}

static void draw_strategies(struct top *top) {
    struct top_table table;
    char head[128];
    put(top, A_NORMAL, "%s", "");
    snprintf(head, sizeof head, "%-20s %-11s %9s %7s %7s %7s %6s %6s", "STRATEGY", "STATE", "MSG/s",
             "TIME", "p50", "p99", "SIG/s", "ERRORS");
    put_bar(top, head);
    if (!top_table_init(&table, top->status, top->before, top->seconds))
        return;
    top_table_sort(&table, top->order, top->is_reversed);
    const size_t room = LINES - 1 > top->line ? (size_t)(LINES - 1 - top->line) : 0;
    if (top->first + room > table.count)
        top->first = table.count > room ? table.count - room : 0;
    for (size_t i = top->first; i < table.count && i < top->first + room; i++)
        draw_row(top, &table.rows[i]);
    if (table.count == 0)
        put(top, A_NORMAL, "no strategy is running");
    top_table_release(&table);
}

static void draw_foot(void) {
    static const char keys[] = "q quit  sort by: n name r rate t time 5 p50 9 p99 s sig e err "
                               "a state  i invert";
    attrset(A_REVERSE);
    mvhline(LINES - 1, 0, ' ', COLS);
    mvaddnstr(LINES - 1, 0, keys, COLS);
    attrset(A_NORMAL);
}

/* Text of more than one line, broken between words. */
static void put_text(struct top *top, attr_t attributes, const char *text) {
    const size_t width = COLS > 1 ? (size_t)COLS : 1;
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > width) {
            for (length = width; length > 0 && text[length] != ' '; length--) {}
            if (length == 0)
                length = width;
        }
        put(top, attributes, "%.*s", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static void draw_error(struct top *top) {
    char advice[256];
    put_text(top, bad(), top->error.text);
    put_text(top, A_NORMAL, host_locator_advice(&top->locator, advice, sizeof advice));
}

static void draw(struct top *top) {
    erase();
    top->line = 0;
    if (top->error.code != ERROR_NONE)
        draw_error(top);
    if (top->status != NULL && top->error.code == ERROR_NONE) {
        draw_head(top);
        draw_source(top);
        draw_totals(top);
        draw_lanes(top);
        draw_sinks(top);
        draw_workers(top);
        draw_checkpoints(top);
        draw_strategies(top);
    }
    draw_foot();
    refresh();
}

/* ---- data and keys ---- */

static void look(struct top *top) {
    struct text answer;
    cJSON *tree = NULL;
    text_init(&answer);
    top->error.code = ERROR_NONE;
    const int64_t now_ns = clock_monotonic_ns();
    if (status_ask(&top->locator, &answer, &tree, &top->error)) {
        cJSON_Delete(top->before);
        top->before = top->status;
        top->status = tree;
        top->seconds = (double)(now_ns - top->taken_ns) / 1e9;
        /* A host that was restarted counts from 0. */
        if (top->before != NULL && status_number(tree, "uptime_s") < top->seconds) {
            cJSON_Delete(top->before);
            top->before = NULL;
        }
    }
    top->taken_ns = now_ns;
    text_release(&answer);
}

/* False: quit. */
static bool press(struct top *top, int key) {
    static const struct {
        int key;
        enum top_order order;
    } orders[] = {{'n', TOP_BY_NAME},  {'r', TOP_BY_RATE},  {'t', TOP_BY_TIME},
                  {'5', TOP_BY_P50},   {'9', TOP_BY_P99},   {'s', TOP_BY_SIGNALS},
                  {'a', TOP_BY_STATE}, {'e', TOP_BY_ERRORS}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (key == orders[i].key)
            top->order = orders[i].order;
    }
    if (key == 'i')
        top->is_reversed = !top->is_reversed;
    else if (key == KEY_DOWN)
        top->first++;
    else if (key == KEY_UP && top->first > 0)
        top->first--;
    return key != 'q' && key != 'Q' && key != 27;
}

static void watch(struct top *top) {
    look(top);
    int64_t next_ns = top->taken_ns + top->interval_ns;
    for (;;) {
        draw(top);
        const int64_t left_ms = (next_ns - clock_monotonic_ns()) / NS_PER_MS;
        timeout(left_ms > 0 ? (int)left_ms : 0);
        const int key = getch();
        if (key == ERR && clock_monotonic_ns() >= next_ns) {
            look(top);
            next_ns = clock_monotonic_ns() + top->interval_ns;
        } else if (key != ERR && !press(top, key)) {
            return;
        }
    }
}

static int show(struct top *top) {
    setlocale(LC_CTYPE, "");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        print_err("top needs a terminal; otherwise use: take5 ctl status --watch");
        return EXIT_FAILED;
    }
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (screen == NULL) {
        print_err("top cannot use this terminal (TERM=%s)",
                  getenv("TERM") != NULL ? getenv("TERM") : "");
        return EXIT_FAILED;
    }
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    curs_set(0);
    if (start_color() == OK && use_default_colors() == OK) {
        init_pair(COLOR_BAD, COLOR_RED, -1);
    }
    watch(top);
    endwin();
    delscreen(screen);
    return EXIT_GOOD;
}

static int run(int argc, char **argv) {
    struct top top = {.interval_ns = NS_PER_S, .order = TOP_BY_NAME};
    int code;
    if (host_locator_parse(&command_top, &top, &top.locator, &argc, &argv, &code))
        code = show(&top);
    cJSON_Delete(top.status);
    cJSON_Delete(top.before);
    host_locator_release(&top.locator);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_LOCATOR(struct top, locator),
    {0, "interval", "DURATION", OPTION_DURATION(struct top, interval_ns, 100 * NS_PER_MS, 0),
     "how often to update (default: every 1s)"},
    OPTIONS_END,
};

const struct command command_top = {
    .name = "top",
    .usage = "[options]",
    .summary = "show lanes and strategies of a running host, live",
    .description =
        "Keys sort by name (n), rate (r), share of time (t), median (5) and 99th percentile (9) "
        "of callback time, signals (s), errors (e), state (a); i inverts the order, the arrow keys "
        "scroll, q quits.",
    .examples = "take5 top                                 # the busiest strategies, continuously",
    .options = options,
    .run = run,
};
