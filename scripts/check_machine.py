"""What the Makefile asks of a machine before it spends a minute on installing: python3 scripts/check_machine.py [LEVEL]

LEVEL is the isolation of programs that are graded: `full`, which needs user namespaces, or the weaker `process`. Only
the standard library, in words that an old Python can read too.
"""

import ctypes
import os
import sys

NEW_USER = 0x10000000  # CLONE_NEWUSER, linux/sched.h


def fault(level):
    """Why the package cannot work here and what to do, in one line; nothing if it can."""
    if sys.version_info < (3, 11):
        return "Python 3.11 or newer is needed, and this is %d.%d: make PYTHON=python3.12" % sys.version_info[:2]
    try:
        import ensurepip  # noqa: F401  Debian has it in a package of its own
        import venv  # noqa: F401
    except ImportError:
        return "this Python cannot make environments: apt-get install python3-venv (or set PYTHON to another)"
    if sys.platform != "linux":
        return "programs are graded on Linux only, and this is %s: use a Linux container" % sys.platform
    if level == "full" and not has_user_namespaces():
        return (
            "programs cannot be isolated: this machine allows no user namespaces (sysctl user.max_user_namespaces, or "
            "the container's settings); make demo ISOLATION=process does without, against mistakes but not attacks"
        )
    return None


def has_user_namespaces():
    """Whether a process can enter one: tried in a child, because there is no way back."""
    child = os.fork()
    if child == 0:
        os._exit(1 if ctypes.CDLL(None).unshare(NEW_USER) else 0)
    return os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    reason = fault(sys.argv[1] if len(sys.argv) > 1 else "full")
    if reason:
        sys.exit("error: " + reason)
