#include "sink/webhook/sink_webhook.h"

#include "base/clock.h"
#include "base/text.h"
#include "sink/batch/batch_sink.h"
#include "sink/webhook/http_post.h"
#include "sink/webhook/webhook_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BATCH_BYTES ((size_t)1 << 20)

struct webhook {
    struct receiver receiver;
    struct http_post *post;
    struct curl_slist *headers; /* of all requests */
    char *chat;                 /* may be NULL */
    struct webhook_form form;
    struct text body;
};

/* ---- a request ---- */

static bool append(struct curl_slist **list, const char *header) {
    struct curl_slist *longer = header != NULL ? curl_slist_append(*list, header) : NULL;
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* Those of all requests, and the idempotency key. NULL: out of memory. */
static struct curl_slist *headers_of(const struct webhook *self, const char *key) {
    struct curl_slist *headers = NULL;
    char line[64];
    snprintf(line, sizeof line, "Idempotency-Key: %s", key);
    bool did = append(&headers, line);
    for (const struct curl_slist *at = self->headers; did && at != NULL; at = at->next)
        did = append(&headers, at->data);
    if (did)
        return headers;
    curl_slist_free_all(headers);
    return NULL;
}

static bool is_refused_for_good(long status) {
    return status == 400 || status == 413 || status == 414 || status == 422;
}

static void describe(const struct http_reply *answer, struct error *error) {
    if (answer->status == 0)
        error_set(error, ERROR_SYSTEM, "%s", answer->text);
    else
        error_set(error, ERROR_SYSTEM, "HTTP %ld%s%s", answer->status,
                  answer->text[0] != '\0' ? ": " : "", answer->text);
}

static enum receiver_answer judge(const struct http_reply *answer, struct receiver_batch *batch) {
    if (answer->status >= 200 && answer->status < 300)
        return RECEIVER_SAFE;
    describe(answer, batch->error);
    batch->wait_ns = answer->wait_ns;
    return is_refused_for_good(answer->status) ? RECEIVER_REFUSED : RECEIVER_BUSY;
}

static enum receiver_answer no_memory(struct webhook *self, struct receiver_batch *batch) {
    text_release(&self->body);
    text_init(&self->body);
    error_set_memory(batch->error, "a request");
    return RECEIVER_BUSY;
}

static enum receiver_answer webhook_send(struct receiver *receiver, struct receiver_batch *batch) {
    struct webhook *self = (struct webhook *)receiver;
    char key[HASH_TEXT_SIZE];
    struct http_reply answer;
    if (!webhook_body(&self->form, batch->deliveries, batch->count, &self->body) ||
        !webhook_key(batch->deliveries, batch->count, key))
        return no_memory(self, batch);
    struct curl_slist *headers = headers_of(self, key);
    if (headers == NULL)
        return no_memory(self, batch);
    http_post_send(self->post, headers, &self->body, batch->is_over, batch->context, &answer);
    curl_slist_free_all(headers);
    return judge(&answer, batch);
}

static void webhook_hang_up(struct receiver *receiver) {
    http_post_hang_up(((struct webhook *)receiver)->post);
}

static void webhook_free(struct receiver *receiver) {
    struct webhook *self = (struct webhook *)receiver;
    http_post_free(self->post);
    curl_slist_free_all(self->headers);
    text_release(&self->body);
    free(self->chat);
    free(self);
}

static const struct receiver_ops WEBHOOK_OPS = {
    .name = "webhook",
    .send = webhook_send,
    .hang_up = webhook_hang_up,
    .free = webhook_free,
};

/* ---- life ---- */

static bool has_type(const struct config_items *items) {
    for (size_t i = 0; items != NULL && i < items->count; i++) {
        if (strcasecmp(items->items[i].name, "Content-Type") == 0)
            return true;
    }
    return false;
}

static bool make_headers(struct webhook *self, const struct config_items *items) {
    bool did = append(&self->headers, "Expect:") && /* no wait for a 100 */
               (has_type(items) || append(&self->headers, "Content-Type: application/json"));
    for (size_t i = 0; did && items != NULL && i < items->count; i++) {
        char *line = text_format("%s: %s", items->items[i].name, items->items[i].text);
        did = append(&self->headers, line);
        free(line);
    }
    return did;
}

static bool copy_options(struct webhook *self, const struct sink_webhook_options *options) {
    self->chat = options->chat != NULL ? strdup(options->chat) : NULL;
    self->form = (struct webhook_form){options->format, self->chat, options->batch > 1};
    return (self->chat != NULL) == (options->chat != NULL) && make_headers(self, options->headers);
}

static struct webhook *webhook_new(const struct sink_webhook_options *options,
                                   struct error *error) {
    struct webhook *self = calloc(1, sizeof *self);
    if (self == NULL) {
        error_set_memory(error, "a webhook");
        return NULL;
    }
    self->receiver.ops = &WEBHOOK_OPS;
    text_init(&self->body);
    const struct http_post_options post = {options->url, options->ca_file, options->timeout_ns};
    if (!copy_options(self, options))
        error_set_memory(error, "a webhook");
    else if ((self->post = http_post_new(&post, error)) != NULL)
        return self;
    webhook_free(&self->receiver);
    return NULL;
}

/* "https://host:port/": what follows may be a secret, as with Slack and Telegram; a user and
 * password before it are. */
static void show_url(const char *url, char *shown, size_t size) {
    const char *begin = strstr(url, "://");
    const char *user = begin != NULL ? begin + 3 : url;
    const size_t rest = begin != NULL ? strcspn(user, "/?#") : 0;
    const char *at = memrchr(user, '@', rest);
    const char *host = at != NULL ? at + 1 : user;
    snprintf(shown, size, "%.*s%.*s/...", (int)(user - url), url, (int)(user + rest - host), host);
}

struct sink *sink_webhook_new(const struct sink_webhook_options *options, struct error *error) {
    char target[160];
    struct webhook *self = webhook_new(options, error);
    if (self == NULL)
        return NULL;
    show_url(options->url, target, sizeof target);
    return batch_sink_new(&self->receiver,
                          &(struct batch_sink_options){.target = target,
                                                       .most = options->batch,
                                                       .bytes = BATCH_BYTES,
                                                       .retry_most_ns = options->retry_most_ns,
                                                       .dead_letters = options->dead_letters,
                                                       .log = options->log},
                          error);
}
