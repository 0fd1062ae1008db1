/* A library of a strategy: counts its calls, and tells its build and that of the deeper one. */
int t5deep_value(void);
int t5helper_value(void);

static int calls;

int t5helper_value(void) {
    return ++calls + 100 * VALUE + 1000 * t5deep_value();
}
