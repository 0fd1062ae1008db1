#include "assets/asset.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As another program says it. */
static void sha256_of(const struct text *text, char sha256[65]) {
    char path[] = "/tmp/take5-asset-XXXXXX", command[64];
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text->data, text->size), (ssize_t)text->size);
    close(fd);
    snprintf(command, sizeof command, "sha256sum %s", path);
    FILE *answer = popen(command, "r");
    cr_assert_not_null(answer);
    cr_assert_eq(fscanf(answer, "%64s", sha256), 1);
    cr_assert_eq(pclose(answer), 0);
    unlink(path);
}

Test(asset, the_name_tells_the_content) {
    const struct asset *charts = asset_charts();
    struct text text;
    char sha256[65] = "";
    text_init(&text);
    cr_assert(asset_unpack(charts, &text));
    cr_expect_lt((size_t)(charts->end - charts->begin), text.size, "it is compressed");
    sha256_of(&text, sha256);
    cr_expect_str_eq(charts->sha256, sha256);
    cr_expect_eq(strncmp(charts->name, "assets/charts.", 14), 0, "%s", charts->name);
    cr_expect_eq(strncmp(charts->name + 14, sha256, 12), 0, "%s", charts->name);
    text_release(&text);
}

Test(asset, what_pages_call_it_leads_to_it) {
    const struct asset *charts = asset_charts();
    cr_expect(asset_is(charts, "charts.js"));
    cr_expect_not(asset_is(charts, "chart.js"));
    cr_expect_not(asset_is(charts, "charts.css"));
    cr_expect_not(asset_is(charts, "charts"));
}

Test(asset, one_that_is_cut_off_has_no_content) {
    struct asset cut = *asset_charts();
    struct text text;
    text_init(&text);
    cut.end -= 9; /* its sum and its length, and one byte more */
    cr_expect_not(asset_unpack(&cut, &text));
    text_release(&text);
}
