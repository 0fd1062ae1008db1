#include "commands/feed.h"

#include "base/clock.h"
#include "base/units.h"
#include "commands/commands.h"
#include "commands/moment.h"
#include "commands/progress.h"
#include "commands/signals.h"
#include "source/feed_kafka.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SYMBOLS    20
#define DEFAULT_RATE       1000.0 /* into a broker */
#define DEFAULT_PARTITIONS 4
#define MAX_PARTITIONS     65536
/* On stdout the same options give the same bytes. 2024-06-17T13:30:00Z. */
#define DEFAULT_START_NS   INT64_C(1718631000000000000)
/* Into a broker it begins a day ago, so that it does not run ahead of the clock too soon. */
#define START_BEFORE_NS    (24 * 3600 * NS_PER_S)
#define MAX_PROPERTIES     32
#define LOOK_NS            (50 * NS_PER_MS)

enum {
    OPTION_SEED = 256,
    OPTION_SYMBOLS,
    OPTION_FRAMES,
    OPTION_RATE,
    OPTION_FOR,
    OPTION_COUNT,
    OPTION_ENVELOPE,
    OPTION_BAD,
    OPTION_LATE,
    OPTION_START,
    OPTION_PLAIN,
    OPTION_PARTITIONS,
    OPTION_BROKERS,
    OPTION_TOPIC
};

static const char help[] =
    "usage: take5 feed [options]\n"
    "\n"
    "A synthetic market: the three topics as the upstream services fill them, with prices that\n"
    "move together, trends that come and go, and fields that fit one another. Onto stdout as\n"
    "`take5 record` would write it, or into a broker.\n"
    "\n"
    "  --brokers HOST:PORT,...  into Kafka; keyed by symbol\n"
    "  -X NAME=VALUE            a property of librdkafka's for that\n"
    "  --topic ROLE=NAME        another topic for a role (bar_trends, historic_stats,\n"
    "                           asset_trends)\n"
    "  --plain                  lines are the values alone\n"
    "  --partitions N           of each topic, on stdout (default 4)\n"
    "  --seed N                 the same seed gives the same market (default 1)\n"
    "  --symbols N | A,B,...    how many, or which (default 20)\n"
    "  --time-frames 60,300,... seconds (default 60,180,300,420,720,1560)\n"
    "  --envelope FORM          production, documented or mixed (default)\n"
    "  --bad SHARE              of messages that nobody can use, such as 0.01 or 1%\n"
    "  --late SHARE             of messages that come 2 to 10 minutes late\n"
    "  --start TIME             when the market's time begins; it goes as fast as messages do\n"
    "  --rate N                 messages a second (default: 1000 into a broker, else as fast as\n"
    "                           it goes)\n"
    "  --count N                ends after so many\n"
    "  --for DURATION           ends after so long, such as 10s or 5m\n"
    "  -q                       no progress, no summary\n";

struct feed {
    struct market_options market;
    struct feeder_pace pace;
    struct words symbols;
    uint32_t frames[MARKET_MAX_FRAMES];
    bool has_start;
    const char *brokers;
    struct feed_kafka_property properties[MAX_PROPERTIES];
    size_t property_count;
    char *texts[MAX_PROPERTIES]; /* owned: what they point to */
    const char *topics[MARKET_ROLES];
    enum feed_form form;
    int32_t partitions;
    bool is_quiet, is_help;
    struct signals *signals;
    struct progress_line progress;
    int64_t began_ns;
};

/* ---- options ---- */

static bool set_share(const char *option, const char *text, double *share) {
    char number[32];
    const size_t size = strlen(text);
    const bool is_percent = size > 1 && text[size - 1] == '%';
    if (size < sizeof number) {
        memcpy(number, text, size + 1);
        number[size - is_percent] = '\0';
        if (parse_number(number, share)) {
            *share = is_percent ? *share / 100 : *share;
            if (*share >= 0 && *share <= 1)
                return true;
        }
    }
    complain("%s %s: must be a share such as 0.01 or 1%%", option, text);
    return false;
}

static bool set_count(const char *option, const char *text, int64_t least, int64_t most,
                      int64_t *count) {
    if (parse_integer(text, count) && *count >= least && *count <= most)
        return true;
    complain("%s %s: must be a whole number from %" PRId64 " to %" PRId64, option, text, least,
             most);
    return false;
}

static bool set_symbols(struct feed *feed, const char *text) {
    int64_t count;
    if (parse_integer(text, &count)) {
        feed->market.symbol_count = (size_t)count;
        return set_count("--symbols", text, 1, 1000000, &count);
    }
    return words_add(&feed->symbols, "--symbols", text);
}

static bool set_frames(struct feed *feed, const char *text) {
    struct words words = {0};
    bool did = words_add(&words, "--time-frames", text);
    if (did && words.count > MARKET_MAX_FRAMES) {
        complain("--time-frames %s: at most %d", text, MARKET_MAX_FRAMES);
        did = false;
    }
    for (size_t i = 0; did && i < words.count; i++) {
        int64_t seconds = 0;
        did = set_count("--time-frames", words.items[i], 60, 30 * 86400, &seconds);
        feed->frames[i] = (uint32_t)seconds;
    }
    feed->market.time_frames_s = feed->frames;
    feed->market.time_frame_count = words.count;
    words_release(&words);
    return did;
}

static bool set_envelope(struct feed *feed, const char *text) {
    static const char *const names[] = {
        [MARKET_PRODUCTION] = "production",
        [MARKET_DOCUMENTED] = "documented",
        [MARKET_MIXED] = "mixed",
    };
    for (int i = MARKET_PRODUCTION; i <= MARKET_MIXED; i++) {
        if (strcmp(text, names[i]) == 0) {
            feed->market.envelope = (enum market_envelope)i;
            return true;
        }
    }
    complain("--envelope %s: must be production, documented or mixed", text);
    return false;
}

static bool set_rate(struct feed *feed, const char *text) {
    if (parse_number(text, &feed->pace.rate_per_s) && feed->pace.rate_per_s > 0)
        return true;
    complain("--rate %s: must be messages a second, above 0", text);
    return false;
}

static bool set_duration(struct feed *feed, const char *text) {
    if (parse_duration_ns(text, &feed->pace.duration_ns) && feed->pace.duration_ns > 0)
        return true;
    complain("--for %s: must be a duration such as 10s, 5m or 1h", text);
    return false;
}

static bool set_start(struct feed *feed, const char *text) {
    int64_t start_ns;
    feed->has_start = parse_moment("--start", text, &start_ns);
    feed->market.start_ms = feed->has_start ? start_ns / NS_PER_MS : 0;
    return feed->has_start;
}

/* A copy of "NAME=VALUE", cut in two. */
static char *cut(const char *option, const char *text, char **value) {
    const char *equals = strchr(text, '=');
    char *copy = equals != NULL && equals != text && equals[1] != '\0' ? strdup(text) : NULL;
    if (copy == NULL) {
        complain("%s %s: must be NAME=VALUE", option, text);
        return NULL;
    }
    copy[equals - text] = '\0';
    *value = copy + (equals - text) + 1;
    return copy;
}

/* Keeps what `cut` gave. */
static bool keep(struct feed *feed, const char *option, char *copy) {
    for (size_t i = 0; i < MAX_PROPERTIES; i++) {
        if (feed->texts[i] == NULL) {
            feed->texts[i] = copy;
            return true;
        }
    }
    free(copy);
    complain("%s: too many of them", option);
    return false;
}

static bool add_property(struct feed *feed, const char *text) {
    char *value, *name = cut("-X", text, &value);
    if (name == NULL || !keep(feed, "-X", name))
        return false;
    feed->properties[feed->property_count++] = (struct feed_kafka_property){name, value};
    return true;
}

static bool set_topic(struct feed *feed, const char *text) {
    char *topic, *role = cut("--topic", text, &topic);
    if (role == NULL || !keep(feed, "--topic", role))
        return false;
    for (uint32_t i = 0; i < MARKET_ROLES; i++) {
        if (strcmp(role, market_role_name(i)) == 0) {
            feed->topics[i] = topic;
            return true;
        }
    }
    complain("--topic %s: the roles are bar_trends, historic_stats and asset_trends", text);
    return false;
}

static bool set_number(struct feed *feed, int option, const char *value) {
    int64_t number = 0;
    if (option == OPTION_SEED) {
        const bool did = set_count("--seed", value, 0, INT64_MAX, &number);
        feed->market.seed = (uint64_t)number;
        return did;
    }
    if (option == OPTION_COUNT) {
        const bool did = set_count("--count", value, 1, INT64_MAX, &number);
        feed->pace.count = (uint64_t)number;
        return did;
    }
    const bool did = set_count("--partitions", value, 1, MAX_PARTITIONS, &number);
    feed->partitions = (int32_t)number;
    return did;
}

static bool set_option(struct feed *feed, int option, const char *value) {
    switch (option) {
    case OPTION_SEED:
    case OPTION_COUNT:
    case OPTION_PARTITIONS:
        return set_number(feed, option, value);
    case OPTION_SYMBOLS:
        return set_symbols(feed, value);
    case OPTION_FRAMES:
        return set_frames(feed, value);
    case OPTION_RATE:
        return set_rate(feed, value);
    case OPTION_FOR:
        return set_duration(feed, value);
    case OPTION_ENVELOPE:
        return set_envelope(feed, value);
    case OPTION_BAD:
        return set_share("--bad", value, &feed->market.bad_share);
    case OPTION_LATE:
        return set_share("--late", value, &feed->market.late_share);
    case OPTION_START:
        return set_start(feed, value);
    case OPTION_TOPIC:
        return set_topic(feed, value);
    case OPTION_BROKERS:
        feed->brokers = value;
        return true;
    case OPTION_PLAIN:
        feed->form = FEED_PLAIN;
        return true;
    case 'X':
        return add_property(feed, value);
    case 'q':
        return feed->is_quiet = true;
    case 'h':
        return feed->is_help = true;
    default:
        return false;
    }
}

static bool parse(struct feed *feed, int argc, char **argv) {
    static const struct option longs[] = {
        {"seed", required_argument, NULL, OPTION_SEED},
        {"symbols", required_argument, NULL, OPTION_SYMBOLS},
        {"time-frames", required_argument, NULL, OPTION_FRAMES},
        {"rate", required_argument, NULL, OPTION_RATE},
        {"for", required_argument, NULL, OPTION_FOR},
        {"count", required_argument, NULL, OPTION_COUNT},
        {"envelope", required_argument, NULL, OPTION_ENVELOPE},
        {"bad", required_argument, NULL, OPTION_BAD},
        {"late", required_argument, NULL, OPTION_LATE},
        {"start", required_argument, NULL, OPTION_START},
        {"plain", no_argument, NULL, OPTION_PLAIN},
        {"partitions", required_argument, NULL, OPTION_PARTITIONS},
        {"brokers", required_argument, NULL, OPTION_BROKERS},
        {"topic", required_argument, NULL, OPTION_TOPIC},
        {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},
        {0}};
    for (int c; (c = getopt_long(argc, argv, "X:qh", longs, NULL)) != -1;) {
        if (!set_option(feed, c, optarg))
            return false;
    }
    if (optind < argc)
        complain("%s: not an option", argv[optind]);
    return optind == argc;
}

static void complete(struct feed *feed) {
    if (feed->symbols.count > 0) {
        feed->market.symbols = (const char *const *)feed->symbols.items;
        feed->market.symbol_count = feed->symbols.count;
    }
    if (!feed->has_start)
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
        return (double)(clock_monotonic_ns() - feed->began_ns) / (double)feed->pace.duration_ns;
    return -1;
}

static void show(void *context, uint64_t given) {
    struct feed *feed = context;
    if (!feed->is_quiet && progress_line_is_due(&feed->progress))
        progress_line_show(&feed->progress, "feeding", "messages", given, share_done(feed, given));
}

static void summarise(struct feed *feed, uint64_t given, uint64_t bytes, const char *where) {
    char count[40], rate[40];
    const double seconds = (double)(clock_monotonic_ns() - feed->began_ns) / 1e9;
    progress_line_clear(&feed->progress);
    if (feed->is_quiet)
        return;
    format_count(given, count, sizeof count);
    format_count((uint64_t)(seconds > 0 ? (double)given / seconds : 0), rate, sizeof rate);
    fprintf(stderr, "fed %s messages (%.1f MB) %s in %.2f s (%s/s)\n", count, (double)bytes / 1e6,
            where, seconds, rate);
}

/* ---- the two ways ---- */

static int feed_stdout(struct feed *feed) {
    struct error error = {0};
    struct feed_lines_stats stats;
    struct feed_lines_options options = {
        .market = feed->market,
        .pace = feed->pace,
        .form = feed->form,
        .partitions = feed->partitions,
        .file = STDOUT_FILENO,
        .stop = &feed->signals->should_stop,
        .progress = show,
        .context = feed,
    };
    memcpy(options.topics, feed->topics, sizeof options.topics);
    const bool did = feed_lines_run(&options, &stats, &error);
    summarise(feed, stats.given, stats.bytes, "onto stdout");
    if (!did)
        complain("%s", error.text);
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
    struct log *log = log_new();
    if (log == NULL) {
        complain("out of memory");
        return EXIT_FAILED;
    }
    log_set_level(log, NULL, LOG_LEVEL_WARNING);
    struct feed_kafka *kafka = feed_kafka_new(&options, log, &error);
    bool did = kafka != NULL && feed_kafka_start(kafka, &error);
    if (did) {
        await_kafka(feed, kafka);
        did = feed_kafka_join(kafka, &error);
        feed_kafka_stats(kafka, &stats);
        summarise(feed, stats.delivered, stats.bytes, feed->brokers);
    }
    if (!did)
        complain("%s", error.text);
    feed_kafka_free(kafka);
    log_free(log);
    return did ? EXIT_GOOD : EXIT_FAILED;
}

int command_feed(int argc, char **argv) {
    /* The signal thread may outlive this function. */
    static struct signals signals;
    struct feed feed = {
        .market = {.seed = 1, .symbol_count = DEFAULT_SYMBOLS, .envelope = MARKET_MIXED},
        .form = FEED_RECORDED,
        .partitions = DEFAULT_PARTITIONS,
        .signals = &signals,
    };
    struct error error = {0};
    int code = EXIT_USAGE;
    if (!parse(&feed, argc, argv)) {
        usage("feed");
    } else if (feed.is_help) {
        fputs(help, stdout);
        code = EXIT_GOOD;
    } else if (!signals_start(&signals, &error)) {
        complain("%s", error.text);
        code = EXIT_FAILED;
    } else {
        complete(&feed);
        progress_line_init(&feed.progress);
        feed.began_ns = clock_monotonic_ns();
        code = feed.brokers != NULL ? feed_brokers(&feed) : feed_stdout(&feed);
    }
    words_release(&feed.symbols);
    for (size_t i = 0; i < MAX_PROPERTIES; i++)
        free(feed.texts[i]);
    return code;
}
