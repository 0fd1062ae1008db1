/* What inline functions of the headers become where they are used, in C and in C++. */
#include <take5/decimal.h>
#include <take5/stats.h>
#include <take5/window.h>

size_t put_decimals(char *text, size_t size, const double *numbers);

size_t put_decimals(char *text, size_t size, const double *numbers) {
    char first[T5_DECIMAL_SIZE], second[T5_DECIMAL_SIZE];
    (void)t5_decimal(first, numbers[0]);
    (void)t5_decimal(second, numbers[1]);
    return (size_t)snprintf(text, size, "%s,%s", first, second);
}
