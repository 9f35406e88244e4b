/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/details.c - each detail is packed into a scratch area with the room that is left, then the Status around them. */
#include "grpc/details.h"

#include <assert.h>
#include <string.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/utf8.h"
#include "grpc/pb.h"
#include "grpc/proto/details_part.pb-c.h"

typedef Outrigger__DetailsPart__Status pb_status;
typedef Outrigger__DetailsPart__ErrorInfo pb_error;
typedef Outrigger__DetailsPart__Pair pb_pair;

#define TYPE_URL(name) pb_data(slice_of("type.googleapis.com/google.rpc." name))

enum {
    OWN_DETAILS = 3,
    FIELD_HEAD = 1 + 2, /* tag and length of a detail; three bytes reach 16 KiB */
    CODE_MAX = 1 + 10,  /* a negative int32 takes ten bytes */
};

struct details_parts {
    uint8_t scratch[DETAILS_MAX];
    size_t used;  /* of scratch */
    size_t spent; /* of DETAILS_MAX in the finished message */
    ProtobufCBinaryData v[OWN_DETAILS + DETAILS_FOREIGN_MAX];
    size_t n;
};

/* Optional texts: empty when there is none or it is not UTF-8. */
static struct slice
details_text(const char *s)
{
    struct slice text = slice_of(s);

    return utf8_valid(text) ? text : (struct slice){ 0 };
}

static bool
details_fits(const struct details_parts *p, size_t n)
{
    return n + FIELD_HEAD <= DETAILS_MAX - p->spent;
}

static void
details_add(struct details_parts *p, ProtobufCBinaryData part)
{
    p->v[p->n++] = part;
    p->spent += part.len + FIELD_HEAD;
}

static bool
details_pack(struct details_parts *p, const ProtobufCMessage *any)
{
    size_t n = protobuf_c_message_get_packed_size(any);

    if (!details_fits(p, n))
        return false;
    protobuf_c_message_pack(any, p->scratch + p->used);
    details_add(p, (ProtobufCBinaryData){ .len = n, .data = p->scratch + p->used });
    p->used += n;
    return true;
}

static void
details_add_error(struct details_parts *p, const struct details *d)
{
    Outrigger__DetailsPart__ErrorInfoAny any =
        OUTRIGGER__DETAILS_PART__ERROR_INFO_ANY__INIT;
    pb_error info = OUTRIGGER__DETAILS_PART__ERROR_INFO__INIT;
    pb_pair pairs[DETAILS_METADATA_MAX], *at[DETAILS_METADATA_MAX];

    assert(d->metadata_count <= DETAILS_METADATA_MAX);
    any.type_url = TYPE_URL("ErrorInfo");
    any.value = &info;
    info.reason = pb_data(details_text(d->reason));
    info.domain = pb_data(details_text(d->domain));
    for (size_t i = 0; i < d->metadata_count; i++) {
        const struct details_pair *from = &d->metadata[i];
        pb_pair *to = &pairs[info.n_metadata];

        if (!utf8_valid(slice_of(from->key)) || !utf8_valid(from->value))
            continue;
        *to = (pb_pair)OUTRIGGER__DETAILS_PART__PAIR__INIT;
        to->key = pb_data(slice_of(from->key));
        to->value = pb_data(from->value);
        at[info.n_metadata++] = to;
    }
    info.metadata = at;
    if (!details_pack(p, &any.base)) {
        info.n_metadata = 0;
        details_pack(p, &any.base);
    }
}

static void
details_add_retry(struct details_parts *p, int64_t ms)
{
    Outrigger__DetailsPart__RetryInfoAny any =
        OUTRIGGER__DETAILS_PART__RETRY_INFO_ANY__INIT;
    Outrigger__DetailsPart__RetryInfo info = OUTRIGGER__DETAILS_PART__RETRY_INFO__INIT;
    Outrigger__DetailsPart__Duration delay = OUTRIGGER__DETAILS_PART__DURATION__INIT;

    any.type_url = TYPE_URL("RetryInfo");
    any.value = &info;
    info.retry_delay = &delay;
    if (ms > 0) {
        delay.seconds = ms / 1000;
        delay.nanos = (int32_t)(ms % 1000 * 1000000);
    }
    details_pack(p, &any.base);
}

static void
details_add_quota(struct details_parts *p, const struct details *d)
{
    Outrigger__DetailsPart__QuotaFailureAny any =
        OUTRIGGER__DETAILS_PART__QUOTA_FAILURE_ANY__INIT;
    Outrigger__DetailsPart__QuotaFailure quota =
        OUTRIGGER__DETAILS_PART__QUOTA_FAILURE__INIT;
    Outrigger__DetailsPart__Violation violation =
        OUTRIGGER__DETAILS_PART__VIOLATION__INIT;
    Outrigger__DetailsPart__Violation *violations = &violation;

    any.type_url = TYPE_URL("QuotaFailure");
    any.value = &quota;
    quota.n_violations = 1;
    quota.violations = &violations;
    violation.subject = pb_data(details_text(d->subject));
    violation.description = pb_data(details_text(d->description));
    details_pack(p, &any.base);
}

bool
details_is_any(struct slice any)
{
    Outrigger__DetailsPart__Any *m =
        outrigger__details_part__any__unpack(NULL, any.n, any.p);
    bool good = m && utf8_valid(pb_slice(m->type_url));

    if (m)
        outrigger__details_part__any__free_unpacked(m, NULL);
    return good;
}

size_t
details_build(const struct details *d, uint8_t out[DETAILS_MAX])
{
    UNINITIALIZED struct details_parts parts;
    UNINITIALIZED char message[DETAILS_MESSAGE_MAX];
    size_t n = utf8_clean(d->message, UTF8_REPLACEMENT, message, sizeof(message));
    pb_status status = OUTRIGGER__DETAILS_PART__STATUS__INIT;

    parts.used = parts.n = 0;
    parts.spent = CODE_MAX + FIELD_HEAD + n;
    if (d->reason)
        details_add_error(&parts, d);
    if (d->retry_known)
        details_add_retry(&parts, d->retry_ms);
    if (d->subject)
        details_add_quota(&parts, d);
    assert(d->foreign_count <= DETAILS_FOREIGN_MAX);
    for (size_t i = 0; i < d->foreign_count; i++) {
        if (!details_fits(&parts, d->foreign[i].n))
            break;
        details_add(&parts, pb_data(d->foreign[i]));
    }
    status.code = d->code;
    status.message = pb_data(slice_make(message, n));
    status.n_details = parts.n;
    status.details = parts.v;
    return protobuf_c_message_pack(&status.base, out);
}

int
details_check(struct slice status, int *ret_code)
{
    pb_status *m;
    bool good;

    if (status.n > DETAILS_MAX)
        return ERR_LIMIT;
    m = outrigger__details_part__status__unpack(NULL, status.n, status.p);
    if (!m)
        return ERR_SYNTAX;
    good = utf8_valid(pb_slice(m->message));
    for (size_t i = 0; i < m->n_details && good; i++)
        good = details_is_any(pb_slice(m->details[i]));
    if (good)
        *ret_code = m->code;
    outrigger__details_part__status__free_unpacked(m, NULL);
    return good ? ERR_OK : ERR_SYNTAX;
}

static bool
any_retry(struct slice bytes, int64_t *ret_ms)
{
    static const char type[] = "/google.rpc.RetryInfo";
    Outrigger__DetailsPart__RetryInfoAny *any =
        outrigger__details_part__retry_info_any__unpack(NULL, bytes.n, bytes.p);
    struct slice url = any ? pb_slice(any->type_url) : (struct slice){ 0 };
    size_t n = sizeof(type) - 1;
    bool good = url.n >= n && memcmp(url.p + url.n - n, type, n) == 0 && any->value &&
                any->value->retry_delay;

    if (good) {
        int64_t s = any->value->retry_delay->seconds;
        int32_t ns = any->value->retry_delay->nanos;

        s = s < 0 ? 0 : s;
        ns = ns < 0 ? 0 : ns;
        *ret_ms = s >= DETAILS_RETRY_MAX_MS / 1000 ? DETAILS_RETRY_MAX_MS
                                                   : s * 1000 + ns / 1000000;
    }
    if (any)
        outrigger__details_part__retry_info_any__free_unpacked(any, NULL);
    return good;
}

bool
details_retry(struct slice status, int64_t *ret_ms)
{
    pb_status *m =
        status.n > DETAILS_MAX
            ? NULL
            : outrigger__details_part__status__unpack(NULL, status.n, status.p);
    bool found = false;

    if (!m)
        return false;
    for (size_t i = 0; i < m->n_details && !found; i++)
        found = any_retry(pb_slice(m->details[i]), ret_ms);
    outrigger__details_part__status__free_unpacked(m, NULL);
    return found;
}

size_t
details_base64(struct slice status, char out[DETAILS_BASE64_MAX])
{
    assert(status.n <= DETAILS_MAX);
    return base64_encode(status, out);
}
