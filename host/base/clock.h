/*
 * base/clock.h - the clocks of the machine. All in nanoseconds.
 */
#ifndef TAKE5_BASE_CLOCK_H
#define TAKE5_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

/* Times come from outside, and may be any number: what does not fit is the nearest that does. */
static inline int64_t clock_ms_ns(int64_t ms) {
    int64_t ns;
    if (__builtin_mul_overflow(ms, NS_PER_MS, &ns))
        return ms < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}
static inline int64_t clock_span_ns(int64_t from_ns, int64_t to_ns) {
    int64_t span;
    if (__builtin_sub_overflow(to_ns, from_ns, &span))
        return to_ns < from_ns ? INT64_MIN : INT64_MAX;
    return span;
}

/* Wall clock, since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ns(void);
/* The wall clock as file systems stamp files with it: at the last tick of the scheduler. What is
 * written from now on is never older than this. */
int64_t clock_file_ns(void);
/* Names the time since the machine came up; and whether `boot` is that of this one. By the kernel's
 * own name for it; where that cannot be read (/proc/sys is hidden), by the wall clock at which it
 * came up, which may have been set meanwhile by less than half a minute. */
int64_t clock_boot(void);
bool clock_is_this_boot(int64_t boot);
/* Never goes back; for spans of time. */
int64_t clock_monotonic_ns(void);
/* As clock_monotonic_ns with the resolution of the scheduler's tick (1 to 4 ms), at a tenth of the
 * price. Not comparable with it. */
int64_t clock_coarse_ns(void);
/* A counter that is cheap enough to read around every callback (the time stamp counter where there
 * is one, else the monotonic clock); clock_ticks_ns() turns a difference into nanoseconds. */
static inline uint64_t clock_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return (uint64_t)clock_monotonic_ns();
#endif
}
int64_t clock_ticks_ns(uint64_t ticks);
/* How many ticks a span of time has. */
uint64_t clock_ns_ticks(int64_t ns);
/* CPU time of the calling thread. */
int64_t clock_thread_cpu_ns(void);
/* For how long this thread could run and had no processor, since it began; 0: not known. Reads a
 * file. */
int64_t clock_thread_delay_ns(void);

#endif
