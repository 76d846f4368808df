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
                        place = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else os.environ["TMPDIR"]
                        path = place + "/cloister-%s-fill" % os.environ["V_BAIT"]
                        try:
                            with open(path, "wb") as file:
                                for _ in range(24):
                                    file.write(b"x" * (32 << 20))
                            print("GAINED")
                        finally:
                            os.unlink(path)
                        """)
                .add("exhaust-processes", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import os, time
                        children = []
                        try:
                            for _ in range(300):
                                child = os.fork()
                                if child == 0:
                                    time.sleep(3)
                                    os._exit(0)
                                children.append(child)
                            print("GAINED", flush=True)
                        finally:
                            for child in children: os.kill(child, 9)
                        """)
                .add("exhaust-threads", RESOURCES_BOUNDED, GAINED, PYTHON, """
                        import threading, time
                        threads = [threading.Thread(target=time.sleep, args=(1,), daemon=True) for _ in range(300)]
                        for thread in threads: thread.start()
                        print("GAINED", flush=True)
                        """)
                .toList();
    }
}
