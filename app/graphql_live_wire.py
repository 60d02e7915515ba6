"""The wire under what is live: uvicorn's, whose sockets end with a close frame whatever comes, and which holds little.

Beyond what uvicorn does: what breaks the WebSocket protocol is answered by its close code (1002, 1007, 1009) and the
rest of it read away before the door shuts, else the network discards the frame and the client sees 1006; one who
does not read can neither keep the door open nor have us hoard pongs; a message comes in so many pieces at most.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent
    from websockets.frames import Frame

#: a client that was told to go has so long to take it
_GOODBYE_S = 5.0
#: nothing more has come for so long: what was under way has been read away
_QUIET_S = 0.25
_MOST_PIECES = 256
#: bytes of unread answers to pings and of messages
_MOST_UNREAD = 256 * 1024
#: Linux doubles it
_MOST_IN_KERNEL = 64 * 1024


class Server(uvicorn.Server):
    """uvicorn's server, on whose connections the kernel holds little for a reader who is slow."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door."""
        await super().startup(sockets)
        for opened in self.servers:
            for one in opened.sockets:
                # every connection inherits it; by itself the kernel would come to hold megabytes for each
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_IN_KERNEL)


class Wire(WebSocketsSansIOProtocol):
    """One connection."""

    _failed = False
    _quiet: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._failed:
            self._wait_for_quiet()
            return
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_complete:
            # a request that the library could not read is answered by nobody else
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()

    def handle_parser_exception(self) -> None:
        """The client broke the WebSocket protocol."""
        assert self.conn.close_sent is not None
        self._failed = True
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_sent = True
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.resume_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(_GOODBYE_S, self.transport.abort)
        self._wait_for_quiet()

    def handle_cont(self, event: Frame) -> None:
        """A further piece of a message."""
        if len(self.frames) >= _MOST_PIECES:
            self.conn.fail(1009, "too many pieces")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping of the client's, unless it takes no answers."""
        if self.transport.get_write_buffer_size() > _MOST_UNREAD:
            self.transport.abort()
            return
        super().handle_ping()

    def send_receive_event_to_app(self) -> None:
        """A message has come whole."""
        if not self.close_sent and self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(1007, "invalid UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    async def send(self, message: ASGISendEvent) -> None:
        """What the application tells the client."""
        is_goodbye = message["type"] == "websocket.close" and self.handshake_complete
        if is_goodbye:
            # whoever does not read is not waited for
            self.writable.set()
        await super().send(message)
        if is_goodbye and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(_GOODBYE_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._quiet is not None:
            self._quiet.cancel()
        super().connection_lost(exc)

    def _wait_for_quiet(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = self.loop.call_later(_QUIET_S, self.transport.close)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
