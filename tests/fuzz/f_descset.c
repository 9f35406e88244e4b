/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a descriptor set from a file. Of a good one every file is found by its name, imports are files of it, and reflection answers; a bad one is refused with a sentence. */
#include <string.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "fuzz.h"
#include "grpc/descset.h"
#include "grpc/reflection.h"

static void
check_imports(const struct descset *d, size_t i)
{
    size_t to;

    for (size_t k = 0; (to = descset_import(d, i, k)) != DESCSET_NONE; k++)
        FUZZ_CHECK(to < descset_files(d));
}

static void
check_services(const struct descset *d)
{
    for (size_t i = 0; i < descset_services(d); i++) {
        const char *name = descset_service(d, i);

        FUZZ_CHECK(name[0] != '\0' && strlen(name) <= DESCSET_NAME_MAX);
        FUZZ_CHECK(descset_find_symbol(d, slice_of(name)) < descset_files(d));
    }
}

/* list_services, and the file of each service. */
static void
check_answers(struct slice set, const struct descset *d)
{
    static const char list[] = "\x3a\x00";
    struct reflection *r;
    struct strbuf out;

    FUZZ_CHECK(reflection_new(set, &r) == ERR_OK);
    strbuf_init(&out, 4 << 20);
    FUZZ_CHECK(reflection_answer(r, slice_make(list, 2), &out) == ERR_OK && out.len > 0);
    for (size_t i = 0; i < descset_services(d); i++) {
        const char *name = descset_service(d, i);
        char request[2 + 127];
        size_t n = strlen(name);

        if (n > 127)
            continue;
        request[0] = 0x22;
        request[1] = (char)n;
        memcpy(request + 2, name, n);
        out.len = 0;
        FUZZ_CHECK(reflection_answer(r, slice_make(request, 2 + n), &out) == ERR_OK);
    }
    strbuf_done(&out);
    reflection_free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice set = slice_make(bytes, n);
    struct descset *d;
    struct strbuf why;

    strbuf_init(&why, 1024);
    if (descset_new(set, &d, &why) == ERR_OK) {
        for (size_t i = 0; i < descset_files(d); i++)
            check_imports(d, i);
        check_services(d);
        check_answers(set, d);
        descset_free(d);
    } else {
        FUZZ_CHECK(why.len > 0 && !why.cut);
    }
    strbuf_done(&why);
    return 0;
}
