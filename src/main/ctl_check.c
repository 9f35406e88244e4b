/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_check.c - becomes outrigger --check. */
#include "main/ctl_check.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"

enum { CHECK_BAD_USAGE = 2 };

static void
check_help(FILE *to)
{
    fputs("usage: outriggerctl check [--strict] [--json] FILE\n"
          "\n"
          "Shows everything that is wrong with a config file; - is standard input.\n"
          "  --strict    a warning is bad too\n"
          "  --json      as JSON, for editors and CI jobs\n"
          "Exit code: 0 good, 1 bad, 2 wrong use.\n",
          to);
}

static int
check_usage(const char *what)
{
    fprintf(stderr, "outriggerctl: %s; run \"outriggerctl check --help\"\n", what);
    return CHECK_BAD_USAGE;
}

/* In the folder of this program (a build tree), in the sbin beside its bin, on the PATH.
 * Returns only when none of them could be run. */
static void
run_outrigger(char *const *argv)
{
    static const char *const places[] = { "outrigger", "../sbin/outrigger" };
    char self[PATH_MAX], path[PATH_MAX + 32];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < ARRAY_LEN(places); i++) {
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - self), self, places[i]);
        execv(path, argv);
    }
    execvp("outrigger", argv);
}

int
ctl_check(int argc, char **argv)
{
    static const struct option longs[] = {
        { "strict", no_argument, NULL, 's' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    char outrigger[] = "outrigger", check[] = "--check", strict[] = "--check=strict",
         json[] = "--format=json", config[] = "-c";
    char *command[] = { outrigger, check, config, NULL, NULL, NULL };
    int opt;

    opterr = 0;
    while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (opt == 's') {
            command[1] = strict;
        } else if (opt == 'j') {
            command[4] = json;
        } else if (opt == 'h') {
            check_help(stdout);
            return EXIT_SUCCESS;
        } else {
            return check_usage("check does not know this option");
        }
    }
    if (argc - optind != 1)
        return check_usage(argc == optind ? "check needs a file" : "one file at a time");
    command[3] = argv[optind];
    run_outrigger(command);
    fprintf(
        stderr,
        "outriggerctl: outrigger cannot be run: %s. It does the check; install it, or "
        "put its folder into PATH\n",
        strerror(errno));
    return CHECK_BAD_USAGE;
}
