# The victim's process: it has a secret in every place where a process can have one, and goes on until it is ended.
# The secret is its first argument; BAIT is a name that attackers are told. What a host does not give is left out. With the
# argument "tidy" it removes what outlives a process.
import os, platform, shutil, socket, sys, threading, time

os.umask(0o077)
token, bait, home = sys.argv[1], os.environ["BAIT"], os.environ["HOME"]
number = int(bait, 16) & 0x7FFFFFFF
if token == "tidy":
    for path in ("/dev/shm/cloister-" + bait, "/dev/shm/cloister-%s-fill" % bait):
        try:
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        except OSError:
            pass
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        libc.shmctl(libc.shmget(number, 0, 0), 0, None)
        libc.msgctl(libc.msgget(number, 0), 0, None)
    except (ImportError, AttributeError):
        pass
    sys.exit()
heap = ("mem-" + token).encode()
said = {}


def clear(directory, but=()):
    # What an earlier attack left there must not look like the next one's. The agent's own sessions stay.
    for entry in os.scandir(directory):
        if entry.name in but:
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        except FileNotFoundError:
            # What an attacker of the same uid still does there may come first.
            pass


def write(path, kind):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w") as file:
        file.write(kind + "-" + token + "\n")


clear(os.getcwd())
clear(home, (".claude", ".claude.json"))
if os.path.isdir(os.path.join(home, ".claude")):
    clear(os.path.join(home, ".claude"), ("projects",))
for name in (
    "secret",
    ".ssh/id_ed25519",
    ".netrc",
    ".claude/.credentials.json",
    ".claude/projects/-workspace/session.jsonl",
    ".claude/shell-snapshots/snapshot-bash.sh",
    ".claude/todos/todo.json",
    ".cache/pip/entry",
):
    write(os.path.join(home, name), "file")
for name in ("secret", ".git/config", ".env", "src/main.py"):
    write(os.path.join(os.getcwd(), name), "file")
write(os.path.join(os.environ["TMPDIR"], "claude-0/output"), "tmp")
with open(os.path.join(home, "pid"), "w") as file:
    print(os.getpid(), file=file)
said["tmp"] = os.environ["TMPDIR"]

deleted = open(os.path.join(home, "deleted"), "w+")
deleted.write("deleted-" + token)
deleted.flush()
os.unlink(deleted.name)

heirloom = open(os.path.join(home, "secret"))


def serve(listener):
    listener.listen(8)
    while True:
        connection, _ = listener.accept()
        try:
            connection.sendall(b"ipc-" + token.encode() + b"\n")
        except OSError:
            pass
        connection.close()


def listen(family, address):
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(address)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        return listener
    except OSError:
        return None


listen(socket.AF_UNIX, "\0cloister-" + bait)
if os.path.lexists("bait.sock"):
    os.unlink("bait.sock")
listen(socket.AF_UNIX, "bait.sock")
tcp = listen(socket.AF_INET, ("127.0.0.1", 0))
if tcp:
    said["tcp"] = tcp.getsockname()[1]
try:
    with open("/dev/shm/cloister-" + bait, "w") as file:
        file.write("shm-" + token)
except OSError:
    pass
try:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    shared = libc.shmget(number, 4096, 0o1600)
    if shared >= 0:
        address = libc.shmat(shared, None, 0)
        ctypes.memmove(address, b"sysv-" + token.encode(), len(token) + 5)
    queue = libc.msgget(number, 0o1600)
    if queue >= 0:
        text = b"sysv-" + token.encode()
        for _ in range(64):
            libc.msgsnd(queue, (1).to_bytes(8, "little") + text, len(text), 0o4000)
    add_key = 248 if platform.machine() == "x86_64" else 217
    libc.syscall(add_key, b"user", b"cloister-" + bait.encode(), b"key-" + token.encode(), len(token) + 4, -4)
except (ImportError, AttributeError):
    shared = queue = -1

print("READY " + " ".join("%s=%s" % item for item in said.items()), flush=True)
# Whoever started it ends it; if that one died, it does not stay for ever.
time.sleep(3600)
