#include "base/clock.h"

#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAME_BOOT_S  30
#define BOOT_ID      "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 36

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_file_ns(void) {
    return read_clock(CLOCK_REALTIME_COARSE);
}

/* Of a UUID: 60 of its 128 bits, below 0, which no time in s is. */
static int64_t number_of_name(const char *name, size_t size) {
    int64_t number = 0;
    for (size_t i = 0, digits = 0; i < size && digits < 15; i++) {
        const char *const hex = "0123456789abcdef", *digit = strchr(hex, name[i]);
        if (name[i] == '\0' || digit == NULL)
            continue;
        number = number << 4 | (digit - hex);
        digits++;
    }
    return INT64_MIN + number;
}

int64_t clock_boot(void) {
    char name[BOOT_ID_SIZE];
    const int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    const bool has_name = fd >= 0 && io_read_all(fd, name, sizeof name) == (ssize_t)sizeof name;
    if (fd >= 0)
        (void)close(fd);
    return has_name ? number_of_name(name, sizeof name)
                    : (clock_wall_ns() - read_clock(CLOCK_BOOTTIME)) / NS_PER_S;
}

bool clock_is_this_boot(int64_t boot) {
    const int64_t here = clock_boot();
    if (boot < 0 || here < 0)
        return boot == here;
    return boot >= here - SAME_BOOT_S && boot <= here + SAME_BOOT_S;
}

int64_t clock_monotonic_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_coarse_ns(void) {
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_thread_cpu_ns(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

#if defined(__x86_64__)

/* Nanoseconds a tick, with 32 binary places. */
#define RATIO_BITS        32
#define CALIBRATION_NS    (5 * NS_PER_MS)
#define CALIBRATION_TRIES 8

struct instant {
    uint64_t ticks;
    int64_t ns;
};

/* Both counters at one moment: the closest pair of a few, so that an interrupt between the two
 * reads does not count. */
static struct instant read_both(void) {
    struct instant best = {0};
    uint64_t best_spread = UINT64_MAX;
    for (int i = 0; i < CALIBRATION_TRIES; i++) {
        uint64_t before = clock_ticks();
        int64_t ns = clock_monotonic_ns();
        uint64_t spread = clock_ticks() - before;
        if (spread < best_spread) {
            best = (struct instant){.ticks = before + spread / 2, .ns = ns};
            best_spread = spread;
        }
    }
    return best;
}

static uint64_t measure_ratio(void) {
    struct instant start = read_both();
    while (clock_monotonic_ns() - start.ns < CALIBRATION_NS)
        ;
    struct instant end = read_both();
    uint64_t ticks = end.ticks - start.ticks;
    uint64_t ns = (uint64_t)(end.ns - start.ns);
    uint64_t ratio = ticks > 0 ? (ns << RATIO_BITS) / ticks : 0;
    return ratio > 0 ? ratio : UINT64_C(1) << RATIO_BITS;
}

/* Measured once, by the first who asks (5 ms). When several ask at once each measures and the first
 * result stays, so that all turn ticks into the same nanoseconds. */
static uint64_t tick_ratio(void) {
    static uint64_t ratio;
    uint64_t known = __atomic_load_n(&ratio, __ATOMIC_RELAXED);
    if (known != 0)
        return known;
    uint64_t measured = measure_ratio();
    uint64_t unset = 0;
    bool is_first = __atomic_compare_exchange_n(&ratio, &unset, measured, false, __ATOMIC_RELAXED,
                                                __ATOMIC_RELAXED);
    return is_first ? measured : unset;
}

int64_t clock_ticks_ns(uint64_t ticks) {
    if ((int64_t)ticks < 0) /* the counters of two cores may be a hair apart */
        return 0;
    unsigned __int128 ns = (unsigned __int128)ticks * tick_ratio() >> RATIO_BITS;
    return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

uint64_t clock_ns_ticks(int64_t ns) {
    if (ns <= 0)
        return 0;
    unsigned __int128 ticks = ((unsigned __int128)ns << RATIO_BITS) / tick_ratio();
    return ticks > INT64_MAX ? (uint64_t)INT64_MAX : (uint64_t)ticks;
}

#else

int64_t clock_ticks_ns(uint64_t ticks) {
    return (int64_t)ticks < 0 ? 0 : (int64_t)ticks;
}

uint64_t clock_ns_ticks(int64_t ns) {
    return ns <= 0 ? 0 : (uint64_t)ns;
}

#endif

int64_t clock_thread_delay_ns(void) {
    char text[128];
    long long delay_ns = 0;
    const int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t size = io_read_all(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return sscanf(text, "%*u %lld", &delay_ns) == 1 ? delay_ns : 0;
}
