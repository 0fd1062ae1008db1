/* The smallest strategy: C11, and C++20 as well. */
#include <take5/take5.h>

static int32_t create(const t5_create_args *args, void **self) {
    *self = args->host;
    return T5_OK;
}

static void destroy(void *self) {
    (void)self;
}

static int32_t on_message(void *self, const t5_message *message) {
    t5_host *host = (t5_host *)self;
    const t5_signal signal = t5_signal_init("seen", message->price, 1.0);
    return message->flags & T5_MESSAGE_HAS_PRICE ? t5_emit(host, &signal) : T5_OK;
}

static const char *const topics[] = {"bar_trends", NULL};

T5_STRATEGY("smallest", "1.0.0", .summary = "says each price", .topics = topics, .create = create,
            .destroy = destroy, .on_message = on_message);
