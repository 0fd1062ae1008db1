/* A strategy in C++ that allocates with new, in several ways; for tests of the kit. */
#include <take5/take5.h>

#include <map>
#include <new>
#include <string>

namespace {

struct instance {
    t5_host *host;
    std::map<std::string, int> counts;
};

int32_t create(const t5_create_args *args, void **self) {
    try {
        *self = new instance{args->host, {}};
        return T5_OK;
    } catch (const std::bad_alloc &) {
        return t5_fail(args->host, "bad_alloc in create");
    }
}

void destroy(void *self) {
    delete static_cast<instance *>(self);
}

int32_t on_message(void *self, const t5_message *message) {
    instance *i = static_cast<instance *>(self);
    try {
        const std::string key(message->symbol.data, message->symbol.len);
        i->counts[key + " and more than a short string holds"]++;
        return T5_OK;
    } catch (const std::bad_alloc &) {
        return t5_fail(i->host, "bad_alloc in on_message");
    }
}

const char *const topics[] = {"bar_trends", nullptr};

} // namespace

T5_STRATEGY_BUILD(
    "kit-cxx", "1.0",
    t5_builder().topics(topics).create(create).destroy(destroy).on_message(on_message));
