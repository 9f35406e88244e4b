/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_drain.h - outriggerctl drain --wait. */
#ifndef OUTRIGGER_MAIN_CTL_DRAIN_H
#define OUTRIGGER_MAIN_CTL_DRAIN_H

#include <stdbool.h>

#include "base/compat.h"

struct addr;
struct strbuf;

/* After a POST to /drain: returns when no inbound connection is left, or the process has ended, which is as good; or when its drain.delay and drain.timeout are over:
 * *ret_done is false then. Words for a person go to out. Errors of ctl_http_get with *ret_why. */
int ctl_drain_wait(const struct addr *to, struct strbuf *out, bool *ret_done,
                   const char **ret_why) MUST_CHECK;

#endif
