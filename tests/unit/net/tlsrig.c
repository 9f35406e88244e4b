/* SPDX-License-Identifier: Apache-2.0 */
/* tlsrig.c - see tlsrig.h */
#include "tlsrig.h"

#include "unit.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static char dir[] = "/tmp/outrigger-tls-XXXXXX";

static void
on_event(void *arg, int what)
{
    struct tlsrig *r = arg;

    r->told |= what;
    if (what & TRANSPORT_READABLE && r->eat) {
        r->end = transport_read(r->t, r->got + r->got_n, TLSRIG_GOT_MAX - r->got_n);
        if (r->end > 0)
            r->got_n += (size_t)r->end;
    }
    while (r->out_n > 0 && r->told & TRANSPORT_CONNECTED) {
        struct iovec v[2] = { { (void *)(uintptr_t)r->out, r->out_n / 2 },
                              { (void *)(uintptr_t)(r->out + r->out_n / 2),
                                r->out_n - r->out_n / 2 } };
        ssize_t n = transport_writev(r->t, v, 2);

        if (n <= 0)
            break;
        r->out += n;
        r->out_n -= (size_t)n;
    }
    if (r->told & TRANSPORT_CONNECTED && r->t)
        transport_want(r->t, r->eat && r->end != ERR_EOF && r->end != ERR_CONN_LOST,
                       r->out_n > 0);
}

void
tlsrig_open(struct tlsrig *r, size_t room, size_t step)
{
    struct transport *inner;

    memset(r, 0, sizeof(*r));
    r->loop = loop_new(vclock_init(&r->clock));
    mempair_new(r->loop, r->loop, room, step, &inner, &r->raw);
    r->t = inner;
    r->got = malloc(TLSRIG_GOT_MAX);
    assert_non_null(r->got);
    r->end = ERR_AGAIN;
}

static void
start(struct tlsrig *r, const struct tlspeer_conf *peer)
{
    transport_bind(r->t, on_event, r);
    transport_want(r->t, false, true);
    if (peer)
        tlspeer_open(&r->peer, r->raw, peer);
    assert_int_equal(r->told, 0);
}

void
tlsrig_serve(struct tlsrig *r, struct tls_ctx *ctx, const struct tlspeer_conf *client)
{
    r->t = tls_server_over(r->loop, ctx, r->t, NULL);
    start(r, client);
}

void
tlsrig_dial(struct tlsrig *r, struct tls_ctx *ctx, const char *name,
            struct tls_session_slot *slot, const struct tlspeer_conf *server)
{
    r->t = tls_client_over(r->loop, ctx, r->t, name, slot);
    start(r, server);
}

void
tlsrig_turns(struct tlsrig *r, unsigned n)
{
    while (n-- > 0) {
        vclock_advance_ms(&r->clock, 1);
        loop_turn(r->loop, false);
        if (r->peer.ssl)
            tlspeer_pump(&r->peer);
    }
}

void
tlsrig_close(struct tlsrig *r)
{
    transport_close(r->t);
    r->t = NULL;
    tlsrig_turns(r, 2);
    if (r->peer.ssl)
        tlspeer_close(&r->peer);
    else
        transport_close(r->raw);
    memset(&r->peer, 0, sizeof(r->peer));
    tlsrig_turns(r, 2);
    loop_free(r->loop);
    free(r->got);
}

void
tlsrig_run_server(struct tlsrig *r, struct tls_ctx *ctx,
                  const struct tlspeer_conf *client)
{
    tlsrig_open(r, 65536, 0);
    tlsrig_serve(r, ctx, client);
    tlsrig_turns(r, 20);
}

void
tlsrig_run_client(struct tlsrig *r, struct tls_ctx *ctx, const char *name,
                  struct tls_session_slot *slot, const struct tlspeer_conf *server)
{
    tlsrig_open(r, 65536, 0);
    r->eat = true;
    tlsrig_dial(r, ctx, name, slot, server);
    tlsrig_turns(r, 20);
}

/* ---- files ---- */

const char *
tlsrig_path(const char *name)
{
    static char paths[16][512];
    static unsigned i;
    char *to = paths[i++ % 16];

    int n = snprintf(to, sizeof(paths[0]), "%s/%s", dir, name);

    assert_true(n > 0 && n < (int)sizeof(paths[0]));
    return to;
}

void
tlsrig_path_copy(char to[128], const char *name)
{
    int n = snprintf(to, 128, "%s", tlsrig_path(name));

    assert_true(n > 0 && n < 128);
}

void
tlsrig_save(const struct tlsid *id, const char *name)
{
    char file[64];

    snprintf(file, sizeof(file), "%s.crt", name);
    tlsid_save(id, tlsrig_path(file));
    snprintf(file, sizeof(file), "%s.key", name);
    tlsid_save_key(id, tlsrig_path(file));
}

void
tlsrig_write(const char *name, const char *text)
{
    FILE *f = fopen(tlsrig_path(name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

int
tlsrig_make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

void
tlsrig_fill(unsigned char *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)(i * 7 + i / 251);
}

int
tlsrig_drop_dir(void **state)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    (void)state;
    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            unlink(tlsrig_path(e->d_name));
    if (d)
        closedir(d);
    return rmdir(dir);
}
