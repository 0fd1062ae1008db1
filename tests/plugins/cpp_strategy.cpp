/*
 * A strategy in C++ before 20, with T5_STRATEGY_BUILD, a vector, and a static that the compiler
 * makes STB_GNU_UNIQUE unless told otherwise. Must load and run as one in C.
 */
#include <take5/take5.h>

#include <map>
#include <new>
#include <string>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "cpp_strategy"
#endif

namespace {

struct Counter {
    t5_host *host;
    std::map<std::string, std::uint64_t> counts;
};

int32_t create(const t5_create_args *args, void **self) {
    Counter *counter = new (std::nothrow) Counter();
    if (counter == nullptr)
        return t5_fail(args->host, "no memory");
    counter->host = args->host;
    *self = counter;
    return T5_OK;
}

void destroy(void *self) {
    delete static_cast<Counter *>(self);
}

int32_t on_message(void *self, const t5_message *message) {
    Counter *counter = static_cast<Counter *>(self);
    try {
        const std::string symbol(message->symbol.data, message->symbol.len);
        const t5_signal signal =
            t5_signal_init("seen", static_cast<double>(++counter->counts[symbol]), 1.0);
        return t5_emit(counter->host, &signal);
    } catch (...) {
        return t5_fail(counter->host, "no memory");
    }
}

const char *const topics[] = {"bar_trends", nullptr};

} // namespace

T5_STRATEGY_BUILD(PLUGIN_NAME, "1.0.0",
                  t5_builder()
                      .summary("counts messages a symbol, in C++")
                      .topics(topics)
                      .scope(T5_SCOPE_KEYED)
                      .create(create)
                      .destroy(destroy)
                      .on_message(on_message));
