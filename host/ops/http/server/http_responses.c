#include "ops/http/server/http_responses.h"

#include "base/format/json_writer.h"

#include <stdarg.h>
#include <stdlib.h>

/* Pages are made of what this server sends, and nothing runs that stands in a document. */
#define CONTENT_POLICY                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

void http_fail(struct http_answer *answer, unsigned status, const char *format, ...) {
    struct text message;
    va_list args;
    text_init(&message);
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    answer->status = status;
    answer->content_type = "application/json";
    text_reset(&answer->body);
    struct json_writer json = json_writer_of(&answer->body);
    json_begin_object(&json, NULL);
    json_text(&json, "status", "error");
    json_bytes(&json, "message", message.data, message.size);
    json_end_object(&json);
    text_putc(&answer->body, '\n');
    text_release(&message);
}

/* A body on its way; it goes when the client has taken it, or is gone. */
struct sending {
    struct http_responses *responses;
    char *data;
    size_t size;
};

static void end_sending(void *context) {
    struct sending *sending = context;
    sending->responses->bytes -= sending->size;
    free(sending->data);
    free(sending);
}

static struct MHD_Response *new_response(struct http_responses *responses, struct text *body) {
    struct sending *sending = malloc(sizeof *sending);
    if (sending == NULL)
        return NULL;
    const size_t size = body->size;
    *sending = (struct sending){.responses = responses, .size = size, .data = text_take(body)};
    if (sending->data == NULL) {
        free(sending);
        return NULL;
    }
    responses->bytes += size;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        size, sending->data, end_sending, sending);
    if (response == NULL)
        end_sending(sending);
    return response;
}

static void add_headers(struct MHD_Response *response, const struct http_answer *answer,
                        const char *allow) {
    const char *const headers[][2] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type},
        {MHD_HTTP_HEADER_CACHE_CONTROL, answer->cache != NULL ? answer->cache : "no-store"},
        {MHD_HTTP_HEADER_CONTENT_ENCODING, answer->encoding},
        {MHD_HTTP_HEADER_VARY, answer->cache != NULL ? "Accept-Encoding" : NULL},
        {MHD_HTTP_HEADER_LOCATION, answer->location},
        {MHD_HTTP_HEADER_SET_COOKIE, answer->cookie[0] != '\0' ? answer->cookie : NULL},
        {MHD_HTTP_HEADER_WWW_AUTHENTICATE,
         answer->status == MHD_HTTP_UNAUTHORIZED ? "Bearer" : NULL},
        {MHD_HTTP_HEADER_ALLOW, allow},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy", CONTENT_POLICY},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (headers[i][1] != NULL)
            MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

enum MHD_Result http_responses_send(struct http_responses *responses,
                                    struct MHD_Connection *connection, struct http_answer *answer,
                                    const char *allow) {
    if (responses->bytes + answer->body.size > HTTP_ANSWER_BYTES)
        http_fail(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "too many responses in progress");
    if (text_is_oom(&answer->body))
        return MHD_NO;
    struct MHD_Response *response = answer->stream != NULL
                                        ? streams_add(&responses->streams, connection, answer)
                                        : new_response(responses, &answer->body);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, answer, allow);
    const enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}
