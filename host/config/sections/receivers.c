#include "config/sections/receivers.h"

#include "base/text.h"
#include "config/schema/items.h"
#include "config/sections/property_source.h"
#include "config/text/paths.h"

#include <ctype.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define POSTGRES "sink:postgres"
#define WEBHOOK  "sink:webhook"
#define ALERTS   "alerts"
#define HEADER   "header."

/* PostgreSQL's limit of a name. */
#define NAME_BYTES 63

/* The keys of such a section besides those of the schema; NULL: it is none of them. */
static struct config_items *receiver_items_of(struct config *config, const char *section) {
    if (strcmp(section, POSTGRES) == 0)
        return &config->postgres;
    if (strcmp(section, WEBHOOK) == 0)
        return &config->webhook;
    return strcmp(section, ALERTS) == 0 ? &config->alerts_items : NULL;
}

const struct config_items *receiver_items(const struct config *config, const char *section) {
    return receiver_items_of((struct config *)config, section);
}

/* ---- names ---- */

/* libpq's parameters, and those near to what was written; the list is libpq's. */
static bool is_parameter(const char *name, char *near, size_t near_size) {
    const char *names[128] = {NULL};
    size_t count = 0;
    bool is = false;
    PQconninfoOption *options = PQconndefaults();
    for (PQconninfoOption *at = options; at != NULL && at->keyword != NULL; at++) {
        is = is || strcmp(at->keyword, name) == 0;
        if (count + 1 < sizeof names / sizeof *names)
            names[count++] = at->keyword;
    }
    const char *found = faults_near_miss(name, names);
    if (near != NULL)
        snprintf(near, near_size, "%s%s%s", found != NULL ? "; did you mean " : "",
                 found != NULL ? found : "", found != NULL ? "?" : "");
    PQconninfoFree(options);
    return is;
}

static bool is_token(const char *name) {
    if (*name == '\0')
        return false;
    for (; *name != '\0'; name++) {
        if (!isalnum((unsigned char)*name) && strchr("!#$%&'*+-.^_`|~", *name) == NULL)
            return false;
    }
    return true;
}

bool receiver_has_name(const char *section, const char *name, size_t size) {
    if (strcmp(section, WEBHOOK) == 0 || strcmp(section, ALERTS) == 0)
        return (size == 3 && strncmp(name, "url", 3) == 0) ||
               (size > strlen(HEADER) && strncmp(name, HEADER, strlen(HEADER)) == 0);
    if (strcmp(section, POSTGRES) != 0)
        return false;
    char *copy = text_dup(name, size);
    const bool is = copy != NULL && is_parameter(copy, NULL, 0);
    free(copy);
    return is;
}

/* ---- libpq's parameters ---- */

static bool is_path(const char *name) {
    return strcmp(name, "passfile") == 0 || strcmp(name, "sslcert") == 0 ||
           strcmp(name, "sslkey") == 0 || strcmp(name, "sslrootcert") == 0 ||
           strcmp(name, "sslcrl") == 0;
}

static bool is_secret_file(const char *name) {
    return strcmp(name, "passfile") == 0 || strcmp(name, "sslkey") == 0;
}

/* As libpq has it: a key of root's may be read by its group. */
static mode_t forbidden_mode(const char *name, const struct stat *status) {
    const bool is_roots_key = strcmp(name, "sslkey") == 0 && status->st_uid == 0;
    return S_IRWXO | (is_roots_key ? S_IWGRP | S_IXGRP : S_IRWXG);
}

/* What libpq would say only when it connects, or not at all. */
static bool check_file(struct build *build, const struct assignment *a, const char *name,
                       const char *path) {
    struct stat status;
    if (stat(path, &status) != 0 || access(path, R_OK) != 0) {
        faults_add(build->faults, a->place, "[%s] %s: cannot open %s: %s", a->section, name, path,
                   strerror(errno));
        return false;
    }
    if (is_secret_file(name) && (status.st_mode & forbidden_mode(name, &status)) != 0) {
        faults_add(build->faults, a->place,
                   "[%s] %s: %s can be read by others (mode %04o), and libpq refuses such a file: "
                   "chmod 0600 it",
                   a->section, name, path, (unsigned)(status.st_mode & 07777));
        return false;
    }
    build_trust_file(build, path);
    return true;
}

static bool make_path(struct build *build, const struct assignment *a, const char *name,
                      char **value) {
    if (strcmp(name, "sslrootcert") == 0 && strcmp(*value, "system") == 0)
        return true;
    char *path = path_absolute(a->directory, *value);
    if (path == NULL) {
        build_out_of_memory(build);
        return false;
    }
    free(*value);
    *value = path;
    return check_file(build, a, name, path);
}

static bool check_mode(struct build *build, const struct assignment *a, const char *value) {
    static const char *const modes[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i], value) == 0)
            return true;
    }
    faults_add(build->faults, a->place,
               "[%s] sslmode = %s is invalid: expected disable, allow, prefer, require, verify-ca "
               "or verify-full",
               a->section, value);
    return false;
}

/* What libpq would take for a list of parameters elsewhere; here it is a name, and may have shown a
 * password. */
static bool check_database(struct build *build, const struct assignment *a, const char *value) {
    if (strchr(value, '=') == NULL && strstr(value, "://") == NULL)
        return true;
    faults_add(build->faults, a->place,
               "[%s] dbname is not the name of a database (it is not shown, since it may have a "
               "password in it): give host, port, user and password.file as keys of their own",
               a->section);
    return false;
}

/* A number from 1 to 65535. */
static bool is_port(const char *text, size_t size) {
    char digits[6] = "";
    if (size == 0 || size >= sizeof digits || strspn(text, "0123456789") < size)
        return false;
    memcpy(digits, text, size);
    const long port = strtol(digits, NULL, 10);
    return port > 0 && port <= UINT16_MAX;
}

/* libpq says so only when it connects. */
static bool check_ports(struct build *build, const struct assignment *a, const char *value) {
    for (const char *at = value;; at++) {
        const size_t size = strcspn(at, ",");
        if (!is_port(at, size))
            break;
        at += size;
        if (*at == '\0')
            return true;
    }
    faults_add(
        build->faults, a->place,
        "[%s] port = %s is invalid: expected a number from 1 to 65535, or one for each host, "
        "separated by commas",
        a->section, value);
    return false;
}

static bool check_own(struct build *build, const struct assignment *a, const char *name) {
    static const char *const own[][2] = {
        {"client_encoding", "the host sets it"},
        {"replication", "a connection for replication cannot insert rows"},
        {"connect_timeout", "the key timeout is for that"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(own[i][0], name) != 0)
            continue;
        faults_add(build->faults, a->place, "[%s] %s cannot be set: %s", a->section, name,
                   own[i][1]);
        return false;
    }
    return true;
}

static bool check_parameter(struct build *build, const struct assignment *a, const char *name,
                            char **value) {
    char near[64];
    if (!is_parameter(name, near, sizeof near)) {
        faults_add(build->faults, a->place,
                   "unknown key %s in [%s]: neither the host nor libpq has it%s", name, a->section,
                   near);
        return false;
    }
    if (!check_own(build, a, name))
        return false;
    if (strcmp(name, "sslmode") == 0)
        return check_mode(build, a, *value);
    if (strcmp(name, "dbname") == 0)
        return check_database(build, a, *value);
    if (strcmp(name, "port") == 0)
        return check_ports(build, a, *value);
    return !is_path(name) || make_path(build, a, name, value);
}

/* ---- requests ---- */

static bool has_control(const char *value) {
    for (; *value != '\0'; value++) {
        if (iscntrl((unsigned char)*value) && *value != '\t')
            return true;
    }
    return false;
}

/* "[USER@]HOST[:PORT]", where HOST may be "[ADDRESS]". */
static bool is_authority(const char *text, size_t size) {
    const char *user = memrchr(text, '@', size);
    const char *host = user != NULL ? user + 1 : text, *end = text + size;
    const char *bracket = memchr(host, ']', (size_t)(end - host));
    const char *colon = memchr(bracket != NULL ? bracket : host, ':',
                               (size_t)(end - (bracket != NULL ? bracket : host)));
    if (host == end || host == colon)
        return false;
    return colon == NULL || colon + 1 == end || is_port(colon + 1, (size_t)(end - colon - 1));
}

/* A value is not shown. */
static bool check_url(struct build *build, const struct assignment *a, const char *value) {
    const bool is_tls = strncasecmp(value, "https://", 8) == 0;
    const bool is_plain = strncasecmp(value, "http://", 7) == 0;
    const char *host = value + (is_tls ? 8 : 7);
    if ((is_tls || is_plain) && is_authority(host, strcspn(host, "/?#")) &&
        strpbrk(host, " \t\"<>\\") == NULL)
        return true;
    faults_add(build->faults, a->place,
               "[%s] %s is not an address such as https://host/path (it is not shown, since it may "
               "be a secret)",
               a->section, a->key);
    return false;
}

static bool check_header(struct build *build, const struct assignment *a, const char *header) {
    static const char *const own[] = {"Content-Length", "Transfer-Encoding", "Idempotency-Key"};
    const char *fault = is_token(header) ? NULL : "no header can have this name";
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcasecmp(own[i], header) == 0)
            fault = "the host sets this header";
    }
    if (fault != NULL)
        faults_add(build->faults, a->place, "[%s] " HEADER "%s: %s", a->section, header, fault);
    return fault == NULL;
}

static bool check_request(struct build *build, const struct assignment *a, const char *name,
                          const char *value) {
    const bool is_header = strncmp(name, HEADER, strlen(HEADER)) == 0;
    if (!is_header && strcmp(name, "url") != 0) {
        faults_add(build->faults, a->place, "unknown key %s in [%s]: expected url or header.NAME",
                   name, a->section);
        return false;
    }
    if (is_header && !check_header(build, a, name + strlen(HEADER)))
        return false;
    if (has_control(value)) {
        faults_add(build->faults, a->place,
                   "[%s] %s: the value has a line break or another "
                   "control character",
                   a->section, a->key);
        return false;
    }
    return is_header || check_url(build, a, value);
}

void receiver_assign(struct build *build, const struct assignment *a) {
    struct config_items *items = receiver_items_of(build->config, a->section);
    char *name, *value;
    if (!property_resolve(build, a, &name, &value))
        return;
    const bool is_right = items == &build->config->postgres
                              ? check_parameter(build, a, name, &value)
                              : check_request(build, a, name, value);
    if (is_right && property_check_once(build, items, name, a) &&
        !config_items_set(items, name, value, a->place))
        build_out_of_memory(build);
    free(name);
    free(value);
}

/* ---- what they mean together ---- */

static void check_table(struct build *build, const char *section, const char *table) {
    const size_t first = strcspn(table, ".");
    const char *second = table[first] == '.' ? table + first + 1 : NULL;
    const size_t rest = second != NULL ? strlen(second) : 1;
    if (first > 0 && first <= NAME_BYTES && rest > 0 && rest <= NAME_BYTES &&
        (second == NULL || strchr(second, '.') == NULL) && strchr(table, '"') == NULL)
        return;
    faults_add(build->faults, build_origin(build->config, section, "table"),
               "[%s] table = %s: expected NAME or SCHEMA.NAME, without quotes, of at most %d bytes "
               "each",
               section, table, NAME_BYTES);
}

static void check_chat(struct build *build, const char *section, enum config_webhook_format format,
                       const char *chat) {
    if (format == WEBHOOK_TELEGRAM && chat == NULL)
        faults_add(build->faults, build_origin(build->config, section, "format"),
                   "[%s] format = telegram needs chat, the id of the chat", section);
}

static void check_batch(struct build *build) {
    const struct config *config = build->config;
    if (config->webhook_format != WEBHOOK_JSON && config->webhook_batch > WEBHOOK_CHAT_BATCH)
        faults_add(build->faults, build_origin(config, WEBHOOK, "batch"),
                   "[" WEBHOOK "] batch = %lld: a message of a chat takes at most %d",
                   (long long)config->webhook_batch, WEBHOOK_CHAT_BATCH);
}

static void check_authorities(struct build *build) {
    const struct config *config = build->config;
    const char *path = config->webhook_ca_file;
    if (path != NULL && (config->sink_webhook || config->alerts_webhook) && access(path, R_OK) != 0)
        faults_add(build->faults, build_origin(config, WEBHOOK, "ca_file"),
                   "[" WEBHOOK "] ca_file: cannot open %s: %s", path, strerror(errno));
}

static void need_url(struct build *build, const char *section, const char *key) {
    if (config_items_find(&build->config->webhook, "url") == NULL)
        faults_add(build->faults, build_origin(build->config, section, key),
                   "[%s] %s has webhook, and [" WEBHOOK "] has no url", section, key);
}

/* Whoever is on the way reads what is not encrypted. */
static void warn_of_plain(struct build *build, const char *section,
                          const struct config_items *items) {
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};
    const struct config_item *url = config_items_find(items, "url");
    if (url == NULL || strncasecmp(url->text, "http://", 7) != 0)
        return;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        const size_t size = strlen(local[i]);
        if (strncasecmp(url->text + 7, local[i], size) == 0 &&
            strchr("/:?#", url->text[7 + size]) != NULL)
            return;
    }
    faults_warn(
        build->faults, url->place,
        "[%s] url is http and not https: anyone on the network path can read signals and headers",
        section);
}

void receivers_finish(struct build *build) {
    const struct config *config = build->config;
    const bool has_own_url = config_items_find(&config->alerts_items, "url") != NULL;
    if (config->sink_webhook)
        need_url(build, "signals", "sinks");
    if (config->alerts_webhook && !has_own_url)
        need_url(build, ALERTS, "to");
    if (config->alerts_items.count > 0 && !has_own_url)
        faults_add(build->faults, config->alerts_items.items[0].place,
                   "[" ALERTS "] has a header and no url: without one those of [" WEBHOOK
                   "] are taken");
    check_chat(build, WEBHOOK, config->webhook_format, config->webhook_chat);
    check_chat(build, ALERTS, config->alerts_format, config->alerts_chat);
    check_batch(build);
    check_authorities(build);
    check_table(build, POSTGRES, config->postgres_table);
    check_table(build, ALERTS, config->alerts_table);
    warn_of_plain(build, WEBHOOK, &config->webhook);
    warn_of_plain(build, ALERTS, &config->alerts_items);
}
