/* SPDX-License-Identifier: Apache-2.0 */
#include "tlsids.h"

#include "base/compat.h"

struct tlsid ca, other_ca, middle, weak_middle, server, chain[8];
char ca_file[128], server_crt[128], server_key[128], crl_file[128];
struct tls_server_conf mtls;

int
tlsids_make(void **state)
{
    struct tlscert c = {
        .cn = "middle", .by = &ca, .ca = true, .from_day = -1, .to_day = 30
    };
    struct tlscert leaf = { .cn = "server",
                            .san = "DNS:server.example",
                            .by = &ca,
                            .from_day = -1,
                            .to_day = 30 };

    if (tlsrig_make_dir(state) != 0)
        return -1;
    tlsid_make(&ca, NULL, NULL, -1, 30);
    tlsid_make_as(
        &other_ca,
        &(struct tlscert){ .cn = "other CA", .ca = true, .from_day = -1, .to_day = 30 });
    tlsid_make_as(&middle, &c);
    c.cn = "weak middle";
    c.rsa_bits = 1024;
    tlsid_make_as(&weak_middle, &c);
    c.rsa_bits = 0;
    for (unsigned i = 0; i < 7; i++) {
        char cn[16];

        snprintf(cn, sizeof(cn), "link %u", i);
        c.cn = cn;
        c.by = i ? &chain[i - 1] : &ca;
        tlsid_make_as(&chain[i], &c);
    }
    c = (struct tlscert){ .cn = "narrow",
                          .by = &ca,
                          .ca = true,
                          .from_day = -1,
                          .to_day = 30,
                          .constraints = "permitted;DNS:example" };
    tlsid_make_as(&chain[7], &c);
    tlsid_make_as(&server, &leaf);
    tlsrig_save(&ca, "ca");
    tlsrig_save(&server, "server");
    tlsrig_path_copy(ca_file, "ca.crt");
    tlsrig_path_copy(server_crt, "server.crt");
    tlsrig_path_copy(server_key, "server.key");
    tlsrig_path_copy(crl_file, "list.crl");
    mtls = (struct tls_server_conf){ .cert = server_crt,
                                     .key = server_key,
                                     .client_ca = ca_file,
                                     .client_cert = TLS_CLIENT_CERT_REQUIRE };
    return 0;
}

int
tlsids_drop(void **state)
{
    struct tlsid *const all[] = { &ca, &other_ca, &middle, &weak_middle, &server };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        tlsid_done(all[i]);
    for (size_t i = 0; i < ARRAY_LEN(chain); i++)
        tlsid_done(&chain[i]);
    return tlsrig_drop_dir(state);
}
