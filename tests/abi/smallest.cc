/* The smallest strategy in C++ before 20, which has no designated initialisers. */
#include <take5/take5.h>

namespace {

int32_t create(const t5_create_args *args, void **self) {
    *self = args->host;
    return T5_OK;
}

void destroy(void *) {
}

int32_t on_message(void *self, const t5_message *message) {
    t5_host *host = static_cast<t5_host *>(self);
    const t5_signal signal = t5_signal_init("seen", message->price, 1.0);
    return message->flags & T5_MESSAGE_HAS_PRICE ? t5_emit(host, &signal) : T5_OK;
}

const char *const topics[] = {"bar_trends", nullptr};

} // namespace

T5_STRATEGY_BUILD("smallest-cc", "1.0.0",
                  t5_builder()
                      .summary("says each price")
                      .topics(topics)
                      .create(create)
                      .destroy(destroy)
                      .on_message(on_message));
