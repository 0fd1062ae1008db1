#include "dlq/dead_letters.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/host_locator.h"
#include "cli/time_arg.h"
#include "cli/uses.h"
#include "commands/operation/operation.h"
#include "config/sections/workers.h"
#include "ops/control/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dlq {
    struct config_options options;
    struct config *config;
    struct config *view; /* of the worker whose dead letters are redriven; NULL: not needed */
    struct dlq_source source;
    struct dlq_filter filter;
    const char *to_topic, *through, *brokers;
    bool is_dry_run, is_json;
    size_t count;
};

/* ---- which ---- */

static bool set_since(void *command, const char *text) {
    struct dlq *dlq = command;
    int64_t ns;
    if (parse_duration_ns(text, &ns))
        ns = clock_wall_ns() - ns;
    else if (!parse_time_arg("--since", text, &ns))
        return false;
    dlq->filter.since_ms = ns / NS_PER_MS;
    return true;
}

/* "TOPIC/PARTITION/OFFSET"; cuts the text. */
static bool parse_place(char *text, struct dlq_filter *filter) {
    int64_t partition;
    char *offset = strrchr(text, '/');
    if (offset == NULL)
        return false;
    *offset++ = '\0';
    char *number = strrchr(text, '/');
    if (number == NULL || number == text)
        return false;
    *number++ = '\0';
    if (!parse_integer(number, &partition) || partition < 0 || partition > INT32_MAX ||
        !parse_integer(offset, &filter->offset) || filter->offset < 0)
        return false;
    filter->topic = text;
    filter->partition = (int32_t)partition;
    filter->has_place = true;
    return true;
}

/* ---- list and show ---- */

static const char *time_text(int64_t time_ms, struct text *text) {
    text_reset(text);
    if (time_ms == RECORD_NO_TIME)
        text_puts(text, "-");
    else
        text_time_ns(text, clock_ms_ns(time_ms));
    if (text_is_oom(text))
        note_oom();
    return text->data;
}

static void print_json(const struct dead_letter *dead_letter) {
    struct text line;
    struct json_writer json = json_writer_of(&line);
    text_init(&line);
    json_begin_object(&json, NULL);
    json_text(&json, "topic", dead_letter->topic);
    json_integer(&json, "partition", dead_letter->partition);
    json_integer(&json, "offset", dead_letter->offset);
    if (dead_letter->time_ms == RECORD_NO_TIME)
        json_text(&json, "ts", NULL);
    else
        json_integer(&json, "ts", dead_letter->time_ms);
    json_bytes(&json, "key", dead_letter->key, dead_letter->key_size);
    json_unsigned(&json, "size", dead_letter->payload_size);
    json_text(&json, "reason", dead_letter->reason);
    json_text(&json, "message", dead_letter->message);
    json_text(&json, "strategy", dead_letter->strategy);
    json_end_object(&json);
    text_putc(&line, '\n');
    (void)print_text(&line);
    text_release(&line);
}

/* What came from outside must not steer a terminal, nor, unless it may have lines, pass for lines
 * of ours. */
static void print_escaped(const char *data, size_t size, bool may_have_lines) {
    struct text shown;
    text_init(&shown);
    if (may_have_lines)
        text_visible_lines(&shown, data, size);
    else
        text_visible(&shown, data, size);
    (void)print_text(&shown);
    text_release(&shown);
}

static void print_safe(const char *data, size_t size) {
    print_escaped(data, size, false);
}

/* A dead letter may come from anybody's file or topic: its names as well. */
static void print_column(const char *text, int width) {
    print_safe(text, strlen(text));
    printf("%*s  ", width - (int)strlen(text) > 0 ? width - (int)strlen(text) : 0, "");
}

static bool list_one(void *context, const struct dead_letter *dead_letter) {
    struct dlq *dlq = context;
    struct text time;
    if (!dlq_is_chosen(&dlq->filter, dead_letter))
        return true;
    text_init(&time);
    if (dlq->is_json) {
        print_json(dead_letter);
    } else {
        if (dlq->count == 0)
            printf("%-24s  %-32s  %-16s  %s\n", "TIME", "MESSAGE", "REASON", "WHY");
        char place[300];
        snprintf(place, sizeof place, "%s/%" PRId32 "/%" PRId64, dead_letter->topic,
                 dead_letter->partition, dead_letter->offset);
        printf("%-24s  ", time_text(dead_letter->time_ms, &time));
        print_column(place, 32);
        print_column(dead_letter->reason, 16);
        print_safe(dead_letter->strategy, strlen(dead_letter->strategy));
        printf("%s", dead_letter->strategy[0] != '\0' ? ": " : "");
        print_safe(dead_letter->message, strlen(dead_letter->message));
        putchar('\n');
    }
    dlq->count++;
    text_release(&time);
    return !ferror(stdout);
}

static bool show_one(void *context, const struct dead_letter *dead_letter) {
    struct dlq *dlq = context;
    struct text time;
    if (!dlq_is_chosen(&dlq->filter, dead_letter))
        return true;
    dlq->count++;
    text_init(&time);
    printf("message    ");
    print_safe(dead_letter->topic, strlen(dead_letter->topic));
    printf("/%" PRId32 "/%" PRId64 "\n", dead_letter->partition, dead_letter->offset);
    printf("time       %s\n", time_text(dead_letter->time_ms, &time));
    printf("reason     ");
    print_safe(dead_letter->reason, strlen(dead_letter->reason));
    printf(": ");
    print_safe(dead_letter->message, strlen(dead_letter->message));
    if (dead_letter->strategy[0] != '\0') {
        printf("\nstrategy   ");
        print_safe(dead_letter->strategy, strlen(dead_letter->strategy));
    }
    printf("\nkey        ");
    if (dead_letter->key != NULL)
        print_safe(dead_letter->key, dead_letter->key_size);
    else
        printf("(none)");
    for (size_t i = 0; i < dead_letter->header_count; i++) {
        printf("\nheader     ");
        print_safe(dead_letter->headers[i].name, strlen(dead_letter->headers[i].name));
        printf(" = ");
        print_safe(dead_letter->headers[i].value, dead_letter->headers[i].value_size);
    }
    printf("\npayload    %zu bytes\n", dead_letter->payload_size);
    print_escaped(dead_letter->payload, dead_letter->payload_size, true);
    putchar('\n');
    text_release(&time);
    return false;
}

static void print_unreadable(size_t count) {
    print_err(count == 1 ? "%zu entry is not a dead letter, skipped"
                         : "%zu entries are not dead letters, skipped",
              count);
}

static int read_dead_letters(struct dlq *dlq, dlq_visit *visit) {
    struct error error = {0};
    size_t unreadable = 0;
    const bool did = dlq_read(&dlq->source, visit, dlq, &unreadable, &error);
    if (!did)
        print_err("%s", error.text);
    if (unreadable > 0)
        print_unreadable(unreadable);
    return did && unreadable == 0 && !ferror(stdout) ? EXIT_GOOD : EXIT_FAILED;
}

static int list(struct dlq *dlq) {
    const int code = read_dead_letters(dlq, list_one);
    if (!dlq->is_json && code == EXIT_GOOD)
        print_err("%zu dead letter%s", dlq->count, text_plural(dlq->count));
    return code;
}

static int show(struct dlq *dlq, char *place) {
    if (!parse_place(place, &dlq->filter)) {
        print_err("give a dead letter as TOPIC/PARTITION/OFFSET, as shown by list");
        return EXIT_USAGE;
    }
    const int code = read_dead_letters(dlq, show_one);
    if (dlq->count > 0)
        return EXIT_GOOD;
    print_err("no dead letter of that message");
    return code == EXIT_GOOD ? EXIT_FAILED : code;
}

/* ---- redrive ---- */

/* Beside the file; for a topic in the state directory, a file for each. */
static char *ledger_path(const struct dlq *dlq) {
    if (dlq->source.file != NULL)
        return text_format("%s.redriven", dlq->source.file);
    return text_format("%s/%s.redriven", dlq->config->state_dir, dlq->source.topic);
}

/* What is written (the ledger, may be NULL, and what is printed) must not go into the dead_letters.
 */
static bool check_files(const struct dlq *dlq, const char *ledger) {
    struct file_uses uses = {0};
    struct error error;
    const bool did =
        uses_keep_config(&uses, dlq->config, NULL, &error) &&
        uses_read(&uses, "the dead letters", dlq->source.file, &error) &&
        uses_write(&uses, NULL, &error) &&
        (ledger == NULL || file_uses_add(&uses, FILE_USE_WRITTEN,
                                         "the record of redriven dead letters", ledger, &error));
    if (!did)
        print_err("%s", error.text);
    file_uses_release(&uses);
    return did;
}

static bool into_topic(struct dlq *dlq, const char *path, size_t *unreadable) {
    struct error error = {0};
    struct dlq_redrive work = {.brokers = dlq->brokers,
                               .to_topic = dlq->to_topic,
                               .ledger_path = path,
                               .is_dry_run = dlq->is_dry_run};
    const bool did = dlq_redrive(&work, &dlq->source, &dlq->filter, unreadable, &error);
    printf("%zu dead letter%s %s %s, %zu skipped: already sent\n", work.sent,
           text_plural(work.sent), dlq->is_dry_run ? "would be sent to" : "sent to", dlq->to_topic,
           work.skipped);
    if (!did)
        print_err("%s", error.text);
    if (did && work.lacks_topic)
        print_err("topic %s does not exist on %s yet: the broker may create it, or reject them all",
                  dlq->to_topic, dlq->brokers);
    if (work.failed > 0)
        print_err("%zu dead letter%s sent but not acknowledged: may be sent again", work.failed,
                  text_plural(work.failed));
    return did;
}

/* How many and what to do. */
static void print_refusals(const struct dlq_through *work) {
    static const char *const what[REDRIVE_OUTCOMES] = {
        [REDRIVE_UNCONFIRMED] =
            "processed, but their signals are not acknowledged: redrive them again, "
            "under the same ids, when the sinks have recovered",
        [REDRIVE_REJECTED] = "rejected again: fix the strategy, reload, and retry",
        [REDRIVE_FAILED] = "failed with an error: fix the strategy, reload, and retry",
        [REDRIVE_UNUSABLE] = "still invalid",
        [REDRIVE_SUSPENDED] =
            "not delivered, the deployment is suspended: `take5 ctl resume` it, and retry",
        [REDRIVE_ELSEWHERE] = "of partitions or topics that this host does not have: retry on the "
                              "host that has them",
        [REDRIVE_UNKNOWN] = "rejected",
        [REDRIVE_BUSY] = "not redriven",
    };
    for (int outcome = REDRIVE_GIVEN; outcome < REDRIVE_OUTCOMES; outcome++) {
        const struct dlq_refusal *refusal = &work->refusals[outcome];
        if (refusal->count > 0 && what[outcome] != NULL)
            print_err("%zu dead letter%s %s. The first: %s", refusal->count,
                      text_plural(refusal->count), what[outcome], refusal->first);
    }
}

static size_t count_refused(const struct dlq_through *work) {
    size_t count = 0;
    for (int outcome = REDRIVE_GIVEN; outcome < REDRIVE_OUTCOMES; outcome++)
        count += outcome != REDRIVE_UNWANTED ? work->refusals[outcome].count : 0;
    return count;
}

static bool is_host_there(const struct dlq *dlq) {
    struct error error;
    pid_t pid;
    const struct host_locator locator = {.place.socket = dlq->config->control_socket};
    if (control_find(dlq->config->control_socket, &pid, &error))
        return true;
    host_locator_print_error(&locator, &error);
    return false;
}

static bool through_deployment(struct dlq *dlq, const char *path, size_t *unreadable) {
    struct error error = {0};
    struct dlq_through work = {.deployment = dlq->through,
                               .socket = dlq->config->control_socket,
                               .ledger_path = path,
                               .is_dry_run = dlq->is_dry_run};
    if (!is_host_there(dlq))
        return false;
    if (dlq->filter.strategy == NULL)
        dlq->filter.lost_by = dlq->through;
    const bool did = dlq_through(&work, &dlq->source, &dlq->filter, unreadable, &error);
    printf("%zu dead letter%s %s %s, %zu skipped: already redriven", work.given,
           text_plural(work.given), dlq->is_dry_run ? "would be redriven to" : "redriven to",
           dlq->through, work.skipped);
    if (work.refusals[REDRIVE_UNWANTED].count > 0)
        printf(", %zu skipped: do not match its topics or filters",
               work.refusals[REDRIVE_UNWANTED].count);
    putchar('\n');
    fflush(stdout);
    print_refusals(&work);
    if (!did)
        print_err("%s", error.text);
    return did && count_refused(&work) == 0;
}

static int redrive(struct dlq *dlq) {
    size_t unreadable = 0;
    if ((dlq->through == NULL) == (dlq->to_topic == NULL) ||
        (dlq->to_topic != NULL && dlq->brokers == NULL)) {
        print_err("redrive needs --through NAME, or --brokers and --to-topic: there is no "
                  "default destination");
        return EXIT_USAGE;
    }
    if (dlq->source.file != NULL && strcmp(dlq->source.file, "-") == 0) {
        print_err("--file -: redrive records next to the file what it sent, so it needs a file");
        return EXIT_USAGE;
    }
    char *path = ledger_path(dlq);
    if (path == NULL) {
        print_err("out of memory");
        return EXIT_FAILED;
    }
    if (!check_files(dlq, path)) {
        free(path);
        return EXIT_USAGE;
    }
    const bool did = dlq->through != NULL ? through_deployment(dlq, path, &unreadable)
                                          : into_topic(dlq, path, &unreadable);
    if (unreadable > 0)
        print_unreadable(unreadable);
    free(path);
    return did && unreadable == 0 && !ferror(stdout) ? EXIT_GOOD : EXIT_FAILED;
}

/* ---- the command ---- */

/* A worker has a file of its own. */
static bool find_file(struct dlq *dlq) {
    struct config_options options = dlq->options;
    struct faults faults = FAULTS_INIT;
    options.worker = dlq->through != NULL ? config_worker_of_name(dlq->config, dlq->through)
                                          : CONFIG_WORKER_MAIN;
    if (strcmp(options.worker, CONFIG_WORKER_MAIN) == 0) {
        dlq->source.file = dlq->config->dead_letters_path;
        return true;
    }
    dlq->view = config_options_read(&options, &faults);
    if (dlq->view != NULL)
        dlq->source.file = dlq->view->dead_letters_path;
    else
        print_faults(&faults);
    faults_release(&faults);
    return dlq->view != NULL;
}

/* Where the dead letters are, unless the command line says so. */
static bool find_source(struct dlq *dlq) {
    const struct config *config = dlq->config;
    dlq->source.config = config;
    dlq->source.brokers = dlq->brokers;
    if (dlq->source.file != NULL && dlq->source.topic != NULL) {
        print_err("give --file or --topic, not both");
        return false;
    }
    if (dlq->source.file != NULL || dlq->source.topic != NULL)
        return true;
    if (config->dead_letters == DEAD_LETTERS_JSONL)
        return find_file(dlq);
    if (config->dead_letters == DEAD_LETTERS_KAFKA)
        dlq->source.topic = config->dead_letters_topic;
    else
        print_err("[dead_letters] to = none: there are no dead letters; use --file or --topic");
    return config->dead_letters != DEAD_LETTERS_NONE;
}

static int carry_out(struct dlq *dlq, int argc, char **argv) {
    if (!find_source(dlq))
        return EXIT_FAILED;
    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return check_files(dlq, NULL) ? list(dlq) : EXIT_USAGE;
    if (argc == 2 && strcmp(argv[0], "show") == 0)
        return check_files(dlq, NULL) ? show(dlq, argv[1]) : EXIT_USAGE;
    if (argc == 1 && strcmp(argv[0], "redrive") == 0)
        return redrive(dlq);
    return usage(&command_dlq);
}

static int run(int argc, char **argv) {
    struct dlq dlq = {.filter.since_ms = INT64_MIN};
    int code = EXIT_CONFIG;
    if (options_parse(&command_dlq, &dlq, &argc, &argv, &code)) {
        dlq.config = config_options_load(&dlq.options);
        if (dlq.config != NULL)
            code = carry_out(&dlq, argc, argv);
    }
    config_options_release(&dlq.options);
    config_free(dlq.view);
    config_free(dlq.config);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct dlq, options),
    OPTION_HEADING("selection"),
    {0, "strategy", "NAME", OPTION_NAME(struct dlq, filter.strategy),
     "rejected by this deployment"},
    {0, "reason", "REASON", OPTION_NAME(struct dlq, filter.reason), "such as not-json or rejected"},
    {0, "since", "TIME", OPTION_CALL(set_since),
     "message time at or after this: ISO 8601, or 2h ago as \"2h\""},
    {0, "from", "TOPIC", OPTION_NAME(struct dlq, filter.from), "message was in this topic"},
    OPTION_HEADING("location"),
    {0, "file", "PATH", OPTION_TEXT(struct dlq, source.file), "JSON lines, or"},
    {0, "topic", "NAME", OPTION_NAME(struct dlq, source.topic), "a topic"},
    {0, "brokers", "LIST", OPTION_NAMES(struct dlq, brokers),
     "the cluster of that topic, and the one that redrive sends to"},
    OPTION_HEADING("method"),
    {0, "through", "NAME", OPTION_NAME(struct dlq, through),
     "redrive to this deployment of the running host only"},
    {0, "to-topic", "NAME", OPTION_NAME(struct dlq, to_topic),
     "redrive to a topic of --brokers, the original message unchanged"},
    {0, "dry-run", NULL, OPTION_FLAG(struct dlq, is_dry_run),
     "redrive reports what it would do, and sends nothing; --through asks the running host which "
     "dead letters it would deliver"},
    {0, "json", NULL, OPTION_FLAG(struct dlq, is_json), "list prints one JSON object per line"},
    OPTIONS_END,
};

const struct command command_dlq = {
    .name = "dlq",
    .usage = "list [options]\nshow [options] TOPIC/PARTITION/OFFSET\nredrive [options]",
    .summary = "list, show and redrive dead letters",
    .description =
        "Reads the dead letters of the configuration. A dead letter is identified by the "
        "coordinates of its message."
        "\n\n"
        "redrive sends each of them again, either to a deployment or to a topic. --through: "
        "the message is flagged REDRIVE, its signals have the ids of the original's coordinates. "
        "Without --strategy the deployment gets what it has not processed: the dead letters that "
        "it "
        "rejected, and the invalid messages. A dead letter counts as redriven when the "
        "strategy processed it and the sinks have acknowledged its signals; if the strategy "
        "rejects it "
        "again or fails, it can be redriven after the strategy is fixed."
        "\n\n"
        "Nothing is sent twice to the same receiver: what was sent is recorded in PATH.redriven, "
        "or for dead letters in a topic in STATE_DIR/TOPIC.redriven. After a crash before that is "
        "written the last ones are sent again: one dead letter with --through, whose signals then "
        "have the same ids, several with --to-topic.",
    .examples = "take5 dlq list --since 1d                 # reasons and coordinates\n"
                "take5 dlq show bar_trends/3/1042\n"
                "take5 dlq redrive --through alpha         # what it rejected, after it was fixed",
    .options = options,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
