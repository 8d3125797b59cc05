"""What a transaction pooler does to a session's beginning, in front of a cluster.

PgBouncer refuses the startup parameter `options` as long as its configuration does not say to
ignore it ("parameters"); where it does, the settings never reach the server ("settings"). Either
way it has no session to give: see its manual, ignore_startup_parameters.
"""
import socket
import struct
import threading

PROTOCOL = 3 << 16


def _receive(client, size):
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def _read_startup(client):
    """The startup message's parameters, or None for a cancel or an encryption request."""
    size, code = struct.unpack("!II", _receive(client, 8))
    body = _receive(client, size - 8)
    if code != PROTOCOL:
        return None
    words = body.rstrip(b"\0").split(b"\0")
    return dict(zip(words[::2], words[1::2]))


def _startup(parameters):
    body = b"".join(key + b"\0" + value + b"\0" for key, value in parameters.items()) + b"\0"
    return struct.pack("!II", len(body) + 8, PROTOCOL) + body


def _refusal(message):
    fields = {b"S": b"FATAL", b"V": b"FATAL", b"C": b"08P01", b"M": message}
    body = b"".join(kind + text + b"\0" for kind, text in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


def _pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Pooler:
    """Listens on `port` until stop(). `mode` may be changed at any time."""

    def __init__(self, upstream_port, mode="parameters"):
        self.upstream = ("127.0.0.1", upstream_port)
        self.mode = mode
        self.sessions = 0  # let through to the server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                parameters = _read_startup(client)
                if parameters is None:
                    return
                if b"options" in parameters and self.mode == "parameters":
                    client.sendall(_refusal(b"unsupported startup parameter: options"))
                    return
                parameters.pop(b"options", None)
                with socket.create_connection(self.upstream) as server:
                    server.sendall(_startup(parameters))
                    self.sessions += 1
                    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                    back.start()
                    _pump(client, server)
                    back.join()
            except OSError:
                return

    def stop(self):
        self.listener.close()
