/* How the directory of a rerun is made. */
#include "rerun/rerun.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool put(const char *directory, const char *name, const char *bytes, size_t size,
                struct error *error) {
    char *path = text_format("%s/%s", directory, name);
    if (path == NULL)
        return error_set_memory(error, "a path");
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool did = file >= 0 && io_write_all(file, bytes, size);
    if (file >= 0 && close(file) != 0)
        did = false;
    if (!did)
        error_set_errno(error, errno, "cannot write %s", path);
    free(path);
    return did;
}

static bool put_text(const char *directory, const char *name, const struct text *text,
                     struct error *error) {
    return text_is_oom(text) ? error_set_memory(error, name)
                             : put(directory, name, text->data, text->size, error);
}

static bool make_directory(const char *path, struct error *error) {
    return mkdir(path, 0700) == 0 || errno == EEXIST ||
           error_set_errno(error, errno, "cannot create %s", path);
}

bool rerun_make(const char *directory, struct error *error) {
    char *strategies = text_format("%s/strategies", directory);
    char *checkpoints = text_format("%s/checkpoints", directory);
    bool did = (strategies != NULL && checkpoints != NULL) || error_set_memory(error, "a path");
    did = did && make_directory(directory, error) && make_directory(strategies, error) &&
          make_directory(checkpoints, error);
    free(strategies);
    free(checkpoints);
    return did;
}

bool rerun_put_ini(const char *directory, size_t phase, const struct text *ini,
                   struct error *error) {
    char name[32];
    snprintf(name, sizeof name, "%zu.ini", phase);
    return put_text(directory, name, ini, error);
}

/* Beside the strategy, where it finds them. */
static bool put_libraries(const char *directory, const struct strategy_file *file,
                          struct error *error) {
    for (size_t i = 0; i < file->library_count; i++) {
        const struct strategy_library *library = &file->libraries[i];
        const char *slash = strrchr(library->name, '/');
        char *name = text_format("strategies/%s", slash != NULL ? slash + 1 : library->name);
        const bool did = name != NULL ? put(directory, name, library->bytes, library->size, error)
                                      : error_set_memory(error, "a path");
        free(name);
        if (!did)
            return false;
    }
    return true;
}

bool rerun_put_strategy(const char *directory, size_t phase, const struct strategy_file *file,
                        struct error *error) {
    char name[128];
    snprintf(name, sizeof name, "strategies/%zu-%s.so", phase, file->name);
    return put(directory, name, file->bytes, file->size, error) &&
           put_libraries(directory, file, error);
}

bool rerun_put_checkpoint(const char *directory, const struct checkpoint *checkpoint,
                          struct error *error) {
    char name[64];
    struct text bytes;
    snprintf(name, sizeof name, "checkpoints/%" PRId32 ".checkpoint", checkpoint->partition);
    text_init(&bytes);
    checkpoint_encode(checkpoint, &bytes);
    const bool did = put_text(directory, name, &bytes, error);
    text_release(&bytes);
    return did;
}

bool rerun_put_journal(const char *directory, const struct text *journal, struct error *error) {
    return put_text(directory, "journal", journal, error);
}

bool rerun_put_reloads(const char *directory, const uint64_t *before, size_t count,
                       struct error *error) {
    struct text lines;
    text_init(&lines);
    for (size_t i = 0; i < count; i++)
        text_printf(&lines, "%" PRIu64 "\n", before[i]);
    const bool did = put_text(directory, "reloads", &lines, error);
    text_release(&lines);
    return did;
}

bool rerun_put_fatal(const char *directory, uint64_t before, bool does_save, struct error *error) {
    struct text line;
    text_init(&line);
    text_printf(&line, "%" PRIu64 "%s\n", before, does_save ? " save" : "");
    const bool did = put_text(directory, "fatal", &line, error);
    text_release(&line);
    return did;
}
