"""A proxy before an S3 server that fails on demand."""

import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

#: 'busy': 503; 'conflicts': 409, as for an object that another is creating; 'exists': 412 without the
#: condition that failed; 'hangs up': before the request is executed; 'loses answers': after it.
Mood = Literal["well", "busy", "conflicts", "exists", "hangs up", "loses answers"]

_REFUSALS = {
    "busy": (503, b"<Error><Code>SlowDown</Code><Message>Slow down</Message></Error>"),
    "conflicts": (409, b"<Error><Code>ConditionalRequestConflict</Code><Message>Conflict</Message></Error>"),
    "exists": (412, b"<Error><Code>PreconditionFailed</Code><Message>Exists</Message></Error>"),
}

#: Headers that the proxy sets itself.
_OUR_OWN = ("content-length", "connection", "transfer-encoding", "server", "date")


class FailingS3:
    """Forwards requests, or fails.

    Attributes:
        mood: present behaviour.
        failures_left: number of failures until it recovers; -1 for no limit.
        num_requests: number of requests.
    """

    def __init__(self, target: str) -> None:
        self.mood: Mood = "well"
        self.failures_left = -1
        self.num_requests = 0
        self.target = urlsplit(target)
        self._lock = threading.Lock()

    def fail(self, mood: Mood, times: int = -1) -> None:
        """Fail from now on, by default without limit."""
        self.mood, self.failures_left = mood, times

    def next_mood(self) -> Mood:
        """Count a request and return its treatment."""
        with self._lock:
            self.num_requests += 1
            if self.mood == "well" or self.failures_left == 0:
                return "well"
            self.failures_left -= 1
            return self.mood


@pytest.fixture
def failing_s3(s3_url: str, use_s3: Callable[[str], None]) -> Iterator[FailingS3]:
    """Route this process's requests through a proxy that works at first."""
    control = FailingS3(s3_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            mood = control.next_mood()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if mood == "hangs up":
                self.close_connection = True
                return
            if mood in _REFUSALS:
                status, content = _REFUSALS[mood]
                self._send(status, {}, content)
                return
            upstream = HTTPConnection(control.target.hostname or "", control.target.port, timeout=30)
            upstream.request(self.command, self.path, body, dict(self.headers))
            response = upstream.getresponse()
            content = response.read()
            upstream.close()
            if mood == "loses answers":
                self.close_connection = True
                return
            self._send(response.status, dict(response.getheaders()), content)

        def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _OUR_OWN:
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    use_s3(f"http://127.0.0.1:{server.server_address[1]}")
    yield control
    server.shutdown()
    server.server_close()
    thread.join()
