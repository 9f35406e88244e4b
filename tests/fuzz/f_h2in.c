/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: bytes of a client to a connection of ours, whose owner answers some streams, resets some and refuses some.
 * First byte: how the input is cut and what the limits are. Second: 0 = the preface is added, else the input has to bring it.
 * Afterwards rig_close checks that each stream ended exactly once, that nothing is held and that no memory is out. */
#include "fuzz.h"
#include "h2rig.h"
#include "loop/loop.h"
#include "net/transport.h"

static void
answer_some(struct rig_stream *s, unsigned events)
{
    int32_t id = s->s.id;

    if (events & H2_EV_CLOSED)
        return;
    if (events & H2_EV_HEADERS) {
        FUZZ_CHECK(s->s.in_headers.complete);
        for (unsigned i = 0; i < s->s.in_headers.n; i++) {
            const struct h2_entry *e = &s->s.in_headers.v[i];

            FUZZ_CHECK(h2_token_find(e->f.name, e->f.namelen) == (enum h2_token)e->token);
        }
        if (id % 7 == 1 && rig_respond(s, id % 5 == 1) == ERR_OK && id % 5 != 1) {
            rig_send(s, (size_t)(id % 3) * 20000);
            if (id % 3)
                rig_end(s, id % 2);
        } else if (id % 7 == 3) {
            h2_stream_reset(&s->s, id % 9 ? H2_CANCEL : H2_INTERNAL_ERROR);
        }
    }
    if (events & H2_EV_END && id % 7 == 5 && rig_respond(s, false) == ERR_OK) {
        rig_send(s, s->got.len);
        rig_end(s, true);
    }
    if (events & H2_EV_DATA && id % 11 == 9)
        h2_conn_drain(s->s.conn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct rig rig;
    struct rig_conn *c = &rig.conn[H2_DOWN];
    size_t at = 2, piece;

    if (n < 3)
        return 0;
    rig_open(&rig);
    c->on_events = answer_some;
    c->lim.max_frames_per_turn = bytes[0] & 1 ? 3 : 256;
    c->lim.max_streams_per_turn = bytes[0] & 1 ? 1 : 32;
    c->lim.max_concurrent_streams = bytes[0] & 2 ? 2 : 100;
    c->lim.max_header_bytes = bytes[0] & 4 ? 300 : 16384;
    c->lim.max_connection_buffer = bytes[0] & 8 ? 1000 : 100000;
    c->lim.glitch_burst = bytes[0] & 16 ? 8 : 1000;
    c->refuse = bytes[0] & 32;
    c->eat = !(bytes[0] & 64);
    rig_connect(&rig, H2_DOWN, bytes[0] & 128 ? 300 : 65536, 0);
    c->peer->raw = true;
    if (bytes[1] == 0) {
        h2peer_preface(c->peer);
        h2peer_settings(c->peer, 0);
    }
    /* In up to 8 pieces, so that what we say in between matters. */
    piece = bytes[0] & 1 ? (n - 2) / 8 + 1 : n - 2;
    for (; at < n && c->h2; at += piece) {
        h2peer_bytes(c->peer, bytes + at, piece < n - at ? piece : n - at);
        rig_turns(&rig, 3);
    }
    rig_run(&rig);
    rig_wait_ms(&rig, 700);
    rig_close(&rig);
    return 0;
}
