/* SPDX-License-Identifier: Apache-2.0 */
/* filter/access_fill.c - a call that goes on, as its line in between has it. */
#include "filter/access_fill.h"

#include "filter/access_record.h"
#include "filter/filter.h"

void
access_fill_so_far(struct access_record *r, const struct filter_call *fc)
{
    struct filter_result now;

    fc->host->progress(fc, &now);
    r->pool = now.pool;
    r->endpoint = now.backend;
    r->attempts = now.attempts;
    r->bytes_in = (int64_t)now.bytes_in;
    r->bytes_out = (int64_t)now.bytes_out;
    r->messages_in = (int64_t)now.messages_in;
    r->messages_out = (int64_t)now.messages_out;
    r->total_us = now.end_us - fc->begun_us;
    if (now.first_byte_us)
        r->first_byte_us = now.first_byte_us - fc->begun_us;
    r->blocked_client_us = now.blocked_down_us;
    r->blocked_backend_us = now.blocked_up_us;
}
