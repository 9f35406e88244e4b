/* SPDX-License-Identifier: Apache-2.0 */
#include "rbacrig.h"

#include <string.h>

#include "net/tls_conf.h"

static const struct tls_san sans[] = {
    { TLS_SAN_DNS, 16, "Web.shop.example" },
    { TLS_SAN_URI, 30, "spiffe://shop.example/ns/a/web" },
    { TLS_SAN_EMAIL, 16, "web@shop.example" },
    { TLS_SAN_IP, 8, "10.0.0.9" },
};
const struct tls_peer with_cert = { .has_cert = true,
                                    .verified = true,
                                    .subject = "CN=web,O=shop",
                                    .sans = sans,
                                    .n_sans = ARRAY_LEN(sans) };
const struct tls_peer unverified = {
    .has_cert = true, .subject = "CN=web,O=shop", .sans = sans, .n_sans = ARRAY_LEN(sans)
};
const struct tls_peer without_cert = { .subject = "" };

int
decide(const struct sample *s)
{
    struct rigcall *c = rig_call(s->path ? s->path : "shop.Cart/Get");
    const char *why;
    int code;

    if (s->header)
        rig_header(c, s->header, s->value);
    if (s->second)
        rig_header(c, s->header, s->second);
    if (s->from)
        assert_int_equal(addr_parse(s->from, false, &c->address, &why), 0);
    c->peer = s->peer;
    c->fc.claims = s->claims;
    if (s->client)
        c->fc.client = slice_of(s->client);
    code = rig_request(c) == FILTER_DONE ? c->fc.refusal.code : GRPC_OK;
    if (code == GRPC_PERMISSION_DENIED)
        assert_string_equal(c->fc.refusal.reason, "RBAC_DENIED");
    if (code == GRPC_INVALID_ARGUMENT)
        assert_string_equal(c->fc.refusal.reason, "HEADER_TWICE");
    if (code) /* neither rule nor policy nor an address */
        assert_null(strstr(c->fc.text, "rule"));
    rig_end(c, code);
    return code;
}

bool
allowed(const struct sample *s)
{
    int code = decide(s);

    assert_true(code == GRPC_OK || code == GRPC_PERMISSION_DENIED);
    return code == GRPC_OK;
}
