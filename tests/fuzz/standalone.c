/*
 * Runs a fuzz target without libFuzzer: every file of a corpus, then mutations of them.
 *
 *   TARGET FOLDER RUNS SEED
 *
 * The same folder, number and seed give the same inputs. When the target fails, what was in
 * progress is left in the file failed-input of the working directory.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_SIZE 4096

struct input {
    uint8_t *data;
    size_t size;
    char name[256];
};

struct corpus {
    struct input *inputs;
    size_t count;
};

static uint64_t random_state;

static size_t random_below(size_t bound) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)((random_state * UINT64_C(2685821657736338717)) >> 16) % bound;
}

static struct input read_input(const char *folder, const char *name) {
    struct input input = {0};
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(input.name, sizeof input.name, "%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fuzz_fail("%s: %s", path, strerror(errno));
    input.data = malloc(INPUT_SIZE);
    if (input.data == NULL)
        fuzz_fail("out of memory");
    input.size = fread(input.data, 1, INPUT_SIZE, file);
    fclose(file);
    return input;
}

/* In the order of their names, which readdir() does not give. */
static int compare_inputs(const void *a, const void *b) {
    return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static struct corpus read_corpus(const char *folder) {
    struct corpus corpus = {0};
    DIR *dir = opendir(folder);
    if (dir == NULL)
        fuzz_fail("%s: %s", folder, strerror(errno));
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        corpus.inputs = realloc(corpus.inputs, (corpus.count + 1) * sizeof *corpus.inputs);
        if (corpus.inputs == NULL)
            fuzz_fail("out of memory");
        corpus.inputs[corpus.count++] = read_input(folder, entry->d_name);
    }
    closedir(dir);
    if (corpus.count == 0)
        fuzz_fail("%s holds no file", folder);
    qsort(corpus.inputs, corpus.count, sizeof *corpus.inputs, compare_inputs);
    return corpus;
}

static const char *const tokens[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\"a\":",
    "\"b\":",
    "{\"a\":",
    "{}",
    "[]",
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "-Infinity",
    "0",
    "-0",
    "1e999",
    "-1",
    "1.5",
    ".",
    "e",
    "E-",
    "123456789012345678901234567890",
    "9223372036854775808",
    "0.1234567890123456789",
    "\\u0000",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\n",
    "\\\"",
    "\xc3\xa9",
    "\xf0\x9f\x98\x80",
    "\xc0\x80",
    "\xed\xa0\x80",
    "\xff",
    "\x1e",
    "\x1f",
    " ",
    "\n",
    "\"symbol\":\"K\",",
    "\"barData\":{",
    "T",
    "Z",
    "+",
    "-",
    "2024-02-29",
    "|",
    "0123456789abcdef0123456789abcdef",
};

static void insert(struct input *to, size_t at, const void *data, size_t size) {
    if (to->size + size > INPUT_SIZE)
        return;
    memmove(to->data + at + size, to->data + at, to->size - at);
    memcpy(to->data + at, data, size);
    to->size += size;
}

static void mutate(struct input *input, const struct corpus *corpus) {
    const size_t at = random_below(input->size + 1);
    const size_t left = input->size - at;
    const struct input *other = &corpus->inputs[random_below(corpus->count)];
    switch (random_below(7)) {
    case 0:
        if (left > 0)
            input->data[at] = (uint8_t)random_below(256);
        break;
    case 1:
        if (left > 0)
            input->data[at] ^= (uint8_t)(1 << random_below(8));
        break;
    case 2: { /* take some out */
        const size_t size = left > 0 ? 1 + random_below(left < 16 ? left : 16) : 0;
        memmove(input->data + at, input->data + at + size, left - size);
        input->size -= size;
        break;
    }
    case 3: { /* a piece twice */
        uint8_t piece[64];
        const size_t size = random_below((left < sizeof piece ? left : sizeof piece) + 1);
        memcpy(piece, input->data + at, size);
        insert(input, random_below(input->size + 1), piece, size);
        break;
    }
    case 4: { /* a piece of another */
        const size_t from = random_below(other->size + 1);
        insert(input, at, other->data + from, random_below(other->size - from + 1));
        break;
    }
    case 5:
        input->size = at;
        break;
    default: {
        const char *token = tokens[random_below(sizeof tokens / sizeof *tokens)];
        insert(input, at, token, strlen(token));
        break;
    }
    }
}

static void keep(int file, const struct input *input) {
    if (pwrite(file, input->data, input->size, 0) < 0 || ftruncate(file, (off_t)input->size) < 0)
        fuzz_fail("failed-input: %s", strerror(errno));
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s FOLDER RUNS SEED\n", argv[0]);
        return 2;
    }
    const struct corpus corpus = read_corpus(argv[1]);
    const size_t runs = strtoul(argv[2], NULL, 10);
    random_state = strtoull(argv[3], NULL, 10) * 2 + 1;
    struct input input = {.data = malloc(INPUT_SIZE)};
    if (input.data == NULL)
        fuzz_fail("out of memory");
    const int file = open("failed-input", O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0)
        fuzz_fail("failed-input: %s", strerror(errno));
    for (size_t i = 0; i < corpus.count + runs; i++) {
        const struct input *from =
            &corpus.inputs[i < corpus.count ? i : random_below(corpus.count)];
        memcpy(input.data, from->data, from->size);
        input.size = from->size;
        for (size_t k = i < corpus.count ? 0 : 1 + random_below(4); k > 0; k--)
            mutate(&input, &corpus);
        keep(file, &input);
        LLVMFuzzerTestOneInput(input.data, input.size);
    }
    close(file);
    unlink("failed-input");
    printf("%zu files and %zu mutations of them, seed %s: nothing found\n", corpus.count, runs,
           argv[3]);
    for (size_t i = 0; i < corpus.count; i++)
        free(corpus.inputs[i].data);
    free(corpus.inputs);
    free(input.data);
    return 0;
}
