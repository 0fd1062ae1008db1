/* The status as people read it. */
#include "commands/operation/status.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STRATEGY(members)                                                                          \
    "{\"name\":\"alpha\",\"version\":\"1.0\",\"state\":\"suspended\"," members "}"
#define STATUS(checkpoints, strategies)                                                            \
    "{\"service\":\"t\",\"live\":true,\"attended\":true,\"checkpoints\":" checkpoints              \
    ",\"strategies\":[" strategies "]}"

static char text[4096];

/* What is printed of that status, two seconds after the other (NULL: none). */
static const char *printed_after(const char *earlier, const char *json) {
    cJSON *status = status_parse(json, strlen(json));
    cJSON *then = earlier != NULL ? status_parse(earlier, strlen(earlier)) : NULL;
    cr_assert(status != NULL && (earlier == NULL || then != NULL));
    fflush(stdout);
    const int file = memfd_create("capture", MFD_CLOEXEC);
    const int before = dup(STDOUT_FILENO);
    cr_assert(file >= 0 && before >= 0);
    cr_assert_eq(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    status_print(status, then, 2);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    const ssize_t got = pread(file, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(file);
    close(before);
    cJSON_Delete(status);
    cJSON_Delete(then);
    return text;
}

static const char *printed(const char *json) {
    return printed_after(NULL, json);
}

#define EXPECT_LINE(json, line)                                                                    \
    cr_expect_not_null(strstr(printed(json), "\n" line "\n"), "%s", text)

Test(status_print, what_a_crash_would_cost_is_one_line) {
    EXPECT_LINE(STATUS("{\"kept\":true,\"ok\":true,\"newest_s\":2.1,\"oldest_s\":9.8,\"bytes\":"
                       "123456,\"written\":12,\"pause_ms\":0.25,\"longest_pause_ms\":2}",
                       ""),
                "state      saved 2 s to 9 s ago, 123,456 bytes, 12 checkpoints; pause 250 us, "
                "longest 2.0 ms");
}

Test(status_print, state_that_is_not_saved_is_in_capitals) {
    EXPECT_LINE(STATUS("{\"kept\":true,\"ok\":false,\"newest_s\":-1,\"detail\":\"disk full\"}", ""),
                "state      NOT SAVED, no checkpoint yet\n           disk full");
    EXPECT_LINE(STATUS("{\"kept\":false}", ""), "state      is not kept ([take5] keep_state = no)");
}

Test(status_print, a_catch_up_says_how_far_it_is) {
    EXPECT_LINE(STATUS("{\"kept\":false}",
                       STRATEGY("\"why\":\"catching up\",\"instances\":4,\"catching_up\":2,"
                                "\"caught_up\":1500,\"behind\":2500")),
                "    suspended: catching up, 2,500 messages behind; 2 of 4 instances are catching "
                "up, 1,500 messages so far");
    EXPECT_LINE(STATUS("{\"kept\":false}",
                       STRATEGY("\"why\":\"operator\",\"instances\":4,\"catching_up\":0,"
                                "\"caught_up\":0,\"behind\":7")),
                "    suspended: operator, 7 messages behind");
}

Test(status_print, instances_that_are_not_saved_are_in_capitals) {
    EXPECT_LINE(STATUS("{\"kept\":true,\"ok\":true}",
                       STRATEGY("\"why\":\"\",\"instances\":4,\"unsaved\":2")),
                "    state: NOT SAVED of 2 of 4 instances");
}

#define LANE(worker, number, messages)                                                             \
    "{\"worker\":\"" worker "\",\"lane\":" #number ",\"messages\":" #messages "}"
#define HOST(messages, lanes, workers)                                                             \
    "{\"live\":true,\"totals\":{\"messages\":" #messages "},\"lanes\":[" lanes                     \
    "],\"workers\":[" workers "]}"
#define WORKER(name, process)                                                                      \
    "{\"name\":\"" name "\",\"state\":\"running\",\"process\":" #process "}"

#define EXPECT_AFTER(earlier, json, line)                                                          \
    cr_expect_not_null(strstr(printed_after(earlier, json), "\n" line), "%s", text)

Test(status_print, lanes_and_sinks_say_whose_they_are) {
    EXPECT_LINE("{\"live\":true,\"lanes\":[" LANE("main", 0, 5) "," LANE("slow", 0, 7) "]}",
                "lane 0     [main] 5 messages, 0 partitions, unconfirmed 0\n"
                "lane 0     [slow] 7 messages, 0 partitions, unconfirmed 0");
    EXPECT_LINE("{\"live\":true,\"sinks\":[{\"name\":\"log\",\"for\":\"signals\",\"ok\":true,"
                "\"worker\":\"slow\"}]}",
                "sink       [slow] log (signals): ok, acknowledged 0, queued 0");
    EXPECT_LINE("{\"live\":true,\"lanes\":[{\"lane\":1,\"messages\":5}]}",
                "lane 1     5 messages, 0 partitions, unconfirmed 0");
}

Test(status_print, a_worker_that_comes_or_goes_gives_no_wrong_rate) {
    const char *const both =
        HOST(1010, LANE("a", 0, 1000) "," LANE("b", 0, 10), WORKER("a", 11) "," WORKER("b", 12));
    const char *const one = HOST(20, LANE("b", 0, 20), WORKER("a", 0) "," WORKER("b", 12));
    const char *const again =
        HOST(5030, LANE("a", 0, 5000) "," LANE("b", 0, 30), WORKER("a", 13) "," WORKER("b", 12));
    EXPECT_AFTER(both, one, "messages   20, bad");
    EXPECT_AFTER(both, one, "lane 0     [b] 20 messages (5/s)");
    EXPECT_AFTER(one, both, "messages   1,010, bad");
    EXPECT_AFTER(both, again, "messages   5,030, bad");
    EXPECT_AFTER(both, again, "lane 0     [a] 5,000 messages, ");
    EXPECT_AFTER(both, again, "lane 0     [b] 30 messages (10/s)");
    EXPECT_AFTER(both, both, "messages   1,010 (0/s), bad");
}

#define RESTARTED(last)                                                                            \
    "{\"live\":true,\"workers\":[{\"name\":\"a\",\"state\":\"running\",\"process\":7,\"group\":"   \
    "\"g\","                                                                                       \
    "\"deaths\":2,\"last_death\":\"" last "\"}]}"

Test(status_print, a_death_without_a_cause_has_none) {
    EXPECT_LINE(RESTARTED(""), "worker     a: running, up 0 s, process 7, group g; died 2 times");
    EXPECT_LINE(
        RESTARTED("exit code 1"),
        "worker     a: running, up 0 s, process 7, group g; died 2 times, last: exit code 1");
}
