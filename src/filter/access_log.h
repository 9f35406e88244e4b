/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_log.h - the filter accessLog: one line per call when it ends, for a share of all calls and for those that match a rule, and lines in between for
 * calls that go on. Whether there is a line is decided first, so a call without one costs a look at its code and a random number. */
#ifndef OUTRIGGER_FILTER_ACCESS_LOG_H
#define OUTRIGGER_FILTER_ACCESS_LOG_H

#include "filter/filter.h"

extern const struct filter_kind access_log_kind;

#endif
