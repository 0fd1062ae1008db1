#include "message/decode.h"

#include "base/text.h"

#include "message/extract.h"
#include "message/projection_private.h"
#include "message/unix_time.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MILLISECOND INT64_C(1000000)
#define MAX_BYTES          (1u << 30)
#define MAX_DEPTH          (1u << 16)
/* Bytes by which a payload may grow when it is closed or wrapped to find out what is wrong. */
#define SCRATCH_SLACK      16
/* Bytes of an unreadable time that an error text shows. */
#define SHOWN_MAX          40

struct decoder {
    struct decode_limits limits;
    struct extract extract;
    uint8_t *closers;
    const char *payload; /* what offsets in error texts count from */
    enum decode_time_form time_form;
    char problem[256];
};

const char *decode_reason_name(enum decode_reason reason) {
    static const char *const names[DECODE_REASONS] = {
        [DECODE_OK] = "ok",
        [DECODE_EMPTY] = "empty",
        [DECODE_NOT_JSON] = "not-json",
        [DECODE_NOT_OBJECT] = "not-object",
        [DECODE_BAD_UTF8] = "bad-utf8",
        [DECODE_TOO_DEEP] = "too-deep",
        [DECODE_TOO_LARGE] = "too-large",
        [DECODE_NO_SYMBOL] = "no-symbol",
        [DECODE_SYMBOL_TOO_LONG] = "symbol-too-long",
        [DECODE_NON_FINITE] = "non-finite",
        [DECODE_NO_TIME] = "no-time",
        [DECODE_TOO_MANY_SYMBOLS] = "too-many-symbols",
    };
    return (unsigned)reason < DECODE_REASONS ? names[reason] : "unknown";
}

static bool check_limits(const struct decode_limits *limits, struct error *error) {
    if (limits->max_bytes == 0 || limits->max_bytes > MAX_BYTES)
        return error_set(error, ERROR_INVALID,
                         "the message size limit is %u bytes; it must be 1 to %u",
                         limits->max_bytes, MAX_BYTES);
    if (limits->max_depth == 0 || limits->max_depth > MAX_DEPTH)
        return error_set(error, ERROR_INVALID, "the message depth limit is %u; it must be 1 to %u",
                         limits->max_depth, MAX_DEPTH);
    if (limits->max_symbol == 0)
        return error_set(error, ERROR_INVALID,
                         "the symbol length limit is 0; it must be at least 1 byte");
    return true;
}

struct decoder *decoder_new(const struct projection *projection, const struct decode_limits *limits,
                            struct error *error) {
    const struct trie *trie = projection_trie(projection);
    if (trie == NULL) {
        error_set(error, ERROR_STATE, "a decoder needs a sealed projection");
        return NULL;
    }
    if (!check_limits(limits, error))
        return NULL;
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL)
        goto failed;
    decoder->limits = *limits;
    decoder->closers = malloc(limits->max_depth);
    if (decoder->closers == NULL || !extract_init(&decoder->extract, trie, limits->max_depth,
                                                  (size_t)limits->max_bytes + SCRATCH_SLACK))
        goto failed;
    return decoder;

failed:
    decoder_free(decoder);
    error_set_memory(error, "a decoder");
    return NULL;
}

void decoder_free(struct decoder *decoder) {
    if (decoder == NULL)
        return;
    extract_release(&decoder->extract);
    free(decoder->closers);
    free(decoder);
}

const char *decoder_error(const struct decoder *decoder) {
    return decoder->problem;
}

static enum decode_reason explain(struct decoder *decoder, enum decode_reason reason,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum decode_reason explain(struct decoder *decoder, enum decode_reason reason,
                                  const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(decoder->problem, sizeof decoder->problem, format, args);
    va_end(args);
    return reason;
}

static struct scan new_scan(const struct decoder *decoder, const char *end) {
    return (struct scan){.end = end,
                         .closers = decoder->closers,
                         .max_depth = decoder->limits.max_depth,
                         .refuses_non_finite =
                             decoder->limits.non_finite == DECODE_NON_FINITE_REJECT};
}

static enum decode_reason explain_scan(struct decoder *decoder, const struct scan *scan,
                                       size_t offset) {
    return explain(decoder, scan->reason, "byte %zu: %s", offset, scan->what);
}

/*
 * The payload does not begin with '{' or does not end with '}', so it is bad; this finds out why.
 * Objects and arrays that are not closed get the sentinel that a scan needs; anything else is
 * scanned as the only element of an array.
 */
static enum decode_reason diagnose(struct decoder *decoder, const char *begin, const char *end) {
    const size_t offset = (size_t)(begin - decoder->payload);
    const size_t size = (size_t)(end - begin);
    const bool is_bracket = *begin == '{' || *begin == '[';
    char *copy = decoder->extract.scratch;
    char *to = copy;
    if (!is_bracket)
        *to++ = '[';
    const char *text = to;
    memcpy(to, begin, size);
    to += size;
    *to++ = ' '; /* so that a number does not run into the sentinel unnoticed */
    *to++ = *copy == '{' ? '}' : ']';

    struct scan scan = new_scan(decoder, to);
    const char *behind = scan_skip(&scan, text, is_bracket ? 0 : 1);
    const char *text_end = text + size;
    if (behind == NULL && scan.at < text_end)
        return explain_scan(decoder, &scan, offset + (size_t)(scan.at - text));
    if (behind == NULL || behind > text_end)
        return explain(decoder, DECODE_NOT_JSON, "byte %zu: the text ends too early",
                       offset + size);
    if (behind < text_end) {
        behind = scan_space(behind);
        scan_fail_grammar(&scan, behind, "text after the value");
        return explain_scan(decoder, &scan, offset + (size_t)(behind - text));
    }
    return explain(decoder, DECODE_NOT_OBJECT, "a JSON value, but not an object");
}

static enum decode_reason scan_payload(struct decoder *decoder, const struct record *record,
                                       uint32_t *warnings) {
    const char *begin = record->payload;
    const char *end = record->payload + record->payload_size;
    if (!scan_trim(&begin, &end))
        return explain(decoder, DECODE_NOT_JSON, "only white space");
    if (*begin != '{' || end[-1] != '}')
        return diagnose(decoder, begin, end);
    struct scan scan = new_scan(decoder, end);
    const char *behind = extract_run(&decoder->extract, &scan, begin, record->topic);
    if (behind != NULL && behind != end)
        behind = scan_fail_grammar(&scan, scan_space(behind), "text after the object");
    if (behind == NULL)
        return explain_scan(decoder, &scan, (size_t)(scan.at - record->payload));
    if (scan.has_non_finite)
        *warnings |= DECODE_WARNING_NON_FINITE;
    return DECODE_OK;
}

/* ---- the envelope: null, wrong type, empty and out of range count as absent ---- */

static bool number_of(const t5_value *value, double *number) {
    if (!t5_value_is_number(value) || !isfinite(value->number))
        return false;
    *number = value->number;
    return true;
}

static bool integer_of_digits(const char *text, uint32_t length, int64_t *integer) {
    if (length == 0)
        return false;
    *integer = 0;
    for (uint32_t i = 0; i < length; i++) {
        const char c = text[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(*integer, 10, integer) ||
            __builtin_add_overflow(*integer, c - '0', integer))
            return false;
    }
    return true;
}

/* An integer, a double without a fraction, or a text of digits. */
static bool integer_of(const t5_value *value, int64_t *integer) {
    switch (value->type) {
    case T5_VALUE_INTEGER:
        *integer = value->integer;
        return true;
    case T5_VALUE_NUMBER:
        if (!(fabs(value->number) < 0x1p63) || value->number != trunc(value->number))
            return false;
        *integer = (int64_t)value->number;
        return true;
    case T5_VALUE_TEXT:
        return integer_of_digits(value->text, value->length, integer);
    default:
        return false;
    }
}

/* ISO-8601 text, or an epoch number in any unit, also as text. */
static bool time_of(const t5_value *value, struct time_zone zone, int64_t *time_ns) {
    switch (value->type) {
    case T5_VALUE_INTEGER:
        return unix_time_read(value->integer, time_ns);
    case T5_VALUE_NUMBER:
        return unix_time_read_double(value->number, time_ns);
    case T5_VALUE_TEXT:
        return time_text_parse(value->text, value->length, zone, time_ns) ||
               unix_time_read_text(value->text, value->length, time_ns);
    default:
        return false;
    }
}

static enum decode_time_form form_of(const t5_value *value) {
    static const enum decode_time_form forms[] = {
        [TIME_TEXT_WITHOUT_ZONE] = DECODE_TIME_WITHOUT_ZONE,
        [TIME_TEXT_DATE] = DECODE_TIME_DATE,
        [TIME_TEXT_NO_SUCH] = DECODE_TIME_NO_SUCH,
        [TIME_TEXT_OTHER] = DECODE_TIME_TEXT,
    };
    if (value->type == T5_VALUE_TEXT)
        return forms[time_text_form(value->text, value->length)];
    return t5_value_is_number(value) ? DECODE_TIME_NUMBER : DECODE_TIME_TYPE;
}

/* The value, cut if it is too long to be a time, and without what would break a log line. */
static void show_value(const t5_value *value, char *out, size_t size) {
    if (value->type == T5_VALUE_INTEGER) {
        snprintf(out, size, "%lld", (long long)value->integer);
    } else if (value->type == T5_VALUE_NUMBER) {
        snprintf(out, size, "%.17g", value->number);
    } else if (value->type == T5_VALUE_BOOLEAN) {
        snprintf(out, size, "%s", value->integer != 0 ? "true" : "false");
    } else {
        char text[SHOWN_MAX + 1];
        uint32_t length = 0;
        for (; length < value->length && length < SHOWN_MAX; length++) {
            const char c = value->text[length];
            text[length] = c >= ' ' && c < 0x7F ? c : '?';
        }
        text[length] = '\0';
        snprintf(out, size, value->type == T5_VALUE_TEXT ? "\"%s%s\"" : "%s%s", text,
                 length < value->length ? "..." : "");
    }
}

/* An event time is there, and unreadable. */
static __attribute__((noinline)) void note_unreadable(struct decoder *decoder,
                                                      const t5_value *value, const char *name,
                                                      t5_message *message, uint32_t *warnings) {
    static const char *const forms[DECODE_TIME_FORMS] = {
        [DECODE_TIME_WITHOUT_ZONE] = "ISO 8601 without a zone (set [decode] time_zone)",
        [DECODE_TIME_DATE] = "a date without a time",
        [DECODE_TIME_NO_SUCH] = "not an existing date and time in the years 1678 to 2261",
        [DECODE_TIME_TEXT] = "neither ISO 8601 nor an epoch number",
        [DECODE_TIME_NUMBER] = "not an epoch number of seconds, ms, us or ns",
        [DECODE_TIME_TYPE] = "neither text nor a number",
    };
    char shown[SHOWN_MAX + 8];
    show_value(value, shown, sizeof shown);
    decoder->time_form = form_of(value);
    explain(decoder, DECODE_OK, "%s %s is unreadable: it is %s", name, shown,
            forms[decoder->time_form]);
    message->flags |= T5_MESSAGE_TIME_SUSPECT;
    *warnings |= DECODE_WARNING_UNREADABLE_TIME;
}

static __attribute__((noinline)) bool take_rare_time(struct decoder *decoder, const t5_value *value,
                                                     const char *name, t5_message *message,
                                                     uint32_t *warnings) {
    if (time_of(value, decoder->limits.zone, &message->event_time_ns))
        return true;
    if (value->type != T5_VALUE_NULL) /* an empty text is there, but no time */
        note_unreadable(decoder, value, name, message, warnings);
    return false;
}

/* Takes the event time from this value. False if it is absent or unreadable. */
static inline bool take_time(struct decoder *decoder, enum envelope_slot slot, const char *name,
                             t5_message *message, uint32_t *warnings) {
    const t5_value *value = &decoder->extract.cells[slot];
    if (value->type == T5_VALUE_MISSING)
        return false;
    if (value->type == T5_VALUE_INTEGER && unix_time_read(value->integer, &message->event_time_ns))
        return true;
    return take_rare_time(decoder, value, name, message, warnings);
}

/* Whether the event time is close enough to Kafka's that both may be right. */
static bool is_plausible(const struct decode_limits *limits, const t5_message *message) {
    int64_t lead_ns;
    return !__builtin_sub_overflow(message->event_time_ns, message->kafka_time_ns, &lead_ns) &&
           lead_ns <= limits->max_event_lead_ns && lead_ns >= -limits->max_event_lag_ns;
}

static enum decode_reason fill_symbol(struct decoder *decoder, const struct record *record,
                                      t5_message *message, uint32_t *warnings) {
    const t5_value *symbol = &decoder->extract.cells[ENVELOPE_SYMBOL];
    const bool has_key = record->key != NULL && record->key_size > 0;
    if (symbol->type == T5_VALUE_TEXT && symbol->length > 0) {
        message->symbol = (t5_str){symbol->text, symbol->length};
        if (has_key && (record->key_size != symbol->length ||
                        memcmp(record->key, symbol->text, symbol->length) != 0))
            *warnings |= DECODE_WARNING_KEY_DIFFERS;
    } else if (has_key) {
        if (!text_is_utf8(record->key, record->key_size))
            return explain(
                decoder, DECODE_BAD_UTF8,
                "no \"symbol\", and the key (%zu bytes), which would be used instead, is not "
                "UTF-8",
                record->key_size);
        message->symbol = (t5_str){record->key, record->key_size};
    } else {
        return explain(decoder, DECODE_NO_SYMBOL, "neither a \"symbol\" nor a key");
    }
    if (message->symbol.len > decoder->limits.max_symbol)
        return explain(decoder, DECODE_SYMBOL_TOO_LONG,
                       "the symbol has %zu bytes; at most %u are allowed", message->symbol.len,
                       decoder->limits.max_symbol);
    return DECODE_OK;
}

static enum decode_reason fail_without_time(struct decoder *decoder, uint32_t warnings) {
    if ((warnings & DECODE_WARNING_UNREADABLE_TIME) != 0)
        return DECODE_NO_TIME; /* the error text is about that time */
    return explain(decoder, DECODE_NO_TIME,
                   "neither publishTime.take5Time, nor \"timestamp\", nor a timestamp of the "
                   "record");
}

static enum decode_reason fill_time(struct decoder *decoder, const struct record *record,
                                    t5_message *message, uint32_t *warnings) {
    const bool has_kafka_time =
        record->kafka_time_ms != RECORD_NO_TIME &&
        !__builtin_mul_overflow(record->kafka_time_ms, NS_PER_MILLISECOND, &message->kafka_time_ns);
    if (has_kafka_time)
        message->flags |= T5_MESSAGE_HAS_KAFKA_TIME;
    else
        message->kafka_time_ns = 0;

    if (!take_time(decoder, ENVELOPE_TIME, "publishTime.take5Time", message, warnings) &&
        !take_time(decoder, ENVELOPE_TIME_OTHER, "PublishTime.take5Time", message, warnings) &&
        !take_time(decoder, ENVELOPE_TIMESTAMP, "\"timestamp\"", message, warnings)) {
        message->event_time_ns = message->kafka_time_ns;
        return has_kafka_time ? DECODE_OK : fail_without_time(decoder, *warnings);
    }
    message->flags |= T5_MESSAGE_HAS_EVENT_TIME;
    if (has_kafka_time && !is_plausible(&decoder->limits, message)) {
        message->flags |= T5_MESSAGE_TIME_SUSPECT;
        *warnings |= DECODE_WARNING_SUSPECT_TIME;
    }
    return DECODE_OK;
}

static inline void fill_number(t5_message *message, uint32_t flag, double *member,
                               const t5_value *first, const t5_value *second) {
    if (number_of(first, member) || (second != NULL && number_of(second, member)))
        message->flags |= flag;
    else
        *member = (double)NAN;
}

static void fill_bar(const t5_value *cells, t5_message *message) {
    int64_t time_frame;
    message->time_frame_s = 0;
    if (integer_of(&cells[ENVELOPE_TIME_FRAME], &time_frame) && time_frame > 0 &&
        time_frame <= UINT32_MAX) {
        message->time_frame_s = (uint32_t)time_frame;
        message->flags |= T5_MESSAGE_HAS_TIME_FRAME;
    }
    fill_number(message, T5_MESSAGE_HAS_PRICE, &message->price, &cells[ENVELOPE_CLOSE],
                &cells[ENVELOPE_PRICE]);
    fill_number(message, T5_MESSAGE_HAS_VOLUME, &message->volume, &cells[ENVELOPE_BAR_VOLUME],
                &cells[ENVELOPE_VOLUME]);
    fill_number(message, T5_MESSAGE_HAS_OPEN, &message->open, &cells[ENVELOPE_OPEN], NULL);
    fill_number(message, T5_MESSAGE_HAS_HIGH, &message->high, &cells[ENVELOPE_HIGH], NULL);
    fill_number(message, T5_MESSAGE_HAS_LOW, &message->low, &cells[ENVELOPE_LOW], NULL);
    fill_number(message, T5_MESSAGE_HAS_CLOSE, &message->close, &cells[ENVELOPE_CLOSE], NULL);
}

enum decode_time_form decoder_time_form(const struct decoder *decoder) {
    return decoder->time_form;
}

enum decode_reason decoder_decode(struct decoder *decoder, const struct record *record,
                                  t5_message *message, uint32_t *warnings) {
    *warnings = 0;
    decoder->payload = record->payload;
    extract_reset(&decoder->extract);
    if (record->payload == NULL || record->payload_size == 0)
        return explain(decoder, DECODE_EMPTY, "no payload");
    if (record->payload_size > decoder->limits.max_bytes)
        return explain(decoder, DECODE_TOO_LARGE, "%zu bytes; at most %u are allowed",
                       record->payload_size, decoder->limits.max_bytes);
    enum decode_reason reason = scan_payload(decoder, record, warnings);
    if (reason != DECODE_OK)
        return reason;

    message->size = (uint32_t)sizeof *message;
    message->flags = record->key != NULL ? T5_MESSAGE_HAS_KEY : 0;
    message->partition = record->partition;
    message->offset = record->offset;
    message->reserved = 0;
    message->slots = decoder->extract.cells;
    message->key = (t5_str){record->key, record->key != NULL ? record->key_size : 0};
    message->payload = (t5_str){record->payload, record->payload_size};
    fill_bar(decoder->extract.cells, message);
    reason = fill_symbol(decoder, record, message, warnings);
    if (reason != DECODE_OK)
        return reason;
    decoder->problem[0] = '\0';
    return fill_time(decoder, record, message, warnings);
}
