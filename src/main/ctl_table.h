/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_table.h - the commands of outriggerctl, in the order of the manual. To add one,
 * add a row and its function; then run `make update-golden` for the manual and the
 * completions. A name of an option means the same kind of value in all commands. */
#ifndef OUTRIGGER_MAIN_CTL_TABLE_H
#define OUTRIGGER_MAIN_CTL_TABLE_H

#include <stddef.h>

#include "main/ctl_args.h"

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_n_commands;

/* NULL: there is none with this name. */
const struct ctl_command *ctl_command_find(const char *name);

#endif
