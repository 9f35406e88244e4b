/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: who is asked in which order, and what a verdict means. */
#include "scribe.h"

static void
request_goes_from_first_to_last_and_back(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_int_equal(chain_response(&c->fc, &c->response, false), FILTER_NEXT);
    rig_end(c, GRPC_OK);
    assert_string_equal(notes, "a b c cr br ar ce be ae ");
}

static void
refusal_ends_the_questions_and_only_who_was_asked_hears_the_end(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "refuse", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_DONE);
    assert_int_equal(c->fc.refusal.code, GRPC_PERMISSION_DENIED);
    assert_string_equal(c->fc.text, "no, says scribe");
    rig_end(c, GRPC_PERMISSION_DENIED);
    assert_string_equal(notes, "a b be ae ");
}

static void
refusal_counts_whatever_the_verdict_says(void **state)
{
    struct rigcall *c;

    (void)state;
    three("refuse and go on", "", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_DONE);
    rig_end(c, GRPC_PERMISSION_DENIED);
    assert_string_equal(notes, "a ae ");
}

static void
wait_goes_on_behind_the_filter_that_waited(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "wait", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    rig_advance_ms(5);
    assert_int_equal(c->resumed, 0);
    rig_advance_ms(10);
    assert_int_equal(c->resumed, 1);
    assert_int_equal(c->verdict, FILTER_NEXT);
    rig_end(c, GRPC_OK);
    assert_string_equal(notes, "a b c ce be ae ");
}

/* While bytes of the request wait, an attempt may end and an answer may come. */
static void
wait_goes_on_behind_its_filter_whatever_was_asked_meanwhile(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "wait", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    assert_int_equal(chain_response(&c->fc, &c->response, false), FILTER_NEXT);
    assert_int_equal(filter_step(&c->fc), 1); /* also for what ends the wait */
    rig_advance_ms(20);
    assert_int_equal(c->verdict, FILTER_NEXT);
    rig_end(c, GRPC_OK);
    assert_string_equal(notes, "a b cr br ar c ce be ae ");
}

static enum filter_verdict
asker_on_request(struct filter_call *fc, void *state)
{
    (void)state;
    filter_ask_answer(fc);
    return FILTER_NEXT;
}

static void
answers_are_wanted_by_those_who_have_not_to_ask(void **state)
{
    struct filter_kind asker = scribe;
    struct filter *f[2];
    struct rigcall *c;

    (void)state;
    asker.name = "asker";
    asker.flags = FILTER_ASKS_ANSWER;
    asker.on_request = asker_on_request;
    asker.on_end = NULL;
    f[0] = rig_filter(&asker, "{}");
    rig_chain(f, 1);
    c = rig_call("a.B/C");
    assert_true(chain_has(c->fc.chain, SLOT_RESPONSE));
    assert_false(chain_wants_answer(c->fc.chain));
    assert_false(c->fc.wants_answer);
    assert_int_equal(rig_request(c), FILTER_NEXT);
    assert_true(c->fc.wants_answer);
    rig_end(c, GRPC_OK);
    f[0] = rig_filter(&asker, "{}");
    f[1] = rig_filter(&bystander, "{}");
    rig_chain(f, 2);
    c = rig_call("a.B/C");
    assert_true(chain_wants_answer(c->fc.chain));
    rig_end(c, GRPC_OK);
    rig_only(&scribe, "{}"); /* the kind above goes */
}

static void
wait_may_end_in_a_refusal(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "late", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    rig_advance_ms(20);
    assert_int_equal(c->verdict, FILTER_DONE);
    assert_string_equal(c->fc.refusal.reason, "LATE");
    rig_end(c, GRPC_ABORTED);
    assert_string_equal(notes, "a b be ae ");
}

static void
end_while_waiting_comes_once_and_cancels(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "wait", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    rig_end(c, GRPC_CANCELLED);
    rig_advance_ms(50); /* ASan would tell if the timer still ran */
    assert_string_equal(notes, "a b be ae ");
}

static void
broken_filters_cost_one_call_and_say_who_it_was(void **state)
{
    static const char *const acts[] = { "done", "nonsense", "wait in response",
                                        "resume in the slot", "greedy" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        enum filter_verdict v;
        struct rigcall *c;

        three("", acts[i], "");
        c = rig_call("a.B/C");
        v = rig_request(c);
        if (v == FILTER_NEXT)
            v = chain_response(&c->fc, &c->response, false);
        assert_int_equal(v, FILTER_DONE);
        assert_int_equal(c->fc.refusal.code, GRPC_INTERNAL);
        assert_string_equal(c->fc.refusal.reason, "FILTER_FAILED");
        if (strcmp(acts[i], "greedy") != 0) /* there is no room left for a text */
            assert_non_null(strstr(c->fc.text, "filter scribe "));
        rig_end(c, GRPC_INTERNAL);
        assert_int_equal(rig_counted(STAT_FILTERS_FAILED), i + 1);
        assert_int_equal(rig_pass("a.B/C"), i == 2 ? GRPC_OK : GRPC_INTERNAL);
        rig_stats = (struct stats){ 0 };
        for (size_t k = 0; k <= i; k++)
            stat_inc(&rig_stats, STAT_FILTERS_FAILED);
    }
}

static void
a_wait_that_is_ended_twice_goes_on_once(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "resume twice", "");
    c = rig_call("a.B/C");
    assert_int_equal(rig_request(c), FILTER_WAIT);
    rig_advance_ms(20);
    assert_int_equal(c->verdict, FILTER_NEXT);
    assert_int_equal(c->resumed, 1);
    assert_int_equal(rig_counted(STAT_FILTERS_FAILED), 1);
    rig_end(c, GRPC_OK);
    assert_string_equal(notes, "a b c ce be ae ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(request_goes_from_first_to_last_and_back),
        FILTER_TEST(refusal_ends_the_questions_and_only_who_was_asked_hears_the_end),
        FILTER_TEST(refusal_counts_whatever_the_verdict_says),
        FILTER_TEST(wait_goes_on_behind_the_filter_that_waited),
        FILTER_TEST(wait_goes_on_behind_its_filter_whatever_was_asked_meanwhile),
        FILTER_TEST(answers_are_wanted_by_those_who_have_not_to_ask),
        FILTER_TEST(wait_may_end_in_a_refusal),
        FILTER_TEST(end_while_waiting_comes_once_and_cancels),
        FILTER_TEST(broken_filters_cost_one_call_and_say_who_it_was),
        FILTER_TEST(a_wait_that_is_ended_twice_goes_on_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
