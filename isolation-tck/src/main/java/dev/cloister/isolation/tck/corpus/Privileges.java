package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Language.SH;
import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.isolation.tck.corpus.Attacks.calling;
import static dev.cloister.spi.Guarantee.PRIVILEGES_NOT_GAINABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** More rights, and parts of the kernel that an agent does not need. */
final class Privileges {
    private Privileges() {}

    static List<Attack> attacks() {
        return new Attacks(Family.PRIVILEGES)
                .add(
                        "privilege-mount",
                        PRIVILEGES_NOT_GAINABLE,
                        GAINED,
                        SH,
                        "mkdir -p m && mount -t tmpfs none m && echo GAINED; umount m; rmdir m")
                .add(
                        "privilege-bind",
                        PRIVILEGES_NOT_GAINABLE,
                        GAINED,
                        SH,
                        "mkdir -p m && mount --bind . m && echo GAINED; umount m; rmdir m")
                .add(
                        "privilege-remount",
                        PRIVILEGES_NOT_GAINABLE,
                        GAINED,
                        SH,
                        "mount -o remount,bind,rw / && echo GAINED")
                .add(
                        "privilege-user-namespace",
                        PRIVILEGES_NOT_GAINABLE,
                        GAINED,
                        SH,
                        "unshare --user true && echo GAINED")
                .add(
                        "privilege-mount-namespace",
                        PRIVILEGES_NOT_GAINABLE,
                        GAINED,
                        SH,
                        "unshare --mount true && echo GAINED")
                .add("privilege-user-namespace-clone", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(56, 220, 0x10000000 | 17, 0, 0, 0, 0)) if os.fork() == 0 else os.wait()
                        """))
                .add("privilege-setns", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(308, 268, os.open("/proc/self/ns/mnt", os.O_RDONLY), 0))
                        """))
                .add("privilege-chroot", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, """
                        import os; os.chroot("."); print("GAINED")
                        """)
                .add("privilege-setuid", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, """
                        import os; os.setresuid(0, 0, 0); print("GAINED")
                        """)
                .byRoot("privilege-other-uid", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, """
                        import os; os.setresuid(12345, 12345, 12345); print("GAINED")
                        """)
                .add("privilege-new-privileges", PRIVILEGES_NOT_GAINABLE, GAINED, SH, """
                        grep -q "NoNewPrivs:.*0" /proc/self/status && echo GAINED
                        """)
                .add("privilege-capabilities", PRIVILEGES_NOT_GAINABLE, GAINED, SH, """
                        grep -E "^Cap(Eff|Prm|Inh|Amb):" /proc/self/status | grep -q "[1-9a-f]$\\|[1-9a-f]0*$" && echo GAINED
                        """)
                .add("privilege-setuid-file", PRIVILEGES_NOT_GAINABLE, GAINED, SH, """
                        cp /bin/sh own; chmod 4755 own; chown 0 own 2>/dev/null && ./own -pc true && echo GAINED; rm -f own
                        """)
                .byRoot("privilege-device-node", PRIVILEGES_NOT_GAINABLE, GAINED, SH, """
                        mknod zero c 1 5 && head -c 1 zero | grep -qc . && echo GAINED; [ -c zero ] && echo GAINED; rm -f zero
                        """)
                .byRoot("privilege-disk", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, """
                        import os, stat
                        for name in os.listdir("/dev"):
                            path = "/dev/" + name
                            if stat.S_ISBLK(os.stat(path).st_mode):
                                try:
                                    os.read(os.open(path, os.O_RDONLY), 1)
                                    print("GAINED")
                                    break
                                except OSError:
                                    pass
                        """)
                .byRoot("privilege-kernel-log", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(103, 116, 10, 0, 0))
                        """))
                .byRoot("privilege-core-pattern", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, """
                        import os; os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY); print("GAINED")
                        """)
                .byRoot("privilege-drop-caches", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, """
                        import os; os.open("/proc/sys/vm/drop_caches", os.O_WRONLY); print("GAINED")
                        """)
                .byRoot("privilege-cgroup", PRIVILEGES_NOT_GAINABLE, GAINED, SH, """
                        for root in /sys/fs/cgroup /sys/fs/cgroup/pids; do mkdir "$root/attack-$$" && echo GAINED; rmdir "$root/attack-$$"; done
                        """)
                .byRoot("privilege-release-agent", PRIVILEGES_NOT_GAINABLE, GAINED, SH, """
                        for file in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/cgroup.procs; do ( : >> "$file" ) && echo GAINED && break; done
                        """)
                .add("kernel-io-uring", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(425, 425, 1, ctypes.create_string_buffer(120)))
                        """))
                .add("kernel-userfaultfd", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(323, 282, 1))
                        """))
                .byRoot("kernel-bpf", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(321, 280, 0, struct.pack("IIII", 2, 4, 4, 1) + bytes(104), 120))
                        """))
                .byRoot("kernel-perf", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(298, 241, struct.pack("IIQQ", 1, 112, 0, 0) + bytes(88), 0, -1, -1, 0))
                        """))
                .add("kernel-keyring", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(248, 217, b"user", b"attack", b"x", 1, -3))
                        """))
                .add("kernel-clock", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(305, 266, 0, ctypes.create_string_buffer(256)))
                        """))
                .byRoot("kernel-swap", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(167, 224, b"/nowhere", 0))
                        """))
                .byRoot("kernel-terminal", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        import pty
                        _, slave = pty.openpty()
                        reached(libc.ioctl(slave, 0x541C, b"x"))
                        """))
                .add("kernel-terminal-input", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(libc.ioctl(0, 0x5412, b"x"))
                        """))
                .add("kernel-open-tree", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(428, 428, -100, b"/", 1))
                        """))
                .add("kernel-filesystem", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(430, 430, b"tmpfs", 0))
                        """))
                .add("kernel-handle", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        handle = ctypes.create_string_buffer(struct.pack("I", 128) + bytes(132))
                        reached(call(303, 264, -100, b".", handle, ctypes.byref(ctypes.c_int()), 0))
                        """))
                .byRoot("kernel-watch-all", PRIVILEGES_NOT_GAINABLE, GAINED, PYTHON, calling("""
                        reached(call(300, 262, 0, 0))
                        """))
                .toList();
    }
}
