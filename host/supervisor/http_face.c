/*
 * HTTP for all workers (host/ops/http/openapi.json describes it): health and status are made of
 * what each says, metrics get a label `worker`, and what belongs to one comes from that one.
 */
#include "supervisor/private.h"

#include "base/clock.h"
#include "base/format/json_writer.h"
#include "base/units.h"
#include "config/sections/workers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FACE(name)                                                                                 \
    static void name(void *context, const struct http_request *request, struct http_answer *answer)

/* At most so many results in one answer, as the workers have it. */
#define PAGE_MAX 1000

/* An answer of a worker's: "STATUS TYPE", a line end, the body. */
struct reply {
    unsigned status;
    const char *body;
    size_t size;
};

static bool read_reply(const struct peer *peer, struct reply *reply) {
    const char *end = peer->has_answer ? strchr(peer->answer.data, '\n') : NULL;
    if (end == NULL)
        return false;
    reply->status = (unsigned)strtoul(peer->answer.data, NULL, 10);
    reply->body = end + 1;
    reply->size = peer->answer.size - (size_t)(reply->body - peer->answer.data);
    return true;
}

static void get(struct peer *peer, const char *target) {
    const struct control_body body = {target, strlen(target)};
    peer_ask(peer, "get", &body, SUPERVISOR_ASK_NS);
}

/* All are asked; the parts point into the peers. False: the answer says why not. */
static bool get_all(struct supervisor *supervisor, const char *target, struct peers *peers,
                    struct merge_part **parts, struct http_answer *answer) {
    *parts = NULL;
    if (!peers_list(supervisor, NULL, peers)) {
        http_fail(answer, 503, "out of memory");
        return false;
    }
    for (size_t i = 0; i < peers->count; i++)
        get(&peers->items[i], target);
    *parts = peers_parts(peers);
    for (size_t i = 0; *parts != NULL && i < peers->count; i++) {
        struct reply reply;
        (*parts)[i].data = read_reply(&peers->items[i], &reply) ? reply.body : NULL;
    }
    if (*parts != NULL)
        return true;
    peers_release(peers);
    http_fail(answer, 503, "out of memory");
    return false;
}

/* The answer of the first that has one, those with deployments before others. */
static void forward_first(struct supervisor *supervisor, const struct http_request *request,
                          struct http_answer *answer) {
    struct peers peers;
    struct text target;
    struct reply reply = {.status = 0};
    text_init(&target);
    http_target(request, &target);
    if (!peers_list(supervisor, NULL, &peers)) {
        http_fail(answer, 503, "out of memory");
        text_release(&target);
        return;
    }
    for (int idle = 0; reply.status != 200 && idle < 2; idle++) {
        for (size_t i = 0; reply.status != 200 && i < peers.count; i++) {
            struct peer *peer = &peers.items[i];
            if (peer->is_idle != (idle == 1))
                continue;
            get(peer, target.data);
            if (!read_reply(peer, &reply))
                continue;
            answer->status = reply.status;
            text_reset(&answer->body);
            text_append(&answer->body, reply.body, reply.size);
        }
    }
    if (reply.status == 0)
        http_fail(answer, 503, "no worker answers");
    peers_release(&peers);
    text_release(&target);
}

/* ---- health ---- */

/* {"status":STATUS,"service":...,"timestamp":...: still open. */
static struct json_writer begin(struct supervisor *supervisor, struct text *body,
                                const char *status) {
    struct json_writer json = json_writer_of(body);
    json_begin_object(&json, NULL);
    json_text(&json, "status", status);
    lock_acquire(&supervisor->lock, supervisor_lock);
    json_text(&json, "service", supervisor->config->service);
    lock_release(&supervisor->lock, supervisor_lock);
    json_integer(&json, "timestamp", clock_wall_ns() / NS_PER_MS);
    return json;
}

static void end(struct json_writer *json) {
    json_end_object(json);
    text_putc(json->text, '\n');
}

/* A worker that hangs is ended by us: that is no reason to end us. */
FACE(health) {
    (void)request;
    struct json_writer json = begin(context, &answer->body, "healthy");
    end(&json);
}

FACE(live) {
    (void)request;
    struct json_writer json = begin(context, &answer->body, "live");
    json_text(&json, "detail", "");
    end(&json);
}

FACE(ready) {
    struct supervisor *supervisor = context;
    struct merge_part *parts;
    struct peers peers;
    bool is_ready = true;
    (void)request;
    if (!get_all(supervisor, "/health/ready", &peers, &parts, answer))
        return;
    cJSON *checks = merge_checks(parts, peers.count, &is_ready);
    char *printed = checks != NULL ? cJSON_PrintUnformatted(checks) : NULL;
    if (printed == NULL) {
        http_fail(answer, 503, "out of memory");
    } else {
        struct json_writer json =
            begin(supervisor, &answer->body, is_ready ? "ready" : "not ready");
        text_puts(json_value(&json, "checks"), printed);
        end(&json);
        answer->status = is_ready ? 200 : 503;
    }
    free(printed);
    cJSON_Delete(checks);
    free(parts);
    peers_release(&peers);
}

/* ---- metrics ---- */

static void family(struct text *out, const char *name, const char *type, const char *help) {
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Ours of the workers, which those that are dead cannot tell. */
static void write_own(struct supervisor *supervisor, struct text *out) {
    lock_acquire(&supervisor->lock, supervisor_lock);
    family(out, "take5_worker_up", "gauge", "1: the worker is running, 0: it is not.");
    for (size_t i = 0; i < supervisor->count; i++)
        text_printf(out, "take5_worker_up{worker=\"%s\"} %d\n", supervisor->workers[i]->name,
                    supervisor->workers[i]->state == WORKER_RUNNING);
    family(out, "take5_worker_deaths_total", "counter",
           "Ends of its processes that were not requested.");
    for (size_t i = 0; i < supervisor->count; i++)
        text_printf(out, "take5_worker_deaths_total{worker=\"%s\"} %" PRIu64 "\n",
                    supervisor->workers[i]->name, supervisor->workers[i]->deaths);
    family(out, "take5_worker_hangs_total", "counter", "Those that were ended since they hung.");
    for (size_t i = 0; i < supervisor->count; i++)
        text_printf(out, "take5_worker_hangs_total{worker=\"%s\"} %" PRIu64 "\n",
                    supervisor->workers[i]->name, supervisor->workers[i]->hangs);
    lock_release(&supervisor->lock, supervisor_lock);
}

FACE(metrics) {
    struct merge_part *parts;
    struct peers peers;
    (void)request;
    if (!get_all(context, "/metrics", &peers, &parts, answer))
        return;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    merge_metrics(parts, peers.count, &answer->body);
    write_own(context, &answer->body);
    free(parts);
    peers_release(&peers);
}

/* ---- status ---- */

FACE(stats) {
    (void)request;
    if (supervisor_status(context, &answer->body))
        text_putc(&answer->body, '\n');
    else
        http_fail(answer, 503, "out of memory");
}

FACE(strategies) {
    struct text whole;
    (void)request;
    text_init(&whole);
    cJSON *status = supervisor_status(context, &whole) ? cJSON_Parse(whole.data) : NULL;
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(status, "strategies");
    if (list == NULL)
        list = cJSON_CreateArray();
    char *printed = status != NULL && list != NULL ? cJSON_PrintUnformatted(list) : NULL;
    if (printed != NULL)
        text_printf(&answer->body, "{\"strategies\":%s}\n", printed);
    else
        http_fail(answer, 503, "out of memory");
    free(printed);
    cJSON_Delete(list);
    cJSON_Delete(status);
    text_release(&whole);
}

FACE(strategy) {
    forward_first(context, request, answer);
}

/* ---- results ---- */

/* Every worker reads the same topics: the feed is one worker's. */
FACE(asset_trends) {
    forward_first(context, request, answer);
}

FACE(openapi) {
    forward_first(context, request, answer);
}

struct page {
    int64_t offset, limit;
    int64_t total;
};

/* Puts the items of a worker's page behind those before; `page` becomes what is left of it. False:
 * it is no page. */
static bool add_page(const struct reply *reply, struct page *page, struct text *data) {
    const char *total = strstr(reply->body, "\"totalRecords\":");
    const char *first = strstr(reply->body, "\"data\":[");
    if (total == NULL || first == NULL || reply->size < 3)
        return false;
    first += strlen("\"data\":[");
    const char *last = reply->body + reply->size - strlen("]}\n"); /* behind the last item */
    const int64_t count = strtoll(total + strlen("\"totalRecords\":"), NULL, 10);
    const int64_t there = count > page->offset ? count - page->offset : 0;
    const int64_t taken = there < page->limit ? there : page->limit;
    if (last > first && data->size > 0)
        text_putc(data, ',');
    if (last > first)
        text_append(data, first, (size_t)(last - first));
    page->total += count;
    page->offset = page->offset > count ? page->offset - count : 0;
    page->limit -= taken;
    return true;
}

/* Whether it is asked for more than the number of results; the request's own page does not count.
 */
static void write_target(const struct http_request *request, const struct page *page,
                         struct text *target) {
    struct text whole;
    text_init(&whole);
    http_target(request, &whole);
    text_append(target, whole.data, strcspn(whole.data, "?"));
    text_printf(target, "?offset=%" PRId64 "&limit=%" PRId64, page->offset,
                page->limit > 0 ? page->limit : 1);
    text_release(&whole);
}

FACE(algorithm_results) {
    struct page page = {0};
    struct peers peers;
    struct text data;
    if (!http_query_integer(request, "limit", 1, PAGE_MAX, PAGE_MAX, &page.limit) ||
        !http_query_integer(request, "offset", 0, INT32_MAX, 0, &page.offset)) {
        forward_first(context, request, answer); /* it says what is wrong */
        return;
    }
    if (!peers_list(context, NULL, &peers)) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    text_init(&data);
    for (size_t i = 0; i < peers.count; i++) {
        struct text target;
        struct reply reply;
        const bool is_full = page.limit == 0;
        const size_t size = data.size;
        text_init(&target);
        write_target(request, &page, &target);
        get(&peers.items[i], target.data);
        if (read_reply(&peers.items[i], &reply) && reply.status == 200)
            (void)add_page(&reply, &page, &data);
        if (is_full && data.size > size) { /* it was asked for its total alone */
            data.size = size;
            data.data[size] = '\0';
            page.limit = 0;
        }
        text_release(&target);
    }
    struct json_writer json = json_writer_of(&answer->body);
    json_begin_object(&json, NULL);
    json_text(&json, "status", "success");
    json_integer(&json, "timestamp", clock_wall_ns() / NS_PER_MS);
    json_integer(&json, "totalRecords", page.total);
    json_begin_array(&json, "data");
    text_append(&answer->body, data.data, data.size);
    json_end_array(&json);
    end(&json);
    answer->body.is_oom |= text_is_oom(&data);
    text_release(&data);
    peers_release(&peers);
}

/* ---- the page ---- */

FACE(page_index) {
    const struct supervisor *supervisor = context;
    page_answer_index(supervisor->page, request, answer);
}

FACE(page_asset) {
    (void)context;
    page_answer_asset(request, answer);
}

FACE(page_events) {
    const struct supervisor *supervisor = context;
    page_answer_events(supervisor->page, request, answer);
}

FACE(page_login_form) {
    (void)context;
    page_answer_login(request, answer);
}

/* ---- the server ---- */

/* Health is for probes, which bear no token. */
static const struct http_route routes[] = {
    PAGE_ROUTES(page_),
    {"/health", health, HTTP_OPEN},
    {"/health/live", live, HTTP_OPEN},
    {"/health/ready", ready, HTTP_OPEN},
    {"/metrics", metrics, 0},
    {"/stats", stats, 0},
    {"/strategies", strategies, 0},
    {"/strategies/{name}", strategy, 0},
    {"/asset_trends", asset_trends, 0},
    {"/asset_trends/{symbol}", asset_trends, 0},
    {"/algorithm-results", algorithm_results, 0},
    {"/algorithm-results/{symbol}", algorithm_results, 0},
    {"/openapi.json", openapi, 0},
    {NULL, NULL, 0},
};

static void get_whole(void *context, const char *target, struct text *body) {
    struct http_answer answer = {0};
    text_init(&answer.body);
    http_answer_target(routes, context, target, &answer);
    text_append(body, answer.body.data, answer.body.size);
    body->is_oom |= answer.body.is_oom;
    text_release(&answer.body);
}

static void get_each(void *context, const char *target,
                     void (*visit)(void *visitor, const char *worker, const char *body),
                     void *visitor) {
    struct peers peers;
    struct reply reply;
    if (!peers_list(context, NULL, &peers))
        return;
    for (size_t i = 0; i < peers.count; i++) {
        get(&peers.items[i], target);
        if (read_reply(&peers.items[i], &reply) && reply.status == 200)
            visit(visitor, peers.items[i].name, reply.body);
    }
    peers_release(&peers);
}

static bool make_page(struct supervisor *supervisor, struct error *error) {
    const struct page_options options = {
        .source = {.context = supervisor, .get = get_whole, .each = get_each},
        .version = TAKE5_VERSION,
        .log = supervisor->log,
    };
    supervisor->page = page_new(&options, error);
    return supervisor->page != NULL;
}

void supervisor_unlisten(struct supervisor *supervisor) {
    page_stop(supervisor->page);
    http_server_free(supervisor->http);
    page_free(supervisor->page);
    supervisor->http = NULL;
    supervisor->page = NULL;
}

bool supervisor_listen(struct supervisor *supervisor, struct error *error) {
    const struct config *config = supervisor->first;
    const struct http_server_options options = {
        .address = config->http_address,
        .port = (uint16_t)config->http_port,
        .hosts = config->http_allowed_hosts,
        .log = supervisor->log,
        .token_file = config->http_token_file,
        .routes = routes,
        .context = supervisor,
    };
    if (!make_page(supervisor, error))
        return false;
    supervisor->http = http_server_new(&options, error);
    if (supervisor->http == NULL || !page_start(supervisor->page, supervisor->http, error))
        return false;
    const bool is_v6 = strchr(config->http_address, ':') != NULL;
    log_event(supervisor->log, LOG_LEVEL_INFO, "ops", "http.listening",
              "http: listening on %s%s%s:%u", is_v6 ? "[" : "", config->http_address,
              is_v6 ? "]" : "", http_server_port(supervisor->http));
    return true;
}
