#include "ops/http/server/path.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 255 /* the longest name of DNS */

/* ---- paths ---- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t http_decode(const char *raw, size_t raw_size, char *to, size_t room) {
    size_t size = 0;
    for (size_t i = 0; i < raw_size; i++) {
        char c = raw[i];
        if (c == '%' && raw_size - i > 2 && hex_value(raw[i + 1]) >= 0 &&
            hex_value(raw[i + 2]) >= 0) {
            c = (char)(hex_value(raw[i + 1]) << 4 | hex_value(raw[i + 2]));
            i += 2;
        }
        if (size == room)
            return room + 1;
        to[size++] = c;
    }
    return size;
}

static bool part_is(const char *pattern, size_t size, const char *raw, size_t raw_size) {
    char part[64];
    return size <= sizeof part && http_decode(raw, raw_size, part, sizeof part) == size &&
           memcmp(part, pattern, size) == 0;
}

bool http_path_is(const char *pattern, const char *raw, char *parameter, size_t *size) {
    const size_t room = *size;
    *size = 0;
    for (;;) {
        if (*pattern != '/' || *raw != '/')
            return *pattern == '\0' && *raw == '\0';
        pattern++;
        raw++;
        const size_t pattern_size = strcspn(pattern, "/"), raw_size = strcspn(raw, "/");
        if (*pattern == '{') {
            *size = http_decode(raw, raw_size, parameter, room);
            if (*size == 0 || *size > room)
                return false;
        } else if (!part_is(pattern, pattern_size, raw, raw_size)) {
            return false;
        }
        pattern += pattern_size;
        raw += raw_size;
    }
}

/* ---- hosts ---- */

static bool is_port(const char *text) {
    return text[0] == '\0' || (text[0] == ':' && text[1 + strspn(text + 1, "0123456789")] == '\0');
}

static bool is_v6(const char *host) {
    char address[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    const char *end = strchr(host, ']');
    const size_t size = end != NULL ? (size_t)(end - host) - 1 : 0;
    if (size == 0 || size >= sizeof address || !is_port(end + 1))
        return false;
    memcpy(address, host + 1, size);
    address[size] = '\0';
    return inet_pton(AF_INET6, address, bytes) == 1;
}

bool http_host_is_known(const char *host, char *const *names) {
    char name[HOST_MAX + 1];
    unsigned char bytes[sizeof(struct in_addr)];
    if (host[0] == '[')
        return is_v6(host);
    const size_t size = strcspn(host, ":");
    if (size == 0 || size >= sizeof name || !is_port(host + size))
        return false;
    memcpy(name, host, size);
    name[size] = '\0';
    if (inet_pton(AF_INET, name, bytes) == 1 || strcasecmp(name, "localhost") == 0)
        return true;
    for (; names != NULL && *names != NULL; names++) {
        if (strcasecmp(name, *names) == 0)
            return true;
    }
    return false;
}
