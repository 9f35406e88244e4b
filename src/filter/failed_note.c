/* SPDX-License-Identifier: Apache-2.0 */
/* filter/failed_note.c - copies what the call's end says; sentences are made when somebody asks. */
#include "filter/failed_note.h"

#include "base/clock.h"
#include "base/compat.h"
#include "filter/filter.h"
#include "grpc/status.h"
#include "net/addr.h"
#include "obs/failed_log.h"

static void
note_name(char room[FAILED_NAME_MAX], const char *name)
{
    failed_text(room, FAILED_NAME_MAX, slice_of(name ? name : ""));
}

/* A backend's text is percent-encoded as it came. */
static void
note_message(struct failed_call *c, const struct filter_result *r)
{
    UNINITIALIZED char decoded[FAILED_TEXT_MAX];
    struct slice text = r->message;

    if (!r->local)
        text = slice_make(decoded, grpc_message_decode(text, decoded, sizeof(decoded)));
    failed_text(c->text, sizeof(c->text), text);
}

void
failed_note(struct failed_log *log, const struct filter_call *fc, struct slice path,
            const struct filter_result *r)
{
    struct failed_call c = {
        .wall_us = clock_wall_us(),
        .total_us = r->end_us - fc->begun_us,
        .reason = r->reason ? r->reason : "",
        .attempts = r->attempts,
        .code = r->code,
        .local = r->local,
        .cancelled = r->cancelled,
    };
    char client[ADDR_TEXT_MAX];

    failed_text(c.trace_id, sizeof(c.trace_id), fc->trace_id);
    note_name(c.listener, fc->listener);
    note_name(c.route, fc->route);
    note_name(c.pool, r->pool);
    note_name(c.endpoint, r->backend);
    note_name(c.client, addr_print(fc->address, client));
    failed_text(c.method, sizeof(c.method), path);
    note_message(&c, r);
    failed_log_add(log, fc->worker, &c);
}
