/*
 * decode_simdjson.h - the same values with simdjson, as decode_bench compares them with decoding:
 * those of the envelope, and the eight fields of the message's kind.
 *
 * simdjson reads whole blocks: 64 bytes behind a payload must be readable, which in decode_bench
 * they are. (A client's fetch buffer does not promise that; the copy that would be needed is left
 * out, in favour of simdjson. So is reading a time that is text.)
 */
#ifndef TAKE5_BENCH_DECODE_SIMDJSON_H
#define TAKE5_BENCH_DECODE_SIMDJSON_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DECODE_SIMDJSON_PADDING 64

enum decode_simdjson_kind {
    DECODE_SIMDJSON_BAR_TRENDS,
    DECODE_SIMDJSON_HISTORIC_STATS,
    DECODE_SIMDJSON_ASSET_TRENDS,
    DECODE_SIMDJSON_DOCUMENTED,
};

/* The version and what it was compiled for, such as "3.0.1 haswell"; the caller's until the end. */
const char *decode_simdjson_name(void);

/* Both add what they read to `*sum` and keep nothing of the payload; false: it is no such message.
 * One thread. The first is the on-demand interface, the second the DOM. */
int decode_simdjson_ondemand(enum decode_simdjson_kind kind, const char *payload, size_t size,
                             double *sum);
int decode_simdjson_dom(enum decode_simdjson_kind kind, const char *payload, size_t size,
                        double *sum);

#ifdef __cplusplus
}
#endif

#endif
