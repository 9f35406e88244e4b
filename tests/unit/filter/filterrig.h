/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/filterrig.h - filters without a proxy: a call that exists only as filters see it, on a loop with a virtual clock.
 *
 *     rig_open();                              once per test; rig_close() checks that all memory is back
 *     struct filter *f = rig_filter(&kind, "{ \"rate\": \"10/s\" }");    settings as in the config, with all checks
 *     rig_chain((struct filter *[]){ f }, 1);  takes the filters over
 *     struct rigcall *c = rig_call("pkg.Service/Method");   request headers as a gRPC client sends them
 *     rig_header(c, "x-tenant", "a");
 *     assert_int_equal(rig_request(c), FILTER_NEXT);   runs on_request of all
 *     rig_advance_ms(100);                     timers and posts run; a wait that ends goes on by itself and changes c->verdict
 *     rig_end(c, GRPC_OK);                     on_end; c is gone */
#ifndef OUTRIGGER_TESTS_FILTERRIG_H
#define OUTRIGGER_TESTS_FILTERRIG_H

#include "base/arena.h"
#include "filter/chain.h"
#include "filter/instance.h"
#include "grpc/status.h"
#include "h2/headers.h"
#include "net/addr.h"
#include "obs/stats.h"
#include "unit.h"

struct filter_services;
struct tls_peer;

struct rigcall {
    struct filter_call fc;
    struct arena arena;
    struct h2_headers request, response, trailers;
    struct addr address;
    char path[128];
    uint64_t messages_in, messages_out;
    const struct addr *local;    /* what filter_local gives; NULL: none */
    uint64_t connection;         /* what filter_connection gives */
    const struct tls_peer *peer; /* what filter_peer gives; NULL: none */
    const char *identity;
    struct pool *pool;
    enum filter_verdict verdict; /* of the last slot, or of the resume after it */
    unsigned resumed;            /* waits that ended */
    struct filter_result result; /* for on_end; may be filled in before rig_end */
    void *state;
};

extern struct loop *rig_loop;
extern struct stats rig_stats;
extern struct slab *rig_slab;
extern struct filter_store rig_store;

void rig_open(void);
void rig_close(void); /* after the last call; drops the chain */
int rig_setup(void **state);
int rig_teardown(void **state);
#define FILTER_TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)
/* rig_open with what the filters that watch calls share, of one worker with coarse buckets; rig_watch_end drops the chain, gives a writer
 * late_ms to end, and closes. */
struct filter_services *rig_watch(uint32_t max_methods);
int rig_watch_end(struct filter_services *services, int64_t late_ms);

/* Fails the test when the settings are refused. */
struct filter *rig_filter(const struct filter_kind *kind, const char *json);
/* What loading says about these settings; "" when they are fine. Valid until the next one. */
const char *rig_problems(const struct filter_kind *kind, const char *json);
void rig_chain(struct filter *const *filters, size_t n);
/* The same with one filter. */
struct filter *rig_only(const struct filter_kind *kind, const char *json);

struct rigcall *rig_call(const char *service_method);
void rig_header(struct rigcall *c, const char *name, const char *value);
/* The value of a header of the request, as text; NULL: none. */
const char *rig_request_header(const struct rigcall *c, const char *name);
/* The same of what filters gave to the answer. */
const char *rig_answer_header(const struct rigcall *c, const char *name);
enum filter_verdict rig_request(struct rigcall *c);
void rig_end(struct rigcall *c, int code);
/* From call to end at once: the code of the refusal, or GRPC_OK. */
int rig_pass(const char *service_method);
void rig_advance_ms(int64_t ms);
int64_t rig_counted(enum stat_id id);

#endif
