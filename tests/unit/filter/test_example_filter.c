/* SPDX-License-Identifier: Apache-2.0 */
/* The example of HACKING.md: it is a row of the registry (this program's own, in the place of filter/registry.c), its settings come from a list of filters as in the
 * config, and calls go through it. */
#include "filterrig.h"

#include <string.h>

#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "example_filter.h"
#include "filter/filter_conf.h"
#include "filter/registry.h"

const struct conf_variant filter_variants[] = {
    { "requestId", &request_id_conf_struct, "An id.", &filter_request_id },
    { "clientVersion", &client_version_conf_struct, "The example.",
      &filter_client_version },
    { .tag = NULL },
};

const struct filter_kind *
filter_kind_at(size_t i)
{
    return filter_variants[i].owner;
}

const struct filter_kind *
filter_kind_find(const char *name)
{
    for (const struct conf_variant *v = filter_variants; v->tag; v++) {
        if (strcmp(v->tag, name) == 0)
            return v->owner;
    }
    return NULL;
}

/* --- a listener, as far as this test needs one ---------------------------------------- */

struct listener {
    struct conf_list filters;
};

static const struct conf_field listener_fields[] = {
    { .key = "filters",
      .type = CONF_LIST,
      .at = offsetof(struct listener, filters),
      .max = FILTERS_MAX,
      .sub = &filter_item_struct,
      .example = "[]",
      .help = "Filters." },
    { .key = NULL },
};
static const struct conf_struct listener_struct = { .name = "listener",
                                                    .size = sizeof(struct listener),
                                                    .fields = listener_fields };

static struct filter *ours;

/* Makes the chain of this list and gives it to the rig. */
static void
load(const char *json)
{
    struct filter *f[FILTERS_MAX];
    struct conf_snapshot *s = NULL;
    struct filter_picks *picks;
    struct strbuf problems;

    strbuf_init(&problems, 4096);
    if (conf_load_text(&listener_struct, "listener.json", json, strlen(json), &problems,
                       &s) != 0)
        fail_msg("%s", problems.s);
    picks = filters_pick(&((const struct listener *)conf_root(s))->filters, NULL);
    for (size_t i = 0; i < picks->n; i++) {
        f[i] = filter_get(&rig_store, picks->v[i].kind, "listener test", picks->v[i].name,
                          picks->v[i].settings);
        if (f[i]->kind == &filter_client_version)
            ours = f[i];
    }
    rig_chain(f, picks->n);
    filter_picks_free(picks);
    conf_drop(s);
    strbuf_done(&problems);
}

static int
code_of(const char *version)
{
    struct rigcall *c = rig_call("shop.Cart/Get");
    int code = GRPC_OK;

    if (version)
        rig_header(c, "x-client-version", version);
    if (rig_request(c) == FILTER_DONE) {
        code = c->fc.refusal.code;
        assert_string_equal(c->fc.refusal.reason, "CLIENT_TOO_OLD");
        assert_string_equal(c->fc.text, "this client is too old; use version 3 or newer");
    } else {
        assert_string_equal(rig_answer_header(c, "x-min-version"), "3");
    }
    rig_end(c, code);
    return code;
}

static void
the_example_is_loaded_as_a_row_and_does_what_it_says(void **state)
{
    (void)state;
    load("{ \"filters\": [\"requestId\", { \"type\": \"clientVersion\", \"min\": 3 }] }");
    assert_int_equal(code_of("3"), GRPC_OK);
    assert_int_equal(code_of("10"), GRPC_OK);
    assert_int_equal(code_of("2"), GRPC_FAILED_PRECONDITION);
    assert_int_equal(code_of("x"), GRPC_FAILED_PRECONDITION);
    assert_int_equal(code_of("99999999999999999999"), GRPC_FAILED_PRECONDITION);
    assert_int_equal(code_of(NULL), GRPC_FAILED_PRECONDITION);
    assert_int_equal(client_version_refused(ours), 4);
}

static void
its_settings_are_checked(void **state)
{
    (void)state;
    assert_non_null(strstr(rig_problems(&filter_client_version, "{ }"), "min"));
    assert_non_null(
        strstr(rig_problems(&filter_client_version, "{ \"min\": 0 }"), "from 1"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FILTER_TEST(the_example_is_loaded_as_a_row_and_does_what_it_says),
        FILTER_TEST(its_settings_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
