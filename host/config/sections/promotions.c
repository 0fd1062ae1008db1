#include "config/sections/promotions.h"

#include "base/faults.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/text.h"
#include "config/schema/items.h"
#include "config/schema/veil.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES (1 << 20)
#define NAME_SIZE  80

/* One line of the file: the names, and the hashes of their sections. */
struct note {
    char original[NAME_SIZE], shadow[NAME_SIZE];
    char original_hash[HASH_TEXT_SIZE], shadow_hash[HASH_TEXT_SIZE];
};
#define NOTE_FORM "%79s %79s %32s %32s"
_Static_assert(NAME_SIZE == 80 && HASH_TEXT_SIZE == 33, "as the form has them");

/* ---- sections ---- */

static void put_items(struct text *text, const struct config_items *items) {
    for (size_t i = 0; i < items->count; i++)
        text_printf(text, "%zu:%s=%zu:%s\n", strlen(items->items[i].name), items->items[i].name,
                    strlen(items->items[i].text), items->items[i].text);
}

/* Of what it says, not of where it stands. */
static void hash_section(const struct config_deployment *section, char hash[HASH_TEXT_SIZE]) {
    struct text text;
    text_init(&text);
    text_printf(&text, "%s\n", section->plugin);
    put_items(&text, &section->keys);
    put_items(&text, &section->settings);
    hash_text(hash_bytes(text.data, text.size), hash);
    text_release(&text);
}

static bool is_as_noted(const struct config_deployment *section, const char *noted) {
    char hash[HASH_TEXT_SIZE];
    if (section == NULL)
        return false;
    hash_section(section, hash);
    return strcmp(hash, noted) == 0;
}

/* ---- the file ---- */

static char *path_of(const struct config *config, const char *end) {
    return text_format("%s/promotions%s", config->state_dir, end);
}

/* The whole of it, which may be nothing; free() it. NULL: it cannot be read. */
static char *read_notes(const struct config *config, struct error *error) {
    char *path = path_of(config, "");
    size_t size = 0;
    if (path == NULL) {
        error_set_memory(error, "the notes of promotions");
        return NULL;
    }
    const int fd = private_file_open(path, O_RDONLY, error);
    char *text = NULL;
    if (fd < 0 && error->code == ERROR_SYSTEM && errno == ENOENT)
        text = strdup("");
    else if (fd >= 0 && (text = io_read_whole(fd, MOST_BYTES, &size)) == NULL)
        error_set_errno(error, errno, "cannot read %s", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return text;
}

/* The next line of the text. False: there is none. A line that is none of ours is passed over. */
static bool next_note(const char **at, struct note *note) {
    while (**at != '\0') {
        const char *line = *at;
        const size_t size = strcspn(line, "\n");
        *at = line + size + (line[size] == '\n');
        if (sscanf(line, NOTE_FORM, note->original, note->shadow, note->original_hash,
                   note->shadow_hash) == 4)
            return true;
    }
    return false;
}

static void put_note(struct text *text, const struct note *note) {
    text_printf(text, "%s %s %s %s\n", note->original, note->shadow, note->original_hash,
                note->shadow_hash);
}

static bool sync_directory(const char *path) {
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool did = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return did;
}

static bool write_whole(const char *path, const char *last, const struct text *text,
                        struct error *error) {
    const int fd = private_file_create(path, error);
    if (fd < 0)
        return false;
    const bool did = io_write_all(fd, text->data, text->size) && fsync(fd) == 0;
    const int why = errno;
    close(fd);
    if (!did)
        return error_set_errno(error, why, "cannot write %s", path);
    return rename(path, last) == 0 || error_set_errno(error, errno, "cannot rename %s", path);
}

static bool write_notes(const struct config *config, const struct text *text, struct error *error) {
    char *path = path_of(config, ""), *draft = path_of(config, ".new");
    const bool has_memory = path != NULL && draft != NULL && !text_is_oom(text);
    const bool did = has_memory
                         ? write_whole(draft, path, text, error) &&
                               (sync_directory(config->state_dir) ||
                                error_set_errno(error, errno, "cannot sync %s", config->state_dir))
                         : error_set_memory(error, "the notes of promotions");
    free(path);
    free(draft);
    return did;
}

/* Into `text`, all notes but those of that original; `*former` gets its own, if there is one. */
static bool put_others(struct text *text, const char *notes, const char *original,
                       struct note *former) {
    struct note note;
    bool has_former = false;
    for (const char *at = notes; next_note(&at, &note);) {
        if (strcmp(note.original, original) != 0) {
            put_note(text, &note);
            continue;
        }
        *former = note;
        has_former = true;
    }
    return has_former;
}

bool promotions_note(const struct config *config, const char *shadow, char **before,
                     struct error *error) {
    const struct config_deployment *section = config_deployment_find(config, shadow);
    const struct config_deployment *original =
        section != NULL && section->shadow_of != NULL
            ? config_deployment_find(config, section->shadow_of)
            : NULL;
    struct note note = {0}, former;
    struct text text;
    if (original == NULL)
        return error_set(error, ERROR_INVALID, "%s is not a shadow", shadow);
    *before = read_notes(config, error);
    if (*before == NULL)
        return false;
    snprintf(note.original, sizeof note.original, "%s", original->name);
    snprintf(note.shadow, sizeof note.shadow, "%s", shadow);
    hash_section(original, note.original_hash);
    hash_section(section, note.shadow_hash);
    text_init(&text);
    /* What the file says of one that was promoted over before, the note of that knows. */
    if (put_others(&text, *before, original->name, &former) && original->promoted_from != NULL)
        memcpy(note.original_hash, former.original_hash, sizeof note.original_hash);
    put_note(&text, &note);
    const bool did = write_notes(config, &text, error);
    text_release(&text);
    return did;
}

bool promotions_restore(const struct config *config, const char *before, struct error *error) {
    struct text text;
    text_init(&text);
    text_puts(&text, before);
    const bool did = write_notes(config, &text, error);
    text_release(&text);
    return did;
}

/* ---- the configuration ---- */

/* The original gets what the shadow is made of, and the shadow is not to run. */
static bool promote(struct config_deployment *original, struct config_deployment *shadow) {
    const struct config_items settings = original->settings;
    char *const plugin = original->plugin;
    original->promoted_from = strdup(shadow->name);
    original->settings = shadow->settings;
    original->plugin = shadow->plugin;
    shadow->settings = settings;
    shadow->plugin = plugin;
    shadow->is_enabled = false;
    return original->promoted_from != NULL;
}

static void report_changed(const struct config *config, const struct note *note,
                           const struct config_deployment *original, bool is_start,
                           struct faults *faults) {
    static const char form[] =
        "[strategy:%s] runs what was promoted from %s, but [strategy:%s] was %s since then, and "
        "[strategy:%s] is still as before the promotion: %s";
    const char *what = config_deployment_find(config, note->shadow) != NULL ? "changed" : "removed";
    if (is_start) {
        faults_warn(faults, original->place, form, note->original, note->shadow, note->shadow, what,
                    note->original, "the section in the file runs");
        return;
    }
    char *more = text_format("write the promoted plugin and parameters into it, or, to go back to "
                             "what it says, remove the line of %s from %s/promotions",
                             note->original, config->state_dir);
    faults_add(faults, original->place, form, note->original, note->shadow, note->shadow, what,
               note->original, more != NULL ? more : "");
    free(more);
}

static void apply(struct config *config, const struct note *note, bool is_start,
                  struct faults *faults) {
    struct config_deployment *original = config_deployment_find(config, note->original);
    struct config_deployment *shadow = config_deployment_find(config, note->shadow);
    if (original == NULL || !is_as_noted(original, note->original_hash))
        return; /* the file was changed after the promotion */
    if (!is_as_noted(shadow, note->shadow_hash))
        report_changed(config, note, original, is_start, faults);
    else if (!promote(original, shadow))
        faults_add_memory(faults, original->place, "a promotion");
}

void promotions_apply(struct config *config, bool is_start, struct faults *faults) {
    struct error error = {0};
    struct note note;
    char *notes = config->keep_state ? read_notes(config, &error) : strdup("");
    if (notes == NULL) {
        error_prefix(&error, "promotions are not known: ");
        faults_add_error(faults, (struct place){0}, &error);
        return;
    }
    for (const char *at = notes; next_note(&at, &note);)
        apply(config, &note, is_start, faults);
    free(notes);
}

void promotions_describe(const struct config *config, const char *shadow, struct text *text) {
    const struct config_deployment *section = config_deployment_find(config, shadow);
    if (section == NULL)
        return;
    text_printf(text, "plugin = %s\n", section->plugin);
    for (size_t i = 0; i < section->settings.count; i++) {
        const struct config_item *item = &section->settings.items[i];
        const char *written = veil_find(config, item->place);
        if (written == NULL && config_is_secret(item->name))
            text_printf(text, "%s = (as [strategy:%s] has it)\n", item->name, shadow);
        else
            text_printf(text, "%s = %s\n", item->name, written != NULL ? written : item->text);
    }
}
