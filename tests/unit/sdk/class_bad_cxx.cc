/* A constructor that throws where it has no host. Also the smallest class: no save. */
#include <take5/strategy.hpp>

class Bad : public t5::Strategy {
  public:
    explicit Bad(t5::Birth &birth) : Strategy(birth) {
        if (host() == nullptr)
            throw std::runtime_error("where is everybody");
    }
    void on_message(const t5::Message &) override {
    }
    uint32_t scope() const override {
        return T5_SCOPE_GLOBAL;
    }
};

T5_STRATEGY_CLASS(Bad, "bad", "1", "throws", "bar_trends");
