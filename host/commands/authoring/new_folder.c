#include "commands/authoring/new_folder.h"

#include "base/io.h"
#include "base/text.h"
#include "strategy/plugin/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Less what the user's mask takes. */
#define FOLDER_MODE 0777
#define FILE_MODE   0666

bool new_name_check(const char *name, struct error *error) {
    /* Targets that CMake makes by itself. */
    static const char *const taken[] = {
        "all",           "clean",          "edit_cache",
        "help",          "install",        "list_install_components",
        "package",       "package_source", "preinstall",
        "rebuild_cache", "test",           NULL};
    if (!descriptor_is_name(name))
        return error_set(
            error, ERROR_INVALID,
            "%s: not a valid strategy name: it starts with a to z, continues with a to z, "
            "0 to 9, _ and -, and has at most 63 characters",
            name);
    for (size_t i = 0; taken[i] != NULL; i++)
        if (strcmp(taken[i], name) == 0)
            return error_set(error, ERROR_INVALID,
                             "%s: a build has a target of that name: choose another name", name);
    return true;
}

/* ---- texts ---- */

struct placeholders {
    const char *name, *language, *standard, *extension;
};

/* The word for the placeholder at `at`, and how long the placeholder is; NULL: none is there. */
static const char *word_at(const struct placeholders *words, const char *at, const char *end,
                           size_t *size) {
    const struct {
        const char *placeholder, *word;
    } known[] = {{"@NAME@", words->name},
                 {"@LANGUAGE@", words->language},
                 {"@STANDARD@", words->standard},
                 {"@EXTENSION@", words->extension}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *size = strlen(known[i].placeholder);
        if (*size <= (size_t)(end - at) && memcmp(known[i].placeholder, at, *size) == 0)
            return known[i].word;
    }
    return NULL;
}

static void fill_in(const struct placeholders *words, const char *at, const char *end,
                    struct text *out) {
    while (at < end) {
        size_t size;
        const char *word = *at == '@' ? word_at(words, at, end, &size) : NULL;
        if (word != NULL) {
            text_puts(out, word);
            at += size;
        } else {
            text_putc(out, *at++);
        }
    }
}

/* ---- files ---- */

static bool write_file(int folder, const char *name, const struct text *text, struct error *error) {
    const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot create %s", name);
    const bool did_write = io_write_all(fd, text->data, text->size);
    const int failure = errno;
    if (close(fd) != 0 && did_write)
        return error_set_errno(error, errno, "cannot write %s", name);
    return did_write || error_set_errno(error, failure, "cannot write %s", name);
}

static bool write_one(int folder, const struct new_file *file, const struct placeholders *words,
                      struct error *error) {
    struct text name, text;
    text_init(&name);
    text_init(&text);
    fill_in(words, file->name, file->name + strlen(file->name), &name);
    fill_in(words, file->text, file->end, &text);
    const bool is_good = text_is_oom(&name) || text_is_oom(&text)
                             ? error_set_memory(error, file->name)
                             : write_file(folder, name.data, &text, error);
    text_release(&name);
    text_release(&text);
    return is_good;
}

static bool write_files(int folder, const char *name, enum new_language language,
                        struct error *error) {
    const struct placeholders words = {.name = name,
                                       .language = language == NEW_C ? "C" : "CXX",
                                       .standard = language == NEW_C ? "11" : "17",
                                       .extension = language == NEW_C ? "c" : "cpp"};
    for (const struct new_file *file = new_files; file->name != NULL; file++)
        if ((file->languages & 1u << language) != 0 && !write_one(folder, file, &words, error))
            return false;
    return true;
}

/* ---- the folder ---- */

/* Of what was written into it, nothing but files can be there. */
static void remove_folder(const char *path, const char *name, enum new_language language) {
    const struct placeholders words = {.name = name, .extension = language == NEW_C ? "c" : "cpp"};
    for (const struct new_file *file = new_files; file->name != NULL; file++) {
        struct text text;
        text_init(&text);
        text_printf(&text, "%s/", path);
        fill_in(&words, file->name, file->name + strlen(file->name), &text);
        (void)unlink(text.data);
        text_release(&text);
    }
    (void)rmdir(path);
}

static bool give_name(const char *path, const char *name, struct error *error) {
    if (renameat2(AT_FDCWD, path, AT_FDCWD, name, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EEXIST)
        return error_set(error, ERROR_INVALID, "%s: already exists", name);
    return error_set_errno(error, errno, "cannot create %s", name);
}

bool new_folder_write(const char *name, enum new_language language, struct error *error) {
    struct stat status;
    char path[128];
    if (lstat(name, &status) == 0)
        return error_set(error, ERROR_INVALID,
                         "%s: already exists: remove it, or choose another"
                         " name",
                         name);
    (void)snprintf(path, sizeof path, ".%s-%ld", name, (long)getpid());
    if (mkdir(path, FOLDER_MODE) != 0)
        return error_set_errno(error, errno, "cannot create %s", path);
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_good = folder >= 0 || error_set_errno(error, errno, "cannot open %s", path);
    is_good = is_good && write_files(folder, name, language, error) && give_name(path, name, error);
    if (folder >= 0)
        (void)close(folder);
    if (!is_good)
        remove_folder(path, name, language);
    return is_good;
}
