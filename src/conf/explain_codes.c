/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes.c - the list of all codes, put together from its parts. E01: reading one value; E02: meaning; E03 and E04: filters; W03: warnings. */
#include "conf/explain_codes.h"

#include "base/compat.h"

const struct explain_code *
explain_code_at(size_t i)
{
    static const struct explain_code *const parts[] = {
        explain_codes_read,
        explain_codes_meaning,
        explain_codes_filters,
        explain_codes_warnings,
    };

    for (size_t part = 0; part < ARRAY_LEN(parts); part++) {
        for (const struct explain_code *c = parts[part]; c->code; c++) {
            if (i-- == 0)
                return c;
        }
    }
    return NULL;
}
