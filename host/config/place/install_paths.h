/*
 * config/place/install_paths.h - where this program's own files are.
 *
 * In the prefix that it was configured with, the program uses the absolute paths of its build. It
 * may be installed into another prefix, or moved there: a program P/bin/take5 whose
 * P/LIBDIR/take5/strategies is there uses these strategies, and P/etc/take5/take5.ini if there is
 * one. LIBDIR, bin and etc are those of the build (GNUInstallDirs), if they are relative. Anywhere
 * else the absolute paths hold: a copy of the program alone never reads an etc beside it.
 */
#ifndef TAKE5_CONFIG_PLACE_INSTALL_PATHS_H
#define TAKE5_CONFIG_PLACE_INSTALL_PATHS_H

#include <limits.h>

struct install_paths {
    char config_file[PATH_MAX];  /* read when none is named; need not be there */
    char strategy_dir[PATH_MAX]; /* where strategies are dropped unless a setting overrides it */
    char bundled_dir[PATH_MAX];  /* the same, but in a build tree what was built there */
};

void install_paths_find(struct install_paths *paths);

#endif
