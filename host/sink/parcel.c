#include "sink/sink.h"

#include <stdlib.h>
#include <string.h>

/* Where the next piece of a parcel's block goes. */
struct packer {
    char *at;
};

/* NULL stays NULL; what is copied gets a NUL behind it. */
static const char *pack(struct packer *packer, const char *data, size_t size) {
    if (!data)
        return NULL;
    char *copy = packer->at;
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    packer->at += size + 1;
    return copy;
}

static const char *pack_string(struct packer *packer, const char *string) {
    return pack(packer, string, string ? strlen(string) : 0);
}

static size_t string_room(const char *string) {
    return string ? strlen(string) + 1 : 0;
}

static size_t parcel_room(const struct parcel *like) {
    size_t size = sizeof *like + like->header_count * sizeof *like->headers;
    size += like->key_size + 1 + like->value_size + 1;
    size += string_room(like->line) + string_room(like->deployment);
    for (size_t i = 0; i < like->header_count; i++)
        size += strlen(like->headers[i].name) + 1 + like->headers[i].value_size + 1;
    return size;
}

struct parcel *parcel_new(const struct parcel *like) {
    struct parcel *parcel = malloc(parcel_room(like));
    if (!parcel)
        return NULL;
    struct parcel_header *headers = (struct parcel_header *)(parcel + 1);
    struct packer packer = {(char *)(headers + like->header_count)};

    parcel->kind = like->kind;
    atomic_init(&parcel->references, 1);
    atomic_init(&parcel->unconfirmed, like->unconfirmed);
    parcel->key = pack(&packer, like->key, like->key_size);
    parcel->key_size = like->key_size;
    parcel->value = pack(&packer, like->value, like->value_size);
    parcel->value_size = like->value_size;
    parcel->time_ms = like->time_ms;
    for (size_t i = 0; i < like->header_count; i++) {
        const struct parcel_header *header = &like->headers[i];
        headers[i].name = pack_string(&packer, header->name);
        headers[i].value = pack(&packer, header->value, header->value_size);
        headers[i].value_size = header->value_size;
    }
    parcel->headers = headers;
    parcel->header_count = like->header_count;
    parcel->line = pack_string(&packer, like->line);
    parcel->deployment = pack_string(&packer, like->deployment);
    parcel->done = like->done;
    parcel->owner = like->owner;
    parcel->owner_word = like->owner_word;
    return parcel;
}

void parcel_retain(struct parcel *parcel) {
    atomic_fetch_add_explicit(&parcel->references, 1, memory_order_relaxed);
}

void parcel_release(struct parcel *parcel) {
    if (atomic_fetch_sub_explicit(&parcel->references, 1, memory_order_acq_rel) == 1)
        free(parcel);
}

void parcel_confirm(struct parcel *parcel) {
    if (atomic_fetch_sub_explicit(&parcel->unconfirmed, 1, memory_order_acq_rel) == 1 &&
        parcel->done)
        parcel->done(parcel);
}
