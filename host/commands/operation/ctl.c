#include "cli/cli.h"
#include "commands/operation/operation.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "base/units.h"
#include "cli/host_locator.h"
#include "commands/operation/status.h"
#include "ops/control/control.h"

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
    struct host_locator locator;
    bool is_json;
    bool does_skip;
    bool does_leave;
    int64_t watch_ns; /* 0: does not watch */
};

/* ---- status ---- */

static int show_status(const struct ctl *ctl, cJSON **before, double seconds) {
    struct text answer;
    struct error error;
    cJSON *tree = NULL;
    text_init(&answer);
    const bool did = status_ask(&ctl->locator, &answer, &tree, &error);
    if (did && ctl->watch_ns > 0 && isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    if (!did)
        host_locator_print_error(&ctl->locator, &error);
    else if (ctl->is_json)
        printf("%s\n", answer.data);
    else
        status_print(tree, *before, seconds);
    if (did && ctl->watch_ns > 0 && !ctl->is_json && !isatty(STDOUT_FILENO))
        print_out("\n");
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
    while (ctl->watch_ns > 0 && code == EXIT_GOOD) {
        const struct timespec pause = {ctl->watch_ns / NS_PER_S, ctl->watch_ns % NS_PER_S};
        nanosleep(&pause, NULL);
        const int64_t now_ns = clock_monotonic_ns();
        code = show_status(ctl, &before, (double)(now_ns - last_ns) / 1e9);
        last_ns = now_ns;
    }
    cJSON_Delete(before);
    return code;
}

/* ---- shadows ---- */

/* They are in the status; of a host with workers, of all of them. */
static int shadow(const struct ctl *ctl) {
    struct text answer;
    struct error error;
    cJSON *tree = NULL;
    text_init(&answer);
    const bool did = status_ask(&ctl->locator, &answer, NULL, &error);
    if (did && ctl->is_json)
        tree = cJSON_ParseWithLength(answer.data, answer.size);
    else if (did)
        tree = status_parse(answer.data, answer.size);
    if (!did)
        host_locator_print_error(&ctl->locator, &error);
    else if (ctl->is_json)
        status_print_shadows_json(tree);
    else
        status_print_shadows(tree);
    text_release(&answer);
    cJSON_Delete(tree);
    return did ? EXIT_GOOD : EXIT_FAILED;
}

/* ---- other requests ---- */

static void print_reload(const cJSON *report) {
    const cJSON *item;
    cJSON_ArrayForEach(item, status_member(report, "faults")) {
        print_out("%s\n", cJSON_IsString(item) ? item->valuestring : "");
    }
    cJSON_ArrayForEach(item, status_member(report, "warnings")) {
        print_out("warning: %s\n", cJSON_IsString(item) ? item->valuestring : "");
    }
    cJSON_ArrayForEach(item, status_member(report, "deployments")) {
        const bool is_rejected = strcmp(status_text(item, "outcome"), "rejected") == 0;
        print_out("%s: %s%s%s\n", status_text(item, "name"), status_text(item, "outcome"),
                  is_rejected ? ": " : " ", status_text(item, "detail"));
    }
    print_out("pause %.3f ms, took %.0f ms\n", status_number(report, "pause_ms"),
              status_number(report, "took_ms"));
}

static void print_answer(const struct ctl *ctl, const char *request, bool did,
                         const struct text *answer) {
    const bool is_reload = strcmp(request, "reload") == 0;
    cJSON *tree = is_reload ? status_parse(answer->data, answer->size) : NULL;
    if (tree != NULL && !ctl->is_json) {
        print_reload(tree);
    } else if (ctl->is_json && !is_reload) {
        struct text line;
        struct json_writer json = json_writer_of(&line);
        text_init(&line);
        json_begin_object(&json, NULL);
        json_bool(&json, "ok", did);
        json_bytes(&json, "answer", answer->data, answer->size);
        json_end_object(&json);
        printf("%s\n", line.data);
        text_release(&line);
    } else if (answer->size > 0) {
        print_out("%s%s", answer->data, answer->data[answer->size - 1] == '\n' ? "" : "\n");
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
    host_locator_request(&ctl->locator, "", &request);
    for (int i = 0; i < argc; i++)
        text_printf(&request, "%s%s", i > 0 ? " " : "", argv[i]);
    if (ctl->does_skip)
        text_puts(&request, " --skip");
    if (ctl->does_leave)
        text_puts(&request, " --leave");
    if (!control_ask(ctl->locator.place.socket, request.data, &did, &answer, &error)) {
        host_locator_print_error(&ctl->locator, &error);
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
    if (!control_find(ctl->locator.place.socket, &pid, &error)) {
        host_locator_print_error(&ctl->locator, &error);
        return EXIT_FAILED;
    }
    /* Before it is asked, so that the number can be no one else's. */
    const int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int code = ask(ctl, 1, argv);
    if (code != EXIT_GOOD)
        goto done;
    if (process < 0) {
        print_err("cannot watch process %d: %s; it is stopping", (int)pid, strerror(errno));
        code = EXIT_FAILED;
    } else if (!await_end(process, ctl->locator.place.shutdown_timeout_ns + STOP_MORE_NS)) {
        print_err("process %d is still running after %.0f s", (int)pid,
                  (double)(clock_monotonic_ns() - began_ns) / 1e9);
        code = EXIT_FAILED;
    } else if (!ctl->is_json) {
        print_out("stopped after %.1f s\n", (double)(clock_monotonic_ns() - began_ns) / 1e9);
    }
done:
    if (process >= 0)
        close(process);
    return code;
}

/* ---- the command ---- */

static int carry_out(const struct ctl *ctl, int argc, char **argv) {
    if (ctl->does_skip && strcmp(argv[0], "resume") != 0) {
        print_err("--skip is for resume");
        return EXIT_USAGE;
    }
    if (ctl->does_leave && strcmp(argv[0], "stop") != 0) {
        print_err("--leave is for stop");
        return EXIT_USAGE;
    }
    if (strcmp(argv[0], "status") == 0) {
        if (argc == 1)
            return status(ctl);
        print_err("status takes no arguments");
        return usage(&command_ctl);
    }
    if (ctl->watch_ns > 0) {
        print_err("--watch is for status");
        return usage(&command_ctl);
    }
    if (strcmp(argv[0], "shadow") == 0) {
        if (argc == 1)
            return shadow(ctl);
        print_err("shadow takes no arguments");
        return usage(&command_ctl);
    }
    if (strcmp(argv[0], "stop") == 0 && argc == 1 && ctl->locator.worker != NULL) {
        print_err("stop is for the host; for a worker: restart %s", ctl->locator.worker);
        return EXIT_USAGE;
    }
    if (strcmp(argv[0], "stop") == 0 && argc == 1)
        return stop(ctl, argv);
    return ask(ctl, argc, argv);
}

static int run(int argc, char **argv) {
    struct ctl ctl = {0};
    int code;
    if (host_locator_parse(&command_ctl, &ctl, &ctl.locator, &argc, &argv, &code))
        code = carry_out(&ctl, argc, argv);
    host_locator_release(&ctl.locator);
    return code;
}

static const struct option_row options[] = {
    OPTION_HEADING("requests"),
    OPTION_WORD("status", NULL, "state of the host: source, lag, sinks, strategies"),
    OPTION_WORD("reload", NULL,
                "reload configuration and strategies, and report the outcome of each "
                "deployment; fails if something was rejected (the old version keeps running)"),
    OPTION_WORD("reopen", NULL, "reopen log and other files, after a rotation"),
    OPTION_WORD("suspend", "NAME", "stop delivering messages to this deployment"),
    OPTION_WORD("resume", "NAME", "deliver messages to it again, first those that it missed"),
    OPTION_WORD("shadow", NULL,
                "shadow deployments, how their signals differ from their originals', and the last "
                "differences"),
    OPTION_WORD("promote", "NAME",
                "put this shadow in its original's place, with its state; the answer shows what to "
                "write into the configuration"),
    OPTION_WORD("checkpoint", NULL,
                "save the state of all strategies now, and wait until it is on the disk"),
    OPTION_WORD("log-level", "[ROOM] LEVEL",
                "set the log level of one room, or of all, until the next start"),
    OPTION_WORD("drain", "[off]",
                "stop reading, and wait until everything read is acknowledged and committed"),
    OPTION_WORD("restart", "WORKER",
                "stop this worker and start it again; also one that stays down after many deaths"),
    OPTION_WORD("stop", NULL,
                "stop the host as SIGTERM does, and wait for its end; its partitions are kept for "
                "its next start ([take5] on_stop)"),
    OPTION_HEADING("options"),
    OPTIONS_LOCATOR(struct ctl, locator),
    {0, "json", NULL, OPTION_FLAG(struct ctl, is_json), "print the response of the host as it is"},
    {0, "skip", NULL, OPTION_FLAG(struct ctl, does_skip),
     "with resume: continue with the next message; the strategy gets a GAP event"},
    {0, "leave", NULL, OPTION_FLAG(struct ctl, does_leave),
     "with stop: give the partitions to the other hosts at once, for a host that does not come "
     "back"},
    {0, "watch", "[=DURATION]", OPTION_DURATION(struct ctl, watch_ns, WATCH_MIN_NS, WATCH_NS),
     "repeat the status (default: every 2s)"},
    OPTIONS_END,
};

const struct command command_ctl = {
    .name = "ctl",
    .usage = "[options] REQUEST",
    .summary = "send a request to a running host",
    .description =
        "Sends a request to a running host, waits for the outcome, and reports it. Only the "
        "host's user, root and the members of the [control] group have access. Of the "
        "configuration only [take5] run_dir and [control] socket are read: other errors in it, or "
        "a secret that this user may not read, do not matter.",
    .examples =
        "take5 ctl status\n"
        "take5 ctl reload                          # new code and parameters, while the "
        "stream runs\n"
        "take5 ctl shadow                          # how a shadow differs from its original\n"
        "take5 ctl suspend alpha\n"
        "take5 ctl resume alpha --skip             # without what it missed",
    .options = options,
    .min_operands = 1,
    .max_operands = OPERANDS_ANY,
    .run = run,
};
