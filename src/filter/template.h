/* SPDX-License-Identifier: Apache-2.0 */
/* filter/template.h - a text of the config file with variables of a call in it: "user %{header:x-user} of %{peer}". Read once while loading, written out
 * into the call's arena; a text without variables costs nothing then.
 * "%{" begins a variable, "%%{" stands for the two characters "%{"; every other "%" is itself.
 * What a variable gives was chosen by a peer: bytes outside 0x20..0x7e come out as "%" and two hex digits, so that nobody can smuggle in a line end, and
 * two different values do not become the same by leaving bytes out. Spaces at both ends of the whole text go (RFC 9113 8.2.1). Several headers or
 * claims of one name are joined with commas. A variable without a value is the empty text.
 * Built by the loading thread, read by any. */
#ifndef OUTRIGGER_FILTER_TEMPLATE_H
#define OUTRIGGER_FILTER_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compat.h"
#include "base/slice.h"

struct arena;
struct claims;
struct h2_headers;

enum template_var {
    TEMPLATE_TEXT,       /* no variable: characters of the file */
    TEMPLATE_PEER,       /* address of the client */
    TEMPLATE_SAN,        /* name in the client's certificate */
    TEMPLATE_ROUTE,      /* name of the route, or "routes[3]" */
    TEMPLATE_SERVICE,    /* pkg.Service of the call's path */
    TEMPLATE_METHOD,     /* its method */
    TEMPLATE_POOL,       /* the pool that was chosen */
    TEMPLATE_LISTENER,   /* name of the listener */
    TEMPLATE_CLIENT,     /* the client that a filter apiKey found */
    TEMPLATE_REQUEST_ID, /* what a filter requestId gave */
    TEMPLATE_HEADER,     /* a header of the client's request; has a name */
    TEMPLATE_CLAIM,      /* a claim of the token that a filter jwt verified; has a name */
    TEMPLATE_VARS
};

/* Most parts and variables of one text. */
enum { TEMPLATE_PARTS_MAX = 32, TEMPLATE_WHY_MAX = 256 };

/* The variables of one call; only those in `wants` of the templates need to be there. */
struct template_values {
    struct slice v[TEMPLATE_VARS];
    const struct h2_headers *headers; /* of the client's request; NULL: none are left */
    const struct claims *claims;      /* NULL: there is no token */
};

struct template;

/* For loading: 0, or ERR_SYNTAX and a plain sentence that says what is known. */
int template_check(const char *text, char why[TEMPLATE_WHY_MAX]) MUST_CHECK;
/* text: passed template_check; it must outlive the template. NULL for NULL. */
struct template *template_new(const char *text);
void template_free(struct template *t);
/* Bits 1 << enum template_var. 0: a plain text. */
unsigned template_wants(const struct template *t);
/* The name of the header, when the text is just one %{header:NAME}; else p is NULL. */
struct slice template_only_header(const struct template *t);
/* The text of this call: the template's own when it has no variables, else at most `max` bytes in the arena. ERR_LIMIT when it would be more,
 * ERR_NOMEM. */
int template_write(const struct template *t, const struct template_values *values,
                   struct arena *arena, size_t max, struct slice *ret) MUST_CHECK;

#endif
