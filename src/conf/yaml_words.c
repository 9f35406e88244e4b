/* SPDX-License-Identifier: Apache-2.0 */
/* conf/yaml_words.c - what libyaml's messages mean for a person who edits a file. */
#include <string.h>

#include "conf/yaml.h"

static const struct yaml_words words[] = {
    { "tab character", false, false, "a tab does not indent in YAML; use spaces" },
    { "mapping values are not allowed", false, false,
      "this : is one too many: put a value that contains \": \" in quotes, and start "
      "each "
      "key in a line of its own, indented like its neighbours" },
    { "could not find expected ':'", false, false,
      "a key needs a colon and a space behind it: \"key: value\"; look at the line "
      "before, too" },
    { "did not find expected key", false, false,
      "this line is indented unlike the keys above it, or a value above it needs "
      "quotes" },
    { "did not find expected '-' indicator", false, false,
      "this line is indented unlike the list above it; its items start with \"- \"" },
    { "did not find expected ',' or", false, true, NULL },
    { "did not find expected node content", false, false,
      "a value is missing before this; text that starts with [ or { needs quotes" },
    { "block sequence entries are not allowed", false, false,
      "a list cannot start here; put its \"- \" in the next line" },
    { "mapping keys are not allowed", false, false, "a key cannot start here" },
    { "unexpected end of stream", true, false,
      "the string that starts here is never closed" },
    { "unexpected document indicator", true, false,
      "the string that starts here is not closed before the document ends" },
    { "unknown escape character", false, false,
      "this string has a \\ escape that YAML does not know; a plain \\ is written \\\\, "
      "or put the string in single quotes" },
    { "expected hexdecimal number", false, false,
      "\\x, \\u and \\U need 2, 4 and 8 hexadecimal digits" },
    { "invalid Unicode character", false, false,
      "there is no character with this number" },
    { "expected alphabetic or numeric", false, false,
      "a value that starts with * or & needs quotes" },
    { "expected <document start>", false, false,
      "the config has ended before this: indent it like the keys above, or is there one "
      "closing bracket too many?" },
    { "comment or line break", false, false,
      "text after | or > starts in the next line; put a value that starts with one of "
      "them in quotes" },
    { "undefined tag handle", false, false,
      "a value that starts with ! is a tag, which is not read here; put it in quotes" },
    { "while scanning a tag", false, false,
      "a value that starts with ! is a tag, which is not read here; put it in quotes" },
    { "incompatible YAML document", false, false, "only YAML 1.1 and 1.2 are read" },
};

static const struct yaml_words tab = { "", false, false,
                                       "a tab does not indent in YAML; use spaces" };
static const struct yaml_words start = {
    "", false, false, "a value cannot start with this character; put it in quotes"
};

const struct yaml_words *
yaml_words_find(const char *said, char at)
{
    if (strstr(said, "cannot start any token"))
        return at == '\t' ? &tab : &start;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strstr(said, words[i].said))
            return &words[i];
    }
    return NULL;
}
