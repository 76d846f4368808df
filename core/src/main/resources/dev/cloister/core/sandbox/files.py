# One act on the files of a workspace, run by the server as the tenant, in the workspace.
#
#   argument 1   stat, list, read, write or delete
#   argument 2   the path in hexadecimal, so that nothing on its way can take it for anything else
#   argument 3   list: how many names; write: the file's mode
#
# Every answer is of records that end with NUL. The first is "ok", the kernel's error number, or the word of a refusal. No
# link is followed. New content comes in pieces, each behind its length in four bytes; only a length of zero makes it whole.
import errno
import os
import signal
import stat
import sys

MOST_NAMES = 100_000
PIECE = 64 * 1024


class Refused(Exception):
    pass


def say(*records):
    sys.stdout.buffer.write(b"".join(record + b"\0" for record in records))
    sys.stdout.buffer.flush()


def directory(names, make=False):
    """The directory at a path, held; with what is missing made."""
    here = os.open(".", os.O_PATH | os.O_DIRECTORY)
    for name in names:
        try:
            below = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=here)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(name, 0o700, dir_fd=here)
            below = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=here)
        mode = os.fstat(below).st_mode
        if stat.S_ISLNK(mode):
            raise Refused("link")
        if not stat.S_ISDIR(mode):
            raise Refused("file")
        os.close(here)
        here = below
    return here


def entry(info, name):
    mode = info.st_mode
    kind = (
        b"file" if stat.S_ISREG(mode)
        else b"directory" if stat.S_ISDIR(mode)
        else b"link" if stat.S_ISLNK(mode)
        else b"other"
    )
    runs = kind == b"file" and mode & stat.S_IXUSR
    return kind, b"%d" % info.st_size, b"%d" % (info.st_mtime_ns // 1_000_000), b"x" if runs else b"-", name


def look(names):
    if not names:
        info, name = os.stat("."), b""
    else:
        info, name = os.stat(names[-1], dir_fd=directory(names[:-1]), follow_symlinks=False), names[-1]
    say(b"ok", *entry(info, name))


def enumerate_names(names, most):
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory(names))
    found = []
    with os.scandir(here) as all_names:
        for each in all_names:
            if len(found) == MOST_NAMES:
                raise Refused("many")
            found.append(os.fsencode(each.name))
    records = [b"ok"]
    for name in sorted(found)[:most]:
        try:
            records += entry(os.stat(name, dir_fd=here, follow_symlinks=False), name)
        except FileNotFoundError:
            continue  # deleted since its name was read
    say(*records, b"end")


def read(names):
    above = directory(names[:-1])
    # What is found is refused before it is opened; a FIFO that is put there now does not block, nor does a lease.
    mode = os.stat(names[-1], dir_fd=above, follow_symlinks=False).st_mode
    file = -1
    if stat.S_ISREG(mode):
        try:
            file = os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        except OSError as e:
            raise Refused("link") if e.errno == errno.ELOOP else e
        mode = os.fstat(file).st_mode
    if stat.S_ISLNK(mode):
        raise Refused("link")
    if stat.S_ISDIR(mode):
        raise Refused("directory")
    if not stat.S_ISREG(mode):
        raise Refused("special")
    left = os.fstat(file).st_size
    say(b"ok", b"%d" % left)
    while left > 0:
        try:
            piece = os.read(file, min(PIECE, left))
        except OSError:
            sys.exit(1)  # behind the first record only content is said
        if not piece:
            break
        sys.stdout.buffer.write(piece)
        left -= len(piece)
    sys.stdout.buffer.flush()


def receive(file):
    source = sys.stdin.buffer
    while True:
        head = source.read(4)
        size = int.from_bytes(head, "big")
        if len(head) == 4 and size == 0:
            return
        piece = source.read(size)
        if len(head) < 4 or len(piece) < size:
            sys.exit(1)  # the sender gave up
        while piece:
            piece = piece[os.write(file, piece):]


def write(names, mode):
    staged = ".cloister-writing-" + os.urandom(8).hex()
    file = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        receive(file)
        os.fchmod(file, mode)
        # Before the rename: after a power cut the name must not stand for an empty file.
        os.fsync(file)
        above = directory(names[:-1], make=True)
        existed = replaceable(names[-1], above)
        os.rename(staged, names[-1], dst_dir_fd=above)
        staged = ""
    finally:
        if staged:
            os.unlink(staged)
    say(b"ok", b"replaced" if existed else b"created")


def replaceable(name, above):
    try:
        mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(mode):
        raise Refused("link")
    if stat.S_ISDIR(mode):
        raise Refused("directory")
    if not stat.S_ISREG(mode):
        raise Refused("special")
    return True


def delete(names):
    above = directory(names[:-1])
    name = names[-1]
    try:
        os.unlink(name, dir_fd=above)
    except IsADirectoryError:
        if not removed(name, above):
            # rm goes to any depth; only directories that their owner locked stop it.
            import subprocess

            os.fchdir(above)
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            remove = ["rm", "-rf", "--", b"./" + name]
            subprocess.run(remove, **quiet)
            if os.path.lexists(name):
                subprocess.run(["chmod", "-R", "u+rwx", "--", b"./" + name], **quiet)
                subprocess.run(remove, **quiet)
            if os.path.lexists(name) and not removed(name, above):
                raise Refused("busy")
    say(b"ok")


def removed(name, above):
    try:
        os.rmdir(name, dir_fd=above)
        return True
    except OSError as e:
        if e.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise


def main(act, path, argument):
    names = [name for name in bytes.fromhex(path).split(b"/") if name]
    if act == "stat":
        look(names)
    elif act == "list":
        enumerate_names(names, int(argument))
    elif act == "read":
        read(names)
    elif act == "write":
        write(names, int(argument, 8))
    elif act == "delete":
        delete(names)


os.umask(0o077)
# So that a write which is ended leaves nothing half done behind.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
try:
    main(*sys.argv[1:])
except Refused as e:
    say(str(e).encode())
except OSError as e:
    say(b"%d" % (e.errno or errno.EIO))
