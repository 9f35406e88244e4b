/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/main/golden.c - reads and compares. */
#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"

const char *
golden_top(void)
{
    const char *top = getenv("top_srcdir");

    return top && *top ? top : ".";
}

static FILE *
golden_open(const char *name, const char *mode)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", golden_top(), name);
    f = fopen(path, mode);
    if (!f)
        fail_msg("%s cannot be opened; run this from the top of the build tree", path);
    return f;
}

char *
golden_read(const char *name)
{
    size_t n;

    return golden_read_bytes(name, &n);
}

char *
golden_read_bytes(const char *name, size_t *ret_n)
{
    FILE *f = golden_open(name, "r");
    char *text = xmalloc(1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);

    text[n] = '\0';
    *ret_n = n;
    fclose(f);
    return text;
}

void
golden_free(char *text)
{
    xfree(text);
}

void
golden_compare(const char *name, const char *text)
{
    const char *update = getenv("OUT_UPDATE");
    char *want;
    size_t line = 1, i = 0;

    if (update && *update) {
        FILE *f = golden_open(name, "w");

        fputs(text, f);
        assert_int_equal(fclose(f), 0);
        return;
    }
    want = golden_read(name);
    if (strcmp(want, text) != 0) {
        for (; want[i] && want[i] == text[i]; i++)
            line += want[i] == '\n';
        while (i > 0 && want[i - 1] != '\n')
            i--;
        print_error("%s:%zu: differs\nfile:    %.*s\nprogram: %.*s\n"
                    "when the program is right: make update-golden\n",
                    name, line, (int)strcspn(want + i, "\n"), want + i,
                    (int)strcspn(text + i, "\n"), text + i);
        golden_free(want);
        fail();
    }
    golden_free(want);
}
