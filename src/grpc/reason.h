/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/reason.h - one stable word for each cause of a status that is our own: ErrorInfo.reason of rich errors (google/rpc/error_details.proto: UPPER_SNAKE, at most
 * 63 characters), and the word of logs. Filters have words of their own beside these. Words are never changed, only added. */
#ifndef OUTRIGGER_GRPC_REASON_H
#define OUTRIGGER_GRPC_REASON_H

/* the request */
#define REASON_BAD_REQUEST       "BAD_REQUEST" /* malformed headers, path or grpc-timeout */
#define REASON_HEADERS_TOO_LARGE "HEADERS_TOO_LARGE" /* maxHeaderBytes, maxHeaderCount */
#define REASON_HEADER_TWICE      "HEADER_TWICE" /* one that a rule of authorization looks at */
#define REASON_NO_ROUTE          "NO_ROUTE"
#define REASON_ROUTE_STATUS      "ROUTE_STATUS"      /* the route's own "status" */
#define REASON_MESSAGE_TOO_LARGE "MESSAGE_TOO_LARGE" /* maxMessageBytes and the like */
#define REASON_EDIT_FAILED       "EDIT_FAILED"       /* header edits became too long */
#define REASON_DEADLINE          "DEADLINE"
#define REASON_CLIENT_CANCEL     "CLIENT_CANCEL"
#define REASON_CLIENT_STALLED \
    "CLIENT_STALLED" /* took nothing, and its memory was needed */
/* limits of ours */
#define REASON_STREAM_LIMIT \
    "STREAM_LIMIT" /* limits.maxConcurrentStreams of a listener: no status, the stream is refused */
#define REASON_ROUTE_LIMIT "ROUTE_LIMIT" /* limits.maxConcurrentRequests of a route */
#define REASON_POOL_LIMIT  "POOL_LIMIT"  /* limits of a pool */
#define REASON_QUEUE_FULL  "QUEUE_FULL"
#define REASON_NO_MEMORY   "NO_MEMORY"
#define REASON_DRAIN       "DRAIN" /* the proxy or the listener goes */
/* filters */
#define REASON_FILTER_FAILED "FILTER_FAILED" /* a filter broke its own rules */
/* backends */
#define REASON_NO_ENDPOINT    "NO_ENDPOINT"
#define REASON_CONNECT_FAILED "CONNECT_FAILED"
#define REASON_UPSTREAM_RESET "UPSTREAM_RESET" /* RST_STREAM */
#define REASON_UPSTREAM_LOST  "UPSTREAM_LOST"  /* the connection broke */
#define REASON_UPSTREAM_REFUSED \
    "UPSTREAM_REFUSED"                   /* REFUSED_STREAM or GOAWAY, and no replay */
#define REASON_TRY_TIMEOUT "TRY_TIMEOUT" /* perTryTimeout of a retryPolicy */
#define REASON_NOT_GRPC    "NOT_GRPC"    /* an answer that is not gRPC */
#define REASON_NO_STATUS   "NO_STATUS"   /* ended without a grpc-status */
#define REASON_BAD_RESPONSE \
    "BAD_RESPONSE" /* illegal or too large headers, or its HTTP/2 was wrong */

/* The word for an error of base/err.h on the way to a backend. */
const char *reason_from_err(int err);

#endif
