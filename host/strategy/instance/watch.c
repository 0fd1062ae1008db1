#include "strategy/instance/watch.h"

#include "base/array.h"
#include "base/hash.h"
#include "base/sync/locks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_LARGEST (64u << 10)
/* So many are each eight times as far from the next one as the one before: up to WATCH_STEP. */
#define FIRST_LOOKS    2

LOCK_CLASS(watch_lock);
struct watch {
    pthread_mutex_t lock; /* the owner changes under it, and reads its own without */
    char **fields GUARDED_BY(watch_lock);
    bool *fields_met GUARDED_BY(watch_lock);
    size_t field_count GUARDED_BY(watch_lock), unmet GUARDED_BY(watch_lock);
    bool *parameters_read GUARDED_BY(watch_lock);
    size_t parameter_count GUARDED_BY(watch_lock);
    char wrong[WATCH_WRONG][WATCH_NAME_SIZE] GUARDED_BY(watch_lock);
    size_t wrong_count GUARDED_BY(watch_lock);
    bool is_joined GUARDED_BY(watch_lock);
    struct watch_symbol *symbols GUARDED_BY(watch_lock);
    size_t symbol_count GUARDED_BY(watch_lock), symbol_capacity GUARDED_BY(watch_lock);
    struct text samples[WATCH_SAMPLES] GUARDED_BY(watch_lock);
    size_t sample_count GUARDED_BY(watch_lock);
    bool samples_of[32] GUARDED_BY(watch_lock); /* by topic */
    uint64_t looked GUARDED_BY(watch_lock);
};

/* ---- life ---- */

struct watch *watch_new(size_t parameter_count, bool does_join) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    pthread_mutex_init(&watch->lock, NULL);
    lock_alone(watch_lock);
    watch->parameters_read = calloc(parameter_count + 1, sizeof *watch->parameters_read);
    watch->parameter_count = parameter_count;
    watch->is_joined = !does_join;
    if (watch->parameters_read != NULL)
        return watch;
    watch_free(watch);
    return NULL;
}

void watch_free(struct watch *watch) {
    if (watch == NULL)
        return;
    lock_alone(watch_lock);
    for (size_t i = 0; i < watch->field_count; i++)
        free(watch->fields[i]);
    for (size_t i = 0; i < watch->sample_count; i++)
        text_release(&watch->samples[i]);
    free(watch->fields);
    free(watch->fields_met);
    free(watch->parameters_read);
    free(watch->symbols);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

/* ---- what is wanted ---- */

bool watch_add_field(struct watch *watch, const char *path, size_t size) {
    char *copy = text_dup(path, size);
    lock_alone(watch_lock); /* its strategy is being made */
    if (copy == NULL || !ARRAY_RESIZE(watch->fields, watch->field_count + 1) ||
        !ARRAY_RESIZE(watch->fields_met, watch->field_count + 1)) {
        free(copy);
        return false;
    }
    watch->fields[watch->field_count] = copy;
    watch->fields_met[watch->field_count++] = false;
    watch->unmet++;
    return true;
}

static bool is_to_be_noted(const struct watch *watch, size_t index) {
    lock_only_writer(watch_lock);
    return index < watch->parameter_count && !watch->parameters_read[index];
}

void watch_parameter(struct watch *watch, size_t index) {
    if (!is_to_be_noted(watch, index))
        return;
    lock_acquire(&watch->lock, watch_lock);
    watch->parameters_read[index] = true;
    lock_release(&watch->lock, watch_lock);
}

static bool is_known_wrong(const struct watch *watch, const char *name) {
    lock_only_writer(watch_lock);
    for (size_t i = 0; i < watch->wrong_count; i++) {
        if (strcmp(watch->wrong[i], name) == 0)
            return true;
    }
    return watch->wrong_count == WATCH_WRONG;
}

void watch_wrong_parameter(struct watch *watch, const char *name, size_t size) {
    char copy[WATCH_NAME_SIZE] = "";
    memcpy(copy, name, size < sizeof copy ? size : sizeof copy - 1);
    if (is_known_wrong(watch, copy))
        return;
    lock_acquire(&watch->lock, watch_lock);
    memcpy(watch->wrong[watch->wrong_count++], copy, sizeof copy);
    lock_release(&watch->lock, watch_lock);
}

/* ---- a message ---- */

REQUIRES(watch_lock) static void look_at_fields(struct watch *watch, const t5_message *message) {
    const size_t count =
        watch->field_count < message->field_count ? watch->field_count : message->field_count;
    for (size_t i = 0; message->slots != NULL && i < count; i++) {
        if (watch->fields_met[i] || t5_field(message, (uint32_t)i)->type == T5_VALUE_MISSING)
            continue;
        watch->fields_met[i] = true;
        watch->unmet--;
    }
}

/* Some of each topic, for the names that there are instead. */
REQUIRES(watch_lock) static void take_sample(struct watch *watch, const t5_message *message) {
    if (message->topic >= sizeof watch->samples_of || watch->samples_of[message->topic] ||
        watch->sample_count == WATCH_SAMPLES || message->payload.len > SAMPLE_LARGEST)
        return;
    struct text *sample = &watch->samples[watch->sample_count];
    text_init(sample);
    text_append(sample, message->payload.data, message->payload.len);
    if (text_is_oom(sample)) {
        text_release(sample);
        return;
    }
    watch->sample_count++;
    watch->samples_of[message->topic] = true;
}

/* Where a symbol that is new goes: in the place of the one with the highest hash, if that is above
 * its own and there are enough. */
REQUIRES(watch_lock)
static struct watch_symbol *place_symbol(struct watch *watch, uint64_t hash) {
    if (watch->symbol_count < WATCH_SYMBOLS)
        return ARRAY_GROW(watch->symbols, watch->symbol_count, watch->symbol_capacity)
                   ? &watch->symbols[watch->symbol_count++]
                   : NULL;
    struct watch_symbol *highest = &watch->symbols[0];
    for (size_t i = 1; i < watch->symbol_count; i++) {
        if (watch->symbols[i].hash > highest->hash)
            highest = &watch->symbols[i];
    }
    return highest->hash > hash ? highest : NULL;
}

REQUIRES(watch_lock) static void drop_samples(struct watch *watch) {
    while (watch->sample_count > 0)
        text_release(&watch->samples[--watch->sample_count]);
}

/* NULL: it is none of those that are kept, or there is no memory. */
REQUIRES(watch_lock)
static struct watch_symbol *find_symbol(struct watch *watch, t5_str name) {
    const uint64_t hash = hash_key(name.data, name.len);
    for (size_t i = 0; i < watch->symbol_count; i++) {
        if (watch->symbols[i].hash == hash)
            return &watch->symbols[i];
    }
    struct watch_symbol *symbol = place_symbol(watch, hash);
    if (symbol == NULL)
        return NULL;
    *symbol = (struct watch_symbol){.hash = hash};
    memcpy(symbol->name, name.data,
           name.len < sizeof symbol->name ? name.len : sizeof symbol->name - 1);
    return symbol;
}

/* One of a symbol that came before on another topic ends it. */
REQUIRES(watch_lock) static void look_at_symbol(struct watch *watch, const t5_message *message) {
    struct watch_symbol *symbol = find_symbol(watch, message->symbol);
    if (symbol == NULL)
        return;
    symbol->topics |= message->topic < 32 ? UINT32_C(1) << message->topic : 0;
    watch->is_joined = (symbol->topics & (symbol->topics - 1)) != 0;
    if (!watch->is_joined)
        return;
    free(watch->symbols);
    watch->symbols = NULL;
    watch->symbol_count = 0;
}

static void look(struct watch *watch, const t5_message *message) {
    lock_acquire(&watch->lock, watch_lock);
    watch->looked++;
    look_at_fields(watch, message);
    if (watch->unmet > 0)
        take_sample(watch, message);
    else
        drop_samples(watch);
    if (!watch->is_joined && message->symbol.len > 0)
        look_at_symbol(watch, message);
    lock_release(&watch->lock, watch_lock);
}

static bool is_all_met(const struct watch *watch) {
    lock_only_writer(watch_lock);
    return watch->unmet == 0 && watch->is_joined;
}

uint32_t watch_message(struct watch *watch, const t5_message *message) {
    if (is_all_met(watch))
        return WATCH_NEVER;
    look(watch, message);
    lock_only_writer(watch_lock);
    return watch->looked <= FIRST_LOOKS ? UINT32_C(7) << 3 * (watch->looked - 1) : WATCH_STEP;
}

/* ---- any thread ---- */

void watch_read(struct watch *watch, void (*visit)(void *context, const struct watch_view *view),
                void *context) {
    lock_acquire(&watch->lock, watch_lock);
    struct watch_view view = {
        .looked = watch->looked,
        .field_count = watch->field_count,
        .parameter_count = watch->parameter_count,
        .fields = watch->fields,
        .fields_met = watch->fields_met,
        .parameters_read = watch->parameters_read,
        .is_joined = watch->is_joined,
        .wrong_count = watch->wrong_count,
        .symbol_count = watch->symbol_count,
        .symbols = watch->symbols,
        .sample_count = watch->sample_count,
        .samples = watch->samples,
    };
    memcpy(view.wrong, watch->wrong, sizeof view.wrong);
    visit(context, &view);
    lock_release(&watch->lock, watch_lock);
}
