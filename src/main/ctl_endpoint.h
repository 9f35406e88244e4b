/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_endpoint.h - outriggerctl endpoint disable|enable POOL ADDRESS. */
#ifndef OUTRIGGER_MAIN_CTL_ENDPOINT_H
#define OUTRIGGER_MAIN_CTL_ENDPOINT_H

struct ctl_args;

/* Returns the exit code: 0 done, 1 no answer or it cannot be done, 2 wrong use. */
int ctl_endpoint(const struct ctl_args *a);

#endif
