#include "message/unix_time.h"

#include <math.h>

#define SMALLEST   INT64_C(100000000)
#define DIGITS_MIN 9
#define DIGITS_MAX 19

/* Nanoseconds of the unit; 0: not a time. */
static int64_t unit_of(uint64_t magnitude) {
    if (magnitude < (uint64_t)SMALLEST)
        return 0;
    if (magnitude < (uint64_t)SMALLEST * 1000)
        return 1000000000;
    if (magnitude < (uint64_t)SMALLEST * 1000000)
        return 1000000;
    return magnitude < (uint64_t)SMALLEST * 1000000000 ? 1000 : 1;
}

bool unix_time_read_any(int64_t number, int64_t *time_ns) {
    const uint64_t magnitude = number < 0 ? -(uint64_t)number : (uint64_t)number;
    const int64_t unit = unit_of(magnitude);
    return unit != 0 && !__builtin_mul_overflow(number, unit, time_ns);
}

bool unix_time_read_double(double number, int64_t *time_ns) {
    if (!(fabs(number) < 0x1p63))
        return false;
    const double whole = trunc(number);
    if (whole == number)
        return unix_time_read((int64_t)number, time_ns);
    const int64_t unit = unit_of((uint64_t)fabs(whole));
    const int64_t step = unit > 1000 ? 1000 : 1;
    const int64_t steps = unit / step; /* exact */
    const int64_t part = (int64_t)round((number - whole) * (double)steps) * step;
    return unit != 0 && !__builtin_mul_overflow((int64_t)whole, unit, time_ns) &&
           !__builtin_add_overflow(*time_ns, part, time_ns);
}

bool unix_time_read_text(const char *text, size_t size, int64_t *time_ns) {
    const bool is_negative = size > 0 && *text == '-';
    const size_t first = is_negative ? 1 : 0;
    if (size < first + DIGITS_MIN || size > first + DIGITS_MAX)
        return false;
    int64_t number = 0;
    for (size_t i = first; i < size; i++) {
        const char c = text[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, c - '0', &number))
            return false;
    }
    return unix_time_read(is_negative ? -number : number, time_ns);
}
