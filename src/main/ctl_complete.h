/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_complete.h - completions of shells for outriggerctl and outrigger, made from
 * their tables. contrib/completion has what is installed; a test compares. */
#ifndef OUTRIGGER_MAIN_CTL_COMPLETE_H
#define OUTRIGGER_MAIN_CTL_COMPLETE_H

#include <stdbool.h>

struct ctl_args;
struct strbuf;

/* outriggerctl completion SHELL. Returns the exit code. */
int ctl_complete(const struct ctl_args *a);
/* Adds the script of "bash", "zsh" or "fish"; false: it is none of these. Pure. */
bool ctl_complete_script(const char *shell, struct strbuf *out);

#endif
