/* The status for people: what is not well stands in capitals. */
#include "commands/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 32

static const char *count_text(double count, char text[NUMBER_SIZE]) {
    status_format_count(count, 14, text, NUMBER_SIZE);
    return text;
}

/* "(123/s)" of a member that only grows; empty without an earlier status. */
static const char *rate(const cJSON *now, const cJSON *before, const char *name, double seconds,
                        char text[NUMBER_SIZE]) {
    text[0] = '\0';
    if (before != NULL && seconds > 0)
        snprintf(text, NUMBER_SIZE, " (%.0f/s)",
                 (status_number(now, name) - status_number(before, name)) / seconds);
    return text;
}

static const cJSON *find(const cJSON *list, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (strcmp(status_text(item, "name"), name) == 0)
            return item;
    }
    return NULL;
}

static void print_head(const cJSON *status) {
    char condition[320], span[NUMBER_SIZE];
    status_condition(status, condition, sizeof condition);
    status_format_span(status_number(status, "uptime_s"), span, sizeof span);
    printf("%s  %s, up %s\n", status_text(status, "service"), condition, span);
}

static void print_source(const cJSON *status) {
    const cJSON *source = status_member(status, "source");
    char lag[NUMBER_SIZE];
    const double behind = status_number(status_member(status, "totals"), "lag");
    printf("source     %s, %d partitions of topics, lag %s; %s\n",
           !status_is(source, "connected")  ? "NOT CONNECTED"
           : !status_is(source, "assigned") ? "NOT ASSIGNED"
                                            : "connected",
           cJSON_GetArraySize(status_member(status, "assignment")),
           behind < 0 ? "not known" : count_text(behind, lag), status_text(source, "detail"));
}

static void print_totals(const cJSON *status, const cJSON *before, double seconds) {
    const cJSON *now = status_member(status, "totals");
    const cJSON *then = before != NULL ? status_member(before, "totals") : NULL;
    char count[5][NUMBER_SIZE], per_s[2][NUMBER_SIZE];
    printf("messages   %s%s, bad %s; signals %s%s, dead letters %s, unconfirmed %s\n",
           count_text(status_number(now, "messages"), count[0]),
           rate(now, then, "messages", seconds, per_s[0]),
           count_text(status_number(now, "bad"), count[1]),
           count_text(status_number(now, "signals"), count[2]),
           rate(now, then, "signals", seconds, per_s[1]),
           count_text(status_number(now, "dead_letters"), count[3]),
           count_text(status_number(now, "unconfirmed"), count[4]));
}

static void print_lanes(const cJSON *status, const cJSON *before, double seconds) {
    const cJSON *lane;
    int index = 0;
    cJSON_ArrayForEach(lane, status_member(status, "lanes")) {
        char count[2][NUMBER_SIZE], per_s[NUMBER_SIZE];
        const cJSON *then =
            before != NULL ? cJSON_GetArrayItem(status_member(before, "lanes"), index) : NULL;
        const char *hand = status_text(lane, "in_callback");
        printf("lane %-5d %s messages%s, %.0f partitions, unconfirmed %s%s%s\n", index++,
               count_text(status_number(lane, "messages"), count[0]),
               rate(lane, then, "messages", seconds, per_s), status_number(lane, "partitions"),
               count_text(status_number(lane, "unconfirmed"), count[1]),
               hand[0] != '\0' ? ", in " : "", hand);
    }
}

static void print_sinks(const cJSON *status) {
    const cJSON *sink;
    cJSON_ArrayForEach(sink, status_member(status, "sinks")) {
        char count[2][NUMBER_SIZE];
        printf("sink       %s (%s): %s, confirmed %s, queued %s%s%s\n", status_text(sink, "name"),
               status_text(sink, "for"), status_is(sink, "well") ? "well" : "NOT WELL",
               count_text(status_number(sink, "confirmed"), count[0]),
               count_text(status_number(sink, "queued"), count[1]),
               status_text(sink, "detail")[0] != '\0' ? ": " : "", status_text(sink, "detail"));
    }
}

/* Deployments that the last reload, or the start, refused. */
static void print_refused(const cJSON *status) {
    const cJSON *reload = status_member(status, "last_reload"), *item;
    cJSON_ArrayForEach(item, status_member(reload, "deployments")) {
        if (strcmp(status_text(item, "outcome"), "rejected") == 0)
            printf("REFUSED    %s: %s\n", status_text(item, "name"), status_text(item, "detail"));
    }
    cJSON_ArrayForEach(item, status_member(reload, "faults")) {
        if (cJSON_IsString(item))
            printf("REFUSED    %s\n", item->valuestring);
    }
}

static void print_strategy(const cJSON *strategy, const cJSON *before, double seconds) {
    char count[4][NUMBER_SIZE], times[2][NUMBER_SIZE];
    const bool is_rate = before != NULL && seconds > 0;
    const double messages =
        is_rate
            ? (status_number(strategy, "messages") - status_number(before, "messages")) / seconds
            : status_number(strategy, "messages");
    status_format_ns(status_number(strategy, "p50_us") * 1e3, times[0], NUMBER_SIZE);
    status_format_ns(status_number(strategy, "p99_us") * 1e3, times[1], NUMBER_SIZE);
    status_format_count(messages, 11, count[0], NUMBER_SIZE);
    status_format_count(status_number(strategy, "signals"), 9, count[1], NUMBER_SIZE);
    status_format_count(status_number(strategy, "errors"), 7, count[2], NUMBER_SIZE);
    printf("%-20s %-9s %3.0f %-9s %11s %9s %7s %8s %8s\n", status_text(strategy, "name"),
           status_text(strategy, "version"), status_number(strategy, "generation"),
           status_text(strategy, "state"), count[0], count[1], count[2], times[0], times[1]);
}

static void print_reason(const cJSON *strategy) {
    static const char *const members[] = {"quarantine", "last_error"};
    if (strcmp(status_text(strategy, "state"), "running") != 0)
        printf("    suspended: %s\n", status_text(strategy, "why"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *text = status_text(strategy, members[i]);
        if (text[0] != '\0')
            printf("    %s: %s\n", i == 0 ? "quarantine" : "last error", text);
    }
}

void status_print(const cJSON *status, const cJSON *before, double seconds) {
    const cJSON *strategies = status_member(status, "strategies"), *strategy;
    print_head(status);
    print_source(status);
    print_totals(status, before, seconds);
    print_lanes(status, before, seconds);
    print_sinks(status);
    print_refused(status);
    printf("\n%-20s %-9s %3s %-9s %11s %9s %7s %8s %8s\n", "STRATEGY", "VERSION", "GEN", "STATE",
           before != NULL ? "MESSAGES/s" : "MESSAGES", "SIGNALS", "ERRORS", "p50", "p99");
    cJSON_ArrayForEach(strategy, strategies) {
        print_strategy(strategy,
                       before != NULL ? find(status_member(before, "strategies"),
                                             status_text(strategy, "name"))
                                      : NULL,
                       seconds);
        print_reason(strategy);
    }
    if (cJSON_GetArraySize(strategies) == 0)
        printf("no strategy runs\n");
}
