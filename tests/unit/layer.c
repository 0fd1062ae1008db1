/* A room is whole without it; a library wants one source. */
extern const int layer;
const int layer = 0;
