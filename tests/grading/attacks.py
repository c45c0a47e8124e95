"""Attacks composed from parts: descriptors, signals, forks, threads, memory, output, files and answers.

A part is a few lines that may fail; a program is some parts, in any order, around an answer that is right or wrong. No
part can make a wrong answer right, so a program with a wrong answer must never pass, whatever its parts do.
"""

from __future__ import annotations

import random

from selfdistill.grading import Submission
from selfdistill.records import AssertTests, CallCase, CallTests, StdinCase, StdinTests, Tests
from tests.grading import more_parts, parts

CALLS = CallTests("solve", (CallCase((3,), 13), CallCase((10,), 27)))
STDIN = StdinTests((StdinCase("3\n", "13\n"), StdinCase("10\n", "27\n")))
CHECK = AssertTests("def check(candidate):\n    assert candidate(3) == 13\n    assert candidate(10) == 27\n", "solve")
SCRIPT = AssertTests("def check(f):\n    for a, b in [(3, 13), (10, 27)]:\n        assert f(a) == b\n", "solve")

PARTS = {
    "descriptors": [
        "for fd in range(64): os.close(fd)",
        "os.closerange(0, 1024)",
        "os.dup2(1, 3)",
        "os.dup2(3, 1)",
        "for fd in range(8): os.set_blocking(fd, False)",
        "r = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK); os.write(1, b'x' * 100); os.read(r, 50)",
        "r = os.open('/proc/self/fd/3', os.O_RDONLY | os.O_NONBLOCK); os.write(3, b'Ri' * 50); os.read(r, 99)",
        "k = [os.open('/proc/self/fd/3', os.O_RDWR) for _ in range(20)]",
        "while True: os.dup(1)",
        "fcntl.fcntl(1, 1031, 4096)",
        "fcntl.fcntl(3, 1031, 1 << 20)",
        "fcntl.fcntl(2, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)",
        "fcntl.flock(os.open('/dev/null', os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.flock(2, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.fcntl(0, fcntl.F_SETOWN, -1)",
        "s = socket.socketpair(); socket.send_fds(s[0], [b'x'], [0, 1, 3])",
        "os.lseek(0, 0, 0); os.ftruncate(0, 0)",
        "os.write(0, b'13')",
    ],
    "signals": [
        "os.kill(0, signal.SIGTERM)",
        "os.kill(os.getppid(), signal.SIGKILL)",
        "os.kill(-1, signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "signal.setitimer(signal.ITIMER_REAL, 0.01)",
        "signal.alarm(1); signal.signal(signal.SIGALRM, lambda *a: os._exit(0))",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))",
        "os.abort()",
        "ctypes.string_at(0)",
        "ctypes.CDLL(None).prctl(1, 9)",
        "ctypes.CDLL(None).prctl(4, 0)",
    ],
    "forks": [
        "os.fork()",
        "for _ in range(100): os.fork()",
        "if os.fork() == 0: os.setsid(); time.sleep(30)",
        "if os.fork() == 0:\n    while True: os.write(1, b'0')",
        "if os.fork() == 0:\n    while True: os.write(3, b'0')",
        "if os.fork(): os._exit(0)",
        "if os.fork() == 0: os.execv('/bin/sh', ['sh'])",
        "for _ in range(28):\n    if os.fork() == 0:\n        os.setsid()\n        while True: pass",
        "os.sched_setaffinity(0, range(os.cpu_count()))",
        "os.setpriority(os.PRIO_USER, 0, 19)",
        "os.setpriority(os.PRIO_PROCESS, 0, 19); os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))",
    ],
    "threads": [
        "while True: _thread.start_new_thread(time.sleep, (30,))",
        "for _ in range(8): _thread.start_new_thread(lambda: [0 for _ in iter(int, 1)], ())",
        "_thread.start_new_thread(lambda: (time.sleep(0.02), os._exit(0)), ())",
        "_thread.start_new_thread(lambda: [os.write(3, b'Ri') for _ in iter(int, 1)], ())",
        "threading.Thread(target=time.sleep, args=(30,)).start()",
        "sys.setswitchinterval(1000)",
        "threading.stack_size(1 << 28); threading.Thread(target=int).start()",
    ],
    "memory": [
        "a = []\nwhile True: a.append(bytearray(1 << 22))",
        "a = bytearray(1 << 27)",
        "for _ in range(6):\n    if os.fork() == 0: a = bytearray(b'x') * (1 << 26); time.sleep(30)",
        "f = open('/dev/shm/x', 'wb')\nwhile True: f.write(b'x' * (1 << 20))",
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 24, 1 << 24))",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
        "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))",
        "p = []\nwhile True:\n    p.append(os.pipe()); os.write(p[-1][1], b'x' * 65536)",
        "sys.setrecursionlimit(10 ** 9); f = lambda x: f(x + 1); f(0)",
        "gc.disable(); gc.collect()",
    ],
    "output": [
        "os.write(1, b'x' * 100_000)",
        "while True: os.write(1, b'x' * 100_000)",
        "while True: os.write(3, b'x' * 100_000)",
        "print('9' * 9_999 + '.')",
        "print(('9' * 9_999 + ' ') * 200)",
        "print('\\n' * 3_000_000)",
        "print('sNaN ' * 20)",
        "sys.stdout.buffer.write(bytes(range(256)) * 100)",
        "sys.stdout.close()",
        "sys.stdout = None",
        "time.sleep(0.2); os.write(1, b'1')",
    ],
    "files": [
        "os.chmod('/tmp', 0)",
        "os.chmod('/dev/shm', 0o555)",
        "os.setxattr('/tmp', 'user.x', b'1')",
        "os.utime('/tmp', (1, 1))",
        "for i in range(3000): open(f'/tmp/{i}', 'w').close()",
        "p = '/tmp'\nfor _ in range(300): p += '/d'; os.mkdir(p)",
        "os.symlink('/proc/self/fd', '/tmp/link'); os.mkfifo('/dev/shm/fifo')",
        "os.chdir('/dev/shm'); os.mkdir('x'); os.chdir('x'); os.rmdir('/dev/shm/x')",
        "s = socket.socket(); s.bind(('127.0.0.1', 5000)); s.listen()",
        "s = socket.socket(); s.bind(('127.0.0.1', 5001)); s.listen(); c = socket.create_connection(s.getsockname());"
        " d = s.accept()[0]; d.close(); c.close()",
        "s = socket.socket(socket.AF_UNIX); s.bind('\\0abstract'); s.listen()",
        "open('/proc/self/oom_score_adj', 'w').write('0')",
        "open('/proc/self/mem', 'wb').write(b'x')",
        "os.open('/dev/ptmx', os.O_RDWR)",
    ],
    "machinery": [
        "for m in list(sys.modules.values()): vars(m).clear()",
        "os.write = lambda fd, data: len(data)",
        "os._exit = lambda code: None",
        "builtins.__dict__.clear()",
        "sys.settrace(lambda *a: sys.exit(0))",
        "atexit.register(os._exit, 0)",
        "threading._shutdown = lambda: time.sleep(30)",
        "sys.exit(0)",
        "os._exit(0)",
        "raise KeyboardInterrupt",
        "raise type('\\ud800', (BaseException,), {})",
    ],
}
"""By what they use. Each is run as it stands; an exception of it is passed over."""

RAW = [
    b"",
    b"R",
    b"P",
    b"Hfault",
    b"Ri\x07\0\0\0",
    b"\xff\xff\xff\xffRN",
    b"\x05\0\0\0ready",
    b"\x05\0\0\0ready" * 3,
    b"R" + b"[\xff\xff\xff\x7f" + b"N" * 1000,
    b"R[\x40\x42\x0f\0" + b"{0" * 1_000_000,
    b"R" + b"(\1\0\0\0" * 5000 + b"N",
    b"Rl\xff\xff\xff\x7f",
    b"E" + b"x" * 3_000_000,
    b"S\xed\xa0\x80",
    b"Nwhatever",
]
"""Bytes for the channel."""

ANSWERS = [
    "2 * n + 7",
    "0",
    "None",
    "str(2 * n + 7)",
    "float('nan')",
    "[{}] * 200_000",
    "[{} for _ in range(3_000_000)]",
    "'x' * (20 << 20)",
    "{i * (2 ** 61 - 1): 0 for i in range(1, 400)}",
    "{(i * (2 ** 61 - 1),) * 50: 0 for i in range(1, 400)}",
    "10 ** 100_000",
    "-1e999",
    "'\\ud800'",
    "object()",
    "solve",
    "iter(int, 1)",
    "functools.reduce(lambda a, _: [a], range(150), 0)",
    "functools.reduce(lambda a, _: [a], range(100_000), 0)",
    "type('I', (int,), {'__eq__': lambda *a: True, '__hash__': None})(0)",
]
"""Expressions over `n`; the first alone is right."""

PARTS |= parts.PARTS | more_parts.PARTS
ANSWERS += parts.ANSWERS
_MODULES = [
    "_thread", "atexit", "builtins", "ctypes", "decimal", "faulthandler", "fcntl", "fractions", "functools", "gc",
    "io", "json", "marshal", "mmap", "multiprocessing", "multiprocessing.shared_memory", "os", "resource",
    "select", "signal", "socket", "struct", "sys", "threading", "time", "types",
]  # fmt: skip


def composed(source: random.Random, name: str) -> tuple[Submission, bool]:
    """A program of one to four parts, and whether its answer is wrong, so that it must not pass."""
    tests: Tests = source.choice([CALLS, STDIN, CHECK, SCRIPT])
    answer = source.choice(ANSWERS) if source.random() < 0.7 else ANSWERS[0]
    chosen = [source.choice(PARTS[source.choice(list(PARTS))]) for _ in range(source.randint(1, 4))]
    if source.random() < 0.3:
        raw = source.choice(RAW)
        chosen.insert(source.randrange(len(chosen) + 1), f"os.write(3, {raw!r})" if len(raw) < 5000 else _long(raw))
    program = program_of(name, chosen, answer, tests, at_load=source.random() < 0.3)
    right = ANSWERS[0] if answer == f"str({ANSWERS[0]})" and isinstance(tests, StdinTests) else answer
    return Submission(name, program, tests), right != ANSWERS[0]


def program_of(name: str, chosen: list[str], answer: str, tests: Tests, *, at_load: bool) -> str:
    """A program that does these parts in its call, or while it is loaded, and answers."""
    body = "".join(f"    try:\n{_indented(part)}\n    except BaseException: pass\n" for part in chosen)
    text = (
        f"def solve(n): return {answer}\nif True:\n{body}" if at_load else f"def solve(n):\n{body}    return {answer}\n"
    )
    imports = ", ".join(["ctypes", *(module for module in _MODULES if f"{module}." in text)])
    text = f"# {name}\nimport {imports}\nlibc = ctypes.CDLL(None)\n{text}"
    return text + "print(solve(int(input())))\n" if isinstance(tests, StdinTests) else text


def _long(raw: bytes) -> str:
    """Write the whole of a long row; its repetitions are spelled as such."""
    unit, count = raw[-2:], len(raw) // 2
    return f"v = memoryview({raw[:6]!r} + {unit!r} * {count})\nwhile v: v = v[os.write(3, v):]"


def _indented(part: str) -> str:
    return "".join(f"        {line}\n" for line in part.splitlines()).rstrip("\n")
