/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl.c - outriggerctl: what a running outrigger has to say or shall do, for people and
 * scripts. The commands are the rows of ctl_table.c. */
#include "main/ctl_args.h"

int
main(int argc, char **argv)
{
    struct ctl_args a;
    int rv = ctl_args_read(&a, argc, argv);

    return rv >= 0 ? rv : a.command->run(&a);
}
