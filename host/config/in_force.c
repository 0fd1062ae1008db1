#include "config/in_force.h"

#include "base/io.h"
#include "base/text.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT    "take5 configuration 1\n"
#define END       "0 0 0\n"
/* More than all ini files of a deployment. */
#define SIZE_MOST ((size_t)256 << 20)
#define PATH_MOST ((size_t)1 << 16)
#define FILE_MOST ((size_t)16 << 20)

static bool write_files(const struct config *config, int fd) {
    bool did = io_write_all(fd, FORMAT, strlen(FORMAT));
    for (size_t i = 0; did && i < config->ini_file_count; i++) {
        const struct config_ini *file = &config->ini_files[i];
        const size_t path_size = strlen(file->path);
        char head[64];
        const int size =
            snprintf(head, sizeof head, "%d %zu %zu\n", (int)file->kind, path_size, file->size);
        did = io_write_all(fd, head, (size_t)size) && io_write_all(fd, file->path, path_size) &&
              io_write_all(fd, file->data, file->size);
    }
    return did && io_write_all(fd, END, strlen(END));
}

bool in_force_write(const struct config *config, const char *path, struct error *error) {
    char *beside = text_format("%s.new", path);
    if (beside == NULL)
        return error_set_memory(error, "a path");
    const int fd = private_file_create(beside, error);
    bool did = fd >= 0;
    if (did)
        did = (write_files(config, fd) && rename(beside, path) == 0) ||
              error_set_errno(error, errno, "cannot write %s", path);
    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && !did)
        (void)unlink(beside);
    free(beside);
    return did;
}

/* "KIND PATH-SIZE SIZE\n" at `*at`, which moves behind it. */
static bool read_head(const char **at, const char *end, size_t numbers[3]) {
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    for (int i = 0; line_end != NULL && i < 3; i++) {
        char *behind;
        errno = 0;
        numbers[i] = strtoul(*at, &behind, 10);
        if (errno != 0 || behind == *at || behind > line_end || *behind != (i < 2 ? ' ' : '\n'))
            return false;
        *at = behind + 1;
    }
    return line_end != NULL;
}

static bool read_one(struct config *config, const size_t numbers[3], const char *at,
                     struct error *error) {
    struct config_ini *file =
        config_add_ini(config, (enum config_ini_kind)numbers[0], at, numbers[1]);
    if (file != NULL) {
        file->data = text_dup(at + numbers[1], numbers[2]);
        file->size = numbers[2];
    }
    return (file != NULL && file->data != NULL) ||
           error_set_memory(error, "the configuration's files");
}

static bool read_files(struct config *config, const char *at, const char *end,
                       struct error *error) {
    size_t numbers[3];
    while (read_head(&at, end, numbers) && numbers[0] <= CONFIG_INI_DROP_IN &&
           numbers[1] <= PATH_MOST && numbers[2] <= FILE_MOST &&
           numbers[1] + numbers[2] <= (size_t)(end - at)) {
        if (numbers[0] == 0 && at == end)
            return true;
        if (numbers[0] == 0)
            break;
        if (!read_one(config, numbers, at, error))
            return false;
        at += numbers[1] + numbers[2];
    }
    return error_set(error, ERROR_INVALID, "is damaged; `take5 ctl reload` writes it again");
}

bool in_force_read(struct config *config, const char *path, struct error *error) {
    const int fd = private_file_open(path, O_RDONLY, error);
    if (fd < 0)
        return false;
    size_t size = 0;
    char *data = io_read_whole(fd, SIZE_MOST, &size);
    bool did = data != NULL || error_set_errno(error, errno, "cannot be read");
    (void)close(fd);
    if (did && strncmp(data, FORMAT, strlen(FORMAT)) != 0)
        did = error_set(error, ERROR_INVALID,
                        "is damaged, or of another version of take5: restart the host");
    did = did && read_files(config, data + strlen(FORMAT), data + size, error);
    free(data);
    return did;
}
