/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/method_conf.c - the rows, and a small hash table: its keys come from the file
 * alone, so nobody else can make them collide. */
#include "proxy/method_conf.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "conf/check.h"
#include "filter/retry_policy.h"
#include "grpc/frame.h"

#define DAY_MS (24 * 3600 * 1000LL)

/* --- rows --------------------------------------------------------------------------- */

static int
name_valid(const char *text, const char **ret_why)
{
    *ret_why = "write the name as in the .proto file, without slashes and patterns: "
               "\"pkg.Service\" and \"Method\" have keys of their own";
    if (strlen(text) > 1024 || strpbrk(text, "/* \t"))
        return ERR_SYNTAX;
    return 0;
}

static const struct conf_field name_fields[] = {
    { .key = "service",
      .type = CONF_STRING,
      .at = offsetof(struct method_name_conf, service),
      .valid = name_valid,
      .code = "E0209",
      .example = "\"helloworld.Greeter\"",
      .help = "Full name of a service with its package. Without it, in an empty { }, the "
              "entry is for every method that no other entry names." },
    { .key = "method",
      .type = CONF_STRING,
      .at = offsetof(struct method_name_conf, method),
      .valid = name_valid,
      .code = "E0209",
      .example = "\"SayHello\"",
      .help = "Name of a method of the service. Without it the entry is for every method "
              "of the service that no other entry names." },
    { .key = NULL },
};

/* In gRPC an empty text is the same as none. */
static void
name_check(void *obj, struct conf_place *place)
{
    struct method_name_conf *n = obj;

    if (n->service && !*n->service)
        n->service = NULL;
    if (n->method && !*n->method)
        n->method = NULL;
    if (n->method && !n->service && conf_place_clean(place))
        conf_problem(
            place, "method", "E0292",
            "a method needs its service beside it: { \"service\": \"pkg.Service\", "
            "\"method\": \"%.100s\" }",
            n->method);
}

static const struct conf_struct name_struct = {
    .name = "name",
    .size = sizeof(struct method_name_conf),
    .fields = name_fields,
    .check = name_check,
};

static const struct conf_field method_fields[] = {
    { .key = "name",
      .type = CONF_LIST,
      .at = offsetof(struct method_conf, names),
      .min = 1,
      .max = 1000,
      .required = true,
      .sub = &name_struct,
      .example = "[{ \"service\": \"helloworld.Greeter\", \"method\": \"SayHello\" }]",
      .help = "The methods that the entry is for. The most specific name counts; each "
              "name may be there once." },
    { .key = "timeout",
      .type = CONF_DURATION,
      .at = offsetof(struct method_conf, timeout_ms),
      .def = "0s",
      .max = 365 * DAY_MS,
      .example = "\"1.5s\"",
      .help = "Longest time of a call, also when the client sends no grpc-timeout; the "
              "shorter one counts. 0s: none." },
    { .key = "waitForReady",
      .type = CONF_BOOL,
      .at = offsetof(struct method_conf, wait_for_ready),
      .def = "false",
      .example = "false",
      .help =
          "true: a call that no endpoint can serve waits for one until its deadline, "
          "within limits.maxPendingRequests of the pool. false: it fails at once; only "
          "for a free connection, an endpoint's first health check and a target's first "
          "answer it waits, as limits.pendingTimeout says." },
    { .key = "maxRequestMessageBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct method_conf, max_request_bytes),
      .def = "0B",
      .max = FRAME_LENGTH_MAX,
      .bare_ok = true,
      .example = "4194304",
      .help =
          "Largest message of a client, as a number of bytes or with a unit; a larger "
          "one ends the call with RESOURCE_EXHAUSTED. 0: no limit." },
    { .key = "maxResponseMessageBytes",
      .type = CONF_SIZE,
      .at = offsetof(struct method_conf, max_response_bytes),
      .def = "0B",
      .max = FRAME_LENGTH_MAX,
      .bare_ok = true,
      .example = "\"4MiB\"",
      .help = "Largest message of a backend, as a number of bytes or with a unit; a "
              "larger one ends the call with RESOURCE_EXHAUSTED. 0: no limit." },
    { .key = "retryPolicy",
      .type = CONF_OBJECT,
      .at = offsetof(struct method_conf, retry),
      .sub = &retry_conf_struct,
      .example = "{ \"maxAttempts\": 3, \"initialBackoff\": \"0.1s\", "
                 "\"maxBackoff\": \"1s\", \"backoffMultiplier\": 2, "
                 "\"retryableStatusCodes\": [\"UNAVAILABLE\"] }",
      .help = "Calls that fail are tried again. A route's own retryPolicy or "
              "hedgingPolicy takes its place." },
    { .key = "hedgingPolicy",
      .type = CONF_OBJECT,
      .at = offsetof(struct method_conf, hedging),
      .sub = &hedging_conf_struct,
      .example = "{ \"maxAttempts\": 2, \"hedgingDelay\": \"0.5s\", "
                 "\"nonFatalStatusCodes\": [\"UNAVAILABLE\"] }",
      .help = "Calls without an answer in time are sent to another endpoint too. A "
              "route's own retryPolicy or hedgingPolicy takes its place." },
    { .key = NULL },
};

static void
method_check(void *obj, struct conf_place *place)
{
    const struct method_conf *m = obj;

    retry_conf_check_one(&m->retry, &m->hedging, place);
}

const struct conf_struct method_conf_struct = {
    .name = "method config",
    .size = sizeof(struct method_conf),
    .fields = method_fields,
    .check = method_check,
};

/* --- table ------------------------------------------------------------------------- */

struct method_entry {
    struct slice service, method;   /* empty: any */
    const struct method_conf *conf; /* NULL: the place is free */
};

struct method_policy {
    bool on;
    struct retry_policy policy;
};

struct method_table {
    const struct method_conf *list;
    struct method_policy *policies; /* as list */
    size_t mask; /* places - 1; a power of two, at least half of them free */
    struct method_entry places[];
};

static uint64_t
mix(uint64_t h, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ s.p[i]) * 1099511628211u; /* FNV-1a */
    return (h ^ '/') * 1099511628211u;
}

/* The place of a name, or the free one where it belongs. */
static struct method_entry *
place_of(const struct method_table *t, struct slice service, struct slice method)
{
    size_t i = (size_t)(mix(mix(14695981039346656037u, service), method) >> 7) & t->mask;
    const struct method_entry *e = &t->places[i];

    while (e->conf && !(slice_eq(e->service, service) && slice_eq(e->method, method))) {
        i = (i + 1) & t->mask;
        e = &t->places[i];
    }
    return (struct method_entry *)(uintptr_t)e;
}

static struct method_table *
table_alloc(const struct conf_list *list)
{
    const struct method_conf *m = list->items;
    struct method_table *t;
    size_t n = 0, places = 4;

    for (size_t i = 0; i < list->n; i++)
        n += m[i].names.n;
    while (places < 2 * n)
        places *= 2;
    t = xcalloc(1, sizeof(*t) + places * sizeof(t->places[0]));
    t->list = m;
    t->mask = places - 1;
    return t;
}

struct method_table *
method_table_new(const struct conf_list *list)
{
    const struct method_conf *m = list->items;
    struct method_table *t;

    if (list->n == 0)
        return NULL;
    t = table_alloc(list);
    t->policies = xcalloc(list->n, sizeof(*t->policies));
    for (size_t i = 0; i < list->n; i++) {
        const struct method_name_conf *names = m[i].names.items;

        t->policies[i].on =
            retry_policy_make(&t->policies[i].policy, &m[i].retry, &m[i].hedging);
        for (size_t k = 0; k < m[i].names.n; k++) {
            struct slice service = slice_of(names[k].service);
            struct slice method = slice_of(names[k].method);

            *place_of(t, service, method) =
                (struct method_entry){ service, method, &m[i] };
        }
    }
    return t;
}

void
method_table_free(struct method_table *t)
{
    if (t)
        xfree(t->policies);
    xfree(t);
}

const struct retry_policy *
method_conf_policy(const struct method_table *t, const struct method_conf *m)
{
    const struct method_policy *p = &t->policies[m - t->list];

    return p->on ? &p->policy : NULL;
}

const struct method_conf *
method_conf_find(const struct method_table *t, struct slice service, struct slice method)
{
    const struct slice any = { 0 };
    const struct method_conf *found;

    if (!t)
        return NULL;
    found = place_of(t, service, method)->conf;
    if (!found)
        found = place_of(t, service, any)->conf;
    return found ? found : place_of(t, any, any)->conf;
}

static void
report_twice(const struct conf_list *list, const char *key, size_t i, size_t k,
             const struct method_conf *first, struct conf_place *place)
{
    const struct method_conf *m = list->items;
    const struct method_name_conf *name =
        (const struct method_name_conf *)m[i].names.items + k;
    char at[64];

    snprintf(at, sizeof at, "name[%zu]", k);
    if (!name->service)
        conf_problem_item(place, key, i, at, "E0291",
                          "the empty name is used twice; %s[%zu] has it already", key,
                          (size_t)(first - m));
    else
        conf_problem_item(place, key, i, at, "E0291",
                          "the name %.200s%s%.200s is used twice; %s[%zu] has it already",
                          name->service, name->method ? "/" : "",
                          name->method ? name->method : "", key, (size_t)(first - m));
}

void
method_conf_check(const struct conf_list *list, const char *key, struct conf_place *place)
{
    const struct method_conf *m = list->items;
    struct method_table *t;

    if (list->n == 0)
        return;
    t = table_alloc(list);
    for (size_t i = 0; i < list->n; i++) {
        const struct method_name_conf *names = m[i].names.items;

        for (size_t k = 0; k < m[i].names.n; k++) {
            struct slice service = slice_of(names[k].service);
            struct slice method = slice_of(names[k].method);
            struct method_entry *e = place_of(t, service, method);

            if (e->conf)
                report_twice(list, key, i, k, e->conf, place);
            else
                *e = (struct method_entry){ service, method, &m[i] };
        }
    }
    method_table_free(t);
}
