/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reflection.c - each question is asked of the sets one after the other; the first that knows answers alone, so that a file comes with the imports of its own set. */
#include "grpc/reflection.h"

#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/descset.h"
#include "grpc/pb.h"
#include "grpc/proto/reflection.pb-c.h"
#include "grpc/status.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest pb_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse pb_response;
typedef Grpc__Reflection__V1__ServiceResponse pb_service_row;

/* The generated names of the oneof cases, short enough to read. */
#define REFLECTION_ASKS(what) \
    GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define REFLECTION_SAYS(what) \
    GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

enum { SET_MORE, SET_OWN, SETS, WHY_MAX = 512 };

struct reflection {
    const struct descset *sets[SETS]; /* NULL: none */
    struct descset *own;
    bool (*listed)(void *arg, const char *service);
    void *arg;
};

/* A file of one of the sets; set NULL: nowhere. */
struct reflection_place {
    const struct descset *set;
    size_t file;
};

int
reflection_new(struct slice file_set, struct reflection **ret)
{
    struct descset *own;
    struct strbuf why;
    int err;

    strbuf_init(&why, WHY_MAX);
    err = descset_new(file_set, &own, &why);
    strbuf_done(&why);
    if (err != ERR_OK)
        return err;
    *ret = xcalloc(1, sizeof(**ret));
    (*ret)->own = own;
    (*ret)->sets[SET_OWN] = own;
    return ERR_OK;
}

void
reflection_free(struct reflection *r)
{
    if (!r)
        return;
    descset_free(r->own);
    xfree(r);
}

void
reflection_set_more(struct reflection *r, const struct descset *more)
{
    r->sets[SET_MORE] = more;
}

void
reflection_set_listed(struct reflection *r,
                      bool (*listed)(void *arg, const char *service), void *arg)
{
    r->listed = listed;
    r->arg = arg;
}

static struct reflection_place
reflection_find(const struct reflection *r, struct slice name,
                size_t (*find)(const struct descset *d, struct slice name))
{
    for (size_t i = 0; i < SETS; i++) {
        size_t file = r->sets[i] ? find(r->sets[i], name) : DESCSET_NONE;

        if (file != DESCSET_NONE)
            return (struct reflection_place){ r->sets[i], file };
    }
    return (struct reflection_place){ NULL, 0 };
}

static struct reflection_place
reflection_find_extension(const struct reflection *r, struct slice type, int32_t number)
{
    for (size_t i = 0; i < SETS && number > 0; i++) {
        size_t file = DESCSET_NONE;

        if (r->sets[i])
            file = descset_find_extension(r->sets[i], type, (uint32_t)number);
        if (file != DESCSET_NONE)
            return (struct reflection_place){ r->sets[i], file };
    }
    return (struct reflection_place){ NULL, 0 };
}

/* --- answers --------------------------------------------------------------------------- */

static void
reflection_write_error(pb_response *answer, enum grpc_code code, const char *text,
                       struct strbuf *out)
{
    Grpc__Reflection__V1__ErrorResponse e = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

    e.error_code = (int32_t)code;
    e.error_message = pb_data(slice_of(text));
    answer->error_response = &e;
    answer->message_response_case = REFLECTION_SAYS(ERROR_RESPONSE);
    pb_write(&answer->base, out);
}

/* Puts the file and all that it imports into bytes, each once; just the file when that is too much. order, seen: a place for each file of the set. Returns how many. */
static size_t
reflection_pick(struct reflection_place at, ProtobufCBinaryData *bytes, size_t *order,
                bool *seen)
{
    size_t n = 0, sum = 0;

    order[n++] = at.file;
    seen[at.file] = true;
    for (size_t i = 0; i < n; i++) {
        size_t dep;

        bytes[i] = pb_data(descset_file(at.set, order[i]));
        sum += bytes[i].len;
        if (sum > REFLECTION_ANSWER_MAX)
            return 1;
        for (size_t k = 0; (dep = descset_import(at.set, order[i], k)) != DESCSET_NONE;
             k++) {
            if (!seen[dep])
                order[n++] = dep;
            seen[dep] = true;
        }
    }
    return n;
}

static void
reflection_write_file(pb_response *answer, struct reflection_place at,
                      const char *not_found, struct strbuf *out)
{
    Grpc__Reflection__V1__FileDescriptorResponse files =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    size_t n = at.set ? descset_files(at.set) : 0, *order;
    bool *seen;

    if (!at.set) {
        reflection_write_error(answer, GRPC_NOT_FOUND, not_found, out);
        return;
    }
    order = xcalloc(n, sizeof(*order));
    seen = xcalloc(n, sizeof(*seen));
    files.file_descriptor_proto = xcalloc(n, sizeof(*files.file_descriptor_proto));
    files.n_file_descriptor_proto =
        reflection_pick(at, files.file_descriptor_proto, order, seen);
    answer->file_descriptor_response = &files;
    answer->message_response_case = REFLECTION_SAYS(FILE_DESCRIPTOR_RESPONSE);
    pb_write(&answer->base, out);
    xfree(files.file_descriptor_proto);
    xfree(seen);
    xfree(order);
}

/* Of the further files, whether our own list has it, too. */
static bool
reflection_lists(const struct reflection *r, size_t set, const char *name)
{
    bool own = descset_find_symbol(r->own, slice_of(name)) != DESCSET_NONE &&
               (!r->listed || r->listed(r->arg, name));

    return set == SET_OWN ? own : !own;
}

static void
reflection_write_services(const struct reflection *r, pb_response *answer,
                          struct strbuf *out)
{
    Grpc__Reflection__V1__ListServiceResponse list =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    pb_service_row *rows = xcalloc(SETS * DESCSET_SERVICES_MAX, sizeof(*rows));

    list.service = xcalloc(SETS * DESCSET_SERVICES_MAX, sizeof(*list.service));
    for (size_t i = 0; i < SETS; i++) {
        const struct descset *d = r->sets[i];

        for (size_t k = 0; d && k < descset_services(d); k++) {
            const char *name = descset_service(d, k);
            pb_service_row *row = &rows[list.n_service];

            if (!reflection_lists(r, i, name))
                continue;
            *row = (pb_service_row)GRPC__REFLECTION__V1__SERVICE_RESPONSE__INIT;
            row->name = pb_data(slice_of(name));
            list.service[list.n_service++] = row;
        }
    }
    answer->list_services_response = &list;
    answer->message_response_case = REFLECTION_SAYS(LIST_SERVICES_RESPONSE);
    pb_write(&answer->base, out);
    xfree(list.service);
    xfree(rows);
}

static void
reflection_write_extensions(const struct reflection *r, pb_response *answer,
                            struct slice type, struct strbuf *out)
{
    Grpc__Reflection__V1__ExtensionNumberResponse e =
        GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
    struct reflection_place at = reflection_find(r, type, descset_find_symbol);
    uint32_t number;
    size_t room = 0;

    if (!at.set) {
        reflection_write_error(answer, GRPC_NOT_FOUND, "unknown type", out);
        return;
    }
    while (descset_extension_number(at.set, type, e.n_extension_number, &number)) {
        if (e.n_extension_number == room) {
            room = room ? 2 * room : 64;
            e.extension_number =
                xrealloc(e.extension_number, room * sizeof(*e.extension_number));
        }
        e.extension_number[e.n_extension_number++] = (int32_t)number;
    }
    e.base_type_name = pb_data(type);
    answer->all_extension_numbers_response = &e;
    answer->message_response_case = REFLECTION_SAYS(ALL_EXTENSION_NUMBERS_RESPONSE);
    pb_write(&answer->base, out);
    xfree(e.extension_number);
}

/* The request may come without the message inside. */
static struct reflection_place
reflection_find_asked_extension(const struct reflection *r, const pb_request *q)
{
    const Grpc__Reflection__V1__ExtensionRequest *e = q->file_containing_extension;

    return e ? reflection_find_extension(r, pb_slice(e->containing_type),
                                         e->extension_number)
             : (struct reflection_place){ NULL, 0 };
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
        reflection_write_file(
            &answer, reflection_find(r, pb_slice(q->file_by_filename), descset_find_file),
            "unknown file", out);
        break;
    case REFLECTION_ASKS(FILE_CONTAINING_SYMBOL):
        reflection_write_file(
            &answer,
            reflection_find(r, pb_slice(q->file_containing_symbol), descset_find_symbol),
            "unknown symbol", out);
        break;
    case REFLECTION_ASKS(FILE_CONTAINING_EXTENSION):
        reflection_write_file(&answer, reflection_find_asked_extension(r, q),
                              "unknown extension", out);
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
