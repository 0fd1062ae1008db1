#include "base/clock.h"
#include "base/units.h"
#include "commands/commands.h"
#include "commands/moment.h"
#include "commands/progress.h"
#include "commands/signals.h"
#include "source/kafka_reader.h"
#include "source/recording_write.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS  100
/* While it follows, what was recorded is in the file after so long. */
#define FLUSH_NS NS_PER_S

enum { OPTION_TOPIC = 256, OPTION_FROM, OPTION_UNTIL, OPTION_COUNT, OPTION_FOLLOW, OPTION_BROKERS };

static const char help[] =
    "usage: take5 record [-o FILE] [options]\n"
    "\n"
    "What the topics carry, as JSON lines in the form of `kcat -J`: topic, partition, offset, ts,\n"
    "key, payload. Every byte comes back: keys and payloads that are no UTF-8 are base64, under\n"
    "\"key_base64\" and \"payload_base64\". Up to what there is now; all partitions by time.\n"
    "Joins no group and commits nothing.\n"
    "\n"
    "  -c FILE               the configuration: brokers and topics\n"
    "  -s SECTION.KEY=VALUE  a setting over it\n"
    "  --brokers HOST:PORT   other brokers\n"
    "  -o FILE               default: stdout. A file that is there is gone on with, without gap\n"
    "                        or repeat\n"
    "  --topic NAME          role or topic; may be given more than once (default: all that are\n"
    "                        configured)\n"
    "  --from TIME           Kafka's time, 2024-06-17T21:15:30Z or epoch milliseconds\n"
    "  --until TIME          up to there, not included\n"
    "  --count N             ends after so many\n"
    "  --follow              goes on with what comes, until it is told to stop\n"
    "  -q                    no progress, no summary\n";

struct record_command {
    struct config_options config_options;
    struct words topics;
    const char *output;
    int64_t from_ms, until_ms;
    uint64_t count; /* 0: no limit */
    bool does_follow, is_quiet, is_help;

    struct config *config;
    struct log *log;
    struct signals *signals;
    struct recording_positions positions;
    struct recording_writer *writer;
    struct kafka_reader *reader;
    struct progress_line progress;
    uint64_t recorded;
    int64_t began_ns, flushed_ns;
};

/* ---- options ---- */

static bool set_time(const char *option, const char *text, int64_t *time_ms) {
    int64_t time_ns;
    if (!parse_moment(option, text, &time_ns))
        return false;
    *time_ms = time_ns / NS_PER_MS;
    return true;
}

static bool set_count(struct record_command *command, const char *text) {
    int64_t count;
    if (!parse_integer(text, &count) || count < 1) {
        complain("--count %s: must be a number of messages", text);
        return false;
    }
    command->count = (uint64_t)count;
    return true;
}

static bool set_brokers(struct record_command *command, const char *text) {
    char *setting = text_format("kafka.bootstrap.servers=%s", text);
    const bool did = setting != NULL && config_options_add(&command->config_options, setting);
    free(setting);
    return did;
}

static bool set_option(struct record_command *command, int option, const char *value) {
    switch (option) {
    case 'c':
        command->config_options.path = value;
        return true;
    case 's':
        return config_options_add(&command->config_options, value);
    case 'o':
        command->output = value;
        return true;
    case 'q':
        return command->is_quiet = true;
    case 'h':
        return command->is_help = true;
    case OPTION_TOPIC:
        return words_add(&command->topics, "--topic", value);
    case OPTION_FROM:
        return set_time("--from", value, &command->from_ms);
    case OPTION_UNTIL:
        return set_time("--until", value, &command->until_ms);
    case OPTION_COUNT:
        return set_count(command, value);
    case OPTION_FOLLOW:
        return command->does_follow = true;
    case OPTION_BROKERS:
        return set_brokers(command, value);
    default:
        return false;
    }
}

static bool parse(struct record_command *command, int argc, char **argv) {
    static const struct option longs[] = {{"topic", required_argument, NULL, OPTION_TOPIC},
                                          {"from", required_argument, NULL, OPTION_FROM},
                                          {"until", required_argument, NULL, OPTION_UNTIL},
                                          {"count", required_argument, NULL, OPTION_COUNT},
                                          {"follow", no_argument, NULL, OPTION_FOLLOW},
                                          {"brokers", required_argument, NULL, OPTION_BROKERS},
                                          {"output", required_argument, NULL, 'o'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "c:s:o:qh", longs, NULL)) != -1;) {
        if (!set_option(command, c, optarg))
            return false;
    }
    if (optind < argc)
        complain("%s: not an option", argv[optind]);
    return optind == argc;
}

/* ---- the recording ---- */

static int64_t resume(void *context, const char *topic, int32_t partition) {
    const struct record_command *command = context;
    return recording_positions_find(&command->positions, topic, partition);
}

static bool open_output(struct record_command *command, struct error *error) {
    command->writer =
        recording_writer_open(command->output, RECORDING_RESUME, &command->positions, error);
    if (command->writer == NULL)
        return false;
    recording_writer_set_stop(command->writer, &command->signals->should_stop);
    if (command->positions.count > 0 && !command->is_quiet)
        complain("%s is there: resuming it", command->output);
    return true;
}

/* The topics' names: those that were asked for, by role or name, else all of the configuration. */
static const char **list_topics(const struct record_command *command, size_t *count) {
    const struct config *config = command->config;
    const size_t most = command->topics.count + config->topic_count;
    const char **names = calloc(most + 1, sizeof *names);
    *count = 0;
    for (size_t i = 0; names != NULL && i < command->topics.count; i++) {
        const struct config_topic *topic =
            config_topic_by_role(config, command->topics.items[i], NULL);
        names[(*count)++] = topic != NULL ? topic->name : command->topics.items[i];
    }
    for (size_t i = 0; names != NULL && command->topics.count == 0 && i < config->topic_count; i++)
        names[(*count)++] = config->topics[i].name;
    return names;
}

static bool open_reader(struct record_command *command, struct error *error) {
    size_t count;
    const char **topics = list_topics(command, &count);
    if (topics == NULL)
        return error_set_memory(error, 0, "names of topics");
    const struct kafka_reader_options options = {
        .topics = topics,
        .topic_count = count,
        .from_ms = command->from_ms,
        .until_ms = command->until_ms,
        .does_follow = command->does_follow,
        .resume = resume,
        .context = command,
    };
    command->reader = kafka_reader_new(&options, command->config, command->log, error);
    free(topics);
    return command->reader != NULL;
}

static void show_progress(struct record_command *command) {
    int64_t passed, total;
    if (command->is_quiet || !progress_line_is_due(&command->progress))
        return;
    kafka_reader_progress(command->reader, &passed, &total);
    double share = total > 0 ? (double)passed / (double)total : -1;
    if (command->count > 0 && (double)command->recorded / (double)command->count > share)
        share = (double)command->recorded / (double)command->count;
    progress_line_show(&command->progress, "recording", "messages", command->recorded, share);
}

static bool flush_now_and_then(struct record_command *command, struct error *error) {
    const int64_t now_ns = clock_coarse_ns();
    if (now_ns - command->flushed_ns < FLUSH_NS)
        return true;
    command->flushed_ns = now_ns;
    return recording_writer_flush(command->writer, error);
}

static bool is_over(const struct record_command *command) {
    return atomic_load(&command->signals->should_stop) ||
           (command->count > 0 && command->recorded >= command->count);
}

/* Until the end, the limit or the stop. `*is_whole`: nothing is left of what was to be recorded. */
static bool copy(struct record_command *command, bool *is_whole, struct error *error) {
    struct record record;
    const char *topic;
    *is_whole = false;
    while (!is_over(command)) {
        show_progress(command);
        switch (kafka_reader_next(command->reader, WAIT_MS, &record, &topic, error)) {
        case KAFKA_READER_RECORD:
            if (!recording_writer_add(command->writer, &record, topic, error))
                return false;
            command->recorded++;
            break;
        case KAFKA_READER_WAIT:
            if (!flush_now_and_then(command, error))
                return false;
            break;
        case KAFKA_READER_END:
            *is_whole = true;
            return true;
        case KAFKA_READER_FAILED:
            return false;
        }
    }
    *is_whole = !atomic_load(&command->signals->should_stop) || command->does_follow;
    return true;
}

static void summarise(struct record_command *command) {
    char count[40], rate[40];
    const double seconds = (double)(clock_monotonic_ns() - command->began_ns) / 1e9;
    progress_line_clear(&command->progress);
    if (command->is_quiet)
        return;
    format_count(command->recorded, count, sizeof count);
    format_count((uint64_t)(seconds > 0 ? (double)command->recorded / seconds : 0), rate,
                 sizeof rate);
    fprintf(stderr, "recorded %s messages (%.1f MB) in %.2f s (%s/s)\n", count,
            (double)recording_writer_bytes(command->writer) / 1e6, seconds, rate);
}

/* Writes what is left, and says why it ended before its end. */
static int finish(struct record_command *command, bool did, bool is_whole, struct error *error) {
    struct error second;
    bool is_closed = recording_writer_flush(command->writer, did ? error : &second);
    const bool has_enough = recording_writer_has_reader_gone(command->writer);
    if (!recording_writer_close(command->writer, did && is_closed ? error : &second))
        is_closed = false;
    command->writer = NULL;
    if (has_enough) /* as `take5 record | head` does */
        return EXIT_GOOD;
    if (atomic_load(&command->signals->should_stop) && !is_whole) {
        complain(strcmp(command->output, "-") == 0
                     ? "interrupted"
                     : "interrupted: the same command goes on from here");
        return EXIT_FAILED;
    }
    if (did && is_closed)
        return EXIT_GOOD;
    complain("%s", error->text);
    return EXIT_FAILED;
}

static int record(struct record_command *command) {
    struct error error = {0};
    bool is_whole = false;
    int code = EXIT_FAILED;
    command->config = config_options_load(&command->config_options);
    if (command->config == NULL)
        return EXIT_CONFIG;
    command->log = log_new();
    if (command->log == NULL) {
        complain("out of memory");
        goto done;
    }
    log_set_level(command->log, NULL, LOG_LEVEL_WARNING);
    if (!open_output(command, &error) || !open_reader(command, &error)) {
        complain("%s", error.text);
        goto done;
    }
    progress_line_init(&command->progress);
    command->began_ns = command->flushed_ns = clock_monotonic_ns();
    const bool did = copy(command, &is_whole, &error);
    summarise(command);
    code = finish(command, did, is_whole, &error);
done:
    recording_writer_close(command->writer, &error);
    kafka_reader_free(command->reader);
    log_free(command->log);
    config_free(command->config);
    return code;
}

int command_record(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct record_command command = {
        .output = "-",
        .from_ms = KAFKA_READER_NO_TIME,
        .until_ms = KAFKA_READER_NO_TIME,
        .signals = &signals,
    };
    struct error error = {0};
    int code = EXIT_USAGE;
    if (!parse(&command, argc, argv)) {
        usage("record");
    } else if (command.is_help) {
        fputs(help, stdout);
        code = EXIT_GOOD;
    } else if (!signals_start(&signals, &error)) {
        complain("%s", error.text);
        code = EXIT_FAILED;
    } else {
        code = record(&command);
    }
    recording_positions_release(&command.positions);
    words_release(&command.topics);
    config_options_release(&command.config_options);
    return code;
}
