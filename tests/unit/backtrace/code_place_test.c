#include "backtrace/code_place.h"
#include "backtrace/locate_serve.h"

#include <take5/take5.h>

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCE TAKE5_SOURCE_DIR "/tests/plugins/crash_deep.c"

/* Of the one line of the source that begins with it. */
static int line_of(const char *beginning) {
    char line[512];
    FILE *file = fopen(SOURCE, "r");
    int found = 0;
    cr_assert_not_null(file);
    for (int number = 1; fgets(line, sizeof line, file) != NULL; number++)
        if (strncmp(line, beginning, strlen(beginning)) == 0)
            found = number;
    fclose(file);
    cr_assert_gt(found, 0);
    return found;
}

struct plugin {
    char path[512];
    void *library;
    struct code_file *file;
    uint64_t on_message; /* its address in the file */
};

static void open_plugin(struct plugin *plugin, const char *name) {
    Dl_info info;
    snprintf(plugin->path, sizeof plugin->path, TAKE5_BUILD_DIR "/tests/plugins/%s.so", name);
    plugin->library = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(plugin->library, "%s", dlerror());
    const t5_strategy *strategy = dlsym(plugin->library, T5_DESCRIPTOR_SYMBOL);
    cr_assert_not_null(strategy);
    const uintptr_t code = (uintptr_t)strategy->on_message;
    cr_assert_neq(dladdr((const void *)code, &info), 0);
    plugin->on_message = code - (uintptr_t)info.dli_fbase;
    plugin->file = code_file_open(plugin->path);
    cr_assert_not_null(plugin->file);
}

static void close_plugin(struct plugin *plugin) {
    code_file_close(plugin->file);
    dlclose(plugin->library);
}

/* To be freed. */
static char *place(const struct plugin *plugin, uint64_t address, bool is_return) {
    struct text text;
    text_init(&text);
    code_place_add(plugin->file, "alpha.so", address, is_return, &text);
    return text_take(&text);
}

static void expect_place(const struct plugin *plugin, uint64_t offset, const char *pattern) {
    regex_t regex;
    char *found = place(plugin, plugin->on_message + offset, false);
    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_expect_eq(regexec(&regex, found, 0, NULL, 0), 0, "%s is not %s", found, pattern);
    regfree(&regex);
    free(found);
}

Test(code_place, with_debug_information_it_is_function_and_line) {
    struct plugin plugin;
    char expected[64];
    open_plugin(&plugin, "crash_deep_store");
    snprintf(expected, sizeof expected, "on_message (crash_deep.c:%d)",
             line_of("static int32_t on_message"));
    char *found = place(&plugin, plugin.on_message, false);
    cr_expect_str_eq(found, expected);
    free(found);
    close_plugin(&plugin);
}

Test(code_place, a_return_address_stands_for_the_call_before_it) {
    struct plugin plugin;
    open_plugin(&plugin, "crash_deep_store");
    char *found = place(&plugin, plugin.on_message, true);
    cr_expect_null(strstr(found, "on_message"), "%s", found); /* what lies before it */
    free(found);
    close_plugin(&plugin);
}

Test(code_place, with_symbols_alone_it_is_function_and_offset) {
    struct plugin plugin;
    open_plugin(&plugin, "crash_deep_symbols");
    expect_place(&plugin, 4, "^on_message\\+0x4 \\(alpha\\.so\\)$");
    close_plugin(&plugin);
}

Test(code_place, with_neither_it_is_the_address_in_the_file) {
    struct plugin plugin;
    open_plugin(&plugin, "crash_deep_stripped");
    char expected[64];
    snprintf(expected, sizeof expected, "^alpha\\.so\\+0x%llx$",
             (unsigned long long)plugin.on_message);
    expect_place(&plugin, 0, expected);
    close_plugin(&plugin);
}

Test(code_place, the_address_of_a_byte_is_where_its_segment_is_mapped) {
    struct plugin plugin;
    uint64_t address;
    open_plugin(&plugin, "crash_deep_store");
    cr_assert(code_file_address(plugin.file, plugin.on_message, &address));
    cr_expect_eq(address, plugin.on_message); /* code lies in the file as in memory */
    cr_expect_not(code_file_address(plugin.file, UINT64_MAX, &address));
    close_plugin(&plugin);
}

Test(code_place, what_is_no_elf_file_is_refused) {
    cr_expect_null(code_file_open(SOURCE));
    cr_expect_null(code_file_open("/nowhere"));
    cr_expect_null(code_file_open("/"));
}

Test(code_place, a_cut_or_damaged_file_gives_some_answer) {
    struct plugin plugin;
    char path[] = "/tmp/take5-damaged-XXXXXX", bytes[65536];
    open_plugin(&plugin, "crash_deep_store");
    FILE *whole = fopen(plugin.path, "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, whole);
    fclose(whole);
    const int fd = mkstemp(path);
    for (size_t cut = 0; cut < size; cut += size / 20 + 1) {
        cr_assert_eq(ftruncate(fd, 0), 0);
        cr_assert_eq(pwrite(fd, bytes, cut, 0), (ssize_t)cut);
        struct code_file *file = code_file_open(path);
        struct text text;
        text_init(&text);
        code_place_add(file, "alpha.so", plugin.on_message, false, &text);
        cr_expect_gt(text.size, 0);
        text_release(&text);
        code_file_close(file);
    }
    close(fd);
    unlink(path);
    close_plugin(&plugin);
}

static void expect_name(const char *path, const char *expected) {
    char name[128];
    locate_file_name(path, name, sizeof name);
    cr_expect_str_eq(name, expected);
}

Test(locate, a_private_copy_has_the_name_of_its_file) {
    const char *hash = "0123456789abcdef0123456789abcdef";
    char path[256];
    snprintf(path, sizeof path, "/cache/my-alpha-%s-12.so", hash);
    expect_name(path, "my-alpha.so");
    snprintf(path, sizeof path, "/cache/my-alpha-%s-12.d/0-libx.so.1", hash);
    expect_name(path, "libx.so.1");
    snprintf(path, sizeof path, "/cache/%s-12.so", hash);
    expect_name(path, strrchr(path, '/') + 1);
    expect_name("/usr/lib/3-d.so", "3-d.so");
    expect_name("/usr/lib/libc.so.6 (deleted)", "libc.so.6");
    expect_name("alpha.so", "alpha.so");
}

/* ---- a request through the pipe ---- */

static char *serve(const struct locate_request *request, size_t size) {
    int input[2], output[2];
    static char answer[LOCATE_ANSWER];
    const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(pipe(input) + pipe(output), 0);
    cr_assert_eq(write(input[1], request, size), (ssize_t)size);
    close(input[1]);
    const bool did = locate_serve(input[0], output[1], maps);
    close(output[1]);
    const ssize_t got = did ? read(output[0], answer, sizeof answer - 1) : 0;
    answer[got > 0 ? got : 0] = '\0';
    close(input[0]);
    close(output[0]);
    close(maps);
    return did ? answer : NULL;
}

Test(locate, the_innermost_frame_below_the_directory_is_the_place) {
    struct plugin plugin;
    struct locate_request request = {.directory = TAKE5_BUILD_DIR "/tests/plugins"};
    char expected[256];
    open_plugin(&plugin, "crash_deep_store");
    const t5_strategy *strategy = dlsym(plugin.library, T5_DESCRIPTOR_SYMBOL);
    void *const frames[] = {(void *)(uintptr_t)&regcomp,
                            (void *)((uintptr_t)strategy->on_message + 1)};
    locate_set_frames(&request, NULL, frames, 2);
    snprintf(expected, sizeof expected, "on_message (crash_deep.c:%d)\n",
             line_of("static int32_t on_message"));
    const char *answer = serve(&request, sizeof request);
    cr_assert_not_null(answer);
    cr_expect_eq(strncmp(answer, expected, strlen(expected)), 0, "%s", answer);
    cr_expect_not_null(strstr(strchr(answer, '\n') + 1, expected), "%s", answer);
    request.directory[0] = '\0';
    answer = serve(&request, sizeof request);
    cr_expect_eq(answer[0], '\n', "%s", answer);
    close_plugin(&plugin);
}

Test(locate, what_is_no_request_is_refused) {
    struct locate_request request = {.count = LOCATE_FRAMES + 1};
    cr_expect_null(serve(&request, sizeof request));
    request.count = 0;
    cr_expect_null(serve(&request, sizeof request - 1));
    cr_expect_not_null(serve(&request, sizeof request));
    memset(request.directory, 'x', sizeof request.directory);
    cr_expect_null(serve(&request, sizeof request));
}

Test(locate, frames_begin_with_the_instruction_that_failed) {
    struct locate_request request = {.count = 3};
    void *const frames[] = {(void *)1, (void *)2, (void *)7, (void *)8};
    locate_set_frames(&request, (void *)7, frames, 4);
    cr_expect_eq(request.count, 2);
    cr_expect_eq(request.frames[0], 7);
    cr_expect_eq(request.frames[1], 8);
    cr_expect_neq(request.is_exact, 0);
    locate_set_frames(&request, NULL, frames, 4);
    cr_expect_eq(request.count, 4);
    cr_expect_eq(request.is_exact, 0);
}
