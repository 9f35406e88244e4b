/* SPDX-License-Identifier: Apache-2.0 */
/* main/ctl_tar.c - blocks of 512 bytes: a header with octal numbers as text, the data. */
#include "main/ctl_tar.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"

enum { BLOCK = 512 };

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
    char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
    char prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

/* The sum is taken with blanks in its own place. */
static void
header_sum(struct header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    unsigned sum = 0;

    memset(h->sum, ' ', sizeof h->sum);
    for (size_t i = 0; i < sizeof *h; i++)
        sum += bytes[i];
    snprintf(h->sum, sizeof h->sum, "%06o", sum & 0777777u);
}

static int
pad(struct strbuf *out)
{
    static const char zeroes[BLOCK];

    if (out->len % BLOCK)
        strbuf_add(out, zeroes, BLOCK - out->len % BLOCK);
    return out->cut ? ERR_LIMIT : ERR_OK;
}

int
tar_add(struct strbuf *out, const char *name, const char *data, size_t n, int64_t mtime_s)
{
    struct header h = { .type = '0', .magic = "ustar", .version = { '0', '0' } };
    size_t length = strlen(name);

    if (length > sizeof h.name || n > 077777777777)
        return ERR_LIMIT;
    memcpy(h.name, name, length);
    snprintf(h.mode, sizeof h.mode, "%07o", 0600);
    snprintf(h.uid, sizeof h.uid, "%07o", 0);
    snprintf(h.gid, sizeof h.gid, "%07o", 0);
    snprintf(h.size, sizeof h.size, "%011llo", (unsigned long long)n);
    snprintf(h.mtime, sizeof h.mtime, "%011llo",
             (unsigned long long)mtime_s & 077777777777);
    header_sum(&h);
    strbuf_add(out, (const char *)&h, sizeof h);
    strbuf_add(out, data, n);
    return pad(out);
}

int
tar_end(struct strbuf *out)
{
    static const char zeroes[2 * BLOCK];

    strbuf_add(out, zeroes, sizeof zeroes);
    return pad(out);
}
