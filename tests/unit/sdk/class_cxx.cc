/* A strategy by take5/strategy.hpp that uses all of it, and throws on demand. */
#include <take5/strategy.hpp>

#include <cmath>

namespace {

struct Memory {
    double last = 0;
    uint64_t count = 0;
};

class Everything : public t5::Strategy {
    t5::Number factor{this, "factor", "2", "multiplies", "0", "10"};
    t5::Integer count{this, "count", "3", "counts", "1"};
    t5::Duration wait{this, "wait", "5s", "waits"};
    t5::Flag loud{this, "loud", "no", "says more"};
    t5::Text refuse{this, "refuse", "", "prepare refuses with this"};
    t5::File file{this, "file", "", "is not read"};
    t5::Field deed{this, "do"};
    t5::Field number{this, "a.n|n"};
    t5::Field text{this, "text"};
    t5::Symbols<Memory> memories;
    uint64_t total = 0;

  public:
    using Strategy::Strategy;

    int64_t warm_up_ns() const override {
        return 2 * wait;
    }

    void prepare() override {
        if (!refuse.get().empty())
            throw std::runtime_error(std::string(refuse));
        log(T5_LOG_INFO, "prepared " + deployment() + " " + std::to_string(partition()) + " " +
                             std::to_string(factor) + " " + std::to_string(count) + " " +
                             std::to_string(wait) + (loud ? " loud" : "") + file.path());
    }

    void activate(uint32_t mode) override {
        log(T5_LOG_INFO, "activated " + std::to_string(mode));
    }

    void deactivate() override {
        throw std::runtime_error("cannot stop");
    }

    void on_message(const t5::Message &message) override {
        Memory &memory = memories[message.symbol_id()];
        memory.count++;
        memory.last = message.price();
        total++;
        const std::string_view what = deed.text(message);
        if (what == "emit")
            emit("said", number.number(message) * factor, 0.5, text.text(message));
        else if (what == "count")
            emit("count", static_cast<double>(memory.count), 1);
        else if (what == "total")
            emit("total", static_cast<double>(total), 1);
        else if (what == "symbol")
            emit("symbol", symbol_id(symbol_text(message.symbol_id())), 0);
        else if (what == "document")
            emit("document", document("deep.1").value_or(t5_value{}).number, 0);
        else if (what == "children")
            tell_children();
        else if (what == "arm")
            arm_timer(message.symbol_id(), 1, message.event_time_ns() + wait);
        else if (what == "throw")
            throw std::runtime_error(std::string(text.text(message)));
        else if (what == "reject")
            throw t5::Reject("not for us");
        else if (what == "int")
            throw 5;
        else if (what == "alloc")
            std::vector<char>(100).swap(scratch);
    }

    /* Each member of "deep" by its name, then how many "deep.list" has, and no others. */
    void tell_children() {
        for (const t5::Child &child : children("deep"))
            emit(child.name, t5_value_is_number(&child.value) ? child.value.number : 0, 0);
        for (const t5::Child &child : children("deep.list"))
            emit(child.name.empty() ? "element" : "named", child.value.number, 0);
        emit("list", child_count("deep.list"), 0);
        if (children("no.such").empty() && children("n").empty() && !child("deep.list", 2))
            emit("none", child_count(""), 0, child("deep", 1)->text());
    }

    void on_timer(const t5_timer &timer) override {
        if (timer.key != 1)
            throw t5::Reject("nothing to reject");
        emit("due", static_cast<double>(timer.due_ns), 1);
    }

    void on_event(const t5_event &event) override {
        if (event.kind == T5_EVENT_SYMBOL_EXPIRED)
            memories.erase(event.symbol_id);
        if (event.kind == T5_EVENT_ASSIGNED)
            throw std::runtime_error("no events please");
    }

    uint32_t state_version() const override {
        return 4;
    }

    void save(t5::Writer &writer) const override {
        writer.write(T5_NO_SYMBOL, total);
        memories.save(writer);
    }

    void load(t5::Reader &reader) override {
        if (reader.state_version() != 4)
            throw std::runtime_error("I read 4");
        while (reader.next()) {
            if (reader.symbol_id() == T5_NO_SYMBOL)
                total = reader.as<uint64_t>();
            else
                memories.load(reader);
        }
    }

  private:
    std::vector<char> scratch;
};

} // namespace

T5_STRATEGY_CLASS(Everything, "everything", "4.2", "uses all of strategy.hpp", "bar_trends",
                  "asset_trends");
