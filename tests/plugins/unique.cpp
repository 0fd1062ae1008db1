/*
 * Statics of inline functions, of templates, and thread-local ones, which g++ makes one for the
 * process: emits their sum and how often it was asked, FACTOR tells the builds apart.
 */
#include <take5/strategy.hpp>

inline double &calls() {
    static double count = 1000 * FACTOR;
    return count;
}

template <class T> struct held { static double factor; };
template <class T> double held<T>::factor = 100 * FACTOR;

inline double &of_thread() {
    static thread_local double factor = 10 * FACTOR;
    return factor;
}

class unique : public t5::Strategy {
  public:
    using Strategy::Strategy;
    void on_message(const t5::Message &) override {
        calls() += 1;
        emit("said", calls() + held<int>::factor + of_thread(), 1);
    }
};

T5_STRATEGY_CLASS(unique, "unique", "1.0.0", "statics that the process has one of", "bar_trends");
