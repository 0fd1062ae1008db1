/* What people read of texts that somebody else chose. */
#include "cli/cli.h"
#include "commands/operation/status.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a stream is given between begin and end, as text. */
struct capture {
    FILE *stream;
    int file, before;
};

static void begin(struct capture *capture, FILE *stream) {
    fflush(stream);
    capture->stream = stream;
    capture->file = memfd_create("capture", MFD_CLOEXEC);
    capture->before = dup(fileno(stream));
    cr_assert(capture->file >= 0 && capture->before >= 0);
    cr_assert_eq(dup2(capture->file, fileno(stream)), fileno(stream));
}

static void end(struct capture *capture, char *text, size_t size) {
    fflush(capture->stream);
    dup2(capture->before, fileno(capture->stream));
    const ssize_t got = pread(capture->file, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(capture->file);
    close(capture->before);
}

Test(visible, what_is_said_keeps_its_lines_and_steers_nothing) {
    struct capture capture;
    char text[256];
    begin(&capture, stdout);
    print_out("%s\n  next\n", "evil\x1b]0;title\x07\xE2\x80\xAEos.");
    end(&capture, text, sizeof text);
    cr_assert_str_eq(text, "evil\\x1b]0;title\\x07\\u202eos.\n  next\n");
}

Test(visible, an_error_is_one_line) {
    struct faults faults = FAULTS_INIT;
    struct capture capture;
    char text[256];
    begin(&capture, stderr);
    print_err("%s: refused", "a\nb.so");
    faults_add(&faults, (struct place){"\x1b[2J.ini", 3}, "x\xC2\x85y");
    print_faults(&faults);
    print_notice("warning: ", "%s", "c\rd");
    end(&capture, text, sizeof text);
    cr_assert_str_eq(text, "take5: a\\nb.so: refused\n\\x1b[2J.ini:3: x\\u0085y\nwarning: c\\rd\n");
    faults_release(&faults);
}

Test(visible, a_hosts_answer_is_made_visible_throughout) {
    static const char answer[] =
        "{\"name\":\"a\\u202eb\",\"list\":[\"\\u001b[1m\",{\"deep\":\"x\\ny\"}]}";
    cJSON *tree = status_parse(answer, strlen(answer));
    cr_assert_not_null(tree);
    const cJSON *list = status_member(tree, "list");
    cr_expect_str_eq(status_text(tree, "name"), "a\\u202eb");
    cr_expect_str_eq(cJSON_GetArrayItem(list, 0)->valuestring, "\\x1b[1m");
    cr_expect_str_eq(status_text(cJSON_GetArrayItem(list, 1), "deep"), "x\\ny");
    cJSON_Delete(tree);
    cr_expect_null(status_parse("no", 2));
}
