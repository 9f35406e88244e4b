/* SPDX-License-Identifier: Apache-2.0 */
/* admin/accept.h - what the asker of a page can read, by its headers Accept and Accept-Encoding (RFC 9110 12.4.2, 12.5.1, 12.5.3). Any bytes are fine: what cannot be read
 * is not accepted. Pure; any thread. */
#ifndef OUTRIGGER_ADMIN_ACCEPT_H
#define OUTRIGGER_ADMIN_ACCEPT_H

#include <stdbool.h>

#include "base/slice.h"

/* OpenMetrics 1.0 rather than text 0.0.4: it is named, of a version that we speak (or none), and not liked less than plain text. A header that is absent has no bytes. */
bool accept_openmetrics(struct slice accept);
/* gzip, rather than the text as it is. */
bool accept_gzip(struct slice accept_encoding);

#endif
