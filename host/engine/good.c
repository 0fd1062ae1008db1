#include "engine/good.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static bool copy(const char *from, const char *to, struct error *error) {
    bool did = false;
    struct stat status;
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (out < 0 || fstat(in, &status) != 0) {
        error_set_errno(error, errno, "cannot copy %s to %s", from, to);
        goto done;
    }
    for (off_t left = status.st_size; left > 0;) {
        const ssize_t sent = sendfile(out, in, NULL, (size_t)left);
        if (sent <= 0) {
            error_set_errno(error, errno, "cannot write %s", to);
            goto done;
        }
        left -= sent;
    }
    did = fsync(out) == 0 || error_set_errno(error, errno, "cannot write %s", to);
done:
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return did;
}

bool good_keep(const char *state_dir, const struct generation *generation, struct error *error) {
    struct hash hash;
    struct error none;
    bool did = false;
    char *directory = text_format("%s/good", state_dir);
    char *path = text_format("%s/good/%s.so", state_dir, generation->name);
    char *beside = text_format("%s/good/.%s.new", state_dir, generation->name);
    if (directory == NULL || path == NULL || beside == NULL) {
        error_set_memory(error, 0, "a path");
        goto done;
    }
    did = hash_file(path, &hash, &none) && hash_equal(hash, generation->hash);
    if (did)
        goto done;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        error_set_errno(error, errno, "cannot make %s", directory);
        goto done;
    }
    did = copy(generation->cache_path, beside, error);
    if (did && rename(beside, path) != 0)
        did = error_set_errno(error, errno, "cannot rename %s to %s", beside, path);
    if (!did)
        unlink(beside);
done:
    free(directory);
    free(path);
    free(beside);
    return did;
}

bool good_read(const char *state_dir, const char *name, struct strategy_file *file) {
    struct error error;
    char *path = text_format("%s/good/%s.so", state_dir, name);
    bool did = path != NULL && strategy_file_read(path, file, &error);
    if (did && (strcmp(file->name, name) != 0 || !strategy_file_judge(file, &error))) {
        strategy_file_release(file);
        did = false;
    }
    free(path);
    return did;
}
