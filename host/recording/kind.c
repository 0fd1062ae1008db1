#include "recording/kind.h"

#include <string.h>

/* ---- by signature ---- */

#define CERTAIN(text, todo)                                                                        \
    { .what = (text), .advice = (todo), .is_certain = true }

struct signature {
    const char *bytes;
    size_t size;
    struct recording_kind kind;
};

#define SIGNATURE(bytes, text, todo)                                                               \
    { (bytes), sizeof(bytes) - 1, CERTAIN(text, todo) }

/* UTF-32 before UTF-16: it begins with the same two bytes. */
static const struct signature signatures[] = {
    SIGNATURE("\x1f\x8b", "gzip data", "unpack it with `gunzip`"),
    SIGNATURE("\x28\xb5\x2f\xfd", "zstd data", "unpack it with `unzstd`"),
    SIGNATURE("\xfd"
              "7zXZ\0",
              "xz data", "unpack it with `unxz`"),
    SIGNATURE("BZh", "bzip2 data", "unpack it with `bunzip2`"),
    SIGNATURE("\x04\x22\x4d\x18", "lz4 data", "unpack it with `unlz4`"),
    SIGNATURE("PK\x03\x04", "a zip archive", "unpack it with `unzip`"),
    SIGNATURE("PAR1", "Parquet data", "convert it to JSON lines"),
    SIGNATURE("Obj\x01", "Avro data", "convert it to JSON lines"),
    SIGNATURE("SQLite format 3", "an SQLite database", "export it as JSON lines"),
    SIGNATURE("\x7f"
              "ELF",
              "a program or a strategy", "give the recording after it"),
    SIGNATURE("\xff\xfe\0\0", "UTF-32 text", "convert it with `iconv -f UTF-32 -t UTF-8`"),
    SIGNATURE("\0\0\xfe\xff", "UTF-32 text", "convert it with `iconv -f UTF-32 -t UTF-8`"),
    SIGNATURE("\xff\xfe", "UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`"),
    SIGNATURE("\xfe\xff", "UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`"),
};

static const struct recording_kind utf16_le =
    CERTAIN("UTF-16 text", "convert it with `iconv -f UTF-16LE -t UTF-8`");
static const struct recording_kind utf16_be =
    CERTAIN("UTF-16 text", "convert it with `iconv -f UTF-16BE -t UTF-8`");

/* ---- by looks ---- */

static const struct recording_kind array =
    CERTAIN("a JSON array", "write its elements one per line, as `jq -c '.[]'` does");
static const struct recording_kind list = {
    "a JSON array", "write its elements one per line, as `jq -c '.[]'` does", false};
static const struct recording_kind pretty =
    CERTAIN("JSON over several lines", "write each object on one line, as `jq -c .` does");
static const struct recording_kind rpk = {
    "the output of `rpk topic consume`",
    "convert it with `jq -c '{topic,partition,offset,ts:.timestamp,key,payload:.value}'`", false};
static const struct recording_kind rpk_pretty =
    CERTAIN("the output of `rpk topic consume`",
            "convert it with `jq -c '{topic,partition,offset,ts:.timestamp,key,payload:.value}'`");
static const struct recording_kind prefixed = {
    "the output of a console consumer, with something before each value",
    "remove that with `sed 's/^[^{]*//'`, or record with `take5 record` or `kcat -J`", false};
static const struct recording_kind csv = {
    "CSV",
    "name its columns, as `take5 replay --map symbol=ticker,timestamp=date,price=close` does, or "
    "convert it to JSON lines",
    false};
static const struct recording_kind xml = {"XML or HTML", "convert it to JSON lines", false};
static const struct recording_kind ini = {
    "a configuration", "give the recording, and the configuration with -c", false};
static const struct recording_kind nothing = {
    "NUL bytes", "it was never written, or the file system lost it; take another copy", false};
static const struct recording_kind binary = {
    "binary data", "a recording is JSON lines, as `take5 record` and `kcat -J` write them", false};

struct line {
    const char *at, *end;
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void trim(struct line *line) {
    while (line->at < line->end && is_space(*line->at))
        line->at++;
    while (line->end > line->at && is_space(line->end[-1]))
        line->end--;
}

/* The first line that is not blank; cut where the bytes end. */
static struct line first_line(const char *bytes, size_t size) {
    struct line line = {bytes, bytes + size};
    while (line.at < line.end && is_space(*line.at))
        line.at++;
    const char *stop = memchr(line.at, '\n', (size_t)(line.end - line.at));
    if (stop != NULL)
        line.end = stop;
    trim(&line);
    return line;
}

static size_t count(const struct line *line, char wanted) {
    size_t found = 0;
    for (const char *at = line->at; at < line->end; at++)
        found += *at == wanted;
    return found;
}

static bool has(const struct line *line, const char *text) {
    return memmem(line->at, (size_t)(line->end - line->at), text, strlen(text)) != NULL;
}

static bool is_binary(const struct line *line) {
    for (const char *at = line->at; at < line->end; at++)
        if ((unsigned char)*at < ' ' && *at != '\t' && *at != '\r' && *at != '\x1b')
            return true;
    return false;
}

/* Every other byte of the first ones is NUL. */
static const struct recording_kind *wide(const char *bytes, size_t size) {
    size_t even = 0, odd = 0;
    if (size < 8)
        return NULL;
    for (size_t i = 0; i < 8; i += 2) {
        even += bytes[i] == '\0';
        odd += bytes[i + 1] == '\0';
    }
    return even == 0 && odd == 4 ? &utf16_le : even == 4 && odd == 0 ? &utf16_be : NULL;
}

static const struct recording_kind *of_object(const struct line *line, const struct line *all) {
    const bool is_alone = line->end - line->at == 1;
    if (has(all, "\"topic\"") && has(all, "\"value\"") && has(all, "\"offset\"") &&
        !has(all, "\"payload\""))
        return is_alone ? &rpk_pretty : &rpk;
    return is_alone ? &pretty : NULL;
}

/* "[" alone, or with an object or another array in it. */
static bool is_array(const struct line *line) {
    struct line rest = {line->at + 1, line->end};
    trim(&rest);
    return rest.at == rest.end || *rest.at == '{' || *rest.at == '[';
}

static const struct recording_kind *of_line(const struct line *line, const struct line *all) {
    const size_t size = (size_t)(line->end - line->at);
    if (size == 0)
        return NULL;
    if (line->at[0] == '\0')
        return &nothing;
    if (line->at[0] == '{')
        return of_object(line, all);
    if (is_binary(line))
        return &binary;
    if (line->at[0] == '<')
        return &xml;
    if (line->at[0] == '[' && line->end[-1] == ']' && size > 2 && count(line, '"') == 0 &&
        count(line, '{') == 0)
        return &ini;
    if (line->at[0] == '[')
        return is_array(line) ? &array : &list;
    if (has(line, "{\""))
        return &prefixed;
    if (count(line, ',') > 0 || count(line, ';') > 0 || count(line, '\t') > 0)
        return &csv;
    return NULL;
}

const struct recording_kind *recording_kind_of(const char *bytes, size_t size) {
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (size >= signatures[i].size &&
            memcmp(bytes, signatures[i].bytes, signatures[i].size) == 0)
            return &signatures[i].kind;
    const struct recording_kind *kind = wide(bytes, size);
    if (kind != NULL)
        return kind;
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    const struct line line = first_line(bytes, size), all = {bytes, bytes + size};
    return of_line(&line, &all);
}
