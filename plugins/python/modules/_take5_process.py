"""A script in a process that is the host's: signals, children, and what is called at the end."""
import atexit
import os
import signal
import sys
import threading
import weakref

# What the host catches, and what it ignores and Python does not.
CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
IGNORED = (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF)


# ---- signals of the process are the host's ----

handlers = {}
_own = threading.local()
_set_handler, _set_mask = signal.signal, signal.pthread_sigmask
_functions = signal.signal, signal.getsignal, signal.pthread_sigmask


def set_signal(number, handler):
    """In the place of signal.signal(): the host stops the script, and then calls the handler."""
    before = handlers.get(number, signal.SIG_DFL)
    handlers[number] = handler
    return before


def get_signal(number):
    return handlers.get(number, signal.SIG_DFL)


def set_mask(how, mask):
    """In the place of signal.pthread_sigmask(): the threads keep theirs."""
    before = getattr(_own, "mask", set())
    _own.mask = (before | set(mask) if how == signal.SIG_BLOCK else
                 before - set(mask) if how == signal.SIG_UNBLOCK else set(mask))
    return before


signal.signal, signal.getsignal, signal.pthread_sigmask = set_signal, get_signal, set_mask


# ---- children begin with signals as those of Python do ----

def _begin_copy():
    """In what fork() has made: the signals are its own."""
    signal.signal, signal.getsignal, signal.pthread_sigmask = _functions
    usual = {**dict.fromkeys(CAUGHT + IGNORED, signal.SIG_DFL),
             signal.SIGINT: signal.default_int_handler}
    for number, handler in {**usual, **handlers}.items():
        try:
            _set_handler(number, handler)
        except (OSError, TypeError, ValueError):  # as the script would have been told
            pass
    _set_mask(signal.SIG_SETMASK, getattr(_own, "mask", ()))


os.register_at_fork(after_in_child=_begin_copy)


def _nothing():
    pass


def patch_subprocess(subprocess):
    """With a function to call in the child it is begun by fork(), and so as above."""
    execute = subprocess.Popen._execute_child

    def execute_child(self, args, executable, preexec_fn, *rest, **named):
        return execute(self, args, executable, preexec_fn or _nothing, *rest, **named)

    subprocess.Popen._execute_child = execute_child


def _unblocked(spawn):
    def spawn_unblocked(*arguments, **named):
        return spawn(*arguments, **{"setsigmask": (), "setsigdef": IGNORED, **named})
    return spawn_unblocked


os.posix_spawn, os.posix_spawnp = map(_unblocked, (os.posix_spawn, os.posix_spawnp))


def system(command):
    """In the place of os.system(), which would ignore signals in the whole process meanwhile."""
    child = os.posix_spawn("/bin/sh", ["sh", "-c", os.fsencode(command)], os.environ)
    return os.waitpid(child, 0)[1]


os.system = system


# ---- what is called at the end ----

# The interpreter never ends: what atexit is given is called here. (function, arguments, names)
exits = []  # of packages, which outlast a script


def exits_of(names):
    """The list for what code with these global names registers; the bridge puts its own here."""
    return exits


def register(function, /, *arguments, **named):
    """In the place of atexit.register()."""
    exits_of(sys._getframe(1).f_globals).append((function, arguments, named))
    return function


def unregister(function):
    for calls in (exits, exits_of(sys._getframe(1).f_globals)):
        calls[:] = [call for call in calls if call[0] != function]


atexit.register, atexit.unregister = register, unregister


def thread_exits():
    """What ends pools of threads and processes, before the other functions."""
    functions = getattr(threading, "_threading_atexits", ())
    return [(function, (), {}) for function in reversed(functions)]


# Set by these functions for good; but another script may begin in this process.
ENDED = (("concurrent.futures.thread", "_shutdown"),
         ("concurrent.futures.process", "_global_shutdown"), ("multiprocessing.util", "_exiting"))


def begin_again():
    for name, flag in ENDED:
        if hasattr(sys.modules.get(name), flag):
            setattr(sys.modules[name], flag, False)
    weakref.finalize._shutdown = False


def kill_children():
    """Those of multiprocessing that are left."""
    module = sys.modules.get("multiprocessing.process")
    for child in module.active_children() if module is not None else ():
        child.kill()
        child.join()
