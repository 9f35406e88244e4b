/* SPDX-License-Identifier: Apache-2.0 */
/* filter/request_id.c - the filter "requestId": every call has an id, ours or the client's. Ours is a random UUID (RFC 9562 version 4) as text. It is for finding
 * things, not a secret: it comes from the worker's fast generator. */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/rand.h"
#include "filter/edit.h"
#include "filter/kinds.h"
#include "grpc/reason.h"
#include "grpc/status.h"
#include "h2/edit.h"

enum { UUID_LEN = 36, ID_MAX = 128 };

struct request_id_conf {
    const char *header;
    bool trust_client, echo;
};

static int
header_valid(const char *text, const char **ret_why)
{
    *ret_why = edit_name_refuse(text);
    if (!*ret_why && strlen(text) > 4 && strcmp(text + strlen(text) - 4, "-bin") == 0)
        *ret_why = "headers whose names end in -bin carry bytes, and an id is text";
    return *ret_why ? ERR_SYNTAX : ERR_OK;
}

static const struct conf_field fields[] = {
    { .key = "header",
      .type = CONF_STRING,
      .at = offsetof(struct request_id_conf, header),
      .def = "x-request-id",
      .valid = header_valid,
      .code = "E0280",
      .example = "\"x-correlation-id\"",
      .help = "Request header that carries the id, in lower case." },
    { .key = "trustClient",
      .type = CONF_BOOL,
      .at = offsetof(struct request_id_conf, trust_client),
      .def = "false",
      .example = "true",
      .help = "An id that the client sends is kept, when it is one header of 1 to 128 "
              "letters, digits and -_.:/+=@ characters. Otherwise each call gets a new "
              "one: a "
              "client that repeats an id of others would mix up the logs." },
    { .key = "echo",
      .type = CONF_BOOL,
      .at = offsetof(struct request_id_conf, echo),
      .def = "true",
      .example = "false",
      .help = "The client gets the id too, as a header of the answer." },
    { .key = NULL },
};

const struct conf_struct request_id_conf_struct = {
    .name = "requestId filter",
    .size = sizeof(struct request_id_conf),
    .fields = fields,
};

static bool
id_is_valid(struct slice id)
{
    if (id.n == 0 || id.n > ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        uint8_t c = id.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (!letter && !(c >= '0' && c <= '9') && !(c && strchr("-_.:/+=@", c)))
            return false;
    }
    return true;
}

/* The client's id; p NULL: none, several, or one that a log could not have. */
static struct slice
client_id(const struct filter_call *fc, struct slice name)
{
    unsigned at = 0;
    const struct h2_entry *e = h2_headers_find(fc->request, name, &at);
    struct slice id;

    if (!e)
        return (struct slice){ 0 };
    id = slice_make(e->f.value, e->f.valuelen);
    if (!id_is_valid(id) || h2_headers_find(fc->request, name, &at))
        return (struct slice){ 0 };
    return id;
}

static void
uuid_make(struct rng *rng, char out[UUID_LEN])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t bits[2] = { rng_next(rng), rng_next(rng) };
    unsigned digit = 0;

    bits[0] = (bits[0] & ~UINT64_C(0xf000)) | 0x4000;               /* version 4 */
    bits[1] = (bits[1] & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63; /* variant 10 */
    for (unsigned i = 0; i < UUID_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            out[i] = '-';
            continue;
        }
        out[i] = hex[bits[digit / 16] >> (60 - 4 * (digit % 16)) & 15];
        digit++;
    }
}

static enum filter_verdict
on_request(struct filter_call *fc, void *state)
{
    static const struct filter_refusal full = { .code = GRPC_RESOURCE_EXHAUSTED,
                                                .reason = REASON_NO_MEMORY };
    const struct request_id_conf *conf = filter_self(fc)->conf;
    struct slice name = slice_of(conf->header), id = { 0 };
    char uuid[UUID_LEN];
    bool kept;

    (void)state;
    if (conf->trust_client)
        id = client_id(fc, name);
    kept = id.p != NULL;
    if (!kept) {
        uuid_make(fc->rng, uuid);
        id = slice_make(arena_copy(fc->arena, uuid, sizeof(uuid)), sizeof(uuid));
    }
    if (!id.p || (!kept && !filter_set(fc, fc->request, name, id, true)) ||
        (conf->echo && !filter_answer_header(fc, name, id)))
        return filter_refuse(fc, &full, "no memory for the id of this call");
    fc->request_id = id;
    return FILTER_NEXT;
}

const struct filter_kind filter_request_id = {
    .name = "requestId",
    .conf = &request_id_conf_struct,
    .on_request = on_request,
};
