#include "fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fixture_open(struct fixture *fixture) {
    memset(fixture, 0, sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/take5-config-XXXXXX");
    cr_assert_not_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/take5.ini", fixture->directory);
}

static void forget(struct fixture *fixture) {
    config_free(fixture->config);
    fixture->config = NULL;
    faults_release(&fixture->faults);
    free(fixture->all);
    fixture->all = NULL;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

void fixture_close(struct fixture *fixture) {
    forget(fixture);
    nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fixture_path(const struct fixture *fixture, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    return path;
}

void fixture_write(struct fixture *fixture, const char *name, const char *content) {
    char path[256];
    snprintf(path, sizeof path, "%s", fixture_path(fixture, name));
    for (char *slash = strchr(path + strlen(fixture->directory) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    fputs(content, file);
    fclose(file);
}

/* Faults are compared without the folder's random name. */
static char *collect(const struct fixture *fixture) {
    struct text all;
    text_init(&all);
    size_t size = strlen(fixture->directory);
    for (size_t i = 0; i < fixture->faults.count; i++) {
        const struct fault *fault = &fixture->faults.items[i];
        if (fault->is_warning)
            text_puts(&all, "warning: ");
        const char *rest = fault->text;
        const char *found;
        while ((found = strstr(rest, fixture->directory)) != NULL) {
            text_append(&all, rest, (size_t)(found - rest));
            rest = found + size + (found[size] == '/' ? 1 : 0);
        }
        text_puts(&all, rest);
        text_putc(&all, '\n');
    }
    return text_take(&all);
}

struct config *fixture_load(struct fixture *fixture, const char *const *environment,
                            const char *const *overrides) {
    struct config_override parts[16];
    char copies[16][256];
    size_t count = 0;
    for (; overrides != NULL && overrides[count] != NULL; count++) {
        snprintf(copies[count], sizeof copies[count], "%s", overrides[count]);
        char *bar = strchr(copies[count], '|');
        char *equals = strchr(copies[count], '=');
        *bar = *equals = '\0';
        parts[count] = (struct config_override){copies[count], bar + 1, equals + 1, NULL};
    }
    struct config_request request = {.path = fixture->path,
                                     .environment = environment,
                                     .overrides = parts,
                                     .override_count = count};
    forget(fixture);
    fixture->config = config_load(&request, &fixture->faults);
    fixture->all = collect(fixture);
    return fixture->config;
}

struct config *fixture_load_text(struct fixture *fixture, const char *content) {
    fixture_write(fixture, "take5.ini", content);
    return fixture_load(fixture, NULL, NULL);
}

void fixture_refuse(struct fixture *fixture, const char *content, const char *faults) {
    cr_assert_null(fixture_load_text(fixture, content), "taken: %s", content);
    cr_assert_str_eq(fixture->all, faults);
}

char *fixture_print(const struct config *config) {
    struct text text;
    text_init(&text);
    config_print(config, &text);
    return text_take(&text);
}

const char *fixture_setting(const struct config *config, const char *name) {
    static char value[512];
    value[0] = '\0';
    char *all = fixture_print(config);
    size_t size = strlen(name);
    bool is_found = false;
    for (char *rest = all, *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, name, size) != 0 || strncmp(line + size, " = ", 3) != 0)
            continue;
        snprintf(value, sizeof value, "%s", line + size + 3);
        is_found = true;
    }
    free(all);
    cr_assert(is_found, "%s is not printed", name);
    return value;
}

const struct config_deployment *fixture_deployment(const struct fixture *fixture,
                                                   const char *name) {
    for (size_t i = 0; i < fixture->config->deployment_count; i++)
        if (strcmp(fixture->config->deployments[i].name, name) == 0)
            return &fixture->config->deployments[i];
    cr_assert_fail("no deployment %s", name);
    return NULL;
}

void fixture_expect_hidden(const struct fixture *fixture, const char *secret) {
    cr_assert_null(strstr(fixture->all, secret), "%s", fixture->all);
    if (fixture->config == NULL)
        return;
    char *printed = fixture_print(fixture->config);
    cr_assert_null(strstr(printed, secret), "%s", printed);
    free(printed);
}
