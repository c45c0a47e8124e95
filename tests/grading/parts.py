# ruff: noqa: E501 - rows of small programs
"""More parts of attacks: what the kernel, the file system, the clock and the harness's own memory offer a program.

Each is run as it stands, with `libc` and the modules of `attacks.py` at hand; an exception of it is passed over.
"""

from __future__ import annotations

PARTS = {
    "other processes": [
        "for p in range(1, 400):\n    try: os.kill(p, 9)\n    except OSError: pass",
        "for p in os.listdir('/proc'):\n"
        "    if p.isdigit():\n"
        "        f = os.open(f'/proc/{p}', os.O_RDONLY)\n"
        "        for s in (19, 9): libc.syscall(424, f, s, None, 0)",
        "for p in range(1, 400):\n    try: signal.pidfd_send_signal(os.pidfd_open(p), 19)\n    except OSError: pass",
        "for p in os.listdir('/proc'):\n"
        "    for n in ('mem', 'fd/0', 'fd/100', 'fd/101', 'cwd', 'root/tmp', 'oom_score_adj', 'autogroup', 'comm'):\n"
        "        try: open(f'/proc/{p}/{n}', 'r+b', 0).write(b'19')\n"
        "        except OSError: pass",
        "for p in range(1, 400): libc.prlimit(p, 7, ctypes.create_string_buffer(16), None)",
        "libc.ptrace(16, os.getppid(), 0, 0); libc.ptrace(0, 0, 0, 0)",
        "for p in range(1, 9): libc.sched_setaffinity(p, 8, ctypes.byref(ctypes.c_ulong(1)))",
        "libc.syscall(56, 0x8011, 0, 0, 0, 0) or os._exit(0)",  # a sibling, where that is allowed
        "libc.syscall(56, 0x8000, 0, 0, 0, 0) or time.sleep(30)",
        "os.register_at_fork(after_in_child=lambda: os.write(3, b'Ri\\0\\0\\0\\0')); os.fork()",
        "if os.fork() == 0:\n    for _ in range(99): os.write(3, b'\\5\\0\\0\\0Ri\\0\\0\\0')",
        "multiprocessing.Pool(2).map_async(time.sleep, [30] * 4)",
    ],
    "left to the next": [
        "open('/proc/self/autogroup', 'w').write('19')",
        "s = socket.socket(socket.AF_INET6); s.bind(('::1', 5000)); s.listen(); c = socket.create_connection"
        "(s.getsockname()); d = s.accept()[0]; d.close(); c.close()",
        "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.bind(('127.0.0.1', 5000)); s.listen()\n"
        "c = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); c.connect(s.getsockname()); d = s.accept()[0]\n"
        "d.close(); c.send(b'x')",
        "s = socket.socket(); s.bind(('127.0.0.1', 5001)); s.listen(); c = socket.create_connection(s.getsockname())\n"
        "c.setblocking(False)\nwhile True: c.send(b'x' * 65536)",
        "s = socket.socket(socket.AF_INET6); s.bind(('::1', 5001)); s.listen()\n"
        "c = socket.create_connection(s.getsockname()); d = s.accept()[0]; c.setblocking(False)\n"
        "while True: c.send(b'x' * 65536)",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 5000)); s.sendto(b'x', ('127.0.0.1', 5000))",
        "s = [socket.socketpair(), socket.socketpair()]\n"
        "for a, b in s: socket.send_fds(a, [b'x'], [1, 3, s[0][0].fileno(), s[1][0].fileno()])",
        "s = [socket.socketpair() for _ in range(90)]\nwhile True:\n    for a, b in s: socket.send_fds(a, [b'x'], [1, 3] * 120)",
        "fcntl.ioctl(os.open('/tmp', os.O_RDONLY), 0x40086602, struct.pack('l', 0xC0))",
        "for d in ('/tmp', '/dev/shm'):\n    for n in ('a\\nb', '\\udcff', 'x' * 255, '-rf', '.hidden'): open(f'{d}/{n}', 'w').close()",
        "open('/tmp/x', 'w').close()\nfor i in range(60): os.link('/tmp/x', f'/tmp/{i}')",
        "os.mkdir('/tmp/d', 0); os.mkdir('/dev/shm/d', 0o1777); os.symlink('/tmp', '/dev/shm/l')",
        "os.mkdir('/tmp/a'); os.chdir('/tmp/a')\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')",
        "for n in ('json', 'marshal', 'inside', 'random', 'plain', 'struct'): open(f'/tmp/{n}.py', 'w').write('1/0')",
        "f = open('/tmp/sparse', 'w'); f.truncate(1 << 25); m = mmap.mmap(os.open('/tmp/sparse', os.O_RDWR), 1 << 25)",
        "os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR); s = multiprocessing.shared_memory.SharedMemory(create=True, size=99)",
        "l = multiprocessing.Lock(); l.acquire(); multiprocessing.Queue().put(1)",
        "os.mknod('/tmp/f', 0o010600); os.mknod('/tmp/s', 0o140600); os.utime('/dev/null', (0, 0))",
        "fcntl.fcntl(os.open('/dev/null', os.O_RDWR), 1024, 1); fcntl.lockf(os.open('/dev/null', os.O_RDWR), fcntl.LOCK_EX)",
        "i = libc.inotify_init(); [libc.inotify_add_watch(i, p, 0xFFF) for p in (b'/tmp', b'/dev/null', b'/usr/lib')]",
        "libc.prctl(36, 1, 0, 0, 0); libc.prctl(29, 1 << 30, 0, 0, 0); libc.prctl(62, 1, 0, 2, 0); libc.personality(0x40000)",
        "libc.sethostname(b'x', 1); libc.setdomainname(b'x', 1); libc.umask(0o777)",
        "for p in ('/proc/sys/net/ipv4/ip_local_port_range', '/proc/sys/kernel/msgmax', '/proc/sys/vm/drop_caches',"
        " '/proc/sysrq-trigger', '/proc/self/setgroups', '/proc/self/timens_offsets'):\n"
        "    try: open(p, 'w').write('1 1')\n    except OSError: pass",
    ],
    "kernel objects": [
        "for n in (29, 64, 68, 240, 248, 250, 272, 310, 311, 319, 321, 323, 425, 434, 447): libc.syscall(n, 0, 0, 0, 0, 0)",
        "libc.unshare(0x80); libc.unshare(0x10000000); libc.unshare(0x20000); time.clock_settime(0, 0)",
        "libc.mlockall(7); libc.mlock2(id(0), 1 << 30, 0)",
        "m = [mmap.mmap(-1, 1 << 26) for _ in range(99)]\nfor x in m: x[::4096] = b'x' * len(x[::4096])",
        "s = [socket.socketpair() for _ in range(100)]\n"
        "for a, b in s:\n    a.setblocking(False); a.setsockopt(1, 7, 1 << 24)\n"
        "    try:\n        while True: a.send(b'x' * 60000)\n    except OSError: pass",
        "t = ctypes.c_void_p()\nwhile libc.timer_create(1, None, ctypes.byref(t)) == 0: pass",
        "e = [select.epoll() for _ in range(99)]\nfor a in e:\n    for b in e:\n        try: a.register(b)\n        except OSError: pass",
        "r, w = os.pipe(); fcntl.fcntl(r, 1031, 1 << 31 - 1)",
        "for i in range(10 ** 9):\n    try: os.stat(f'/tmp/{i}')\n    except OSError: pass",
        "while True: libc.sync()",
        "while True: libc.membarrier(1, 0, 0) if hasattr(libc, 'membarrier') else libc.syscall(324, 1, 0)",
        "os.sendfile(1, os.open('/dev/zero', os.O_RDONLY), 0, 1 << 20); os.splice(0, 1, 99)",
        "r, w = os.pipe(); libc.vmsplice(1, ctypes.byref((ctypes.c_void_p * 2)(id(w), 4096)), 1, 8)",
        "os.write(1, b'1' * 65536); fcntl.fcntl(1, 1031, 1 << 20)\nwhile True: os.write(1, b'3')",
        "while True: os.write(3, b'\\1')",
        "while True: os.write(3, b'\\0' * 4); time.sleep(0.001)",
    ],
    "signals and clocks": [
        "for n in range(1, 65):\n    try: signal.signal(n, lambda *a: os._exit(0))\n    except (OSError, ValueError): pass\n"
        "signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)\nwhile True: pass",
        "for n in range(34, 65): os.kill(os.getpid(), n)",
        "for n in range(34, 65): libc.sigqueue(os.getpid(), n, 0); libc.tgkill(1, 1, n)",
        "if os.fork() == 0: os.kill(1, 19); os.kill(os.getppid(), 19); os.kill(0, 19)",
        "signal.setitimer(signal.ITIMER_PROF, 1e-6, 1e-6); signal.siginterrupt(27, True)",
        "faulthandler.dump_traceback_later(0.01, exit=True); time.sleep(9)",
        "for n in range(16):\n    try: resource.setrlimit(n, (1, 1))\n    except (OSError, ValueError): pass",
        "resource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True: pass",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); os.write(1, b'1')",
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)); os.sched_yield(); os.nice(19)",
        "time.time = time.monotonic = lambda: 0; time.sleep = lambda s: None",
    ],
    "the harness's memory": [
        "p = [m for n, m in sys.modules.items() if n.endswith('plain')]\nfor m in p: m.encode = lambda v: b'i\\r\\0\\0\\0'",
        "for m in list(sys.modules.values()):\n    for n in ('_write_all', 'frame', 'encode', 'entry_point', '_reply'):\n"
        "        if hasattr(m, n): setattr(m, n, lambda *a, **k: b'R' + marshal.dumps(13, 2))",
        "f = sys._getframe()\nwhile f:\n    for n, v in list(f.f_locals.items()):\n"
        "        if type(v) is dict: v.clear()\n    f = f.f_back",
        "for o in gc.get_objects():\n    if type(o) is dict and 'kind' in o: o['kind'] = 'serve'; o['args'] = (0,)",
        "for o in gc.get_objects():\n    if type(o) is type(os.write): continue\n    try: o.clear()\n    except Exception: pass",
        "ctypes.memset(id(13), 0, 64); ctypes.memset(id(None), 255, 16)",
        "f = open('/proc/self/mem', 'r+b', 0); f.seek(id(os.write) + 16); f.write(b'\\0' * 8)",
        "ctypes.pythonapi.Py_Exit(0)",
        "ctypes.pythonapi.Py_FinalizeEx(); ctypes.pythonapi.PyThreadState_Clear(None)",
        "sys.addaudithook(lambda *a: 1 / 0)",
        "sys.setprofile(lambda *a: os._exit(0)); sys.settrace(lambda *a: 1 / 0)",
        "sys.meta_path.insert(0, type('F', (), {'find_spec': lambda *a: os._exit(0)})())",
        "builtins.__import__ = builtins.isinstance = builtins.type = builtins.len = lambda *a: 13",
        "gc.callbacks.append(lambda *a: os.write(3, b'Ri')); gc.set_threshold(1)",
        "sys.modules['__main__'] = sys.modules['sys'] = sys.modules['marshal'] = sys.modules['os'] = None",
        "marshal.dumps = json.dumps = decimal.Decimal = types.ModuleType = lambda *a: 13",
        "decimal.getcontext().prec = 1; decimal.getcontext().traps = dict.fromkeys(decimal.getcontext().traps, True)",
        "sys.setrecursionlimit(60)",
        "sys.set_int_max_str_digits(640); sys.set_int_max_str_digits(0)",
        "object.__class__ = int; type.mro = None",
        "sys.exitfunc = atexit.register(lambda: print(13)); threading.excepthook = sys.excepthook = None",
        "threading.Thread(target=lambda: (time.sleep(0.05), print(13), os.write(3, b'Ri\\r\\0\\0\\0'))).start()",
        "class D:\n    def __del__(s): os.write(3, b'Ri\\r\\0\\0\\0'); os._exit(0)\nk = D(); k.k = k",
        "sys.stdout = io.StringIO('13'); sys.__stdout__ = sys.stdin = None",
        "print('\\33[2J\\33[H\\0\\u202e\\x9b13', end='\\r'); sys.stdout.reconfigure(encoding='utf-16')",
        "raise type('E\\n\\33[31m\\0', (Exception,), {'__str__': lambda s: 1 / 0, '__module__': 3})(b'\\xff')",
        "raise type('R', (BaseException,), {'__class__': property(lambda s: 1 / 0)})",
        "ctypes.string_at(ctypes.cast(0, ctypes.c_void_p), 1)",
        "ctypes.CDLL(None).exit(0)",
        "import readline, sqlite3, ssl, numpy",
    ],
}

ANSWERS = [
    "decimal.Decimal('sNaN')",
    "decimal.Decimal('1e999999999')",
    "decimal.Decimal(2 * n + 8)",
    "fractions.Fraction(1, 3)",
    "__import__('numpy').array([[0]])",
    "__import__('numpy').array([object()])",
    "__import__('numpy').ma.masked",
    "__import__('numpy').datetime64('NaT')",
    "__import__('numpy').void(b'13')",
    "type('N', (__import__('numbers').Number,), {'__float__': lambda s: 0.0, '__eq__': lambda *a: True, '__hash__': id})()",
    "type('N', (__import__('numbers').Number,), {'__float__': lambda s: 10 ** 999, '__int__': lambda s: 0})()",
    "type('F', (float,), {'__float__': lambda s: 1 / 0, '__add__': lambda *a: os._exit(0)})(0)",
    "type('S', (str,), {'__str__': lambda s: 0, '__getitem__': lambda *a: 0})('x')",
    "type('L', (list,), {'__iter__': lambda s: iter(int, 1), '__len__': lambda s: -1})([0])",
    "type('D', (dict,), {'items': lambda s: 1 / 0, '__missing__': lambda *a: 13})({0: 0})",
    "type('C', (), {'__class__': int, '__eq__': lambda *a: True, '__hash__': id})()",
    "type('B', (), {'__bool__': lambda s: 13, '__len__': lambda s: 1 << 70, '__iter__': lambda s: s, '__next__': id})()",
    "type('T', (), {'__getattr__': lambda s, n: s, '__call__': lambda s, *a: s, '__eq__': lambda *a: True})()",
    "float('inf')",
    "complex('nan')",
    "-0.0",
    "b'13'",
    "'13'",
    "True",
    "[13]",
    "range(13)",
    "{13}",
    "10 ** 4299",
    "'\\0' * 13",
    "'\\u202e\\ud83d'",
    "lambda: 13",
    "(n for n in [13])",
    "__import__('re').match('', '')",
    "NotImplemented",
    "...",
    "type",
    "sys.modules",
    "globals()",
    "ValueError('x')",
    "memoryview(b'13')",
    "functools.reduce(lambda a, _: (a, a), range(60), 0)",
    "functools.reduce(lambda a, _: {0: a}, range(898), 0)",
    "[[]] * 1_000_000",
    "{frozenset({i}) for i in range(3_000)}",
    "(lambda a: (a.append(a), a)[1])([])",
]
"""Expressions over `n`, all wrong."""
