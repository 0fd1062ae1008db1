#include "config/sections/worker_peers.h"

#include "base/array.h"
#include "base/text.h"
#include "config/sections/workers.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* What this process is. */
static const char *own_name(const struct config *config) {
    return config->worker != NULL ? config->worker : CONFIG_WORKER_MAIN;
}

static const char *whole_group(const struct config *config) {
    return config->whole_group != NULL ? config->whole_group : config->group_id;
}

static const char *whole_state_dir(const struct config *config) {
    return config->whole_state_dir != NULL ? config->whole_state_dir : config->state_dir;
}

static void release_peer(struct config_peer *peer) {
    free(peer->worker);
    free(peer->group);
    free(peer->state_dir);
}

void config_peers_release(struct config_peers *peers) {
    for (size_t i = 0; i < peers->count; i++)
        release_peer(&peers->items[i]);
    free(peers->items);
    *peers = (struct config_peers){0};
}

static bool is_listed(const struct config_peers *peers, const char *worker) {
    bool is = false;
    for (size_t i = 0; i < peers->count; i++)
        is |= strcmp(peers->items[i].worker, worker) == 0;
    return is;
}

static bool fill(const struct config *config, const char *worker, struct config_peer *peer) {
    const bool is_main = strcmp(worker, CONFIG_WORKER_MAIN) == 0;
    const char *group = whole_group(config), *state_dir = whole_state_dir(config);
    peer->worker = text_dup(worker, strlen(worker));
    peer->group = is_main ? text_dup(group, strlen(group)) : text_format("%s.%s", group, worker);
    peer->state_dir = is_main ? text_dup(state_dir, strlen(state_dir))
                              : text_format("%s/workers/%s", state_dir, worker);
    return peer->worker != NULL && peer->group != NULL && peer->state_dir != NULL;
}

/* Once, and not this process. False: out of memory. */
static bool add(const struct config *config, const char *worker, struct config_peers *peers) {
    struct config_peer peer = {0};
    if (strcmp(worker, own_name(config)) == 0 || is_listed(peers, worker))
        return true;
    if (!fill(config, worker, &peer) || !ARRAY_RESIZE(peers->items, peers->count + 1)) {
        release_peer(&peer);
        return false;
    }
    peers->items[peers->count++] = peer;
    return true;
}

static bool add_named(const struct config *config, struct config_peers *peers) {
    bool did = true;
    for (size_t i = 0; did && i < config->deployment_count; i++)
        did = add(config, config_worker_of(config, &config->deployments[i]), peers);
    return did;
}

/* A directory that cannot be read has none; whoever writes there says why. */
static bool add_left(const struct config *config, struct config_peers *peers) {
    char *path = text_format("%s/workers", whole_state_dir(config));
    if (path == NULL)
        return false;
    DIR *directory = opendir(path);
    bool did = true;
    free(path);
    if (directory == NULL)
        return true;
    for (const struct dirent *entry; did && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.' && entry->d_type != DT_REG && entry->d_type != DT_LNK)
            did = add(config, entry->d_name, peers);
    }
    (void)closedir(directory);
    return did;
}

static int compare(const void *a, const void *b) {
    const char *one = ((const struct config_peer *)a)->worker;
    const char *other = ((const struct config_peer *)b)->worker;
    const int is_main =
        (strcmp(other, CONFIG_WORKER_MAIN) == 0) - (strcmp(one, CONFIG_WORKER_MAIN) == 0);
    return is_main != 0 ? is_main : strcmp(one, other);
}

bool config_peers_list(const struct config *config, struct config_peers *peers) {
    const bool did = add_named(config, peers) && add_left(config, peers) &&
                     (config->worker == NULL || add(config, CONFIG_WORKER_MAIN, peers));
    if (!did)
        config_peers_release(peers);
    else if (peers->count > 1)
        qsort(peers->items, peers->count, sizeof *peers->items, compare);
    return did;
}
