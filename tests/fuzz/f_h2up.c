/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: bytes of a backend to a connection of ours that has eight requests open, some with a body that is still being sent.
 * First byte: limits and cuts. Second: 0 = SETTINGS are added. rig_close checks the end, see f_h2in.c; and what the truth table promises holds:
 * "unprocessed" never together with an answer. */
#include "fuzz.h"
#include "h2rig.h"
#include "loop/loop.h"
#include "net/transport.h"

static void
watch(struct rig_stream *s, unsigned events)
{
    if (events & H2_EV_HEADERS) {
        struct slice status = h2_headers_get(&s->s.in_headers, H2_TOKEN_STATUS);

        FUZZ_CHECK(s->s.in_headers.over || s->s.in_headers.invalid ||
                   (status.n == 3 && status.p[0] != '1'));
    }
    if (events & H2_EV_CLOSED) {
        FUZZ_CHECK(!(s->s.unprocessed && s->seen & H2_EV_HEADERS));
        FUZZ_CHECK(s->s.close_err != ERR_OK || s->s.in_ended);
        return;
    }
    if (events & H2_EV_DATA && s->s.id == 5)
        h2_stream_reset(&s->s, H2_CANCEL);
    if (events & H2_EV_TRAILERS && s->s.id == 7)
        rig_send(s, 1000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct rig rig;
    struct rig_conn *c = &rig.conn[H2_UP];
    size_t at = 2, piece;

    if (n < 3)
        return 0;
    rig_open(&rig);
    c->on_events = watch;
    c->lim.max_frames_per_turn = bytes[0] & 1 ? 3 : 1024;
    c->lim.max_header_bytes = bytes[0] & 4 ? 300 : 16384;
    c->lim.max_connection_buffer = bytes[0] & 8 ? 1000 : 100000;
    c->lim.glitch_burst = bytes[0] & 16 ? 8 : 1000;
    c->eat = !(bytes[0] & 64);
    rig_connect(&rig, H2_UP, bytes[0] & 128 ? 300 : 65536, 0);
    c->peer->raw = true;
    if (bytes[1] == 0)
        h2peer_settings(c->peer, 0);
    for (int i = 0; i < 8; i++) {
        struct rig_stream *s = rig_request(&rig, i % 2 == 0);

        if (i % 2) {
            rig_send(s, (size_t)i * 10000);
            if (i % 4 == 1)
                rig_end(s, false);
        }
    }
    if (!(bytes[0] & 32))
        rig_run(&rig);
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
