/* A strategy by take5/strategy.hpp with state by symbol and time frame. */
#include <take5/strategy.hpp>

namespace {

struct Memory {
    double sum;
    uint64_t count;
};

class Sums : public t5::Strategy {
    t5::Frames<Memory> memories;

  public:
    using Strategy::Strategy;

    void on_message(const t5::Message &message) override {
        Memory &memory = memories[message];
        memory.sum += message.price();
        memory.count++;
        emit("sum", memories.find(message.symbol_id(), message.time_frame_s())->sum, 1);
        size_t frames = 0;
        memories.for_each(message.symbol_id(), [&frames](uint32_t, const Memory &) { frames++; });
        if (frames == memories.count(message.symbol_id()))
            emit("frames", static_cast<double>(frames), 1);
    }

    void on_event(const t5_event &event) override {
        if (event.kind == T5_EVENT_SYMBOL_EXPIRED)
            memories.erase(event.symbol_id);
    }

    uint32_t state_version() const override {
        return 1;
    }

    void save(t5::Writer &writer) const override {
        memories.save(writer);
    }

    void load(t5::Reader &reader) override {
        while (reader.next())
            memories.load(reader);
    }
};

} // namespace

T5_STRATEGY_CLASS(Sums, "frames_cxx", "1.0.0", "sums by symbol and time frame", "bar_trends");
