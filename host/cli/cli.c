#include "cli/cli.h"

#include "base/array.h"
#include "config/control_endpoint.h"
#include "config/place/install_paths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

typedef void make_visible(struct text *text, const char *data, size_t size);

/* The one state of this room's: what prints is called from everywhere, and the stream's error flag
 * cannot be set. */
static atomic_bool is_oom;

void note_oom(void) {
    static const char text[] = "take5: out of memory: a message was lost\n";
    if (!atomic_exchange(&is_oom, true))
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

bool was_oom(void) {
    return atomic_load(&is_oom);
}

/* What memory does not suffice for is left out, and noted: nobody reads a text in two halves. */
__attribute__((format(printf, 4, 0))) static void
print(FILE *file, make_visible *visible, const char *head, const char *format, va_list args) {
    struct text text, shown;
    text_init(&text);
    text_init(&shown);
    text_vprintf(&text, format, args);
    text_puts(&shown, head);
    visible(&shown, text.data, text.size);
    if (visible == text_visible)
        text_putc(&shown, '\n');
    if (text_is_oom(&text) || text_is_oom(&shown))
        note_oom();
    else
        fwrite(shown.data, 1, shown.size, file);
    text_release(&text);
    text_release(&shown);
}

void print_out(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print(stdout, text_visible_lines, "", format, args);
    va_end(args);
}

bool print_text(const struct text *text) {
    if (text_is_oom(text))
        note_oom();
    else
        fwrite(text->data, 1, text->size, stdout);
    return !text_is_oom(text);
}

void print_err(const char *format, ...) {
    va_list args;
    va_start(args, format);
    print(stderr, text_visible, "take5: ", format, args);
    va_end(args);
}

void print_notice(const char *head, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print(stderr, text_visible, head, format, args);
    va_end(args);
}

int fail(int code, const struct error *error) {
    print_err("%s", error->text);
    return code;
}

struct log *log_for_command(void) {
    struct log *log = log_new();
    if (log == NULL)
        print_err("out of memory");
    else
        log_set_level(log, NULL, LOG_LEVEL_WARNING);
    return log;
}

int leave_without_strategies(int code) {
#ifndef TAKE5_IS_SANITIZED
    (void)fflush(NULL);
    _exit(code);
#endif
    return code;
}

void print_faults(const struct faults *faults) {
    for (size_t i = 0; i < faults->count; i++)
        print_notice(faults->items[i].is_warning ? "warning: " : "", "%s",
                     faults->items[i].text != NULL ? faults->items[i].text : "out of memory");
    if (faults->is_oom)
        print_err("out of memory; the list of errors may be incomplete");
}

bool config_options_add(struct config_options *options, const char *argument) {
    const char *equals = strchr(argument, '=');
    const char *dot = strchr(argument, '.');
    if (equals == NULL || dot == NULL || dot > equals || dot == argument || dot + 1 == equals) {
        print_err("-s %s: must be SECTION.KEY=VALUE", argument);
        return false;
    }
    char *text = strdup(argument);
    if (text == NULL ||
        !ARRAY_GROW(options->overrides, options->override_count, options->override_capacity)) {
        free(text);
        print_err("out of memory");
        return false;
    }
    text[dot - argument] = '\0';
    text[equals - argument] = '\0';
    options->overrides[options->override_count++] = (struct config_override){
        .section = text,
        .key = text + (dot - argument) + 1,
        .value = text + (equals - argument) + 1,
        .origin = options->origin,
    };
    return true;
}

bool config_options_set(struct config_options *options, const char *key, const char *value) {
    char *text = text_format("%s=%s", key, value);
    const bool did = text != NULL && config_options_add(options, text);
    if (text == NULL)
        print_err("out of memory for a setting");
    free(text);
    return did;
}

void config_options_release(struct config_options *options) {
    for (size_t i = 0; i < options->override_count; i++)
        free((char *)options->overrides[i].section);
    free(options->overrides);
    options->overrides = NULL;
    options->override_count = options->override_capacity = 0;
}

/* The file to load: the one that was named, or the system's. NULL: none. */
static const char *file_of(const struct config_options *options, struct install_paths *paths) {
    if (options->path != NULL || options->is_demo || options->is_bare)
        return options->path;
    install_paths_find(paths);
    /* One behind a directory that this user may not enter is there, and is to be reported. */
    return access(paths->config_file, F_OK) == 0 || errno == EACCES ? paths->config_file : NULL;
}

bool config_options_has_file(const struct config_options *options) {
    struct install_paths paths;
    return file_of(options, &paths) != NULL;
}

static struct config_request request_of(const struct config_options *options,
                                        struct install_paths *paths) {
    return (struct config_request){
        .path = file_of(options, paths),
        .environment = (const char *const *)environ,
        .overrides = options->overrides,
        .override_count = options->override_count,
        .is_demo = options->is_demo,
        .is_trusting_nobody = options->is_trusting_nobody,
        .worker = options->worker,
        .in_force = options->in_force,
    };
}

struct config *config_options_read(const struct config_options *options, struct faults *faults) {
    struct install_paths paths;
    const struct config_request request = request_of(options, &paths);
    return config_load(&request, faults);
}

bool config_options_read_control(const struct config_options *options,
                                 struct config_control *control, struct faults *faults) {
    struct install_paths paths;
    struct config_request request = request_of(options, &paths);
    request.is_path_optional = options->path == NULL;
    return config_control_read(&request, control, faults);
}

struct config *config_options_load(const struct config_options *options) {
    struct faults faults = FAULTS_INIT;
    struct config *config = config_options_read(options, &faults);
    print_faults(&faults);
    faults_release(&faults);
    return config;
}

struct config *config_options_load_anyway(const struct config_options *options, bool *has_errors) {
    struct faults faults = FAULTS_INIT;
    struct install_paths paths;
    const struct config_request request = request_of(options, &paths);
    struct config *config = config_load_anyway(&request, &faults);
    *has_errors = faults.error_count > 0;
    print_faults(&faults);
    faults_release(&faults);
    return config;
}
