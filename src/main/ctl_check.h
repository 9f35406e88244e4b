/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_check.h - outriggerctl check: what is wrong with a config file.
 * The rows of the config live in outrigger itself, so that program is run: the one beside
 * this one, else the installed one. */
#ifndef OUTRIGGER_MAIN_CTL_CHECK_H
#define OUTRIGGER_MAIN_CTL_CHECK_H

struct ctl_args;

/* Does not return when outrigger was found: its exit code (0 good, 1 bad, 2 wrong use) is
 * that of the process. Else 2 after a sentence on stderr. */
int ctl_check(const struct ctl_args *a);
/* Becomes outrigger: the one beside this program, else the installed one. Returns only when
 * none could be run; errno says why. */
void ctl_run_outrigger(char *const *argv);

#endif
