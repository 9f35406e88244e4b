/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_page.h - commands of outriggerctl that are a page of the admin port: to print
 * (pools, routes, ...), or an action that is asked for with POST (reload, drain, ...). */
#ifndef OUTRIGGER_MAIN_CTL_PAGE_H
#define OUTRIGGER_MAIN_CTL_PAGE_H

struct ctl_args;

/* The page of the row, or its json_page with --json. An action that is on its way is asked
 * for again for 5 s. Returns the exit code. */
int ctl_page_run(const struct ctl_args *a);

#endif
