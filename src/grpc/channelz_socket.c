/* SPDX-License-Identifier: Apache-2.0 */
/* grpc/channelz_socket.c - sockets: addresses, counters, TLS, and what the kernel knows of a TCP connection. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "grpc/channelz_int.h"
#include "net/addr.h"

typedef Outrigger__ChannelzPart__Address pb_address;
typedef Outrigger__ChannelzPart__TcpInfo pb_tcp_info;

enum { TCP_INFO_MAX = 512, TCP_WORDS_MAX = 160 };

/* The parts that Socket points to while it is packed. */
struct socket_parts {
    pb_socket_ref ref;
    Outrigger__ChannelzPart__SocketData data;
    Outrigger__ChannelzPart__Number local_window, remote_window;
    Outrigger__ChannelzPart__Time unknown;
    Outrigger__ChannelzPart__Option option, *option_at;
    Outrigger__ChannelzPart__Packed packed;
    char tcp_words[TCP_WORDS_MAX];
    Outrigger__ChannelzPart__Security security;
    Outrigger__ChannelzPart__Tls tls;
    struct address_parts {
        pb_address address;
        Outrigger__ChannelzPart__Tcp tcp;
        Outrigger__ChannelzPart__Uds uds;
        char text[ADDR_TEXT_MAX];
    } local, remote;
};

/* Of a unix socket without what our configs write before a path; abstract ones keep it. */
static const char *
path_of(const char *text)
{
    static const char prefix[] = "unix:";

    return strncmp(text, prefix, sizeof(prefix) - 1) == 0 ? text + sizeof(prefix) - 1
                                                          : text;
}

/* NULL: there is none. */
static pb_address *
address_fill(struct address_parts *p, const struct addr *a)
{
    const struct sockaddr_in *v4;
    const struct sockaddr_in6 *v6;

    if (!a || a->len == 0)
        return NULL;
    v4 = (const void *)&a->sa;
    v6 = (const void *)&a->sa;
    outrigger__channelz_part__address__init(&p->address);
    outrigger__channelz_part__tcp__init(&p->tcp);
    outrigger__channelz_part__uds__init(&p->uds);
    if (addr_is_unix(a)) {
        p->uds.filename = channelz_text(path_of(addr_print(a, p->text)));
        p->address.uds_address = &p->uds;
        p->address.address_case = OUTRIGGER__CHANNELZ_PART__ADDRESS__ADDRESS_UDS_ADDRESS;
        return &p->address;
    }
    if (a->sa.ss_family == AF_INET) {
        p->tcp.ip_address = pb_data(slice_make(&v4->sin_addr, sizeof(v4->sin_addr)));
        p->tcp.port = ntohs(v4->sin_port);
    } else {
        p->tcp.ip_address = pb_data(slice_make(&v6->sin6_addr, sizeof(v6->sin6_addr)));
        p->tcp.port = ntohs(v6->sin6_port);
    }
    p->address.tcpip_address = &p->tcp;
    p->address.address_case = OUTRIGGER__CHANNELZ_PART__ADDRESS__ADDRESS_TCPIP_ADDRESS;
    return &p->address;
}

static void
tcp_info_fill(pb_tcp_info *to, const struct tcp_info *from)
{
    outrigger__channelz_part__tcp_info__init(to);
    to->tcpi_state = from->tcpi_state;
    to->tcpi_ca_state = from->tcpi_ca_state;
    to->tcpi_retransmits = from->tcpi_retransmits;
    to->tcpi_probes = from->tcpi_probes;
    to->tcpi_backoff = from->tcpi_backoff;
    to->tcpi_options = from->tcpi_options;
    to->tcpi_snd_wscale = from->tcpi_snd_wscale;
    to->tcpi_rcv_wscale = from->tcpi_rcv_wscale;
    to->tcpi_rto = from->tcpi_rto;
    to->tcpi_ato = from->tcpi_ato;
    to->tcpi_snd_mss = from->tcpi_snd_mss;
    to->tcpi_rcv_mss = from->tcpi_rcv_mss;
    to->tcpi_unacked = from->tcpi_unacked;
    to->tcpi_sacked = from->tcpi_sacked;
    to->tcpi_lost = from->tcpi_lost;
    to->tcpi_retrans = from->tcpi_retrans;
    to->tcpi_fackets = from->tcpi_fackets;
    to->tcpi_last_data_sent = from->tcpi_last_data_sent;
    to->tcpi_last_ack_sent = from->tcpi_last_ack_sent;
    to->tcpi_last_data_recv = from->tcpi_last_data_recv;
    to->tcpi_last_ack_recv = from->tcpi_last_ack_recv;
    to->tcpi_pmtu = from->tcpi_pmtu;
    to->tcpi_rcv_ssthresh = from->tcpi_rcv_ssthresh;
    to->tcpi_rtt = from->tcpi_rtt;
    to->tcpi_rttvar = from->tcpi_rttvar;
    to->tcpi_snd_ssthresh = from->tcpi_snd_ssthresh;
    to->tcpi_snd_cwnd = from->tcpi_snd_cwnd;
    to->tcpi_advmss = from->tcpi_advmss;
    to->tcpi_reordering = from->tcpi_reordering;
}

/* The option TCP_INFO as an Any, packed into `bytes`. */
static void
option_fill(struct socket_parts *p, const struct tcp_info *tcp, struct strbuf *bytes)
{
    pb_tcp_info info;

    tcp_info_fill(&info, tcp);
    pb_write(&info.base, bytes);
    outrigger__channelz_part__option__init(&p->option);
    outrigger__channelz_part__packed__init(&p->packed);
    p->packed.type_url =
        channelz_text("type.googleapis.com/grpc.channelz.v1.SocketOptionTcpInfo");
    p->packed.value = pb_data(slice_make(bytes->s, bytes->len));
    p->option.name = channelz_text("TCP_INFO");
    p->option.additional = &p->packed;
    snprintf(p->tcp_words, sizeof(p->tcp_words),
             "rtt %u us, rttvar %u us, rto %u us, cwnd %u, unacked %u, lost %u, retrans "
             "%u, mss %u",
             tcp->tcpi_rtt, tcp->tcpi_rttvar, tcp->tcpi_rto, tcp->tcpi_snd_cwnd,
             tcp->tcpi_unacked, tcp->tcpi_lost, tcp->tcpi_total_retrans,
             tcp->tcpi_snd_mss);
    p->option.value = channelz_text(p->tcp_words);
    p->option_at = &p->option;
    p->data.n_option = 1;
    p->data.option = &p->option_at;
}

static void
data_fill(struct socket_parts *p, const struct channelz_socket *s)
{
    outrigger__channelz_part__time__init(&p->unknown);
    p->data.last_local_stream_created_timestamp = &p->unknown;
    p->data.last_remote_stream_created_timestamp = &p->unknown;
    p->data.last_message_sent_timestamp = &p->unknown;
    p->data.last_message_received_timestamp = &p->unknown;
    outrigger__channelz_part__number__init(&p->local_window);
    outrigger__channelz_part__number__init(&p->remote_window);
    p->data.streams_started = s->streams;
    p->data.streams_succeeded = s->succeeded;
    p->data.streams_failed = s->failed;
    p->data.keep_alives_sent = s->keepalives;
    p->local_window.value = s->local_window;
    p->remote_window.value = s->remote_window;
    p->data.local_flow_control_window = &p->local_window;
    p->data.remote_flow_control_window = &p->remote_window;
}

static void
security_fill(struct socket_parts *p, const struct channelz_socket *s)
{
    outrigger__channelz_part__security__init(&p->security);
    outrigger__channelz_part__tls__init(&p->tls);
    if (s->cipher_standard) {
        p->tls.cipher_suite_case =
            OUTRIGGER__CHANNELZ_PART__TLS__CIPHER_SUITE_STANDARD_NAME;
        p->tls.standard_name = channelz_text(s->cipher);
    } else {
        p->tls.cipher_suite_case = OUTRIGGER__CHANNELZ_PART__TLS__CIPHER_SUITE_OTHER_NAME;
        p->tls.other_name = channelz_text(s->cipher);
    }
    p->tls.local_certificate = pb_data(s->local_cert);
    p->tls.remote_certificate = pb_data(s->remote_cert);
    p->security.model_case = OUTRIGGER__CHANNELZ_PART__SECURITY__MODEL_TLS;
    p->security.tls = &p->tls;
}

void
channelz_put_socket(const struct channelz_socket *s, struct strbuf *out)
{
    Outrigger__ChannelzPart__SocketAnswer m =
        OUTRIGGER__CHANNELZ_PART__SOCKET_ANSWER__INIT;
    Outrigger__ChannelzPart__Socket socket = OUTRIGGER__CHANNELZ_PART__SOCKET__INIT;
    struct socket_parts p;
    struct strbuf bytes;

    strbuf_init(&bytes, TCP_INFO_MAX);
    outrigger__channelz_part__socket_data__init(&p.data);
    channelz_socket_ref_fill(&p.ref, &s->ref);
    socket.ref = &p.ref;
    socket.data = &p.data;
    socket.local = address_fill(&p.local, s->local);
    socket.remote = address_fill(&p.remote, s->remote);
    socket.remote_name = channelz_text(s->remote_name);
    data_fill(&p, s);
    if (s->tcp)
        option_fill(&p, s->tcp, &bytes);
    if (s->cipher) {
        security_fill(&p, s);
        socket.security = &p.security;
    }
    m.socket = &socket;
    pb_write(&m.base, out);
    strbuf_done(&bytes);
}

void
channelz_put_socket_ref(const struct channelz_ref *r, struct strbuf *out)
{
    Outrigger__ChannelzPart__SocketRefAnswer m =
        OUTRIGGER__CHANNELZ_PART__SOCKET_REF_ANSWER__INIT;
    pb_socket_ref ref;

    channelz_socket_ref_fill(&ref, r);
    m.socket_ref = &ref;
    pb_write(&m.base, out);
}
