package dev.cloister.isolation.local.cgroup;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The kernel below the server: its files, its processes. */
record LinuxKernel() implements Kernel {
    @Override
    public void makeGroup(Path group) throws IOException {
        Files.createDirectory(group);
    }

    @Override
    public void removeGroup(Path group) throws IOException {
        Files.delete(group);
    }

    @Override
    public boolean exists(Path path) {
        return Files.exists(path);
    }

    @Override
    public String read(Path file) throws IOException {
        // Not readString, which refuses a file for one mount point with an odd name.
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }

    @Override
    public void write(Path file, String value) throws IOException {
        Files.writeString(file, value, StandardOpenOption.WRITE);
    }

    @Override
    public List<Path> children(Path group) throws IOException {
        // One link from above, one from itself, one from each child: spares a look at every control file.
        if (Files.getAttribute(group, "unix:nlink") instanceof Integer links && links == 2) {
            return List.of();
        }
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries =
                Files.newDirectoryStream(group, entry -> Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS))) {
            entries.forEach(found::add);
        }
        return found;
    }

    /**
     * A process id may pass to a stranger between being read and being signalled. The handle keeps the time at which its
     * process started and signals no other; that it was of a member is known by reading the members again.
     */
    @Override
    public void kill(Members members) throws IOException {
        long self = ProcessHandle.current().pid();
        Map<Long, ProcessHandle> handles = new HashMap<>();
        for (long pid : members.now()) {
            // 0 stands for a process of a pid namespace that is not below ours.
            if (pid > 0 && pid != self) {
                ProcessHandle.of(pid).ifPresent(handle -> handles.put(pid, handle));
            }
        }
        Set<Long> still = members.now();
        handles.forEach((pid, handle) -> {
            if (still.contains(pid)) {
                handle.destroyForcibly();
            }
        });
    }

    @Override
    public Volunteer volunteer() throws IOException {
        // Waits for a line that never comes, and ends with the server, whose end of the pipe goes away.
        ProcessBuilder builder = new ProcessBuilder("/bin/sh", "-c", "read -r line");
        builder.environment().clear();
        builder.directory(new File("/"));
        Process process = builder.start();
        return new Volunteer() {
            @Override
            public long pid() {
                return process.pid();
            }

            @Override
            public void close() {
                process.destroyForcibly();
            }
        };
    }
}
