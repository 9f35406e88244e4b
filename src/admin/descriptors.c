/* SPDX-License-Identifier: Apache-2.0 */
/* admin/descriptors.c - the bytes of the file and the index over them. */
#include "admin/descriptors.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/descset.h"
#include "resolve/readfile.h"

struct descriptors {
    char *bytes;
    struct descset *set;
};

enum { WHY_MAX = 1024 };

int
descriptors_load(const char *path, struct descriptors **ret, struct strbuf *why)
{
    struct descriptors *d = xcalloc(1, sizeof(*d));
    const char *unread = "";
    struct strbuf reason;
    size_t n;
    int rv = file_read(path, DESCRIPTORS_FILE_MAX, &d->bytes, &n, &unread);

    strbuf_init(&reason, WHY_MAX);
    if (rv == ERR_LIMIT)
        strbuf_printf(&reason,
                      "%s; at most %d MiB are read, so give protoc fewer services",
                      unread, DESCRIPTORS_FILE_MAX >> 20);
    else if (rv != ERR_OK)
        strbuf_puts(&reason, unread);
    else
        rv = descset_new(slice_make(d->bytes, n), &d->set, &reason);
    if (rv != ERR_OK) {
        strbuf_printf(why, "%s: %s", path, reason.s ? reason.s : "");
        descriptors_free(d);
        d = NULL;
    }
    strbuf_done(&reason);
    *ret = d;
    return rv;
}

void
descriptors_free(struct descriptors *d)
{
    if (!d)
        return;
    descset_free(d->set);
    xfree(d->bytes);
    xfree(d);
}

const struct descset *
descriptors_set(const struct descriptors *d)
{
    return d->set;
}
