/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes.c - the list of all codes. E01: reading one value; E02: meaning;
 * E03 and E04: filters; W03: warnings. A code is never reused. */
#include "conf/explain.h"

#define LISTENER "\"listeners\": [{ \"listen\": \":8080\", "
#define ROUTE(match) \
    LISTENER "\"routes\": [{ \"match\": { " match " }, \"to\": \"app\" }] }]"
/* keys: of the route, beside "to" */
#define TO_APP(keys) LISTENER "\"routes\": [{ \"to\": \"app\", " keys " }] }]"
#define RETRY(more)                                                                     \
    TO_APP("\"retryPolicy\": { \"maxAttempts\": 3, \"initialBackoff\": \"0.1s\", "      \
           "\"maxBackoff\": \"1s\", \"retryableStatusCodes\": [\"UNAVAILABLE\"], " more \
           " }")
#define HEDGE(more) TO_APP("\"hedgingPolicy\": { \"maxAttempts\": " more " }")

#define FILTER(keys) \
    LISTENER "\"filters\": [{ " keys " }], \"routes\": [{ \"to\": \"app\" }] }]"

/* The key of RFC 7515 A.3. */
#define JWKS_TEXT                                                               \
    "\"{\\\"keys\\\": [{ \\\"kty\\\": \\\"EC\\\", \\\"crv\\\": \\\"P-256\\\", " \
    "\\\"x\\\": \\\"f83OJ3D2xF1"                                                \
    "Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\\\", \\\"y\\\": "                         \
    "\\\"x_FEzRu9m36HLN_tue659LNpXW6pCySti"                                     \
    "kYjKIWI5a0\\\" }]}\""
#define JWT(keys) FILTER("\"type\": \"jwt\", " keys)
#define JWT_ONE(jwks, more)                                                 \
    JWT("\"issuer\": \"https://id.example\", \"audiences\": [\"orders\"], " \
        "\"jwks\": " jwks more)

const struct explain_code explain_codes[] = {
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
    { .code = "E0201",
      .title = "a route leads to no pool",
      .text = "\"to\" must be the name of one of the pools in the same file.",
      .bad = LISTENER "\"routes\": [{ \"to\": \"ap\" }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = "E0202",
      .title = "a name is used twice",
      .text = "Listeners and pools have unique names, and so have the routes of one "
              "listener: logs, metrics and commands "
              "name them. A listener without a name is called by its address.",
      .bad = LISTENER "\"routes\": [{ \"name\": \"r\", \"match\": { \"service\": \"a.B\" "
                      "}, \"to\": \"app\" },\n"
                      "                                          { \"name\": \"r\", "
                      "\"to\": \"app\" }] }]",
      .good = LISTENER "\"routes\": [{ \"name\": \"b\", \"match\": { \"service\": "
                       "\"a.B\" }, \"to\": \"app\" },\n"
                       "                                          { \"name\": \"rest\", "
                       "\"to\": \"app\" }] }]" },
    { .code = "E0203",
      .title = "two listeners on one address",
      .text = "An address can be used once; \":8080\" and \"0.0.0.0:8080\" take the port "
              "on all addresses, also for the admin port.",
      .bad = "\"admin\": { \"listen\": \"127.0.0.1:8080\" },\n" LISTENER
             "\"routes\": [{ \"to\": \"app\" }] }]",
      .good = "\"admin\": { \"listen\": \"127.0.0.1:9901\" },\n" LISTENER
              "\"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = "E0204",
      .title = "not an address to listen on",
      .text =
          "Write an IP address with a port, a colon and a port for all addresses, or "
          "unix: with a path: "
          "\"127.0.0.1:8080\", \"[::1]:8080\", \":8080\", \"unix:/run/outrigger.sock\".",
      .bad =
          "\"listeners\": [{ \"listen\": \"8080\", \"routes\": [{ \"to\": \"app\" }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = "E0205",
      .title = "not an endpoint",
      .text = "An endpoint is an address with a port, a unix socket, a list of addresses "
              "after static:///, or a "
              "name that somebody else knows: dns:///host:port, "
              "srv:///_service._proto.host, file:///path, "
              "k8s:///service.namespace:port. It is never a URL.",
      .bad =
          "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"http://backend:50051\"] }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\", "
              "\"unix:/run/app.sock\"] }]" },
    { .code = "E0207",
      .title = "the admin port must stay on this host",
      .text = "It has no password, so it listens on loopback or on a unix socket only. "
              "\"off\" turns it off. To let others read "
              "metrics, put something with a password in front.",
      .bad = "\"admin\": { \"listen\": \"0.0.0.0:9901\" }",
      .good = "\"admin\": { \"listen\": \"127.0.0.1:9901\" }" },
    { .code = "E0208",
      .title = "unknown balance policy",
      .text = "Policies are spelled as gRPC spells them: round_robin, pick_first, "
              "least_request, weighted_round_robin, ring_hash, random, peak_ewma.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
             "\"balance\": \"roundrobin-ish\" }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
              "\"balance\": \"round_robin\" }]" },
    { .code = "E0209",
      .title = "not the name of a service or method",
      .text = "gRPC calls have the path /package.Service/Method. \"service\" is the part "
              "between the slashes with its package, \"method\" the part behind. Leave a "
              "key out to match all; for patterns there is the key \"path\".",
      .bad = LISTENER "\"routes\": [{ \"match\": { \"service\": \"/shop.v1.Stock/Get\" "
                      "}, \"to\": \"app\" }] }]",
      .good = LISTENER "\"routes\": [{ \"match\": { \"service\": \"shop.v1.Stock\", "
                       "\"method\": \"Get\" }, \"to\": \"app\" }] }]" },
    { .code = "E0210",
      .title = "two values do not fit together",
      .text = "One must be at least as large as the other. The second may be a default: "
              "write both.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
             "\"connections\": { \"streamWindow\": \"8MiB\" } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
              "\"connections\": { \"streamWindow\": \"8MiB\", "
              "\"connectionWindow\": \"16MiB\", \"maxStreamWindow\": \"8MiB\" } }]" },
    { .code = "E0231",
      .title = "a key of another policy",
      .text = "Some keys of balance belong to one policy and would do nothing with "
              "another. Remove the key or choose its policy.",
      .bad =
          "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
          "\"balance\": { \"policy\": \"round_robin\", \"hashHeader\": \"x-user\" } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
              "\"balance\": { \"policy\": \"ring_hash\", \"hashHeader\": \"x-user\" } "
              "}]" },
    { .code = "E0232",
      .title = "a value that balance cannot use",
      .text = "hashBalanceFactor is 0 or at least 100 percent of the average; "
              "slowStart.aggression is more than 0; hashHeader is a lower-case name that "
              "does "
              "not end in -bin; metrics have the names of ORCA load reports; a zone has "
              "1 to 128 bytes.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
             "\"balance\": { \"policy\": \"ring_hash\", \"hashBalanceFactor\": 50 } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
              "\"balance\": { \"policy\": \"ring_hash\", \"hashBalanceFactor\": 150 } "
              "}]" },
    { .code = "E0233",
      .title = "not the address of a name server",
      .text = "Name servers are IP addresses, with a port when it is not 53: a name "
              "would need a name server to be found.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"app.example:50051\"], "
             "\"dns\": { \"servers\": [\"ns.example\"] } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"app.example:50051\"], "
              "\"dns\": { \"servers\": [\"10.0.0.2\"] } }]" },
    { .code = "E0234",
      .title = "not a range of addresses",
      .text = "A range is an address and how many of its bits count: \"10.0.0.0/8\", "
              "\"fd00::/8\".",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"app.example:50051\"], "
             "\"dns\": { \"allowedCidrs\": [\"10.0.0.0/99\"] } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"app.example:50051\"], "
              "\"dns\": { \"allowedCidrs\": [\"10.0.0.0/8\"] } }]" },
    { .code = "E0235",
      .title = "Kubernetes cannot be asked like that",
      .text = "The API server is a URL with an IP address (its name would have to be "
              "asked for first), token and CA are "
              "full paths, a namespace is a DNS label. In a pod none of these keys is "
              "needed.",
      .bad =
          "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"k8s:///app.shop:grpc\"], "
          "\"k8s\": { \"apiServer\": \"kubernetes.default\" } }]",
      .good =
          "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"k8s:///app.shop:grpc\"], "
          "\"k8s\": { \"apiServer\": \"https://10.96.0.1:443\" } }]" },
    { .code = "E0241",
      .title = "a status that is no failure",
      .text =
          "outlierDetection.statuses lists gRPC status codes by name. OK is not among "
          "them: it is what a good call ends with.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
             "\"outlierDetection\": { \"statuses\": [\"OK\"] } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
              "\"outlierDetection\": { \"statuses\": [\"UNAVAILABLE\"] } }]" },
    { .code = "E0250",
      .title = "a file of TLS cannot be read",
      .text = "Certificates, keys, CAs and lists of revoked certificates are regular "
              "files that our user may read, looked for from the directory we were "
              "started in unless the path is full. The message says which file and "
              "why." },
    { .code = "E0251",
      .title = "a file of TLS has not the right content",
      .text = "Files are in PEM form: text between -----BEGIN ...----- and -----END "
              "...-----. A key must not have a password, and keys are never written "
              "into the config itself. A file that should name CAs and has none would "
              "trust nobody, so it is refused." },
    { .code = "E0252",
      .title = "a key does not fit its certificate",
      .text = "The private key must be the one that the first certificate of the file "
              "was made for. Compare: openssl x509 -in cert.pem -noout -pubkey and "
              "openssl pkey -in key.pem -pubout print the same text." },
    { .code = "E0253",
      .title = "keys of tls that do not go together",
      .text = "A certificate needs its key and a key its certificate; a listener needs "
              "one pair. Whatever asks clients for a certificate needs clientCa. Checks "
              "of a backend's certificate do nothing beside insecureSkipVerify." },
    { .code = "E0254",
      .title = "not a pin",
      .text = "A pin is the SHA-256 of a public key, 44 characters of base64: openssl "
              "x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der | "
              "openssl dgst -sha256 -binary | base64" },
    { .code = "E0255",
      .title = "a rule about names in certificates that fits nothing",
      .text = "Each item of allowSan and matchSan is a string (the whole name) or an "
              "object with one of exact, prefix and suffix. type ip takes an address "
              "in exact." },
    { .code = "E0256",
      .title = "a certificate that TLS cannot use",
      .text = "Its key or its signature is too weak, as RSA with less than 2048 bits or "
              "SHA-1. Make a new one." },
    { .code = "E0257",
      .title = "a backend of TLS without a name",
      .text =
          "A certificate is checked against the name in the endpoint's target. A unix "
          "socket has none, so the pool must say whom it expects: serverName, or "
          "matchSan for a SPIFFE ID.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"unix:/run/app.sock\"], "
             "\"tls\": {} }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"unix:/run/app.sock\"], "
              "\"tls\": { \"serverName\": \"app.example\" } }]" },
    { .code = "E0270",
      .title = "a header that no route can look at",
      .text = "Headers are named in lower case, as HTTP/2 has them. The host "
              "has the key \"hosts\"; the path has service, method and path. "
              "Headers that begin with grpc- and those of the connection "
              "belong to the protocol.",
      .bad = ROUTE("\"headers\": { \"X-Version\": \"v2\" }"),
      .good = ROUTE("\"headers\": { \"x-version\": \"v2\" }") },
    { .code = "E0271",
      .title = "not exactly one kind of match",
      .text = "A path, a header and a name in a certificate are compared in "
              "one way each. When a header must fit two rules at once, a "
              "regex can say both.",
      .bad =
          ROUTE("\"headers\": { \"x-user\": { \"prefix\": \"a\", \"suffix\": \"z\" } }"),
      .good = ROUTE("\"headers\": { \"x-user\": { \"regex\": \"a.*z\" } }") },
    { .code = "E0272",
      .title = "a path that never comes",
      .text = "The path of a gRPC call is /package.Service/Method. A prefix "
              "begins with a slash.",
      .bad = ROUTE("\"path\": \"helloworld.Greeter\""),
      .good = ROUTE("\"path\": { \"prefix\": \"/helloworld.Greeter/\" }") },
    { .code = "E0273",
      .title = "not a regular expression",
      .text = "Regular expressions are those of PCRE2 and must fit the whole "
              "value, so ^ and $ are not needed. In the file each backslash "
              "is written twice.",
      .bad = ROUTE("\"headers\": { \"x-version\": { \"regex\": \"v[12\" } }"),
      .good = ROUTE("\"headers\": { \"x-version\": { \"regex\": \"v[12]\" } }") },
    { .code = "E0274",
      .title = "the path contradicts service or method",
      .text = "All keys of a match must fit. Keep either path, or service and"
              " method.",
      .bad = ROUTE("\"service\": \"a.B\", \"path\": \"/a.C/Get\""),
      .good = ROUTE("\"path\": \"/a.C/Get\"") },
    { .code = "E0275",
      .title = "not a host",
      .text = "A host is a name without a port, \"*.example.com\" for all "
              "names below it, \"shop.*\" for all that begin so, or \"*\" for"
              " all.",
      .bad = ROUTE("\"hosts\": \"https://shop.example.com:443\""),
      .good = ROUTE("\"hosts\": \"shop.example.com\"") },
    { .code = "E0276",
      .title = "not base64",
      .text = "Headers whose names end in -bin hold bytes. In the file they "
              "stand as base64, with or without = at the end.",
      .bad = ROUTE("\"headers\": { \"x-key-bin\": \"ff:00\" }"),
      .good = ROUTE("\"headers\": { \"x-key-bin\": \"/wA=\" }") },
    { .code = "E0277",
      .title = "an option that does nothing here",
      .text = "ignoreCase is for text, treatMissingAsEmpty for values that "
              "are compared. Headers whose names end in -bin hold bytes, "
              "which have neither case nor numbers.",
      .bad = ROUTE(
          "\"headers\": { \"x-beta\": { \"present\": true, \"ignoreCase\": true } }"),
      .good = ROUTE("\"headers\": { \"x-beta\": { \"present\": true } }") },
    { .code = "E0278",
      .title = "a range without numbers",
      .text = "\"from\" is the first number that matches, \"to\" the first "
              "that no longer does.",
      .bad =
          ROUTE("\"headers\": { \"x-user\": { \"range\": { \"from\": 7, \"to\": 7 } } }"),
      .good = ROUTE(
          "\"headers\": { \"x-user\": { \"range\": { \"from\": 7, \"to\": 8 } } }") },
    { .code = "E0279",
      .title = "a text that never comes",
      .text = "A header value has no control characters and no spaces at its "
              "ends. An empty prefix, suffix or part would match all.",
      .bad = ROUTE("\"headers\": { \"x-user\": { \"prefix\": \"\" } }"),
      .good = ROUTE("\"headers\": { \"x-user\": { \"present\": true } }") },
    { .code = "E0280",
      .title = "a header that cannot be edited",
      .text = "Names of headers are written in lower case, from a-z 0-9 _ - and dots. "
              "Pseudo headers, te, content-type, content-length, grpc-timeout, "
              "grpc-status, grpc-message, grpc-encoding, host and what belongs to one "
              "connection are the proxy's own business or the call's meaning.",
      .bad = LISTENER "\"routes\": [{ \"to\": \"app\", \"requestHeaders\": { "
                      "\"remove\": [\"X-Debug\"] } }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": \"app\", \"requestHeaders\": { "
                       "\"remove\": [\"x-debug\"] } }] }]" },
    { .code = "E0281",
      .title = "a variable that is not known",
      .text = "Texts of header edits and of status.message may have %{peer} %{san} "
              "%{client} %{claim:NAME} %{requestId} %{route} %{service} %{method} "
              "%{header:NAME} %{pool} and %{listener} in them. Write %%{ for a plain %{.",
      .bad = LISTENER "\"routes\": [{ \"to\": \"app\", \"requestHeaders\": { \"set\": "
                      "{ \"x-from\": \"%{address}\" } } }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": \"app\", \"requestHeaders\": { \"set\": "
                       "{ \"x-from\": \"%{peer}\" } } }] }]" },
    { .code = "E0282",
      .title = "a value that a header cannot have",
      .text = "Values of headers have at most 4096 characters, from space to ~. A "
              "header whose name ends in -bin carries any byte, written as base64 (the "
              "alphabet with + and /).",
      .bad = LISTENER "\"routes\": [{ \"to\": \"app\", \"requestHeaders\": { \"set\": "
                      "{ \"x-key-bin\": \"not base64\" } } }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": \"app\", \"requestHeaders\": { \"set\": "
                       "{ \"x-key-bin\": \"AAEC\" } } }] }]" },
    { .code = "E0283",
      .title = "too many header edits",
      .text = "The set and add of one block may name 64 headers together; most servers "
              "refuse so many anyway. Put what belongs together in one header." },
    { .code = "E0284",
      .title = "weights that cannot be",
      .text = "Calls are shared by the weights of the targets: at least one must be "
              "above 0, and their sum must fit in 32 bits.",
      .bad = LISTENER "\"routes\": [{ \"to\": [{ \"pool\": \"app\", \"weight\": 0 }] }] "
                      "}]",
      .good = LISTENER "\"routes\": [{ \"to\": [{ \"pool\": \"app\", \"weight\": 95 }, { "
                       "\"pool\": \"app\", \"weight\": 5 }] }] }]" },
    { .code = "E0285",
      .title = "two answers to one call",
      .text = "A route either leads to a pool (to) or makes the proxy answer by itself "
              "(status). With status there is nothing to mirror.",
      .bad = LISTENER "\"routes\": [{ \"to\": \"app\", \"status\": \"UNAVAILABLE\" }] }]",
      .good = LISTENER "\"routes\": [{ \"match\": { \"service\": \"a.B\" }, \"status\": "
                       "\"UNAVAILABLE\" }, { \"to\": \"app\" }] }]" },
    { .code = "E0286",
      .title = "a status that no call can fail with",
      .text = "status.code is a gRPC status code by its name or its number as a text: "
              "\"UNAVAILABLE\" or \"14\". OK is not among them: an answer without a "
              "message is an error for a unary client anyway.",
      .bad = LISTENER "\"routes\": [{ \"status\": \"GONE\" }] }]",
      .good = LISTENER "\"routes\": [{ \"match\": { \"service\": \"a.B\" }, \"status\": "
                       "\"NOT_FOUND\" }, { \"to\": \"app\" }] }]" },
    { .code = "E0290",
      .title = "standard input cannot be watched",
      .text =
          "\"watch\": true loads the file again when it changes. What came through "
          "standard input is gone when it was read: there is nothing to look at. Give "
          "the file with -c, or leave \"watch\" out." },
    { .code = "E0291",
      .title = "two entries of methodConfig for one name",
      .text =
          "As in gRPC each name stands in one entry only: that of a method, that of a "
          "service, or the empty one. Join the two entries.",
      .bad = LISTENER "\"methodConfig\": [{ \"name\": [{ \"service\": \"a.B\" }, { "
                      "\"service\": \"a.B\" }] }], \"routes\": [{ \"to\": \"app\" }] }]",
      .good =
          LISTENER "\"methodConfig\": [{ \"name\": [{ \"service\": \"a.B\" }, { "
                   "\"service\": \"a.C\" }] }], \"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = "E0292",
      .title = "a method without its service",
      .text = "A name of methodConfig is a service with a method, a service alone, or "
              "nothing for all methods.",
      .bad = LISTENER "\"methodConfig\": [{ \"name\": [{ \"method\": \"Get\" }] }], "
                      "\"routes\": [{ \"to\": \"app\" }] }]",
      .good =
          LISTENER "\"methodConfig\": [{ \"name\": [{ \"service\": \"a.B\", "
                   "\"method\": \"Get\" }] }], \"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = "E0294",
      .title = "not a place for the upgrade socket",
      .text = "upgrade.socket is the full path of a unix socket that the process makes "
              "itself, in a directory that only its user can write to, at most 107 bytes "
              "long.",
      .bad = "\"upgrade\": { \"socket\": \"upgrade.sock\" }",
      .good = "\"upgrade\": { \"socket\": \"/run/outrigger/upgrade.sock\" }" },
    { .code = "E0301",
      .title = "two filters with one name",
      .text = "Routes, logs and metrics tell the filters of a listener by their names. A "
              "filter without a name is called like its type, so the second one of a "
              "type needs a name; it cannot be that of another type. A route has one "
              "entry for a filter.",
      .bad = LISTENER "\"filters\": [\"requestId\", { \"type\": \"requestId\", "
                      "\"header\": \"x-trace\" }], \"routes\": [{ \"to\": \"app\" }] }]",
      .good = LISTENER "\"filters\": [\"requestId\", { \"type\": \"requestId\", "
                       "\"name\": \"trace\", \"header\": \"x-trace\" }], \"routes\": [{ "
                       "\"to\": \"app\" }] }]" },
    { .code = "E0302",
      .title = "a filter that can be there only once",
      .text =
          "Filters that count or record every call would do so twice. Put all that it "
          "shall do into one entry." },
    { .code = "E0303",
      .title = "a route is about a filter that its listener does not have",
      .text =
          "\"filters\" of a route changes or switches off filters of its listener, "
          "found by \"name\", or by the type when there is no name. The listener's "
          "list gives the order, so each filter stands there, with \"off\": true when "
          "it is for some routes only.",
      .bad =
          LISTENER "\"routes\": [{ \"to\": \"app\", \"filters\": [\"requestId\"] }] }]",
      .good =
          LISTENER "\"filters\": [{ \"type\": \"requestId\", \"off\": true }],\n"
                   "  \"routes\": [{ \"to\": \"app\", \"filters\": [\"requestId\"] }] "
                   "}]" },
    { .code = "E0304",
      .title = "a route takes a filter for one of another type",
      .text = "The entry of a route has the type of the listener's filter with this "
              "name: its settings take the place of that filter's." },
    { .code = "E0305",
      .title = "settings of a filter that is off",
      .text = "\"off\": true in a route means that the filter is not asked for the calls "
              "of this route, so settings beside it would be forgotten. In the list of a "
              "listener both may stand together: the settings are kept for later.",
      .bad = LISTENER "\"filters\": [\"requestId\"], \"routes\": [{ \"to\": \"app\", "
                      "\"filters\": [{ \"type\": \"requestId\", \"off\": true, "
                      "\"header\": \"x-id\" }] }] }]",
      .good =
          LISTENER "\"filters\": [\"requestId\"], \"routes\": [{ \"to\": \"app\", "
                   "\"filters\": [{ \"type\": \"requestId\", \"off\": true }] }] }]" },
    { .code = "E0340",
      .title = "a jwt filter that does not know whom to trust",
      .text =
          "There is no default for who may make tokens (issuer), whom they must be for "
          "(audiences) and the keys (jwks): without one of them tokens of others, or "
          "for other services, could be used here.",
      .bad = JWT("\"issuer\": \"https://id.example\", \"jwks\": " JWKS_TEXT),
      .good = JWT_ONE(JWKS_TEXT, "") },
    { .code = "E0341",
      .title = "not a place for keys of tokens",
      .text =
          "jwks is \"file:/path\" with the whole path, a URL, or the set itself as text "
          "that begins with {. Keys like refresh belong to a URL; a file is read again "
          "when it changes.",
      .bad = JWT_ONE("\"/etc/keys/jwks.json\"", ""),
      .good = JWT_ONE(JWKS_TEXT, "") },
    { .code = "E0342",
      .title = "a set of keys that cannot be used",
      .text =
          "The JSON Web Key Set (RFC 7517) is read when the config is, and must have a "
          "key that can check a signature with one of the algorithms. RSA keys need "
          "2048 bits, secrets the length of their hash, points must be on their curve; "
          "at most 64 keys and 256 KiB are read.",
      .bad = JWT_ONE("\"{\\\"keys\\\": []}\"", ""),
      .good = JWT_ONE(JWKS_TEXT, "") },
    { .code = "E0343",
      .title = "keys cannot come from a URL here",
      .text =
          "URLs are read with libcurl, which is opened when a config names one. Install "
          "it (Debian: libcurl4), or let something else put the keys into a file." },
    { .code = "E0344",
      .title = "one issuer beside several",
      .text =
          "One issuer is written straight into the filter; with \"providers\" the same "
          "keys are written in each of them.",
      .bad = JWT_ONE(JWKS_TEXT, ", \"providers\": [{ \"issuer\": \"a\", \"audiences\": "
                                "\"b\", \"jwks\": " JWKS_TEXT " }]"),
      .good = JWT("\"providers\": [{ \"issuer\": \"https://id.example\", \"audiences\": "
                  "\"orders\", \"jwks\": " JWKS_TEXT " }]") },
    { .code = "E0345",
      .title = "a header with two meanings",
      .text =
          "What backends get of a token (claimToHeaders, payloadHeader) has a header of "
          "its own: what clients send in it is taken out of each request, so it cannot "
          "be where the token comes, too.",
      .bad = JWT_ONE(JWKS_TEXT, ", \"payloadHeader\": \"authorization\""),
      .good = JWT_ONE(JWKS_TEXT, ", \"payloadHeader\": \"x-claims\"") },
    { .code = "E0346",
      .title = "all providers, and two in one header",
      .text =
          "With \"require\": \"all\" a call has a token of each provider, so each needs "
          "a header of its own (fromHeaders).",
      .bad =
          JWT("\"require\": \"all\", \"providers\": [{ \"issuer\": \"a\", \"audiences\": "
              "\"b\", \"jwks\": " JWKS_TEXT " }, { \"issuer\": \"c\", \"audiences\": "
              "\"b\", \"jwks\": " JWKS_TEXT " }]"),
      .good =
          JWT("\"require\": \"all\", \"providers\": [{ \"issuer\": \"a\", \"audiences\": "
              "\"b\", \"jwks\": " JWKS_TEXT " }, { \"issuer\": \"c\", \"audiences\": "
              "\"b\", \"jwks\": " JWKS_TEXT ", \"fromHeaders\": \"x-device\" }]") },
    { .code = "E0347",
      .title = "a file with keys of tokens that cannot be read",
      .text =
          "Check the path, which is a whole one (\"file:/etc/keys/jwks.json\"), and that "
          "the user that runs the program may read the file. It must be there when "
          "the program starts; when it goes later, the keys stay.",
      .bad = JWT_ONE("\"file:/nonexistent/jwks.json\"", ""),
      .good = JWT_ONE(JWKS_TEXT, "") },
    { .code = "E0361",
      .title = "a number of a retry policy that must be above 0",
      .text = "With backoffMultiplier 0 there would be no time between attempts, with "
              "maxTokens 0 no call could be tried again, and with tokenRatio 0 no token "
              "would ever come back. gRPC refuses them too.",
      .bad = RETRY("\"backoffMultiplier\": 0"),
      .good = RETRY("\"backoffMultiplier\": 2") },
    { .code = "E0362",
      .title = "retryPolicy beside hedgingPolicy",
      .text = "A retry waits until an attempt has failed, a hedge does not: a method has "
              "one of them (gRFC A6). Remove the other.",
      .bad = RETRY("\"backoffMultiplier\": 2 }, \"hedgingPolicy\": { \"maxAttempts\": 2"),
      .good = RETRY("\"backoffMultiplier\": 2") },
    { .code = "E0363",
      .title = "not a gRPC status code that an attempt may fail with",
      .text =
          "Codes are names in any case, as in \"UNAVAILABLE\", or their numbers. OK is "
          "no failure and cannot be there.",
      .bad = HEDGE("2, \"nonFatalStatusCodes\": [\"5xx\"]"),
      .good = HEDGE("2, \"nonFatalStatusCodes\": [\"UNAVAILABLE\", 8]") },
    { .code = "E0364",
      .title = "a hedgingDelay that is no time",
      .text = "hedgingDelay is a time with its unit, as in \"500ms\", or a percentile of "
              "the method's own times, from \"p50\" to \"p99\".",
      .bad = HEDGE("2, \"hedgingDelay\": \"soon\""),
      .good = HEDGE("2, \"hedgingDelay\": \"p95\"") },
    { .code = "E0370",
      .title = "not an API key entry",
      .text = "An entry of keys names a client and the SHA-256 of its key as 64 hex "
              "digits, as printf %s KEY | sha256sum writes them. The key itself does not "
              "belong into a config. The client's name goes to logs and headers: "
              "printable ASCII, at most 128 characters.",
      .bad = FILTER("\"type\": \"apiKey\", \"keys\": [{ \"client\": \"mobile\", "
                    "\"sha256\": \"my-secret-key\" }]"),
      .good = FILTER(
          "\"type\": \"apiKey\", \"keys\": [{ \"client\": \"mobile\", \"sha256\": "
          "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\" }]") },
    { .code = "E0371",
      .title = "not a pattern",
      .text = "Rules name values as a whole (\"abc\"), by their start (\"abc*\"), by "
              "their end (\"*abc\"), or all that are not empty (\"*\"). Methods are "
              "\"package.Service/Method\", all of a service \"package.Service/*\".",
      .bad = FILTER("\"type\": \"rbac\", \"rules\": [{ \"name\": \"cart\", \"action\": "
                    "\"allow\", \"paths\": [\"shop.Cart\"] }]"),
      .good = FILTER("\"type\": \"rbac\", \"rules\": [{ \"name\": \"cart\", "
                     "\"action\": \"allow\", \"paths\": [\"shop.Cart/*\"] }]") },
    { .code = "E0372",
      .title = "a file of a filter that cannot be used",
      .text = "A file of API keys or a policy must be there and good when a config is "
              "loaded. Later it is watched: when it becomes bad, what it said before "
              "stays, and a log line tells why." },
    { .code = "E0373",
      .title = "a header that no rule can look at",
      .text = "Rules of authorization look at plain headers of the call. Pseudo headers "
              "have keys of their own (paths); headers of the connection, host and those "
              "that begin with grpc- are not the client's word, and a -bin header can be "
              "written in more than one way.",
      .bad = FILTER("\"type\": \"rbac\", \"rules\": [{ \"name\": \"host\", \"action\": "
                    "\"allow\", \"headers\": { \"host\": \"a.example\" } }]"),
      .good =
          FILTER("\"type\": \"rbac\", \"rules\": [{ \"name\": \"tenant\", \"action\": "
                 "\"allow\", \"headers\": { \"x-tenant\": \"a\" } }]") },
    { .code = "E0374",
      .title = "a value that a rule cannot compare with",
      .text =
          "A header or a claim is compared in exactly one way: exact, prefix, suffix, "
          "oneOf or present. A range is an IP address with the number of bits that "
          "count, \"10.0.0.0/8\".",
      .bad = FILTER("\"type\": \"rbac\", \"rules\": [{ \"name\": \"net\", \"action\": "
                    "\"allow\", \"source\": \"10.0.0.1/8\" }]"),
      .good = FILTER("\"type\": \"rbac\", \"rules\": [{ \"name\": \"net\", \"action\": "
                     "\"allow\", \"source\": \"10.0.0.0/8\" }]") },
    { .code = "E0375",
      .title = "rules that do not fit together",
      .text = "The filter rbac has either rules, or a policy as gRPC libraries have it "
              "(policy, policyFile), which says itself what happens to other calls. All "
              "rules together may look at 64 different headers.",
      .bad = FILTER("\"type\": \"rbac\", \"rules\": []"),
      .good = FILTER("\"type\": \"rbac\", \"rules\": [{ \"name\": \"all\", \"action\": "
                     "\"allow\" }]") },
    { .code = "E0376",
      .title = "an audit logger that is not known",
      .text = "Audit lines go to the log of the proxy, which policies call "
              "\"stdout_logger\". Others are left out when they are marked with "
              "\"is_optional\": true.",
      .bad =
          FILTER("\"type\": \"rbac\", \"policy\": { \"name\": \"shop\", "
                 "\"allow_rules\": [{ \"name\": \"all\" }], \"audit_logging_options\": { "
                 "\"audit_loggers\": [{ \"name\": \"mine\" }] } }"),
      .good =
          FILTER("\"type\": \"rbac\", \"policy\": { \"name\": \"shop\", "
                 "\"allow_rules\": [{ \"name\": \"all\" }], \"audit_logging_options\": { "
                 "\"audit_loggers\": [{ \"name\": \"stdout_logger\" }] } }") },
    { .code = "E0377",
      .title = "a fault that never happens",
      .text = "The filter fault delays, aborts or does both. A delay has a duration and "
              "an abort a code, unless headers may ask for them (byHeader).",
      .bad = FILTER("\"type\": \"fault\", \"delay\": { \"percent\": \"10%\" }"),
      .good = FILTER("\"type\": \"fault\", \"delay\": { \"duration\": \"200ms\", "
                     "\"percent\": \"10%\" }") },
    { .code = "E0378",
      .title = "header edits of a filter that cannot be",
      .text = "A filter headers edits something, and it does so before a pool is chosen: "
              "%{pool} has no value there. The header edits of a route have it.",
      .bad = FILTER("\"type\": \"headers\", \"request\": { \"set\": { \"x-pool\": "
                    "\"%{pool}\" } }"),
      .good = FILTER("\"type\": \"headers\", \"request\": { \"set\": { \"x-user\": "
                     "\"%{san}\" } }") },
    { .code = "E0430",
      .title = "not a part of a key",
      .text =
          "A key is a list of parts that take a text from each call: header:NAME, "
          "claim:NAME (of the verified token), address (of the client, without its "
          "port), san (the client's identity by TLS), client (the name that apiKey "
          "found), connection, method, service, path, host, route. address/24 cuts an "
          "IPv4 address to 24 bits; address/24/56 cuts an IPv6 address to 56 bits "
          "too.",
      .bad = FILTER("\"type\": \"rateLimit\", \"rate\": \"5/s\", \"key\": \"x-tenant\""),
      .good = FILTER(
          "\"type\": \"rateLimit\", \"rate\": \"5/s\", \"key\": \"header:x-tenant\"") },
    { .code = "E0431",
      .title = "a burst that takes too long to come back",
      .text =
          "burst is how many may go on at once after a rest. With this rate an empty "
          "bucket would need more than a year to hold so many again, which is no "
          "limit. Make burst smaller or the rate higher; without burst it is what the "
          "rate says for its unit: 5000 for \"5000/m\".",
      .bad = FILTER("\"type\": \"rateLimit\", \"rate\": \"1/d\", \"burst\": 1000"),
      .good = FILTER("\"type\": \"rateLimit\", \"rate\": \"1/d\", \"burst\": 10") },
    { .code = "E0432",
      .title = "a key of rateLimit that needs \"key\"",
      .text =
          "maxKeys and missing are about buckets by key. Without key there is one "
          "bucket for all calls. Remove them, or say in key what calls are told apart "
          "by: \"header:x-tenant\", \"address\", \"method\" ...",
      .bad = FILTER("\"type\": \"rateLimit\", \"rate\": \"5/s\", \"maxKeys\": 100"),
      .good = FILTER("\"type\": \"rateLimit\", \"rate\": \"5/s\", \"key\": \"address\", "
                     "\"maxKeys\": 100") },
    { .code = "E0440",
      .title = "a default deadline that makes no sense",
      .text = "default of the filter deadline is for calls that have no time limit. With "
              "required there are none, and one that is longer than max would favour "
              "clients that set no deadline.",
      .bad = FILTER("\"type\": \"deadline\", \"default\": \"2m\", \"max\": \"1m\""),
      .good = FILTER("\"type\": \"deadline\", \"default\": \"30s\", \"max\": \"1m\"") },
    { .code = "E0450",
      .title = "a mark for calls that are never let through",
      .text = "failureModeAllowHeader of extAuthz marks calls that were let through "
              "without an answer of the service; only failureModeAllow lets any through.",
      .bad = FILTER(
          "\"type\": \"extAuthz\", \"pool\": \"app\", \"failureModeAllowHeader\": true"),
      .good = FILTER("\"type\": \"extAuthz\", \"pool\": \"app\", \"failureModeAllow\": "
                     "true, \"failureModeAllowHeader\": true") },
    { .code = "E0451",
      .title = "not a name of a header with a star",
      .text =
          "allowedHeaders of extAuthz has names of headers in lower case. One star at "
          "the end or at the begin stands for any rest: \"x-*\", \"*-id\".",
      .bad = FILTER(
          "\"type\": \"extAuthz\", \"pool\": \"app\", \"allowedHeaders\": [\"*x*\"]"),
      .good = FILTER(
          "\"type\": \"extAuthz\", \"pool\": \"app\", \"allowedHeaders\": [\"x-*\"]") },
    { .code = "E0452",
      .title = "an entry of a descriptor with no value, or with two",
      .text = "An entry is a pair of a key and a value. The value is either a fixed text "
              "(value) or a part of the call (from, as in \"header:x-tenant\").",
      .bad = FILTER(
          "\"type\": \"globalRateLimit\", \"domain\": \"edge\", \"pool\": \"app\", "
          "\"descriptors\": [{ \"entries\": [{ \"key\": \"tenant\" }] }]"),
      .good = FILTER("\"type\": \"globalRateLimit\", \"domain\": \"edge\", \"pool\": "
                     "\"app\", \"descriptors\": [{ \"entries\": [{ \"key\": \"tenant\", "
                     "\"from\": \"header:x-tenant\" }] }]") },
    { .code = "E0453",
      .title = "a rate where there should be none, or none where there should be one",
      .text = "With pool a rate limit service knows the limits, so descriptors of "
              "globalRateLimit have no rate. With redis the limits stand in the config: "
              "each descriptor has a rate, and a burst that holds the hits of a call.",
      .bad = FILTER(
          "\"type\": \"globalRateLimit\", \"domain\": \"edge\", \"pool\": \"app\", "
          "\"descriptors\": [{ \"entries\": \"method\", \"rate\": \"5/s\" }]"),
      .good = FILTER("\"type\": \"globalRateLimit\", \"domain\": \"edge\", \"pool\": "
                     "\"app\", \"descriptors\": [{ \"entries\": \"method\" }]") },
    { .code = "E0454",
      .title = "not a place where Redis can be",
      .text =
          "redis.address of globalRateLimit is an address (\"127.0.0.1:6379\"), a unix "
          "socket (\"unix:/run/redis.sock\") or a name (\"dns:///redis:6379\")." },
    { .code = "E0455",
      .title = "this build cannot speak to Redis",
      .text =
          "Limits in Redis need libhiredis when the program is built. Install "
          "libhiredis-dev (Debian, Ubuntu) and build again, or use the pool of a rate "
          "limit service." },
    { .code = "E0456",
      .title = "a user of Redis without a password",
      .text = "Redis is told a user only with a password. Without both the connection is "
              "Redis's default user." },
    { .code = "E0457",
      .title = "not a name for shared limits",
      .text = "domain and redis.prefix of globalRateLimit are names of 1 to 128 bytes "
              "without control characters, quotes and backslashes.",
      .bad = FILTER("\"type\": \"globalRateLimit\", \"domain\": \"\", \"pool\": \"app\", "
                    "\"descriptors\": [{ \"entries\": \"method\" }]"),
      .good = FILTER("\"type\": \"globalRateLimit\", \"domain\": \"edge\", \"pool\": "
                     "\"app\", \"descriptors\": [{ \"entries\": \"method\" }]") },
    { .code = "E0458",
      .title = "no place for shared limits, or two",
      .text = "globalRateLimit asks either the rate limit service of a pool (pool) or a "
              "Redis (redis).",
      .bad = FILTER("\"type\": \"globalRateLimit\", \"domain\": \"edge\", "
                    "\"descriptors\": [{ \"entries\": \"method\" }]"),
      .good = FILTER("\"type\": \"globalRateLimit\", \"domain\": \"edge\", \"pool\": "
                     "\"app\", \"descriptors\": [{ \"entries\": \"method\" }]") },
    { .code = "E0480",
      .title = "not a rule of the access log",
      .text =
          "Rules of \"always\" are \"error\" (every code but OK), \"slow:500ms\" with "
          "a time of your own, and \"code:UNAVAILABLE\" with the name of a gRPC code.",
      .bad = "\"log\": { \"access\": { \"always\": [\"errors\"] } }",
      .good = "\"log\": { \"access\": { \"always\": [\"error\", \"slow:500ms\"] } }" },
    { .code = "E0481",
      .title = "not a format of the access log",
      .text =
          "A format is one line of text with variables in it: %{time}, %{client}, "
          "%{service}, %{method}, %{status}, %{totalMs} and the other keys of the JSON "
          "lines, and %{header:NAME}. %%{ stands for a plain %{.",
      .bad = "\"log\": { \"access\": { \"format\": \"%{verb} %{path}\" } }",
      .good = "\"log\": { \"access\": { \"format\": \"%{time} %{service}/%{method} "
              "%{status}\" } }" },
    { .code = "E0482",
      .title = "not a place for the access log",
      .text = "Lines go to \"stdout\", to \"stderr\" or to a file with its full path.",
      .bad = "\"log\": { \"access\": { \"to\": \"access.log\" } }",
      .good = "\"log\": { \"access\": { \"to\": \"/var/log/outrigger/access.log\" } }" },
    { .code = "E0483",
      .title = "headers beside a format",
      .text = "\"headers\" says which request headers the JSON lines have. A format has "
              "%{header:NAME} in it instead.",
      .bad = "\"log\": { \"access\": { \"format\": \"%{time}\", \"headers\": "
             "[\"user-agent\"] } }",
      .good =
          "\"log\": { \"access\": { \"format\": \"%{time} %{header:user-agent}\" } }" },
    { .code = "E0484",
      .title = "no collector for traces",
      .text =
          "\"otlp\" is the target of a collector that takes OTLP over gRPC, port 4317 "
          "in most cases: \"dns:///otel-collector.obs:4317\". A filter \"tracing\" "
          "takes it from the object \"tracing\" of the file when it has none itself.",
      .bad = "\"tracing\": { \"sampleRatio\": 0.05 }",
      .good = "\"tracing\": { \"otlp\": \"dns:///otel-collector.obs:4317\", "
              "\"sampleRatio\": 0.05 }" },
    { .code = "E0485",
      .title = "not a header that can be logged",
      .text =
          "Names of headers are written in lower case, as they are on the wire: "
          "\"user-agent\", \"x-tenant\". What begins with a colon has keys of its own "
          "in a line (authority, service, method).",
      .bad = "\"log\": { \"access\": { \"headers\": [\"User-Agent\"] } }",
      .good = "\"log\": { \"access\": { \"headers\": [\"user-agent\"] } }" },
    { .code = "W0301",
      .title = "a route is never taken",
      .text = "Routes are tried in the order of the file, and an earlier one matches "
              "every call that this one would. Put the "
              "narrower route first.",
      .bad = LISTENER "\"routes\": [{ \"to\": \"app\" }, { \"match\": { \"service\": "
                      "\"a.B\" }, \"to\": \"app\" }] }]",
      .good = LISTENER "\"routes\": [{ \"match\": { \"service\": \"a.B\" }, \"to\": "
                       "\"app\" }, { \"to\": \"app\" }] }]" },
    { .code = "W0302",
      .title = "a pool without a route",
      .text = "No route leads to this pool, so it is never used.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"] }, { "
             "\"name\": \"old\", \"endpoints\": "
             "[\"127.0.0.1:50052\"] }]",
      .good =
          "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"] }]" },
    { .code = "W0303",
      .title = "an endpoint is listed twice",
      .text = "The same endpoint twice gets no more calls in a useful way; one of the "
              "two is probably meant to be another.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\", "
             "\"127.0.0.1:50051\"] }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\", "
              "\"127.0.0.1:50052\"] }]" },
    { .code = "W0305",
      .title = "a service name for checks that send none",
      .text = "healthCheck.type is tcp: it makes a connection and asks nothing. Remove "
              "service, or write type grpc.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
             "\"healthCheck\": { \"type\": \"tcp\", \"service\": \"a.B\" } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
              "\"healthCheck\": { \"type\": \"grpc\", \"service\": \"a.B\" } }]" },
    { .code = "W0306",
      .title = "PINGs to backends that may not allow them",
      .text = "gRPC servers allow a client one PING in 5 minutes and close the "
              "connection with too_many_pings when there are more. Tell the servers to "
              "allow more, or ask less often.",
      .bad = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
             "\"keepalive\": { \"time\": \"30s\" } }]",
      .good = "\"pools\": [{ \"name\": \"app\", \"endpoints\": [\"127.0.0.1:50051\"], "
              "\"keepalive\": { \"time\": \"5m\" } }]" },
    { .code = "W0310",
      .title = "a certificate has expired",
      .text = "Peers refuse it. We start all the same, so that other listeners and pools "
              "work; put a new certificate into the file." },
    { .code = "W0311",
      .title = "a certificate is not valid yet",
      .text = "Its first day lies ahead, so peers refuse it until then. Often the clock "
              "of this host or of the CA is wrong." },
    { .code = "W0312",
      .title = "a certificate expires soon",
      .text = "Less than 14 days are left. Renew it; the file is read again when it "
              "changes." },
    { .code = "W0313",
      .title = "a private key that everybody can read",
      .text = "Any user of this host can take the key and pretend to be us. chmod o= "
              "FILE takes the right away; in Kubernetes set defaultMode 0400 of the "
              "secret's volume." },
    { .code = "W0314",
      .title = "backends are not verified",
      .text = "With insecureSkipVerify the calls are encrypted for whoever answers. Give "
              "the CA of the backends in ca, or a name in serverName when only the name "
              "does not fit." },
    { .code = "W0315",
      .title = "a list of revoked certificates is too old",
      .text = "The CA promised a newer list by now. Without it all certificates of that "
              "CA are refused, since nobody knows which were revoked since." },
    { .code = "W0316",
      .title = "names or pins that clients without a certificate pass by",
      .text = "With clientCert \"optional\" a client may show no certificate, and then "
              "there is no name or key to compare: allowSan and pins only keep out those "
              "who show another one. Write \"require\", or let routes with \"san\" say "
              "what clients with a name may call." },
    { .code = "W0320",
      .title = "hosts that do nothing",
      .text = "\"*\" is for all hosts. Keep it alone, or the others without it.",
      .bad = ROUTE("\"hosts\": [\"*\", \"shop.example.com\"]"),
      .good = ROUTE("\"hosts\": \"shop.example.com\"") },
    { .code = "W0321",
      .title = "a name in a certificate that nobody shows",
      .text =
          "\"san\" looks at the verified certificate of the client. The listener must "
          "ask for one: tls with cert, key and clientCa.",
      .bad = ROUTE("\"san\": \"spiffe://shop.example/cart\""),
      .good = ROUTE("\"headers\": { \"x-client\": \"cart\" }") },
    { .code = "W0330",
      .title = "splitBy has nothing to choose",
      .text = "splitBy says how a call finds its target among several. With one target "
              "it does nothing.",
      .bad = LISTENER "\"routes\": [{ \"to\": \"app\", \"splitBy\": { \"header\": "
                      "\"x-user\" } }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": [{ \"pool\": \"app\", \"weight\": 95 }, { "
                       "\"pool\": \"app\", \"weight\": 5 }], \"splitBy\": { \"header\": "
                       "\"x-user\" } }] }]" },
    { .code = "W0331",
      .title = "labels that no endpoint has",
      .text = "A subset names labels, and no endpoint of the pool has all of them, so "
              "subsetFallback of the pool decides for every call. Pools with endpoints "
              "from a file or from Kubernetes are not checked: their labels come later.",
      .bad = LISTENER "\"routes\": [{ \"to\": { \"pool\": \"app\", \"subset\": { "
                      "\"version\": \"v3\" } } }] }],\n\"pools\": [{ \"name\": \"app\", "
                      "\"endpoints\": [{ \"target\": \"127.0.0.1:50051\", \"labels\": { "
                      "\"version\": \"v2\" } }] }]",
      .good = LISTENER "\"routes\": [{ \"to\": { \"pool\": \"app\", \"subset\": { "
                       "\"version\": \"v2\" } } }] }],\n\"pools\": [{ \"name\": \"app\", "
                       "\"endpoints\": [{ \"target\": \"127.0.0.1:50051\", \"labels\": { "
                       "\"version\": \"v2\" } }] }]" },
    { .code = "W0341",
      .title = "a GOAWAY that has nobody to go to",
      .text = "mirrorGoaway passes an application's GOAWAY on to the clients of a "
              "listener, so that they go to another replica. The client of an outbound "
              "listener is the application itself. Remove the key, or make the listener "
              "inbound.",
      .bad = LISTENER "\"direction\": \"outbound\", \"mirrorGoaway\": true, "
                      "\"routes\": [{ \"to\": \"app\" }] }]",
      .good = LISTENER "\"mirrorGoaway\": true, \"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = "W0342",
      .title = "a key of a set that is not used",
      .text =
          "It is weak or broken, so tokens that it signed are refused; the other keys "
          "of the set are used." },
    { .code = "W0343",
      .title = "keys of tokens over plain http",
      .text =
          "Whoever can change the answer on its way can put keys of his own into it and "
          "make tokens that are taken here. Use https.",
      .bad = JWT_ONE("\"http://id.example/jwks.json\"", ""),
      .good = JWT_ONE(JWKS_TEXT, "") },
    { .code = "W0360",
      .title = "more attempts than are made",
      .text =
          "gRPC counts a maxAttempts above 5 as 5. maxAttemptsCap beside it is a higher "
          "bound, up to 20. Each attempt is load for a backend that may have too much "
          "of it already.",
      .bad = HEDGE("7"),
      .good = HEDGE("7, \"maxAttemptsCap\": 8") },
    { .code = NULL },
};
