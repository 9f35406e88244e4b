/* SPDX-License-Identifier: Apache-2.0 */
/* net/fetch.h - small documents by http and https, with libcurl; and small ones that are sent (POST). The library and what it needs take several MiB, which a
 * proxy without a URL in its config must not pay for (its goal when idle is 8 MiB): so it is not linked but opened (dlopen) when the first config names a
 * URL, and stays. Its headers give the types.
 *
 * A fetcher has one thread of its own, which waits for all its fetches at once; it starts with the first fetch. Documents arrive on the loop's thread. A
 * fetch has a deadline and a cap, follows no redirects, speaks http and https only, verifies certificates and the
 * host's name, and uses no proxy, whatever the environment says. All functions: the loop's thread, fetch_missing: any. */
#ifndef OUTRIGGER_NET_FETCH_H
#define OUTRIGGER_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/slice.h"

struct fetch;
struct fetcher;
struct loop;

struct fetch_args {
    const char *url;
    const char *ca; /* PEM file; NULL: the system's */
    int64_t timeout_ms;
    size_t cap; /* bytes of the document */
    /* A document to send. p NULL: nothing, a GET. Sending keeps the connection for the next one. */
    struct slice body;
    const char *type;       /* of the body: "application/x-protobuf" */
    const char *cert, *key; /* PEM files that say who we are; NULL: nobody asks */
    bool tls13;             /* nothing older */
};

/* why NULL: text is the document, answered with status 200; both are gone when this returns. Else why says what failed, without
 * a full stop. May start and cancel other fetches. */
typedef void fetch_fn(void *arg, const char *why, struct slice text);

/* NULL: URLs can be fetched. Else the rest of a sentence: why not, and what to do. Opens the library. */
const char *fetch_missing(void);
/* "7.88.1"; "none": it cannot be used. Opens the library. Any thread. */
const char *fetch_library_version(void);
/* The same, but it opens nothing: "none" until somebody needed the library. */
const char *fetch_library_loaded(void);
/* NULL: it begins with http:// or https:// and a host; else what is wrong with it. */
const char *fetch_url_refuse(const char *url);
/* The host in a good URL is this one: nobody on the way can change what it says. */
bool fetch_url_is_loopback(const char *url);

/* fetch_missing() must be NULL. */
struct fetcher *fetcher_new(struct loop *l);
/* Cancels what runs, ends the thread. NULL is fine. */
void fetcher_free(struct fetcher *f);

/* Ends by fn, in a later turn, or by fetch_cancel. args are copied. */
struct fetch *
fetch_start(struct fetcher *f, const struct fetch_args *args, fetch_fn *fn, void *arg);
void fetch_cancel(struct fetch *x); /* not after fn; NULL is fine */
/* Inside fn. The HTTP status, 0: there was no answer; and how long the server wants to be left alone, 0: it did not say. */
int fetch_status(const struct fetch *x);
int64_t fetch_pause_ms(const struct fetch *x);

#endif
