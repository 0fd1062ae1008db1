#include "supervisor/left_behind.h"

#include "base/io.h"
#include "base/text.h"
#include "config/text/paths.h"
#include "os/private_file.h"
#include "os/spawn.h"
#include "os/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

/* Beside the configuration in force. */
#define FILE_NAME ".started"
#define WORD_SIZE 32

static void say(struct log *log, const char *who, size_t count) {
    if (count > 0)
        log_change_event(log, LOG_LEVEL_INFO, "ops", "worker.left_behind",
                         "%s left %zu process%s behind, which a strategy had started: ended", who,
                         count, count == 1 ? "" : "es");
}

/* ---- the word ---- */

static void set_word(struct left_behind *left, const char *word) {
    left->fixed = (size_t)snprintf(left->mark, sizeof left->mark, LEFT_BEHIND_VARIABLE "%s/", word);
}

static bool is_word(const char *word) {
    return strspn(word, "0123456789abcdef") == WORD_SIZE;
}

static void end_former(struct left_behind *left, const char *path, struct log *log) {
    struct error error;
    char word[WORD_SIZE + 1] = "";
    const int fd = private_file_open(path, O_RDONLY, &error);
    if (fd < 0)
        return;
    const ssize_t size = io_read_all(fd, word, WORD_SIZE);
    (void)close(fd);
    if (size != WORD_SIZE || !is_word(word))
        return;
    set_word(left, word);
    say(log, "a supervisor that has ended", sweep_marked(left->mark));
}

static bool note_word(const char *path, const char *word, struct error *error) {
    const int fd = private_file_create(path, error);
    if (fd < 0)
        return false;
    const bool did =
        io_write_all(fd, word, WORD_SIZE) || error_set_errno(error, errno, "cannot write %s", path);
    (void)close(fd);
    return did;
}

bool left_behind_begin(struct left_behind *left, const char *directory, struct log *log,
                       struct error *error) {
    unsigned char bytes[WORD_SIZE / 2];
    char word[WORD_SIZE + 1];
    char *path = path_join(directory, FILE_NAME);
    if (path == NULL)
        return error_set_memory(error, "a path");
    end_former(left, path, log);
    bool did = getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes ||
               error_set_errno(error, errno, "no random bytes");
    for (size_t i = 0; did && i < sizeof bytes; i++)
        (void)snprintf(word + 2 * i, 3, "%02x", bytes[i]);
    did = did && note_word(path, word, error);
    free(path);
    if (!did)
        return false;
    set_word(left, word);
    /* Process 1 of a container gets others' children too; and so does a program that had some when
     * this one took its place. */
    left->is_alone = getpid() != 1 && !spawn_has_children();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    return true;
}

/* ---- the workers ---- */

void left_behind_name(struct left_behind *left, const char *worker) {
    (void)snprintf(left->mark + left->fixed, sizeof left->mark - left->fixed, "%s/", worker);
}

void left_behind_end(struct left_behind *left, const char *worker, struct log *log) {
    char who[128];
    left_behind_name(left, worker);
    (void)snprintf(who, sizeof who, "worker %s", worker);
    say(log, who, sweep_marked(left->mark));
}

void left_behind_end_all(struct left_behind *left, struct log *log) {
    if (left->fixed == 0)
        return;
    left->mark[left->fixed] = '\0';
    size_t count = sweep_marked(left->mark);
    if (left->is_alone)
        count += sweep_children();
    say(log, "the workers", count);
}
