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

/* What is printed of that status. */
static const char *printed(const char *json) {
    cJSON *status = status_parse(json, strlen(json));
    cr_assert_not_null(status);
    fflush(stdout);
    const int file = memfd_create("capture", MFD_CLOEXEC);
    const int before = dup(STDOUT_FILENO);
    cr_assert(file >= 0 && before >= 0);
    cr_assert_eq(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    status_print(status, NULL, 0);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    const ssize_t got = pread(file, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(file);
    close(before);
    cJSON_Delete(status);
    return text;
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
