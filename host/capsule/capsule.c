#include "capsule/capsule.h"

#include "base/format/json_writer.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/text.h"
#include "rerun/rerun.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORM     1
#define MANIFEST "capsule.json"
#define MESSAGES "messages.jsonl"
#define CRASH    "crash"
#define MOST     ((size_t)16 << 20) /* of a manifest or crash file */

/* ---- files ---- */

static int open_new(const char *directory, const char *name, struct error *error) {
    char *path = text_format("%s/%s", directory, name);
    if (path == NULL) {
        error_set_memory(error, "a path");
        return -1;
    }
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        error_set_errno(error, errno, "cannot write %s", path);
    free(path);
    return file;
}

static bool put_file(const char *directory, const char *name, const char *bytes, size_t size,
                     struct error *error) {
    const int file = open_new(directory, name, error);
    if (file < 0)
        return false;
    bool did = io_write_all(file, bytes, size);
    if (close(file) != 0)
        did = false;
    return did || error_set_errno(error, errno, "cannot write %s/%s", directory, name);
}

/* ---- to make one ---- */

static bool is_empty(const char *directory) {
    DIR *list = opendir(directory);
    const struct dirent *entry;
    bool is_empty = list != NULL;
    while (list != NULL && (entry = readdir(list)) != NULL)
        is_empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (list != NULL)
        closedir(list);
    return is_empty;
}

bool capsule_make(const char *directory, struct error *error) {
    const bool is_new = mkdir(directory, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return error_set_errno(error, errno, "cannot create %s", directory);
    if (!is_new && !is_empty(directory))
        return error_set(error, ERROR_STATE,
                         "%s exists and is not empty: name a new directory for the capsule",
                         directory);
    if (!is_new && chmod(directory, 0700) != 0)
        return error_set_errno(error, errno, "cannot make %s private", directory);
    return rerun_make(directory, error);
}

bool capsule_put_crash(const char *directory, const char *path, struct error *error) {
    size_t size = 0;
    char *bytes = io_read_path(path, MOST, &size, error);
    const bool did = bytes != NULL && put_file(directory, CRASH, bytes, size, error);
    free(bytes);
    return did;
}

int capsule_open_messages(const char *directory, struct error *error) {
    return open_new(directory, MESSAGES, error);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void capsule_discard(const char *directory) {
    (void)nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ---- what lies there ---- */

/* Of a file; folders have none. */
static bool put_hash(struct json_writer *json, const char *directory, const char *name,
                     struct error *error) {
    char text[HASH_TEXT_SIZE];
    struct hash hash;
    struct stat status;
    char *path = text_format("%s/%s", directory, name);
    if (path == NULL)
        return error_set_memory(error, "a path");
    const bool is_file = lstat(path, &status) == 0 && S_ISREG(status.st_mode);
    const bool did = !is_file || hash_file(path, &hash, error);
    free(path);
    if (!did || !is_file)
        return did;
    hash_text(hash, text);
    json_text(json, name, text);
    return true;
}

/* All files of it and of a folder in it (NULL: itself). */
static bool put_hashes(struct json_writer *json, const char *directory, const char *folder,
                       struct error *error) {
    char *path = folder != NULL ? text_format("%s/%s", directory, folder) : strdup(directory);
    DIR *list = path != NULL ? opendir(path) : NULL;
    const struct dirent *entry;
    bool did = list != NULL || error_set_errno(error, errno, "cannot read %s", directory);
    while (list != NULL && did && (entry = readdir(list)) != NULL) {
        char *name =
            folder != NULL ? text_format("%s/%s", folder, entry->d_name) : strdup(entry->d_name);
        if (name == NULL)
            did = error_set_memory(error, "a path");
        else if (strcmp(name, MANIFEST) != 0)
            did = put_hash(json, directory, name, error);
        free(name);
    }
    if (list != NULL)
        closedir(list);
    free(path);
    return did;
}

bool capsule_seal(const char *directory, struct error *error) {
    struct text text;
    struct json_writer json = json_writer_of(&text);
    text_init(&text);
    json_begin_object(&json, NULL);
    json_integer(&json, "form", FORM);
    json_text(&json, "take5", TAKE5_VERSION);
    json_begin_object(&json, "files");
    bool did = put_hashes(&json, directory, NULL, error) &&
               put_hashes(&json, directory, "strategies", error) &&
               put_hashes(&json, directory, "checkpoints", error);
    json_end_object(&json);
    json_end_object(&json);
    text_putc(&text, '\n');
    if (did)
        did = text_is_oom(&text) ? error_set_memory(error, MANIFEST)
                                 : put_file(directory, MANIFEST, text.data, text.size, error);
    text_release(&text);
    return did;
}

/* ---- to read one ---- */

static cJSON *read_manifest(const char *directory, struct error *error) {
    size_t size = 0;
    char *path = text_format("%s/" MANIFEST, directory);
    char *bytes = path != NULL ? io_read_path(path, MOST, &size, error) : NULL;
    cJSON *json = bytes != NULL ? cJSON_ParseWithLength(bytes, size) : NULL;
    const cJSON *form = cJSON_GetObjectItemCaseSensitive(json, "form");
    bool did = json != NULL;
    if (path == NULL)
        error_set_memory(error, "a path");
    else if (bytes == NULL && errno == ENOENT)
        error_set(error, ERROR_INVALID,
                  "%s is not a capsule: it has no " MANIFEST ", which `take5 capsule make` "
                  "writes last",
                  directory);
    else if (bytes != NULL && !cJSON_IsNumber(form))
        did = error_set(error, ERROR_INVALID,
                        "%s is damaged: its hash is not the one that was written", path);
    else if (bytes != NULL && form->valuedouble != FORM)
        did = error_set(error, ERROR_STATE,
                        "%s has form %.0f, and this take5 knows %d: take the one that made it",
                        path, form->valuedouble, FORM);
    free(bytes);
    free(path);
    if (did)
        return json;
    cJSON_Delete(json);
    return NULL;
}

static bool check_file(const char *directory, const cJSON *file, struct error *error) {
    char text[HASH_TEXT_SIZE];
    struct hash hash;
    char *path = text_format("%s/%s", directory, file->string);
    if (path == NULL)
        return error_set_memory(error, "a path");
    const char *noted = cJSON_IsString(file) ? file->valuestring : "none";
    bool did = true;
    if (access(path, F_OK) != 0)
        did = error_set(error, ERROR_INVALID, "%s is missing: the capsule was made with it", path);
    else if (!hash_file(path, &hash, error))
        did = false;
    else {
        hash_text(hash, text);
        did = strcmp(text, noted) == 0 ||
              error_set(error, ERROR_INVALID,
                        "%s is damaged: its hash is %s, and the capsule was made with %s", path,
                        text, noted);
    }
    free(path);
    return did;
}

/* Those that it cannot do without are among them. */
static bool check_files(const char *directory, const cJSON *manifest, struct error *error) {
    static const char *const needed[] = {MESSAGES, CRASH, "journal", "fatal", "0.ini"};
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(manifest, "files"), *file;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (cJSON_GetObjectItemCaseSensitive(files, needed[i]) == NULL)
            return error_set(error, ERROR_INVALID,
                             "%s/" MANIFEST " is damaged: it does not have %s", directory,
                             needed[i]);
    }
    cJSON_ArrayForEach(file, files) {
        if (!check_file(directory, file, error))
            return false;
    }
    return true;
}

bool capsule_read_crash(const char *path, struct crash_record *crash, struct error *error) {
    struct crash_record *records = NULL;
    size_t count = 0, chosen = 0;
    if (!crash_read(path, &records, &count, error))
        return false;
    while (chosen < count && !records[chosen].is_certain)
        chosen++;
    *crash = records[chosen < count ? chosen : 0];
    free(records);
    return true;
}

bool capsule_open(struct capsule *capsule, const char *directory, struct error *error) {
    *capsule = (struct capsule){.directory = directory};
    cJSON *manifest = read_manifest(directory, error);
    if (manifest == NULL)
        return false;
    char *crash = text_format("%s/" CRASH, directory);
    capsule->messages = text_format("%s/" MESSAGES, directory);
    const bool did =
        check_files(directory, manifest, error) &&
        ((crash != NULL && capsule->messages != NULL) || error_set_memory(error, "a path")) &&
        capsule_read_crash(crash, &capsule->crash, error);
    free(crash);
    cJSON_Delete(manifest);
    return did;
}

void capsule_close(struct capsule *capsule) {
    free(capsule->messages);
    *capsule = (struct capsule){0};
}
