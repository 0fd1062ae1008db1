#include "strategy/guard.h"

#include <criterion/criterion.h>

#include <float.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

Test(guard, rounding_is_put_back_and_told) {
    struct guard guard;
    guard_begin(&guard);
    cr_assert_eq(fesetround(FE_UPWARD), 0);
    cr_assert(guard_end(&guard));
    cr_assert_eq(fegetround(), FE_TONEAREST);
}

Test(guard, nothing_changed_is_nothing_told) {
    struct guard guard;
    volatile double third = 1.0;
    guard_begin(&guard);
    third /= 3.0; /* raises the inexact flag, which is no change */
    cr_assert_not(guard_end(&guard));
}

#if defined(__x86_64__)
Test(guard, denormals_are_denormals_again) {
    struct guard guard;
    volatile double tiny = DBL_MIN, half = 0.5;
    guard_begin(&guard);
    _mm_setcsr(_mm_getcsr() | 0x8040);
    cr_assert_eq(tiny * half, 0.0, "flushing is not on: the test would prove nothing");
    cr_assert(guard_end(&guard));
    cr_assert_gt(tiny * half, 0.0);
}
#endif

Test(guard, locales_of_thread_and_process_are_put_back) {
    struct guard guard;
    const locale_t mine = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    cr_assert_neq(mine, (locale_t)0);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    const locale_t before = uselocale((locale_t)0);
    guard_begin(&guard);
    cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
    (void)uselocale(mine);
    (void)guard_end(&guard);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), "C");
    cr_assert_eq(uselocale((locale_t)0), before);
    freelocale(mine);
}
