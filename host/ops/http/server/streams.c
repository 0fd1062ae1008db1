#include "ops/http/server/streams.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK  16384
/* What the kernel takes for a client that does not read; left alone it grows to megabytes. */
#define UNREAD 65536

struct stream {
    struct stream *before, *after;
    struct streams *streams;
    struct MHD_Connection *connection;
    const struct http_stream *ops;
    void *context;
    struct text text; /* what is being sent, */
    size_t sent;      /* and how far that is */
    bool is_suspended;
};

static void close_stream(void *context) {
    struct stream *stream = context;
    if (stream->before != NULL)
        stream->before->after = stream->after;
    else
        stream->streams->first = stream->after;
    if (stream->after != NULL)
        stream->after->before = stream->before;
    stream->ops->close(stream->context);
    text_release(&stream->text);
    free(stream);
}

static ssize_t send_some(void *context, uint64_t position, char *to, size_t room) {
    struct stream *stream = context;
    (void)position;
    if (stream->sent == stream->text.size) {
        text_reset(&stream->text);
        stream->sent = 0;
        stream->ops->read(stream->context, &stream->text);
        if (text_is_oom(&stream->text))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    const size_t left = stream->text.size - stream->sent;
    const size_t size = left < room ? left : room;
    if (size == 0) {
        stream->is_suspended = true;
        MHD_suspend_connection(stream->connection);
        return 0;
    }
    memcpy(to, stream->text.data + stream->sent, size);
    stream->sent += size;
    return (ssize_t)size;
}

static struct stream *new_stream(struct streams *streams, struct MHD_Connection *connection,
                                 const struct http_answer *answer) {
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    *stream = (struct stream){.streams = streams,
                              .connection = connection,
                              .ops = answer->stream,
                              .context = answer->stream_context,
                              .after = streams->first};
    text_init(&stream->text);
    if (streams->first != NULL)
        streams->first->before = stream;
    streams->first = stream;
    return stream;
}

static void limit_unread(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const int size = UNREAD;
    if (info != NULL)
        (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

struct MHD_Response *streams_add(struct streams *streams, struct MHD_Connection *connection,
                                 const struct http_answer *answer) {
    struct stream *stream = new_stream(streams, connection, answer);
    if (stream == NULL) {
        answer->stream->close(answer->stream_context);
        return NULL;
    }
    limit_unread(connection);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, send_some, stream, close_stream);
    if (response == NULL)
        close_stream(stream);
    return response;
}

void streams_resume(struct streams *streams,
                    void (*touch)(void *context, struct MHD_Connection *connection),
                    void *context) {
    for (struct stream *stream = streams->first; stream != NULL; stream = stream->after) {
        if (!stream->is_suspended)
            continue;
        stream->is_suspended = false;
        touch(context, stream->connection);
        MHD_resume_connection(stream->connection);
    }
}
