/* SPDX-License-Identifier: Apache-2.0 */
/* Broken config files and, beside each, exactly what the user sees. They are in
 * tests/unit/conf/golden: NAME.json or NAME.yaml, and NAME.txt. `make update-golden` writes the texts. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compat.h"
#include "base/strbuf.h"
#include "conf/snapshot.h"
#include "golden.h"
#include "main/config.h"

enum { FILES_MIN = 120 };

static const char folder[] = "tests/unit/conf/golden";

/* Problems of the file, as printed. */
static void
load(const char *name, struct strbuf *problems)
{
    struct conf_snapshot *s = NULL;
    char path[512];
    char *text;
    size_t n;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    text = golden_read_bytes(path, &n);
    strbuf_init(problems, 1 << 20);
    if (conf_load_text(&config_struct, name, text, n, problems, &s) == 0)
        conf_drop(s);
    golden_free(text);
    if (problems->len == 0)
        fail_msg("%s: nothing was found wrong", name);
}

static int
is_config(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');

    if (dot && strcmp(dot, ".yaml") == 0)
        return strcmp(conf_yaml_version(), "none") != 0;
    return dot && strcmp(dot, ".json") == 0;
}

static void
each_broken_file_is_explained_as_before(void **state)
{
    struct dirent **names;
    char path[1024];
    int n;

    (void)state;
    snprintf(path, sizeof path, "%s/%s", golden_top(), folder);
    n = scandir(path, &names, is_config, alphasort);
    print_message("%d broken files\n", n);
    assert_true(n >= FILES_MIN);
    for (int i = 0; i < n; i++) {
        struct strbuf problems;

        load(names[i]->d_name, &problems);
        snprintf(path, sizeof path, "%s/%.*s.txt", folder,
                 (int)(strrchr(names[i]->d_name, '.') - names[i]->d_name),
                 names[i]->d_name);
        golden_compare(path, problems.s);
        strbuf_done(&problems);
        free(names[i]);
    }
    free(names);
}

/* Each line is for an editor (file:line:column: kind: text [code]), for the eye, or the
 * count at the end. */
static void
each_line_has_one_of_the_known_forms(void **state)
{
    struct dirent **names;
    char path[1024];
    int n;

    (void)state;
    snprintf(path, sizeof path, "%s/%s", golden_top(), folder);
    n = scandir(path, &names, is_config, alphasort);
    assert_true(n >= FILES_MIN);
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        struct strbuf problems;

        load(name, &problems);
        for (const char *line = problems.s; *line;) {
            size_t len = strcspn(line, "\n");
            bool message = strncmp(line, name, strlen(name)) == 0 && line[len - 1] == ']';
            bool excerpt = len > 8 && (line[6] == '|' || line[5] == '|');
            bool count = strspn(line, "0123456789") > 0 && !line[len + 1];

            if (!message && !excerpt && !count)
                fail_msg("%s: %.*s", name, (int)len, line);
            line += len + (line[len] == '\n');
        }
        strbuf_done(&problems);
        free(names[i]);
    }
    free(names);
}

static int
set_variables(void **state)
{
    (void)state;
    setenv("GOLDEN_WORD", "some", 1);
    unsetenv("GOLDEN_UNSET");
    unsetenv("GOLDEN");
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_broken_file_is_explained_as_before),
        cmocka_unit_test(each_line_has_one_of_the_known_forms),
    };

    return cmocka_run_group_tests(tests, set_variables, NULL);
}
