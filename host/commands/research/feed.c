#include "synth/to_lines.h"

#include "base/clock.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/progress_line.h"
#include "commands/research/research.h"
#include "os/signals.h"
#include "synth/to_kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_RATE     1000.0 /* into a broker */
#define MAX_PARTITIONS   65536
#define NO_START         INT64_MIN
/* On stdout the same options give the same bytes. 2024-06-17T13:30:00Z. */
#define DEFAULT_START_NS INT64_C(1718631000000000000)
/* Into a broker it begins a day ago, so that it does not run ahead of the clock too soon. */
#define START_BEFORE_NS  (24 * 3600 * NS_PER_S)
#define MAX_PROPERTIES   32
#define LOOK_NS          (50 * NS_PER_MS)

struct feed {
    struct market_options market;
    struct feeder_pace pace;
    struct csv_arg symbols;
    uint32_t frames[MARKET_MAX_FRAMES];
    const char *brokers;
    struct client_property properties[MAX_PROPERTIES];
    size_t property_count;
    const char *topics[MARKET_ROLES];
    int64_t partitions;
    bool is_plain, is_quiet;
    struct signals *signals;
    struct progress_line progress;
};

/* ---- options ---- */

static bool set_symbols(void *command, const char *text) {
    struct feed *feed = command;
    int64_t count;
    if (parse_integer(text, &count)) {
        feed->market.symbol_count = (size_t)count;
        return parse_integer_arg("--symbols", text, 1, 1000000, &count);
    }
    return csv_arg_add(&feed->symbols, "--symbols", text);
}

static bool set_frames(void *command, const char *text) {
    struct feed *feed = command;
    struct csv_arg words = {0};
    bool did = csv_arg_add(&words, "--time-frames", text);
    if (did && words.count > MARKET_MAX_FRAMES) {
        print_err("--time-frames %s: at most %d", text, MARKET_MAX_FRAMES);
        did = false;
    }
    for (size_t i = 0; did && i < words.count; i++) {
        int64_t seconds = 0;
        did = parse_integer_arg("--time-frames", words.items[i], 60, 30 * 86400, &seconds);
        feed->frames[i] = (uint32_t)seconds;
    }
    feed->market.time_frames_s = feed->frames;
    feed->market.time_frame_count = words.count;
    csv_arg_release(&words);
    return did;
}

/* "NAME=VALUE", cut in two where it stands; gives the value. */
static char *cut(const char *option, const char *text) {
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        print_err("%s %s: must be NAME=VALUE", option, text);
        return NULL;
    }
    if (!check_quotes(option, text, false) || !check_quotes(option, equals + 1, true))
        return NULL;
    *equals = '\0';
    return equals + 1;
}

static bool add_property(void *command, const char *name) {
    struct feed *feed = command;
    const char *value = cut("-X", name);
    if (value != NULL && feed->property_count == MAX_PROPERTIES)
        print_err("-X: at most %d allowed", MAX_PROPERTIES);
    if (value == NULL || feed->property_count == MAX_PROPERTIES)
        return false;
    feed->properties[feed->property_count++] = (struct client_property){name, value};
    return true;
}

static bool set_topic(void *command, const char *role) {
    struct feed *feed = command;
    const char *topic = cut("--topic", role);
    if (topic == NULL)
        return false;
    for (uint32_t i = 0; i < MARKET_ROLES; i++) {
        if (strcmp(role, market_role_name(i)) == 0) {
            feed->topics[i] = topic;
            return true;
        }
    }
    print_err("--topic %s: the roles are bar_trends, historic_stats and asset_trends", role);
    return false;
}

static void complete(struct feed *feed) {
    if (feed->symbols.count > 0) {
        feed->market.symbols = (const char *const *)feed->symbols.items;
        feed->market.symbol_count = feed->symbols.count;
    }
    if (feed->market.start_ms == NO_START)
        feed->market.start_ms = feed->brokers == NULL
                                    ? DEFAULT_START_NS / NS_PER_MS
                                    : (clock_wall_ns() - START_BEFORE_NS) / NS_PER_MS;
    if (feed->brokers != NULL && !(feed->pace.rate_per_s > 0))
        feed->pace.rate_per_s = DEFAULT_RATE;
}

/* ---- progress and summary ---- */

static double share_done(const struct feed *feed, uint64_t given) {
    if (feed->pace.count > 0)
        return (double)given / (double)feed->pace.count;
    if (feed->pace.duration_ns > 0)
        return (double)(clock_monotonic_ns() - feed->progress.began_ns) /
               (double)feed->pace.duration_ns;
    return -1;
}

static void show(void *context, uint64_t given) {
    struct feed *feed = context;
    if (!feed->is_quiet && progress_line_is_due(&feed->progress))
        progress_line_show(&feed->progress, "feeding", "messages", given, share_done(feed, given));
}

static void summarise(struct feed *feed, uint64_t given, uint64_t bytes, const char *where) {
    progress_line_clear(&feed->progress);
    if (!feed->is_quiet)
        progress_line_summary(&feed->progress, "fed", given, bytes, where);
}

/* ---- the two ways ---- */

static int feed_stdout(struct feed *feed) {
    struct error error = {0};
    struct feed_lines_stats stats;
    struct feed_lines_options options = {
        .market = feed->market,
        .pace = feed->pace,
        .form = feed->is_plain ? FEED_PLAIN : FEED_RECORDED,
        .partitions = (int32_t)feed->partitions,
        .file = STDOUT_FILENO,
        .stop = &feed->signals->should_stop,
        .progress = show,
        .context = feed,
    };
    memcpy(options.topics, feed->topics, sizeof options.topics);
    const bool did = feed_lines_run(&options, &stats, &error);
    summarise(feed, stats.given, stats.bytes, " to stdout");
    if (!did)
        print_err("%s", error.text);
    return did ? EXIT_GOOD : EXIT_FAILED;
}

static void await_kafka(struct feed *feed, struct feed_kafka *kafka) {
    static const struct timespec look = {.tv_nsec = LOOK_NS};
    struct feed_kafka_stats stats;
    do {
        nanosleep(&look, NULL);
        if (atomic_load(&feed->signals->should_stop))
            feed_kafka_stop(kafka);
        feed_kafka_stats(kafka, &stats);
        show(feed, stats.delivered);
    } while (stats.is_running || stats.elapsed_ns == 0);
}

static int feed_brokers(struct feed *feed) {
    struct error error = {0};
    struct feed_kafka_stats stats = {0};
    struct feed_kafka_options options = {
        .brokers = feed->brokers,
        .properties = feed->properties,
        .property_count = feed->property_count,
        .market = feed->market,
        .pace = feed->pace,
        .has_market_time = true,
    };
    memcpy(options.topics, feed->topics, sizeof options.topics);
    struct log *log = log_for_command();
    if (log == NULL)
        return EXIT_FAILED;
    struct feed_kafka *kafka = feed_kafka_new(&options, log, &error);
    bool did = kafka != NULL && feed_kafka_start(kafka, &error);
    if (did) {
        await_kafka(feed, kafka);
        did = feed_kafka_join(kafka, &error);
        feed_kafka_stats(kafka, &stats);
        summarise(feed, stats.delivered, stats.bytes, " to Kafka");
    }
    if (!did)
        print_err("%s", error.text);
    feed_kafka_free(kafka);
    log_free(log);
    return did ? EXIT_GOOD : EXIT_FAILED;
}

static int run(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct feed feed = {
        .market = {.seed = 1, .symbol_count = 20, .envelope = MARKET_MIXED, .start_ms = NO_START},
        .partitions = 4,
        .signals = &signals,
    };
    struct error error = {0};
    int code = EXIT_FAILED;
    if (options_parse(&command_feed, &feed, &argc, &argv, &code)) {
        if (signals_start(&signals, &error)) {
            complete(&feed);
            progress_line_init(&feed.progress);
            code = feed.brokers != NULL ? feed_brokers(&feed) : feed_stdout(&feed);
        } else {
            print_err("%s", error.text);
        }
    }
    csv_arg_release(&feed.symbols);
    return code;
}

static const char *const envelopes[] = {"production", "documented", "mixed", NULL};

static const struct option_row options[] = {
    OPTION_HEADING("destination"),
    {0, "brokers", "HOST:PORT,...", OPTION_NAMES(struct feed, brokers),
     "send to Kafka, keyed by symbol"},
    {'X', NULL, "NAME=VALUE", OPTION_CALL(add_property), "a librdkafka property for that"},
    {0, "topic", "ROLE=NAME", OPTION_CALL(set_topic),
     "another topic for a role (bar_trends, historic_stats, asset_trends)"},
    {0, "plain", NULL, OPTION_FLAG(struct feed, is_plain), "on stdout: print only the values"},
    {0, "partitions", "N", OPTION_INTEGER(struct feed, partitions, int64_t, 1, MAX_PARTITIONS),
     "on stdout: partitions of each topic (default: 4)"},
    OPTION_HEADING("content"),
    {0, "seed", "N", OPTION_INTEGER(struct feed, market.seed, uint64_t, 0, INT64_MAX),
     "the same seed gives the same market (default: 1)"},
    {0, "symbols", "N | A,B,...", OPTION_CALL(set_symbols), "how many, or which (default: 20)"},
    {0, "time-frames", "60,300,...", OPTION_CALL(set_frames),
     "seconds (default: 60,180,300,420,720,1560)"},
    {0, "envelope", "FORM",
     OPTION_CHOICE(struct feed, market.envelope, enum market_envelope, MARKET_PRODUCTION,
                   envelopes),
     "production, documented or mixed (default)"},
    {0, "bad", "SHARE", OPTION_SHARE(struct feed, market.bad_share),
     "share of invalid messages, such as 0.01 or 1%"},
    {0, "late", "SHARE", OPTION_SHARE(struct feed, market.late_share),
     "share of messages that arrive 2 to 10 minutes late"},
    {0, "start", "TIME", OPTION_TIME_MS(struct feed, market.start_ms),
     "start of the market's time, which advances with the messages"},
    OPTION_HEADING("amount"),
    {0, "rate", "N", OPTION_POSITIVE(struct feed, pace.rate_per_s),
     "messages per second (default: 1000 to a broker, otherwise as fast as possible)"},
    {0, "count", "N", OPTION_INTEGER(struct feed, pace.count, uint64_t, 1, INT64_MAX),
     "end after N messages"},
    {0, "for", "DURATION", OPTION_DURATION(struct feed, pace.duration_ns, 1, 0),
     "end after this time, such as 10s or 5m"},
    {'q', "quiet", NULL, OPTION_FLAG(struct feed, is_quiet), "no progress, no summary"},
    OPTIONS_END,
};

const struct command command_feed = {
    .name = "feed",
    .usage = "[options]",
    .summary = "a synthetic feed to stdout or Kafka, for trials and load tests",
    .description =
        "Generates a synthetic market: the three topics as the upstream services fill them, with "
        "correlated prices, trends that come and go, and consistent fields. "
        "Writes to stdout in the form of `take5 record`, or to a broker.",
    .examples = "take5 feed --brokers 127.0.0.1:9092 --rate 100",
    .options = options,
    .run = run,
};
