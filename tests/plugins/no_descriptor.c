/*
 * A shared object that is no strategy: no note, no descriptor. Refused before any of it runs.
 */
__attribute__((visibility("default"))) int not_a_strategy(void);

int not_a_strategy(void) {
    return 1;
}
