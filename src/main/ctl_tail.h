/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_tail.h - outriggerctl tail: GET /tail of the admin port (admin/tail_page.h), line by line as they come, until it is interrupted, the proxy ends or -n lines are
 * there. */
#ifndef OUTRIGGER_MAIN_CTL_TAIL_H
#define OUTRIGGER_MAIN_CTL_TAIL_H

struct ctl_args;

/* Exit code: 0 it ended as asked, or with the proxy; 1 no answer, or the output was closed; 2 wrong use. */
int ctl_tail(const struct ctl_args *a);

#endif
