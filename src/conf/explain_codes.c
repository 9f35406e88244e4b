/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes.c - the list of all codes. E01: reading one value; E02: meaning;
 * W03: warnings. A code is never reused. */
#include "conf/explain.h"

#define LISTENER "\"listeners\": [{ \"listen\": \":8080\", "

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
              "between the slashes with its package, "
              "\"method\" the part behind. Leave a key out to match all; patterns are "
              "not known.",
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
              "not end in -bin; metrics have the names of ORCA load reports.",
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
    { .code = "E0290",
      .title = "standard input cannot be watched",
      .text =
          "\"watch\": true loads the file again when it changes. What came through "
          "standard input is gone when it was read: there is nothing to look at. Give "
          "the file with -c, or leave \"watch\" out." },
    { .code = "E0291",
      .title = "not a place for the upgrade socket",
      .text = "upgrade.socket is the full path of a unix socket that the process makes "
              "itself, in a directory that only its user can write to, at most 107 bytes "
              "long.",
      .bad = "\"upgrade\": { \"socket\": \"upgrade.sock\" }",
      .good = "\"upgrade\": { \"socket\": \"/run/outrigger/upgrade.sock\" }" },
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
    { .code = "W0341",
      .title = "a GOAWAY that has nobody to go to",
      .text = "mirrorGoaway passes an application's GOAWAY on to the clients of a "
              "listener, so that they go to another replica. The client of an outbound "
              "listener is the application itself. Remove the key, or make the listener "
              "inbound.",
      .bad = LISTENER "\"direction\": \"outbound\", \"mirrorGoaway\": true, "
                      "\"routes\": [{ \"to\": \"app\" }] }]",
      .good = LISTENER "\"mirrorGoaway\": true, \"routes\": [{ \"to\": \"app\" }] }]" },
    { .code = NULL },
};
