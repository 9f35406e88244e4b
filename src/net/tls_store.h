/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_store.h - the certificates of the process: reads the files of each listener and
 * pool with TLS, watches them, and reads them anew as one unit (certificate, key, CA, CRL)
 * when one has changed. What is not good as a whole never takes effect: the old one is kept,
 * the log says why, and the next change is tried again. New handshakes use what is newest,
 * connections that are open go on as they are. It has the keys of session tickets, and it
 * says in time which certificate will expire.
 *
 * The store is the main thread's. A keyring, that is what one listener or pool has of it, is
 * counted and may be used by all threads: taking the context costs a lock that is held for an
 * instant, once per handshake. */
#ifndef OUTRIGGER_NET_TLS_STORE_H
#define OUTRIGGER_NET_TLS_STORE_H

#include <stdbool.h>

#include "net/tls.h"

struct loop;
struct prom;
struct stats;
struct strbuf;
struct tls_client_conf;
struct tls_keyring;
struct tls_server_conf;
struct tls_store;

/* stats: the main thread's. */
struct tls_store *tls_store_new(struct loop *l, struct stats *stats);
/* Watches end. Keyrings that others hold still give their last context. NULL is fine. */
void tls_store_free(struct tls_store *s);

/* One hold for the caller; the conf is copied. name: of the listener or the pool, for logs
 * and pages. Never NULL: when the files are not good now, there is no context until they are,
 * which the log says. Reads the disk. Pools with the same conf share contexts. */
struct tls_keyring *
tls_store_server(struct tls_store *s, const struct tls_server_conf *conf,
                 const char *name);
struct tls_keyring *
tls_store_client(struct tls_store *s, const struct tls_client_conf *conf,
                 const char *name);

/* Any thread. */
struct tls_keyring *tls_keyring_hold(struct tls_keyring *k);
void tls_keyring_drop(struct tls_keyring *k); /* NULL is fine */
/* The newest context, with one hold. NULL: there is none; why says it. */
struct tls_ctx *tls_keyring_ctx(struct tls_keyring *k, char why[TLS_WHY_MAX]) MUST_CHECK;

/* Series of the certificates; a prom_fn, its arg is the store. */
void tls_store_metrics(void *store, struct prom *p);
/* Pages of the admin port. */
void tls_store_json(struct tls_store *s, struct strbuf *out);
void
tls_store_json_rows(struct tls_store *s, struct strbuf *out); /* its "certificates" */
void tls_store_table(struct tls_store *s, struct strbuf *out);

#endif
