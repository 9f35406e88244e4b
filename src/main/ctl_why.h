/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_why.h - outriggerctl why and log-level: what the admin port says of failed calls (admin/why.h), and how much is logged (main/control_pages.h). */
#ifndef OUTRIGGER_MAIN_CTL_WHY_H
#define OUTRIGGER_MAIN_CTL_WHY_H

struct ctl_args;

/* Exit codes: 0; 1 no answer; 2 wrong use, or the proxy refused the question. */
int ctl_why(const struct ctl_args *a);
int ctl_log_level(const struct ctl_args *a);

#endif
