/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrig.h - one TLS transport of ours, as a server or a client, against plain OpenSSL over a
 * memory pair in virtual time; and files of certificates in a directory of this process. */
#ifndef OUTRIGGER_TESTS_UNIT_NET_TLSRIG_H
#define OUTRIGGER_TESTS_UNIT_NET_TLSRIG_H

#include "loop/loop.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "net/transport.h"
#include "tlspeer.h"
#include "vclock.h"

enum { TLSRIG_GOT_MAX = 1 << 20 };

struct tlsrig {
    struct vclock clock;
    struct loop *loop;
    struct transport *t, *raw; /* ours, and the peer's end */
    struct tlspeer peer;
    int told; /* all bits so far */
    bool eat; /* reads all that comes */
    unsigned char *got;
    size_t got_n;
    ssize_t end; /* of the last read */
    const unsigned char *out;
    size_t out_n;
};

void tlsrig_open(struct tlsrig *r, size_t room, size_t step);
/* Our server against a client. */
void
tlsrig_serve(struct tlsrig *r, struct tls_ctx *ctx, const struct tlspeer_conf *client);
/* Our client against a server. */
void tlsrig_dial(struct tlsrig *r, struct tls_ctx *ctx, const char *name,
                 struct tls_session_slot *slot, const struct tlspeer_conf *server);
void tlsrig_turns(struct tlsrig *r, unsigned n);
void tlsrig_close(struct tlsrig *r);

/* Whole runs: opened, 20 turns. The rig is to be closed. */
void tlsrig_run_server(struct tlsrig *r, struct tls_ctx *ctx,
                       const struct tlspeer_conf *client);
void tlsrig_run_client(struct tlsrig *r, struct tls_ctx *ctx, const char *name,
                       struct tls_session_slot *slot, const struct tlspeer_conf *server);

/* Path of a file of this test; valid for the next 16 calls. */
const char *tlsrig_path(const char *name);
/* The same, copied. */
void tlsrig_path_copy(char to[128], const char *name);
/* Bytes that tell where they stand. */
void tlsrig_fill(unsigned char *to, size_t n);
/* Certificate and key as NAME.crt and NAME.key. */
void tlsrig_save(const struct tlsid *id, const char *name);
void tlsrig_write(const char *name, const char *text);
int tlsrig_make_dir(void **state); /* group setup and teardown */
int tlsrig_drop_dir(void **state);

#endif
