#include "commands/dlq.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "commands/commands.h"
#include "commands/moment.h"
#include "commands/running.h"
#include "ops/control.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_STRATEGY = 256,
    OPTION_REASON,
    OPTION_SINCE,
    OPTION_FROM,
    OPTION_FILE,
    OPTION_TOPIC,
    OPTION_BROKERS,
    OPTION_TO_TOPIC,
    OPTION_THROUGH,
    OPTION_TRIAL,
    OPTION_JSON,
    OPTION_HELP
};

static const char help[] =
    "usage: take5 dlq list | show TOPIC/PARTITION/OFFSET | redrive [options]\n"
    "\n"
    "Dead letters, from where the configuration puts them. A letter is named by the coordinates\n"
    "of the message that it was.\n"
    "\n"
    "redrive gives each once more, to one of two:\n"
    "  --through NAME      a deployment of the running host, past all the others. Its message is\n"
    "                      flagged REDRIVE, its signals have the ids of the original's\n"
    "                      coordinates. Without --strategy it gets what it has not had: the\n"
    "                      letters that it rejected, and those that nobody could use. Given is\n"
    "                      what the strategy took and whose signals the sinks have confirmed;\n"
    "                      what it rejects again or fails at can be given again after a mend\n"
    "  --to-topic NAME     a topic of --brokers, as the message was\n"
    "Never twice to the same one: what was given is noted in PATH.redriven, or for letters in a\n"
    "topic in STATE_DIR/TOPIC.redriven. A crash before the note is written gives the last ones\n"
    "again: one letter with --through, whose signals have the same ids then, some with "
    "--to-topic.\n"
    "\n"
    "  -c FILE             the configuration\n"
    "which:\n"
    "  --strategy NAME     rejected by this deployment\n"
    "  --reason REASON     such as not-json or rejected\n"
    "  --since TIME        whose message is of then or later: ISO-8601, or 2h ago as \"2h\"\n"
    "  --from TOPIC        whose message was in this topic\n"
    "where:\n"
    "  --file PATH         JSON lines, or\n"
    "  --topic NAME        a topic\n"
    "  --brokers LIST      the cluster of that topic, and the one that redrive sends to\n"
    "how:\n"
    "  --trial             redrive counts, and gives nothing\n"
    "  --json              list gives an object a line\n";

struct dlq {
    struct config_options options;
    struct config *config;
    struct dlq_source source;
    struct dlq_filter filter;
    const char *to_topic, *through, *brokers;
    bool is_trial, is_json, wants_help;
    size_t count;
};

/* ---- which ---- */

static bool is_text(const char *wanted, const char *text) {
    return wanted == NULL || strcmp(wanted, text) == 0;
}

bool dlq_is_chosen(const struct dlq_filter *filter, const struct dlq_letter *letter) {
    if (filter->has_place &&
        (strcmp(filter->topic, letter->topic) != 0 || filter->partition != letter->partition ||
         filter->offset != letter->offset))
        return false;
    if (filter->lost_by != NULL && letter->strategy[0] != '\0' &&
        strcmp(filter->lost_by, letter->strategy) != 0)
        return false;
    return is_text(filter->strategy, letter->strategy) && is_text(filter->reason, letter->reason) &&
           is_text(filter->from, letter->topic) &&
           (filter->since_ms == INT64_MIN ||
            (letter->time_ms != RECORD_NO_TIME && letter->time_ms >= filter->since_ms));
}

bool dlq_read(const struct dlq_source *source, dlq_visit *visit, void *context, size_t *unreadable,
              struct error *error) {
    if (source->file != NULL)
        return dlq_read_file(source->file, visit, context, unreadable, error);
    return dlq_read_topic(source, visit, context, unreadable, error);
}

static bool parse_since(const char *text, int64_t *since_ms) {
    int64_t ns;
    if (parse_duration_ns(text, &ns)) {
        *since_ms = (clock_wall_ns() - ns) / NS_PER_MS;
        return true;
    }
    if (!parse_moment("--since", text, &ns))
        return false;
    *since_ms = ns / NS_PER_MS;
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
        text_time_ns(text, time_ms * NS_PER_MS);
    return text->data;
}

static void print_json(const struct dlq_letter *letter) {
    struct text line;
    text_init(&line);
    text_puts(&line, "{\"topic\":");
    text_json_string(&line, letter->topic, strlen(letter->topic));
    text_printf(&line,
                ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"ts\":", letter->partition,
                letter->offset);
    if (letter->time_ms == RECORD_NO_TIME)
        text_puts(&line, "null");
    else
        text_json_integer(&line, letter->time_ms);
    text_puts(&line, ",\"key\":");
    if (letter->key != NULL)
        text_json_string(&line, letter->key, letter->key_size);
    else
        text_puts(&line, "null");
    text_printf(&line, ",\"size\":%zu,\"reason\":", letter->payload_size);
    text_json_string(&line, letter->reason, strlen(letter->reason));
    text_puts(&line, ",\"message\":");
    text_json_string(&line, letter->message, strlen(letter->message));
    text_puts(&line, ",\"strategy\":");
    text_json_string(&line, letter->strategy, strlen(letter->strategy));
    printf("%s}\n", line.data);
    text_release(&line);
}

/* What came from outside must not steer a terminal. */
static void print_safe(const char *data, size_t size) {
    for (size_t i = 0; i < size;) {
        const size_t length = text_utf8_length(data + i, size - i);
        const unsigned char c = (unsigned char)data[i];
        if (length == 0 || (length == 1 && (c < ' ' || c == 0x7f) && c != '\n' && c != '\t') ||
            (length == 2 && c == 0xc2 && (unsigned char)data[i + 1] < 0xa0)) {
            printf("\\x%02x", c);
            i++;
            continue;
        }
        fwrite(data + i, 1, length, stdout);
        i += length;
    }
}

static bool list_one(void *context, const struct dlq_letter *letter) {
    struct dlq *dlq = context;
    struct text time;
    if (!dlq_is_chosen(&dlq->filter, letter))
        return true;
    text_init(&time);
    if (dlq->is_json) {
        print_json(letter);
    } else {
        if (dlq->count == 0)
            printf("%-24s  %-32s  %-16s  %s\n", "TIME", "MESSAGE", "REASON", "WHY");
        char place[300];
        snprintf(place, sizeof place, "%s/%" PRId32 "/%" PRId64, letter->topic, letter->partition,
                 letter->offset);
        printf("%-24s  %-32s  %-16s  %s%s", time_text(letter->time_ms, &time), place,
               letter->reason, letter->strategy, letter->strategy[0] != '\0' ? ": " : "");
        print_safe(letter->message, strlen(letter->message));
        putchar('\n');
    }
    dlq->count++;
    text_release(&time);
    return !ferror(stdout);
}

static bool show_one(void *context, const struct dlq_letter *letter) {
    struct dlq *dlq = context;
    struct text time;
    if (!dlq_is_chosen(&dlq->filter, letter))
        return true;
    dlq->count++;
    text_init(&time);
    printf("message    %s/%" PRId32 "/%" PRId64 "\n", letter->topic, letter->partition,
           letter->offset);
    printf("time       %s\n", time_text(letter->time_ms, &time));
    printf("reason     %s: ", letter->reason);
    print_safe(letter->message, strlen(letter->message));
    if (letter->strategy[0] != '\0')
        printf("\nstrategy   %s", letter->strategy);
    printf("\nkey        ");
    if (letter->key != NULL)
        print_safe(letter->key, letter->key_size);
    else
        printf("(none)");
    for (size_t i = 0; i < letter->header_count; i++) {
        printf("\nheader     ");
        print_safe(letter->headers[i].name, strlen(letter->headers[i].name));
        printf(" = ");
        print_safe(letter->headers[i].value, letter->headers[i].value_size);
    }
    printf("\npayload    %zu bytes\n", letter->payload_size);
    print_safe(letter->payload, letter->payload_size);
    putchar('\n');
    text_release(&time);
    return false;
}

static int read_letters(struct dlq *dlq, dlq_visit *visit) {
    struct error error = {0};
    size_t unreadable = 0;
    const bool did = dlq_read(&dlq->source, visit, dlq, &unreadable, &error);
    if (!did)
        complain("%s", error.text);
    if (unreadable > 0)
        complain("%zu entries are no letters, and were passed", unreadable);
    return did && unreadable == 0 && !ferror(stdout) ? EXIT_GOOD : EXIT_FAILED;
}

static int list(struct dlq *dlq) {
    const int code = read_letters(dlq, list_one);
    if (!dlq->is_json && code == EXIT_GOOD)
        complain("%zu letters", dlq->count);
    return code;
}

static int show(struct dlq *dlq, char *place) {
    if (!parse_place(place, &dlq->filter)) {
        complain("a letter is named TOPIC/PARTITION/OFFSET, as list shows it");
        return EXIT_USAGE;
    }
    const int code = read_letters(dlq, show_one);
    if (dlq->count > 0)
        return EXIT_GOOD;
    complain("there is no letter of that message");
    return code == EXIT_GOOD ? EXIT_FAILED : code;
}

/* ---- redrive ---- */

/* Beside the file; for a topic in the state directory, a file for each. */
static char *ledger_path(const struct dlq *dlq) {
    if (dlq->source.file != NULL)
        return text_format("%s.redriven", dlq->source.file);
    return text_format("%s/%s.redriven", dlq->config->state_dir, dlq->source.topic);
}

static bool into_topic(struct dlq *dlq, const char *path, size_t *unreadable) {
    struct error error = {0};
    struct dlq_redrive work = {.brokers = dlq->brokers,
                               .to_topic = dlq->to_topic,
                               .ledger_path = path,
                               .is_trial = dlq->is_trial};
    const bool did = dlq_redrive(&work, &dlq->source, &dlq->filter, unreadable, &error);
    printf("%zu letters %s %s, %zu skipped: sent before\n", work.sent,
           dlq->is_trial ? "would go into" : "sent into", dlq->to_topic, work.skipped);
    if (!did)
        complain("%s", error.text);
    if (work.failed > 0)
        complain("%zu letters were handed over and not confirmed: they may be sent again",
                 work.failed);
    return did;
}

/* How many and what to do. */
static void tell_refusals(const struct dlq_through *work) {
    static const char *const what[REDRIVE_OUTCOMES] = {
        [REDRIVE_UNCONFIRMED] = "taken, but their signals are not confirmed: give them again, "
                                "under the same ids, when the sinks are well",
        [REDRIVE_REJECTED] = "rejected once more: mend the strategy, reload, and try again",
        [REDRIVE_FAILED] = "ended in an error: mend the strategy, reload, and try again",
        [REDRIVE_UNUSABLE] = "cannot be used still",
        [REDRIVE_SUSPENDED] = "found it suspended: `take5 ctl resume` it, and try again",
        [REDRIVE_ELSEWHERE] = "of partitions or topics that this host does not have: try on the "
                              "host that has them",
        [REDRIVE_UNKNOWN] = "refused",
        [REDRIVE_BUSY] = "not given",
    };
    for (int outcome = REDRIVE_GIVEN; outcome < REDRIVE_OUTCOMES; outcome++) {
        const struct dlq_refusal *refusal = &work->refusals[outcome];
        if (refusal->count > 0 && what[outcome] != NULL)
            complain("%zu letters %s. The first: %s", refusal->count, what[outcome],
                     refusal->first);
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
    const struct running running = {.place.socket = dlq->config->control_socket};
    if (dlq->is_trial || control_find(dlq->config->control_socket, &pid, &error))
        return true;
    running_complain(&running, &error);
    return false;
}

static bool through_deployment(struct dlq *dlq, const char *path, size_t *unreadable) {
    struct error error = {0};
    struct dlq_through work = {.deployment = dlq->through,
                               .socket = dlq->config->control_socket,
                               .ledger_path = path,
                               .is_trial = dlq->is_trial};
    if (!is_host_there(dlq))
        return false;
    if (dlq->filter.strategy == NULL)
        dlq->filter.lost_by = dlq->through;
    const bool did = dlq_through(&work, &dlq->source, &dlq->filter, unreadable, &error);
    printf("%zu letters %s %s, %zu skipped: given before", work.given,
           dlq->is_trial ? "would be given to" : "given to", dlq->through, work.skipped);
    if (work.refusals[REDRIVE_UNWANTED].count > 0)
        printf(", %zu left out: its topics or filters do not take them",
               work.refusals[REDRIVE_UNWANTED].count);
    putchar('\n');
    fflush(stdout);
    tell_refusals(&work);
    if (!did)
        complain("%s", error.text);
    return did && count_refused(&work) == 0;
}

static int redrive(struct dlq *dlq) {
    size_t unreadable = 0;
    if ((dlq->through == NULL) == (dlq->to_topic == NULL) ||
        (dlq->to_topic != NULL && dlq->brokers == NULL)) {
        complain("redrive wants --through NAME, or --brokers and --to-topic: it gives to nobody by "
                 "default");
        return EXIT_USAGE;
    }
    char *path = ledger_path(dlq);
    if (path == NULL) {
        complain("out of memory");
        return EXIT_FAILED;
    }
    const bool did = dlq->through != NULL ? through_deployment(dlq, path, &unreadable)
                                          : into_topic(dlq, path, &unreadable);
    if (unreadable > 0)
        complain("%zu entries are no letters, and were passed", unreadable);
    free(path);
    return did && unreadable == 0 && !ferror(stdout) ? EXIT_GOOD : EXIT_FAILED;
}

/* ---- the command ---- */

static bool take_option(struct dlq *dlq, int option, const char *value) {
    switch (option) {
    case 'c':
        dlq->options.path = value;
        return true;
    case 's':
        return config_options_add(&dlq->options, value);
    case OPTION_STRATEGY:
        dlq->filter.strategy = value;
        return true;
    case OPTION_REASON:
        dlq->filter.reason = value;
        return true;
    case OPTION_SINCE:
        return parse_since(value, &dlq->filter.since_ms);
    case OPTION_FROM:
        dlq->filter.from = value;
        return true;
    case OPTION_FILE:
        dlq->source.file = value;
        return true;
    case OPTION_TOPIC:
        dlq->source.topic = value;
        return true;
    case OPTION_BROKERS:
        dlq->brokers = value;
        return true;
    case OPTION_TO_TOPIC:
        dlq->to_topic = value;
        return true;
    case OPTION_THROUGH:
        dlq->through = value;
        return true;
    case OPTION_TRIAL:
        dlq->is_trial = true;
        return true;
    case OPTION_JSON:
        dlq->is_json = true;
        return true;
    case OPTION_HELP:
        dlq->wants_help = true;
        return true;
    default:
        return false;
    }
}

static bool parse(struct dlq *dlq, int argc, char **argv) {
    static const struct option longs[] = {{"strategy", required_argument, NULL, OPTION_STRATEGY},
                                          {"reason", required_argument, NULL, OPTION_REASON},
                                          {"since", required_argument, NULL, OPTION_SINCE},
                                          {"from", required_argument, NULL, OPTION_FROM},
                                          {"file", required_argument, NULL, OPTION_FILE},
                                          {"topic", required_argument, NULL, OPTION_TOPIC},
                                          {"brokers", required_argument, NULL, OPTION_BROKERS},
                                          {"to-topic", required_argument, NULL, OPTION_TO_TOPIC},
                                          {"through", required_argument, NULL, OPTION_THROUGH},
                                          {"trial", no_argument, NULL, OPTION_TRIAL},
                                          {"json", no_argument, NULL, OPTION_JSON},
                                          {"help", no_argument, NULL, OPTION_HELP},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "c:s:", longs, NULL)) != -1;) {
        if (!take_option(dlq, c, optarg))
            return false;
    }
    return true;
}

/* Where the letters are, unless the command line says so. */
static bool find_source(struct dlq *dlq) {
    const struct config *config = dlq->config;
    dlq->source.config = config;
    dlq->source.brokers = dlq->brokers;
    if (dlq->source.file != NULL && dlq->source.topic != NULL) {
        complain("--file or --topic, not both");
        return false;
    }
    if (dlq->source.file != NULL || dlq->source.topic != NULL)
        return true;
    if (config->letters == LETTERS_JSONL)
        dlq->source.file = config->letters_path;
    else if (config->letters == LETTERS_KAFKA)
        dlq->source.topic = config->letters_topic;
    else
        complain("[dead_letters] to = none: there are none; --file or --topic names others");
    return config->letters != LETTERS_NONE;
}

static int carry_out(struct dlq *dlq, int argc, char **argv) {
    if (!find_source(dlq))
        return EXIT_FAILED;
    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return list(dlq);
    if (argc == 2 && strcmp(argv[0], "show") == 0)
        return show(dlq, argv[1]);
    if (argc == 1 && strcmp(argv[0], "redrive") == 0)
        return redrive(dlq);
    return usage("dlq");
}

int command_dlq(int argc, char **argv) {
    struct dlq dlq = {.filter.since_ms = INT64_MIN};
    int code = EXIT_USAGE;
    if (!parse(&dlq, argc, argv) || (!dlq.wants_help && optind == argc)) {
        usage("dlq");
        goto done;
    }
    if (dlq.wants_help) {
        fputs(help, stdout);
        code = EXIT_GOOD;
        goto done;
    }
    dlq.config = config_options_load(&dlq.options);
    code = dlq.config != NULL ? carry_out(&dlq, argc - optind, argv + optind) : EXIT_CONFIG;
done:
    config_options_release(&dlq.options);
    config_free(dlq.config);
    return code;
}
