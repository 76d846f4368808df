package dev.cloister.isolation.local.cgroup;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The kernel of this host, without some of its files. */
record OldKernel(Kernel kernel, Set<String> absent) implements Kernel {
    private boolean hides(Path path) {
        return path.getFileName() != null && absent.contains(path.getFileName().toString());
    }

    @Override
    public void makeGroup(Path group) throws IOException {
        kernel.makeGroup(group);
    }

    @Override
    public void removeGroup(Path group) throws IOException {
        kernel.removeGroup(group);
    }

    @Override
    public boolean exists(Path path) {
        return !hides(path) && kernel.exists(path);
    }

    @Override
    public String read(Path file) throws IOException {
        if (hides(file)) {
            throw new NoSuchFileException(file.toString());
        }
        return kernel.read(file);
    }

    @Override
    public void write(Path file, String value) throws IOException {
        if (hides(file)) {
            throw new NoSuchFileException(file.toString());
        }
        kernel.write(file, value);
    }

    @Override
    public List<Path> children(Path group) throws IOException {
        return kernel.children(group);
    }

    @Override
    public void kill(Members members) throws IOException {
        kernel.kill(members);
    }

    @Override
    public Volunteer volunteer() throws IOException {
        return kernel.volunteer();
    }
}
