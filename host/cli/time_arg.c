#include "cli/time_arg.h"

#include "base/array.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/cli.h"
#include "config/text/quotes.h"
#include "message/time_text.h"
#include "message/unix_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1990-01-01T00:00:00Z. */
#define EARLIEST_NUMBER_NS (INT64_C(631152000) * NS_PER_S)

/* Why the text is not a time, as far as that is known. */
static const char *reason(const char *text) {
    int64_t number;
    if (parse_integer(text, &number))
        return "an epoch number of seconds, milliseconds, microseconds or nanoseconds starts at "
               "100000000 (1973)";
    switch (time_text_form(text, strlen(text))) {
    case TIME_TEXT_WITHOUT_ZONE:
        return "the zone is missing: add Z for UTC, or an offset such as +02:00";
    case TIME_TEXT_DATE:
        return "the time is missing: add T00:00:00Z for the start of the day in UTC";
    case TIME_TEXT_NO_SUCH:
        return "no such date or time in the years 1678 to 2261";
    case TIME_TEXT_OTHER:
        break;
    }
    return "must be a time such as 2024-06-17T21:15:30Z, or an epoch number";
}

/* The time that the digits of a date make: YYYYMMDD, with hh, hhmm or hhmmss behind them; in UTC.
 * Ten of them could be epoch seconds too, of 2033 and later. False: there is no such time from 1990
 * to 2099. */
static bool read_date(const char *text, char iso[32]) {
    static const struct time_zone no_zone = {0};
    const size_t size = strlen(text);
    int64_t time_ns;
    if (size < 8 || size > 14 || size % 2 != 0 || strspn(text, "0123456789") != size ||
        strncmp(text, "1990", 4) < 0 || strncmp(text, "2100", 4) >= 0)
        return false;
    snprintf(iso, 32, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6,
             size > 8 ? text + 8 : "00", size > 10 ? text + 10 : "00",
             size > 12 ? text + 12 : "00");
    return time_text_parse(iso, strlen(iso), no_zone, &time_ns);
}

/* Numbers that are times long ago are rather something else. */
static bool refuse_early(const char *option, const char *text, int64_t time_ns) {
    struct text taken;
    text_init(&taken);
    text_time_ns(&taken, time_ns);
    if (time_ns < -EARLIEST_NUMBER_NS)
        print_err("%s %s: as an epoch number that is %s; probably meant: %s", option, text,
                  taken.data, text + 1);
    else
        print_err(
            "%s %s: as an epoch number that is %s, before 1990; if that is meant, write it that "
            "way",
            option, text, taken.data);
    text_release(&taken);
    return false;
}

bool parse_time_arg(const char *option, const char *text, int64_t *time_ns) {
    static const struct time_zone no_zone = {0};
    const size_t size = strlen(text);
    char date[32];
    if (time_text_parse(text, size, no_zone, time_ns))
        return true;
    if (read_date(text, date)) {
        print_err("%s %s: the digits of a date are not a time; probably meant: %s", option, text,
                  date);
        return false;
    }
    if (unix_time_read_text(text, size, time_ns))
        return *time_ns >= EARLIEST_NUMBER_NS || refuse_early(option, text, *time_ns);
    print_err("%s %s: %s", option, text, reason(text));
    return false;
}

bool check_span(int64_t from_ns, int64_t until_ns) {
    if (from_ns < until_ns)
        return true;
    print_err("--from must be before --until");
    return false;
}

bool check_quotes(const char *option, const char *value, bool is_list) {
    struct text meant;
    if (!quotes_in(value, is_list))
        return true;
    text_init(&meant);
    quotes_meant(value, &meant);
    print_err("%s %s: write the value without quotes, they would be part of it; probably meant: %s",
              option, value, text_is_oom(&meant) ? "" : meant.data);
    text_release(&meant);
    return false;
}

bool csv_arg_add(struct csv_arg *words, const char *option, const char *text) {
    if (!check_quotes(option, text, true))
        return false;
    for (const char *from = text;; from++) {
        const char *to = strchrnul(from, ',');
        if (to == from) {
            print_err("%s %s: must be names separated by commas", option, text);
            return false;
        }
        char *word = ARRAY_RESIZE(words->items, words->count + 1)
                         ? text_dup(from, (size_t)(to - from))
                         : NULL;
        if (word == NULL) {
            print_err("out of memory");
            return false;
        }
        words->items[words->count++] = word;
        if (*to == '\0')
            return true;
        from = to;
    }
}

void csv_arg_release(struct csv_arg *words) {
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct csv_arg){0};
}
