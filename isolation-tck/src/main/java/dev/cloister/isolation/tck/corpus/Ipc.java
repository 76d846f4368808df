package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.corpus.Attacks.calling;
import static dev.cloister.spi.Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;
import static dev.cloister.spi.Guarantee.NETWORK_CLOSED;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** Memory and sockets that outlive or cross processes. */
final class Ipc {
    private Ipc() {}

    static List<Attack> attacks() {
        return new Attacks(Family.IPC)
                .add("ipc-shared-file", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, SH, """
                        cat "/dev/shm/cloister-$V_BAIT"
                        """)
                .add("ipc-shared-memory", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, calling("""
                        number = int(os.environ["V_BAIT"], 16) & 0x7FFFFFFF
                        libc.shmat.restype = ctypes.c_void_p
                        shared = libc.shmget(number, 0, 0)
                        address = libc.shmat(shared, None, 0o10000)
                        if shared >= 0 and address not in (None, 2**64 - 1):
                            print(ctypes.string_at(address, 40))
                        """))
                .add("ipc-message-queue", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, calling("""
                        number = int(os.environ["V_BAIT"], 16) & 0x7FFFFFFF
                        queue = libc.msgget(number, 0)
                        buffer = ctypes.create_string_buffer(4096)
                        if queue >= 0 and libc.msgrcv(queue, buffer, 4000, 0, 0o4000) > 0:
                            print(buffer.raw[8:60])
                        """))
                .add("ipc-abstract-socket", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, """
                        import os, socket
                        line = socket.socket(socket.AF_UNIX)
                        line.connect("\\0cloister-" + os.environ["V_BAIT"])
                        print(line.recv(100))
                        """)
                // Connecting takes the right to write to the socket's file.
                .add("ipc-path-socket", FILES_OF_OTHERS_UNWRITABLE, SECRET_SHOWN, PYTHON, """
                        import os, socket
                        line = socket.socket(socket.AF_UNIX)
                        os.chdir(os.environ["V_WORK"])
                        line.connect("bait.sock")
                        print(line.recv(100))
                        """)
                .add("ipc-loopback", NETWORK_CLOSED, SECRET_SHOWN, PYTHON, """
                        import socket
                        for line in open("/proc/net/tcp").read().splitlines()[1:]:
                            fields = line.split()
                            if fields[3] == "0A":
                                try:
                                    peer = socket.create_connection(("127.0.0.1", int(fields[1].split(":")[1], 16)), 0.3)
                                    peer.settimeout(0.3)
                                    print(peer.recv(100))
                                except OSError:
                                    pass
                        """)
                .add("ipc-keyring", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, PYTHON, calling("""
                        key = call(250, 219, 10, -4, b"user", b"cloister-" + os.environ["V_BAIT"].encode(), 0)
                        buffer = ctypes.create_string_buffer(100)
                        if key > 0 and call(250, 219, 11, key, buffer, 100) > 0:
                            print(buffer.raw)
                        """))
                .add("ipc-watch", FILES_OF_OTHERS_UNREADABLE, GAINED, PYTHON, calling("""
                        watcher, place = libc.inotify_init(), os.environ["V_HOME"]
                        if place == os.environ["HOME"]: place += "/secret" # where each sees its own under one name
                        if libc.inotify_add_watch(watcher, place.encode(), 0xFFF) >= 0:
                            print("GAINED")
                        """))
                .toList();
    }
}
