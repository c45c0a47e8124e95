"""Messages between the host and the zygote, on a SOCK_SEQPACKET socket.

A job is `JOB` + its data, or, if that is longer than `INLINE`, `JOB_FILE` with the data in a file. The data is marshal of
a dict (`programs.py`); it comes from the host, which is trusted. Descriptors that go with it: stdin, stdout, the channel,
and the file if there is one. The answer is one `REPORT`.
"""

import struct

JOB, JOB_FILE, KILL, READY = b"J", b"F", b"K", b"ready"
INLINE = 32 << 10
REPORT = struct.Struct("<iQd?")
"""Wait status, peak memory in bytes, CPU seconds, whether files were left that could not simply be removed."""
