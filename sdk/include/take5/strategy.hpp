/*
 * take5/strategy.hpp - strategies in C++17: derive a class, override what you need.
 *
 *   #include <take5/strategy.hpp>
 *
 *   class Spread : public t5::Strategy {
 *       t5::Number threshold{this, "threshold", "0.5", "percent that counts", "0", "100"};
 *       t5::Field slope{this, "trendData.wSma_slope"};
 *       t5::Symbols<double> last;
 *
 *     public:
 *       using Strategy::Strategy;
 *
 *       void on_message(const t5::Message &message) override {
 *           if (message.price() > last[message.symbol_id()] * (1 + threshold / 100))
 *               emit("spread", slope.number(message), 0.5);
 *           last[message.symbol_id()] = message.price();
 *       }
 *   };
 *   T5_STRATEGY_CLASS(Spread, "spread", "1.0.0", "what it does, in a line", "asset_trends");
 *
 * Parameters and fields are members; the descriptor is made of them. For that one object more, the
 * *prototype*, is constructed when the file is loaded, without a host: so a constructor does
 * nothing but construct. Work that may fail belongs into prepare(), threads and sockets into
 * activate().
 *
 * Exceptions stop at the border. What a callback throws becomes its error, with what() as the
 * reason; t5::Reject from on_message sends the message to the dead letters. Callbacks that cannot
 * fail log it.
 *
 * save() and load() are known to the host only when the class overrides save().
 *
 * No statics are made here that several versions of a file would share (STB_GNU_UNIQUE); build with
 * -fno-gnu-unique, as take5_add_strategy() does, to have that of the standard library's templates
 * too.
 */
#ifndef TAKE5_STRATEGY_HPP
#define TAKE5_STRATEGY_HPP

#include "take5.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace t5 {

/* Thrown from on_message: the message goes into the dead letters with this reason. */
class Reject : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

inline std::string_view view(t5_str text) {
    return text.len > 0 ? std::string_view(text.data, text.len) : std::string_view();
}

inline t5_str span(std::string_view text) {
    t5_str s;
    s.data = text.data();
    s.len = text.size();
    return s;
}

namespace border {
/* A number in a text. (std::to_string would make statics that versions of a file share.) */
inline std::string text(const char *before, size_t number, const char *after = "") {
    char digits[24];
    (void)std::snprintf(digits, sizeof digits, "%zu", number);
    return std::string(before) + digits + after;
}
} // namespace border

/* ---- a message ---- */

/* A view of a message: valid until on_message returns, as everything that it hands out. */
class Message {
  public:
    explicit Message(const t5_message &raw) : raw_(raw) {
    }

    const t5_message &raw() const {
        return raw_;
    }
    bool has(t5_message_flag flag) const {
        return (raw_.flags & static_cast<uint32_t>(flag)) != 0;
    }
    std::string_view symbol() const {
        return view(raw_.symbol);
    }
    uint32_t symbol_id() const {
        return raw_.symbol_id;
    }
    uint32_t topic() const {
        return raw_.topic;
    } /* index into the topics of the macro */
    int64_t event_time_ns() const {
        return raw_.event_time_ns;
    }
    uint32_t time_frame_s() const {
        return raw_.time_frame_s;
    } /* 0: absent */
    double price() const {
        return raw_.price;
    } /* NaN: absent, as all below */
    double volume() const {
        return raw_.volume;
    }
    double open() const {
        return raw_.open;
    }
    double high() const {
        return raw_.high;
    }
    double low() const {
        return raw_.low;
    }
    double close() const {
        return raw_.close;
    }
    std::string_view payload() const {
        return view(raw_.payload);
    }

  private:
    const t5_message &raw_;
};

/* A child of an object or array in the current document. Its texts live until the callback returns.
 */
struct Child {
    std::string_view name; /* of a member; empty for an element */
    t5_value value;        /* of an object or array: text() is its JSON */

    std::string_view text() const {
        return view(t5_value_text(&value));
    }
};

/* ---- how an object comes to be ---- */

/* What is learnt from the prototype. Lives as long as the file is loaded. */
struct Declaration {
    std::vector<const char *> topics;
    std::vector<const char *> fields;
    std::vector<std::unique_ptr<t5_parameter>> owned;
    std::vector<const t5_parameter *> parameters;
    uint32_t scope = 0;
    std::vector<const char *> series;
    uint32_t state_version = 0;
    uint32_t side = T5_SIDE_NONE;
    int64_t warm_up_ns = 0;
    std::string error; /* what the constructor threw */
    t5_describe_args settings = {static_cast<uint32_t>(sizeof(t5_describe_args)), 0, nullptr,
                                 nullptr};
};

/* Handed to constructors: of the prototype (with a declaration) or of an instance (with a host). */
struct Birth {
    Declaration *declaration;
    const t5_create_args *args;
};

/* ---- state ---- */

class Writer {
  public:
    explicit Writer(t5_host *host) : host_(host) {
    }

    /* A record of a symbol, or of T5_NO_SYMBOL. Throws when the host does not take it. */
    void write(uint32_t symbol_id, const void *data, size_t size) {
        if (t5_record_write(host_, symbol_id, data, size) != T5_OK)
            throw std::runtime_error(
                border::text("the host did not take a record of ", size, " bytes"));
    }
    /* The value's bytes: right for flat structs without padding. */
    template <class T> void write(uint32_t symbol_id, const T &value) {
        static_assert(std::is_trivially_copyable<T>::value, "only flat values have bytes");
        write(symbol_id, static_cast<const void *>(&value), sizeof value);
    }

  private:
    t5_host *host_;
};

class Reader {
  public:
    Reader(t5_host *host, const t5_load_args &args) : host_(host), args_(args), record_() {
    }

    /* state_version and version text of the strategy that wrote the state. */
    uint32_t state_version() const {
        return args_.state_version;
    }
    std::string_view version() const {
        return view(args_.version);
    }

    /* The next record becomes the current one; false after the last. */
    bool next() {
        const int32_t code = t5_record_read(host_, &record_);
        if (code != T5_OK && code != T5_END)
            throw std::runtime_error(
                border::text("the state cannot be read: code ", static_cast<size_t>(code)));
        return code == T5_OK;
    }
    uint32_t symbol_id() const {
        return record_.symbol_id;
    } /* or T5_NO_SYMBOL */
    std::string_view symbol() const {
        return view(record_.symbol);
    }
    const void *data() const {
        return record_.data;
    }
    size_t size() const {
        return record_.data_size;
    }
    /* The record as the flat value that was written. Throws when the size is not that of a T. */
    template <class T> T as() const {
        static_assert(std::is_trivially_copyable<T>::value, "only flat values have bytes");
        if (record_.data_size != sizeof(T))
            throw std::runtime_error(
                border::text("a record of ", record_.data_size,
                             border::text(" bytes, expected ", sizeof(T)).c_str()));
        T value;
        std::memcpy(static_cast<void *>(&value), record_.data, sizeof value);
        return value;
    }

  private:
    t5_host *host_;
    const t5_load_args &args_;
    t5_record record_;
};

/* ---- the class to derive from ---- */

class Strategy {
  public:
    explicit Strategy(Birth &birth)
        : declaration_(birth.declaration),
          host_(birth.args != nullptr ? birth.args->host : nullptr),
          mode_(birth.args != nullptr ? birth.args->mode : 0),
          partition_(birth.args != nullptr ? birth.args->partition : -1),
          deployment_(birth.args != nullptr ? std::string(view(birth.args->deployment))
                                            : std::string()) {
    }
    Strategy(const Strategy &) = delete;
    Strategy &operator=(const Strategy &) = delete;
    virtual ~Strategy() = default;

    /* The rest of `create`: parameters have their values. Throws to refuse. */
    virtual void prepare() {
    }
    virtual void on_message(const Message &message) = 0;
    virtual void on_timer(const t5_timer &) {
    }
    virtual void on_event(const t5_event &) {
    }
    virtual void activate(uint32_t /* enum t5_mode */) {
    }
    virtual void deactivate() {
    }
    virtual void save(Writer &) const {
    }
    virtual void load(Reader &) {
    }

    /* Asked of the prototype. */
    virtual uint32_t scope() const {
        return T5_SCOPE_KEYED;
    }
    virtual uint32_t state_version() const {
        return 1;
    } /* when it saves */

    /* How much history an instance without state wants first, in ns: what its windows look back.
     * It may be made of Durations, which in the prototype have the deployment's values. */
    virtual int64_t warm_up_ns() const {
        return 0;
    }
    /* How its signals are read as positions: enum t5_side. */
    virtual uint32_t side() const {
        return T5_SIDE_NONE;
    }

    /* ---- what the host does: see take5/host.h ---- */

    t5_host *host() const {
        return host_;
    } /* NULL in the prototype */
    uint32_t mode() const {
        return mode_;
    }
    int32_t partition() const {
        return partition_;
    }
    const std::string &deployment() const {
        return deployment_;
    }

    /* False: the host refused it, which it logs. `data`: one JSON object, or nothing. */
    bool emit(std::string_view name, double value, double confidence,
              std::string_view data = std::string_view()) {
        t5_signal signal = t5_signal_init("", value, confidence);
        signal.name = span(name);
        signal.data = span(data);
        return emit(signal);
    }
    /* With named values: emit("up", 1.5, 0.8, {t5_named_number("z", z)}). */
    bool emit(std::string_view name, double value, double confidence,
              std::initializer_list<t5_named_value> values) {
        t5_signal signal = t5_signal_init("", value, confidence);
        signal.name = span(name);
        signal.values = values.begin();
        signal.value_count = static_cast<uint32_t>(values.size());
        return emit(signal);
    }
    bool emit(const t5_signal &signal) {
        return t5_emit(host_, &signal) == T5_OK;
    }

    /* Any thread. */
    void log(t5_level level, std::string_view text) const {
        (void)host_->services->log(host_, level, text.data(), text.size());
    }
    /* Any thread: on_event(T5_EVENT_WOKEN) soon. */
    void wake() const {
        (void)host_->services->wake(host_);
    }

    /* By event time. False: unknown symbol, or too many. */
    bool arm_timer(uint32_t symbol_id, uint64_t key, int64_t due_ns) {
        return t5_arm_timer(host_, symbol_id, key, due_ns) == T5_OK;
    }
    bool cancel_timer(uint32_t symbol_id, uint64_t key) {
        return t5_cancel_timer(host_, symbol_id, key) == T5_OK;
    }
    /* By any clock. */
    bool arm(const t5_timer &timer) {
        return host_->services->arm_timer(host_, &timer) == T5_OK;
    }
    int64_t now(t5_clock clock = T5_CLOCK_EVENT) const {
        return host_->services->now(host_, clock);
    }

    /* Valid until the callback returns; empty for an id that is none. */
    std::string_view symbol_text(uint32_t symbol_id) const {
        t5_str text;
        return host_->services->symbol_text(host_, symbol_id, &text) == T5_OK ? view(text)
                                                                              : std::string_view();
    }
    /* T5_NO_SYMBOL: the host has no room for it. */
    uint32_t symbol_id(std::string_view text) const {
        uint32_t id = T5_NO_SYMBOL;
        return host_->services->symbol_id(host_, text.data(), text.size(), &id) == T5_OK
                   ? id
                   : T5_NO_SYMBOL;
    }
    /* The value at a path of the whole current document; nothing: there is none. */
    std::optional<t5_value> document(std::string_view path) const {
        t5_document query = look(path, UINT32_MAX);
        if (host_->services->document(host_, &query) != T5_OK)
            return std::nullopt;
        return query.value;
    }
    /* How many children the object or array at that path has; 0: it has none, or is something else,
     * or is not there. An empty path is the document itself. */
    uint32_t child_count(std::string_view path) const {
        t5_document query = look(path, UINT32_MAX);
        return host_->services->document(host_, &query) == T5_OK ? query.child_count : 0;
    }
    /* Its child number `number`, from 0; nothing: there is none. */
    std::optional<Child> child(std::string_view path, uint32_t number) const {
        t5_document query = look(path, number);
        if (number == UINT32_MAX || host_->services->document(host_, &query) != T5_OK)
            return std::nullopt;
        return Child{view(query.name), query.value};
    }
    /* All of them, in their order. */
    std::vector<Child> children(std::string_view path) const {
        std::vector<Child> all;
        const uint32_t count = child_count(path);
        all.reserve(count);
        for (uint32_t i = 0; i < count; i++)
            if (const std::optional<Child> one = child(path, i))
                all.push_back(*one);
        return all;
    }

  private:
    static t5_document look(std::string_view path, uint32_t child) {
        t5_document query = {};
        query.size = static_cast<uint32_t>(sizeof query);
        query.child = child;
        query.path = span(path);
        return query;
    }

    friend class Field;
    friend class Setting;
    friend class Series;
    Declaration *declaration_; /* of the prototype, else NULL */
    t5_host *host_;
    uint32_t mode_;
    int32_t partition_;
    std::string deployment_;
    uint32_t series_count_ = 0;
};

/* ---- fields and parameters: members of the class ---- */

/* A value wanted of each message; `path` as in a descriptor, a literal. */
class Field {
  public:
    Field(Strategy *strategy, const char *path) : index_(0) {
        if (strategy->declaration_ != nullptr)
            strategy->declaration_->fields.push_back(path);
        else if (strategy->host_->services->declare_field(strategy->host_, path, std::strlen(path),
                                                          &index_) != T5_OK)
            throw std::invalid_argument(std::string("the host does not take the field ") + path);
    }
    /* Never without a value: a missing field is of type T5_VALUE_MISSING. */
    const t5_value &of(const Message &message) const {
        return *t5_field(&message.raw(), index_);
    }
    /* NaN unless it is a number or a boolean. */
    double number(const Message &message) const {
        return of(message).number;
    }
    /* Empty unless it is text, or an object or array (as JSON). */
    std::string_view text(const Message &message) const {
        return view(t5_value_text(&of(message)));
    }
    bool is_number(const Message &message) const {
        return t5_value_is_number(&of(message)) != 0;
    }

  private:
    uint32_t index_;
};

/* A series that the strategy publishes: points of it go to reports and the live page. */
class Series {
  public:
    Series(Strategy *strategy, const char *name) : host_(strategy->host_), index_(0) {
        index_ = strategy->series_count_++;
        if (strategy->declaration_ != nullptr)
            strategy->declaration_->series.push_back(name);
    }
    /* False: nobody can look at it here, so compute none. */
    bool publish(double value) const {
        return t5_publish(host_, index_, value) == T5_OK;
    }

  private:
    t5_host *host_;
    uint32_t index_;
};

/* What all parameters have in common. All texts are literals, as an ini file would have them. */
class Setting {
  protected:
    Setting(Strategy *strategy, t5_parameter_type type, const char *name, const char *default_value,
            const char *help, const char *min, const char *max)
        : value_() {
        value_.type = T5_VALUE_MISSING;
        if (strategy->declaration_ != nullptr)
            value_.integer =
                declare(*strategy->declaration_, type, name, default_value, help, min, max);
        else
            value_ = t5_parameter_value(strategy->host_, name);
    }
    t5_value value_;

  private:
    /* Gives the prototype's value: that of a duration, else 0. */
    static int64_t declare(Declaration &declaration, t5_parameter_type type, const char *name,
                           const char *default_value, const char *help, const char *min,
                           const char *max) {
        std::unique_ptr<t5_parameter> parameter(new t5_parameter());
        parameter->size = static_cast<uint32_t>(sizeof *parameter);
        parameter->type = static_cast<uint32_t>(type);
        parameter->name = name;
        parameter->help = help;
        parameter->default_value = default_value;
        parameter->min = min;
        parameter->max = max;
        const int64_t value = type == T5_PARAMETER_DURATION
                                  ? t5_setting_duration(&declaration.settings, parameter.get())
                                  : 0;
        declaration.parameters.push_back(parameter.get());
        declaration.owned.push_back(std::move(parameter));
        return value;
    }
};

/* A default_value of NULL: the deployment must set it. Bounds of NULL: none. In the prototype
 * values are 0 and empty, but for Durations. */
class Number : public Setting {
  public:
    Number(Strategy *strategy, const char *name, const char *default_value, const char *help,
           const char *min = nullptr, const char *max = nullptr)
        : Setting(strategy, T5_PARAMETER_NUMBER, name, default_value, help, min, max) {
    }
    double get() const {
        return value_.number;
    }
    operator double() const {
        return get();
    }
};

class Integer : public Setting {
  public:
    Integer(Strategy *strategy, const char *name, const char *default_value, const char *help,
            const char *min = nullptr, const char *max = nullptr)
        : Setting(strategy, T5_PARAMETER_INTEGER, name, default_value, help, min, max) {
    }
    int64_t get() const {
        return value_.integer;
    }
    operator int64_t() const {
        return get();
    }
};

/* Nanoseconds. */
class Duration : public Setting {
  public:
    Duration(Strategy *strategy, const char *name, const char *default_value, const char *help,
             const char *min = nullptr, const char *max = nullptr)
        : Setting(strategy, T5_PARAMETER_DURATION, name, default_value, help, min, max) {
    }
    int64_t get() const {
        return value_.integer;
    }
    operator int64_t() const {
        return get();
    }
};

class Flag : public Setting {
  public:
    Flag(Strategy *strategy, const char *name, const char *default_value, const char *help)
        : Setting(strategy, T5_PARAMETER_BOOLEAN, name, default_value, help, nullptr, nullptr) {
    }
    bool get() const {
        return value_.integer != 0;
    }
    operator bool() const {
        return get();
    }
};

/* Its text lives as long as the instance. */
class Text : public Setting {
  public:
    Text(Strategy *strategy, const char *name, const char *default_value, const char *help)
        : Setting(strategy, T5_PARAMETER_TEXT, name, default_value, help, nullptr, nullptr) {
    }
    std::string_view get() const {
        return view(t5_value_text(&value_));
    }
    operator std::string_view() const {
        return get();
    }
};

/* An absolute path. */
class File : public Setting {
  public:
    File(Strategy *strategy, const char *name, const char *default_value, const char *help)
        : Setting(strategy, T5_PARAMETER_FILE, name, default_value, help, nullptr, nullptr) {
    }
    std::string path() const {
        return std::string(view(t5_value_text(&value_)));
    }
};

/* ---- state by symbol ---- */

/* A T for each symbol id, made on first sight; its address holds until it is erased. O(1). */
template <class T> class Symbols {
  public:
    T &operator[](uint32_t symbol_id) {
        if (symbol_id == T5_NO_SYMBOL)
            throw std::out_of_range("T5_NO_SYMBOL has no state");
        if (symbol_id >= items_.size())
            items_.resize(static_cast<size_t>(symbol_id) + 1);
        std::unique_ptr<T> &item = items_[symbol_id];
        if (!item)
            item.reset(new T());
        return *item;
    }
    /* NULL: it has none. */
    T *find(uint32_t symbol_id) {
        return symbol_id < items_.size() ? items_[symbol_id].get() : nullptr;
    }
    const T *find(uint32_t symbol_id) const {
        return symbol_id < items_.size() ? items_[symbol_id].get() : nullptr;
    }
    /* For T5_EVENT_SYMBOL_EXPIRED. */
    void erase(uint32_t symbol_id) {
        if (symbol_id < items_.size())
            items_[symbol_id].reset();
    }
    void clear() {
        items_.clear();
    }

    /* Calls f(symbol_id, item) by rising id. */
    template <class F> void for_each(F f) const {
        for (size_t id = 0; id < items_.size(); id++)
            if (items_[id])
                f(static_cast<uint32_t>(id), *items_[id]);
    }
    /* One record a symbol, for a T that is flat; and one of them back. */
    void save(Writer &writer) const {
        for_each([&writer](uint32_t id, const T &item) { writer.write(id, item); });
    }
    void load(const Reader &reader) {
        (*this)[reader.symbol_id()] = reader.template as<T>();
    }

  private:
    std::vector<std::unique_ptr<T>> items_;
};

/* ---- state by symbol and time frame ---- */

/* A T for each symbol id and time frame (0: a message without one), made on first sight; its
 * address holds until its symbol is erased. */
template <class T> class Frames {
  public:
    T &operator()(uint32_t symbol_id, uint32_t time_frame_s) {
        std::unique_ptr<T> &item = symbols_[symbol_id][time_frame_s];
        if (!item)
            item.reset(new T());
        return *item;
    }
    /* That of the message's symbol and time frame. */
    T &operator[](const Message &message) {
        return (*this)(message.symbol_id(), message.time_frame_s());
    }
    /* NULL: it has none. */
    T *find(uint32_t symbol_id, uint32_t time_frame_s) {
        Book *book = symbols_.find(symbol_id);
        const auto found = book != nullptr ? book->find(time_frame_s) : typename Book::iterator();
        return book != nullptr && found != book->end() ? found->second.get() : nullptr;
    }
    /* How many time frames the symbol has. */
    size_t count(uint32_t symbol_id) const {
        const Book *book = symbols_.find(symbol_id);
        return book != nullptr ? book->size() : 0;
    }
    /* All that the symbol has. For T5_EVENT_SYMBOL_EXPIRED. */
    void erase(uint32_t symbol_id) {
        symbols_.erase(symbol_id);
    }
    void clear() {
        symbols_.clear();
    }

    /* Calls f(time_frame_s, item) for those of the symbol, by rising time frame. */
    template <class F> void for_each(uint32_t symbol_id, F f) const {
        const Book *book = symbols_.find(symbol_id);
        if (book != nullptr)
            for (const auto &frame : *book)
                f(frame.first, *frame.second);
    }
    /* Calls f(symbol_id, time_frame_s, item) for all, by rising id and time frame. */
    template <class F> void for_each(F f) const {
        symbols_.for_each([&f](uint32_t id, const Book &book) {
            for (const auto &frame : book)
                f(id, frame.first, *frame.second);
        });
    }

    /* One record a symbol, for a T that is flat; and one of them back. */
    void save(Writer &writer) const {
        static_assert(std::is_trivially_copyable<T>::value,
                      "t5::Frames::save() writes bytes as they are: write a T with pointers "
                      "yourself, with for_each()");
        std::string bytes;
        symbols_.for_each([&](uint32_t id, const Book &book) {
            bytes.clear();
            for (const auto &frame : book) {
                bytes.append(reinterpret_cast<const char *>(&frame.first), sizeof frame.first);
                bytes.append(reinterpret_cast<const char *>(frame.second.get()), sizeof(T));
            }
            writer.write(id, bytes.data(), bytes.size());
        });
    }
    void load(const Reader &reader) {
        static_assert(std::is_trivially_copyable<T>::value, "as save()");
        const char *bytes = static_cast<const char *>(reader.data());
        const size_t step = sizeof(uint32_t) + sizeof(T);
        if (reader.size() % step != 0)
            throw std::runtime_error(
                border::text("a record of ", reader.size(),
                             border::text(" bytes, expected a multiple of ", step).c_str()));
        symbols_.erase(reader.symbol_id());
        for (size_t at = 0; at < reader.size(); at += step) {
            uint32_t time_frame_s;
            std::memcpy(&time_frame_s, bytes + at, sizeof time_frame_s);
            std::memcpy(static_cast<void *>(&(*this)(reader.symbol_id(), time_frame_s)),
                        bytes + at + sizeof time_frame_s, sizeof(T));
        }
    }

  private:
    using Book = std::map<uint32_t, std::unique_ptr<T>>;
    Symbols<Book> symbols_;
};

/* ---- the border: not for authors ---- */

namespace border {

/* Runs a callback; what it throws becomes its answer. */
template <class F> int32_t answer(t5_host *host, F f) noexcept {
    try {
        f();
        return T5_OK;
    } catch (const Reject &reject) {
        (void)t5_fail(host, "%s", reject.what());
        return T5_REJECT;
    } catch (const std::exception &error) {
        return t5_fail(host, "%s", error.what());
    } catch (...) {
        return t5_fail(host, "an exception that is not a std::exception");
    }
}

/* The same for callbacks that cannot fail. */
template <class F> void attempt(t5_host *host, const char *callback, F f) noexcept {
    try {
        f();
    } catch (const std::exception &error) {
        t5_log(host, T5_LOG_ERROR, "%s: %s", callback, error.what());
    } catch (...) {
        t5_log(host, T5_LOG_ERROR, "%s: an exception that is not a std::exception", callback);
    }
}

inline Strategy *of(void *self) {
    return static_cast<Strategy *>(self);
}

inline void destroy(void *self) {
    delete of(self);
}

inline int32_t on_message(void *self, const t5_message *message) {
    return answer(of(self)->host(), [=] { of(self)->on_message(Message(*message)); });
}

inline int32_t on_timer(void *self, const t5_timer *timer) {
    const int32_t code = answer(of(self)->host(), [=] { of(self)->on_timer(*timer); });
    return code == T5_REJECT ? static_cast<int32_t>(T5_ERROR) : code;
}

inline void on_event(void *self, const t5_event *event) {
    attempt(of(self)->host(), "on_event", [=] { of(self)->on_event(*event); });
}

inline void activate(void *self, const t5_activate_args *args) {
    attempt(of(self)->host(), "activate", [=] { of(self)->activate(args->mode); });
}

inline void deactivate(void *self) {
    attempt(of(self)->host(), "deactivate", [=] { of(self)->deactivate(); });
}

inline int32_t save(void *self, const t5_save_args *) {
    return answer(of(self)->host(), [=] {
        Writer writer(of(self)->host());
        of(self)->save(writer);
    });
}

inline int32_t load(void *self, const t5_load_args *args) {
    return answer(of(self)->host(), [=] {
        Reader reader(of(self)->host(), *args);
        of(self)->load(reader);
    });
}

/* Whether the host can make objects of it; if not, the compiler says why, and that alone. */
template <class T> constexpr bool is_made() {
    constexpr bool is_derived = std::is_base_of<Strategy, T>::value;
    constexpr bool is_whole = !std::is_abstract<T>::value;
    constexpr bool is_constructed = !is_whole || std::is_constructible<T, Birth &>::value;
    static_assert(is_derived, "the class of T5_STRATEGY_CLASS() is none: derive it from "
                              "t5::Strategy");
    static_assert(!is_derived || is_whole,
                  "the class of T5_STRATEGY_CLASS() lacks a callback: override "
                  "void on_message(const t5::Message &message)");
    static_assert(!is_derived || is_constructed,
                  "the class of T5_STRATEGY_CLASS() has no constructor for the host: write "
                  "`using Strategy::Strategy;` below `public:`");
    return is_derived && is_whole && is_constructed;
}

template <class T>
int32_t create(const Declaration &declaration, const t5_create_args *args, void **self) noexcept {
    const int32_t code = answer(args->host, [&] {
        if (!declaration.error.empty())
            throw std::runtime_error("the constructor failed when the file was loaded, where it "
                                     "has no host: " +
                                     declaration.error);
        if constexpr (is_made<T>()) {
            Birth birth = {nullptr, args};
            std::unique_ptr<T> strategy(new T(birth));
            strategy->prepare();
            *self = static_cast<Strategy *>(strategy.release());
        }
    });
    return code == T5_REJECT ? static_cast<int32_t>(T5_ERROR) : code;
}

/* Constructs the prototype and learns from it. */
template <class T> void learn(Declaration *declaration) {
    Birth birth = {declaration, nullptr};
    try {
        const T prototype(birth);
        declaration->scope = prototype.scope();
        declaration->state_version = prototype.state_version();
        declaration->warm_up_ns = prototype.warm_up_ns();
        declaration->side = prototype.side();
    } catch (const std::exception &error) {
        declaration->error = std::string(error.what()) + " (an exception)";
    } catch (...) {
        declaration->error = "an exception that is not a std::exception";
    }
}

/* Never freed: the host may read it to the very end. */
template <class T> Declaration *declare(std::initializer_list<const char *> topics) {
    Declaration *declaration = new Declaration();
    declaration->topics.assign(topics);
    if constexpr (is_made<T>())
        learn<T>(declaration);
    declaration->topics.push_back(nullptr);
    declaration->fields.push_back(nullptr);
    declaration->series.push_back(nullptr);
    declaration->parameters.push_back(nullptr);
    return declaration;
}

/* What depends on the settings: asked of a prototype that has them. What its constructor throws,
 * create says. */
template <class T>
int32_t on_describe(const t5_describe_args *args, t5_description *description) noexcept {
    try {
        Declaration declaration;
        declaration.settings = *args;
        Birth birth = {&declaration, nullptr};
        if constexpr (is_made<T>()) {
            const T prototype(birth);
            description->warm_up_ns = prototype.warm_up_ns();
        }
    } catch (...) {}
    return T5_OK;
}

/* What the class has instead of the base class's. */
struct Overrides {
    bool save, warm_up;
};
template <class T> constexpr Overrides overrides() {
    if constexpr (std::is_base_of<Strategy, T>::value)
        return {!std::is_same<decltype(&T::save), decltype(&Strategy::save)>::value,
                !std::is_same<decltype(&T::warm_up_ns), decltype(&Strategy::warm_up_ns)>::value};
    else
        return {false, false};
}

template <class T>
t5_strategy describe(const Declaration &declaration, const char *name, const char *version,
                     const char *summary,
                     int32_t (*create)(const t5_create_args *args, void **self)) {
    constexpr bool is_saving = overrides<T>().save;
    constexpr bool is_warmed = overrides<T>().warm_up;
    t5_strategy strategy = {};
    strategy.size = static_cast<uint32_t>(sizeof strategy);
    strategy.name = name;
    strategy.version = version;
    strategy.summary = summary;
    strategy.topics = declaration.topics.data();
    strategy.scope = declaration.scope;
    strategy.fields = declaration.fields.data();
    strategy.parameters = declaration.parameters.data();
    strategy.warm_up_ns = declaration.warm_up_ns;
    strategy.series = declaration.series.data();
    strategy.side = declaration.side;
    if (is_warmed)
        strategy.describe = on_describe<T>;
    strategy.create = create;
    strategy.destroy = destroy;
    strategy.activate = activate;
    strategy.deactivate = deactivate;
    strategy.on_message = on_message;
    strategy.on_timer = on_timer;
    strategy.on_event = on_event;
    if (is_saving) {
        strategy.state_version = declaration.state_version;
        strategy.save = save;
        strategy.load = load;
    }
    return strategy;
}

} // namespace border
} // namespace t5

/* T5_STRATEGY_CLASS(Class, "name", "1.0.0", "summary", "topic", ...); once in a strategy. */
#define T5_STRATEGY_CLASS(class_, name_, version_, summary_, ...)                                  \
    T5_NOTE_(name_, version_);                                                                     \
    static const t5::Declaration &take5_declaration = *t5::border::declare<class_>({__VA_ARGS__}); \
    static int32_t take5_create(const t5_create_args *args, void **self) {                         \
        return t5::border::create<class_>(take5_declaration, args, self);                          \
    }                                                                                              \
    T5_EXTERN_C T5_EXPORT const t5_strategy take5_strategy;                                        \
    const t5_strategy take5_strategy =                                                             \
        t5::border::describe<class_>(take5_declaration, name_, version_, summary_, take5_create)

#endif
