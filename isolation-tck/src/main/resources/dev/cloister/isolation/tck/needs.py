# What this host refuses to the user who runs this, with no wall of Cloister's: a line for each need, and DONE. Each trial has a
# process of its own, and raises OSError where the kernel refuses.
import ctypes, errno, os, platform, socket, struct, tempfile

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
x86 = platform.machine() == "x86_64"
REFUSALS = {getattr(errno, name) for name in (
    "EPERM EACCES ENOSYS EROFS ENOENT ENOTDIR EINVAL EIO ENXIO EOPNOTSUPP EAFNOSUPPORT EPROTONOSUPPORT ESOCKTNOSUPPORT EPIPE").split()}


def call(x86_number, arm_number, *arguments, unless=()):
    ctypes.set_errno(0)
    number = x86_number if x86 else arm_number
    answer = libc.syscall(ctypes.c_long(number), *[ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments])
    if answer < 0 and ctypes.get_errno() not in unless:
        raise OSError(ctypes.get_errno(), "")
    return answer


def memory():
    buffer = ctypes.create_string_buffer(8)
    part = struct.pack("QQ", ctypes.addressof(buffer), 8)
    # Nothing has to be there: it is read all the same.
    call(310, 270, other, part, 1, part, 1, 0, unless=(errno.EFAULT,))


def handle(opened):
    name = ctypes.create_string_buffer(struct.pack("I", 128) + bytes(132))
    call(303, 264, -100, b".", name, ctypes.byref(ctypes.c_int()), 0)
    if opened:
        call(304, 265, os.open(".", os.O_RDONLY), name, 0)


def fast_open():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    socket.socket().sendto(b"x", 0x20000000, listener.getsockname())
    listener.accept()[0].recv(1)


def mount(kind, source, flags):
    place = tempfile.mkdtemp(dir=".").encode()
    try:
        if libc.mount(source, place, kind, ctypes.c_ulong(flags), None) != 0:
            raise OSError(ctypes.get_errno(), "")
        libc.umount2(place, 2)
    finally:
        os.rmdir(place)


def remount():
    if libc.mount(None, b"/", None, ctypes.c_ulong(32 | 4096), None) != 0:
        raise OSError(ctypes.get_errno(), "")


def unconfined():
    # A kernel that does not say counts as one that forbids it.
    if "NoNewPrivs:\t0" not in open("/proc/self/status").read():
        raise OSError(errno.EPERM, "")


def any_of(paths, attempt):
    for path in paths:
        try:
            return attempt(path)
        except OSError:
            pass
    raise OSError(errno.ENOENT, "")


def group(root):
    os.mkdir(root + "/cloister-need")
    os.rmdir(root + "/cloister-need")


def read_disk(path):
    os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 1)


def writable(path):
    os.close(os.open(path, os.O_WRONLY))


def disks():
    return ["/dev/" + one for one in os.listdir("/dev") if os.path.exists("/dev/" + one) and os.stat("/dev/" + one).st_mode >> 12 == 6]


def agents():
    roots = os.listdir("/sys/fs/cgroup")
    return ["/sys/fs/cgroup/%s/release_agent" % root for root in roots] + ["/sys/fs/cgroup/cgroup.procs"]


TRIALS = {
    "TRACE": lambda: call(101, 117, 16, other, 0, 0),
    "PROCESS_MEMORY": memory,
    "MEMORY_FILE": lambda: os.open("/proc/%d/mem" % other, os.O_RDONLY),
    "PROCESS_LINKS": lambda: os.listdir("/proc/%d/root/" % other) and os.stat("/proc/%d/cwd/." % other),
    "PROCESS_DESCRIPTOR": lambda: call(424, 424, call(434, 434, other, 0), 0, 0, 0),
    "DESCRIPTOR_COPY": lambda: call(438, 438, call(434, 434, other, 0), 0, 0),
    "COMPARE": lambda: call(312, 272, os.getpid(), other, 1, 0, 0),
    "HANDLE_NAME": lambda: handle(False),
    "HANDLE_OPEN": lambda: handle(True),
    "KEYS": lambda: call(248, 217, b"user", b"cloister-need", b"x", 1, -2),
    "FAST_OPEN": fast_open,
    "MULTIPATH": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262),
    "RAW_SOCKET": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "PACKET_SOCKET": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    "VSOCK": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
    "MOUNT": lambda: mount(b"tmpfs", b"none", 0),
    "BIND": lambda: mount(None, b".", 4096),
    "REMOUNT": remount,
    "USER_NAMESPACE": lambda: call(272, 97, 0x10000000),
    "MOUNT_NAMESPACE": lambda: call(272, 97, 0x00020000),
    "SET_NAMESPACE": lambda: call(308, 268, os.open("/proc/self/ns/mnt", os.O_RDONLY), 0),
    "ROOT": lambda: os.setresuid(0, 0, 0),
    "NEW_PRIVILEGES": unconfined,
    "DISK": lambda: any_of(disks(), read_disk),
    "KERNEL_LOG": lambda: call(103, 116, 10, 0, 0),
    "KERNEL_SETTINGS": lambda: [writable("/proc/sys/kernel/core_pattern"), writable("/proc/sys/vm/drop_caches")],
    "CGROUP": lambda: any_of(["/sys/fs/cgroup", "/sys/fs/cgroup/pids"], group),
    "RELEASE_AGENT": lambda: any_of(agents(), writable),
    "IO_URING": lambda: call(425, 425, 1, ctypes.create_string_buffer(120)),
    "USERFAULTFD": lambda: call(323, 282, 1),
    "BPF": lambda: call(321, 280, 0, struct.pack("IIII", 2, 4, 4, 1) + bytes(104), 120),
    "PERF": lambda: call(298, 241, struct.pack("IIQQ", 1, 112, 0, 0) + bytes(88), 0, -1, -1, 0),
    "CLOCK": lambda: call(305, 266, 0, ctypes.create_string_buffer(256)),
    "SWAP": lambda: call(167, 224, b"/nowhere", 0, unless=(errno.ENOENT,)),
    "OPEN_TREE": lambda: call(428, 428, -100, b"/", 1),
    "NEW_FILE_SYSTEM": lambda: call(430, 430, b"tmpfs", 0),
    "WATCH_ALL": lambda: call(300, 262, 0, 0),
}

# A process of the same user that is neither child nor in a namespace of this one's.
other = int(os.environ["OTHER"])
for name, attempt in TRIALS.items():
    child = os.fork()
    if child == 0:
        try:
            attempt()
        except OSError as error:
            os._exit(1 if error.errno in REFUSALS else 0)
        except AttributeError:
            os._exit(1)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1:
        print(name)
print("DONE")
