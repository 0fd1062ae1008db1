#include "base/signal_names.h"

#include <string.h>

static bool add(struct signal_names *names, t5_str name) {
    if (names->count == SIGNAL_NAMES_MOST || name.len >= SIGNAL_NAMES_BYTES - names->size)
        return false;
    memcpy(names->bytes + names->size, name.data, name.len);
    names->size += (uint32_t)name.len;
    names->bytes[names->size++] = '\0';
    names->at[++names->count] = (uint16_t)names->size;
    return true;
}

bool signal_names_keep(struct signal_names *names, t5_str name, const t5_named_value *values,
                       uint32_t count) {
    names->count = names->size = 0;
    bool did = add(names, name);
    for (uint32_t i = 0; did && i < count; i++)
        did = add(names, values[i].name);
    if (!did)
        names->count = 0;
    return did;
}

static uint64_t eight(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static uint32_t four(const char *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Of 1 byte or more. The last word may begin among the bytes that were compared. */
static inline bool are_same(const char *a, const char *b, size_t size) {
    if (size > 16)
        return memcmp(a, b, size) == 0;
    if (size >= 8)
        return ((eight(a) ^ eight(b)) | (eight(a + size - 8) ^ eight(b + size - 8))) == 0;
    if (size >= 4)
        return ((four(a) ^ four(b)) | (four(a + size - 4) ^ four(b + size - 4))) == 0;
    return a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1];
}

static inline bool is_name(const struct signal_names *names, uint32_t i, t5_str name) {
    const uint32_t at = names->at[i], size = names->at[i + 1] - at - 1u;
    return name.len == size && name.data != NULL && are_same(name.data, names->bytes + at, size);
}

bool signal_names_are(const struct signal_names *names, t5_str name, const t5_named_value *values,
                      uint32_t count) {
    if (names->count == 0 || names->count - 1 != count || !is_name(names, 0, name))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!is_name(names, i + 1, values[i].name))
            return false;
    return true;
}
