/*
 * decode_bench - decoding alone, against cJSON.
 *
 *   decode_bench [ROUNDS [MILLISECONDS]]
 *   decode_bench once
 *
 * For each kind of message: 16384 different ones of the synthetic feed (the 64 KiB ones: 16) are
 * decoded in turn, with the envelope and 8 fields wanted (23 of three topics that come in turn);
 * and parsed and deleted by cJSON with its default allocator, which leaves the look-ups out of its
 * account. Rounds of both alternate, each of MILLISECONDS (default 100) of the thread's CPU time,
 * so that a noisy machine shows as spread. One line of JSON a kind: ns per message of both, and how
 * many times faster decoding is, taken within each round, as median, minimum and maximum over the
 * rounds (default 15); and MB/s at the medians.
 *
 * `once` decodes each message of the first kind a single time, for callgrind:
 *   valgrind --tool=callgrind --toggle-collect=decoder_decode decode_bench once
 * and prints how many they were.
 */
#include "base/clock.h"
#include "base/text.h"
#include "message/decode.h"
#include "source/market.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES       16384
#define LARGE_MESSAGES 16
#define LARGE_SIZE     (64 * 1024)
#define MAX_FIELDS     24
#define MAX_ROUNDS     1000

struct kind {
    const char *name;
    const char *role; /* NULL: all, as they come */
    enum market_envelope envelope;
    const char *fields[MAX_FIELDS + 1]; /* ends with NULL */
};

static const struct kind kinds[] = {
    {"bar_trends",
     "bar_trends",
     MARKET_PRODUCTION,
     {"barData.close", "barData.wap", "barData.tradeCount", "lastSampleStats.mean",
      "lastSampleStats.std", "lastSampleStats.change", "lastSampleStats.slope",
      "lastSampleStats.sampleSize"}},
    {"historic_stats",
     "historic_stats",
     MARKET_PRODUCTION,
     {"barData.close", "stats.mean", "stats.std", "stats.variance", "stats.range",
      "stats.standardError", "stats.sampleSize", "z_score"}},
    {"asset_trends",
     "asset_trends",
     MARKET_PRODUCTION,
     {"trendData.wSma_slope|trendData.smaSlope|trendVector.trendData.wSma_slope",
      "trendData.wSma_intercept|trendData.smaIntercept|trendVector.trendData.wSma_intercept",
      "trendData.wSma_slope_std_err|trendData.smaSlopeStdErr", "trendData.predictedNext",
      "trendData.rSquared", "trendData.residual", "trendData.sampleSize", "direction"}},
    {"documented",
     "historic_stats",
     MARKET_DOCUMENTED,
     {"historic_analysis.samples", "historic_analysis.min", "historic_analysis.max",
      "statistics.mean", "statistics.std", "statistics.z_score", "price", "volume"}},
    /* What a host decodes: the topics in turn, and the fields of three strategies at once. */
    {"three_topics",
     NULL,
     MARKET_PRODUCTION,
     {"barData.close",
      "barData.wap",
      "barData.tradeCount",
      "lastSampleStats.mean",
      "lastSampleStats.std",
      "lastSampleStats.change",
      "lastSampleStats.slope",
      "lastSampleStats.sampleSize",
      "stats.mean",
      "stats.std",
      "stats.variance",
      "stats.range",
      "stats.standardError",
      "stats.sampleSize",
      "z_score",
      "trendData.wSma_slope",
      "trendData.wSma_intercept",
      "trendData.wSma_slope_std_err",
      "trendData.predictedNext",
      "trendData.rSquared",
      "trendData.residual",
      "trendData.sampleSize",
      "direction"}},
};

/* Payloads of one kind, end to end in one block, as they lie in a fetch buffer. */
struct sample {
    struct text bytes;
    size_t begins[MESSAGES + 1];
    uint32_t topics[MESSAGES];
    size_t count;
};

struct figure {
    double median, min, max;
};

static void die(const char *what) {
    fprintf(stderr, "decode_bench: %s\n", what);
    exit(1);
}

static void sample_take(struct sample *sample, const struct kind *kind) {
    struct error error;
    const struct market_options options = {
        .seed = 5, .symbol_count = 100, .envelope = kind->envelope, .start_ms = 1718658930000};
    struct market *market = market_new(&options, &error);
    if (market == NULL)
        die(error.text);
    text_init(&sample->bytes);
    /* The first ones have few points to compute statistics of: let them pass. */
    for (uint32_t passed = 0; sample->count < MESSAGES;) {
        struct market_message message;
        market_next(market, &message);
        const bool is_wanted =
            kind->role == NULL || strcmp(market_role_name(message.role), kind->role) == 0;
        if (!is_wanted || passed++ < 20000)
            continue;
        text_append(&sample->bytes, message.payload, message.payload_size);
        sample->topics[sample->count] = message.role;
        sample->begins[++sample->count] = sample->bytes.size;
    }
    market_free(market);
}

/* Large messages: one of `from`, and its neighbours as an array of objects. */
static void sample_enlarge(struct sample *sample, const struct sample *from) {
    text_init(&sample->bytes);
    for (size_t next = 0; sample->count < LARGE_MESSAGES;) {
        const size_t begin = sample->bytes.size;
        const char *first = from->bytes.data + from->begins[sample->count];
        const size_t first_size = from->begins[sample->count + 1] - from->begins[sample->count];
        text_append(&sample->bytes, first, first_size - 1);
        text_puts(&sample->bytes, ",\"history\":[");
        while (sample->bytes.size - begin < LARGE_SIZE - 600) {
            text_append(&sample->bytes, from->bytes.data + from->begins[next],
                        from->begins[next + 1] - from->begins[next]);
            text_putc(&sample->bytes, ',');
            next = (next + 1) % from->count;
        }
        text_puts(&sample->bytes, "null]}");
        sample->begins[++sample->count] = sample->bytes.size;
    }
}

static double sum; /* what was decoded, so that nothing is left out */

static void decode_all(struct decoder *decoder, const struct sample *sample) {
    for (size_t i = 0; i < sample->count; i++) {
        const struct record record = {.payload = sample->bytes.data + sample->begins[i],
                                      .payload_size = sample->begins[i + 1] - sample->begins[i],
                                      .key = "QQQ",
                                      .key_size = 3,
                                      .kafka_time_ms = 1718658930000,
                                      .topic = sample->topics[i]};
        t5_message message;
        uint32_t remarks;
        if (decoder_decode(decoder, &record, &message, &remarks) != DECODE_OK)
            die(decoder_complaint(decoder));
        sum += (double)message.event_time_ns;
    }
}

static void parse_all(const struct sample *sample) {
    for (size_t i = 0; i < sample->count; i++) {
        cJSON *tree = cJSON_ParseWithLength(sample->bytes.data + sample->begins[i],
                                            sample->begins[i + 1] - sample->begins[i]);
        if (tree == NULL)
            die("cJSON takes no message");
        cJSON_Delete(tree);
    }
}

/* One round; gives ns per message. */
static double run(struct decoder *decoder, const struct sample *sample, int64_t duration_ns) {
    const int64_t begin = clock_thread_cpu_ns();
    size_t passes = 0;
    int64_t spent;
    do {
        if (decoder != NULL)
            decode_all(decoder, sample);
        else
            parse_all(sample);
        passes++;
        spent = clock_thread_cpu_ns() - begin;
    } while (spent < duration_ns);
    return (double)spent / (double)(passes * sample->count);
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct figure figure_of(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return (struct figure){values[count / 2], values[0], values[count - 1]};
}

static struct decoder *decoder_for(const struct kind *kind, struct projection **projection) {
    struct error error;
    const struct decode_limits limits = DECODE_LIMITS_DEFAULT;
    *projection = projection_new();
    if (*projection == NULL)
        die("out of memory");
    for (int i = 0; kind->fields[i] != NULL; i++) {
        uint32_t slot;
        if (!projection_add(*projection, kind->fields[i], strlen(kind->fields[i]), &slot, &error))
            die(error.text);
    }
    struct decoder *decoder = NULL;
    if (projection_seal(*projection, &error))
        decoder = decoder_new(*projection, &limits, &error);
    if (decoder == NULL)
        die(error.text);
    return decoder;
}

static void measure(const char *name, const struct kind *kind, const struct sample *sample,
                    int rounds, int64_t duration_ns) {
    struct projection *projection;
    struct decoder *decoder = decoder_for(kind, &projection);
    double ours[MAX_ROUNDS];
    double theirs[MAX_ROUNDS];
    double ratios[MAX_ROUNDS];
    run(decoder, sample, duration_ns / 4);
    run(NULL, sample, duration_ns / 4);
    for (int i = 0; i < rounds; i++) {
        ours[i] = run(decoder, sample, duration_ns);
        theirs[i] = run(NULL, sample, duration_ns);
        ratios[i] = theirs[i] / ours[i];
    }
    const double bytes = (double)sample->bytes.size / (double)sample->count;
    const struct figure decode = figure_of(ours, rounds);
    const struct figure parse = figure_of(theirs, rounds);
    const struct figure ratio = figure_of(ratios, rounds);
    printf("{\"name\":\"%s\",\"bytes\":%.0f,"
           "\"decode_ns\":{\"median\":%.1f,\"min\":%.1f,\"max\":%.1f},\"decode_mb_s\":%.0f,"
           "\"cjson_ns\":{\"median\":%.1f,\"min\":%.1f,\"max\":%.1f},\"cjson_mb_s\":%.0f,"
           "\"ratio\":{\"median\":%.2f,\"min\":%.2f,\"max\":%.2f}}\n",
           name, bytes, decode.median, decode.min, decode.max, bytes / decode.median * 1e3,
           parse.median, parse.min, parse.max, bytes / parse.median * 1e3, ratio.median, ratio.min,
           ratio.max);
    fflush(stdout);
    decoder_free(decoder);
    projection_free(projection);
}

static int decode_once(void) {
    struct projection *projection;
    struct decoder *decoder = decoder_for(&kinds[0], &projection);
    struct sample *sample = calloc(1, sizeof *sample);
    if (sample == NULL)
        die("out of memory");
    sample_take(sample, &kinds[0]);
    decode_all(decoder, sample);
    printf("{\"name\":\"%s\",\"messages\":%zu}\n", kinds[0].name, sample->count);
    text_release(&sample->bytes);
    free(sample);
    decoder_free(decoder);
    projection_free(projection);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "once") == 0)
        return decode_once();
    const int rounds = argc > 1 ? atoi(argv[1]) : 15;
    const int milliseconds = argc > 2 ? atoi(argv[2]) : 100;
    if (rounds < 1 || rounds > MAX_ROUNDS || milliseconds < 1) {
        fprintf(stderr, "usage: decode_bench [ROUNDS [MILLISECONDS]] | once\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct sample *sample = calloc(1, sizeof *sample);
        struct sample *large = calloc(1, sizeof *large);
        if (sample == NULL || large == NULL)
            die("out of memory");
        sample_take(sample, &kinds[i]);
        if (text_is_short(&sample->bytes))
            die("out of memory");
        measure(kinds[i].name, &kinds[i], sample, rounds, milliseconds * NS_PER_MS);
        if (i == 0) {
            sample_enlarge(large, sample);
            measure("bar_trends_64k", &kinds[i], large, rounds, milliseconds * NS_PER_MS);
            text_release(&large->bytes);
        }
        text_release(&sample->bytes);
        free(sample);
        free(large);
    }
    return sum == 0; /* never: it is the sum of event times */
}
