/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as a gRPC path and a gRPC content-type. */
#include "grpc/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"

static void
legal_paths_are_split(void **state)
{
    static const struct {
        const char *path, *service, *method;
    } rows[] = {
        { "/helloworld.Greeter/SayHello", "helloworld.Greeter", "SayHello" },
        { "/a/b", "a", "b" },
        { "/A_1.b-c/D.e_f-2", "A_1.b-c", "D.e_f-2" },
        { "/./-", ".", "-" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice path = slice_of(rows[i].path), service, method;

        assert_int_equal(path_split(path, &service, &method), 0);
        assert_true(slice_eq_str(service, rows[i].service));
        assert_true(slice_eq_str(method, rows[i].method));
        assert_ptr_equal(service.p, path.p + 1);
    }
}

static void
other_paths_are_refused(void **state)
{
    static const char *const bad[] = {
        "",       "/",      "//",          "///",      "/a",       "/a/",    "//b",
        "a/b",    "a/b/c",  "/a/b/",       "/a/b/c",   "//a/b",    "/a//b",  "*",
        "/a b/c", "/a/b c", "/a/b?q=1",    "/a?q/b",   "/a/b#f",   "/a/%62", "/a\\b/c",
        "/a/b\n", "/a:1/b", "/\xc3\xa9/b", "/a/b\x7f", "/a/b\xff", "/a,b/c", "/a/(b)",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct slice service = slice_of("old"), method = slice_of("old");

        assert_int_equal(path_split(slice_of(bad[i]), &service, &method), ERR_SYNTAX);
        assert_true(slice_eq_str(service, "old") && slice_eq_str(method, "old"));
    }
    {
        struct slice service, method;

        assert_int_equal(path_split(slice_make("/a/b\0", 5), &service, &method),
                         ERR_SYNTAX);
        assert_int_equal(path_split(slice_make("/a\0/b", 5), &service, &method),
                         ERR_SYNTAX);
        assert_int_equal(path_split(slice_make(NULL, 0), &service, &method), ERR_SYNTAX);
    }
}

static void
content_types_of_grpc_are_known(void **state)
{
    static const char *const good[] = {
        "application/grpc",  "application/grpc+proto", "application/grpc+json",
        "application/grpc+", "application/grpc;v=1",   "Application/gRPC+proto",
        "application/grpc;",
    };
    static const char *const bad[] = {
        "",
        "application/grp",
        "application/grpc-web",
        "application/grpc-web+proto",
        "text/html",
        "application/grpcx",
        " application/grpc",
        "application/grpc ",
        "application/json",
        "application/grpc/",
        "application\x0fgrpc",
        "application/grpc,a",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(content_type_is_grpc(slice_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(content_type_is_grpc(slice_of(bad[i])));
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_paths_are_split),
        cmocka_unit_test(other_paths_are_refused),
        cmocka_unit_test(content_types_of_grpc_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
