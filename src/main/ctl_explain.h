/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_explain.h - outriggerctl explain-call: where a call would go, asked of a running
 * outrigger. */
#ifndef OUTRIGGER_MAIN_CTL_EXPLAIN_H
#define OUTRIGGER_MAIN_CTL_EXPLAIN_H

struct ctl_args;

/* Returns the exit code: 0 the answer is on stdout; 1 there is none; 2 wrong use, or a
 * question that the proxy refused. A sentence is on stderr then. */
int ctl_explain(const struct ctl_args *a);

#endif
