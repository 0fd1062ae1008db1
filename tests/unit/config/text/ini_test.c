#include "config/text/ini.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ini ini;
static struct faults faults;
static struct text out;
static const struct ini_rules *rules;

static void end(void) {
    ini_release(&ini);
    faults_release(&faults);
    text_release(&out);
}

TestSuite(ini, .fini = end);

static bool read_bytes(const char *data, size_t size) {
    ini_release(&ini);
    faults_release(&faults);
    /* An exact copy, so that AddressSanitizer sees a read beyond the end. */
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    bool is_good = ini_read(&ini, "f", copy, size, rules, &faults);
    free(copy);
    cr_assert_eq(is_good, faults.count == 0);
    cr_assert_eq(faults.count, faults.error_count);
    return is_good;
}

static bool read_text(const char *data) {
    return read_bytes(data, strlen(data));
}

/* What was read, "section.key=value@line;" each, line breaks as |. */
static const char *content(void) {
    text_release(&out);
    text_init(&out);
    for (size_t i = 0; i < ini.entry_count; i++) {
        const struct ini_entry *entry = &ini.entries[i];
        cr_assert_str_eq(entry->place.file, "f");
        text_printf(&out, "%s.%s=%s@%d;", ini.sections[entry->section].name, entry->key,
                    entry->value, entry->place.line);
    }
    for (size_t i = 0; i < out.size; i++)
        if (out.data[i] == '\n')
            out.data[i] = '|';
    return out.data;
}

static void expect(const char *data, const char *entries) {
    cr_assert(read_text(data), "%s: %s", data, faults.count > 0 ? faults.items[0].text : "");
    cr_assert_str_eq(content(), entries);
}

static const char *all_faults(void) {
    text_release(&out);
    text_init(&out);
    for (size_t i = 0; i < faults.count; i++)
        text_printf(&out, "%s\n", faults.items[i].text);
    return out.data;
}

static void refuse_bytes(const char *data, size_t size, const char *expected) {
    cr_assert_not(read_bytes(data, size), "taken: %s", data);
    cr_assert_str_eq(all_faults(), expected);
}

static void refuse(const char *data, const char *expected) {
    refuse_bytes(data, strlen(data), expected);
}

Test(ini, sections_keys_and_lines) {
    expect("", "");
    expect("\n\n  \n", "");
    expect("[a]\nx = 1\n\n[b]\ny=2\nz : 3\n", "a.x=1@2;b.y=2@5;b.z=3@6;");
    expect("[a]\nx = 1", "a.x=1@2;");
    expect("[a]\nx =\n", "a.x=@2;");
    expect("[a]\nx = a = b\n", "a.x=a = b@2;");
    expect("  [a]\n  x = 1\n", "a.x=1@2;");
    cr_assert_eq(ini.sections[0].place.line, 1);
}

Test(ini, comments_of_all_kinds) {
    expect("; one\n# two\n[a] ; behind\nx = 1 ; behind\ny = 2;kept\nz = 3 # kept\n",
           "a.x=1@4;a.y=2;kept@5;a.z=3 # kept@6;");
    expect("[a]\nx = 1\n # within\n  ; and\n  2\n", "a.x=1|2@2;");
}

Test(ini, sections_without_keys_are_there) {
    expect("[strategy:a]\n[strategy:b]\n\n[strategy:c]", "");
    cr_assert_eq(ini.section_count, 3);
    cr_assert_str_eq(ini.sections[2].name, "strategy:c");
    cr_assert_eq(ini.sections[2].place.line, 4);
}

Test(ini, an_indented_line_continues_the_value) {
    expect("[a]\nx = 1\n  2\n\t3\ny = 4\n", "a.x=1|2|3@2;a.y=4@5;");
    expect("[a]\nx =\n  1\n", "a.x=1@2;");
    expect("[a]\nx = 1\n\n  2\n", "a.x=1|2@2;");
    expect("[a]\n  x = 1\n    2\n\t3\n  y = 4\n", "a.x=1|2|3@2;a.y=4@5;");
    expect("[a]\nx = a:1,\n  b:2, c = d\n", "a.x=a:1,|b:2, c = d@2;");
    expect("[a]\nx = a\n http://h\n -1\n 12:30\n NYSE:IBM\n c:\\x\n two words = x\n",
           "a.x=a|http://h|-1|12:30|NYSE:IBM|c:\\x|two words = x@2;");
    expect("[a]\nx = a:1\n  b.c:9092 ; behind\n", "a.x=a:1|b.c:9092@2;");
}

Test(ini, a_pem_text_and_base64_go_on) {
    expect("[a]\nx = -----BEGIN KEY-----\n Proc-Type: 4,ENCRYPTED\n DEK-Info: A,1\n MIIB+/\n"
           " kQ==\n kQ=\n kQ\n -----END KEY-----\n",
           "a.x=-----BEGIN KEY-----|Proc-Type: 4,ENCRYPTED|DEK-Info: A,1|MIIB+/|kQ==|kQ=|kQ|"
           "-----END KEY-----@2;");
    expect("[a]\nx = MIIBVQIBADANBgkqhkiG9w0BAQEFAASC\n  AbQ=\n",
           "a.x=MIIBVQIBADANBgkqhkiG9w0BAQEFAASC|AbQ=@2;");
    cr_assert_not(read_text("[a]\nx = -----BEGIN KEY-----\n MIIB\n y = 1\n"));
    cr_assert_not(read_text("[a]\nx = -----BEGIN K-----\n -----END K-----\n y=\n"));
    cr_assert_not(read_text("[a]\nx = QQQ\n  AbQ=\n"));
}

Test(ini, keys_may_be_indented) {
    expect("[a]\n  x = 1\n  y = 2\n  z: 3\n[b]\n\tx = 4\n\ty = 5\n",
           "a.x=1@2;a.y=2@3;a.z=3@4;b.x=4@6;b.y=5@7;");
    expect("  [a]\n  x = 1\n  y = 2\n  [b]\n  x = 3\n", "a.x=1@2;a.y=2@3;b.x=3@5;");
    expect("[a]\n    x = 1\n  y = 2\n; c\nz = 3\n", "a.x=1@2;a.y=2@3;a.z=3@5;");
    expect("[a]\n\tx = 1\n        y = 2\n", "a.x=1@2;a.y=2@3;");
}

Test(ini, a_key_that_would_continue_the_value_above_it_is_refused) {
    static const char *const lines[] = {"y = 2",       "y=2",       "y : 2", "y: 2",   "y =",
                                        "A_b.c-d = 2", "y = a = b", "y=",    "y:2",    "a.b==2",
                                        "y:",          "Y: 2",      "y:z",   "y:9092", "y = 2 ; c"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char data[64], expected[300];
        snprintf(data, sizeof data, "[a]\nx = 1\n  %s\nz = 3\n", lines[i]);
        snprintf(expected, sizeof expected,
                 "f:3: %.*s is indented deeper than the key above it and would continue its value: "
                 "start it in the same column as the other keys\n",
                 (int)strcspn(lines[i], " =:"), lines[i]);
        refuse(data, expected);
        cr_assert_str_eq(content(), "a.x=1@2;a.z=3@4;");
    }
    cr_assert_not(read_text("[a]\nx = a,\n  b = c\n"));
    cr_assert_not(read_text("[a]\n  x = 1\n   y = 2\n"));
}

Test(ini, windows_files_and_byte_order_marks) {
    expect("\xEF\xBB\xBF[a]\r\nx = 1\r\n  2\r\n\r\n", "a.x=1|2@2;");
    refuse("[a]\n\xEF\xBB\xBFx = 1\n\r = 2\n",
           "f:3: control character 0x0d at column 1: an ini file is text\n");
}

Test(ini, lines_are_counted_whatever_stands_in_them) {
    struct text text;
    text_init(&text);
    text_puts(&text, "[a]\n");
    for (int i = 0; i < 300; i++)
        text_puts(&text, i % 3 == 0 ? "; comment\n" : i % 3 == 1 ? "\n" : "  \t\n");
    text_puts(&text, "x = 1\n");
    cr_assert(read_bytes(text.data, text.size));
    cr_assert_str_eq(content(), "a.x=1@302;");
    text_release(&text);
}

Test(ini, the_longest_line_fits_and_one_more_byte_does_not) {
    char line[300];
    for (size_t size = 190; size < 260; size++) {
        int head = snprintf(line, sizeof line, "[a]\nx = ");
        memset(line + head, 'v', size - 4);
        snprintf(line + head + size - 4, 16, "\ny = 2\n");
        bool fits = size <= 199;
        cr_assert_eq(read_text(line), fits, "%zu bytes", size);
        if (fits) {
            cr_assert_eq(strlen(ini.entries[0].value), size - 4);
            continue;
        }
        char expected[160];
        snprintf(expected, sizeof expected,
                 "f:2: the line is %zu bytes long, at most 199 are possible: continue it in an "
                 "indented line\n",
                 size);
        cr_assert_str_eq(all_faults(), expected);
        cr_assert_str_eq(content(), "a.y=2@3;", "what follows is read at its own line");
    }
}

Test(ini, long_comments_are_no_trouble) {
    char data[1200] = "[a]\n; ";
    memset(data + 6, 'c', 1000);
    snprintf(data + 1006, 32, "\n# caf\xE9 \x01\nx = 1\n");
    expect(data, "a.x=1@4;");
}

Test(ini, a_long_line_takes_its_continuations_along) {
    char data[700] = "[a]\ny = 2\nx = ";
    size_t at = strlen(data);
    memset(data + at, 'v', 400);
    snprintf(data + at + 400, 64, "\n  more\nz = 3\n");
    read_text(data);
    cr_assert_eq(faults.count, 1);
    cr_assert_str_eq(content(), "a.y=2@2;a.z=3@5;", "they do not go to the key before");
}

Test(ini, a_long_section_takes_its_keys_along) {
    char data[700] = "[a]\ny = 2\n[";
    size_t at = strlen(data);
    memset(data + at, 's', 400);
    snprintf(data + at + 400, 64, "]\nx = 1\nneither\n[b]\nz = 3\n");
    read_text(data);
    cr_assert_eq(faults.count, 1);
    cr_assert_str_eq(content(), "a.y=2@2;b.z=3@7;");
}

Test(ini, section_names_are_not_cut) {
    char data[200];
    snprintf(data, sizeof data, "[%049d]\nx = 1\n", 7);
    cr_assert(read_text(data));
    cr_assert_eq(strlen(ini.sections[0].name), 49);
    snprintf(data, sizeof data, "[%050d]\nx = 1\n", 7);
    cr_assert_not(read_text(data));
    cr_assert_not_null(
        strstr(all_faults(), "f:1: the name of the section is 50 bytes long, at most 49"));
    cr_assert_eq(ini.entry_count, 0);
}

Test(ini, keys_longer_than_inih_remembers_are_whole) {
    char data[200];
    snprintf(data, sizeof data, "[a]\n%0100d = 1\n  2\n", 7);
    cr_assert(read_text(data));
    cr_assert_eq(strlen(ini.entries[0].key), 100);
    cr_assert_str_eq(ini.entries[0].value, "1\n2");
}

Test(ini, what_is_neither_is_refused_all_at_once) {
    refuse("[a]\nnonsense\nx = 1\nmore\n",
           "f:2: neither [section] nor key = value\nf:4: neither [section] nor key = value\n");
    cr_assert_str_eq(content(), "a.x=1@3;");
    refuse("[a]\nlast", "f:2: neither [section] nor key = value\n");
    refuse("[a]\n= 1\n", "f:2: missing key before the equals sign\n");
    refuse("x = 1\n[a]\ny = 2\n", "f:1: x is before the first [section]\n");
}

Test(ini, broken_sections_are_refused_and_their_keys_skipped) {
    refuse("[a\nx = 1\nnoise\n[b]\ny = 2\n", "f:1: missing closing bracket: [a]\n");
    cr_assert_str_eq(content(), "b.y=2@5;");
    refuse("[a] x = 1\n", "f:1: text after [a]: a section must be alone on its line\n");
    refuse("[a];x\n", "f:1: text after [a]: a section must be alone on its line\n");
    refuse("[]\n", "f:1: the name of a section is empty or has blanks around it: []\n");
    refuse("[ a]\n", "f:1: the name of a section is empty or has blanks around it: [ a]\n");
    refuse("[a ]\n", "f:1: the name of a section is empty or has blanks around it: [a ]\n");
}

Test(ini, repeated_keys_name_both_lines) {
    refuse("[a]\nx = 1\ny = 2\nx = 3\n  4\n", "f:4: duplicate key x, the first is at line 2\n");
    cr_assert_str_eq(content(), "a.x=1@2;a.y=2@3;", "the second's continuation is dropped too");
    expect("[a]\nx = 1\n[b]\nx = 2\n", "a.x=1@2;b.x=2@4;");
    expect("[a]\nx = 1\nX = 2\n", "a.x=1@2;a.X=2@3;");
}

Test(ini, repeated_sections_name_both_lines_and_are_still_read) {
    refuse("[a]\nx = 1\n[b]\n[a]\nx = 2\nbroken\n",
           "f:4: duplicate section [a], the first is at line 1: merge them\n"
           "f:6: neither [section] nor key = value\n");
    cr_assert_str_eq(content(), "a.x=1@2;a.x=2@5;");
}

Test(ini, a_section_that_an_indent_hides_is_refused) {
    refuse("[a]\nx = 1\n  [b]\ny = 2\n",
           "f:3: [b] is indented deeper than the key above it and would continue its value: "
           "start it in the first column\n");
    static const char *const heads[] = {"[b:c]",   "[B:c]",   "[b:C_1] ; mine", "[b]\t;",
                                        "[ b:c ]", "[b] # x", "[b:c",           "[b];c"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char data[64];
        snprintf(data, sizeof data, "[a]\nx = 1\n  %s\ny = 2\nz = 3\n[d]\ne = 4\n", heads[i]);
        cr_assert_not(read_text(data), "%s", heads[i]);
        cr_assert_eq(faults.count, 1, "%s", heads[i]);
        cr_assert_str_eq(content(), "a.x=1@2;d.e=4@7;", "its keys do not go to [a]");
    }
    expect("[a]\nx = [\n  [1, 2],\n  ]\n", "a.x=[|[1, 2],|]@2;");
}

Test(ini, bytes_that_are_no_text_are_refused) {
    refuse_bytes("[a]\nx = 1\0 2\ny = 2\n", 18,
                 "f:2: NUL byte 0x00 at column 6: an ini file is text\n");
    cr_assert_str_eq(content(), "a.y=2@3;");
    refuse_bytes("[a]\n# \0\nx = 1\n", 14, "f:2: NUL byte 0x00 at column 3: an ini file is text\n");
    refuse("[a]\nx = \x1b[31m\n", "f:2: control character 0x1b at column 5: an ini file is text\n");
    refuse("[a]\nx = 1\x7f\n", "f:2: control character 0x7f at column 6: an ini file is text\n");
    refuse("[a]\nx = caf\xE9\n", "f:2: byte 0xe9 at column 8 is not UTF-8\n");
    refuse("[\xFF]\nx = 1\n", "f:1: byte 0xff at column 2 is not UTF-8\n");
    cr_assert_eq(ini.entry_count, 0);
    expect("[a]\nx = caf\xC3\xA9\ty\n", "a.x=caf\xC3\xA9\ty@2;");
}

Test(ini, files_that_cannot_be_read_say_why) {
    char directory[] = "/tmp/take5-ini-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    char path[64];
    cr_assert_not(ini_read_file(&ini, "/nonexistent/take5.ini", NULL, &faults));
    cr_assert_str_eq(all_faults(),
                     "/nonexistent/take5.ini: cannot be opened: No such file or directory\n");
    faults_release(&faults);
    cr_assert_not(ini_read_file(&ini, directory, NULL, &faults));
    cr_assert_not_null(strstr(all_faults(), ": is not a regular file\n"));
    faults_release(&faults);

    snprintf(path, sizeof path, "%s/fifo", directory);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_not(ini_read_file(&ini, path, NULL, &faults));
    cr_assert_not_null(strstr(all_faults(), ": is not a regular file\n"));
    unlink(path);
    faults_release(&faults);

    snprintf(path, sizeof path, "%s/large", directory);
    FILE *file = fopen(path, "w");
    cr_assert_eq(ftruncate(fileno(file), (off_t)INI_FILE_SIZE_MAX + 1), 0);
    fclose(file);
    cr_assert_not(ini_read_file(&ini, path, NULL, &faults));
    cr_assert_not_null(strstr(all_faults(), "is it an ini file?"));
    unlink(path);
    rmdir(directory);
}

/* ---- with what is known of keys ---- */

static enum ini_value value_of(void *context, const char *section, const char *key) {
    cr_assert_eq(context, &faults);
    cr_assert_str_eq(section, "a");
    return strcmp(key, "list") == 0    ? INI_VALUE_LIST
           : strcmp(key, "hosts") == 0 ? INI_VALUE_HOSTS
           : strcmp(key, "pem") == 0   ? INI_VALUE_PEM
           : strcmp(key, "line") == 0  ? INI_VALUE_LINE
                                       : INI_VALUE_TEXT;
}

static bool is_key(void *context, const char *section, const char *name, size_t size) {
    cr_assert_eq(context, &faults);
    cr_assert_str_eq(section, "a");
    return (size == 5 && strncasecmp(name, "known", size) == 0) ||
           (size == 7 && strncasecmp(name, "group.x", size) == 0);
}

static const struct ini_rules some_rules = {value_of, is_key, &faults};

/* Each line, indented under the key with that value, is taken or refused. */
static void check_lines(const char *head, const char *const *lines, bool is_good) {
    rules = &some_rules;
    for (; *lines != NULL; lines++) {
        char data[200];
        snprintf(data, sizeof data, "[a]\n%s\n  %s\nz = 3\n", head, *lines);
        cr_assert_eq(read_text(data), is_good, "%s: %s", data, all_faults());
        cr_assert(is_good || strncmp(all_faults(), "f:3: ", 5) == 0, "%s", all_faults());
    }
    rules = NULL;
}

Test(ini, a_value_of_one_line_has_no_second) {
    check_lines("line = 1",
                (const char *const[]){"2", "y = 1", "known:x", "group.x==1", "two words",
                                      "y=", "AbQ=", "b:9092", "http://h", "[1]", NULL},
                false);
}

Test(ini, a_list_goes_on_with_items) {
    check_lines("list = QQQ",
                (const char *const[]){"SPY", "SPY, TSLA,", "NYSE:IBM", "ES=F, EURUSD=X", "BRK.B",
                                      "SPY ; behind", "five", NULL},
                true);
    check_lines("list = QQQ",
                (const char *const[]){"known=", "known:no", "Known: no", "KNOWN=1", "y = 3",
                                      "x y = 3", "y:", "y=", "y:9092", "SPY, known = no", "ES = F",
                                      "[b]", NULL},
                false);
}

Test(ini, a_list_of_hosts_goes_on_with_hosts) {
    check_lines("hosts = a:9092",
                (const char *const[]){"b:9092", "b-1.example.org:9092,c:9092", "10.0.0.1:9092",
                                      "[::1]:9092", "SSL://b:9093", "b", NULL},
                true);
    check_lines("hosts = a:9092",
                (const char *const[]){"group.x:5", "known:9092", "b=1", "b: 9092", "y = 1",
                                      "b:9092, known=1", NULL},
                false);
}

Test(ini, a_pem_text_goes_on_with_pem) {
    check_lines(
        "pem = -----BEGIN KEY-----",
        (const char *const[]){"MIIB", "AbQ=", "kQ==", "-----END KEY-----", "Proc-Type: 4", NULL},
        true);
    check_lines("pem = -----BEGIN KEY-----",
                (const char *const[]){"known=", "group.x = y", "y: 1", "two words", "Known: 1",
                                      "a.b:c", NULL},
                false);
}

Test(ini, a_text_goes_on_with_what_is_no_key) {
    check_lines("text = a",
                (const char *const[]){"b", "two words", "if a: b", "NYSE:IBM", "12:30", NULL},
                true);
    check_lines("text = a",
                (const char *const[]){"known=", "known:9092", "KNOWN:x", "y:x", "Window: 3", NULL},
                false);
}

/* It may be a secret. */
Test(ini, a_line_that_is_refused_is_not_shown) {
    rules = &some_rules;
    refuse("[a]\nline = 1\n  hunter2\n",
           "f:3: the line is indented deeper than line above it and would continue its value, "
           "where it is not allowed: start it in the same column as the other keys\n");
    rules = NULL;
}

static uint64_t state = 88172645463325252ULL;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Every fault has its line, and every entry lies in a section and on a line of the file. */
static void check_sane(const char *data, size_t size) {
    int lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    for (size_t i = 0; i < faults.count; i++) {
        int line = 0;
        cr_assert_eq(sscanf(faults.items[i].text, "f:%d: ", &line), 1, "%s", faults.items[i].text);
        cr_assert(line >= 1 && line <= lines);
    }
    for (size_t i = 0; i < ini.entry_count; i++) {
        cr_assert_lt(ini.entries[i].section, ini.section_count);
        cr_assert(ini.entries[i].place.line > 1 && ini.entries[i].place.line <= lines);
        cr_assert_gt(strlen(ini.entries[i].key), 0);
    }
}

Test(ini, random_bytes_are_survived) {
    char data[600];
    for (int round = 0; round < 20000; round++) {
        size_t size = next_random() % sizeof data;
        for (size_t i = 0; i < size; i++)
            data[i] = (char)next_random();
        read_bytes(data, size);
        check_sane(data, size);
    }
}

Test(ini, random_pieces_of_grammar_are_survived) {
    static const char *const pieces[] = {"[",
                                         "]",
                                         "[a]",
                                         "[strategy:x]",
                                         "=",
                                         ":",
                                         " ",
                                         "\t",
                                         "\n",
                                         "\r\n",
                                         ";",
                                         " ;",
                                         "#",
                                         "x",
                                         "key = value",
                                         "  more",
                                         "\xEF\xBB\xBF",
                                         "\xC3\xA9",
                                         "\xC3",
                                         "lanes",
                                         "\n\n",
                                         "[b]\n",
                                         "\nlongish-longish-longish-longish-longish-longish-longish"
                                         "-longish-longish-longish-longish-longish-longish"};
    char data[2000];
    for (int round = 0; round < 20000; round++) {
        size_t size = 0;
        for (uint64_t count = next_random() % 40; count > 0; count--) {
            const char *piece = pieces[next_random() % (sizeof pieces / sizeof pieces[0])];
            if (size + strlen(piece) > sizeof data)
                break;
            memcpy(data + size, piece, strlen(piece));
            size += strlen(piece);
        }
        read_bytes(data, size);
        check_sane(data, size);
    }
}
