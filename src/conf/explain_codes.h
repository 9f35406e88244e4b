/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes.h - the parts of the list of codes, and pieces of config that their examples are made of. For explain_codes*.c only. */
#ifndef OUTRIGGER_CONF_EXPLAIN_CODES_H
#define OUTRIGGER_CONF_EXPLAIN_CODES_H

#include "conf/explain.h"

#define LISTENER "\"listeners\": [{ \"listen\": \":8080\", "

#define ROUTE(match) \
    LISTENER "\"routes\": [{ \"match\": { " match " }, \"to\": \"app\" }] }]"

/* keys: of the route, beside "to" */
#define TO_APP(keys) LISTENER "\"routes\": [{ \"to\": \"app\", " keys " }] }]"

#define HEDGE(more) TO_APP("\"hedgingPolicy\": { \"maxAttempts\": " more " }")

#define FILTER(keys) \
    LISTENER "\"filters\": [{ " keys " }], \"routes\": [{ \"to\": \"app\" }] }]"

/* The key of RFC 7515 A.3. */
#define JWKS_TEXT                                                               \
    "\"{\\\"keys\\\": [{ \\\"kty\\\": \\\"EC\\\", \\\"crv\\\": \\\"P-256\\\", " \
    "\\\"x\\\": \\\"f83OJ3D2xF1"                                                \
    "Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\\\", \\\"y\\\": "                         \
    "\\\"x_FEzRu9m36HLN_tue659LNpXW6pCySti"                                     \
    "kYjKIWI5a0\\\" }]}\""

#define JWT(keys) FILTER("\"type\": \"jwt\", " keys)

#define JWT_ONE(jwks, more)                                                 \
    JWT("\"issuer\": \"https://id.example\", \"audiences\": [\"orders\"], " \
        "\"jwks\": " jwks more)

/* Each in order; ends at code NULL. */
extern const struct explain_code explain_codes_read[], explain_codes_meaning[],
    explain_codes_filters[], explain_codes_warnings[];

#endif
