/* What a proof stands on: configuration, builds, a temporary directory; and its end. */
#include "commands/proof/prove_private.h"

#include "base/array.h"
#include "base/path_list.h"
#include "cli/uses.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ---- builds ---- */

static bool add_file(struct proof *proof, const char *path) {
    struct strategy_file file = {0};
    struct error error;
    if (!strategy_file_read(path, &file, &error)) {
        strategy_file_release(&file);
        return true; /* no strategy */
    }
    if (!ARRAY_GROW(proof->files, proof->file_count, proof->file_capacity)) {
        strategy_file_release(&file);
        return false;
    }
    proof->files[proof->file_count++] = file;
    return true;
}

/* One that is not there has none. */
static bool add_directory(struct proof *proof, const char *directory) {
    DIR *list = directory != NULL ? opendir(directory) : NULL;
    const struct dirent *entry;
    bool did = true;
    while (list != NULL && did && (entry = readdir(list)) != NULL) {
        const size_t size = strlen(entry->d_name);
        if (size <= 3 || strcmp(entry->d_name + size - 3, ".so") != 0)
            continue;
        char *path = text_format("%s/%s", directory, entry->d_name);
        did = path != NULL && add_file(proof, path);
        free(path);
    }
    if (list != NULL)
        closedir(list);
    return did;
}

/* Each of several in one text. */
static bool add_directories(struct proof *proof, const char *list) {
    const char *path;
    size_t size;
    bool did = true;
    while (did && path_list_next(&list, &path, &size)) {
        char *directory = text_dup(path, size);
        did = directory != NULL && add_directory(proof, directory);
        free(directory);
    }
    return did;
}

bool prove_find_files(struct proof *proof, struct error *error) {
    char *good = text_format("%s/good", proof->config->state_dir);
    bool did = good != NULL && add_directories(proof, proof->config->strategy_dir) &&
               add_directory(proof, proof->config->bundled_dir) &&
               add_directory(proof, proof->config->cache_dir) && add_directory(proof, good);
    for (size_t i = 0; did && i < proof->strategies.count; i++)
        did = add_directory(proof, proof->strategies.items[i]);
    free(good);
    return did || error_set_memory(error, "strategies");
}

const struct strategy_file *prove_file(const struct proof *proof, const char *hash) {
    char text[HASH_TEXT_SIZE];
    for (size_t i = 0; i < proof->file_count; i++) {
        hash_text(proof->files[i].hash, text);
        if (strcmp(text, hash) == 0)
            return &proof->files[i];
    }
    return NULL;
}

/* ---- configuration ---- */

/* A certificate replaces nothing that the service reads or writes. */
static bool check_output(const struct proof *proof, struct error *error) {
    struct file_uses uses = {0};
    bool did = uses_keep_config(&uses, proof->config, proof->certificate, error) &&
               uses_read(&uses, "the signals", proof->signals, error);
    for (size_t i = 0; did && i < proof->recordings.count; i++)
        did = uses_read(&uses, "the recording", proof->recordings.items[i], error);
    did = did && (proof->certificate == NULL || uses_write(&uses, proof->certificate, error));
    file_uses_release(&uses);
    return did;
}

bool prove_load(struct proof *proof, int *code, struct error *error) {
    proof->config = config_options_load(&proof->options);
    *code = EXIT_CONFIG;
    if (proof->config == NULL)
        return false;
    *code = PROVE_UNDECIDED;
    proof->topics = calloc(proof->config->topic_count + 1, sizeof *proof->topics);
    proof->log = log_for_command();
    if (proof->topics == NULL || proof->log == NULL) {
        print_err("out of memory");
        return false;
    }
    for (size_t i = 0; i < proof->config->topic_count; i++)
        proof->topics[i] = proof->config->topics[i].name;
    if (check_output(proof, error) && temp_dir_init(&proof->temp, error))
        return true;
    print_err("%s", error->text);
    return false;
}

/* ---- the end ---- */

void prove_release(struct proof *proof) {
    for (size_t i = 0; i < proof->doubt_count; i++) {
        free(proof->doubts[i].deployment);
        free(proof->doubts[i].text);
    }
    free(proof->doubts);
    for (size_t i = 0; i < proof->run_count; i++)
        free(proof->runs[i].names);
    free(proof->runs);
    for (size_t i = 0; i < proof->name_count; i++)
        free(proof->names[i]);
    free(proof->names);
    for (size_t i = 0; i < proof->file_count; i++)
        strategy_file_release(&proof->files[i]);
    free(proof->files);
    window_release(proof);
    notes_release(&proof->notes);
    cJSON_Delete(proof->at_hand);
    live_release(&proof->live);
    text_release(&proof->journals);
    free(proof->first_live);
    free(proof->first_again);
    free(proof->topics);
    log_free(proof->log);
    config_free(proof->config);
    temp_dir_release(&proof->temp);
    csv_arg_release(&proof->recordings);
    csv_arg_release(&proof->strategies);
    config_options_release(&proof->options);
}
