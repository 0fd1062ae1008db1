#include "strategy/plugin/strategy_file.h"

#include "base/io.h"
#include "base/text.h"
#include "os/private_file.h"
#include "strategy/plugin/elf_check.h"
#include "strategy/plugin/libraries.h"

#include <take5/version.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Closes `fd`. `trust` and `kept`: where its libraries are looked for, and how (libraries.h). */
static bool read_from(int fd, const char *path, const struct trust *trust, const char *kept,
                      struct strategy_file *file, struct error *error) {
    file->path = text_dup(path, strlen(path));
    bool did = file->path != NULL || error_set_memory(error, "a path");
    if (did && (!strategy_bytes_read(file, fd, error) || !elf_check(file, error) ||
                !libraries_read(file, trust, kept, error)))
        did = error_prefix(error, "%s: ", path);
    (void)close(fd);
    if (!did) {
        strategy_file_release(file);
        return false;
    }
    file->hash = libraries_hash(file);
    return true;
}

bool strategy_file_read_trusted(const char *path, const struct trust *trust,
                                struct strategy_file *file, struct error *error) {
    memset(file, 0, sizeof *file);
    const int fd = trust_open(path, O_RDONLY, trust, error);
    return fd >= 0 && read_from(fd, path, trust, NULL, file, error);
}

bool strategy_file_read_kept(const char *path, const char *libraries, struct strategy_file *file,
                             struct error *error) {
    memset(file, 0, sizeof *file);
    const int fd = private_file_open(path, O_RDONLY, error);
    return fd >= 0 && read_from(fd, path, &trust_any, libraries, file, error);
}

bool strategy_file_read(const char *path, struct strategy_file *file, struct error *error) {
    return strategy_file_read_trusted(path, &trust_any, file, error);
}

void strategy_file_release(struct strategy_file *file) {
    libraries_release(file);
    free(file->path);
    free(file->bytes);
    memset(file, 0, sizeof *file);
}

bool strategy_file_judge(const struct strategy_file *file, struct error *error) {
    if (file->abi_major != T5_ABI_MAJOR)
        return error_set(error, ERROR_INVALID,
                         "%s: %s %s has ABI %" PRIu32 ".%" PRIu32 ", this host %d.%d: build it"
                         " with this host's SDK",
                         file->path, file->name, file->version, file->abi_major,
                         file->abi_minor_built, T5_ABI_MAJOR, T5_ABI_MINOR);
    if (file->abi_minor_required > T5_ABI_MINOR)
        return error_set(error, ERROR_INVALID,
                         "%s: %s %s requires ABI %" PRIu32 ".%" PRIu32 ", this host has %d.%d:"
                         " update the host, or build the strategy with"
                         " -DT5_ABI_MINOR_REQUIRED=%d if it does not need the newer functions",
                         file->path, file->name, file->version, file->abi_major,
                         file->abi_minor_required, T5_ABI_MAJOR, T5_ABI_MINOR, T5_ABI_MINOR);
    return true;
}
