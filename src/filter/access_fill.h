/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_fill.h - from a call to its record (access_record.h), for the log and for those who look live (tail.h). Defined in access_log.c and access_fill.c. Worker's thread. */
#ifndef OUTRIGGER_FILTER_ACCESS_FILL_H
#define OUTRIGGER_FILTER_ACCESS_FILL_H

#include "net/addr.h"

struct access_record;
struct filter_call;
struct filter_result;

enum { ACCESS_MESSAGE_MAX = 1024 };

/* Texts point into fc and into the caller's room. */
void access_fill_call(struct access_record *r, const struct filter_call *fc,
                      char client[ADDR_TEXT_MAX]);
/* How far it is: what a line in between says. Texts point into the call. */
void access_fill_so_far(struct access_record *r, const struct filter_call *fc);
/* How it ended. */
void
access_fill_result(struct access_record *r, const struct filter_call *fc,
                   const struct filter_result *result, char message[ACCESS_MESSAGE_MAX]);

#endif
