/* Decoding allocates nothing. A sanitizer has the allocator to itself: there it is not asked. */
#include "fixture.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static _Thread_local unsigned long calls;

void *malloc(size_t size) {
    calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    calls++;
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    calls++;
    return __libc_realloc(block, size);
}

Test(allocation, decoding_needs_none_whatever_comes) {
    static const char *const payloads[] = {
        "{\"symbol\":\"\\u0051\",\"a\":{\"b\":[1,2.5,{\"x\":\"\\n\"}]},\"a\":{},\"c\":1e400}",
        "{\"a\":2.4703282292062327208299699564e-324,\"c\":9007199254740992.99999999999999999}",
        "{\"timestamp\":\"2024-06-17T21:15:30Z\",\"unknown\":[[[[[[{}]]]]]]}",
        "{\"a\":1",
        "not JSON",
        "[1,2]",
    };
    struct fixture f = FIXTURE("a", "a.b", "a.b.2.x", "c|a");
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
            const struct record record = fixture_record(&f, payloads[i], strlen(payloads[i]));
            const unsigned long before = calls;
            (void)decoder_decode(f.decoder, &record, &f.message, &f.warnings);
            cr_assert_eq(calls, before, "%s", payloads[i]);
        }
    cr_assert_gt(calls, 0); /* they are counted */
    fixture_free(&f);
}

#endif
