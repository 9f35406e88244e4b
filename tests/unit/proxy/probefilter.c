/* SPDX-License-Identifier: Apache-2.0 */
#include "probefilter.h"

#include <string.h>

#include "base/buf.h"
#include "filter/chain.h"
#include "filter/instance.h"
#include "grpc/status.h"
#include "proxy/route.h"
#include "proxy/table.h"

struct probe_plan plan;
struct probe_heard heard;

const struct filter_refusal probe_no = { .code = GRPC_ABORTED,
                                         .reason = "NO",
                                         .retry_known = true,
                                         .retry_ms = 1500,
                                         .pushback = true };

struct probe_call {
    bool asked;
};

static enum filter_verdict
probe_on_request(struct filter_call *fc, void *state)
{
    struct probe_call *p = state;

    assert_false(p->asked);
    p->asked = true;
    heard.requests++;
    heard.fc = fc;
    if (plan.edit) {
        assert_true(
            filter_set(fc, fc->request, slice_of("x-version"), slice_of("v2"), false));
        assert_int_equal(filter_remove(fc->request, slice_of("x-secret")), 1);
    }
    if (plan.limit_ms)
        fc->host->set_deadline(fc, fc->begun_us + plan.limit_ms * 1000);
    if (plan.match)
        filter_ask_match(fc);
    if (plan.answer)
        assert_true(filter_answer_header(fc, slice_of("x-from-filter"), slice_of("yes")));
    return plan.wait_request ? FILTER_WAIT : FILTER_NEXT;
}

static enum filter_verdict
probe_on_request_data(struct filter_call *fc, void *state, const struct buf *in, bool end)
{
    (void)state;
    heard.in += in->len;
    heard.data_ends += end;
    if (plan.refuse_data)
        return filter_refuse(fc, &probe_no, "not these bytes");
    return plan.wait_data ? FILTER_WAIT : FILTER_NEXT;
}

static void
probe_on_attempt(struct filter_call *fc, void *state, unsigned number)
{
    char text[8];

    (void)state;
    heard.attempts++;
    assert_int_equal(number, heard.attempts);
    snprintf(text, sizeof(text), "%u", number);
    assert_true(
        filter_set(fc, fc->request, slice_of("x-attempt"), slice_of(text), false));
}

static void
probe_on_attempt_end(struct filter_call *fc, void *state, const struct filter_attempt *a)
{
    (void)fc;
    (void)state;
    heard.attempt_ends++;
    heard.again = a->again;
    heard.attempt_code = a->code;
}

static enum filter_verdict
probe_on_response(struct filter_call *fc, void *state, struct h2_headers *h, bool end)
{
    (void)state;
    (void)end;
    heard.responses++;
    assert_true(filter_set(fc, h, slice_of("x-seen"), slice_of("1"), false));
    return plan.refuse_response ? filter_refuse(fc, &probe_no, "not this answer")
                                : FILTER_NEXT;
}

static enum filter_verdict
probe_on_response_data(struct filter_call *fc, void *state, const struct buf *in)
{
    (void)fc;
    (void)state;
    heard.out += in->len;
    return FILTER_NEXT;
}

static enum filter_verdict
probe_on_trailers(struct filter_call *fc, void *state, struct h2_headers *h)
{
    (void)state;
    (void)h;
    heard.trailers++;
    return plan.refuse_trailers ? filter_refuse(fc, &probe_no, "not this end")
                                : FILTER_NEXT;
}

static void
probe_on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct probe_call *p = state;

    assert_true(p->asked);
    p->asked = false;
    heard.limit_us = fc->deadline_us - fc->begun_us;
    heard.took_us = r->end_us - fc->begun_us;
    if (plan.limit_ms) /* too late: nothing may come of it */
        fc->host->set_deadline(fc, fc->begun_us + 1);
    heard.ends++;
    filter_result_whole(fc, r);
    heard.result = *r;
    heard.fc = NULL;
}

static const struct conf_field no_fields[] = { { .key = NULL } };
static const struct conf_struct no_conf = { .name = "probe",
                                            .size = 1,
                                            .fields = no_fields };
static const struct filter_kind probe = {
    .name = "probe",
    .conf = &no_conf,
    .call_size = sizeof(struct probe_call),
    .on_request = probe_on_request,
    .on_request_data = probe_on_request_data,
    .on_attempt = probe_on_attempt,
    .on_attempt_end = probe_on_attempt_end,
    .on_response = probe_on_response,
    .on_response_data = probe_on_response_data,
    .on_trailers = probe_on_trailers,
    .on_end = probe_on_end,
};

static struct filter_store store;

static void
with_probe(struct table *t)
{
    struct filter *f;

    filter_store_init(&store, NULL, NULL, 1);
    f = filter_get(&store, &probe, "test", "probe", "");
    t->chain = chain_new(&f, 1);
    for (size_t i = 0; i < t->route_count; i++)
        route_set_chain(&t->routes[i], t->chain);
}

int
probe_setup(void **state)
{
    callrig_setup(state);
    memset(&plan, 0, sizeof(plan));
    memset(&heard, 0, sizeof(heard));
    rig.on_table = with_probe;
    return 0;
}

int
probe_teardown(void **state)
{
    int rv = callrig_teardown(state);

    assert_int_equal(heard.requests, heard.ends);
    filter_store_done(&store);
    return rv;
}
