/* The status for people: problems stand in capitals. */
#include "cli/cli.h"
#include "commands/operation/status.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 32
#define WORKER_SIZE 80 /* "[NAME] " */

static const char *count_text(double count, char text[NUMBER_SIZE]) {
    status_format_count(count, 14, text, NUMBER_SIZE);
    return text;
}

/* "(123/s)" of a member that only grows; empty without an earlier status. */
static const char *rate(const cJSON *now, const cJSON *before, const char *name, double seconds,
                        char text[NUMBER_SIZE]) {
    text[0] = '\0';
    if (before != NULL && seconds > 0)
        snprintf(text, NUMBER_SIZE, " (%.0f/s)", status_rate(now, before, name, seconds));
    return text;
}

static void print_head(const cJSON *status) {
    char condition[320], span[NUMBER_SIZE];
    status_condition(status, condition, sizeof condition);
    status_format_span(status_number(status, "uptime_s"), span, sizeof span);
    print_out("%s  %s, up %s\n", status_text(status, "service"), condition, span);
}

static void print_source(const cJSON *status) {
    const cJSON *source = status_member(status, "source");
    char lag[NUMBER_SIZE];
    const double behind = status_number(status_member(status, "totals"), "lag");
    print_out("source     %s, %d partitions of topics, lag %s; %s\n",
              !status_is(source, "connected")  ? "NOT CONNECTED"
              : !status_is(source, "assigned") ? "NOT ASSIGNED"
                                               : "connected",
              cJSON_GetArraySize(status_member(status, "assignment")),
              behind < 0 ? "unknown" : count_text(behind, lag), status_text(source, "detail"));
}

/* What is not read though it is configured, or held. */
static void print_unread(const cJSON *status) {
    const cJSON *source = status_member(status, "source"), *lag;
    if (status_text(source, "missing_topics")[0] != '\0')
        printf("MISSING    topics: %s\n", status_text(source, "missing_topics"));
    if (status_text(source, "standing")[0] != '\0')
        printf("STANDS     %s\n", status_text(source, "standing"));
    cJSON_ArrayForEach(lag, status_member(status, "lag")) {
        struct text since;
        const double since_ms = status_number(lag, "held_back_since");
        if (since_ms == 0)
            continue;
        text_init(&since);
        text_time_ns(&since, (int64_t)since_ms * NS_PER_MS);
        if (text_is_oom(&since))
            note_oom();
        printf("HELD BACK  %s [%.0f]: %.0f messages, by an open transaction since %s\n",
               status_text(lag, "topic"), status_number(lag, "partition"),
               status_number(lag, "lag"), since.data);
        text_release(&since);
    }
}

static void print_totals(const cJSON *status, const cJSON *before, double seconds) {
    const cJSON *now = status_member(status, "totals");
    const cJSON *then = status_totals_before(status, before);
    char count[5][NUMBER_SIZE], per_s[2][NUMBER_SIZE];
    print_out("messages   %s%s, bad %s; signals %s%s, dead letters %s, unconfirmed %s\n",
              count_text(status_number(now, "messages"), count[0]),
              rate(now, then, "messages", seconds, per_s[0]),
              count_text(status_number(now, "bad"), count[1]),
              count_text(status_number(now, "signals"), count[2]),
              rate(now, then, "signals", seconds, per_s[1]),
              count_text(status_number(now, "dead_letters"), count[3]),
              count_text(status_number(now, "unconfirmed"), count[4]));
}

/* Nothing when all times are normal. */
static void print_times(const cJSON *status) {
    const cJSON *totals = status_member(status, "totals");
    char count[2][NUMBER_SIZE];
    const double unreadable = status_number(totals, "unreadable_time");
    const double suspect = status_number(totals, "suspect_time");
    if (unreadable > 0 || suspect > 0)
        printf("times      %s UNREADABLE, %s too far from the Kafka timestamp\n",
               count_text(unreadable, count[0]), count_text(suspect, count[1]));
}

static void print_lanes(const cJSON *status, const cJSON *before, double seconds) {
    const cJSON *lane;
    cJSON_ArrayForEach(lane, status_member(status, "lanes")) {
        char worker[WORKER_SIZE], count[2][NUMBER_SIZE], per_s[NUMBER_SIZE];
        const cJSON *then = status_lane_before(status, lane, before);
        const char *hand = status_text(lane, "in_callback");
        status_format_worker(lane, worker, sizeof worker);
        print_out("lane %-5.0f %s%s messages%s, %.0f partitions, unconfirmed %s%s%s\n",
                  status_number(lane, "lane"), worker,
                  count_text(status_number(lane, "messages"), count[0]),
                  rate(lane, then, "messages", seconds, per_s), status_number(lane, "partitions"),
                  count_text(status_number(lane, "unconfirmed"), count[1]),
                  hand[0] != '\0' ? ", in " : "", hand);
    }
}

/* How old, and what it costs. */
static void print_written(const cJSON *kept) {
    const double newest_s = status_number(kept, "newest_s");
    char newest[NUMBER_SIZE], oldest[NUMBER_SIZE], count[2][NUMBER_SIZE], times[2][NUMBER_SIZE];
    if (newest_s < 0) {
        print_out("state      %sno checkpoint yet\n", status_is(kept, "ok") ? "" : "NOT SAVED, ");
        return;
    }
    status_format_span(newest_s, newest, sizeof newest);
    status_format_span(status_number(kept, "oldest_s"), oldest, sizeof oldest);
    status_format_ns(status_number(kept, "pause_ms") * 1e6, times[0], NUMBER_SIZE);
    status_format_ns(status_number(kept, "longest_pause_ms") * 1e6, times[1], NUMBER_SIZE);
    print_out("state      %s %s to %s ago, %s bytes, %s checkpoints; pause %s, longest %s\n",
              status_is(kept, "ok") ? "saved" : "NOT SAVED since", newest, oldest,
              count_text(status_number(kept, "bytes"), count[0]),
              count_text(status_number(kept, "written"), count[1]), times[0], times[1]);
}

/* What a crash would cost. */
static void print_checkpoints(const cJSON *status) {
    const cJSON *kept = status_member(status, "checkpoints");
    if (kept == NULL)
        return;
    if (!status_is(kept, "kept")) {
        print_out("state      is not kept ([take5] keep_state = no)\n");
        return;
    }
    print_written(kept);
    if (!status_is(kept, "ok"))
        print_out("           %s\n", status_text(kept, "detail"));
}

/* Beside one that is exactly once, those that are not are marked. */
static void print_delivery(const cJSON *status, const cJSON *sink) {
    if (cJSON_IsObject(status_member(status, "transactions")) &&
        strcmp(status_text(sink, "delivery"), "exactly_once") != 0)
        print_out(
            "           at least once: after a crash it may repeat lines, with the same ids\n");
}

static void print_sinks(const cJSON *status) {
    const cJSON *sink;
    cJSON_ArrayForEach(sink, status_member(status, "sinks")) {
        char worker[WORKER_SIZE], count[2][NUMBER_SIZE];
        status_format_worker(sink, worker, sizeof worker);
        print_out("sink       %s%s (%s): %s, acknowledged %s, queued %s%s%s\n", worker,
                  status_text(sink, "name"), status_text(sink, "for"),
                  status_is(sink, "ok") ? "ok" : "FAILING",
                  count_text(status_number(sink, "confirmed"), count[0]),
                  count_text(status_number(sink, "queued"), count[1]),
                  status_text(sink, "detail")[0] != '\0' ? ": " : "", status_text(sink, "detail"));
        print_delivery(status, sink);
    }
}

/* Exactly once: what that has taken so far. */
static void print_transactions(const cJSON *status) {
    const cJSON *transactions = status_member(status, "transactions");
    char count[5][NUMBER_SIZE];
    if (!cJSON_IsObject(transactions))
        return;
    print_out(
        "           exactly once: %s transactions, %s aborted, %s with unknown outcome, %s fenced, "
        "%s waiting; %.0f ms to a commit\n",
        count_text(status_number(transactions, "committed"), count[0]),
        count_text(status_number(transactions, "aborted"), count[1]),
        count_text(status_number(transactions, "unknown"), count[2]),
        count_text(status_number(transactions, "fenced"), count[3]),
        count_text(status_number(transactions, "waiting"), count[4]),
        status_number(transactions, "mean_wait_ms"));
}

/* The processes of a host that has more than one. */
static void print_workers(const cJSON *status) {
    const cJSON *worker;
    cJSON_ArrayForEach(worker, status_member(status, "workers")) {
        const bool is_running = strcmp(status_text(worker, "state"), "running") == 0;
        const double deaths = status_number(worker, "deaths");
        char span[NUMBER_SIZE];
        status_format_span(status_number(worker, "uptime_s"), span, sizeof span);
        if (is_running)
            print_out("worker     %s: running, up %s, process %.0f, group %s",
                      status_text(worker, "name"), span, status_number(worker, "process"),
                      status_text(worker, "group"));
        else
            print_out("WORKER     %s: %s", status_text(worker, "name"),
                      status_text(worker, "detail"));
        if (is_running && status_text(worker, "silent")[0] != '\0')
            print_out("; DOES NOT ANSWER: %s", status_text(worker, "silent"));
        if (deaths > 0 && is_running) {
            const char *last = status_text(worker, "last_death");
            print_out("; died %.0f time%s%s%s", deaths, deaths == 1 ? "" : "s",
                      last[0] != '\0' ? ", last: " : "", last);
        }
        print_out("\n");
    }
}

/* Deployments that the last reload, or the start, refused. */
static void print_refused(const cJSON *status) {
    const cJSON *reload = status_member(status, "last_reload"), *item;
    cJSON_ArrayForEach(item, status_member(reload, "deployments")) {
        if (strcmp(status_text(item, "outcome"), "rejected") == 0)
            print_out("REFUSED    %s: %s\n", status_text(item, "name"),
                      status_text(item, "detail"));
    }
    cJSON_ArrayForEach(item, status_member(reload, "faults")) {
        if (cJSON_IsString(item))
            print_out("REFUSED    %s\n", item->valuestring);
    }
}

/* `has_rates`: the column is of rates, whether there is an earlier one of this strategy or not. */
static void print_strategy(const cJSON *strategy, bool has_rates, const cJSON *before,
                           double seconds) {
    char count[4][NUMBER_SIZE], times[2][NUMBER_SIZE];
    const double messages = has_rates ? status_rate(strategy, before, "messages", seconds)
                                      : status_number(strategy, "messages");
    status_format_ns(status_number(strategy, "p50_us") * 1e3, times[0], NUMBER_SIZE);
    status_format_ns(status_number(strategy, "p99_us") * 1e3, times[1], NUMBER_SIZE);
    status_format_count(messages, 11, count[0], NUMBER_SIZE);
    status_format_count(status_number(strategy, "signals"), 9, count[1], NUMBER_SIZE);
    status_format_count(status_number(strategy, "errors"), 7, count[2], NUMBER_SIZE);
    print_out("%-20s %-9s %3.0f %-9s %11s %9s %7s %8s %8s\n", status_text(strategy, "name"),
              status_text(strategy, "version"), status_number(strategy, "generation"),
              status_text(strategy, "state"), count[0], count[1], count[2], times[0], times[1]);
}

/* A filter that nothing has passed is most often a symbol that is written wrong. */
static void print_unmet(const cJSON *strategy) {
    if (status_number(strategy, "symbols") > 0 && status_number(strategy, "symbols_met") == 0)
        printf(
            "    symbols: NO MESSAGE of the %.0f symbols of its filter since it was loaded: %s\n",
            status_number(strategy, "symbols"), status_text(strategy, "symbols_unmet"));
}

#define WIDTH 96

/* Lines of words below the strategy; a word that is too long stands alone. */
static void print_wrapped(const char *text) {
    while (*text != '\0') {
        size_t size = strlen(text);
        if (size > WIDTH) {
            size = WIDTH;
            while (size > 0 && text[size] != ' ')
                size--;
            if (size == 0)
                size = strcspn(text, " ");
        }
        print_out("    %.*s\n", (int)size, text);
        text += size;
        text += strspn(text, " ");
    }
}

/* What it wants and did not get. */
static void print_findings(const cJSON *status, const char *name) {
    const cJSON *finding;
    cJSON_ArrayForEach(finding, status_member(status, "findings")) {
        if (strcmp(status_text(finding, "deployment"), name) == 0)
            print_wrapped(status_text(finding, "text"));
    }
}

static void print_suspended(const cJSON *strategy) {
    const double behind = status_number(strategy, "behind");
    const double catching_up = status_number(strategy, "catching_up");
    char count[2][NUMBER_SIZE];
    print_out("    suspended: %s", status_text(strategy, "why"));
    if (behind > 0)
        print_out(", %s messages behind", count_text(behind, count[0]));
    if (catching_up > 0)
        print_out("; %.0f of %.0f instances are catching up, %s messages so far", catching_up,
                  status_number(strategy, "instances"),
                  count_text(status_number(strategy, "caught_up"), count[1]));
    print_out("\n");
}

static void print_shadow(const cJSON *shadow) {
    if (shadow != NULL)
        print_out(
            "    shadow of %s: %.0f same, %.0f changed, %.0f only in the original, %.0f only in "
            "the "
            "shadow\n",
            status_text(shadow, "of"), status_number(shadow, "same"),
            status_number(shadow, "changed"), status_number(shadow, "only_original"),
            status_number(shadow, "only_shadow"));
}

static void print_reason(const cJSON *strategy) {
    static const char *const members[] = {"quarantine", "last_error"};
    const double missing = status_number(strategy, "missing");
    if (strcmp(status_text(strategy, "state"), "suspended") == 0)
        print_suspended(strategy);
    if (missing > 0)
        print_out("    no instance on %.0f of %.0f partitions: %s\n", missing,
                  missing + status_number(strategy, "instances"),
                  status_text(strategy, "missing_why"));
    if (status_number(strategy, "unsaved") > 0)
        print_out("    state: NOT SAVED of %.0f of %.0f instances\n",
                  status_number(strategy, "unsaved"), status_number(strategy, "instances"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *text = status_text(strategy, members[i]);
        if (text[0] != '\0')
            print_out("    %s: %s\n", i == 0 ? "quarantine" : "last error", text);
    }
}

void status_print(const cJSON *status, const cJSON *before, double seconds) {
    const cJSON *strategies = status_member(status, "strategies"), *strategy;
    print_head(status);
    print_source(status);
    print_unread(status);
    print_totals(status, before, seconds);
    print_times(status);
    print_lanes(status, before, seconds);
    print_sinks(status);
    print_transactions(status);
    print_workers(status);
    print_checkpoints(status);
    print_refused(status);
    print_out("\n%-20s %-9s %3s %-9s %11s %9s %7s %8s %8s\n", "STRATEGY", "VERSION", "GEN", "STATE",
              before != NULL ? "MESSAGES/s" : "MESSAGES", "SIGNALS", "ERRORS", "p50", "p99");
    cJSON_ArrayForEach(strategy, strategies) {
        print_strategy(strategy, before != NULL, status_strategy_before(status, strategy, before),
                       seconds);
        print_reason(strategy);
        print_shadow(status_member(strategy, "shadow"));
        print_unmet(strategy);
        print_findings(status, status_text(strategy, "name"));
    }
    if (cJSON_GetArraySize(strategies) == 0)
        print_out("no strategy is running\n");
}
