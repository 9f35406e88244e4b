/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor sets: what is found in a good one, and what is said of a bad one. */
#include "grpc/descset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "grpc/descriptors.h"
#include "grpc/wire.h"

enum { SET_MAX = 32 << 20 };

/* --- messages by hand ------------------------------------------------------------------- */

static void
put_varint(struct strbuf *out, uint64_t v)
{
    char c;

    for (; v >= 0x80; v >>= 7) {
        c = (char)(v | 0x80);
        strbuf_add(out, &c, 1);
    }
    c = (char)v;
    strbuf_add(out, &c, 1);
}

static void
put_bytes(struct strbuf *out, unsigned field, const char *p, size_t n)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, n);
    strbuf_add(out, p, n);
}

static void
put_text(struct strbuf *out, unsigned field, const char *text)
{
    put_bytes(out, field, text, strlen(text));
}

/* Appends inner as a field of out and frees it. */
static void
put_message(struct strbuf *out, unsigned field, struct strbuf *inner)
{
    put_bytes(out, field, inner->s ? inner->s : "", inner->len);
    strbuf_done(inner);
}

static struct strbuf
begin(unsigned name_field, const char *name)
{
    struct strbuf m;

    strbuf_init(&m, SET_MAX);
    put_text(&m, name_field, name);
    return m;
}

/* A field that extends a type by a number. */
static void
put_extension(struct strbuf *out, unsigned field, const char *name, const char *type,
              unsigned number)
{
    struct strbuf e = begin(1, name);

    put_text(&e, 2, type);
    put_varint(&e, 3 << 3);
    put_varint(&e, number);
    put_message(out, field, &e);
}

static void
put_file(struct strbuf *set, const char *name, const char *import)
{
    struct strbuf file = begin(1, name);

    put_text(&file, 2, "p");
    if (import)
        put_text(&file, 3, import);
    put_message(set, 1, &file);
}

static struct slice
slice_of_buf(const struct strbuf *b)
{
    return slice_make(b->s, b->len);
}

/* --- good ones -------------------------------------------------------------------------- */

static bool
file_is(const struct descset *d, size_t i, const char *name)
{
    struct slice rest;
    struct wire_field f;

    if (i == DESCSET_NONE)
        return !*name;
    rest = descset_file(d, i);
    while (wire_next(&rest, &f) == WIRE_FIELD) {
        if (f.number == 1)
            return slice_eq_str(f.bytes, name);
    }
    return false;
}

static void
every_kind_of_name_leads_to_its_file(void **state)
{
    static const struct {
        const char *symbol, *file;
    } rows[] = {
        { "grpc.channelz.v1.Channelz", "grpc/channelz/v1/channelz.proto" },
        { "grpc.channelz.v1.Channelz.GetSocket", "grpc/channelz/v1/channelz.proto" },
        { "grpc.channelz.v1.Address.TcpIpAddress.port",
          "grpc/channelz/v1/channelz.proto" },
        { "grpc.channelz.v1.ChannelConnectivityState.State",
          "grpc/channelz/v1/channelz.proto" },
        { "grpc.channelz.v1.ChannelConnectivityState.READY",
          "grpc/channelz/v1/channelz.proto" },
        { "google.protobuf.Int64Value", "google/protobuf/wrappers.proto" },
        { "grpc.channelz.v1.ChannelConnectivityState.State.READY", "" },
        { "grpc.channelz.v1", "" },
        { "grpc.channelz.v1.", "" },
        { "Channelz", "" },
        { ".grpc.channelz.v1.Channelz", "" },
        { "", "" },
    };
    struct descset *d;
    struct strbuf why;

    (void)state;
    strbuf_init(&why, 1024);
    assert_int_equal(descset_new(descriptors_admin_get(), &d, &why), ERR_OK);
    assert_int_equal(why.len, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(
            file_is(d, descset_find_symbol(d, slice_of(rows[i].symbol)), rows[i].file));
    assert_int_equal(descset_services(d), 3);
    assert_string_equal(descset_service(d, 2), "grpc.channelz.v1.Channelz");
    descset_free(d);
    strbuf_done(&why);
}

static void
imports_are_known_by_their_place(void **state)
{
    struct descset *d;
    struct strbuf set, why;

    (void)state;
    strbuf_init(&set, SET_MAX);
    strbuf_init(&why, 1024);
    put_file(&set, "a", "c"); /* a ring of three, in any order */
    put_file(&set, "b", "a");
    put_file(&set, "c", "b");
    assert_int_equal(descset_new(slice_of_buf(&set), &d, &why), ERR_OK);
    assert_int_equal(descset_files(d), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(descset_import(d, i, 0), (i + 2) % 3);
        assert_int_equal(descset_import(d, i, 1), DESCSET_NONE);
    }
    assert_int_equal(descset_find_file(d, slice_of("b")), 1);
    assert_int_equal(descset_find_file(d, slice_of("d")), DESCSET_NONE);
    descset_free(d);
    strbuf_done(&why);
    strbuf_done(&set);
}

/* Of a file and of a message in it. Their own names are names, too. */
static void
extensions_are_found_by_type_and_number(void **state)
{
    struct strbuf set, file = begin(1, "x.proto"), message = begin(1, "M"), why;
    struct descset *d;
    uint32_t number;

    (void)state;
    strbuf_init(&set, SET_MAX);
    strbuf_init(&why, 1024);
    put_text(&file, 2, "p");
    put_extension(&message, 6, "inside", ".p.M", 105);
    put_message(&file, 4, &message);
    put_extension(&file, 7, "late", ".p.M", 101);
    put_extension(&file, 7, "other", ".q.N", 7);
    put_message(&set, 1, &file);
    assert_int_equal(descset_new(slice_of_buf(&set), &d, &why), ERR_OK);
    assert_int_equal(descset_find_extension(d, slice_of("p.M"), 105), 0);
    assert_int_equal(descset_find_extension(d, slice_of("p.M"), 7), DESCSET_NONE);
    assert_int_equal(descset_find_extension(d, slice_of("q.N"), 7), 0);
    assert_true(descset_extension_number(d, slice_of("p.M"), 0, &number));
    assert_int_equal(number, 101);
    assert_true(descset_extension_number(d, slice_of("p.M"), 1, &number));
    assert_int_equal(number, 105);
    assert_false(descset_extension_number(d, slice_of("p.M"), 2, &number));
    assert_false(descset_extension_number(d, slice_of("p.X"), 0, &number));
    assert_int_equal(descset_find_symbol(d, slice_of("p.M.inside")), 0);
    assert_int_equal(descset_find_symbol(d, slice_of("p.late")), 0);
    descset_free(d);
    strbuf_done(&why);
    strbuf_done(&set);
}

static void
without_a_package_names_stand_alone(void **state)
{
    struct strbuf set, file = begin(1, "x.proto"), service = begin(1, "S"), why;
    struct descset *d;

    (void)state;
    strbuf_init(&set, SET_MAX);
    strbuf_init(&why, 1024);
    put_message(&file, 6, &service);
    put_message(&set, 1, &file);
    assert_int_equal(descset_new(slice_of_buf(&set), &d, &why), ERR_OK);
    assert_string_equal(descset_service(d, 0), "S");
    assert_int_equal(descset_find_symbol(d, slice_of("S")), 0);
    assert_int_equal(descset_find_symbol(d, slice_of(".S")), DESCSET_NONE);
    descset_free(d);
    strbuf_done(&why);
    strbuf_done(&set);
}

/* --- bad ones --------------------------------------------------------------------------- */

static void
assert_refused(struct slice bytes, int err, const char *words)
{
    struct descset *d = NULL;
    struct strbuf why;

    strbuf_init(&why, 1024);
    assert_int_equal(descset_new(bytes, &d, &why), err);
    assert_null(d);
    assert_non_null(strstr(why.s, words));
    strbuf_done(&why);
}

static void
assert_set_refused(struct strbuf *set, int err, const char *words)
{
    assert_refused(slice_of_buf(set), err, words);
    strbuf_done(set);
}

static void
what_is_no_set_is_refused_with_advice(void **state)
{
    struct strbuf set, nameless;

    (void)state;
    strbuf_init(&set, SET_MAX);
    assert_refused(slice_of(""), ERR_SYNTAX, "no file in it");
    assert_refused(slice_of("{}"), ERR_SYNTAX, "no descriptor set");
    assert_refused(slice_of("\x0a\x09x"), ERR_SYNTAX, "--descriptor_set_out");
    assert_refused(slice_make("\x0a\x00", 2), ERR_SYNTAX, "no name");
    assert_refused(slice_make("\x0a\x02\x0a\x09", 4), ERR_SYNTAX, "no descriptor set");
    nameless = begin(1, "x.proto");
    put_text(&nameless, 4, ""); /* a message without a name */
    put_message(&set, 1, &nameless);
    assert_set_refused(&set, ERR_SYNTAX, "no name");
}

static void
a_file_twice_or_missing_is_named(void **state)
{
    struct strbuf set;

    (void)state;
    strbuf_init(&set, SET_MAX);
    put_file(&set, "a.proto", NULL);
    put_file(&set, "b.proto", NULL);
    put_file(&set, "a.proto", NULL);
    assert_set_refused(&set, ERR_SYNTAX, "two files named a.proto");
    strbuf_init(&set, SET_MAX);
    put_file(&set, "a.proto", "bad\nname.proto");
    assert_set_refused(&set, ERR_SYNTAX, "bad?name.proto is imported and not in it");
}

static void
bounds_hold(void **state)
{
    struct strbuf set, deep, file;
    char *large = xcalloc(1, DESCSET_FILE_MAX);

    (void)state;
    strbuf_init(&set, SET_MAX);
    for (size_t i = 0; i <= DESCSET_FILES_MAX; i++)
        put_text(&set, 1, "");
    assert_set_refused(&set, ERR_LIMIT, "too many files");

    strbuf_init(&set, SET_MAX);
    file = begin(1, "x.proto");
    put_bytes(&file, 99, large, DESCSET_FILE_MAX);
    put_message(&set, 1, &file);
    assert_set_refused(&set, ERR_LIMIT, "larger than");
    xfree(large);

    strbuf_init(&set, SET_MAX);
    deep = begin(1, "M");
    for (size_t i = 0; i <= DESCSET_DEPTH_MAX; i++) {
        struct strbuf around = begin(1, "M");

        put_message(&around, 3, &deep);
        deep = around;
    }
    file = begin(1, "x.proto");
    put_message(&file, 4, &deep);
    put_message(&set, 1, &file);
    assert_set_refused(&set, ERR_LIMIT, "types inside of types");

    strbuf_init(&set, SET_MAX);
    for (size_t i = 0; i < 3; i++) {
        char name[] = { (char)('a' + (char)i), '\0' };

        file = begin(1, name);
        for (size_t k = 0; k <= DESCSET_NAMES_MAX / 3; k++)
            put_text(&file, 5,
                     "\x0a\x01"
                     "E"); /* an enum */
        put_message(&set, 1, &file);
    }
    assert_set_refused(&set, ERR_LIMIT, "more names");
}

static void
numbers_of_all_forms_are_read(void **state)
{
    static const char all[] = "\x08\xac\x02"
                              "\x15\x01\x00\x00\x00"
                              "\x19\x02\x00\x00\x00\x00\x00\x00\x80"
                              "\x22\x02hi";
    static const char *const bad[] = {
        "\x0b",     "\x07",     "\x0a\x05hi",
        "\x15\x01", "\x19\x01", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    };
    struct slice rest = slice_make(all, sizeof(all) - 1);
    struct wire_field f;

    (void)state;
    assert_int_equal(wire_next(&rest, &f), WIRE_FIELD);
    assert_true(f.number == 1 && !f.is_bytes && f.value == 300);
    assert_int_equal(wire_next(&rest, &f), WIRE_FIELD);
    assert_true(f.number == 2 && f.value == 1);
    assert_int_equal(wire_next(&rest, &f), WIRE_FIELD);
    assert_true(f.number == 3 && f.value == (UINT64_C(1) << 63 | 2));
    assert_int_equal(wire_next(&rest, &f), WIRE_FIELD);
    assert_true(f.number == 4 && f.is_bytes && slice_eq_str(f.bytes, "hi"));
    assert_int_equal(wire_next(&rest, &f), WIRE_END);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rest = slice_of(bad[i]);
        assert_int_equal(wire_next(&rest, &f), WIRE_BAD);
    }
    rest = slice_make("\x00\x00", 2); /* field 0 */
    assert_int_equal(wire_next(&rest, &f), WIRE_BAD);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_name_leads_to_its_file),
        cmocka_unit_test(imports_are_known_by_their_place),
        cmocka_unit_test(extensions_are_found_by_type_and_number),
        cmocka_unit_test(without_a_package_names_stand_alone),
        cmocka_unit_test(what_is_no_set_is_refused_with_advice),
        cmocka_unit_test(a_file_twice_or_missing_is_named),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(numbers_of_all_forms_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
