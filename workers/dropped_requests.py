"""Drops connection requests (SYN) at a listening socket, as Linux does while its listen queue is full.

A real queue would have to be kept full by connections that nobody accepts, and then a client's chances would depend on
their timing. So a packet filter of the socket drops the requests. Clients can't tell the difference: they get no
answer, and send the request again after a second. See https://docs.kernel.org/networking/filter.html.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys

_SO_ATTACH_FILTER = 26
_LOAD_BYTE, _LOAD_WORD, _AND, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x30, 0x20, 0x54, 0x15, 0x35, 0x06
_FLAGS = 13
"""The offset of the flags in a TCP header."""
_SYN, _SYN_OR_ACK = 0x02, 0x12
_RANDOM = 2**32 - 0x1000 + 56
"""The offset at which a filter finds a random number of 32 bits."""
_WHOLE = 2**32 - 1


def drop_requests(listener: socket.socket, share: float) -> None:
    """Drops this share of the connection requests from now on. Raises OSError where that isn't possible."""
    if sys.platform != "linux":
        raise OSError(errno.ENOPROTOOPT, "only Linux has filters of sockets")
    passing = int((1 - share) * _WHOLE)
    steps = [
        (_LOAD_BYTE, 0, 0, _FLAGS),
        (_AND, 0, 0, _SYN_OR_ACK),
        (_JUMP_IF_EQUAL, 0, 3, _SYN),
        (_LOAD_WORD, 0, 0, _RANDOM),
        (_JUMP_IF_AT_LEAST, 0, 1, passing),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _WHOLE),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    pointer = struct.pack("HP", len(steps), ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)
