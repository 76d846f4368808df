package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.spi.Guarantee.RESOURCES_BOUNDED;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** More than a tenant's share. */
final class Resources {
    private Resources() {}

    static List<Attack> attacks() {
        return new Attacks(Family.RESOURCES)
                .add("exhaust-memory", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        blocks = [bytearray(b"x") * (32 << 20) for _ in range(24)]
                        print("GAINED")
                        """)
                .add("exhaust-memory-children", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os, sys
                        children = []
                        for _ in range(8):
                            r, w = os.pipe()
                            child = os.fork()
                            if child == 0:
                                block = bytearray(b"x") * (96 << 20)
                                os.write(w, b"1")
                                sys.stdin.read(0)
                                import time; time.sleep(3)
                                os._exit(0)
                            os.close(w)
                            children.append((child, r))
                        filled = all(os.read(r, 1) for _, r in children)
                        # All at once: one that was killed after it had filled its own gave room to the next.
                        if filled and all(os.waitpid(child, os.WNOHANG)[0] == 0 for child, _ in children): print("GAINED")
                        """)
                .add("exhaust-memory-tmp", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os
                        def room(place):
                            # A container's /dev/shm is small.
                            return os.access(place, os.W_OK) and os.statvfs(place).f_bavail * os.statvfs(place).f_frsize > 800 << 20
                        place = "/dev/shm" if room("/dev/shm") else os.environ["TMPDIR"]
                        path = place + "/cloister-%s-fill" % os.environ["V_BAIT"]
                        try:
                            with open(path, "wb") as file:
                                for _ in range(24):
                                    file.write(b"x" * (32 << 20))
                            print("GAINED", flush=True)
                        finally:
                            os.unlink(path)
                        """)
                // None ends before the last has begun, however long that takes: all are to be there at once.
                .add("exhaust-processes", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os, signal
                        children = []
                        try:
                            for _ in range(300):
                                child = os.fork()
                                if child == 0: signal.pause()
                                children.append(child)
                            print("GAINED", flush=True)
                        finally:
                            for child in children: os.kill(child, 9)
                        """)
                .add("exhaust-threads", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import threading
                        over = threading.Event()
                        threads = [threading.Thread(target=over.wait, daemon=True) for _ in range(300)]
                        try:
                            for thread in threads: thread.start()
                            print("GAINED", flush=True)
                        finally:
                            over.set()
                        """)
                .add("exhaust-memory-unnamed-file", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os
                        file = os.memfd_create("fill")
                        for _ in range(24):
                            os.write(file, b"x" * (32 << 20))
                        print("GAINED")
                        """)
                // Unpacked it is more than a tenant may have of memory: less would be no breach where that is all that
                // bounds it.
                .add("exhaust-zip-bomb", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os, shutil, zipfile
                        def room(place):
                            return os.access(place, os.W_OK) and os.statvfs(place).f_bavail * os.statvfs(place).f_frsize > 800 << 20
                        place = "/dev/shm" if room("/dev/shm") else os.environ["TMPDIR"]
                        path = place + "/cloister-%s-fill" % os.environ["V_BAIT"]
                        try:
                            with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
                                with bomb.open("zeros", "w") as entry:
                                    for _ in range(48):
                                        entry.write(bytes(16 << 20))
                            with zipfile.ZipFile("bomb.zip").open("zeros") as entry, open(path, "wb") as out:
                                shutil.copyfileobj(entry, out, 1 << 20)
                            if os.stat(path).st_size == 768 << 20: print("GAINED", flush=True)
                        finally:
                            os.unlink("bomb.zip")
                            os.unlink(path)
                        """)
                // Nothing but names, and long ones: what they take is memory of the kernel.
                .add("exhaust-inodes", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os, shutil
                        def room(place):
                            return os.access(place, os.W_OK) and os.statvfs(place).f_favail > 500000
                        place = "/dev/shm" if room("/dev/shm") else os.environ["TMPDIR"]
                        path = place + "/cloister-%s-fill" % os.environ["V_BAIT"]
                        os.mkdir(path)
                        try:
                            directory = os.open(path, os.O_RDONLY)
                            for i in range(450000):
                                os.mknod("%0240d" % i, dir_fd=directory)
                            print("GAINED", flush=True)
                        finally:
                            shutil.rmtree(path)
                        """)
                .add("exhaust-descriptors", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os, resource
                        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
                        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
                        for _ in range(4500): os.dup(0)
                        print("GAINED")
                        """)
                // By how long its processes see the clock go on without a gap, over that clock. A kernel's own account
                // is its word: gVisor's was 0.8 of a processor where the host's was 0.5. Whatever else the machine
                // does only makes it less.
                .add("exhaust-processor", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os, struct, time
                        def ran(until):
                            ran, last = 0, time.monotonic()
                            while last < until:
                                now = time.monotonic()
                                if now - last < 0.0005: ran += now - last
                                last = now
                            return ran
                        def share(seconds):
                            (wait, go), (out, into), children = os.pipe(), os.pipe(), []
                            for _ in range(32):
                                child = os.fork()
                                if child == 0:
                                    os.write(into, struct.pack("d", ran(*struct.unpack("d", os.read(wait, 8)))))
                                    os._exit(0)
                                children.append(child)
                            os.write(go, 32 * struct.pack("d", time.monotonic() + seconds))
                            for child in children: os.waitpid(child, 0)
                            return sum(struct.unpack("32d", os.read(out, 256))) / seconds
                        if any(share(1) > 0.65 for _ in range(6)): print("GAINED")
                        """)
                .toList();
    }
}
