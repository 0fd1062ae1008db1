#include "ops/http/server/http_request.h"

#include "base/text.h"
#include "base/units.h"
#include "ops/http/server/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- path and query ---- */

t5_str http_parameter(const struct http_request *request) {
    return (t5_str){.data = request->parameter, .len = request->parameter_size};
}

struct query {
    const char *name;
    char value[4 * HTTP_PARAMETER_MAX + 1];
    size_t size; /* above the room: it is longer */
    size_t count;
};

static enum MHD_Result find_query(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value) {
    struct query *query = context;
    char decoded[64];
    (void)kind;
    const size_t size = http_decode(name, strlen(name), decoded, sizeof decoded);
    if (size != strlen(query->name) || memcmp(decoded, query->name, size) != 0)
        return MHD_YES;
    if (value == NULL)
        value = "";
    query->size = http_decode(value, strlen(value), query->value, sizeof query->value - 1);
    query->value[query->size < sizeof query->value ? query->size : 0] = '\0';
    query->count++;
    return MHD_YES;
}

/* "a=1&b=2" */
static void find_in_text(const char *text, struct query *query) {
    while (*text != '\0') {
        char name[64], value[sizeof query->value];
        const size_t size = strcspn(text, "&"), name_size = strcspn(text, "=&");
        const size_t value_at = name_size < size ? name_size + 1 : size;
        if (name_size < sizeof name && size - value_at < sizeof value) {
            (void)snprintf(name, sizeof name, "%.*s", (int)name_size, text);
            (void)snprintf(value, sizeof value, "%.*s", (int)(size - value_at), text + value_at);
            (void)find_query(query, MHD_GET_ARGUMENT_KIND, name, value);
        }
        text += size + (text[size] == '&');
    }
}

static enum MHD_Result write_query(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    struct text *text = context;
    (void)kind;
    text_printf(text, "%c%s%s%s", strchr(text->data, '?') == NULL ? '?' : '&', name,
                value != NULL ? "=" : "", value != NULL ? value : "");
    return MHD_YES;
}

void http_target(const struct http_request *request, struct text *target) {
    text_puts(target, request->path);
    if (request->connection != NULL)
        MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, write_query, target);
    else if (request->query[0] != '\0')
        text_printf(target, "?%s", request->query);
}

bool http_query_integer(const struct http_request *request, const char *name, int64_t min,
                        int64_t max, int64_t otherwise, int64_t *value) {
    struct query query = {.name = name};
    if (request->connection != NULL)
        MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, find_query, &query);
    else
        find_in_text(request->query, &query);
    *value = otherwise;
    if (query.count == 0)
        return true;
    return query.count == 1 && strlen(query.value) == query.size &&
           parse_integer(query.value, value) && *value >= min && *value <= max;
}

bool http_query_text(const struct http_request *request, const char *name, char *value, size_t room,
                     size_t *size) {
    struct query query = {.name = name};
    if (request->connection != NULL)
        MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, find_query, &query);
    else
        find_in_text(request->query, &query);
    *size = query.size;
    if (query.count != 1 || query.size >= sizeof query.value || query.size >= room)
        return false;
    memcpy(value, query.value, query.size);
    value[query.size] = '\0';
    return true;
}

/* ---- who asks ---- */

const char *http_header(const struct http_request *request, const char *name) {
    return request->connection != NULL
               ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name)
               : NULL;
}

t5_str http_form(const struct http_request *request) {
    return request->form;
}

bool http_may_read(const struct http_request *request) {
    return request->access == NULL ||
           access_may_read(request->access, http_header(request, MHD_HTTP_HEADER_AUTHORIZATION),
                           http_header(request, MHD_HTTP_HEADER_COOKIE));
}

/* Browsers send one of these with what another site's page has asked for. */
bool http_is_foreign(const struct http_request *request) {
    const char *site = http_header(request, "Sec-Fetch-Site");
    const char *origin = http_header(request, "Origin");
    const char *host = http_header(request, MHD_HTTP_HEADER_HOST);
    if (site != NULL)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    if (origin == NULL || host == NULL)
        return false;
    const char *named = strstr(origin, "://");
    return named == NULL || strcasecmp(named + 3, host) != 0;
}

bool http_login(const struct http_request *request, t5_str token, struct http_answer *answer) {
    char cookie[ACCESS_COOKIE_SIZE + 1];
    if (request->access == NULL || !access_login(request->access, token, cookie))
        return false;
    (void)snprintf(answer->cookie, sizeof answer->cookie,
                   ACCESS_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict", cookie);
    return true;
}

/* ---- routes ---- */

/* Bytes that begin a character, or are none of UTF-8. */
static size_t count_characters(const char *text, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

const struct http_route *http_find_route(const struct http_route *routes, const char *path,
                                         struct http_request *request) {
    for (const struct http_route *route = routes; route->path != NULL; route++) {
        size_t size = sizeof request->parameter;
        if (!http_path_is(route->path, path, request->parameter, &size) ||
            count_characters(request->parameter, size) > HTTP_PARAMETER_MAX)
            continue;
        request->parameter_size = size;
        return route;
    }
    return NULL;
}

void http_answer_target(const struct http_route *routes, void *context, const char *target,
                        struct http_answer *answer) {
    const size_t path_size = strcspn(target, "?");
    char *path = text_dup(target, path_size);
    struct http_request request = {.path = path,
                                   .query = target[path_size] == '?' ? target + path_size + 1 : ""};
    answer->status = MHD_HTTP_OK;
    answer->content_type = "application/json";
    const struct http_route *route = path != NULL ? http_find_route(routes, path, &request) : NULL;
    if (path == NULL)
        http_fail(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
    else if (route == NULL)
        http_fail(answer, MHD_HTTP_NOT_FOUND, "no such path; see /openapi.json");
    else
        route->answer(context, &request, answer);
    free(path);
}
