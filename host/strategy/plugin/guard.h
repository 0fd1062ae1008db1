/*
 * strategy/plugin/guard.h - what a strategy's code may change behind the host's back, put back as
 * it was.
 *
 * Of the thread: floating point (rounding, traps, flushing of denormals), locale, signal mask. Who
 * ran there changed them.
 *
 * Of the process: locale, file mode mask, working directory, lowered limits. Of these the process
 * has one each, and any thread, or for limits an operator (prlimit), may have changed what is found
 * after a call. So that is reported, and counts as an error only when it is seen to change in the
 * same callback of an instance a second time (instance_meddled()). What is put back are the values
 * of the first guard_begin(), which comes before any strategy's code; but limits only when they
 * were lowered between guard_begin() or guard_settle() and guard_end(), to what they were: lowered
 * ones that are found between calls stay, since they may be meant.
 *
 * Whole around dlopen (a file linked with -ffast-math flushes denormals from its constructor on)
 * and every call but on_message, on_timer and on_event. After those, only floating point is looked
 * at, which takes no call into the kernel, so that nobody else computes with it; the lane looks at
 * the rest between batches (engine/lane/lane.c).
 */
#ifndef TAKE5_STRATEGY_PLUGIN_GUARD_H
#define TAKE5_STRATEGY_PLUGIN_GUARD_H

#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* What was found changed, or, for FORK, done. */
enum guard_change {
    GUARD_FP = 1 << 0,
    GUARD_LOCALE = 1 << 1,
    GUARD_SIGNALS = 1 << 2,
    GUARD_UMASK = 1 << 3,
    GUARD_DIRECTORY = 1 << 4,
    GUARD_LIMITS = 1 << 5,
    GUARD_FORK = 1 << 6, /* the thread forked: it may do that, but who looks for it wants to know */
    GUARD_THREAD_LOCALE = 1 << 7,

    /* Of the process: another thread may have done it. */
    GUARD_PROCESS = GUARD_LOCALE | GUARD_UMASK | GUARD_DIRECTORY | GUARD_LIMITS
};

#define GUARD_WORDS_SIZE 256

struct guard {
    fenv_t fp;
    uint32_t fp_control;
    locale_t thread_locale;
    sigset_t signals;
    unsigned forks;
    struct rlimit limits[RLIM_NLIMITS];
};

/* Gives what of the process was found changed, and put back: others than who is called now did it.
 */
unsigned guard_begin(struct guard *guard);

/* The process's part of it again, between calls: what is found changed is put back, but limits, of
 * which logs once that they were lowered. */
unsigned guard_settle(struct guard *guard);

/* Puts everything back; gives what had been changed, as a set of enum guard_change. A process that
 * is a copy made by fork() in the meantime is ended here: what works in it is the strategy's only.
 */
unsigned guard_end(struct guard *guard);

/* What guard_end() does for the thread alone: two calls into the kernel. */
unsigned guard_look(struct guard *guard);

/* The changes in words, "the signal mask and the working directory". */
void guard_words(unsigned changes, char words[GUARD_WORDS_SIZE]);

/* ---- after each message ---- */

#if defined(__x86_64__)
/* Everything in MXCSR but its exception flags, which any arithmetic sets; what a process begins
 * with. */
#define GUARD_MXCSR_CONTROL 0xFFC0u
#define GUARD_MXCSR_DEFAULT 0x1F80u
#define GUARD_X87_DEFAULT   0x037Fu
#endif

/* Whether floating point is treated as at a process's beginning. */
static inline bool guard_is_fp_kept(void) {
#if defined(__x86_64__)
    uint16_t x87;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    return (_mm_getcsr() & GUARD_MXCSR_CONTROL) == GUARD_MXCSR_DEFAULT && x87 == GUARD_X87_DEFAULT;
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr == 0;
#else
    return fegetround() == FE_TONEAREST;
#endif
}

/* As at a process's beginning, again. */
void guard_reset_fp(void);

#endif
