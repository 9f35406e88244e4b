/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes_filters.c - codes of problems with filters and with how calls are tried again (E03, E04). A code is never reused. */
#include "conf/explain_codes.h"

#define RETRY(more)                                                                     \
    TO_APP("\"retryPolicy\": { \"maxAttempts\": 3, \"initialBackoff\": \"0.1s\", "      \
           "\"maxBackoff\": \"1s\", \"retryableStatusCodes\": [\"UNAVAILABLE\"], " more \
           " }")

const struct explain_code explain_codes_filters[] = {
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
          "in most cases: \"dns:///otel-collector.obs:4317\"; or a URL for OTLP over "
          "HTTP: \"http://otel-collector.obs:4318\". A filter \"tracing\" "
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
    { .code = "E0486",
      .title = "a collector that cannot be reached as it is written",
      .text =
          "A collector with a URL gets OTLP over HTTP, with libcurl: https:// for TLS, "
          "and of the object \"tls\" only ca, cert, key and minVersion. Everything else "
          "of \"tls\" is for collectors over gRPC.",
      .bad = "\"tracing\": { \"otlp\": \"http://otel:4318\", \"tls\": {} }",
      .good = "\"tracing\": { \"otlp\": \"dns:///otel:4317\", \"tls\": {} }" },
    { .code = "E0487",
      .title = "no collector for metrics",
      .text =
          "\"otlp\" is the target of a collector that takes OTLP over gRPC, port 4317 "
          "in most cases: \"dns:///otel-collector.obs:4317\"; or a URL for OTLP over "
          "HTTP: \"http://otel-collector.obs:4318\".",
      .bad = "\"metrics\": { \"push\": { \"otlp\": \"ftp://otel\" } }",
      .good = "\"metrics\": { \"push\": { \"otlp\": \"dns:///otel:4317\" } }" },
    { .code = NULL },
};
