/*
 * strategy/guard.h - what a strategy's code may change behind the host's back, put back as it was:
 * the thread's floating-point environment (rounding, traps, flushing of denormals) and locale, and
 * the process's locale.
 *
 * Around dlopen (a file linked with -ffast-math flushes denormals from its constructor on) and
 * around every call but on_message, on_timer and on_event, where it would cost more than the
 * dispatch.
 */
#ifndef TAKE5_STRATEGY_GUARD_H
#define TAKE5_STRATEGY_GUARD_H

#include <fenv.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

#define GUARD_LOCALE_SIZE 256

struct guard {
    fenv_t fp;
    uint32_t fp_control;
    locale_t thread_locale;
    char process_locale[GUARD_LOCALE_SIZE]; /* empty: too long to be kept */
};

void guard_begin(struct guard *guard);

/* Puts everything back. True when the floating-point control had been changed. */
bool guard_end(const struct guard *guard);

#endif
