"""Messages between the host and a sandbox, on two SOCK_SEQPACKET sockets.

On the first the host sends jobs: `JOB` + data, or, if that is longer than `INLINE`, `JOB_FILE` and a file of the data.
The data is marshal of a dict (`programs.py`, `script.py`) and comes from the host, which is trusted. With it go the
descriptors of stdin, stdout and the channel, and of the file if there is one. On the second the zygote says `READY`,
and after each job one `REPORT`. There is no message to stop a job: the host kills the sandbox.
"""

import _socket
import marshal
import struct

JOB, JOB_FILE, READY = b"J", b"F", b"ready"
INLINE = 32 << 10
REPORT = struct.Struct("<iQd?")
"""Wait status, peak memory in bytes, CPU seconds, whether files were left that could not simply be removed."""


def receive(jobs):
    """The next job and its three descriptors; None when the host has gone."""
    message, ancillary, _flags, _address = jobs.recvmsg(INLINE + 1, _socket.CMSG_SPACE(16))
    if not message:
        return None
    descriptors = memoryview(ancillary[0][2]).cast("i").tolist()
    if message[:1] == JOB:
        return marshal.loads(memoryview(message)[1:]), descriptors
    with open(descriptors.pop(), "rb", buffering=0) as file:
        return marshal.loads(file.read()), descriptors
