#include "conformance/script/feed_paths.h"

#include <criterion/criterion.h>

Test(feed_paths, what_the_documentation_lists_is_known) {
    static const char *const known[] = {
        "barData.close",      "z_score",
        "trendData.smaSlope", "trendVector.trendData.wSma_intercept",
        "trendVector",        "mine.own|price"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        cr_assert(feed_path_is_documented(known[i]), "%s", known[i]);
}

Test(feed_paths, what_it_does_not_list_is_not) {
    static const char *const others[] = {"barData.closs",
                                         "stats.mean",
                                         "trendData.slope",
                                         "trendDat",
                                         "trend_data.x",
                                         "mine.own|other",
                                         ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_not(feed_path_is_documented(others[i]), "%s", others[i]);
}

Test(feed_paths, the_places_of_one_quantity_are_alternatives) {
    const int slope = feed_path_quantity("trendData.wSma_slope");
    cr_assert_gt(slope, 0);
    cr_assert_eq(feed_path_quantity("trendVector.trendData.smaSlope"), slope);
    cr_assert_neq(feed_path_quantity("trendData.wSma_intercept"), slope);
    cr_assert_eq(feed_path_quantity("trendData.smaIntercept"),
                 feed_path_quantity("trendData.wSma_intercept"));
    cr_assert_eq(feed_path_quantity("barData.close"), 0);
    cr_assert_eq(feed_path_quantity("trendData"), 0);
}
