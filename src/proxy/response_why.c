/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/response_why.c - words for answers that cannot be passed on. The HTTP/2 room only says that a rule was broken; which one it was is seen by what has come. */
#include <inttypes.h>
#include <stdio.h>

#include "grpc/reason.h"
#include "grpc/status.h"
#include "proxy/call.h"
#include "upstream/pool_conf.h"

static const char *
why_of_first_block(const struct h2_stream *up)
{
    const struct h2_headers *h = &up->in_headers;

    if (h->malformed)
        return "a field of its headers is not allowed in HTTP/2";
    if (h->n == 0)
        return NULL;
    if (up->in_length > 0)
        return "it ended without the body that its content-length promised";
    if (h2_headers_get(h, H2_TOKEN_CONTENT_LENGTH).p)
        return "its :status or its content-length is no number that may stand there";
    return "its headers have no :status, or one that is no number that may stand there";
}

static const char *
why_of_trailers(const struct h2_stream *up)
{
    if (up->in_trailers.malformed)
        return "a field of its trailers is not allowed in HTTP/2";
    return up->in_trailers.n ? "its second block of headers does not end the stream"
                             : NULL;
}

void
response_why(const struct h2_stream *up, char out[RESPONSE_WHY_MAX])
{
    const char *rule = up->in_begun ? why_of_trailers(up) : why_of_first_block(up);
    bool lied = up->in_begun && up->in_length >= 0 && up->in_length != up->in_bytes;

    if (lied && !up->in_trailers.malformed)
        snprintf(out, RESPONSE_WHY_MAX,
                 "its content-length is %" PRId64 ", and %" PRId64 " bytes came",
                 up->in_length, up->in_bytes);
    else if (rule)
        snprintf(out, RESPONSE_WHY_MAX, "%s", rule);
    else
        snprintf(out, RESPONSE_WHY_MAX, "its stream was reset with HTTP/2 code %u (%s)",
                 up->close_code, h2_code_name(up->close_code));
}

/* Which limit it was: the fields are kept until one is over it, the bytes of all are counted. */
void
response_too_large(struct call *c, const struct h2_headers *h)
{
    const struct pool_limits_conf *l = &pool_config(c->pool)->limits;
    char what[96];

    if (h->n >= l->max_header_count)
        snprintf(what, sizeof(what), "more than %u fields (limits.maxHeaderCount)",
                 l->max_header_count);
    else
        snprintf(what, sizeof(what), "%u bytes, and limits.maxHeaderBytes is %" PRIu64,
                 h->bytes, l->max_header_bytes);
    call_fail(c, GRPC_RESOURCE_EXHAUSTED, REASON_BAD_RESPONSE,
              "the headers of a backend of pool %s are too large: %s", pool_name(c->pool),
              what);
}
