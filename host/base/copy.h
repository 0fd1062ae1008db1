/*
 * base/copy.h - copies of mostly short texts, without a call to memcpy().
 */
#ifndef TAKE5_BASE_COPY_H
#define TAKE5_BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* As memcpy(); `size` may be 0, and the pointers NULL then. Of 4 to 16 bytes, the last word may
 * begin among bytes that the first one has copied. */
static inline void copy_bytes(char *to, const char *from, size_t size) {
    uint64_t first, last;
    uint32_t begin, end;
    if (size >= sizeof first && size <= 2 * sizeof first) {
        memcpy(&first, from, sizeof first);
        memcpy(&last, from + size - sizeof last, sizeof last);
        memcpy(to, &first, sizeof first);
        memcpy(to + size - sizeof last, &last, sizeof last);
    } else if (size >= sizeof begin && size < sizeof first) {
        memcpy(&begin, from, sizeof begin);
        memcpy(&end, from + size - sizeof end, sizeof end);
        memcpy(to, &begin, sizeof begin);
        memcpy(to + size - sizeof end, &end, sizeof end);
    } else if (size > 0) {
        memcpy(to, from, size);
    }
}

#endif
