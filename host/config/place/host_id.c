#include "config/place/host_id.h"

#include "base/hash.h"
#include "base/text.h"
#include "config/text/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "._-"

#define MACHINE_ID_SIZE  32
#define SERVICE_SHOWN    64 /* bytes of its name */
#define ORDINAL_MAX_SIZE 4  /* the random end of other pods' names is longer */

bool host_id_is_valid(const char *text) {
    const size_t size = text != NULL ? strlen(text) : 0;
    return size > 0 && size <= HOST_ID_MAX && strspn(text, LETTERS) == size &&
           strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static FILE *open_below(const char *root, const char *name) {
    char *path = text_format("%s%s", root, name);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    free(path);
    return file;
}

static bool is_there(const char *root, const char *name) {
    char *path = text_format("%s%s", root, name);
    const bool is = path != NULL && access(path, F_OK) == 0;
    free(path);
    return is;
}

/* "uninitialized", and what else is no id, counts as none. */
static void read_machine_id(struct host_facts *facts, const char *root) {
    FILE *file = open_below(root, "/etc/machine-id");
    char id[MACHINE_ID_SIZE + 1] = "";
    if (file == NULL)
        return;
    const size_t size = fread(id, 1, MACHINE_ID_SIZE, file);
    if (size == MACHINE_ID_SIZE && strspn(id, "0123456789abcdef") == MACHINE_ID_SIZE)
        memcpy(facts->machine_id, id, sizeof id);
    fclose(file);
}

void host_facts_read(struct host_facts *facts, const char *root, const char *const *environment) {
    *facts = (struct host_facts){0};
    read_machine_id(facts, root);
    if (gethostname(facts->hostname, sizeof facts->hostname - 1) != 0)
        facts->hostname[0] = '\0';
    facts->is_kubernetes = environment_value(environment, "KUBERNETES_SERVICE_HOST") != NULL;
    facts->is_container = facts->is_kubernetes || is_there(root, "/.dockerenv") ||
                          is_there(root, "/run/.containerenv");
}

/* "take5-0", as the pods of a StatefulSet are called, and not "take5-7d9f8b6c5-x2x4z". */
static bool has_ordinal(const char *hostname) {
    const char *dash = strrchr(hostname, '-');
    if (dash == NULL || dash == hostname)
        return false;
    const char *ordinal = dash + 1;
    const size_t size = strlen(ordinal);
    const bool is_number = size > 0 && size <= ORDINAL_MAX_SIZE && strspn(ordinal, DIGITS) == size;
    return is_number && (ordinal[0] != '0' || size == 1);
}

char *host_id_default(const struct host_facts *facts, const char *service, const char *state_dir,
                      bool *lasts) {
    if (facts->is_kubernetes && has_ordinal(facts->hostname) && host_id_is_valid(facts->hostname)) {
        *lasts = true;
        return strdup(facts->hostname);
    }
    *lasts = !facts->is_container && facts->machine_id[0] != '\0';
    struct text text;
    text_init(&text);
    text_printf(&text, "%s\n%s\n%s", *lasts ? facts->machine_id : facts->hostname, service,
                state_dir);
    const uint64_t hash = hash_key(text.data, text.size);
    const bool did = !text_is_oom(&text);
    text_reset(&text);
    text_printf(&text, "%.*s-%016" PRIx64, SERVICE_SHOWN, service, hash);
    for (size_t i = 0; i < text.size; i++)
        if (strchr(LETTERS, text.data[i]) == NULL)
            text.data[i] = '-';
    if (did)
        return text_take(&text);
    text_release(&text);
    return NULL;
}
