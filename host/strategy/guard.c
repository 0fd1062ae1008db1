#include "strategy/guard.h"

#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
/* Everything in MXCSR but its exception flags, which any arithmetic sets. */
#define CONTROL_MASK 0xFFC0u
#endif

/* Rounding, traps and treatment of denormals, without the flags that come and go. */
static uint32_t fp_control(const fenv_t *fp) {
#if defined(__x86_64__)
    return (_mm_getcsr() & CONTROL_MASK) | (uint32_t)fp->__control_word << 16;
#elif defined(__aarch64__)
    return (uint32_t)fp->__fpcr;
#else
    (void)fp;
    return (uint32_t)fegetround();
#endif
}

void guard_begin(struct guard *guard) {
    (void)fegetenv(&guard->fp);
    guard->fp_control = fp_control(&guard->fp);
    guard->thread_locale = uselocale((locale_t)0);
    const char *name = setlocale(LC_ALL, NULL);
    if (name != NULL && strlen(name) < sizeof guard->process_locale)
        strcpy(guard->process_locale, name);
    else
        guard->process_locale[0] = '\0';
}

bool guard_end(const struct guard *guard) {
    fenv_t now;
    (void)fegetenv(&now);
    const bool has_changed = fp_control(&now) != guard->fp_control;
    (void)fesetenv(&guard->fp);
#if defined(__x86_64__)
    _mm_setcsr((_mm_getcsr() & ~CONTROL_MASK) | (guard->fp_control & CONTROL_MASK));
#endif
    if (uselocale((locale_t)0) != guard->thread_locale)
        (void)uselocale(guard->thread_locale);
    const char *name = setlocale(LC_ALL, NULL);
    if (guard->process_locale[0] != '\0' && name != NULL &&
        strcmp(name, guard->process_locale) != 0)
        (void)setlocale(LC_ALL, guard->process_locale);
    return has_changed;
}
