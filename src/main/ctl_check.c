/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_check.c - becomes outrigger --check. */
#include "main/ctl_check.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "main/ctl_args.h"

/* In the folder of this program (a build tree), in the sbin beside its bin, on the PATH.
 * Returns only when none of them could be run. */
void
ctl_run_outrigger(char *const *argv)
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
ctl_check(const struct ctl_args *a)
{
    char outrigger[] = "outrigger", check[] = "--check", strict[] = "--check=strict",
         json[] = "--format=json", config[] = "-c";
    char *command[] = { outrigger, check, config, (char *)(uintptr_t)a->operands[0],
                        NULL,      NULL };

    if (ctl_has(a, "strict"))
        command[1] = strict;
    if (ctl_has(a, "json"))
        command[4] = json;
    ctl_run_outrigger(command);
    fprintf(
        stderr,
        "outriggerctl: outrigger cannot be run: %s. It does the check; install it, or "
        "put its folder into PATH\n",
        strerror(errno));
    return CTL_BAD_USAGE;
}
