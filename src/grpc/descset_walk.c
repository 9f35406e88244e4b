/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/descset_walk.c - a set of descriptors is made: one walk over all its files fills the lists. The hash of "a.b" goes on from that of "a", so
 * no name is ever put together, except those of services. */
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/descset_int.h"
#include "grpc/wire.h"

/* Field numbers of descriptor.proto. */
enum { SET_FILE = 1 };
enum {
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_IMPORT = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
};
enum { MESSAGE_FIELD = 2, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4, MESSAGE_EXTENSION = 6 };
enum { ANY_NAME = 1, ENUM_VALUE = 2, SERVICE_METHOD = 2 };
enum { FIELD_EXTENDEE = 2, FIELD_NUMBER = 3 };

/* One walk. */
struct desc_walk {
    struct descset *d;
    struct strbuf *why;
    struct slice package;
    uint32_t file;
    int err;
};

static void
walk_fail(struct desc_walk *w, int err, const char *text)
{
    if (w->err == ERR_OK)
        strbuf_puts(w->why, text);
    w->err = w->err == ERR_OK ? err : w->err;
}

static bool
walk_next(struct desc_walk *w, struct slice *rest, struct wire_field *f)
{
    enum wire_step step = w->err == ERR_OK ? wire_next(rest, f) : WIRE_END;

    if (step == WIRE_BAD)
        walk_fail(w, ERR_SYNTAX,
                  "it is no descriptor set; make one with protoc --include_imports "
                  "--descriptor_set_out=FILE");
    return step == WIRE_FIELD;
}

/* The text of a field of a message; p NULL: it is not there. */
static struct slice
walk_text(struct desc_walk *w, struct slice message, uint32_t number)
{
    struct slice ret = { NULL, 0 };
    struct wire_field f;

    while (walk_next(w, &message, &f)) {
        if (f.number == number && f.is_bytes)
            ret = f.bytes;
    }
    return ret;
}

static void
walk_note(struct desc_walk *w, uint64_t hash)
{
    if (w->d->names.n == DESCSET_NAMES_MAX)
        walk_fail(w, ERR_LIMIT, "it has more names than are kept; leave files out");
    else
        desc_list_add(&w->d->names, &(struct desc_name){ .hash = hash, .file = w->file });
}

/* Notes what has a name and nothing inside that has: fields, values, methods. Returns its hash. */
static uint64_t
walk_named(struct desc_walk *w, uint64_t scope, struct slice message)
{
    struct slice name = walk_text(w, message, ANY_NAME);
    uint64_t hash = desc_hash_in(scope, name);

    if (name.n == 0)
        walk_fail(w, ERR_SYNTAX,
                  "something in it has no name, so it is no descriptor set");
    if (w->err == ERR_OK)
        walk_note(w, hash);
    return hash;
}

/* Values stand in the scope around their enum: "Outer.VALUE". */
static void
walk_enum(struct desc_walk *w, uint64_t scope, struct slice message)
{
    struct wire_field f;

    walk_named(w, scope, message);
    while (walk_next(w, &message, &f)) {
        if (f.number == ENUM_VALUE && f.is_bytes)
            walk_named(w, scope, f.bytes);
    }
}

static void
walk_extension(struct desc_walk *w, uint64_t scope, struct slice message)
{
    struct slice type = walk_text(w, message, FIELD_EXTENDEE);
    struct desc_name one = { .file = w->file };
    struct wire_field f;

    walk_named(w, scope, message);
    while (walk_next(w, &message, &f)) {
        if (f.number == FIELD_NUMBER && !f.is_bytes)
            one.number = (uint32_t)f.value;
    }
    if (type.n > 1 && type.p[0] == '.') /* protoc writes it in full */
        type = slice_make(type.p + 1, type.n - 1);
    one.hash = desc_hash_of(type);
    if (w->err == ERR_OK)
        desc_list_add(&w->d->extensions, &one);
}

static void
walk_message(struct desc_walk *w, uint64_t scope, struct slice message, unsigned depth)
{
    uint64_t inside = walk_named(w, scope, message);
    struct wire_field f;

    if (depth == DESCSET_DEPTH_MAX)
        walk_fail(w, ERR_LIMIT, "it has too many types inside of types");
    while (walk_next(w, &message, &f)) {
        if (!f.is_bytes)
            continue;
        if (f.number == MESSAGE_FIELD)
            walk_named(w, inside, f.bytes);
        else if (f.number == MESSAGE_NESTED)
            walk_message(w, inside, f.bytes, depth + 1);
        else if (f.number == MESSAGE_ENUM)
            walk_enum(w, inside, f.bytes);
        else if (f.number == MESSAGE_EXTENSION)
            walk_extension(w, inside, f.bytes);
    }
}

static void
walk_service(struct desc_walk *w, uint64_t scope, struct slice message)
{
    struct slice name = walk_text(w, message, ANY_NAME);
    uint64_t inside = walk_named(w, scope, message);
    struct descset *d = w->d;
    struct strbuf text;
    struct wire_field f;

    while (walk_next(w, &message, &f)) {
        if (f.number == SERVICE_METHOD && f.is_bytes)
            walk_named(w, inside, f.bytes);
    }
    if (w->err != ERR_OK)
        return;
    strbuf_init(&text, DESCSET_NAME_MAX);
    strbuf_add(&text, (const char *)w->package.p, w->package.n);
    strbuf_puts(&text, w->package.n ? "." : "");
    strbuf_add(&text, (const char *)name.p, name.n);
    if (text.cut || strlen(text.s) != text.len)
        walk_fail(w, ERR_LIMIT, "the name of a service in it is too long or has a NUL");
    else if (d->service_count == DESCSET_SERVICES_MAX)
        walk_fail(w, ERR_LIMIT, "it has more services than can be listed");
    else
        d->services[d->service_count++] = xstrdup(text.s);
    strbuf_done(&text);
}

static void
walk_file(struct desc_walk *w, struct slice file)
{
    uint64_t scope;
    struct wire_field f;

    w->package = walk_text(w, file, FILE_PACKAGE);
    scope = desc_hash_of(w->package);
    while (walk_next(w, &file, &f)) {
        if (!f.is_bytes)
            continue;
        if (f.number == FILE_MESSAGE)
            walk_message(w, scope, f.bytes, 0);
        else if (f.number == FILE_ENUM)
            walk_enum(w, scope, f.bytes);
        else if (f.number == FILE_SERVICE)
            walk_service(w, scope, f.bytes);
        else if (f.number == FILE_EXTENSION)
            walk_extension(w, scope, f.bytes);
    }
}

/* --- files ----------------------------------------------------------------------------- */

static void
walk_add_file(struct desc_walk *w, struct slice bytes)
{
    struct descset *d = w->d;
    struct desc_file *f = &d->files[d->n];
    struct wire_field field;

    f->bytes = bytes;
    f->name = walk_text(w, bytes, FILE_NAME);
    while (walk_next(w, &bytes, &field))
        f->imports += field.number == FILE_IMPORT && field.is_bytes;
    if (w->err == ERR_OK && f->name.n == 0)
        walk_fail(w, ERR_SYNTAX,
                  "a file in it has no name; make it with protoc --include_imports "
                  "--descriptor_set_out=FILE");
    if (f->bytes.n > DESCSET_FILE_MAX)
        walk_fail(w, ERR_LIMIT, "a file in it is larger than gRPC clients take");
    f->import_at = d->import_count;
    d->import_count += f->imports;
    if (d->import_count > DESCSET_IMPORTS_MAX)
        walk_fail(w, ERR_LIMIT, "its files import too many others");
    desc_list_add(&d->file_names, &(struct desc_name){ .hash = desc_hash_of(f->name),
                                                       .file = (uint32_t)d->n });
    d->n++;
}

static void
walk_set(struct desc_walk *w, struct slice set)
{
    struct slice rest = set;
    size_t n = 0;
    struct wire_field f;

    while (walk_next(w, &rest, &f))
        n += f.number == SET_FILE && f.is_bytes;
    if (n == 0)
        walk_fail(w, ERR_SYNTAX,
                  "there is no file in it; make it with protoc --include_imports "
                  "--descriptor_set_out=FILE");
    if (n > DESCSET_FILES_MAX)
        walk_fail(w, ERR_LIMIT, "it has too many files");
    if (w->err != ERR_OK)
        return;
    w->d->files = xcalloc(n, sizeof(*w->d->files));
    while (walk_next(w, &set, &f)) {
        if (f.number == SET_FILE && f.is_bytes)
            walk_add_file(w, f.bytes);
    }
    desc_list_sort(&w->d->file_names);
}

static void
walk_fail_name(struct desc_walk *w, const char *before, struct slice name,
               const char *behind)
{
    if (w->err != ERR_OK)
        return;
    w->err = ERR_SYNTAX;
    strbuf_puts(w->why, before);
    for (size_t i = 0; i < name.n && i < 200; i++)
        strbuf_printf(w->why, "%c", name.p[i] < ' ' || name.p[i] > '~' ? '?' : name.p[i]);
    strbuf_puts(w->why, behind);
}

static void
walk_check_twice(struct desc_walk *w)
{
    const struct desc_list *l = &w->d->file_names;

    for (size_t i = 1; i < l->n; i++) {
        if (l->v[i].hash == l->v[i - 1].hash)
            walk_fail_name(w, "it has two files named ", w->d->files[l->v[i].file].name,
                           "; leave one out");
    }
}

static void
walk_imports(struct desc_walk *w)
{
    struct descset *d = w->d;

    d->imports = xcalloc(d->import_count + 1, sizeof(*d->imports));
    for (size_t i = 0, k = 0; i < d->n && w->err == ERR_OK; i++) {
        struct slice file = d->files[i].bytes;
        struct wire_field f;

        while (walk_next(w, &file, &f)) {
            size_t to;

            if (f.number != FILE_IMPORT || !f.is_bytes)
                continue;
            to = descset_find_file(d, f.bytes);
            if (to == DESCSET_NONE)
                walk_fail_name(w, "the file ", f.bytes,
                               " is imported and not in it; make it with protoc "
                               "--include_imports");
            d->imports[k++] = (uint32_t)to;
        }
    }
}

int
descset_new(struct slice bytes, struct descset **ret, struct strbuf *why)
{
    struct descset *d = xcalloc(1, sizeof(*d));
    struct desc_walk w = { .d = d, .why = why };

    walk_set(&w, bytes);
    if (w.err == ERR_OK)
        walk_check_twice(&w);
    if (w.err == ERR_OK)
        walk_imports(&w);
    for (size_t i = 0; i < d->n && w.err == ERR_OK; i++) {
        w.file = (uint32_t)i;
        walk_file(&w, d->files[i].bytes);
    }
    if (w.err != ERR_OK) {
        descset_free(d);
        return w.err;
    }
    desc_list_sort(&d->names);
    desc_list_sort(&d->extensions);
    *ret = d;
    return ERR_OK;
}
