/*
 * base/format/json_writer.h - JSON, written from left to right into a text: the writer sets the
 * commas.
 *
 *     struct json_writer json = json_writer_of(&text);
 *     json_begin_object(&json, NULL);
 *     json_text(&json, "name", name);
 *     json_begin_array(&json, "faults");
 *     json_text(&json, NULL, fault);
 *     json_end_array(&json);
 *     json_end_object(&json);
 *
 * Each call takes the name of the member, or NULL where there is none: in an array, and for the
 * whole value. What begins must end; nothing checks that. Memory that runs out shows in the text.
 */
#ifndef TAKE5_BASE_FORMAT_JSON_WRITER_H
#define TAKE5_BASE_FORMAT_JSON_WRITER_H

#include "base/text.h"

struct json_writer {
    struct text *text;
    bool is_more; /* the next value comes behind another one */
};

/* A value begins at the text's end. */
struct json_writer json_writer_of(struct text *text);

void json_begin_object(struct json_writer *json, const char *name);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json, const char *name);
void json_end_array(struct json_writer *json);

/* As text_json_string(); NULL is null. */
void json_text(struct json_writer *json, const char *name, const char *value);
void json_bytes(struct json_writer *json, const char *name, const char *data, size_t size);
void json_integer(struct json_writer *json, const char *name, int64_t value);
void json_unsigned(struct json_writer *json, const char *name, uint64_t value);
/* As text_json_number(). */
void json_number(struct json_writer *json, const char *name, double value);
/* A finite number with so many decimals. */
void json_fixed(struct json_writer *json, const char *name, double value, int decimals);
void json_bool(struct json_writer *json, const char *name, bool value);

/* For a value that is written otherwise: the caller appends exactly one to the text that it gets.
 */
struct text *json_value(struct json_writer *json, const char *name);

#endif
