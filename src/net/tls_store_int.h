/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_store_int.h - what the files of the store share. Main thread, but for what `lock`
 * guards and the counts. */
#ifndef OUTRIGGER_NET_TLS_STORE_INT_H
#define OUTRIGGER_NET_TLS_STORE_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/tls_days.h"
#include "net/tls_files.h"
#include "net/tls_store.h"

struct conf_copy;

struct tls_store {
    struct loop *loop;
    struct stats *stats;
    struct tls_tickets *tickets;
    struct tls_paths paths;
    struct list units, keyrings;
    struct timer minute, hour;
};

/* Files that are read together and the context made of them. */
struct tls_unit {
    _Atomic unsigned holds; /* the store's, and one of each keyring */
    struct list link;
    struct tls_store *store; /* NULL: the store is gone */
    struct conf_copy *conf;
    char *scope;     /* name of the listener; NULL: a client's */
    size_t keyrings; /* that the store knows */
    struct tls_files *files;
    struct timer settle;  /* a file has changed, others may follow */
    enum tls_stage *told; /* per certificate of ctx: what the log said */
    pthread_mutex_t lock; /* guards what follows against other threads' reading */
    struct tls_ctx *ctx;
    char why[TLS_WHY_MAX]; /* "": the files were good when they were read last */
};

struct tls_keyring {
    _Atomic unsigned holds; /* the store has one */
    struct list link;
    struct tls_unit *unit; /* held */
    bool insecure;         /* a pool that does not verify */
    char name[];           /* "listener in", "pool app" */
};

#endif
