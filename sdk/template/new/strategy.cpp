/*
 * @NAME@: says when the price of a symbol leaves its average. Change it into what you want to say.
 *
 * For each symbol and time frame it keeps an exponential average of the prices: with a new price p,
 * the average a becomes a + weight (p - a). The lead is how far p lies from a, in percent; beyond
 * `threshold` it is the signal "@NAME@_up" or "@NAME@_down", said once until the price comes back
 * or goes to the other side.
 */
#include <take5/strategy.hpp>

#include <cmath>

namespace {

/* What is remembered of a symbol in one time frame. Saved as it stands: flat, without pointers or
 * padding. */
struct Memory {
    double average;
    std::int64_t count; /* prices so far */
    std::int64_t side;  /* what was said last: 1 up, -1 down, 0 neither */
};

/* One object an instance. The host makes one for each partition and never calls it from two threads
 * at once, so it needs no lock. Nothing is static. What is thrown becomes an error with its text.
 */
class Strategy : public t5::Strategy {
    t5::Number weight_{this, "weight", "0.1", "of a new price in the average", "0.0001", "1"};
    t5::Number threshold_{this,     "threshold",
                          "0.25",   "distance from the average that emits a signal, percent",
                          "0.0001", "100"};
    t5::Integer least_{this, "least",
                       "10", "prices of a symbol and time frame before a signal is emitted",
                       "0",  "1000000"};
    t5::Frames<Memory> memories_;

  public:
    using t5::Strategy::Strategy;

    void on_message(const t5::Message &message) override {
        const double price = message.price();
        if (!std::isfinite(price)) /* absent is NaN, never 0 */
            return;
        Memory &memory = memories_[message];
        const double lead = 100 * (price / memory.average - 1);
        if (memory.count >= least_ && memory.count > 0 && std::isfinite(lead))
            judge(memory, lead);
        memory.average += weight_ * (price - memory.average);
        if (memory.count == 0 || !std::isfinite(memory.average))
            memory.average = price;
        memory.count++;
    }

    /* An id may be given to another symbol once its own has expired. */
    void on_event(const t5_event &event) override {
        if (event.kind == T5_EVENT_SYMBOL_EXPIRED)
            memories_.erase(event.symbol_id);
    }

    /* Raise it when Memory changes, and let load() know what older ones looked like. */
    std::uint32_t state_version() const override {
        return 1;
    }

    /* What `take5 evaluate` makes positions of: a value above 0 is long, one below short. */
    std::uint32_t side() const override {
        return T5_SIDE_VALUE;
    }

    /* What an instance without a state is fed before its work begins: as far back as a price still
     * weighs in the average. */
    std::int64_t warm_up_ns() const override {
        return 30 * 60 * INT64_C(1000000000);
    }

    /* What is remembered survives a reload and a restart. */
    void save(t5::Writer &writer) const override {
        memories_.save(writer);
    }

    void load(t5::Reader &reader) override {
        if (reader.state_version() != state_version())
            throw std::runtime_error("state of another version");
        while (reader.next())
            memories_.load(reader);
    }

  private:
    void judge(Memory &memory, double lead) {
        const int side = lead > threshold_ ? 1 : lead < -threshold_ ? -1 : 0;
        const bool is_news = side != 0 && side != memory.side;
        memory.side = side;
        if (is_news)
            emit_lead(memory, lead);
    }

    void emit_lead(const Memory &memory, double lead) {
        const double confidence = std::fabs(lead) / (2 * threshold_);
        emit(memory.side > 0 ? "@NAME@_up" : "@NAME@_down", lead, confidence < 1 ? confidence : 1,
             {t5_named_number("average", memory.average)});
    }
};

} // namespace

T5_STRATEGY_CLASS(Strategy, "@NAME@", "0.1.0", "says when a price leaves its average",
                  "bar_trends");
