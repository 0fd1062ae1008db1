/*
 * Makes a man page of a template and of the program's own tables:
 *   page TEMPLATE PAGE
 * A line "@part" of the template stands for a part of pages.h; @NAME@ within a line for a fact of
 * this build.
 */
#include "pages.h"

#include "roff.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *value;
} facts[] = {
    {"@VERSION@", TAKE5_VERSION},
    {"@CONFIG_FILE@", TAKE5_CONFIG_FILE},
    {"@STRATEGY_DIR@", TAKE5_STRATEGY_DIR},
};
#define FACT_COUNT (sizeof facts / sizeof facts[0])

static void copy_line(FILE *page, const char *line) {
    while (*line != '\0') {
        size_t i = 0;
        while (i < FACT_COUNT && strncmp(line, facts[i].name, strlen(facts[i].name)) != 0)
            i++;
        if (i == FACT_COUNT) {
            fputc(*line++, page);
            continue;
        }
        roff_text(page, facts[i].value);
        line += strlen(facts[i].name);
    }
}

static const struct {
    const char *name;
    void (*write)(FILE *file);
} parts[] = {
    {"@synopsis", pages_synopsis},
    {"@commands", pages_commands},
    {"@environment", pages_environment},
    {"@sections", pages_sections},
};
#define PART_COUNT (sizeof parts / sizeof parts[0])

/* Faults of the template are said, and fail a test rather than a build. */
static void make_page(FILE *template, FILE *page, const char *template_name) {
    char *line = NULL;
    size_t capacity = 0;
    for (int number = 1; getline(&line, &capacity, template) > 0; number++) {
        if (line[0] != '@' || (line[1] >= 'A' && line[1] <= 'Z')) {
            copy_line(page, line);
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        size_t i = 0;
        while (i < PART_COUNT && strcmp(line, parts[i].name) != 0)
            i++;
        if (i < PART_COUNT)
            parts[i].write(page);
        else
            fprintf(stderr, "%s:%d: there is no %s\n", template_name, number, line);
    }
    free(line);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("usage: page TEMPLATE PAGE\n", stderr);
        return 2;
    }
    FILE *template = fopen(argv[1], "r");
    FILE *page = fopen(argv[2], "w");
    if (template == NULL || page == NULL) {
        perror(template == NULL ? argv[1] : argv[2]);
        return 1;
    }
    make_page(template, page, argv[1]);
    fclose(template);
    if (fclose(page) == 0)
        return 0;
    perror(argv[2]);
    return 1;
}
