/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that come from files and change there: real files, time by hand. */
#include "unit.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "loop/loop.h"
#include "net/tls_conf.h"
#include "net/tls_days.h"
#include "net/tls_store.h"
#include "obs/prom.h"
#include "obs/stats.h"
#include "tlscert.h"
#include "vclock.h"

enum { TEXT_MAX = 1 << 20 };
static const int64_t DAY = 24 * 3600;

struct world {
    struct vclock clock;
    struct loop *loop;
    struct stats stats;
    struct tls_store *store;
    char dir[64], cert[96], key[96], ca_file[96];
    struct tls_server_conf server;
    struct tls_client_conf client;
};

static struct tlsid ca, a, b;

/* --- days ------------------------------------------------------------------------------ */

static void
stages_begin_14_7_and_1_days_before_the_end(void **state)
{
    static const struct {
        int64_t left;
        enum tls_stage stage;
        int64_t days;
    } rows[] = {
        { 15 * DAY, TLS_STAGE_FINE, 15 },    { 14 * DAY + 1, TLS_STAGE_FINE, 14 },
        { 14 * DAY, TLS_STAGE_14_DAYS, 14 }, { 7 * DAY + 1, TLS_STAGE_14_DAYS, 7 },
        { 7 * DAY, TLS_STAGE_7_DAYS, 7 },    { DAY + 1, TLS_STAGE_7_DAYS, 1 },
        { DAY, TLS_STAGE_1_DAY, 1 },         { DAY - 1, TLS_STAGE_1_DAY, 0 },
        { 0, TLS_STAGE_1_DAY, 0 },           { -1, TLS_STAGE_EXPIRED, -1 },
        { -DAY, TLS_STAGE_EXPIRED, -1 },     { -DAY - 1, TLS_STAGE_EXPIRED, -2 },
    };
    static const int64_t now = 1800000000;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(tls_stage_at(now + rows[i].left, now), rows[i].stage);
        assert_int_equal(tls_days_left(now + rows[i].left, now), rows[i].days);
    }
}

/* --- the store --------------------------------------------------------------------------- */

static void
wait_ms(struct world *w, int64_t ms)
{
    for (int64_t passed = 0; passed < ms; passed += 50) {
        vclock_advance_ms(&w->clock, 50);
        loop_turn(w->loop, false);
        loop_turn(w->loop, false);
    }
}

static void
put(const struct world *w, const struct tlsid *id)
{
    tlsid_save(id, w->cert);
    tlsid_save_key(id, w->key);
}

static void
world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    snprintf(w->dir, sizeof(w->dir), "/tmp/outrigger-store-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->cert, sizeof(w->cert), "%s/cert", w->dir);
    snprintf(w->key, sizeof(w->key), "%s/key", w->dir);
    snprintf(w->ca_file, sizeof(w->ca_file), "%s/ca", w->dir);
    tlsid_save(&ca, w->ca_file);
    put(w, &a);
    w->server = (struct tls_server_conf){ .on = true, .cert = w->cert, .key = w->key };
    w->client = (struct tls_client_conf){ .on = true, .ca = w->ca_file };
    w->loop = loop_new(vclock_init(&w->clock));
    w->store = tls_store_new(w->loop, &w->stats);
}

static void
world_close(struct world *w)
{
    tls_store_free(w->store);
    loop_free(w->loop);
    unlink(w->cert);
    unlink(w->key);
    unlink(w->ca_file);
    assert_int_equal(rmdir(w->dir), 0);
}

/* Without a hold: the keyring has one. */
static struct tls_ctx *
newest(struct tls_keyring *k)
{
    char why[TLS_WHY_MAX];
    struct tls_ctx *ctx = tls_keyring_ctx(k, why);

    tls_ctx_drop(ctx);
    return ctx;
}

static int64_t
count(const struct world *w, enum stat_id id)
{
    return stat_get(&w->stats, id);
}

static void
a_new_pair_is_used_after_a_moment_and_the_old_context_lives_as_long_as_it_is_held(
    void **state)
{
    struct world w;
    struct tls_keyring *k;
    struct tls_ctx *old;
    char why[TLS_WHY_MAX];

    (void)state;
    world_open(&w);
    k = tls_store_server(w.store, &w.server, "in");
    old = tls_keyring_ctx(k, why);
    assert_non_null(old);
    wait_ms(&w, 1000);
    assert_ptr_equal(newest(k), old);
    put(&w, &b);
    wait_ms(&w, 1000);
    assert_ptr_not_equal(newest(k), old);
    assert_int_equal(count(&w, STAT_TLS_RELOADED), 1);
    assert_int_equal(count(&w, STAT_TLS_RELOAD_FAILED), 0);
    assert_false(tls_ctx_insecure(old));
    tls_ctx_drop(old);
    tls_keyring_drop(k);
    world_close(&w);
}

static void
half_a_pair_is_never_used_and_heals_by_itself(void **state)
{
    struct world w;
    struct tls_keyring *k;
    struct tls_ctx *old;

    (void)state;
    world_open(&w);
    k = tls_store_server(w.store, &w.server, "in");
    old = newest(k);
    wait_ms(&w, 500);
    tlsid_save(&b, w.cert);
    wait_ms(&w, 30000);
    assert_ptr_equal(newest(k), old);
    /* Polls and failed tries in between are not counted as changes. */
    assert_int_equal(count(&w, STAT_TLS_RELOAD_FAILED), 1);
    unlink(w.key);
    wait_ms(&w, 1000);
    assert_ptr_equal(newest(k), old);
    tlsid_save_key(&b, w.key);
    wait_ms(&w, 1000);
    assert_ptr_not_equal(newest(k), old);
    assert_int_equal(count(&w, STAT_TLS_RELOADED), 1);
    tls_keyring_drop(k);
    world_close(&w);
}

static void
without_good_files_there_is_a_sentence_until_there_are(void **state)
{
    char why[TLS_WHY_MAX] = "";
    struct world w;
    struct tls_keyring *k;

    (void)state;
    world_open(&w);
    tlsid_save_key(&b, w.key);
    k = tls_store_server(w.store, &w.server, "in");
    assert_null(tls_keyring_ctx(k, why));
    assert_non_null(strstr(why, w.key));
    put(&w, &b);
    wait_ms(&w, 1000);
    assert_non_null(newest(k));
    tls_keyring_drop(k);
    world_close(&w);
}

static void
pools_that_say_the_same_share_a_context_and_listeners_never_do(void **state)
{
    struct world w;
    struct tls_keyring *k[5];

    (void)state;
    world_open(&w);
    k[0] = tls_store_client(w.store, &w.client, "one");
    k[1] = tls_store_client(w.store, &w.client, "two");
    w.client.server_name = "a.example";
    k[2] = tls_store_client(w.store, &w.client, "three");
    k[3] = tls_store_server(w.store, &w.server, "in");
    k[4] = tls_store_server(w.store, &w.server, "other");
    assert_ptr_equal(newest(k[0]), newest(k[1]));
    assert_ptr_not_equal(newest(k[0]), newest(k[2]));
    assert_ptr_not_equal(newest(k[3]), newest(k[4]));
    /* The first goes: the second has the context still. */
    tls_keyring_drop(k[0]);
    wait_ms(&w, 61000);
    assert_non_null(newest(k[1]));
    tlsid_save(&b, w.ca_file);
    wait_ms(&w, 1000);
    assert_int_equal(count(&w, STAT_TLS_RELOADED) + count(&w, STAT_TLS_RELOAD_FAILED), 2);
    for (size_t i = 1; i < ARRAY_LEN(k); i++)
        tls_keyring_drop(k[i]);
    world_close(&w);
}

static unsigned
open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void
what_nobody_holds_is_watched_no_more(void **state)
{
    struct world w;
    struct tls_keyring *k;
    unsigned files;

    (void)state;
    world_open(&w);
    wait_ms(&w, 100);
    files = open_files();
    k = tls_store_server(w.store, &w.server, "in");
    wait_ms(&w, 100);
    assert_true(open_files() > files);
    tls_keyring_drop(k);
    wait_ms(&w, 61000);
    assert_int_equal(open_files(), files);
    w.client.insecure_skip_verify = true;
    k = tls_store_client(w.store, &w.client, "app");
    assert_int_equal(count(&w, STAT_TLS_INSECURE), 1);
    tls_keyring_drop(k);
    wait_ms(&w, 61000);
    assert_int_equal(count(&w, STAT_TLS_INSECURE), 0);
    world_close(&w);
}

static void
a_keyring_outlives_the_store(void **state)
{
    struct world w;
    struct tls_keyring *k;

    (void)state;
    world_open(&w);
    k = tls_store_server(w.store, &w.server, "in");
    tls_keyring_hold(k);
    tls_keyring_drop(k);
    tls_store_free(w.store);
    w.store = NULL;
    assert_non_null(newest(k));
    tls_keyring_drop(k);
    world_close(&w);
}

static void
many_rotations_leave_nothing_behind(void **state)
{
    struct world w;
    struct tls_keyring *k;
    unsigned files;

    (void)state;
    world_open(&w);
    k = tls_store_server(w.store, &w.server, "in");
    wait_ms(&w, 1000);
    files = open_files();
    for (unsigned i = 0; i < 200; i++) {
        put(&w, i % 2 ? &a : &b);
        wait_ms(&w, 800);
    }
    assert_int_equal(open_files(), files);
    assert_true(count(&w, STAT_TLS_RELOADED) >= 150);
    assert_int_equal(count(&w, STAT_TLS_RELOAD_FAILED), 0);
    tls_keyring_drop(k);
    world_close(&w); /* what is left of them is AddressSanitizer's to find */
}

static void
pages_show_each_file_once_with_all_its_users(void **state)
{
    struct tls_keyring *k[2];
    struct strbuf out;
    struct world w;

    (void)state;
    world_open(&w);
    w.client.cert = w.cert;
    w.client.key = w.key;
    k[0] = tls_store_server(w.store, &w.server, "in \"1\"");
    k[1] = tls_store_client(w.store, &w.client, "app");
    strbuf_init(&out, TEXT_MAX);
    tls_store_json(w.store, &out);
    assert_non_null(strstr(out.s, "\"usedBy\":[\"listener in \\\"1\\\"\",\"pool app\"]"));
    assert_null(strstr(strstr(out.s, w.cert) + 1, w.cert));
    strbuf_done(&out);
    strbuf_init(&out, TEXT_MAX);
    tls_store_metrics(w.store, &(struct prom){ .out = &out });
    assert_non_null(strstr(out.s, "name=\"a.example\"} "));
    assert_null(strstr(strstr(out.s, w.cert) + 1, w.cert));
    strbuf_done(&out);
    strbuf_init(&out, TEXT_MAX);
    tls_store_table(w.store, &out);
    assert_non_null(strstr(out.s, "used by listener in \"1\", pool app\n"));
    strbuf_done(&out);
    tls_keyring_drop(k[0]);
    tls_keyring_drop(k[1]);
    world_close(&w);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_begin_14_7_and_1_days_before_the_end),
        cmocka_unit_test(
            a_new_pair_is_used_after_a_moment_and_the_old_context_lives_as_long_as_it_is_held),
        cmocka_unit_test(half_a_pair_is_never_used_and_heals_by_itself),
        cmocka_unit_test(without_good_files_there_is_a_sentence_until_there_are),
        cmocka_unit_test(pools_that_say_the_same_share_a_context_and_listeners_never_do),
        cmocka_unit_test(what_nobody_holds_is_watched_no_more),
        cmocka_unit_test(a_keyring_outlives_the_store),
        cmocka_unit_test(many_rotations_leave_nothing_behind),
        cmocka_unit_test(pages_show_each_file_once_with_all_its_users),
    };
    int rv;

    log_set_fd(-1);
    tlsid_make(&ca, NULL, NULL, -1, 100);
    tlsid_make(&a, "DNS:a.example", &ca, -1, 90);
    tlsid_make(&b, "DNS:b.example", &ca, -1, 90);
    rv = cmocka_run_group_tests(tests, NULL, NULL);
    tlsid_done(&a);
    tlsid_done(&b);
    tlsid_done(&ca);
    return rv;
}
