/*
 * transport.c: see transport.h. Sources: zmq_setsockopt(3), zmq_socket_monitor(3).
 */
#include "common/wire/transport.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

/* zmq.h hides the option behind DRAFT, the library honours it. */
enum { OPTION_ZAP_ENFORCE_DOMAIN = 93 };

/* ZMQ_MAXMSGSIZE bounds frames as they travel: under CURVE each is longer by the command's name, a
 * nonce, the authenticator and flags. Source: RFC 26/CurveZMQ, "MESSAGE". */
enum { CURVE_FRAME_MORE = 8 + 8 + 16 + 1 };

status_t transport_start(error_t *err) {
    zsys_handler_set(NULL);
    if (zsys_init() == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory or no files for ZeroMQ");
    }
    zsys_set_logstream(NULL);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            return error_set(err, ERROR_IO, "the limit of open files cannot be raised: %s",
                             strerror(errno));
        }
    }
    /* ZeroMQ's own bound on sockets of this process, not on connections, stays as it is */
    return STATUS_OK;
}

transport_options_t transport_defaults(const transport_options_t *options) {
    transport_options_t all = *options;
#define DEFAULT(member, value) all.member = all.member != 0 ? all.member : (value)
    DEFAULT(handshake_ms, WIRE_HANDSHAKE_MS);
    DEFAULT(reconnect_ms, WIRE_RECONNECT_MS);
    DEFAULT(reconnect_max_ms, WIRE_RECONNECT_MAX_MS);
    DEFAULT(pipe_messages, WIRE_PIPE_MESSAGES);
    DEFAULT(queue_messages, WIRE_QUEUE_MESSAGES);
    DEFAULT(queue_bytes, WIRE_QUEUE_BYTES);
#undef DEFAULT
    return all;
}

status_t transport_set(zsock_t *socket, int option, const void *value, size_t size, error_t *err) {
    if (zmq_setsockopt(zsock_resolve(socket), option, value, size) != 0) {
        return error_set(err, ERROR_INTERNAL, "ZeroMQ refuses option %d: %s", option,
                         zmq_strerror(zmq_errno()));
    }
    return STATUS_OK;
}

status_t transport_set_int(zsock_t *socket, int option, int value, error_t *err) {
    return transport_set(socket, option, &value, sizeof value, err);
}

/*
 * Neither side asks by ZeroMQ's heartbeats whether the other is there. Where a pipe is full its
 * engine does not read; if the connection ends meanwhile the engine still works off what it had
 * read, and a ping in that has libzmq 4.3.4 answer on a file that it gave up, which ends the
 * process by an assertion (stream_engine_base.cpp, restart_input; zeromq/libzmq, issues 3937 and
 * 4364): a coordinator that was stopped while its agents' beats gathered woke to that. A host that
 * is gone is noticed by TCP's own probes, a program by its beats, and a silent one is dialed anew.
 */
static status_t set_common(zsock_t *socket, const transport_options_t *options, error_t *err) {
    struct {
        int option;
        int value;
    } list[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDTIMEO, 0},
        {ZMQ_SNDHWM, options->pipe_messages},
        {ZMQ_RCVHWM, options->pipe_messages},
        {ZMQ_HANDSHAKE_IVL, options->handshake_ms},
        {ZMQ_HEARTBEAT_IVL, 0},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, WIRE_KEEPALIVE_S},
        {ZMQ_TCP_KEEPALIVE_INTVL, WIRE_KEEPALIVE_S},
        {ZMQ_TCP_KEEPALIVE_CNT, WIRE_KEEPALIVE_PROBES},
        {ZMQ_TCP_MAXRT, WIRE_UNHEARD_MS},
        {ZMQ_RECONNECT_IVL, options->reconnect_ms},
        {ZMQ_RECONNECT_IVL_MAX, options->reconnect_max_ms},
        {ZMQ_CONNECT_TIMEOUT, options->handshake_ms},
        {ZMQ_BACKLOG, WIRE_BACKLOG},
        {ZMQ_IPV6, strchr(options->endpoint, '[') != NULL},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        TRY(transport_set_int(socket, list[i].option, list[i].value, err));
    }
    int64_t most = LIMIT_MESSAGE_BYTES + CURVE_FRAME_MORE;
    return transport_set(socket, ZMQ_MAXMSGSIZE, &most, sizeof most, err);
}

status_t transport_socket(int type, const transport_options_t *options, zsock_t **ret_socket,
                          error_t *err) {
    zsock_t *socket = zsock_new(type);
    if (socket == NULL) {
        return error_set(err, ERROR_NO_MEMORY, "no memory or no file for a socket");
    }
    if (set_common(socket, options, err) != STATUS_OK) {
        zsock_destroy(&socket);
        return STATUS_ERROR;
    }
    *ret_socket = socket;
    return STATUS_OK;
}

status_t transport_serve(zsock_t *socket, const transport_options_t *options, error_t *err) {
    TRY(transport_set_int(socket, ZMQ_CURVE_SERVER, 1, err));
    TRY(transport_set(socket, ZMQ_CURVE_SECRETKEY, options->secret, CURVE_BYTES, err));
    TRY(transport_set(socket, ZMQ_ZAP_DOMAIN, TRANSPORT_DOMAIN, strlen(TRANSPORT_DOMAIN), err));
    /* without it a missing handler would let every key in */
    TRY(transport_set_int(socket, OPTION_ZAP_ENFORCE_DOMAIN, 1, err));
    TRY(transport_set_int(socket, ZMQ_ROUTER_MANDATORY, 1, err));
    return transport_set_int(socket, ZMQ_ROUTER_HANDOVER, 0, err);
}

status_t transport_call(zsock_t *socket, const transport_options_t *options, error_t *err) {
    curve_public_t own = curve_public_of(options->secret);
    TRY(transport_set(socket, ZMQ_CURVE_SERVERKEY, options->server.bytes, CURVE_BYTES, err));
    TRY(transport_set(socket, ZMQ_CURVE_PUBLICKEY, own.bytes, CURVE_BYTES, err));
    TRY(transport_set(socket, ZMQ_CURVE_SECRETKEY, options->secret, CURVE_BYTES, err));
    TRY(transport_set_int(socket, ZMQ_LINGER, WIRE_LINGER_MS, err));
    /* nothing is queued for a connection that does not stand */
    return transport_set_int(socket, ZMQ_IMMEDIATE, 1, err);
}

status_t transport_watch(zsock_t *socket, zsock_t **ret_monitor, error_t *err) {
    static atomic_uint number;
    char endpoint[64];
    (void)snprintf(endpoint, sizeof endpoint, "inproc://drover.monitor.%u", number++);
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                 ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED;
    if (zmq_socket_monitor(zsock_resolve(socket), endpoint, events) != 0) {
        return error_set(err, ERROR_INTERNAL, "a socket cannot be watched: %s",
                         zmq_strerror(zmq_errno()));
    }
    zsock_t *monitor = zsock_new(ZMQ_PAIR);
    if (monitor == NULL || zsock_connect(monitor, "%s", endpoint) != 0) {
        zsock_destroy(&monitor);
        return error_set(err, ERROR_NO_MEMORY, "no memory or no file for a socket's watch");
    }
    *ret_monitor = monitor;
    return STATUS_OK;
}

static transport_change_t change_of(unsigned event) {
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return TRANSPORT_UP;
    case ZMQ_EVENT_DISCONNECTED:
        return TRANSPORT_DOWN;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return TRANSPORT_REFUSED;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        return TRANSPORT_BROKEN;
    case ZMQ_EVENT_CONNECT_RETRIED:
        return TRANSPORT_DELAYED;
    default: /* libzmq's numbers, not an enum of ours */
        return TRANSPORT_OTHER;
    }
}

/* An event is two frames: 16 bits of number and 32 of value, and the address. */
bool transport_next(zsock_t *monitor, transport_change_t *ret_change) {
    void *handle = zsock_resolve(monitor);
    zmq_msg_t part;
    (void)zmq_msg_init(&part);
    if (zmq_msg_recv(&part, handle, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(&part);
        return false;
    }
    uint16_t event = 0;
    if (zmq_msg_size(&part) >= sizeof event) {
        memcpy(&event, zmq_msg_data(&part), sizeof event);
    }
    while (zmq_msg_more(&part) != 0 && zmq_msg_recv(&part, handle, ZMQ_DONTWAIT) >= 0) {
        /* the address is our own configuration */
    }
    (void)zmq_msg_close(&part);
    *ret_change = change_of(event);
    return true;
}

void transport_close(zsock_t **socket_p, zsock_t **monitor_p) {
    if (*socket_p != NULL) {
        (void)zmq_socket_monitor(zsock_resolve(*socket_p), NULL, 0);
    }
    zsock_destroy(monitor_p);
    zsock_destroy(socket_p);
}

int transport_send_now(zsock_t *socket, const void *bytes, size_t size) {
    if (zmq_send(zsock_resolve(socket), bytes, size, ZMQ_DONTWAIT) >= 0) {
        return 0;
    }
    return zmq_errno();
}
