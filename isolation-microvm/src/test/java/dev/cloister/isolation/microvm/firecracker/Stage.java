package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.isolation.microvm.machine.MachinePlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;

/** A place with a kernel, disks, and the programs of {@link FakeFirecracker}, each of which is a process of its own. */
record Stage(Path directory) {
    static final long MEMORY = 256L << 20;

    /** Passes on what the jailer would, from the directory in which it would have jailed itself. */
    private static final String JAILER = """
            #!/bin/sh
            while [ $# -gt 0 ]; do
              case $1 in
                --id) id=$2; shift 2 ;;
                --exec-file) file=$2; shift 2 ;;
                --chroot-base-dir) base=$2; shift 2 ;;
                --uid|--gid|--cgroup|--cgroup-version|--parent-cgroup) shift 2 ;;
                --new-pid-ns) shift ;;
                --) shift; break ;;
                *) echo "no option of the jailer: $1" >&2; exit 1 ;;
              esac
            done
            cd "$base/${file##*/}/$id/root" || exit 1
            "$file" --id "$id" "$@" &
            echo $! > "${file##*/}.pid"
            """;

    static Stage in(Path directory) throws IOException {
        Stage stage = new Stage(directory);
        byte[] kernel = new byte[2048];
        kernel[0] = 0x7f;
        kernel[1] = 'E';
        kernel[2] = 'L';
        kernel[3] = 'F';
        Files.write(directory.resolve("vmlinux"), kernel);
        for (String name : List.of("initramfs", "programs", "workspace", "workspace-of-another")) {
            Files.writeString(directory.resolve(name), name);
        }
        return stage;
    }

    /** @param properties of the fake's, as {@code -Ddeaf=1} */
    Path firecracker(String... properties) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        return program(
                "firecracker",
                "#!/bin/sh\nexec '" + java + "' -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '"
                        + System.getProperty("java.class.path") + "' "
                        + String.join(" ", quoted(properties)) + " " + FakeFirecracker.class.getName() + " \"$@\"\n");
    }

    private static List<String> quoted(String... properties) {
        return List.of(properties).stream()
                .map(property -> "'" + property + "'")
                .toList();
    }

    Path jailer() throws IOException {
        return program("jailer", JAILER);
    }

    Path program(String name, String text) throws IOException {
        Path program = directory.resolve(name);
        Files.writeString(program, text);
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        return program;
    }

    /** A machine with a shared disk and one that it can write. */
    MachinePlan plan(String name, String workspace, Optional<Long> uid) throws IOException {
        return new MachinePlan(
                Files.createDirectories(directory.resolve(name)),
                directory.resolve("vmlinux"),
                directory.resolve("initramfs"),
                List.of(
                        new MachinePlan.Disk(directory.resolve("programs"), false),
                        new MachinePlan.Disk(directory.resolve(workspace), true)),
                MEMORY,
                2,
                uid);
    }
}
