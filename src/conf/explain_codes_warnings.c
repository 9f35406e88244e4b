/* SPDX-License-Identifier: Apache-2.0 */
/* conf/explain_codes_warnings.c - codes of warnings (W03). A code is never reused. */
#include "conf/explain_codes.h"

const struct explain_code explain_codes_warnings[] = {
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
