#include "base/clock.h"
#include "cli/cli.h"
#include "cli/progress_line.h"
#include "cli/uses.h"
#include "commands/research/research.h"
#include "os/signals.h"
#include "recording/writer.h"
#include "source/kafka/range_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS  100
/* While it follows, what was recorded is in the file after so long. */
#define FLUSH_NS NS_PER_S

struct record_command {
    struct config_options config_options;
    struct csv_arg topics;
    const char *output;
    int64_t from_ms, until_ms;
    uint64_t count; /* 0: no limit */
    bool does_follow, is_quiet;

    struct config *config;
    struct log *log;
    struct signals *signals;
    struct recording_positions positions;
    struct recording_writer *writer;
    struct kafka_reader *reader;
    struct progress_line progress;
    uint64_t recorded;
    unsigned reopened; /* of the writer, as far as it was told */
    int64_t flushed_ns;
};

static bool parse(struct record_command *command, int argc, char **argv, int *code) {
    if (!options_parse(&command_record, command, &argc, &argv, code))
        return false;
    if (command->until_ms == KAFKA_READER_NO_TIME ||
        check_span(command->from_ms, command->until_ms))
        return true;
    *code = usage(&command_record);
    return false;
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
        print_err("%s exists: resuming it", command->output);
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
        return error_set_memory(error, "names of topics");
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

/* Once each time, also when -q wants no summary: the recording begins there. */
static void print_reopened(struct record_command *command) {
    const unsigned reopened = recording_writer_reopened(command->writer);
    if (reopened == command->reopened)
        return;
    command->reopened = reopened;
    progress_line_clear(&command->progress);
    print_err("%s was moved or removed: reopened; it contains what is recorded from here on",
              command->output);
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
        print_reopened(command);
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
    progress_line_clear(&command->progress);
    if (!command->is_quiet)
        progress_line_summary(&command->progress, "recorded", command->recorded,
                              recording_writer_bytes(command->writer), "");
}

/* Writes what is left, and says why it ended before its end. */
static int finish(struct record_command *command, bool did, bool is_whole, struct error *error) {
    struct error second;
    bool is_closed = recording_writer_flush(command->writer, did ? error : &second);
    print_reopened(command);
    const bool has_enough = recording_writer_has_reader_gone(command->writer);
    if (!recording_writer_close(command->writer, did && is_closed ? error : &second))
        is_closed = false;
    command->writer = NULL;
    if (has_enough) /* as `take5 record | head` does */
        return EXIT_GOOD;
    if (atomic_load(&command->signals->should_stop) && !is_whole) {
        print_err(strcmp(command->output, "-") == 0
                      ? "interrupted"
                      : "interrupted: run the same command to continue from here");
        return EXIT_FAILED;
    }
    if (did && is_closed)
        return EXIT_GOOD;
    print_err("%s", error->text);
    return EXIT_FAILED;
}

static bool check_files(const struct record_command *command, struct error *error) {
    struct file_uses uses = {0};
    const bool did = uses_keep_config(&uses, command->config, command->output, error) &&
                     uses_write(&uses, command->output, error);
    file_uses_release(&uses);
    return did;
}

static int record(struct record_command *command) {
    struct error error = {0};
    bool is_whole = false;
    int code = EXIT_FAILED;
    command->config = config_options_load(&command->config_options);
    if (command->config == NULL)
        return EXIT_CONFIG;
    if (!check_files(command, &error)) {
        code = fail(EXIT_USAGE, &error);
        goto done;
    }
    command->log = log_for_command();
    if (command->log == NULL)
        goto done;
    if (!open_output(command, &error) || !open_reader(command, &error)) {
        print_err("%s", error.text);
        goto done;
    }
    progress_line_init(&command->progress);
    command->flushed_ns = clock_monotonic_ns();
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

static int run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct record_command command = {
        .output = "-",
        .from_ms = KAFKA_READER_NO_TIME,
        .until_ms = KAFKA_READER_NO_TIME,
        .signals = &signals,
    };
    struct error error = {0};
    int code = EXIT_FAILED;
    if (parse(&command, argc, argv, &code))
        code = signals_start(&signals, &error) ? record(&command) : fail(EXIT_FAILED, &error);
    recording_positions_release(&command.positions);
    csv_arg_release(&command.topics);
    config_options_release(&command.config_options);
    return code;
}

static const struct option_row options[] = {
    OPTIONS_CONFIG(struct record_command, config_options),
    {0, "brokers", "HOST:PORT",
     OPTION_SETTING(struct record_command, config_options, "kafka.bootstrap.servers"),
     "use these brokers instead of the configured ones"},
    {'o', "output", "FILE", OPTION_TEXT(struct record_command, output),
     "default: stdout. An existing recording is continued without gaps or duplicates. FILE.gz and "
     "FILE.zst are compressed with gzip and zstd"},
    {0, "topic", "NAME", OPTION_LIST(struct record_command, topics),
     "role or topic; may be given more than once (default: all configured ones)"},
    {0, "from", "TIME", OPTION_TIME_MS(struct record_command, from_ms),
     "start at this Kafka timestamp: 2024-06-17T21:15:30Z or an epoch number"},
    {0, "until", "TIME", OPTION_TIME_MS(struct record_command, until_ms),
     "end before this timestamp"},
    {0, "count", "N", OPTION_INTEGER(struct record_command, count, uint64_t, 1, INT64_MAX),
     "end after N messages"},
    {0, "follow", NULL, OPTION_FLAG(struct record_command, does_follow),
     "continue with new messages until stopped"},
    {'q', "quiet", NULL, OPTION_FLAG(struct record_command, is_quiet), "no progress, no summary"},
    OPTIONS_END,
};

const struct command command_record = {
    .name = "record",
    .usage = "[options] -o FILE",
    .summary = "record topics to a file of JSON lines (kcat -J form)",
    .description =
        "Writes the messages of the topics as JSON lines in the form of `kcat -J`: topic, "
        "partition, offset, ts, key, payload. Every byte is kept: keys and payloads that are not "
        "UTF-8 are base64, in \"key_base64\" and \"payload_base64\". Ends at the current end of "
        "the topics; all partitions are merged by time. Does not join a group, commits nothing.",
    .examples = "take5 record -c take5.ini -o day.jsonl    # what the topics have now",
    .options = options,
    .run = run,
};
