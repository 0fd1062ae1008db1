#include "recording/kind.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct example {
    const char *bytes;
    size_t size;
    const char *what; /* NULL: JSON lines, or nothing that is known */
    bool is_certain;
};

#define EXAMPLE(bytes, what, is_certain)                                                           \
    { (bytes), sizeof(bytes) - 1, (what), (is_certain) }

Test(recording_kind, what_a_file_is_shows_in_its_beginning) {
    static const struct example examples[] = {
        EXAMPLE("\x1f\x8b\x08\0\0", "gzip data", true),
        EXAMPLE("\x28\xb5\x2f\xfd\x04", "zstd data", true),
        EXAMPLE("\xfd\x37zXZ\0", "xz data", true),
        EXAMPLE("BZh91AY", "bzip2 data", true),
        EXAMPLE("\x04\x22\x4d\x18", "lz4 data", true),
        EXAMPLE("PK\x03\x04", "a zip archive", true),
        EXAMPLE("PAR1\x15", "Parquet data", true),
        EXAMPLE("\x7f\x45LF", "a program or a strategy", true),
        EXAMPLE("\xff\xfe{\0\"\0", "UTF-16 text", true),
        EXAMPLE("\xfe\xff\0{\0\"", "UTF-16 text", true),
        EXAMPLE("{\0\"\0a\0\"\0:\0", "UTF-16 text", true),
        EXAMPLE("\0{\0\"\0a\0\"", "UTF-16 text", true),
        EXAMPLE("\xff\xfe\0\0{\0\0\0", "UTF-32 text", true),
        EXAMPLE("[{\"a\": 1}]", "a JSON array", true),
        EXAMPLE("[\n  {\n", "a JSON array", true),
        EXAMPLE("\xef\xbb\xbf[\n", "a JSON array", true),
        EXAMPLE("{\n  \"a\": 1\n}\n", "JSON over several lines", true),
        EXAMPLE("\n{\r\n", "JSON over several lines", true),
        EXAMPLE("{\"topic\": \"t\", \"value\": \"{}\", \"offset\": 0}\n",
                "the output of `rpk topic consume`", false),
        EXAMPLE("{\n  \"topic\": \"t\",\n  \"value\": \"{}\",\n  \"offset\": 0\n}\n",
                "the output of `rpk topic consume`", true),
        EXAMPLE("[1, 2]x", "a JSON array", false),
        EXAMPLE("QQQ\t{\"symbol\":\"QQQ\"}\n",
                "the output of a console consumer, with something before each value", false),
        EXAMPLE("CreateTime:1\tPartition:0\t{\"a\":1}",
                "the output of a console consumer, with something before each value", false),
        EXAMPLE("symbol,price\n", "CSV", false),
        EXAMPLE("symbol\tprice\n", "CSV", false),
        EXAMPLE("<html>\n", "XML or HTML", false),
        EXAMPLE("[take5]\nservice = x\n", "a configuration", false),
        EXAMPLE("\0\0\0\0\0\0\0\0\0", "NUL bytes", false),
        EXAMPLE("\x01\x02\x03", "binary data", false),
        EXAMPLE("{\"a\":1}\n", NULL, false),
        EXAMPLE("{\"topic\":\"t\",\"value\":1,\"offset\":2,\"payload\":{}}\n", NULL, false),
        EXAMPLE("hello\n", NULL, false),
        EXAMPLE("", NULL, false),
        EXAMPLE(" \r\n\n", NULL, false),
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *example = &examples[i];
        const struct recording_kind *kind = recording_kind_of(example->bytes, example->size);
        const char *what = kind != NULL ? kind->what : "nothing";
        cr_assert_str_eq(what, example->what != NULL ? example->what : "nothing", "example %zu: %s",
                         i, what);
        cr_assert(kind == NULL || kind->is_certain == example->is_certain, "%s", what);
    }
}

Test(recording_kind, no_byte_behind_the_given_ones_is_read) {
    char page[RECORDING_KIND_SIZE];
    for (int first = 0; first < 256; first++) {
        for (size_t size = 0; size <= 16; size++) {
            char *end = page + sizeof page - size; /* a sanitizer sees what is read beyond */
            memset(end, first, size);
            recording_kind_of(end, size);
        }
    }
}
