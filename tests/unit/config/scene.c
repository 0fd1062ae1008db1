#include "scene.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void scene_open(struct scene *scene) {
    memset(scene, 0, sizeof *scene);
    snprintf(scene->directory, sizeof scene->directory, "/tmp/take5-config-XXXXXX");
    cr_assert_not_null(mkdtemp(scene->directory));
    snprintf(scene->path, sizeof scene->path, "%s/take5.ini", scene->directory);
}

static void forget(struct scene *scene) {
    config_free(scene->config);
    scene->config = NULL;
    faults_release(&scene->faults);
    free(scene->all);
    scene->all = NULL;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status;
    (void)type;
    (void)at;
    return remove(path);
}

void scene_close(struct scene *scene) {
    forget(scene);
    nftw(scene->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scene_path(const struct scene *scene, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", scene->directory, name);
    return path;
}

void scene_write(struct scene *scene, const char *name, const char *content) {
    char path[256];
    snprintf(path, sizeof path, "%s", scene_path(scene, name));
    for (char *slash = strchr(path + strlen(scene->directory) + 1, '/'); slash != NULL;
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
static char *collect(const struct scene *scene) {
    struct text all;
    text_init(&all);
    size_t size = strlen(scene->directory);
    for (size_t i = 0; i < scene->faults.count; i++) {
        const struct fault *fault = &scene->faults.items[i];
        if (fault->is_warning)
            text_puts(&all, "warning: ");
        const char *rest = fault->text;
        const char *found;
        while ((found = strstr(rest, scene->directory)) != NULL) {
            text_append(&all, rest, (size_t)(found - rest));
            rest = found + size + (found[size] == '/' ? 1 : 0);
        }
        text_puts(&all, rest);
        text_putc(&all, '\n');
    }
    return text_take(&all);
}

struct config *scene_load(struct scene *scene, const char *const *environment,
                          const char *const *overrides) {
    struct config_override parts[16];
    char copies[16][256];
    size_t count = 0;
    for (; overrides != NULL && overrides[count] != NULL; count++) {
        snprintf(copies[count], sizeof copies[count], "%s", overrides[count]);
        char *bar = strchr(copies[count], '|');
        char *equals = strchr(copies[count], '=');
        *bar = *equals = '\0';
        parts[count] = (struct config_override){copies[count], bar + 1, equals + 1};
    }
    struct config_request request = {.path = scene->path,
                                     .environment = environment,
                                     .overrides = parts,
                                     .override_count = count};
    forget(scene);
    scene->config = config_load(&request, &scene->faults);
    scene->all = collect(scene);
    return scene->config;
}

struct config *scene_load_text(struct scene *scene, const char *content) {
    scene_write(scene, "take5.ini", content);
    return scene_load(scene, NULL, NULL);
}

void scene_refuse(struct scene *scene, const char *content, const char *faults) {
    cr_assert_null(scene_load_text(scene, content), "taken: %s", content);
    cr_assert_str_eq(scene->all, faults);
}

char *scene_print(const struct config *config) {
    struct text text;
    text_init(&text);
    config_print(config, &text);
    return text_take(&text);
}

const char *scene_setting(const struct config *config, const char *name) {
    static char value[512];
    value[0] = '\0';
    char *all = scene_print(config);
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
