#include "strategy/plugin/descriptor.h"

#include <string.h>

#define NAME_LONGEST        63
#define SIGNAL_NAME_LONGEST 64

/* What 1.0 is must not move when a header grows. */
_Static_assert(sizeof(void *) != 8 || DESCRIPTOR_SIZE_1_0 == 168, "t5_strategy of ABI 1.0");
_Static_assert(sizeof(void *) != 8 || PARAMETER_SIZE_1_0 == 48, "t5_parameter of ABI 1.0");
_Static_assert(sizeof(void *) != 8 || SIGNAL_SIZE_1_0 == 104, "t5_signal of ABI 1.0");
_Static_assert(sizeof(void *) != 8 || TIMER_SIZE_1_0 == 56, "t5_timer of ABI 1.0");
_Static_assert(sizeof(void *) != 8 || RECORD_SIZE_1_0 == 40, "t5_record of ABI 1.0");
_Static_assert(sizeof(t5_value) == 32 && sizeof(t5_str) == 2 * sizeof(void *), "frozen");

void descriptor_read(const t5_strategy *from, t5_strategy *to) {
    const size_t size = from->size < sizeof *to ? from->size : sizeof *to;
    memset(to, 0, sizeof *to);
    memcpy(to, from, size);
}

bool descriptor_is_name(const char *text) {
    size_t size = 0;
    if (text[0] < 'a' || text[0] > 'z')
        return false;
    for (; text[size] != '\0'; size++) {
        const char c = text[size];
        const bool is_allowed =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_allowed || size >= NAME_LONGEST)
            return false;
    }
    return true;
}

bool descriptor_is_signal_name(t5_str name) {
    static const bool allowed[256] = {['a' ... 'z'] = true, ['A' ... 'Z'] = true,
                                      ['0' ... '9'] = true, ['_'] = true,
                                      ['.'] = true,         ['-'] = true};
    if (name.data == NULL || name.len == 0 || name.len > SIGNAL_NAME_LONGEST)
        return false;
    const unsigned char *c = (const unsigned char *)name.data, *end = c + name.len;
    bool are_all = true;
    for (; end - c >= 4; c += 4) /* of each value of each signal: every instruction counts */
        are_all &= allowed[c[0]] & allowed[c[1]] & allowed[c[2]] & allowed[c[3]];
    for (; c < end; c++)
        are_all &= allowed[*c];
    return are_all;
}
