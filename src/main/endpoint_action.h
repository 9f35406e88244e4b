/* SPDX-License-Identifier: Apache-2.0 */
/* main/endpoint_action.h - POST /endpoint?do=disable&pool=NAME&address=ADDRESS (or
 * do=enable): an operator takes an endpoint out of its pool, or puts it back. The config stays
 * as it is; a new process begins with all endpoints enabled. Main thread. */
#ifndef OUTRIGGER_MAIN_ENDPOINT_ACTION_H
#define OUTRIGGER_MAIN_ENDPOINT_ACTION_H

struct process;

/* At the admin port, when there is one. */
void endpoint_action_open(struct process *p);

#endif
