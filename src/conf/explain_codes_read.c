/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes_read.c - codes of problems with one value, or with the text itself (E01). A code is never reused. */
#include "conf/explain_codes.h"

const struct explain_code explain_codes_read[] = {
    { .code = "E0101",
      .title = "the file cannot be read",
      .text = "Check the path and the permissions of the user that runs the program. The "
              "name - stands for standard input." },
    { .code = "E0102",
      .title = "the config is too large",
      .text = "A file may have 4 MiB, and all strings and lists in it 64 MiB in memory. "
              "Leave out what is generated twice, "
              "or run several instances." },
    { .code = "E0103",
      .title = "nested too deeply",
      .text = "Brackets may be nested 32 deep; no valid config needs more than 8. Look "
              "for brackets that are never closed." },
    { .code = "E0104",
      .title = "not JSON",
      .text = "The file is JSON with // and /* */ comments; a comma before a closing "
              "bracket is allowed. Keys and strings "
              "need double quotes, and a comma stands between two parts. The error "
              "points at the first place that cannot be "
              "read; the cause is often just before it.",
      .bad = "\"workers\": 2\n\"log\": { \"level\": \"info\" }",
      .good = "\"workers\": 2,\n\"log\": { \"level\": \"info\" }" },
    { .code = "E0105",
      .title = "a string that JSON does not allow",
      .text = "In a string, \\ starts an escape: \\\\ is a backslash, \\t a tab, \\n a "
              "new line, \\u00e9 any character. The file "
              "must be UTF-8.",
      .bad = "\"x-note\": \"C:\\data\"",
      .good = "\"x-note\": \"C:\\\\data\"" },
    { .code = "E0106",
      .title = "a key is written twice",
      .text = "An object has each key once. Many JSON readers would silently take the "
              "last one; that hides mistakes.",
      .bad = "\"workers\": 1,\n\"workers\": 2",
      .good = "\"workers\": 2" },
    { .code = "E0107",
      .title = "unknown key",
      .text = "Keys are spelled exactly as in the manual, in camelCase. A key that is "
              "not known is an error, since it is nearly "
              "always a misspelt one. For notes of your own use keys that start with x-; "
              "they are allowed everywhere.",
      .bad = "\"worker\": 2",
      .good = "\"workers\": 2,\n\"x-note\": \"one per core\"" },
    { .code = "E0108",
      .title = "a key is missing",
      .text = "The object needs this key; there is no good default for it.",
      .bad = "\"pools\": [{ \"endpoints\": [\"127.0.0.1:50051\"] }]",
      .good =
          "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"] }]" },
    { .code = "E0109",
      .title = "wrong type",
      .text = "The value is of another type than the key has. Numbers and true/false are "
              "written without quotes. null is never "
              "a value: leave the key out to get its default.",
      .bad = "\"workers\": \"2\"",
      .good = "\"workers\": 2" },
    { .code = "E0110",
      .title = "out of range",
      .text = "The value is smaller or larger than the key allows. `outrigger --explain "
              "KEY` shows the range.",
      .bad = "\"workers\": 100000",
      .good = "\"workers\": 4" },
    { .code = "E0111",
      .title = "not a duration",
      .text = "A duration is a string of numbers with units, large units first: "
              "\"250ms\", \"1.5s\", \"1m30s\". Units are ns us ms s "
              "m h d. A number alone is refused, because it could be seconds as well as "
              "milliseconds.",
      .bad = "\"drain\": { \"timeout\": 30 }",
      .good = "\"drain\": { \"timeout\": \"30s\" }" },
    { .code = "E0112",
      .title = "not a size",
      .text = "A size is a string of a number with a unit. KiB MiB GiB TiB (or Ki Mi Gi "
              "Ti) count in steps of 1024; KB MB GB TB in "
              "steps of 1000; B is one byte.",
      .bad = "\"limits\": { \"maxReplayBytes\": 16777216 }",
      .good = "\"limits\": { \"maxReplayBytes\": \"16MiB\" }" },
    { .code = "E0113",
      .title = "unknown word",
      .text = "The key takes one of a few words, in small letters.",
      .bad = "\"log\": { \"level\": \"verbose\" }",
      .good = "\"log\": { \"level\": \"debug\" }" },
    { .code = "E0114",
      .title = "an environment variable cannot be put in",
      .text = "${NAME} in a string is replaced by the environment variable NAME, and it "
              "is an error when that is not set. "
              "${NAME:-text} gives the text when the variable is unset or empty. Write "
              "$${ for the two characters ${ "
              "themselves. A number or true/false may come from a variable too.",
      .bad = "\"workers\": \"${OUTRIGGER_NO_SUCH_VARIABLE}\"",
      .good = "\"workers\": \"${OUTRIGGER_NO_SUCH_VARIABLE:-2}\"" },
    { .code = "E0115",
      .title = "a string that this key cannot have",
      .text = "The message says which form is expected.",
      .bad = "\"pools\": [{ \"name\": \"\", \"endpoints\": [\"127.0.0.1:50051\"] }]",
      .good =
          "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"] }]" },
    { .code = "E0116",
      .title = "too few or too many items",
      .text = "A list that must do something needs an item; very long lists are refused.",
      .bad = LISTENER "\"routes\": [] }]",
      .good = LISTENER "\"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = "E0117",
      .title = "this is not a percentage",
      .text = "A share is written with a percent sign and in quotes, as in \"20%\" or "
              "\"0.5%\"." },
    { .code = "E0118",
      .title = "the file is no UTF-8 text",
      .text =
          "A config is text in UTF-8. A UTF-16 file is what some editors call Unicode; "
          "NUL bytes come from disks that were full and from programs that wrote "
          "something else into the file." },
    { .code = "E0119",
      .title = "this is not a rate",
      .text =
          "A rate is a number of events, a slash and a unit of time: s, m, h or d, as in "
          "\"100/s\", \"5000/m\" or \"0.5/s\". A bare number would leave the time to "
          "guess." },
    { .code = "E0121",
      .title = "not YAML",
      .text = "A file whose name ends in .yaml or .yml is YAML, and so is one whose name "
              "says nothing and that does not start with { or a // comment. Each key "
              "stands in its own line as key: value, what belongs to it is indented with "
              "spaces below it, and the items of a list start with a dash and a space. "
              "The error points at the first place that cannot be read; the cause is "
              "often in the line before." },
    { .code = "E0122",
      .title = "a part of YAML that is not read",
      .text = "Of YAML the config has what JSON has too: keys that are words, lists, "
              "strings, numbers, true, false and null. Anchors, aliases and merge keys "
              "would make a small file large in memory and errors hard to place; tags, "
              "keys that are no words and several documents in one file have no meaning "
              "here. Every other plain word is a string, also yes, no, on and off." },
    { .code = "E0123",
      .title = "this build reads no YAML",
      .text =
          "YAML needs libyaml when the program is built. Install libyaml-dev (Debian, "
          "Ubuntu) and run configure and make again, or write the same as JSON: "
          "outrigger -VV tells what is built in." },
    { .code = "E0124",
      .title = "a part of gRPC or of other proxies that this version has not got",
      .text =
          "The key is known, and what it asks for does not exist in this version. It is "
          "an error, since a config whose filters or limits are silently left out "
          "does something else than it says. Remove the key.",
      .bad = LISTENER "\"routes\": [{ \"to\": \"app\", \"cors\": {} }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = NULL },
};
