/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes_meaning.c - codes of problems with what a config means (E02). A code is never reused. */
#include "conf/explain_codes.h"

const struct explain_code explain_codes_meaning[] = {
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
    { .code = "E0211",
      .title = "a descriptor file that cannot be used",
      .text = "admin.descriptors names a file that tells grpcurl which services the "
              "application has. It must be there when a config is loaded, with all that "
              "its files import: protoc --include_imports --descriptor_set_out=FILE "
              "my.proto. The key may be left out; calls do not need it." },
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
    { .code = "E0295",
      .title = "the probe waits for a pool that is not there",
      .text = "probe.readyWhen.pools names pools of the same file: the process is ready "
              "when each of them has a usable endpoint.",
      .bad = "\"probe\": { \"listen\": \":9902\", \"readyWhen\": { \"pools\": [\"ap\"] "
             "} },\n\"pools\": [{ \"name\": \"app\", \"endpoints\": "
             "[\"127.0.0.1:50051\"] }]",
      .good = "\"probe\": { \"listen\": \":9902\", \"readyWhen\": { \"pools\": "
              "[\"app\"] } },\n\"pools\": [{ \"name\": \"app\", \"endpoints\": "
              "[\"127.0.0.1:50051\"] }]" },
    { .code = NULL },
};
