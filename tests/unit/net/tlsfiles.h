/* SPDX-License-Identifier: Apache-2.0 */
/* tlsfiles.h - what a test of our client and our server has for its whole group: a CA, the server it signed, and their files. */
#ifndef OUTRIGGER_TESTS_UNIT_NET_TLSFILES_H
#define OUTRIGGER_TESTS_UNIT_NET_TLSFILES_H

#include "tlsrig.h"

static struct tlsid ca, server; /* of "server.example" */
static char ca_file[128], server_crt[128], server_key[128];

static inline int
tlsfiles_make(void **state)
{
    if (tlsrig_make_dir(state) != 0)
        return -1;
    tlsid_make(&ca, NULL, NULL, -1, 30);
    tlsid_make(&server, "DNS:server.example", &ca, -1, 30);
    tlsrig_save(&ca, "ca");
    tlsrig_save(&server, "server");
    tlsrig_path_copy(ca_file, "ca.crt");
    tlsrig_path_copy(server_crt, "server.crt");
    tlsrig_path_copy(server_key, "server.key");
    return 0;
}

static inline int
tlsfiles_drop(void **state)
{
    tlsid_done(&ca);
    tlsid_done(&server);
    return tlsrig_drop_dir(state);
}

#endif
