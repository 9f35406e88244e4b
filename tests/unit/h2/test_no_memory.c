/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is not there when a stream opens. */
#include "h2test.h"

#include "base/slab.h"

/* Linked with --wrap: the connection's table of streams has no memory while this is set. */
static bool no_memory;

void *__real_slab_calloc(struct slab *s, size_t n, size_t size);
void *__wrap_slab_calloc(struct slab *s, size_t n, size_t size);

void *
__wrap_slab_calloc(struct slab *s, size_t n, size_t size)
{
    return no_memory ? NULL : __real_slab_calloc(s, n, size);
}

/* Its owner makes no call that nobody would end. */
static void
stream_without_memory_is_refused_before_its_owner_knows(void **state)
{
    struct h2peer *p = down_ready();

    (void)state;
    no_memory = true;
    h2peer_call(p, 1, FL_END_STREAM);
    rig_run(&rig);
    no_memory = false;
    assert_int_equal(rig.conn[H2_DOWN].opens, 0);
    assert_int_equal(h2peer_rst_code(p, 1), H2_REFUSED_STREAM);

    h2peer_call(p, 3, FL_END_STREAM);
    rig_run(&rig);
    assert_int_equal(rig.conn[H2_DOWN].opens, 1);
    assert_int_equal(rig_respond(rig_stream(&rig, H2_DOWN, 3), true), ERR_OK);
    rig_run(&rig);
    assert_int_equal(rig_stream(&rig, H2_DOWN, 3)->s.close_err, ERR_OK);
}

static void
request_without_memory_is_told_at_once(void **state)
{
    struct rig_stream *s;

    (void)state;
    up_ready();
    no_memory = true;
    assert_int_equal(rig_request_err(&rig, true, &s), ERR_NOMEM);
    no_memory = false;
    assert_int_equal(h2_conn_streams(rig.conn[H2_UP].h2), 0);
    assert_int_equal(rig_request_err(&rig, true, &s), ERR_OK);
    assert_int_equal(s->s.id, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        H2_TEST(stream_without_memory_is_refused_before_its_owner_knows),
        H2_TEST(request_without_memory_is_told_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
