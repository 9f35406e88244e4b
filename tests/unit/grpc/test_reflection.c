/* SPDX-License-Identifier: Apache-2.0 */
/* Server reflection out of the descriptors that the build embeds. */
#include "grpc/reflection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/descriptors.h"
#include "grpc/descset.h"
#include "grpc/pb.h"
#include "grpc/proto/reflection.pb-c.h"
#include "grpc/wire.h"

typedef Grpc__Reflection__V1__ServerReflectionResponse pb_response;

static struct reflection *reflection;

static int
reflection_start(void **state)
{
    (void)state;
    return reflection_new(descriptors_get(), &reflection);
}

static int
reflection_stop(void **state)
{
    (void)state;
    reflection_free(reflection);
    return 0;
}

/* Asks with one text field of the request; the caller frees the answer. */
static pb_response *
ask(const struct reflection *r, unsigned field, const char *text)
{
    char request[300];
    struct strbuf out;
    pb_response *answer;

    assert_true(strlen(text) < 128);
    snprintf(request, sizeof(request), "%c%c%s", (int)(field << 3 | 2), (int)strlen(text),
             text);
    strbuf_init(&out, 1 << 20);
    assert_int_equal(reflection_answer(r, slice_make(request, 2 + strlen(text)), &out),
                     0);
    answer = grpc__reflection__v1__server_reflection_response__unpack(
        NULL, out.len, (const uint8_t *)out.s);
    assert_non_null(answer);
    strbuf_done(&out);
    return answer;
}

static void
answer_free(pb_response *answer)
{
    grpc__reflection__v1__server_reflection_response__free_unpacked(answer, NULL);
}

static bool
data_is(ProtobufCBinaryData d, const char *text)
{
    return slice_eq_str(slice_make(d.data, d.len), text);
}

static void
services_are_listed_with_their_package(void **state)
{
    static const char *const want[] = {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "helloworld.Greeter",
        "outrigger.demo.Echo",
    };
    pb_response *answer = ask(reflection, 7, "*");
    const Grpc__Reflection__V1__ListServiceResponse *list =
        answer->list_services_response;

    (void)state;
    assert_int_equal(answer->message_response_case, 6);
    assert_int_equal(list->n_service, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_true(data_is(list->service[i]->name, want[i]));
    assert_true(data_is(answer->original_request->list_services, "*"));
    answer_free(answer);
}

/* The answer is this one file; "" means an error_response with NOT_FOUND. */
static void
assert_file(pb_response *answer, const char *file_name)
{
    const Grpc__Reflection__V1__FileDescriptorResponse *files;
    struct slice rest;
    struct wire_field name;

    if (!*file_name) {
        assert_int_equal(answer->message_response_case, 7);
        assert_int_equal(answer->error_response->error_code, 5);
        answer_free(answer);
        return;
    }
    assert_int_equal(answer->message_response_case, 4);
    files = answer->file_descriptor_response;
    assert_int_equal(files->n_file_descriptor_proto, 1);
    rest = pb_slice(files->file_descriptor_proto[0]);
    assert_int_equal(wire_next(&rest, &name), WIRE_FIELD);
    assert_true(name.number == 1 && slice_eq_str(name.bytes, file_name));
    answer_free(answer);
}

static void
symbols_lead_to_their_file(void **state)
{
    static const struct {
        const char *symbol, *file;
    } rows[] = {
        { "helloworld.Greeter", "helloworld.proto" },
        { "helloworld.Greeter.SayHello", "helloworld.proto" },
        { "helloworld.HelloRequest", "helloworld.proto" },
        { "helloworld.HelloRequest.name", "helloworld.proto" },
        { "outrigger.demo.Echo.BidiStream", "outrigger/demo/echo.proto" },
        { "grpc.health.v1.Health", "grpc/health/v1/health.proto" },
        { "grpc.health.v1.HealthCheckResponse.ServingStatus",
          "grpc/health/v1/health.proto" },
        { "grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto" },
        { "grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto" },
        { "grpc.reflection.v1alpha.ServerReflection",
          "grpc/reflection/v1alpha/reflection.proto" },
        { "helloworld", "" },
        { "helloworld.", "" },
        { "helloworld.Greeter.", "" },
        { "helloworld.Greeter.Nope", "" },
        { "helloworld.Greet", "" },
        { "Greeter", "" },
        { "grpc.health.v1.SERVING", "" },
        { "grpc.health", "" },
        { "", "" },
        { ".", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_file(ask(reflection, 4, rows[i].symbol), rows[i].file);
}

static void
files_are_found_by_their_public_name(void **state)
{
    (void)state;
    assert_file(ask(reflection, 3, "grpc/health/v1/health.proto"),
                "grpc/health/v1/health.proto");
    assert_file(ask(reflection, 3, "health.proto"), "");
}

static void
extensions_are_none(void **state)
{
    static const char by_extension[] = "\x2a\x04\x0a\x02xy";
    pb_response *answer = ask(reflection, 6, "helloworld.HelloRequest");
    struct strbuf out;

    (void)state;
    assert_int_equal(answer->message_response_case, 5);
    assert_int_equal(answer->all_extension_numbers_response->n_extension_number, 0);
    assert_true(data_is(answer->all_extension_numbers_response->base_type_name,
                        "helloworld.HelloRequest"));
    answer_free(answer);
    assert_file(ask(reflection, 6, "helloworld.Nope"), "");
    strbuf_init(&out, 4096);
    assert_int_equal(reflection_answer(reflection,
                                       slice_make(by_extension, sizeof(by_extension) - 1),
                                       &out),
                     0);
    assert_true(out.len > 0);
    strbuf_done(&out);
}

static void
a_request_without_question_gets_an_error_inside_a_good_answer(void **state)
{
    pb_response *answer = ask(reflection, 1, "host.example");

    (void)state;
    assert_int_equal(answer->message_response_case, 7);
    assert_int_equal(answer->error_response->error_code, 3);
    assert_true(data_is(answer->valid_host, "host.example"));
    answer_free(answer);
}

static void
a_broken_request_is_refused(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, 4096);
    assert_int_equal(reflection_answer(reflection, slice_make("\x3a\x09x", 3), &out),
                     ERR_SYNTAX);
    assert_int_equal(out.len, 0);
    strbuf_done(&out);
}

/* Three files: c imports a and b, b imports a, a imports c: a ring is
 * no reason to hang. */
static const char ring[] = "\x0a\x0f\x0a\x01"
                           "a\x12\x01p\x1a\x01"
                           "c\x22\x04\x0a\x02MA"
                           "\x0a\x09\x0a\x01"
                           "b\x12\x01q\x1a\x01"
                           "a"
                           "\x0a\x12\x0a\x01"
                           "c\x12\x01r\x1a\x01"
                           "a\x1a\x01"
                           "b\x22\x04\x0a\x02MC";

static void
imports_come_along_each_once(void **state)
{
    struct reflection *r;
    pb_response *answer;

    (void)state;
    assert_int_equal(reflection_new(slice_make(ring, sizeof(ring) - 1), &r), 0);
    answer = ask(r, 4, "r.MC");
    assert_int_equal(answer->message_response_case, 4);
    assert_int_equal(answer->file_descriptor_response->n_file_descriptor_proto, 3);
    answer_free(answer);
    assert_file(ask(r, 4, "r.M"), "");
    reflection_free(r);
}

/* Two files of more than half of an answer: "a" imports "b". */
static void
what_would_be_too_much_comes_one_by_one(void **state)
{
    enum { PAD = REFLECTION_ANSWER_MAX / 2 };
    static char set[2 * PAD + 64];
    static const uint8_t head[] = { 0x0a, 0x8b, 0x80, 0x20, 0x0a, 0x01, 'a', 0x1a,
                                    0x01, 'b',  0x9a, 0x06, 0x80, 0x80, 0x20 };
    static const uint8_t head_b[] = { 0x0a, 0x88, 0x80, 0x20, 0x0a, 0x01,
                                      'b',  0x9a, 0x06, 0x80, 0x80, 0x20 };
    size_t n = 0;
    struct reflection *r;
    pb_response *answer;

    (void)state;
    memcpy(set, head, sizeof(head));
    n = sizeof(head) + PAD;
    memcpy(set + n, head_b, sizeof(head_b));
    n += sizeof(head_b) + PAD;
    assert_int_equal(reflection_new(slice_make(set, n), &r), 0);
    answer = ask(r, 3, "a");
    assert_int_equal(answer->message_response_case, 4);
    assert_int_equal(answer->file_descriptor_response->n_file_descriptor_proto, 1);
    answer_free(answer);
    answer = ask(r, 3, "b");
    assert_int_equal(answer->message_response_case, 4);
    answer_free(answer);
    reflection_free(r);
}

static bool
only_the_greeter(void *arg, const char *service)
{
    (void)arg;
    return strcmp(service, "helloworld.Greeter") == 0;
}

static size_t
services_listed(const struct reflection *r)
{
    pb_response *answer = ask(r, 7, "");
    size_t n = answer->list_services_response->n_service;

    answer_free(answer);
    return n;
}

/* What both have is found in the further files and listed once. */
static void
further_files_are_asked_first(void **state)
{
    struct reflection *r;
    struct descset *more;
    struct strbuf why;

    (void)state;
    strbuf_init(&why, 1024);
    assert_int_equal(reflection_new(descriptors_get(), &r), 0);
    reflection_set_listed(r, only_the_greeter, NULL);
    assert_int_equal(services_listed(r), 1);
    assert_file(ask(r, 4, "grpc.channelz.v1.Socket"), "");
    assert_int_equal(descset_new(descriptors_admin_get(), &more, &why), 0);
    reflection_set_more(r, more);
    assert_int_equal(services_listed(r), 1 + 3);
    assert_file(ask(r, 4, "helloworld.Greeter"), "helloworld.proto");
    assert_file(ask(r, 3, "google/protobuf/any.proto"), "google/protobuf/any.proto");
    reflection_set_listed(r, NULL, NULL);
    assert_int_equal(services_listed(r), 5 + 1); /* two of reflection are in both */
    reflection_set_more(r, NULL);
    assert_file(ask(r, 3, "google/protobuf/any.proto"), "");
    descset_free(more);
    reflection_free(r);
    strbuf_done(&why);
}

static void
what_is_no_file_set_is_refused(void **state)
{
    struct reflection *r = NULL;

    (void)state;
    assert_int_equal(reflection_new(slice_of("\x0a\x09x"), &r), ERR_SYNTAX);
    assert_null(r);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_are_listed_with_their_package),
        cmocka_unit_test(symbols_lead_to_their_file),
        cmocka_unit_test(files_are_found_by_their_public_name),
        cmocka_unit_test(extensions_are_none),
        cmocka_unit_test(a_request_without_question_gets_an_error_inside_a_good_answer),
        cmocka_unit_test(a_broken_request_is_refused),
        cmocka_unit_test(imports_come_along_each_once),
        cmocka_unit_test(what_would_be_too_much_comes_one_by_one),
        cmocka_unit_test(further_files_are_asked_first),
        cmocka_unit_test(what_is_no_file_set_is_refused),
    };

    return cmocka_run_group_tests(tests, reflection_start, reflection_stop);
}
