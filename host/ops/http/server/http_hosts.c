#include "ops/http/server/http_hosts.h"

#include "base/string_list.h"
#include "ops/http/server/path.h"

#include <string.h>
#include <strings.h>

void http_hosts_init(struct http_hosts *hosts) {
    pthread_mutex_init(&hosts->lock, NULL);
    lock_alone(http_hosts_lock);
    hosts->names = NULL;
}

void http_hosts_release(struct http_hosts *hosts) {
    lock_alone(http_hosts_lock);
    string_list_free(hosts->names);
    pthread_mutex_destroy(&hosts->lock);
}

bool http_hosts_set(struct http_hosts *hosts, char *const *names, struct error *error) {
    char **copy = string_list_copy(names);
    if (copy == NULL)
        return error_set_memory(error, "[http] allowed_hosts");
    lock_acquire(&hosts->lock, http_hosts_lock);
    char **before = hosts->names;
    hosts->names = copy;
    lock_release(&hosts->lock, http_hosts_lock);
    string_list_free(before);
    return true;
}

struct found {
    const char *first;
    size_t count;
};

static enum MHD_Result find_host(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    struct found *found = context;
    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0 && found->count++ == 0)
        found->first = value != NULL ? value : "";
    return MHD_YES;
}

bool http_hosts_check(struct http_hosts *hosts, struct MHD_Connection *connection,
                      const char *version, struct http_answer *answer) {
    struct found found = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, find_host, &found);
    if (found.count == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
        return true; /* no browser */
    if (found.count != 1) {
        http_fail(answer, MHD_HTTP_BAD_REQUEST,
                  "a request must have one Host header, this one has %zu", found.count);
        return false;
    }
    lock_acquire(&hosts->lock, http_hosts_lock);
    const bool is_known = http_host_is_known(found.first, hosts->names);
    lock_release(&hosts->lock, http_hosts_lock);
    if (!is_known)
        http_fail(answer, MHD_HTTP_MISDIRECTED_REQUEST,
                  "Host \"%.100s\" is not allowed: use an address or localhost, or add the name "
                  "to [http] allowed_hosts",
                  found.first);
    return is_known;
}
