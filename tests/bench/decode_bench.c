/*
 * decode_bench - decoding alone, against cJSON, and against simdjson where it was there to build.
 *
 *   decode_bench [ROUNDS [MILLISECONDS]]
 *   decode_bench once
 *
 * For each kind of message: 16384 different ones of the synthetic feed (the 64 KiB ones: 16) are
 * decoded in turn, with the envelope and 8 fields wanted (23 of three topics that come in turn);
 * parsed and deleted by cJSON with its default allocator, which leaves the look-ups out of its
 * account; and the same values are read with simdjson, on demand and from its DOM. Rounds of all
 * alternate, each of MILLISECONDS (default 100) of the thread's CPU time, so that a noisy machine
 * shows as spread. One line of JSON a kind: ns per message of each, and how many times faster
 * decoding is, taken within each round, as median, minimum and maximum over the rounds (default
 * 15); null where there was no simdjson.
 *
 * `once` decodes each message of the first kind a single time, for callgrind:
 *   valgrind --tool=callgrind --toggle-collect=decoder_decode decode_bench once
 * and prints how many they were.
 */
#include "decode_simdjson.h"

#include "base/clock.h"
#include "base/text.h"
#include "message/decode.h"
#include "synth/market.h"

#include <cjson/cJSON.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES       16384
#define LARGE_MESSAGES 16
#define LARGE_SIZE     (64 * 1024)
#define MAX_FIELDS     24
#define MAX_ROUNDS     1000

#if HAS_SIMDJSON
enum { CONTENDERS_HERE = 4 };
#else
enum { CONTENDERS_HERE = 2 };
#endif

struct kind {
    const char *name;
    const char *role; /* NULL: all, as they come */
    enum market_envelope envelope;
    /* For simdjson, by the message's topic: the order of enum market_role. */
    enum decode_simdjson_kind simdjson[3];
    const char *fields[MAX_FIELDS + 1]; /* ends with NULL */
};

static const struct kind kinds[] = {
    {"bar_trends",
     "bar_trends",
     MARKET_PRODUCTION,
     {DECODE_SIMDJSON_BAR_TRENDS, DECODE_SIMDJSON_HISTORIC_STATS, DECODE_SIMDJSON_ASSET_TRENDS},
     {"barData.close", "barData.wap", "barData.tradeCount", "lastSampleStats.mean",
      "lastSampleStats.std", "lastSampleStats.change", "lastSampleStats.slope",
      "lastSampleStats.sampleSize"}},
    {"historic_stats",
     "historic_stats",
     MARKET_PRODUCTION,
     {DECODE_SIMDJSON_BAR_TRENDS, DECODE_SIMDJSON_HISTORIC_STATS, DECODE_SIMDJSON_ASSET_TRENDS},
     {"barData.close", "stats.mean", "stats.std", "stats.variance", "stats.range",
      "stats.standardError", "stats.sampleSize", "z_score"}},
    {"asset_trends",
     "asset_trends",
     MARKET_PRODUCTION,
     {DECODE_SIMDJSON_BAR_TRENDS, DECODE_SIMDJSON_HISTORIC_STATS, DECODE_SIMDJSON_ASSET_TRENDS},
     {"trendData.wSma_slope|trendData.smaSlope|trendVector.trendData.wSma_slope",
      "trendData.wSma_intercept|trendData.smaIntercept|trendVector.trendData.wSma_intercept",
      "trendData.wSma_slope_std_err|trendData.smaSlopeStdErr", "trendData.predictedNext",
      "trendData.rSquared", "trendData.residual", "trendData.sampleSize", "direction"}},
    {"documented",
     "historic_stats",
     MARKET_DOCUMENTED,
     {DECODE_SIMDJSON_DOCUMENTED, DECODE_SIMDJSON_DOCUMENTED, DECODE_SIMDJSON_DOCUMENTED},
     {"historic_analysis.samples", "historic_analysis.min", "historic_analysis.max",
      "statistics.mean", "statistics.std", "statistics.z_score", "price", "volume"}},
    /* What a host decodes: the topics in turn, and the fields of three strategies at once. */
    {"three_topics",
     NULL,
     MARKET_PRODUCTION,
     {DECODE_SIMDJSON_BAR_TRENDS, DECODE_SIMDJSON_HISTORIC_STATS, DECODE_SIMDJSON_ASSET_TRENDS},
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

/* Payloads of one kind, end to end in one block, as they lie in a fetch buffer; behind the last one
 * is what simdjson may read. */
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

static void sample_pad(struct sample *sample) {
    static const char padding[DECODE_SIMDJSON_PADDING];
    text_append(&sample->bytes, padding, sizeof padding);
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
    sample_pad(sample);
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
    sample_pad(sample);
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
        uint32_t warnings;
        if (decoder_decode(decoder, &record, &message, &warnings) != DECODE_OK)
            die(decoder_error(decoder));
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

#if HAS_SIMDJSON
static void simdjson_all(const struct kind *kind, const struct sample *sample, bool is_dom) {
    for (size_t i = 0; i < sample->count; i++) {
        const char *payload = sample->bytes.data + sample->begins[i];
        const size_t size = sample->begins[i + 1] - sample->begins[i];
        const enum decode_simdjson_kind of = kind->simdjson[sample->topics[i]];
        if (!(is_dom ? decode_simdjson_dom(of, payload, size, &sum)
                     : decode_simdjson_ondemand(of, payload, size, &sum)))
            die("simdjson takes no message");
    }
}
#endif

/* ---- contenders ---- */

enum contender { OURS, CJSON, ON_DEMAND, DOM, CONTENDERS };

static const char *const contender_names[CONTENDERS] = {"decode", "cjson", "ondemand", "dom"};

struct run {
    const struct kind *kind;
    const struct sample *sample;
    struct decoder *decoder;
    double ns[CONTENDERS][MAX_ROUNDS];     /* a message */
    double ratios[CONTENDERS][MAX_ROUNDS]; /* to ours, of the same round */
};

static void pass(const struct run *run, enum contender who) {
    switch (who) {
    case OURS:
        decode_all(run->decoder, run->sample);
        return;
    case CJSON:
        parse_all(run->sample);
        return;
#if HAS_SIMDJSON
    case ON_DEMAND:
    case DOM:
        simdjson_all(run->kind, run->sample, who == DOM);
        return;
#endif
    default:
        die("no such contender");
    }
}

/* One round; gives ns per message. */
static double time_passes(const struct run *run, enum contender who, int64_t duration_ns) {
    const int64_t begin = clock_thread_cpu_ns();
    size_t passes = 0;
    int64_t spent;
    do {
        pass(run, who);
        passes++;
        spent = clock_thread_cpu_ns() - begin;
    } while (spent < duration_ns);
    return (double)spent / (double)(passes * run->sample->count);
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

static void print_figure(const char *name, const char *unit, double *values, int rounds,
                         bool is_here) {
    if (!is_here) {
        printf(",\"%s_%s\":null", name, unit);
        return;
    }
    const struct figure f = figure_of(values, rounds);
    printf(",\"%s_%s\":{\"median\":%.5g,\"min\":%.5g,\"max\":%.5g}", name, unit, f.median, f.min,
           f.max);
}

static void measure(const char *name, const struct kind *kind, const struct sample *sample,
                    int rounds, int64_t duration_ns) {
    static struct run run;
    struct projection *projection;
    run.kind = kind;
    run.sample = sample;
    run.decoder = decoder_for(kind, &projection);
    for (int who = 0; who < CONTENDERS_HERE; who++)
        time_passes(&run, (enum contender)who, duration_ns / 4);
    for (int i = 0; i < rounds; i++) {
        for (int who = 0; who < CONTENDERS_HERE; who++) {
            run.ns[who][i] = time_passes(&run, (enum contender)who, duration_ns);
            run.ratios[who][i] = run.ns[who][i] / run.ns[OURS][i];
        }
    }
    printf("{\"name\":\"%s\",\"bytes\":%.0f", name,
           (double)sample->begins[sample->count] / (double)sample->count);
    for (int who = 0; who < CONTENDERS; who++) {
        print_figure(contender_names[who], "ns", run.ns[who], rounds, who < CONTENDERS_HERE);
        if (who != OURS)
            print_figure(contender_names[who], "ratio", run.ratios[who], rounds,
                         who < CONTENDERS_HERE);
    }
#if HAS_SIMDJSON
    printf(",\"simdjson\":\"%s\"}\n", decode_simdjson_name());
#else
    printf(",\"simdjson\":null}\n");
#endif
    fflush(stdout);
    decoder_free(run.decoder);
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
        if (text_is_oom(&sample->bytes))
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
