/* The fields that an instance wants, and where it finds each. */
#include "strategy/instance/instance_private.h"

#include "base/array.h"

#include <string.h>

#define SLOTS_CHUNK 16u

static bool append_slot(struct instance *instance, uint32_t slot, struct error *error) {
    if (instance->field_count % SLOTS_CHUNK == 0) {
        if (!ARRAY_RESIZE(instance->slots, instance->field_count + SLOTS_CHUNK))
            return error_set_memory(error, "fields");
        instance->field_slots = instance->slots;
    }
    instance->slots[instance->field_count++] = slot;
    return true;
}

static bool watch_field(struct instance *instance, const char *path, size_t size,
                        struct error *error) {
    return watch_add_field(instance->watch, path, size) || error_set_memory(error, "a field");
}

bool instance_add_field(struct instance *instance, const char *path, size_t size, uint32_t *index,
                        struct error *error) {
    uint32_t slot;
    if (!projection_add(instance->projection, path, size, &slot, error))
        return false;
    for (uint32_t i = 0; i < instance->field_count; i++) {
        if (instance->slots[i] == slot) {
            *index = i;
            return true;
        }
    }
    *index = instance->field_count;
    return append_slot(instance, slot, error) && watch_field(instance, path, size, error);
}

bool instance_add_described_fields(struct instance *instance, struct error *error) {
    const struct description *description = instance->spec->description;
    for (size_t i = 0; i < description->field_count; i++) {
        const char *path = description->fields[i];
        uint32_t slot;
        if (!projection_add(instance->projection, path, strlen(path), &slot, error) ||
            !append_slot(instance, slot, error) ||
            !watch_field(instance, path, strlen(path), error))
            return false;
    }
    return true;
}
