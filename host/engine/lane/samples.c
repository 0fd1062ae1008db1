#include "engine/lane/samples.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

bool samples_init(struct samples *samples, size_t capacity) {
    memset(samples, 0, sizeof *samples);
    samples->records = calloc(capacity > 0 ? capacity : 1, sizeof *samples->records);
    samples->capacity = capacity;
    return samples->records != NULL;
}

void samples_release(struct samples *samples) {
    for (size_t i = 0; i < samples->count; i++)
        free((char *)samples->records[i].payload);
    free(samples->records);
    memset(samples, 0, sizeof *samples);
}

/* Payload and key in one block, which `payload` points to. */
static bool copy_record(struct record *to, const struct record *from) {
    char *block = malloc(from->payload_size + from->key_size + 1);
    if (block == NULL)
        return false;
    if (from->payload_size > 0)
        memcpy(block, from->payload, from->payload_size);
    if (from->key_size > 0)
        memcpy(block + from->payload_size, from->key, from->key_size);
    *to = *from;
    to->payload = block;
    to->key = from->key != NULL ? block + from->payload_size : NULL;
    to->handle = NULL;
    return true;
}

/* Takes over the copy. */
static void keep(struct samples *samples, const struct record *copy) {
    if (samples->count == samples->capacity)
        free((char *)samples->records[samples->next].payload);
    else
        samples->count++;
    samples->records[samples->next] = *copy;
    samples->next = (samples->next + 1) % samples->capacity;
}

void samples_add(struct samples *samples, const struct record *record) {
    struct record copy;
    if (samples->capacity > 0 && copy_record(&copy, record))
        keep(samples, &copy);
}

/* The sample of that age; 0: the oldest. */
static struct record *by_age(const struct samples *samples, size_t age) {
    const size_t oldest = samples->count < samples->capacity ? 0 : samples->next;
    return &samples->records[(oldest + age) % samples->capacity];
}

void samples_exchange(struct samples *a, struct samples *b) {
    const struct samples was = *a;
    *a = *b;
    *b = was;
}

void samples_join(struct samples *older, struct samples *newer) {
    for (size_t age = 0; age < newer->count; age++)
        keep(older, by_age(newer, age));
    newer->count = newer->next = 0;
}

bool samples_list(const struct samples *samples, struct record **records, size_t *count) {
    if (!ARRAY_RESIZE(*records, *count + samples->count + 1))
        return false;
    for (size_t age = 0; age < samples->count; age++)
        (*records)[(*count)++] = *by_age(samples, age);
    return true;
}
