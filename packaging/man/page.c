/*
 * Makes a man page of a template and of the program's own tables:
 *   page TEMPLATE PAGE
 * A line "@part" of the template stands for a part of pages.h; @NAME@ within a line for a fact of
 * this build. What the template forgets is in the page all the same, and said.
 */
#include "pages.h"

#include "roff.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_BYTES (1024 * 1024)

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

static void left_commands(FILE *page, const char *template_name) {
    const char *name;
    while ((name = pages_command_left(0)) != NULL) {
        fprintf(stderr, "%s: nothing is said of `take5 %s`\n", template_name, name);
        pages_command(page, name);
        fputs("\\&\n", page);
    }
}

static bool part(FILE *page, const char *name, const char *template_name) {
    if (strcmp(name, "synopsis") == 0)
        pages_synopsis(page);
    else if (strcmp(name, "environment") == 0)
        pages_environment(page);
    else if (strcmp(name, "sections") == 0)
        pages_sections(page);
    else if (strcmp(name, "other commands") == 0)
        left_commands(page, template_name);
    else if (strncmp(name, "command ", 8) == 0)
        return pages_command(page, name + 8);
    else if (strncmp(name, "help ", 5) == 0)
        return pages_help(page, name + 5);
    else
        return false;
    return true;
}

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
        if (!part(page, line + 1, template_name))
            fprintf(stderr, "%s:%d: there is no %s\n", template_name, number, line);
    }
    free(line);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("usage: page TEMPLATE PAGE\n", stderr);
        return 2;
    }
    /* A command that takes --help for something else neither holds up a build nor fills a disk. */
    const struct rlimit most = {MAX_BYTES, MAX_BYTES};
    alarm(20);
    (void)setrlimit(RLIMIT_FSIZE, &most);
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
