/* SPDX-License-Identifier: Apache-2.0 */
/* main/takeover.c - takes listening sockets over from the process that runs. */
#include "main/takeover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "main/handover.h"
#include "main/handover_line.h"
#include "net/addr.h"
#include "net/local.h"
#include "net/sockets.h"

static const int64_t ANSWER_MS = 5000;

struct takeover {
    int fd;
};

static char said[HANDOVER_TEXT_MAX + 64]; /* what *ret_why points to */

/* One line out, one line in. *ret_pass: the descriptor that came with it, -1 for none. */
static int
takeover_exchange(struct takeover *t, const struct handover_line *out,
                  struct handover_line *in, int *ret_pass)
{
    char line[HANDOVER_LINE_MAX];
    size_t n = 0;
    int rv = local_send(t->fd, line, handover_line_format(out, line), -1);

    *ret_pass = -1;
    /* A refusal does not wait for our words: it can be read after the other end closed. */
    if (rv == ERR_SYS && (errno == EPIPE || errno == ECONNRESET))
        rv = ERR_OK;
    while (rv == ERR_OK) {
        int pass;
        ssize_t got = local_recv(t->fd, line + n, sizeof(line) - n, &pass);

        if (pass >= 0 && *ret_pass >= 0)
            close(pass);
        else if (pass >= 0)
            *ret_pass = pass;
        if (got <= 0) {
            rv = (int)got;
            break;
        }
        n += (size_t)got;
        if (line[n - 1] == '\n')
            return handover_line_parse(line, n - 1, in);
        if (n == sizeof(line))
            rv = ERR_SYNTAX;
    }
    return rv;
}

static const char *
takeover_why(int rv, const struct handover_line *in)
{
    if (rv == ERR_OK && in->word == HANDOVER_NO) {
        snprintf(said, sizeof(said), "the running process refuses: %s", in->text);
        return said;
    }
    if (rv == ERR_AGAIN)
        return "the running process does not answer within 5 s; end it, or wait until "
               "it has ended";
    if (rv == ERR_EOF || rv == ERR_SYS)
        return "the running process hung up; its log says why";
    return "what listens on the upgrade socket is not outrigger, or another version of "
           "its upgrade; end it first";
}

static int
takeover_sockets(struct takeover *t, struct sockets *into, const char **ret_why)
{
    struct handover_line out = { .word = HANDOVER_HELLO }, in = { 0 };
    int pass, rv = takeover_exchange(t, &out, &in, &pass);
    uint32_t n = in.number;

    if (pass >= 0)
        close(pass);
    if (rv != ERR_OK || in.word != HANDOVER_SOCKETS || n > HANDOVER_SOCKETS_MAX) {
        *ret_why = takeover_why(rv, &in);
        return ERR_SYS;
    }
    out.word = HANDOVER_ASK;
    for (out.number = 0; out.number < n; out.number++) {
        rv = takeover_exchange(t, &out, &in, &pass);
        if (rv != ERR_OK || in.word != HANDOVER_SOCKET || in.number != out.number ||
            pass < 0) {
            if (pass >= 0)
                close(pass);
            *ret_why = takeover_why(rv, &in);
            return ERR_SYS;
        }
        if (sockets_add(into, pass, in.text, in.owns_file) != ERR_OK) {
            *ret_why = "there are more listening sockets than a config can have";
            return ERR_SYS;
        }
    }
    return ERR_OK;
}

int
takeover_begin(const char *path, struct sockets *into, struct takeover **ret,
               const char **ret_why)
{
    char text[ADDR_TEXT_MAX];
    struct takeover t, *kept;
    struct addr to;

    snprintf(text, sizeof(text), "unix:%s", path);
    if (addr_parse(text, false, &to, ret_why) != ERR_OK)
        return ERR_SYS;
    *ret = NULL;
    if (local_connect(&to, ANSWER_MS, &t.fd) != ERR_OK) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return ERR_OK;
        *ret_why = strerror(errno);
        return ERR_SYS;
    }
    if (!local_peer_trusted(t.fd)) {
        *ret_why = "the process there runs as another user; run both as the same";
        close(t.fd);
        return ERR_SYS;
    }
    if (takeover_sockets(&t, into, ret_why) != ERR_OK) {
        close(t.fd);
        return ERR_SYS;
    }
    kept = xmalloc(sizeof(*kept));
    *kept = t;
    *ret = kept;
    return ERR_OK;
}

long
takeover_finish(struct takeover *t, const char **ret_why)
{
    const struct handover_line go = { .word = HANDOVER_GO, .number = (uint32_t)getpid() };
    struct handover_line in = { 0 };
    int pass, rv = takeover_exchange(t, &go, &in, &pass);

    if (pass >= 0)
        close(pass);
    takeover_drop(t);
    if (rv == ERR_OK && in.word == HANDOVER_BYE)
        return (long)in.number;
    *ret_why = takeover_why(rv, &in);
    return 0;
}

void
takeover_drop(struct takeover *t)
{
    if (!t)
        return;
    close(t->fd);
    xfree(t);
}
