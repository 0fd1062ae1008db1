/*
 * base/text.h - a growable byte buffer that is always NUL-terminated.
 *
 * Invariants: data is never NULL; data[size] is NUL; size < capacity unless nothing was ever
 * appended. When memory runs out the text stays as it was and `is_oom` is set: append freely,
 * test once at the end with text_is_oom().
 */
#ifndef TAKE5_BASE_TEXT_H
#define TAKE5_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data;
    size_t size;
    size_t capacity;
    bool is_oom;
};

void text_init(struct text *text);
void text_release(struct text *text);
/* Empties it and keeps the memory. */
void text_reset(struct text *text);
/* Gives the buffer to the caller (free it with free()) and starts empty again; NULL when memory ran
 * out.
 */
char *text_take(struct text *text);
bool text_is_oom(const struct text *text);
/* Room for so many bytes in all, as far as there is memory: only what goes beyond needs some. It is
 * written to, so that no page of it is met for the first time later. */
void text_reserve(struct text *text, size_t size);

/* Where `most` more bytes may be written, and then some of them made part of the text; NULL: no
 * memory. */
char *text_room(struct text *text, size_t most);
void text_extend(struct text *text, size_t size);

void text_append(struct text *text, const void *data, size_t size);
void text_puts(struct text *text, const char *string);
void text_putc(struct text *text, char c);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Length of the UTF-8 character at `data` (1 to 4), or 0 when none begins there. */
size_t text_utf8_length(const char *data, size_t size);
bool text_is_utf8(const char *data, size_t size);

/*
 * For people: what could steer a terminal, or make a text look like another, becomes visible.
 * Control characters and bytes that are not UTF-8 are written as \n, \r, \t and \xNN; C1 controls,
 * marks that turn the direction of writing, and characters that have no sight, as \uNNNN (beyond
 * U+FFFF: \u{NNNNN}). text_visible_lines() lets line breaks and tabs pass, for what has lines of
 * its own.
 */
void text_visible(struct text *text, const char *data, size_t size);
void text_visible_lines(struct text *text, const char *data, size_t size);

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD; what text_visible() makes
 * visible is escaped, and reads back as it was. */
void text_json_string(struct text *text, const char *data, size_t size);
/* A JSON number that reads back as the same double, in the shortest form; null unless finite. */
void text_json_number(struct text *text, double number);
void text_json_integer(struct text *text, int64_t number);
void text_json_unsigned(struct text *text, uint64_t number);
/* Standard base64 with padding. */
void text_base64(struct text *text, const void *data, size_t size);
/* "2024-06-17T21:15:30.123Z", milliseconds, UTC. */
void text_time_ns(struct text *text, int64_t time_ns);

/* What a noun needs behind a number: "%zu signal%s". */
const char *text_plural(uint64_t count);

/* Copies that give NULL when memory runs out; free with free(). */
char *text_dup(const char *data, size_t size);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *text_vformat(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
