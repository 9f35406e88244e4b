/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/matchrig.h - matches and calls from text, for tests of the matcher. One thread. */
#ifndef OUTRIGGER_TESTS_MATCHRIG_H
#define OUTRIGGER_TESTS_MATCHRIG_H

#include "h2/headers.h"
#include "net/tls.h"
#include "net/tls_conf.h"
#include "proxy/match_conf.h"
#include "proxy/matcher.h"

struct conf_snapshot;
struct strbuf;

enum { RIG_HEADERS_MAX = 64, RIG_SANS_MAX = 4 };

struct rig_call {
    struct match_input in;
    struct h2_headers headers;
    struct h2_entry entries[RIG_HEADERS_MAX];
    struct tls_peer peer;
    struct tls_san sans[RIG_SANS_MAX];
};

/* The parts stay the caller's. authority NULL: none. */
void rig_call_set(struct rig_call *c, const char *authority, const char *path);
void rig_call_add(struct rig_call *c, const char *name, struct slice value);
/* A verified certificate with one more name. */
void rig_call_add_san(struct rig_call *c, enum tls_san_kind kind, const char *name);

struct rig {
    struct conf_snapshot *snapshot;
    const struct match_conf **matches;
    size_t count;
    struct matcher *matcher;
};

/* json: a list of matches. False: problems got why not. */
bool rig_open(struct rig *r, const char *json, struct strbuf *problems);
void rig_close(struct rig *r);

#endif
