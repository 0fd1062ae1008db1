#include "synth/market_price.h"

#include <math.h>
#include <string.h>

#define MIN_PRICE 0.5
#define MAX_MOVE  0.2

static const struct {
    const char *text;
    double price;
} known_symbols[] = {{"QQQ", 485.23},  {"AAPL", 216.67}, {"TSLA", 187.44},  {"SPY", 548.49},
                     {"NQ", 19902.5},  {"ES", 5473.25},  {"BTC", 66491.98}, {"NVDA", 130.98},
                     {"MSFT", 448.37}, {"AMZN", 184.06}, {"GOOGL", 177.24}, {"META", 506.63}};

#define KNOWN_COUNT (sizeof known_symbols / sizeof *known_symbols)

static double round_cents(double price) {
    return floor(price * 100 + 0.5) / 100;
}

void market_factor_init(struct market_factor *factor, int64_t step_ms) {
    *factor = (struct market_factor){.minutes = (double)step_ms / 60000};
    factor->root_minutes = sqrt(factor->minutes);
}

void market_factor_step(struct market_factor *factor, struct market_random *random) {
    if (factor->drift_steps-- <= 0) {
        factor->drift = market_random_bell(random) * 0.0003;
        factor->drift_steps = (int32_t)(45 / factor->minutes) + 1;
    }
    factor->move = market_random_bell(random) * 0.0008;
}

/* Well-known names, then XAAAA, XAAAB, ... and with one dead letter more beyond 26^4. */
static void make_name(uint32_t index, char text[MARKET_MAX_SYMBOL + 1]) {
    if (index < KNOWN_COUNT) {
        strcpy(text, known_symbols[index].text);
        return;
    }
    index -= (uint32_t)KNOWN_COUNT;
    char dead_letters[5];
    for (int i = 4; i >= 0; i--, index /= 26)
        dead_letters[i] = (char)('A' + index % 26);
    /* The fifth dead letter counts from B on, so that no short name is the end of a long one. */
    int skip = dead_letters[0] == 'A';
    text[0] = 'X';
    memcpy(text + 1, dead_letters + skip, (size_t)(5 - skip));
    text[6 - skip] = '\0';
}

void market_path_init(struct market_path *path, const char *symbol, uint32_t index,
                      struct market_random *random) {
    if (symbol == NULL) {
        make_name(index, path->text);
    } else {
        strncpy(path->text, symbol, MARKET_MAX_SYMBOL);
        path->text[MARKET_MAX_SYMBOL] = '\0';
    }
    path->text_size = (uint32_t)strlen(path->text);
    /* Log-uniform from about 8 to 4 000, for those without a price of their own. */
    double price = 8 * (1 + market_random_unit(random));
    for (uint32_t doublings = market_random_below(random, 9); doublings > 0; doublings--)
        price *= 2;
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (strcmp(known_symbols[i].text, path->text) == 0)
            price = known_symbols[i].price;
    path->price = path->base = round_cents(price);
    path->beta = 0.4 + market_random_unit(random);
    path->regime_steps = 0;
}

/* Quiet or lively, with a drift or without, for 15 to 90 minutes: so that there are trends to be
 * found, and flat and volatile times between them. */
static void path_change_regime(struct market_path *path, const struct market_factor *factor,
                               struct market_random *random) {
    static const double volatilities[] = {0.0003, 0.0012, 0.0012, 0.0025};
    static const double drifts[] = {-1, 0, 0, 1};
    path->volatility = volatilities[market_random_below(random, 4)];
    path->drift = drifts[market_random_below(random, 4)] * 0.7 * path->volatility;
    double minutes = 15 + market_random_unit(random) * 75;
    path->regime_steps = (int32_t)(minutes / factor->minutes) + 1;
}

static double path_move(const struct market_path *path, const struct market_factor *factor,
                        struct market_random *random) {
    double own = market_random_bell(random) * path->volatility;
    double move = (factor->move * path->beta + own) * factor->root_minutes +
                  (path->drift + factor->drift * path->beta) * factor->minutes -
                  0.0003 * factor->minutes * (path->price / path->base - 1);
    if (move > MAX_MOVE)
        return MAX_MOVE;
    return move < -MAX_MOVE ? -MAX_MOVE : move;
}

struct market_bar market_path_step(struct market_path *path, const struct market_factor *factor,
                                   struct market_random *random) {
    if (path->regime_steps-- <= 0)
        path_change_regime(path, factor, random);
    double move = path_move(path, factor, random);
    struct market_bar bar = {.open = path->price};
    bar.close = round_cents(path->price * (1 + move));
    if (bar.close < MIN_PRICE)
        bar.close = MIN_PRICE;
    double reach = 0.4 * path->volatility * factor->root_minutes * path->price;
    double top = bar.open > bar.close ? bar.open : bar.close;
    double bottom = bar.open < bar.close ? bar.open : bar.close;
    bar.high = round_cents(top + fabs(market_random_bell(random)) * reach);
    bar.low = round_cents(bottom - fabs(market_random_bell(random)) * reach);
    if (bar.low < 0.01)
        bar.low = 0.01;
    double busy = 0.3 + market_random_unit(random) + fabs(move) * 300;
    bar.volume = 1 + (int64_t)(busy * 2e6 * factor->minutes / (20 + path->base));
    bar.trades = 1 + bar.volume / 90;
    bar.wap = (bar.high + bar.low + bar.close) / 3;
    path->price = bar.close;
    return bar;
}

void market_series_begin_bar(struct market_series *series, double price) {
    series->bar = (struct market_bar){price, price, price, price, price, 0, 0};
    series->value = 0;
}

void market_series_add(struct market_series *series, const struct market_bar *base) {
    struct market_bar *bar = &series->bar;
    if (base->high > bar->high)
        bar->high = base->high;
    if (base->low < bar->low)
        bar->low = base->low;
    bar->close = base->close;
    bar->volume += base->volume;
    bar->trades += base->trades;
    series->value += base->wap * (double)base->volume;
    bar->wap = series->value / (double)bar->volume;
    if (bar->wap < bar->low) /* by a rounding, in a bar of one price */
        bar->wap = bar->low;
    if (bar->wap > bar->high)
        bar->wap = bar->high;
}

void market_series_end_bar(struct market_series *series) {
    series->newest = (series->newest + 1) % MARKET_WINDOW;
    series->closes[series->newest] = series->bar.close;
    if (series->count < MARKET_WINDOW)
        series->count++;
}

/* The window's closes, oldest first. */
static uint32_t series_closes(const struct market_series *series, double closes[MARKET_WINDOW]) {
    uint32_t at = (series->newest + MARKET_WINDOW - series->count + 1) % MARKET_WINDOW;
    for (uint32_t i = 0; i < series->count; i++) {
        closes[i] = series->closes[at];
        at = at + 1 == MARKET_WINDOW ? 0 : at + 1;
    }
    return series->count;
}

/* Two passes, so that nothing cancels. */
void market_series_fit(const struct market_series *series, double frame_s, struct market_fit *fit) {
    double y[MARKET_WINDOW] = {0};
    uint32_t count = series_closes(series, y);
    *fit = (struct market_fit){.count = count, .min = y[0], .max = y[0]};
    for (uint32_t i = 0; i < MARKET_RECENT && i < count; i++)
        fit->recent[i] = y[count - 1 - i];
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += y[i];
        fit->min = y[i] < fit->min ? y[i] : fit->min;
        fit->max = y[i] > fit->max ? y[i] : fit->max;
    }
    fit->mean = sum / count;
    fit->change = y[count - 1] - y[0];
    if (count < 2)
        return;

    double mean_x = -(double)(count - 1) / 2 * frame_s;
    double xx = 0, xy = 0, yy = 0;
    for (uint32_t i = 0; i < count; i++) {
        double dx = -(double)(count - 1 - i) * frame_s - mean_x;
        double dy = y[i] - fit->mean;
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    fit->std = sqrt(yy / (count - 1));
    fit->z_score = fit->std > 0 ? (y[count - 1] - fit->mean) / fit->std : 0;
    fit->slope = xy / xx;
    fit->intercept = fit->mean - fit->slope * mean_x;
    if (count < 3)
        return;
    double residual = yy - fit->slope * xy;
    if (residual < 0)
        residual = 0;
    fit->slope_std_err = sqrt(residual / (count - 2) / xx);
    fit->r_squared = yy > 0 ? 1 - residual / yy : 0;
}
