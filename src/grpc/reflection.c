/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reflection.c - a question is a walk over a few files; there is no index, since
 * only people and tools ask. */
#include "grpc/reflection.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/pb.h"
#include "grpc/proto/descriptor_part.pb-c.h"
#include "grpc/proto/reflection.pb-c.h"
#include "grpc/status.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest pb_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse pb_response;
typedef Grpc__Reflection__V1__ServiceResponse pb_service_row;
typedef Outrigger__DescriptorPart__File pb_file;
typedef Outrigger__DescriptorPart__FileSet pb_file_set;
typedef Outrigger__DescriptorPart__Message pb_message;
typedef Outrigger__DescriptorPart__Enum pb_enum;
typedef Outrigger__DescriptorPart__Named pb_named;
typedef Outrigger__DescriptorPart__Service pb_service;

/* The generated names of the oneof cases, short enough to read. */
#define REFLECTION_ASKS(what) \
    GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define REFLECTION_SAYS(what) \
    GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

enum { REFLECTION_SERVICES_MAX = 256 };

struct reflection {
    pb_file_set *set; /* owns the bytes of the files */
    pb_file *files[REFLECTION_FILES_MAX];
    size_t n_files;
};

/* Files already put into an answer: one bit per file. */
struct reflection_picks {
    ProtobufCBinaryData bytes[REFLECTION_FILES_MAX];
    size_t n;
    uint64_t seen;
};

int
reflection_new(struct slice file_set, struct reflection **ret)
{
    struct reflection *r = xcalloc(1, sizeof(*r));
    int err = ERR_SYNTAX;

    r->set = outrigger__descriptor_part__file_set__unpack(NULL, file_set.n, file_set.p);
    if (!r->set)
        goto out;
    if (r->set->n_file > REFLECTION_FILES_MAX) {
        err = ERR_LIMIT;
        goto out;
    }
    for (size_t i = 0; i < r->set->n_file; i++) {
        ProtobufCBinaryData file = r->set->file[i];

        r->files[i] = outrigger__descriptor_part__file__unpack(NULL, file.len, file.data);
        if (!r->files[i])
            goto out;
        r->n_files++;
    }
    *ret = r;
    return 0;
out:
    reflection_free(r);
    return err;
}

void
reflection_free(struct reflection *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_files; i++)
        outrigger__descriptor_part__file__free_unpacked(r->files[i], NULL);
    if (r->set)
        outrigger__descriptor_part__file_set__free_unpacked(r->set, NULL);
    xfree(r);
}

/* When `name` begins with `part` as a whole word, cuts it off: sets *ret_rest to what
 * follows the point ("" at the end). */
static bool
reflection_cut(struct slice name, struct slice part, struct slice *ret_rest)
{
    if (name.n < part.n || !slice_eq(slice_make(name.p, part.n), part))
        return false;
    if (name.n == part.n) {
        *ret_rest = slice_make(name.p + name.n, 0);
        return true;
    }
    if (name.p[part.n] != '.')
        return false;
    *ret_rest = slice_make(name.p + part.n + 1, name.n - part.n - 1);
    return ret_rest->n > 0;
}

static bool
reflection_named_has(pb_named **list, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_eq(pb_slice(list[i]->name), name))
            return true;
    }
    return false;
}

/* Enum values belong to the scope around their enum, so "Outer.VALUE" as well as
 * "Outer.Enum" is a name. */
static bool
reflection_enums_have(pb_enum **list, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_eq(pb_slice(list[i]->name), name) ||
            reflection_named_has(list[i]->value, list[i]->n_value, name))
            return true;
    }
    return false;
}

static bool
reflection_messages_have(pb_message **list, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++) {
        const pb_message *m = list[i];
        struct slice rest;

        if (!reflection_cut(name, pb_slice(m->name), &rest))
            continue;
        if (rest.n == 0 || reflection_named_has(m->field, m->n_field, rest) ||
            reflection_enums_have(m->enum_type, m->n_enum_type, rest) ||
            reflection_messages_have(m->nested_type, m->n_nested_type, rest))
            return true;
    }
    return false;
}

static bool
reflection_services_have(pb_service **list, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++) {
        struct slice rest;

        if (reflection_cut(name, pb_slice(list[i]->name), &rest) &&
            (rest.n == 0 ||
             reflection_named_has(list[i]->method, list[i]->n_method, rest)))
            return true;
    }
    return false;
}

/* symbol: "package.Service", "package.Service.Method", "package.Message.field" ... */
static bool
reflection_file_has(const pb_file *f, struct slice symbol)
{
    struct slice name = symbol;

    if (f->package.len > 0 &&
        (!reflection_cut(symbol, pb_slice(f->package), &name) || name.n == 0))
        return false;
    return reflection_messages_have(f->message_type, f->n_message_type, name) ||
           reflection_services_have(f->service, f->n_service, name) ||
           reflection_enums_have(f->enum_type, f->n_enum_type, name);
}

/* The number of the file that defines symbol; n_files: none does. */
static size_t
reflection_find_symbol(const struct reflection *r, struct slice symbol)
{
    size_t i = 0;

    while (i < r->n_files && !reflection_file_has(r->files[i], symbol))
        i++;
    return i;
}

static size_t
reflection_find_file(const struct reflection *r, struct slice name)
{
    size_t i = 0;

    while (i < r->n_files && !slice_eq(pb_slice(r->files[i]->name), name))
        i++;
    return i;
}

/* Puts file i and all that it imports into the answer, each once. */
static void
reflection_pick(const struct reflection *r, struct reflection_picks *p, size_t i)
{
    size_t order[REFLECTION_FILES_MAX], n = 0;

    order[n++] = i;
    p->seen |= UINT64_C(1) << i;
    for (size_t at = 0; at < n; at++) {
        const pb_file *f = r->files[order[at]];

        p->bytes[p->n++] = r->set->file[order[at]];
        for (size_t k = 0; k < f->n_dependency; k++) {
            size_t dep = reflection_find_file(r, pb_slice(f->dependency[k]));

            if (dep < r->n_files && !(p->seen >> dep & 1)) {
                p->seen |= UINT64_C(1) << dep;
                order[n++] = dep;
            }
        }
    }
}

/* Fills the error_response. */
static void
reflection_say_error(pb_response *answer, Grpc__Reflection__V1__ErrorResponse *e,
                     enum grpc_code code, const char *text)
{
    e->error_code = (int32_t)code;
    e->error_message = pb_data(slice_of(text));
    answer->error_response = e;
    answer->message_response_case = REFLECTION_SAYS(ERROR_RESPONSE);
}

static void
reflection_write_error(pb_response *answer, enum grpc_code code, const char *text,
                       struct strbuf *out)
{
    Grpc__Reflection__V1__ErrorResponse e = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

    reflection_say_error(answer, &e, code, text);
    pb_write(&answer->base, out);
}

static void
reflection_write_file(const struct reflection *r, pb_response *answer, size_t file,
                      const char *not_found, struct strbuf *out)
{
    Grpc__Reflection__V1__FileDescriptorResponse files =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    struct reflection_picks picks = { .n = 0 };

    if (file == r->n_files) {
        reflection_write_error(answer, GRPC_NOT_FOUND, not_found, out);
        return;
    }
    reflection_pick(r, &picks, file);
    files.n_file_descriptor_proto = picks.n;
    files.file_descriptor_proto = picks.bytes;
    answer->file_descriptor_response = &files;
    answer->message_response_case = REFLECTION_SAYS(FILE_DESCRIPTOR_RESPONSE);
    pb_write(&answer->base, out);
}

static void
reflection_write_services(const struct reflection *r, pb_response *answer,
                          struct strbuf *out)
{
    Grpc__Reflection__V1__ListServiceResponse list =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    pb_service_row rows[REFLECTION_SERVICES_MAX];
    pb_service_row *row_at[REFLECTION_SERVICES_MAX];
    struct strbuf names[REFLECTION_SERVICES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < r->n_files; i++) {
        const pb_file *f = r->files[i];

        for (size_t k = 0; k < f->n_service && n < REFLECTION_SERVICES_MAX; k++, n++) {
            strbuf_init(&names[n], 4096);
            pb_add_text(&names[n], f->package);
            if (f->package.len > 0)
                strbuf_puts(&names[n], ".");
            pb_add_text(&names[n], f->service[k]->name);
            rows[n] = (pb_service_row)GRPC__REFLECTION__V1__SERVICE_RESPONSE__INIT;
            rows[n].name = pb_data(slice_make(names[n].s, names[n].len));
            row_at[n] = &rows[n];
        }
    }
    list.n_service = n;
    list.service = row_at;
    answer->list_services_response = &list;
    answer->message_response_case = REFLECTION_SAYS(LIST_SERVICES_RESPONSE);
    pb_write(&answer->base, out);
    for (size_t i = 0; i < n; i++)
        strbuf_done(&names[i]);
}

/* None of our files has extensions (proto3 has them for options only). */
static void
reflection_write_extensions(const struct reflection *r, pb_response *answer,
                            struct slice type, struct strbuf *out)
{
    Grpc__Reflection__V1__ExtensionNumberResponse none =
        GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;

    if (reflection_find_symbol(r, type) == r->n_files) {
        reflection_write_error(answer, GRPC_NOT_FOUND, "unknown type", out);
        return;
    }
    none.base_type_name = pb_data(type);
    answer->all_extension_numbers_response = &none;
    answer->message_response_case = REFLECTION_SAYS(ALL_EXTENSION_NUMBERS_RESPONSE);
    pb_write(&answer->base, out);
}

int
reflection_answer(const struct reflection *r, struct slice request, struct strbuf *out)
{
    pb_response answer = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    pb_request *q = grpc__reflection__v1__server_reflection_request__unpack(
        NULL, request.n, request.p);

    if (!q)
        return ERR_SYNTAX;
    answer.valid_host = q->host;
    answer.original_request = q;
    switch (q->message_request_case) {
    case REFLECTION_ASKS(LIST_SERVICES):
        reflection_write_services(r, &answer, out);
        break;
    case REFLECTION_ASKS(FILE_BY_FILENAME):
        reflection_write_file(r, &answer,
                              reflection_find_file(r, pb_slice(q->file_by_filename)),
                              "unknown file", out);
        break;
    case REFLECTION_ASKS(FILE_CONTAINING_SYMBOL):
        reflection_write_file(
            r, &answer, reflection_find_symbol(r, pb_slice(q->file_containing_symbol)),
            "unknown symbol", out);
        break;
    case REFLECTION_ASKS(FILE_CONTAINING_EXTENSION):
        reflection_write_error(&answer, GRPC_NOT_FOUND, "unknown extension", out);
        break;
    case REFLECTION_ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE):
        reflection_write_extensions(r, &answer,
                                    pb_slice(q->all_extension_numbers_of_type), out);
        break;
    default:
        reflection_write_error(&answer, GRPC_INVALID_ARGUMENT,
                               "this question is not known here", out);
        break;
    }
    grpc__reflection__v1__server_reflection_request__free_unpacked(q, NULL);
    return 0;
}
