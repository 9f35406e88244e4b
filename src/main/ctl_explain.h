/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_explain.h - outriggerctl explain-call: where a call would go, asked of a running
 * outrigger. */
#ifndef OUTRIGGER_MAIN_CTL_EXPLAIN_H
#define OUTRIGGER_MAIN_CTL_EXPLAIN_H

/* argv[0] is "explain-call". Returns the exit code: 0 the answer is on stdout; 1 there is
 * none; 2 wrong use, or a question that the proxy refused. A sentence is on stderr then. */
int ctl_explain(int argc, char **argv);

#endif
