#include "decode_simdjson.h"

#include <simdjson.h>

#include <initializer_list>
#include <string_view>

#define STRING_OF_(text) #text
#define STRING_OF(text)  STRING_OF_(text)

namespace {

namespace ondemand = simdjson::ondemand;
namespace dom = simdjson::dom;

static_assert(simdjson::SIMDJSON_PADDING <= DECODE_SIMDJSON_PADDING, "less is readable");

/* ---- a value of either interface ---- */

template <typename Value> void add_number(Value &&value, double &sum) {
    double number;
    if (!value.get_double().get(number))
        sum += number;
}

template <typename Value> void add_integer(Value &&value, double &sum) {
    int64_t number;
    if (!value.get_int64().get(number))
        sum += static_cast<double>(number);
}

template <typename Value> void add_text(Value &&value, double &sum) {
    std::string_view text;
    if (!value.get_string().get(text))
        sum += static_cast<double>(text.size());
}

/* ---- messages: values in the order in which they stand, which is the fastest for on-demand ----
 */

template <typename Object>
void add_numbers(Object &object, std::initializer_list<std::string_view> names, double &sum) {
    for (const std::string_view name : names)
        add_number(object[name], sum);
}

template <typename Object>
bool read_numbers(Object &document, const char *parent,
                  std::initializer_list<std::string_view> names, double &sum) {
    Object object;
    if (document[parent].get_object().get(object))
        return false;
    add_numbers(object, names, sum);
    return true;
}

template <typename Object>
bool read_envelope(Object &document, const char *time, bool has_more, double &sum) {
    add_text(document["symbol"], sum);
    add_integer(document[time]["take5Time"], sum);
    Object bar;
    if (document["barData"].get_object().get(bar))
        return false;
    add_integer(bar["barTimeFrame"], sum);
    add_numbers(bar, {"open", "high", "low", "close", "volume"}, sum);
    if (has_more)
        add_numbers(bar, {"wap", "tradeCount"}, sum);
    return true;
}

/* It has two places, and its members have two generations of names. */
template <typename Object> bool read_trend(Object &document, double &sum) {
    Object trend;
    if (document["trendData"].get_object().get(trend) &&
        document["trendVector"]["trendData"].get_object().get(trend))
        return false;
    add_number(trend["sampleSize"], sum);
    double slope;
    const bool is_new = !trend["wSma_slope"].get_double().get(slope);
    if (is_new)
        sum += slope;
    else
        add_number(trend["smaSlope"], sum);
    add_number(trend[is_new ? "wSma_intercept" : "smaIntercept"], sum);
    add_number(trend["predictedNext"], sum);
    add_number(trend[is_new ? "wSma_slope_std_err" : "smaSlopeStdErr"], sum);
    add_numbers(trend, {"rSquared", "residual"}, sum);
    return true;
}

template <typename Object> bool read(decode_simdjson_kind kind, Object &document, double &sum) {
    switch (kind) {
    case DECODE_SIMDJSON_BAR_TRENDS:
        return read_envelope(document, "publishTime", true, sum) &&
               read_numbers(document, "lastSampleStats",
                            {"sampleSize", "mean", "std", "change", "slope"}, sum);
    case DECODE_SIMDJSON_HISTORIC_STATS:
        if (!read_envelope(document, "PublishTime", false, sum) ||
            !read_numbers(document, "stats",
                          {"mean", "std", "variance", "range", "standardError", "sampleSize"}, sum))
            return false;
        add_number(document["z_score"], sum);
        return true;
    case DECODE_SIMDJSON_ASSET_TRENDS:
        if (!read_envelope(document, "publishTime", false, sum) || !read_trend(document, sum))
            return false;
        add_text(document["direction"], sum);
        return true;
    case DECODE_SIMDJSON_DOCUMENTED:
        add_text(document["symbol"], sum);
        add_text(document["timestamp"], sum);
        return read_numbers(document, "historic_analysis", {"samples", "min", "max"}, sum) &&
               read_numbers(document, "statistics", {"mean", "std", "z_score"}, sum);
    }
    return false;
}

} // namespace

extern "C" const char *decode_simdjson_name(void) {
    return STRING_OF(SIMDJSON_VERSION) " " STRING_OF(SIMDJSON_BUILTIN_IMPLEMENTATION);
}

extern "C" int decode_simdjson_ondemand(decode_simdjson_kind kind, const char *payload, size_t size,
                                        double *sum) {
    static ondemand::parser parser;
    ondemand::document document;
    ondemand::object object;
    if (parser.iterate(payload, size, size + DECODE_SIMDJSON_PADDING).get(document) ||
        document.get_object().get(object))
        return 0;
    return read(kind, object, *sum);
}

extern "C" int decode_simdjson_dom(decode_simdjson_kind kind, const char *payload, size_t size,
                                   double *sum) {
    static dom::parser parser;
    dom::object object;
    if (parser.parse(payload, size, false).get_object().get(object))
        return 0;
    return read(kind, object, *sum);
}
