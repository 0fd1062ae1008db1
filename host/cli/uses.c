#include "cli/uses.h"

#include "base/text.h"
#include "config/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool uses_read(struct file_uses *uses, const char *what, const char *path, struct error *error) {
    return path == NULL || file_uses_add(uses, FILE_USE_KEPT, what, path, error);
}

#define PAGE_MARK "<!doctype html>\n<!-- take5 report -->\n" /* tearsheet/tearsheet_page.c */

/* Whether it is what a command of ours writes: somebody's old result, which may be replaced. */
static bool is_result(const char *path) {
    struct stat status;
    char begin[sizeof PAGE_MARK - 1] = "";
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const ssize_t size = file >= 0 ? read(file, begin, sizeof begin) : -1;
    if (file >= 0)
        close(file);
    return size == 0 || (size > 0 && begin[0] == '{') ||
           (size == sizeof begin && memcmp(begin, PAGE_MARK, sizeof begin) == 0);
}

struct keeping {
    struct file_uses *uses;
    bool keeps_beside; /* also what lies beside strategies */
};

static bool keep_file(void *context, const struct config_file *file, struct error *error) {
    const struct keeping *keeping = context;
    if (file->kind == CONFIG_FILE_BESIDE && !keeping->keeps_beside)
        return true;
    if (file->kind != CONFIG_FILE_WRITTEN)
        return uses_read(keeping->uses, file->what, file->path, error);
    char *what = text_format("%s of the service", file->what);
    const bool did = what != NULL ? uses_read(keeping->uses, what, file->path, error)
                                  : error_set_memory(error, "the names of files");
    free(what);
    return did;
}

bool uses_keep_config(struct file_uses *uses, const struct config *config, const char *output,
                      struct error *error) {
    struct keeping keeping = {uses, output != NULL && !is_result(output)};
    return config == NULL || config_files(config, keep_file, &keeping, error);
}

bool uses_write(struct file_uses *uses, const char *path, struct error *error) {
    if (path != NULL && strcmp(path, "-") != 0)
        return file_uses_add(uses, FILE_USE_WRITTEN, "-o", path, error);
    return file_uses_add_open(uses, FILE_USE_WRITTEN, "the standard output", STDOUT_FILENO, error);
}

static bool judge_file(void *context, const struct config_file *file, struct error *error) {
    const bool is_judged =
        file->kind == CONFIG_FILE_WRITTEN && strcmp(file->what, "[log] path") != 0;
    return !is_judged || file_uses_add(context, FILE_USE_WRITTEN, file->what, file->path, error);
}

bool uses_judge_service(const struct config *config, struct error *error) {
    struct file_uses uses = {0};
    const bool did =
        file_uses_add_open(&uses, FILE_USE_KEPT, "the standard output", STDOUT_FILENO, error) &&
        file_uses_add_open(&uses, FILE_USE_KEPT, "the standard error", STDERR_FILENO, error) &&
        config_files(config, judge_file, &uses, error);
    file_uses_release(&uses);
    return did;
}
