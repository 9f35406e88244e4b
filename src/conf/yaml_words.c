/* SPDX-License-Identifier: Apache-2.0 */
/* conf/yaml_words.c - what libyaml's messages mean for a person who edits a file. */
#include <stdbool.h>
#include <string.h>

#include "conf/yaml.h"

static const struct words {
    const char *said; /* part of libyaml's message */
    bool context;     /* the beginning of the part is shown, not its end */
    const char *text;
} words[] = {
    { "tab character", false, "a tab does not indent in YAML; use spaces" },
    { "mapping values are not allowed", false,
      "this : is one too many: put a value that contains \": \" in quotes, and start each "
      "key in a line of its own, indented like its neighbours" },
    { "could not find expected ':'", false,
      "a key needs a colon and a space behind it: \"key: value\"; look at the line "
      "before, too" },
    { "did not find expected key", false,
      "this line is indented unlike the keys above it, or a value above it needs quotes" },
    { "did not find expected '-' indicator", false,
      "this line is indented unlike the list above it; its items start with \"- \"" },
    { "did not find expected ',' or", false,
      "a comma or a closing bracket is missing before this" },
    { "did not find expected node content", false, "a value is missing before this" },
    { "block sequence entries are not allowed", false,
      "a list cannot start here; put its \"- \" in the next line" },
    { "mapping keys are not allowed", false, "a key cannot start here" },
    { "unexpected end of stream", true, "the string that starts here is never closed" },
    { "unexpected document indicator", true,
      "the string that starts here is not closed before the document ends" },
    { "unknown escape character", false,
      "this string has a \\ escape that YAML does not know; a plain \\ is written \\\\, "
      "or put the string in single quotes" },
    { "expected hexdecimal number", false,
      "\\x, \\u and \\U need 2, 4 and 8 hexadecimal digits" },
    { "invalid Unicode character", false, "there is no character with this number" },
    { "expected alphabetic or numeric", false,
      "a value that starts with * or & needs quotes" },
    { "expected <document start>", false,
      "the config has ended before this: indent it like the keys above, or is there one "
      "closing bracket too many?" },
    { "comment or line break", false,
      "text after | or > starts in the next line; put a value that starts with one of "
      "them in quotes" },
    { "undefined tag handle", false,
      "a value that starts with ! is a tag, which is not read here; put it in quotes" },
    { "while scanning a tag", false,
      "a value that starts with ! is a tag, which is not read here; put it in quotes" },
    { "incompatible YAML document", false, "only YAML 1.1 and 1.2 are read" },
};

const char *
yaml_explain(const char *said, char at, int *ret_context)
{
    *ret_context = 0;
    if (strstr(said, "cannot start any token")) {
        if (at == '\t')
            return words[0].text;
        return "a value cannot start with this character; put it in quotes";
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strstr(said, words[i].said)) {
            *ret_context = words[i].context;
            return words[i].text;
        }
    }
    return NULL;
}
