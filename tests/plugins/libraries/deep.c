/* A library that a library of a strategy needs: VALUE tells its builds apart. */
int t5deep_value(void);

int t5deep_value(void) {
    return VALUE;
}
