/*
 * ops/http/server/http_hosts.h - which Host headers are answered. Inside this room; any thread.
 */
#ifndef TAKE5_OPS_HTTP_SERVER_HTTP_HOSTS_H
#define TAKE5_OPS_HTTP_SERVER_HTTP_HOSTS_H

#include "base/error.h"
#include "base/sync/locks.h"
#include "ops/http/server/server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

LOCK_CLASS(http_hosts_lock);
struct http_hosts {
    pthread_mutex_t lock;
    char **names GUARDED_BY(http_hosts_lock); /* NULL, or ended by NULL */
};

void http_hosts_init(struct http_hosts *hosts);
void http_hosts_release(struct http_hosts *hosts);
/* The names are copied; as http_server_allow(). */
bool http_hosts_set(struct http_hosts *hosts, char *const *names, struct error *error);
/* False: the answer has the reason why the request of this HTTP version is not answered. */
bool http_hosts_check(struct http_hosts *hosts, struct MHD_Connection *connection,
                      const char *version, struct http_answer *answer);

#endif
