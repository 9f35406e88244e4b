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
#include "grpc/proto/descriptor_part.pb-c.h"
#include "grpc/proto/reflection.pb-c.h"

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
    Outrigger__DescriptorPart__File *file;

    if (!*file_name) {
        assert_int_equal(answer->message_response_case, 7);
        assert_int_equal(answer->error_response->error_code, 5);
        answer_free(answer);
        return;
    }
    assert_int_equal(answer->message_response_case, 4);
    files = answer->file_descriptor_response;
    assert_int_equal(files->n_file_descriptor_proto, 1);
    file = outrigger__descriptor_part__file__unpack(
        NULL, files->file_descriptor_proto[0].len, files->file_descriptor_proto[0].data);
    assert_non_null(file);
    assert_true(data_is(file->name, file_name));
    outrigger__descriptor_part__file__free_unpacked(file, NULL);
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

/* Three files: c imports a and b, b imports a and a missing one, a imports c: a ring is
 * no reason to hang. */
static void
imports_come_along_each_once(void **state)
{
    static const char set[] = "\x0a\x0f\x0a\x01"
                              "a\x12\x01p\x1a\x01"
                              "c\x22\x04\x0a\x02MA"
                              "\x0a\x12\x0a\x01"
                              "b\x12\x01q\x1a\x01"
                              "a\x1a\x07missing"
                              "\x0a\x12\x0a\x01"
                              "c\x12\x01r\x1a\x01"
                              "a\x1a\x01"
                              "b\x22\x04\x0a\x02MC";
    struct reflection *r;
    pb_response *answer;

    (void)state;
    assert_int_equal(reflection_new(slice_make(set, sizeof(set) - 1), &r), 0);
    answer = ask(r, 4, "r.MC");
    assert_int_equal(answer->message_response_case, 4);
    assert_int_equal(answer->file_descriptor_response->n_file_descriptor_proto, 3);
    answer_free(answer);
    assert_file(ask(r, 4, "r.MA"), "");
    reflection_free(r);
}

static void
what_is_no_file_set_is_refused(void **state)
{
    static const char broken_file[] = "\x0a\x02\x0a\x09";
    static const char empty_files[2 * (REFLECTION_FILES_MAX + 1)];
    char many[sizeof(empty_files)];
    struct reflection *r = NULL;

    (void)state;
    assert_int_equal(reflection_new(slice_of("\x0a\x09x"), &r), ERR_SYNTAX);
    assert_int_equal(reflection_new(slice_make(broken_file, 4), &r), ERR_SYNTAX);
    for (size_t i = 0; i < sizeof(many); i += 2) {
        many[i] = 0x0a;
        many[i + 1] = 0;
    }
    assert_int_equal(reflection_new(slice_make(many, sizeof(many)), &r), ERR_LIMIT);
    assert_null(r);
    assert_int_equal(reflection_new(slice_make(many, sizeof(many) - 2), &r), 0);
    reflection_free(r);
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
        cmocka_unit_test(what_is_no_file_set_is_refused),
    };

    return cmocka_run_group_tests(tests, reflection_start, reflection_stop);
}
