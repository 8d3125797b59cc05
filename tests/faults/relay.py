"""A TCP relay that can be cut, or be made deaf in one direction, as a broken network is.

hold(UP) stops what goes from the client to the server: bytes are taken from nobody, so that both
ends see a connection that stands and is silent. cut() ends all connections and takes no new ones.
"""
import contextlib
import selectors
import socket
import threading

UP, DOWN = "up", "down"
PIECE = 65536


class Relay:
    def __init__(self, host, port):
        self.server = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.held = set()
        self.is_cut = False
        self.pairs = {}  # socket -> (the other one, direction)
        self.changed = threading.Condition()
        self.wake_r, self.wake_w = socket.socketpair()
        self.over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # Orders; each is in force when it returns.

    def hold(self, *directions):
        self._order(lambda: self.held.update(directions))

    def cut(self):
        self._order(lambda: setattr(self, "is_cut", True))

    def heal(self):
        def whole():
            self.held.clear()
            self.is_cut = False
        self._order(whole)

    def close(self):
        self._order(lambda: setattr(self, "over", True), wait=False)
        self.thread.join()
        for end in (self.listener, self.wake_r, self.wake_w, *self.pairs):
            end.close()

    def _order(self, change, wait=True):
        with self.changed:
            self.order = change
            self.wake_w.send(b"x")
            while wait and self.order is not None:
                self.changed.wait()

    # The thread.

    def _obey(self):
        self.wake_r.recv(1)
        with self.changed:
            self.order()
            self.order = None
            self.changed.notify_all()
        if self.is_cut:
            for end in list(self.pairs):
                self._end(end)

    def _accept(self):
        client, _ = self.listener.accept()
        if self.is_cut:
            client.close()
            return
        try:
            server = socket.create_connection(self.server, timeout=5)
        except OSError:
            client.close()
            return
        self.pairs[client] = (server, UP)
        self.pairs[server] = (client, DOWN)

    def _end(self, end):
        other, _ = self.pairs.pop(end, (None, None))
        self.pairs.pop(other, None)
        for one in (end, other):
            if one is not None:
                one.close()

    def _pass(self, end):
        other, _ = self.pairs[end]
        try:
            bytes_ = end.recv(PIECE)
            if bytes_:
                other.sendall(bytes_)
                return
        except OSError:
            pass
        self._end(end)

    def _run(self):
        while not self.over:
            with selectors.DefaultSelector() as selector:
                selector.register(self.wake_r, selectors.EVENT_READ)
                selector.register(self.listener, selectors.EVENT_READ)
                for end, (_, direction) in self.pairs.items():
                    if direction not in self.held:
                        selector.register(end, selectors.EVENT_READ)
                ready = [key.fileobj for key, _ in selector.select()]
            for end in ready:
                if end is self.wake_r:
                    self._obey()
                elif end is self.listener:
                    self._accept()
                elif end in self.pairs:
                    self._pass(end)
        for end in list(self.pairs):
            self._end(end)
        with contextlib.suppress(OSError):
            self.listener.close()
