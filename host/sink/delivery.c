#include "sink/dead_letter.h"
#include "sink/queue.h"
#include "sink/sink.h"

#include "base/blocks.h"
#include "base/clock.h"
#include "base/copy.h"
#include "base/signal_names.h"

#include <stdlib.h>
#include <string.h>

/* About how much a signal's text takes in addition to the signal's own characters: the constant
 * part, and for each value. */
#define TEXT_BYTES       480
#define TEXT_VALUE_BYTES 24
/* Enough for most ids. */
#define ID_BYTES         64

/* ---- one block ---- */

/* Where the next piece of a delivery's block goes. */
struct packer {
    char *at;
};

/* Returns the copy, ended by a NUL. */
static const char *pack(struct packer *packer, const char *data, size_t size) {
    char *packed = packer->at;
    copy_bytes(packed, data, size);
    packed[size] = '\0';
    packer->at += size + 1;
    return packed;
}

static const char *pack_or_null(struct packer *packer, const char *data, size_t size) {
    return data != NULL ? pack(packer, data, size) : NULL;
}

static const char *pack_string(struct packer *packer, const char *string) {
    return string != NULL ? pack(packer, string, strlen(string)) : NULL;
}

static t5_str pack_span(struct packer *packer, t5_str span) {
    return (t5_str){pack(packer, span.data, span.len), span.len};
}

static size_t string_room(const char *string) {
    return string != NULL ? strlen(string) + 1 : 0;
}

/* Allocates room for it, for an entry of each sink, and for this many bytes after them. */
static struct delivery *allocate(const struct delivery *like, size_t room) {
    const size_t size =
        sizeof(struct delivery) + like->unconfirmed * sizeof(struct sink_entry) + room;
    struct delivery *delivery = block_take(like->blocks, size);
    if (delivery == NULL)
        return NULL;
    delivery->entries = (struct sink_entry *)(delivery + 1);
    delivery->entry_count = 0;
    delivery->bytes = size;
    return delivery;
}

static void *behind_entries(const struct delivery *delivery, const struct delivery *like) {
    return delivery->entries + like->unconfirmed;
}

/* ---- from a signal ---- */

static size_t names_room(const struct signal *like) {
    if (like->names != NULL)
        return like->names->size;
    size_t size = like->name.len + 1;
    for (uint32_t i = 0; i < like->value_count; i++)
        size += like->named[i].name.len + 1;
    return size;
}

static size_t values_room(const struct signal *like) {
    size_t size = like->value_count * sizeof *like->values;
    for (uint32_t i = 0; i < like->value_count; i++)
        if (like->named[i].value.type == T5_VALUE_TEXT)
            size += (size_t)like->named[i].value.length + 1;
    return size;
}

static size_t signal_room(const struct signal *like) {
    return sizeof *like + names_room(like) + values_room(like) + like->symbol.len + like->data.len +
           like->deployment.len + like->strategy.len + like->version.len + like->origin.len +
           like->topic.len + 7; /* their NULs */
}

/* The signal's name, then those of its values, each ended by a NUL. */
static const char *pack_names(struct packer *packer, const struct signal *like) {
    const struct signal_names *names = like->names;
    const char *block = packer->at;
    if (names != NULL) {
        memcpy(packer->at, names->bytes, names->size);
        packer->at += names->size;
        return block;
    }
    pack_span(packer, like->name);
    for (uint32_t i = 0; i < like->value_count; i++)
        pack_span(packer, like->named[i].name);
    return block;
}

static void pack_values(struct packer *packer, const struct signal *like,
                        struct signal_value *values) {
    const t5_named_value *named = like->named;
    const uint32_t count = like->value_count;
    size_t name_at = like->name.len + 1;
    for (uint32_t i = 0; i < count; i++) {
        const t5_value *given = &named[i].value;
        struct signal_value value = {.integer = given->integer,
                                     .name_at = (uint16_t)name_at,
                                     .name_size = (uint8_t)named[i].name.len,
                                     .type = (uint8_t)given->type};
        if (given->type == T5_VALUE_NUMBER) {
            value.number = given->number;
        } else if (given->type == T5_VALUE_TEXT) {
            value.text = pack(packer, given->text, given->length);
            value.length = given->length;
        }
        values[i] = value;
        name_at += named[i].name.len + 1;
    }
}

/* At `at`, which is aligned for it. */
static const struct signal *pack_signal(void *at, const struct signal *like) {
    struct signal *signal = at;
    struct signal_value *values = (struct signal_value *)(signal + 1);
    struct packer packer = {(char *)(values + like->value_count)};
    *signal = *like;
    signal->named = NULL;
    signal->values = values;
    signal->names = NULL;
    pack_values(&packer, like, values);
    signal->name.data = pack_names(&packer, like);
    signal->symbol = pack_span(&packer, like->symbol);
    signal->data = pack_span(&packer, like->data);
    signal->deployment = pack_span(&packer, like->deployment);
    signal->strategy = pack_span(&packer, like->strategy);
    signal->version = pack_span(&packer, like->version);
    signal->origin = pack_span(&packer, like->origin);
    signal->topic = pack_span(&packer, like->topic);
    return signal;
}

static size_t text_bytes(const struct signal *like, size_t room) {
    return TEXT_BYTES + room - sizeof *like - like->value_count * sizeof *like->values +
           like->value_count * TEXT_VALUE_BYTES;
}

static struct delivery *new_of_signal(const struct delivery *like) {
    const size_t room = signal_room(like->signal);
    struct delivery *delivery = allocate(like, room);
    if (delivery == NULL)
        return NULL;
    const struct signal *signal = pack_signal(behind_entries(delivery, like), like->signal);
    delivery->signal = signal;
    delivery->key = signal->symbol.data;
    delivery->key_size = signal->symbol.len;
    delivery->time_ms = signal->event_time_ns / NS_PER_MS;
    delivery->deployment = signal->deployment.data;
    delivery->bytes += text_bytes(like->signal, room);
    atomic_init(&delivery->text, NULL);
    return delivery;
}

/* ---- from text ---- */

static size_t given_room(const struct delivery *like, const struct delivery_text *text) {
    size_t size = sizeof *text + text->header_count * sizeof *text->headers;
    size += like->key_size + 1 + text->value_size + 1 + string_room(like->deployment);
    for (size_t i = 0; i < text->header_count; i++)
        size += strlen(text->headers[i].name) + 1 + text->headers[i].value_size + 1;
    return size;
}

static struct delivery *new_of_text(const struct delivery *like, const struct delivery_text *text) {
    const size_t room = given_room(like, text);
    struct delivery *delivery = allocate(like, room);
    if (delivery == NULL)
        return NULL;
    struct delivery_text *own = behind_entries(delivery, like);
    struct delivery_header *headers = (struct delivery_header *)(own + 1);
    struct packer packer = {(char *)(headers + text->header_count)};
    delivery->signal = NULL;
    delivery->key = pack_or_null(&packer, like->key, like->key_size);
    delivery->key_size = like->key_size;
    delivery->time_ms = like->time_ms;
    delivery->deployment = pack_string(&packer, like->deployment);
    for (size_t i = 0; i < text->header_count; i++) {
        const struct delivery_header *header = &text->headers[i];
        headers[i].name = pack_string(&packer, header->name);
        headers[i].value = pack_or_null(&packer, header->value, header->value_size);
        headers[i].value_size = header->value_size;
    }
    own->value = pack_or_null(&packer, text->value, text->value_size);
    own->value_size = text->value_size;
    own->headers = headers;
    own->header_count = text->header_count;
    atomic_init(&delivery->text, own);
    return delivery;
}

/* ---- the text of a signal ---- */

struct signal_text {
    struct delivery_text text;
    struct delivery_header headers[2];
    char id[];
};

static const struct delivery_text *put_together(const struct delivery *delivery, struct text *id,
                                                struct text *json) {
    const struct signal *signal = delivery->signal;
    struct signal_text *made = malloc(sizeof *made + id->size + 1);
    if (made == NULL || text_is_oom(id) || text_is_oom(json)) {
        free(made);
        return NULL;
    }
    memcpy(made->id, id->data, id->size + 1);
    made->headers[0] = (struct delivery_header){DELIVERY_SIGNAL_ID, made->id, id->size};
    made->headers[1] =
        (struct delivery_header){"take5-state-origin", signal->origin.data, signal->origin.len};
    made->text.headers = made->headers;
    made->text.header_count =
        delivery->kind == DELIVERY_SIGNAL ? sizeof made->headers / sizeof *made->headers : 0;
    made->text.value_size = json->size;
    made->text.value = text_take(json);
    return &made->text;
}

/* In one step, and not by doubling. */
static bool make_room(struct text *text, size_t size) {
    text_reserve(text, size);
    return text->capacity > size;
}

static const struct delivery_text *make_text(const struct delivery *delivery) {
    const struct signal *signal = delivery->signal;
    struct text id, json;
    text_init(&id);
    text_init(&json);
    const struct delivery_text *text = NULL;
    if (make_room(&id, ID_BYTES) && make_room(&json, TEXT_BYTES)) {
        signal_write_id(signal, &id);
        if (delivery->kind == DELIVERY_POINT)
            signal_write_point(signal, &json);
        else
            signal_write_json(signal, &id, &json);
        text = put_together(delivery, &id, &json);
    }
    text_release(&id);
    text_release(&json);
    return text;
}

static void free_text(const struct delivery_text *text) {
    if (text == NULL)
        return;
    free((char *)text->value);
    free((struct signal_text *)text); /* whose first member it is */
}

const struct delivery_text *delivery_text(struct delivery *delivery) {
    const struct delivery_text *text = atomic_load_explicit(&delivery->text, memory_order_acquire);
    if (text != NULL)
        return text;
    lock_acquire(&delivery->making, delivery_lock);
    text = atomic_load_explicit(&delivery->text, memory_order_relaxed);
    if (text == NULL) {
        text = make_text(delivery);
        atomic_store_explicit(&delivery->text, text, memory_order_release);
    }
    lock_release(&delivery->making, delivery_lock);
    return text;
}

/* JSON from strategies may have line ends, and points have another text. */
bool delivery_write_once(const struct delivery *delivery, struct text *text) {
    const struct signal *signal = delivery->signal;
    struct text id;
    if (delivery->kind != DELIVERY_SIGNAL || delivery->sinks > 1 || signal == NULL ||
        signal->data.len > 0)
        return false;
    text_init(&id);
    signal_write_id(signal, &id);
    signal_write_json(signal, &id, text);
    text->is_oom |= text_is_oom(&id);
    text_release(&id);
    return true;
}

/* ---- the delivery ---- */

struct delivery *delivery_new(const struct delivery *like) {
    struct delivery *delivery =
        like->signal != NULL ? new_of_signal(like) : new_of_text(like, like->text);
    if (delivery == NULL)
        return NULL;
    delivery->kind = like->kind;
    delivery->blocks = NULL;
    atomic_init(&delivery->references, 1);
    delivery->sinks = like->unconfirmed;
    atomic_init(&delivery->unconfirmed, like->unconfirmed);
    delivery->making = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    delivery->done = like->done;
    delivery->owner = like->owner;
    delivery->owner_word = like->owner_word;
    return delivery;
}

t5_str delivery_id(const struct delivery_text *text) {
    for (size_t i = 0; i < text->header_count; i++) {
        const struct delivery_header *header = &text->headers[i];
        if (strcmp(header->name, DELIVERY_SIGNAL_ID) == 0 ||
            strcmp(header->name, DELIVERY_ALERT_ID) == 0)
            return (t5_str){header->value, header->value_size};
    }
    return (t5_str){"", 0};
}

void delivery_retain(struct delivery *delivery) {
    atomic_fetch_add_explicit(&delivery->references, 1, memory_order_relaxed);
}

void delivery_release(struct delivery *delivery) {
    if (atomic_fetch_sub_explicit(&delivery->references, 1, memory_order_acq_rel) != 1)
        return;
    if (delivery->signal != NULL)
        free_text(delivery->text);
    pthread_mutex_destroy(&delivery->making);
    block_give_back(delivery);
}

void delivery_confirm(struct delivery *delivery) {
    if (atomic_fetch_sub_explicit(&delivery->unconfirmed, 1, memory_order_acq_rel) == 1 &&
        delivery->done)
        delivery->done(delivery);
}
