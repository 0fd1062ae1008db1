#include "commands/commands.h"

#include "base/clock.h"
#include "base/units.h"
#include "commands/running.h"
#include "commands/status.h"
#include "ops/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WATCH_NS     (2 * NS_PER_S)
#define WATCH_MIN_NS (100 * NS_PER_MS)
/* Beyond the host's own limit for a stop. */
#define STOP_MORE_NS (15 * NS_PER_S)

struct ctl {
    struct running running;
    bool is_json;
    bool does_watch;
    int64_t watch_ns;
};

/* ---- status ---- */

static int show_status(const struct ctl *ctl, cJSON **before, double seconds) {
    struct text answer;
    struct error error;
    cJSON *tree = NULL;
    text_init(&answer);
    const bool did = status_ask(ctl->running.place.socket, &answer, &tree, &error);
    if (did && ctl->does_watch && isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    if (!did)
        running_complain(&ctl->running, &error);
    else if (ctl->is_json)
        printf("%s\n", answer.data);
    else
        status_print(tree, *before, seconds);
    if (did && ctl->does_watch && !ctl->is_json && !isatty(STDOUT_FILENO))
        putchar('\n');
    fflush(stdout);
    text_release(&answer);
    cJSON_Delete(*before);
    *before = tree;
    return did && !ferror(stdout) ? EXIT_GOOD : EXIT_FAILED;
}

static int status(const struct ctl *ctl) {
    cJSON *before = NULL;
    int64_t last_ns = clock_monotonic_ns();
    int code = show_status(ctl, &before, 0);
    while (ctl->does_watch && code == EXIT_GOOD) {
        const struct timespec pause = {ctl->watch_ns / NS_PER_S, ctl->watch_ns % NS_PER_S};
        nanosleep(&pause, NULL);
        const int64_t now_ns = clock_monotonic_ns();
        code = show_status(ctl, &before, (double)(now_ns - last_ns) / 1e9);
        last_ns = now_ns;
    }
    cJSON_Delete(before);
    return code;
}

/* ---- other requests ---- */

static void print_reload(const cJSON *report) {
    const cJSON *item;
    cJSON_ArrayForEach(item, status_member(report, "faults")) {
        printf("%s\n", cJSON_IsString(item) ? item->valuestring : "");
    }
    cJSON_ArrayForEach(item, status_member(report, "deployments")) {
        const bool is_rejected = strcmp(status_text(item, "outcome"), "rejected") == 0;
        printf("%s: %s%s%s\n", status_text(item, "name"), status_text(item, "outcome"),
               is_rejected ? ": " : " ", status_text(item, "detail"));
    }
    printf("pause %.3f ms, took %.0f ms\n", status_number(report, "pause_ms"),
           status_number(report, "took_ms"));
}

static void print_answer(const struct ctl *ctl, const char *request, bool did,
                         const struct text *answer) {
    const bool is_reload = strcmp(request, "reload") == 0;
    cJSON *tree = is_reload ? cJSON_ParseWithLength(answer->data, answer->size) : NULL;
    if (tree != NULL && !ctl->is_json) {
        print_reload(tree);
    } else if (ctl->is_json && !is_reload) {
        struct text line;
        text_init(&line);
        text_printf(&line, "{\"ok\":%s,\"answer\":", did ? "true" : "false");
        text_json_string(&line, answer->data, answer->size);
        printf("%s}\n", line.data);
        text_release(&line);
    } else if (answer->size > 0) {
        printf("%s%s", answer->data, answer->data[answer->size - 1] == '\n' ? "" : "\n");
    }
    cJSON_Delete(tree);
}

static int ask(const struct ctl *ctl, int argc, char **argv) {
    struct text request, answer;
    struct error error;
    bool did = false;
    int code = EXIT_FAILED;
    text_init(&request);
    text_init(&answer);
    for (int i = 0; i < argc; i++)
        text_printf(&request, "%s%s", i > 0 ? " " : "", argv[i]);
    if (!control_ask(ctl->running.place.socket, request.data, &did, &answer, &error)) {
        running_complain(&ctl->running, &error);
    } else {
        print_answer(ctl, argv[0], did, &answer);
        code = did ? EXIT_GOOD : EXIT_FAILED;
    }
    text_release(&request);
    text_release(&answer);
    return code;
}

/* ---- stop ---- */

/* Waits for the process to end. */
static bool await_end(int process, int64_t timeout_ns) {
    struct pollfd fd = {.fd = process, .events = POLLIN};
    const int64_t until_ns = clock_monotonic_ns() + timeout_ns;
    for (;;) {
        const int64_t left_ms = (until_ns - clock_monotonic_ns()) / NS_PER_MS;
        const int n = poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);
        if (n < 0 && errno == EINTR)
            continue;
        return n > 0;
    }
}

static int stop(const struct ctl *ctl, char **argv) {
    struct error error;
    const int64_t began_ns = clock_monotonic_ns();
    pid_t pid;
    if (!control_find(ctl->running.place.socket, &pid, &error)) {
        running_complain(&ctl->running, &error);
        return EXIT_FAILED;
    }
    /* Before it is asked, so that the number can be no one else's. */
    const int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int code = ask(ctl, 1, argv);
    if (code != EXIT_GOOD)
        goto done;
    if (process < 0) {
        complain("cannot watch process %d: %s; it is stopping", (int)pid, strerror(errno));
        code = EXIT_FAILED;
    } else if (!await_end(process, ctl->running.place.shutdown_timeout_ns + STOP_MORE_NS)) {
        complain("process %d still runs after %.0f s", (int)pid,
                 (double)(clock_monotonic_ns() - began_ns) / 1e9);
        code = EXIT_FAILED;
    } else if (!ctl->is_json) {
        printf("stopped after %.1f s\n", (double)(clock_monotonic_ns() - began_ns) / 1e9);
    }
done:
    if (process >= 0)
        close(process);
    return code;
}

/* ---- the command ---- */

static int carry_out(const struct ctl *ctl, int argc, char **argv) {
    if (strcmp(argv[0], "status") == 0) {
        if (argc == 1)
            return status(ctl);
        complain("status takes no more words");
        return usage("ctl");
    }
    if (ctl->does_watch) {
        complain("--watch is for status");
        return usage("ctl");
    }
    if (strcmp(argv[0], "stop") == 0 && argc == 1)
        return stop(ctl, argv);
    return ask(ctl, argc, argv);
}

static bool parse(struct ctl *ctl, int argc, char **argv) {
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"watch", optional_argument, NULL, 'w'},
                                          RUNNING_LONG_OPTIONS,
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, RUNNING_SHORT_OPTIONS, longs, NULL)) != -1;) {
        if (c == 'j') {
            ctl->is_json = true;
        } else if (c == 'w') {
            ctl->does_watch = true;
            if (optarg != NULL &&
                (!parse_duration_ns(optarg, &ctl->watch_ns) || ctl->watch_ns < WATCH_MIN_NS)) {
                complain("--watch=%s: must be a duration of at least 100ms, such as 2s", optarg);
                return false;
            }
        } else if (!running_take(&ctl->running, c, optarg)) {
            return false;
        }
    }
    return optind < argc;
}

int command_ctl(int argc, char **argv) {
    struct ctl ctl = {.watch_ns = WATCH_NS};
    int code = EXIT_CONFIG;
    if (!parse(&ctl, argc, argv))
        code = usage("ctl");
    else if (running_find(&ctl.running))
        code = carry_out(&ctl, argc - optind, argv + optind);
    running_release(&ctl.running);
    return code;
}
