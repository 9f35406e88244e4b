/* SPDX-License-Identifier: Apache-2.0 */
/* admin/why_sentence.c - what a client was told, with the address of the backend that it was not told. */
#include <inttypes.h>
#include <string.h>

#include "admin/why.h"
#include "base/strbuf.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "obs/failed_log.h"

static void
put_ms(struct strbuf *out, int64_t us)
{
    strbuf_printf(out, "%" PRId64 ".%" PRId64 " ms", us / 1000, us % 1000 / 100);
}

static void
put_attempts(const struct failed_call *c, struct strbuf *out)
{
    if (c->attempts > 1)
        strbuf_printf(out, ", after %u attempts", c->attempts);
}

static void
sentence_of_client(const struct failed_call *c, struct strbuf *out)
{
    if (strcmp(c->reason, REASON_CLIENT_STALLED) == 0)
        strbuf_puts(out,
                    "the client read nothing for so long that it was cut off, after ");
    else
        strbuf_puts(out, "the client gave the call up after ");
    put_ms(out, c->total_us);
    if (c->endpoint[0])
        strbuf_printf(out, ", while backend %s of pool %s worked on it", c->endpoint,
                      c->pool);
    else
        strbuf_puts(out, ", before a backend got it");
}

static void
sentence_of_backend(const struct failed_call *c, struct strbuf *out)
{
    strbuf_printf(out, "backend %s of pool %s answered %s", c->endpoint, c->pool,
                  grpc_code_label(c->code));
    if (c->text[0])
        strbuf_printf(out, ": %s", c->text);
    else
        strbuf_puts(out, " without a message");
    put_attempts(c, out);
}

/* Without the line end that a body of plain HTTP has. */
static void
sentence_of_ours(const struct failed_call *c, struct strbuf *out)
{
    size_t n = strlen(c->text);
    bool named = !c->endpoint[0] || strstr(c->text, c->endpoint);

    while (n > 0 && c->text[n - 1] == '\n')
        n--;
    if (n == 0)
        strbuf_printf(out, "the proxy answered %s", grpc_code_label(c->code));
    strbuf_add(out, c->text, n);
    if (!named)
        strbuf_printf(out, " (backend %s)", c->endpoint);
    put_attempts(c, out);
    if (c->cancelled)
        strbuf_puts(out, "; the client did not wait for the answer");
}

void
why_sentence(const struct failed_call *c, struct strbuf *out)
{
    if (c->local)
        sentence_of_ours(c, out);
    else if (c->cancelled)
        sentence_of_client(c, out);
    else
        sentence_of_backend(c, out);
}
