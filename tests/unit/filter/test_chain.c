/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: who is asked in which order, what a verdict means, and that every filter that was asked hears of the end exactly once. */
#include "filterrig.h"

#include <string.h>

#include "conf/field.h"
#include "loop/timer.h"

/* A filter that notes what it is asked, and does what its settings say. */
struct scribe_conf {
    const char *mark; /* one letter */
    const char *act;  /* "": goes on */
};

struct scribe_call {
    bool asked;
    struct timer timer;
    struct filter_call *fc;
};

static char notes[256];
static unsigned opened, closed;

static const struct conf_field scribe_fields[] = {
    { .key = "mark",
      .type = CONF_STRING,
      .at = offsetof(struct scribe_conf, mark),
      .def = "a",
      .help = "Its letter." },
    { .key = "act",
      .type = CONF_STRING,
      .at = offsetof(struct scribe_conf, act),
      .def = "",
      .help = "What it does." },
    { .key = NULL },
};

static const struct conf_struct scribe_struct = { .name = "scribe",
                                                  .size = sizeof(struct scribe_conf),
                                                  .fields = scribe_fields };

static void
note_down(const char *mark, const char *what)
{
    size_t n = strlen(notes);

    snprintf(notes + n, sizeof(notes) - n, "%s%s ", mark, what);
}

static const struct scribe_conf *
note(const struct filter_call *fc, const char *what)
{
    const struct scribe_conf *conf = filter_self(fc)->conf;

    note_down(conf->mark, what);
    return conf;
}

static void
scribe_on_timer(struct timer *t)
{
    struct scribe_call *s = CONTAINER_OF(t, struct scribe_call, timer);
    const struct scribe_conf *conf = filter_self(s->fc)->conf;
    static const struct filter_refusal late = { .code = GRPC_ABORTED, .reason = "LATE" };

    if (strcmp(conf->act, "resume twice") == 0)
        filter_resume(s->fc, FILTER_NEXT);
    if (strcmp(conf->act, "late") == 0)
        filter_resume(s->fc, filter_refuse(s->fc, &late, "too late"));
    else
        filter_resume(s->fc, FILTER_NEXT);
}

static enum filter_verdict
scribe_act(struct filter_call *fc, struct scribe_call *s, const char *act)
{
    static const struct filter_refusal no = { .code = GRPC_PERMISSION_DENIED,
                                              .reason = "NO" };

    if (strcmp(act, "refuse") == 0)
        return filter_refuse(fc, &no, "no, says %s", "scribe");
    if (strcmp(act, "refuse and go on") == 0) {
        (void)filter_refuse(fc, &no, "no");
        return FILTER_NEXT;
    }
    if (strcmp(act, "wait") == 0 || strcmp(act, "late") == 0 ||
        strcmp(act, "resume twice") == 0) {
        s->fc = fc;
        timer_init(&s->timer, scribe_on_timer);
        timer_start(fc->loop, &s->timer, 10000);
        return FILTER_WAIT;
    }
    if (strcmp(act, "resume in the slot") == 0) {
        filter_resume(fc, FILTER_NEXT);
        return FILTER_WAIT;
    }
    if (strcmp(act, "greedy") == 0) {
        while (arena_alloc(fc->arena, 4096))
            ;
        return filter_fail(fc, "had no memory");
    }
    if (strcmp(act, "done") == 0)
        return FILTER_DONE;
    if (strcmp(act, "nonsense") == 0)
        return (enum filter_verdict)77;
    return FILTER_NEXT;
}

static enum filter_verdict
scribe_on_request(struct filter_call *fc, void *state)
{
    struct scribe_call *s = state;

    assert_false(s->asked);
    s->asked = true;
    return scribe_act(fc, s, note(fc, "")->act);
}

static enum filter_verdict
scribe_on_response(struct filter_call *fc, void *state, struct h2_headers *h, bool end)
{
    const struct scribe_conf *conf = note(fc, "r");

    (void)h;
    (void)end;
    return strcmp(conf->act, "wait in response") == 0 ? FILTER_WAIT
                                                      : scribe_act(fc, state, "");
}

static void
scribe_on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    struct scribe_call *s = state;

    (void)r;
    assert_true(s->asked);
    s->asked = false;
    if (s->fc)
        timer_stop(fc->loop, &s->timer);
    note(fc, "e");
}

static void
scribe_open(struct filter *f, const struct filter_env *env)
{
    (void)f;
    assert_string_equal(env->scope, "listener test");
    opened++;
}

static void
scribe_close(struct filter *f)
{
    (void)f;
    closed++;
}

static const struct filter_kind scribe = {
    .name = "scribe",
    .conf = &scribe_struct,
    .call_size = sizeof(struct scribe_call),
    .open = scribe_open,
    .close = scribe_close,
    .on_request = scribe_on_request,
    .on_response = scribe_on_response,
    .on_end = scribe_on_end,
};

static enum filter_verdict
bystander_on_response(struct filter_call *fc, void *state, struct h2_headers *h, bool end)
{
    (void)fc;
    (void)h;
    (void)end;
    (void)state; /* it has none */
    note_down("*", "r");
    return FILTER_NEXT;
}

static void
bystander_on_end(struct filter_call *fc, void *state, const struct filter_result *r)
{
    (void)fc;
    (void)state;
    (void)r;
    note_down("*", "e");
}

/* No question at the request: only the answer and the end. */
static const struct filter_kind bystander = {
    .name = "bystander",
    .conf = &scribe_struct,
    .flags = FILTER_ALWAYS,
    .on_response = bystander_on_response,
    .on_end = bystander_on_end,
};

static void
three(const char *a, const char *b, const char *c)
{
    char json[3][80];
    const char *acts[] = { a, b, c };
    struct filter *f[3];

    notes[0] = '\0';
    for (int i = 0; i < 3; i++) {
        snprintf(json[i], sizeof(json[i]), "{ \"mark\": \"%c\", \"act\": \"%s\" }",
                 'a' + i, acts[i]);
        f[i] = rig_filter(&scribe, json[i]);
    }
    rig_chain(f, 3);
}

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

static void
filters_without_a_request_slot_hear_the_end_when_the_call_came_past_them(void **state)
{
    struct filter *f[2];
    struct rigcall *c;

    (void)state;
    for (int first = 0; first < 2; first++) {
        notes[0] = '\0';
        f[first] = rig_filter(&scribe, "{ \"act\": \"refuse\" }");
        f[1 - first] = rig_filter(&bystander, "{}");
        rig_chain(f, 2);
        c = rig_call("a.B/C");
        assert_int_equal(rig_request(c), FILTER_DONE);
        rig_end(c, GRPC_PERMISSION_DENIED);
        assert_string_equal(notes, first ? "a ae *e " : "a ae ");
    }
}

static void
watchers_hear_of_calls_that_never_came_to_the_filters(void **state)
{
    struct filter *f[2];
    struct rigcall *c;

    (void)state;
    notes[0] = '\0';
    f[0] = rig_filter(&scribe, "{}");
    f[1] = rig_filter(&bystander, "{}");
    rig_chain(f, 2);
    c = rig_call("a.B/C");
    chain_watch(&c->fc);
    rig_end(c, GRPC_UNIMPLEMENTED);
    assert_string_equal(notes, "*e ");
}

static void
same_settings_are_the_same_filter(void **state)
{
    struct filter *a, *b, *other;

    (void)state;
    opened = closed = 0;
    a = rig_filter(&scribe, "{ \"mark\": \"x\" }");
    b = rig_filter(&scribe, "{ \"mark\": \"x\" }");
    other = rig_filter(&scribe, "{ \"mark\": \"y\" }");
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_int_equal(opened, 2);
    filter_drop(a);
    filter_drop(other);
    assert_int_equal(closed, 1);
    filter_drop(b);
    assert_int_equal(closed, 2);
}

static void
edits_are_seen_by_the_next_filter_and_illegal_ones_change_nothing(void **state)
{
    struct rigcall *c;

    (void)state;
    three("", "", "");
    c = rig_call("a.B/C");
    rig_header(c, "x-a", "1");
    rig_header(c, "x-a", "2");
    assert_true(filter_set(&c->fc, c->fc.request, slice_of("x-a"), slice_of("3"), false));
    assert_string_equal(rig_request_header(c, "x-a"), "3");
    assert_int_equal(filter_remove(c->fc.request, slice_of("x-a")), 1);
    assert_null(rig_request_header(c, "x-a"));
    assert_false(filter_set(&c->fc, c->fc.request, slice_of("x-a"),
                            slice_of("line\r\nbreak"), false));
    assert_false(
        filter_add(&c->fc, c->fc.request, slice_of(":path"), slice_of("/x/Y"), false));
    assert_false(
        filter_add(&c->fc, c->fc.request, slice_of("X-A"), slice_of("v"), false));
    assert_int_equal(filter_remove(c->fc.request, slice_of(":path")), 0);
    assert_null(rig_request_header(c, "x-a"));
    assert_true(filter_set(&c->fc, c->fc.request, slice_of("te"), slice_of("x"), false));
    assert_true(slice_eq_str(h2_headers_get(&c->request, H2_TOKEN_CONTENT_TYPE),
                             "application/grpc"));
    for (int i = 0; i < 100; i++)
        assert_true(
            filter_add(&c->fc, c->fc.request, slice_of("x-many"), slice_of("v"), true));
    assert_string_equal(rig_request_header(c, ":path"), "/a.B/C");
    rig_end(c, GRPC_OK);
}

/* --- workers ------------------------------------------------------------------------ */

static unsigned at_work[3];

static void
settler_open(struct filter *f, unsigned worker, struct loop *loop, struct stats *stats)
{
    assert_non_null(f->conf);
    assert_ptr_equal(loop, rig_loop);
    assert_ptr_equal(stats, &rig_stats);
    at_work[worker]++;
}

static void
settler_close(struct filter *f, unsigned worker)
{
    assert_non_null(f->conf);
    at_work[worker]--;
}

static const struct filter_kind settler = {
    .name = "settler",
    .conf = &scribe_struct,
    .worker_open = settler_open,
    .worker_close = settler_close,
};

/* Tables come and go, and some share their filters: a worker begins with the first and ends with the last. */
static void
workers_begin_with_the_first_table_and_end_with_the_last(void **state)
{
    struct chain *chains[2];
    struct filter *both[2];

    (void)state;
    rig_store.env.workers = 3;
    for (int i = 0; i < 2; i++) {
        both[0] = rig_filter(&settler, "{ \"mark\": \"x\" }");
        both[1] = rig_filter(&scribe, "{}");
        chains[i] = chain_new(both, 2);
    }
    chain_use(NULL, 1, rig_loop, &rig_stats);
    chain_use(chains[0], 1, rig_loop, &rig_stats);
    chain_use(chains[1], 1, rig_loop, &rig_stats);
    chain_use(chains[1], 2, rig_loop, &rig_stats);
    assert_int_equal(at_work[0] + 10 * at_work[1] + 100 * at_work[2], 110);
    chain_unuse(chains[0], 1);
    assert_int_equal(at_work[1], 1);
    chain_unuse(chains[1], 1);
    assert_int_equal(at_work[1], 0);
    chain_use(chains[0], 1, rig_loop, &rig_stats);
    assert_int_equal(at_work[1], 1);
    chain_unuse(chains[0], 1);
    chain_unuse(chains[1], 2);
    chain_unuse(NULL, 1);
    assert_int_equal(at_work[0] + at_work[1] + at_work[2], 0);
    chain_free(chains[0]);
    chain_free(chains[1]);
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
        FILTER_TEST(
            filters_without_a_request_slot_hear_the_end_when_the_call_came_past_them),
        FILTER_TEST(watchers_hear_of_calls_that_never_came_to_the_filters),
        FILTER_TEST(same_settings_are_the_same_filter),
        FILTER_TEST(workers_begin_with_the_first_table_and_end_with_the_last),
        FILTER_TEST(edits_are_seen_by_the_next_filter_and_illegal_ones_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
