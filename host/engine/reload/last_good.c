#include "engine/reload/last_good.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "config/sections/worker_peers.h"
#include "os/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRATEGY_NAME "strategy.so"

static bool copy(const char *from, const char *to, struct error *error) {
    bool did = false;
    struct stat status;
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = -1;
    if (in < 0 || fstat(in, &status) != 0) {
        error_set_errno(error, errno, "cannot copy %s to %s", from, to);
        goto done;
    }
    out = private_file_create(to, error);
    if (out < 0)
        goto done;
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

static bool is_private(const char *path) {
    struct error error;
    const int fd = private_file_open(path, O_RDONLY, &error);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* It has the copy already: its time says when that went to work (last_good_read_newest()). */
static void note_at_work(const char *path) {
    (void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

/* ---- with libraries of its own ---- */

static bool write_file(const char *directory, const char *name, const char *bytes, size_t size,
                       struct error *error) {
    char *path = text_format("%s/%s", directory, name);
    const int fd = path != NULL ? private_file_create(path, error) : -1;
    bool did = fd >= 0;
    if (path == NULL)
        error_set_memory(error, "a path");
    if (did && (!io_write_all(fd, bytes, size) || fsync(fd) != 0))
        did = error_set_errno(error, errno, "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return did;
}

static void remove_directory(const char *path) {
    DIR *listing = opendir(path);
    if (listing == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    closedir(listing);
    (void)rmdir(path);
}

static bool write_whole(const char *directory, const struct strategy_file *file,
                        struct error *error) {
    remove_directory(directory);
    if (mkdir(directory, 0700) != 0)
        return error_set_errno(error, errno, "cannot create %s", directory);
    if (!write_file(directory, STRATEGY_NAME, file->bytes, file->size, error))
        return false;
    for (size_t i = 0; i < file->library_count; i++) {
        const struct strategy_library *library = &file->libraries[i];
        const char *slash = strrchr(library->name, '/');
        if (!write_file(directory, slash != NULL ? slash + 1 : library->name, library->bytes,
                        library->size, error))
            return false;
    }
    return true;
}

/* NAME.d. ERROR_SYSTEM with errno ENOENT: there is none. */
static bool read_whole(const char *directory, struct strategy_file *file, struct error *error) {
    if (!private_directory_check(directory, error))
        return false;
    char *path = text_format("%s/" STRATEGY_NAME, directory);
    const bool did = path != NULL ? strategy_file_read_kept(path, directory, file, error)
                                  : error_set_memory(error, "a path");
    free(path);
    return did;
}

/* What is in the cache was rewritten, so the files are read again: they are kept if they are what
 * was loaded. */
static bool keep_whole(const char *state_dir, const struct generation *generation,
                       struct error *error) {
    struct strategy_file file, kept;
    char *directory = text_format("%s/good/%s.d", state_dir, generation->name);
    char *beside = text_format("%s/good/.%s.d.new", state_dir, generation->name);
    bool did = directory != NULL && beside != NULL;
    if (!did) {
        error_set_memory(error, "a path");
        goto done;
    }
    if (read_whole(directory, &kept, error)) {
        const bool is_same = hash_equal(kept.hash, generation->hash);
        strategy_file_release(&kept);
        if (is_same) {
            note_at_work(directory);
            goto done;
        }
    }
    did = strategy_file_read(generation->source_path, &file, error);
    if (!did)
        goto done;
    if (!hash_equal(file.hash, generation->hash))
        did = error_set(error, ERROR_STATE, "%s changed after it was loaded",
                        generation->source_path);
    did = did && write_whole(beside, &file, error);
    strategy_file_release(&file);
    if (did)
        remove_directory(directory);
    if (did && rename(beside, directory) != 0)
        did = error_set_errno(error, errno, "cannot rename %s to %s", beside, directory);
done:
    free(directory);
    free(beside);
    return did;
}

/* ---- the whole ---- */

static bool last_good_write(const char *state_dir, const struct generation *generation,
                            struct error *error) {
    struct hash hash;
    struct error none;
    bool did = false;
    char *directory = text_format("%s/good", state_dir);
    char *path = text_format("%s/good/%s.so", state_dir, generation->name);
    char *beside = text_format("%s/good/.%s.new", state_dir, generation->name);
    char *whole = text_format("%s/good/%s.d", state_dir, generation->name);
    if (directory == NULL || path == NULL || beside == NULL || whole == NULL) {
        error_set_memory(error, "a path");
        goto done;
    }
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        error_set_errno(error, errno, "cannot create %s", directory);
        goto done;
    }
    if (!private_directory_check(directory, error))
        goto done;
    if (generation->is_rewritten) {
        did = keep_whole(state_dir, generation, error);
        if (did)
            unlink(path);
        goto done;
    }
    did = is_private(path) && hash_file(path, &hash, &none) && hash_equal(hash, generation->hash);
    if (did) {
        note_at_work(path);
        goto done;
    }
    did = copy(generation->cache_path, beside, error);
    if (did && rename(beside, path) != 0)
        did = error_set_errno(error, errno, "cannot rename %s to %s", beside, path);
    if (did)
        remove_directory(whole);
    else
        unlink(beside);
done:
    free(directory);
    free(path);
    free(beside);
    free(whole);
    return did;
}

/* The directory of a file with libraries, else the file alone. */
static bool read_either(const char *whole, const char *path, struct strategy_file *file,
                        struct error *error) {
    if (read_whole(whole, file, error))
        return true;
    return error->code == ERROR_SYSTEM && errno == ENOENT &&
           strategy_file_read_kept(path, whole, file, error);
}

enum last_good_outcome last_good_read(const char *state_dir, const char *name,
                                      struct strategy_file *file, struct error *error) {
    enum last_good_outcome outcome = LAST_GOOD_REFUSED;
    char *directory = text_format("%s/good", state_dir);
    char *path = text_format("%s/good/%s.so", state_dir, name);
    char *whole = text_format("%s/good/%s.d", state_dir, name);
    bool did = false;
    if (directory == NULL || path == NULL || whole == NULL)
        error_set_memory(error, "a path");
    else
        did = private_directory_check(directory, error) && read_either(whole, path, file, error);
    if (!did && error->code == ERROR_SYSTEM && errno == ENOENT) {
        outcome = LAST_GOOD_NONE;
    } else if (did) {
        if (strcmp(file->name, name) != 0)
            error_set(error, ERROR_INVALID, "%s: contains strategy %s", file->path, file->name);
        else if (strategy_file_judge(file, error))
            outcome = LAST_GOOD_READ;
        if (outcome != LAST_GOOD_READ)
            strategy_file_release(file);
    }
    free(directory);
    free(path);
    free(whole);
    return outcome;
}

/* When what it is a copy of went to work last; 0: there is none. */
static int64_t written_ns(const char *state_dir, const char *name) {
    int64_t newest_ns = 0;
    char *const paths[] = {text_format("%s/good/%s.so", state_dir, name),
                           text_format("%s/good/%s.d", state_dir, name)};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct stat status;
        if (paths[i] != NULL && stat(paths[i], &status) == 0) {
            const int64_t ns = (int64_t)status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec;
            newest_ns = ns > newest_ns ? ns : newest_ns;
        }
        free(paths[i]);
    }
    return newest_ns;
}

enum last_good_outcome last_good_read_newest(const struct config *config, const char *name,
                                             struct strategy_file *file, struct error *error) {
    enum last_good_outcome outcome = LAST_GOOD_NONE;
    struct config_peers peers = {0};
    const char *state_dir = config->state_dir;
    int64_t newest_ns = written_ns(state_dir, name);
    const bool did = config_peers_list(config, &peers);
    for (size_t i = 0; did && i < peers.count; i++) {
        const int64_t ns = written_ns(peers.items[i].state_dir, name);
        if (ns > newest_ns) {
            newest_ns = ns;
            state_dir = peers.items[i].state_dir;
        }
    }
    if (newest_ns > 0)
        outcome = last_good_read(state_dir, name, file, error);
    config_peers_release(&peers);
    return outcome;
}

void last_good_write_all(struct engine *engine) {
    for (size_t i = 0; engine->options.keeps_state && i < engine->deployment_set->count; i++) {
        struct error error;
        const struct deployment *deployment = engine->deployment_set->deployments[i];
        if (deployment->differs == NULL &&
            !last_good_write(engine->config->state_dir, deployment->generation, &error))
            log_warning(engine->log, "engine", "%s: cannot save a copy for the next start: %s",
                        deployment->name, error.text);
    }
}
