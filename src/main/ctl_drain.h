/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_drain.h - outriggerctl drain and undrain. */
#ifndef OUTRIGGER_MAIN_CTL_DRAIN_H
#define OUTRIGGER_MAIN_CTL_DRAIN_H

#include <stdbool.h>

#include "base/compat.h"

struct addr;
struct strbuf;

/* Asks the process at `to` to drain its inbound listeners. wait: returns when no inbound connection is left, or the process has ended, both good; or
 * after its drain.delay and drain.timeout: ERR_DEADLINE. Words for a person go to out. Errors of ctl_http_get with *ret_why. */
int
ctl_drain(const struct addr *to, bool wait, struct strbuf *out, const char **ret_why);

#endif
