#include "ops/http/server/access.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef"

static char path[] = "/tmp/take5-token-XXXXXX";
static struct access access_;

static void write_token(const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void begin(void) {
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    access_init(&access_);
}

static void end(void) {
    access_release(&access_);
    unlink(path);
}

static bool set(struct error *error) {
    return access_set(&access_, path, error);
}

Test(access, without_a_token_all_may_read, .init = begin, .fini = end) {
    cr_expect(access_may_read(&access_, NULL, NULL));
    cr_expect_not(access_has_token(&access_));
}

Test(access, the_token_is_the_first_line, .init = begin, .fini = end) {
    struct error error = {0};
    write_token(TOKEN "\nnothing of this\n");
    cr_assert(set(&error), "%s", error.text);
    cr_expect(access_may_read(&access_, "Bearer " TOKEN, NULL));
    cr_expect(access_may_read(&access_, "bearer  " TOKEN, NULL));
    cr_expect_not(access_may_read(&access_, "Bearer " TOKEN "0", NULL));
    cr_expect_not(access_may_read(&access_, "Bearer 0123456789abcdeF", NULL));
    cr_expect_not(access_may_read(&access_, "Basic " TOKEN, NULL));
    cr_expect_not(access_may_read(&access_, "Bearer", NULL));
    cr_expect_not(access_may_read(&access_, NULL, NULL));
}

Test(access, a_session_bears_its_cookie, .init = begin, .fini = end) {
    struct error error = {0};
    char cookie[ACCESS_COOKIE_SIZE + 1], header[128];
    write_token(TOKEN);
    cr_assert(set(&error), "%s", error.text);
    cr_expect_not(access_login(&access_, t5_text("not the token at all"), cookie));
    cr_assert(access_login(&access_, t5_text(TOKEN), cookie));
    snprintf(header, sizeof header, "x=y; " ACCESS_COOKIE "=%s; z=1", cookie);
    cr_expect(access_may_read(&access_, NULL, header));
    header[strlen(header) - 6] ^= 1;
    cr_expect_not(access_may_read(&access_, NULL, header));
    cr_expect_not(access_may_read(&access_, NULL, ACCESS_COOKIE "="));
    cr_expect_not(access_may_read(&access_, NULL, ";;; ="));
}

Test(access, the_oldest_session_makes_room, .init = begin, .fini = end) {
    struct error error = {0};
    char first[ACCESS_COOKIE_SIZE + 1], cookie[ACCESS_COOKIE_SIZE + 1], header[128];
    write_token(TOKEN);
    cr_assert(set(&error), "%s", error.text);
    cr_assert(access_login(&access_, t5_text(TOKEN), first));
    for (int i = 0; i < ACCESS_SESSIONS; i++)
        cr_assert(access_login(&access_, t5_text(TOKEN), cookie));
    snprintf(header, sizeof header, ACCESS_COOKIE "=%s", first);
    cr_expect_not(access_may_read(&access_, NULL, header));
    snprintf(header, sizeof header, ACCESS_COOKIE "=%s", cookie);
    cr_expect(access_may_read(&access_, NULL, header));
}

Test(access, what_is_no_token_is_refused_and_changes_nothing, .init = begin, .fini = end) {
    static const char *const bad[] = {"", "short", "0123456789 abcdef", "0123456789abcde\xc3\xa4"};
    struct error error = {0};
    write_token(TOKEN);
    cr_assert(set(&error), "%s", error.text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_token(bad[i]);
        cr_expect_not(set(&error), "%s", bad[i]);
        cr_expect_not_null(strstr(error.text, path), "%s", error.text);
        cr_expect(access_may_read(&access_, "Bearer " TOKEN, NULL));
    }
    write_token(TOKEN);
    chmod(path, 0666);
    cr_expect_not(set(&error), "others may write it");
    unlink(path);
    cr_expect_not(set(&error));
    cr_expect(access_set(&access_, NULL, &error));
    cr_expect(access_may_read(&access_, NULL, NULL));
}
