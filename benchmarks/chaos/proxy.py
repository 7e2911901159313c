"""A TCP proxy that hangs up, answers 503 or is slow on demand."""

import socket
import threading
import time
from contextlib import suppress

PASS, HANG_UP, UNAVAILABLE, SLOW = "passes", "hangs up", "answers 503", "is slow"
SLOW_SECONDS = 0.5
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Proxy:
    """Forwards connections to a port of this machine. Use as a context manager.

    Attributes:
        port: port on which it listens.
        mode: treatment of all connections and data from now on.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.mode = PASS
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        # A socket that is only closed keeps its port while a thread waits in accept.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.mode == HANG_UP:
                return
            with socket.create_connection(("127.0.0.1", self.target_port)) as server:
                threading.Thread(target=self._forward, args=(server, client), daemon=True).start()
                self._forward(client, server)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        """Forward data until one side closes or the mode interrupts it."""
        with suppress(OSError):
            while data := source.recv(65536):
                if self.mode == HANG_UP:
                    break
                if self.mode == UNAVAILABLE:
                    source.sendall(_BUSY)
                    break
                if self.mode == SLOW:
                    time.sleep(SLOW_SECONDS)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
