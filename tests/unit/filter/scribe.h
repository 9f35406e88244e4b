/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/filter/scribe.h - filters that note what they are asked, in chains of a test: the scribe does what its settings say, the bystander is
 * asked nothing at the request. */
#ifndef OUTRIGGER_TESTS_UNIT_SCRIBE_H
#define OUTRIGGER_TESTS_UNIT_SCRIBE_H

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

static inline void
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

#endif
