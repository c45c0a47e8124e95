# ruff: noqa: E501 - rows of data and small programs
"""Hostile programs of our own, by class. Each is asked for `solve(n) == 2 * n + 7`, or to print that.

WRONG must not pass; RIGHT behave badly but answer correctly and must pass.
"""

from __future__ import annotations

WRONG_CALLS = {
    "exit_before_answer": "import os\ndef solve(n): os._exit(0)",
    "exit_with_atexit": "import atexit, os\natexit.register(os._exit, 0)\ndef solve(n): raise SystemExit(0)",
    "forged_reply": "import os\ndef solve(n):\n    os.write(3, b'Ri\\x00\\x00\\x00\\x00'); os._exit(0)",
    "reply_to_every_descriptor": (
        "import os\ndef solve(n):\n    for fd in range(200):\n        try: os.write(fd, b'P')\n        except OSError: pass\n"
        "    os._exit(0)"
    ),
    "int_that_equals_all": "class I(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\ndef solve(n): return I(0)",
    "list_that_equals_all": "class L(list):\n    def __eq__(s, o): return True\ndef solve(n): return L([1])",
    "str_with_lying_repr": "class S(str):\n    def __repr__(s): return '13'\ndef solve(n): return S('x')",
    "object_with_item": "class A:\n    def item(s): return 13\n    __module__ = 'numpy'\ndef solve(n): return A()",
    "float_nan": "def solve(n): return float('nan')",
    "generator": "def solve(n): yield 2*n+7",
    "coroutine": "async def solve(n): return 2*n+7",
    "holds_itself": "def solve(n):\n    a = []; a.append(a); return a",
    "deep_list": "def solve(n):\n    a = []\n    for _ in range(100000): a = [a]\n    return a",
    "deep_dict": "def solve(n):\n    a = {}\n    for _ in range(100000): a = {1: a}\n    return a",
    "colliding_keys": "def solve(n): return {i * (2**61 - 1): 0 for i in range(1, 300000)}",
    "million_digits": "def solve(n): return 10 ** 1000000",
    "big_result": "def solve(n): return 'x' * (200 << 20)",
    "patched_json_and_pickle": (
        "import json, pickle, marshal\nfor m in (json, pickle, marshal):\n    m.dumps = lambda *a, **k: b'13'\n"
        "def solve(n): return 0"
    ),
    "patched_builtins": (
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.type = lambda x: int\n"
        "builtins.len = lambda x: 0\ndef solve(n): return 0"
    ),
    "patched_os": "import os\nos.write = lambda fd, data: len(data)\nos._exit = lambda code: None\ndef solve(n): return 0",
    "harness_in_sys_modules": (
        "import sys\nfor name, module in list(sys.modules.items()):\n    if name.startswith('inside'):\n"
        "        for attribute in vars(module).copy():\n            setattr(module, attribute, lambda *a, **k: True)\n"
        "def solve(n): return 0"
    ),
    "gc_for_expected": (
        "import gc\ndef solve(n):\n    for o in gc.get_objects():\n        if type(o) is dict and 'expected' in o: return o['expected']\n"
        "    return 0"
    ),
    "read_memory_of_init": (
        "import glob\ndef solve(n):\n    seen = []\n    for p in glob.glob('/proc/[0-9]*'):\n        for f in ('mem', 'environ', 'maps'):\n"
        "            try: seen.append(open(p + '/' + f, 'rb').read(1))\n            except OSError: pass\n    return seen"
    ),
    "stop_itself": "import os, signal\ndef solve(n):\n    os.kill(0, signal.SIGSTOP); import time; time.sleep(60)",
    "stopped_by_tracer": "import os\ndef solve(n):\n    os.kill(os.getpid(), 19); import time; time.sleep(60)",
    "memory_flood": "def solve(n):\n    a = []\n    while True: a.append(bytearray(10 ** 7))",
    "memory_flood_of_children": (
        "import os, time\ndef solve(n):\n    for _ in range(8):\n        if os.fork() == 0:\n            a = []\n"
        "            try:\n                while True: a.append(bytearray(10 ** 7))\n            except MemoryError: time.sleep(30)\n"
        "    time.sleep(30)"
    ),
    "thread_forever": "import threading\ndef solve(n):\n    threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\n    while 1: pass",
    "catches_everything": "def solve(n):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "syntax": "def solve(n) return 13",
    "nul_in_source": "def solve(n):\n    return 13\0",
    "surrogate_in_source": "def solve(n):\n    return '\ud800'",
    "deep_parentheses": "def solve(n): return " + "(" * 5000 + ")" * 5000,
    "long_sum": "def solve(n): return " + "+".join(["1"] * 100_000),
    "raises_odd_class": "class E(BaseException):\n    def __str__(s): raise s\n    __repr__ = __str__\ndef solve(n): raise E",
    "metaclass_name": "class M(type):\n    __name__ = property(lambda s: 1/0)\nclass A(metaclass=M): pass\ndef solve(n): return A()",
    "channel_closed": "import os\nos.close(3)\ndef solve(n): return 2*n+7",
    "entry_is_none": "solve = None",
    "no_entry": "x = 1",
    "entry_is_liar": "class C:\n    def __call__(s, n): return s\n    def __eq__(s, o): return True\nsolve = C()",
    "forged_pass_at_start": "import os\nos.write(3, b'\\x01\\0\\0\\0P'); os._exit(0)",
    "forged_harness_fault": "import os\nos.write(3, b'\\x01\\0\\0\\0H'); os._exit(0)",
    "empty_frames": "import os\nos.write(3, bytes(4000)); os._exit(0)",
    "huge_frame": "import os\nos.write(3, b'\\xff\\xff\\xff\\xff' + bytes(100)); os._exit(0)",
    "answers_before_questions": (
        "import os\nos.write(3, b'\\x05\\0\\0\\0ready' + (b'\\x12\\0\\0\\0' + b'(\\x03\\0\\0\\0u\\x05\\0\\0\\0value' + b'TNN') * 9)"
        "\nimport time; time.sleep(60)"
    ),
    "deletes_builtins": "import builtins\ndef solve(n):\n    vars(builtins).clear()\n    return 0",
    "use_after_fork": ("import os\ndef solve(n):\n    for _ in range(5):\n        os.fork()\n    return 0"),
}

RIGHT_CALLS = {
    "prints_much": "def solve(n):\n    print('x' * 10**6)\n    return 2*n+7",
    "writes_to_all_other_descriptors": (
        "import os\ndef solve(n):\n    for fd in (0, 1, 2, 4, 5, 6, 7, 8):\n        try: os.write(fd, b'P')\n        except OSError: pass\n"
        "    return 2*n+7"
    ),
    "closes_std_streams": "import os\ndef solve(n):\n    os.close(0); os.close(1); os.close(2)\n    return 2*n+7",
    "leaves_orphans": (
        "import os, time\ndef solve(n):\n    for _ in range(3):\n        if os.fork() == 0:\n            os.setsid()\n            time.sleep(60)\n"
        "            os._exit(0)\n    return 2*n+7"
    ),
    "leaves_threads": "import threading, time\ndef solve(n):\n    threading.Thread(target=time.sleep, args=(60,)).start()\n    return 2*n+7",
    "leaves_files": (
        "import os\ndef solve(n):\n    os.makedirs('a/b/c'); open('a/b/c/d', 'w').write('x')\n    os.symlink('/etc', 'link')\n"
        "    os.chmod('a/b', 0)\n    return 2*n+7"
    ),
    "subclass_with_right_content": "class I(int): pass\ndef solve(n): return I(2*n+7)",
    "fills_its_disk": (
        "def solve(n):\n    try:\n        with open('big', 'wb') as f:\n            while True: f.write(bytes(1 << 20))\n"
        "    except OSError: pass\n    return 2*n+7"
    ),
    "ignores_signals": "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\ndef solve(n): return 2*n+7",
}

ONLY_ONCE = {"closes_std_streams", "leaves_files"}
"""Of RIGHT_CALLS, those whose second call in one process fails, as it would anywhere."""

WRONG_STDIN = {
    "wrong_exit_code": "print(2 * int(input()) + 7)\nraise SystemExit(3)",
    "answer_on_stderr": "import sys\nprint(2 * int(input()) + 7, file=sys.stderr)",
    "answer_then_flood": "import os\nprint(2 * int(input()) + 7, flush=True)\nwhile True: os.write(1, b' ' * 65536)",
    "invalid_utf8": "import sys\nsys.stdout.buffer.write(b'\\xff\\xfe13')",
    "answer_then_crash": "import ctypes\nprint(2 * int(input()) + 7, flush=True)\nctypes.string_at(0)",
    "answer_then_raise": "print(2 * int(input()) + 7)\nraise ValueError",
    "answer_then_hang": "print(2 * int(input()) + 7, flush=True)\nwhile True: pass",
    "excepthook_hides": "import sys\nsys.excepthook = lambda *a: None\nprint(2 * int(input()) + 7)\n1 / 0",
}

RIGHT_STDIN = {
    "child_holds_stdout": (
        "import os, time\nn = int(input())\nif os.fork() == 0:\n    time.sleep(60)\nprint(2 * n + 7)"
    ),
    "reads_proc_stdin": "print(2 * int(open('/dev/stdin').read()) + 7)",
    "writes_by_descriptor": "import os\nos.write(1, str(2 * int(os.read(0, 100)) + 7).encode())",
    "multiprocess": (
        "import multiprocessing\ndef f(n): return 2 * n + 7\nif __name__ == '__main__':\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(f, [int(input())])[0])"
    ),
    "big_stack_thread": (
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(256 << 20)\n"
        "def main(): print(2 * int(input()) + 7)\nt = threading.Thread(target=main)\nt.start()\nt.join()"
    ),
    "answer_at_exit": "import atexit\nn = int(input())\natexit.register(lambda: print(2 * n + 7))",
    "ten_megabytes": "x = '" + "x" * 10_000_000 + "'\nprint(2 * int(input()) + 7)",
}

LOOKS_OUTSIDE = {
    "memory_of_others": (
        "import os\nown = os.readlink('/proc/self')\nhits = own == '1'\nfor p in os.listdir('/proc'):\n    for f in ('mem', 'environ', 'maps', 'fd/0'):\n"
        "        if p.isdigit() and p != own:\n            try: open(f'/proc/{p}/{f}', 'rb'); hits += 1\n            except OSError: pass\n"
        "print('reached' if hits else 'no')"
    ),
    "network": (
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 39999), 1); print('reached')\nexcept OSError: print('no')"
    ),
    "vsock": (
        "import socket\ntry:\n    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM); print('reached')\nexcept OSError: print('no')"
    ),
    "secret": "import os\nprint('reached' if 'SECRET_TOKEN' in os.environ else 'no')",
    "home": "import os\nprint('reached' if os.path.exists('/home') or os.path.exists('/etc/passwd') else 'no')",
    "shell": (
        "import os, subprocess\ntry:\n    subprocess.run(['/bin/sh', '-c', 'true']); print('reached')\nexcept OSError: print('no')"
    ),
    "python": (
        "import sys, subprocess, os\nprint('no' if os.spawnv(os.P_WAIT, sys.executable, ['python', '-c', '0']) else 'reached')"
    ),
    "user_namespace": ("import ctypes\nprint('no' if ctypes.CDLL(None).unshare(0x10000000) else 'reached')"),
    "trace": "import ctypes\nprint('no' if ctypes.CDLL(None).ptrace(16, 1, 0, 0) else 'reached')",
    "other_processes": (
        "import os\nhits = 0\nfor pid in {*range(1, 300)} - {os.getpid(), os.getppid()}:\n    try: os.kill(pid, 0); hits += 1\n"
        "    except OSError: pass\nprint('reached' if hits else 'no')"
    ),
    "write_system": (
        "import sys\nhits = 0\nfor d in ('/', '/usr/lib', '/dev', '/harness', '/proc/sys/kernel', sys.path[-1]):\n"
        "    try: open(d + '/x', 'w'); hits += 1\n    except OSError: pass\nprint('reached' if hits else 'no')"
    ),
    "limits": (
        "import resource\ntry:\n    resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); print('reached')\n"
        "except (OSError, ValueError): print('no')"
    ),
    "zygote_limits": (
        "import ctypes\nprint('no' if ctypes.CDLL(None).prlimit(2, 7, ctypes.create_string_buffer(16), None) else 'reached')"
    ),
    "protocols_whose_ports_nobody_counts": (
        "import socket\nhits = 0\nfor family in (2, 10):\n  for kind in (1, 2, 3, 5):\n    for protocol in (1, 132, 136, 262):\n"
        "      try: socket.socket(family, kind, protocol); hits += 1\n      except OSError: pass\nprint('reached' if hits else 'no')"
    ),
    "shared_memory": "import ctypes\nprint('no' if ctypes.CDLL(None).shmget(1, 4096, 0o1666) < 0 else 'reached')",
}
