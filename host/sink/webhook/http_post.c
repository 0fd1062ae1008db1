#include "sink/webhook/http_post.h"

#include "base/clock.h"
#include "sink/batch/receiver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an answer's body. */
#define EXCERPT_BYTES 160

struct http_post {
    CURLM *multi; /* keeps the connection between two requests; NULL: none */
    CURL *easy;
    char trouble[CURL_ERROR_SIZE];
    char excerpt[EXCERPT_BYTES];
    size_t excerpt_size;
};

static CURLcode global_code;

static void init_once(void) {
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool init_library(struct error *error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_once);
    return global_code == CURLE_OK ||
           error_set(error, ERROR_SYSTEM, "libcurl: %s", curl_easy_strerror(global_code));
}

static size_t take_excerpt(char *data, size_t size, size_t count, void *context) {
    struct http_post *self = context;
    const size_t room = sizeof self->excerpt - self->excerpt_size;
    const size_t taken = size * count < room ? size * count : room;
    memcpy(self->excerpt + self->excerpt_size, data, taken);
    self->excerpt_size += taken;
    return size * count;
}

static CURLcode set_security(CURL *easy, const struct http_post_options *options) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (code == CURLE_OK && options->ca_file != NULL)
        code = curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    return code;
}

static CURLcode set_up(struct http_post *self, const struct http_post_options *options) {
    CURL *easy = self->easy;
    CURLcode code = set_security(easy, options);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_URL, options->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(options->timeout_ns / NS_PER_MS));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "take5");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->trouble);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_excerpt);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    return code;
}

struct http_post *http_post_new(const struct http_post_options *options, struct error *error) {
    if (!init_library(error))
        return NULL;
    struct http_post *self = calloc(1, sizeof *self);
    if (self == NULL || (self->easy = curl_easy_init()) == NULL) {
        error_set_memory(error, "a webhook");
        http_post_free(self);
        return NULL;
    }
    const CURLcode code = set_up(self, options);
    if (code == CURLE_OK)
        return self;
    error_set(error, ERROR_INVALID, "webhook: %s", curl_easy_strerror(code));
    http_post_free(self);
    return NULL;
}

void http_post_free(struct http_post *self) {
    if (self == NULL)
        return;
    curl_easy_cleanup(self->easy);
    http_post_hang_up(self);
    free(self);
}

void http_post_hang_up(struct http_post *self) {
    curl_multi_cleanup(self->multi);
    self->multi = NULL;
}

/* The outcome, once the transfer has ended. */
static bool is_done(struct http_post *self, CURLcode *code) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(self->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            *code = message->data.result;
            return true;
        }
    }
    return false;
}

static CURLcode transfer(struct http_post *self, bool (*is_over)(void *context), void *context) {
    CURLcode code = CURLE_OK;
    int running;
    while (curl_multi_perform(self->multi, &running) == CURLM_OK) {
        if (is_done(self, &code))
            return code;
        if (is_over(context))
            return CURLE_ABORTED_BY_CALLBACK;
        curl_multi_poll(self->multi, NULL, 0, RECEIVER_LOOK_MS, NULL);
    }
    return CURLE_OUT_OF_MEMORY;
}

static void read_answer(struct http_post *self, struct http_reply *answer) {
    curl_off_t wait_s = 0;
    struct text text;
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(self->easy, CURLINFO_RETRY_AFTER, &wait_s);
    answer->wait_ns = wait_s > 0 && wait_s < INT64_MAX / NS_PER_S ? wait_s * NS_PER_S : 0;
    text_init(&text);
    text_visible(&text, self->excerpt, self->excerpt_size);
    snprintf(answer->text, sizeof answer->text, "%s", text.data);
    text_release(&text);
}

void http_post_send(struct http_post *self, const struct curl_slist *headers,
                    const struct text *body, bool (*is_over)(void *context), void *context,
                    struct http_reply *answer) {
    *answer = (struct http_reply){0};
    self->excerpt_size = 0;
    self->trouble[0] = '\0';
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, body->data);
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (self->multi == NULL)
        self->multi = curl_multi_init();
    if (self->multi != NULL && curl_multi_add_handle(self->multi, self->easy) == CURLM_OK) {
        code = transfer(self, is_over, context);
        curl_multi_remove_handle(self->multi, self->easy);
    }
    if (code == CURLE_OK)
        read_answer(self, answer);
    else
        snprintf(answer->text, sizeof answer->text, "%s",
                 self->trouble[0] != '\0' ? self->trouble : curl_easy_strerror(code));
}
