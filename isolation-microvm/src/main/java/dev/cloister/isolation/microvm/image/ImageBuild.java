package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/** Makes the directory that {@link MachineImages} opens. Not thread-safe; of two at once on one directory the second is refused. */
public final class ImageBuild {
    /** As deploy/agent-image has them. */
    private static final List<String> PACKAGES = List.of(
            "bash",
            "ca-certificates",
            "coreutils",
            "curl",
            "findutils",
            "git",
            "grep",
            "less",
            "nodejs",
            "npm",
            "openssh-client",
            "patch",
            "procps",
            "python3",
            "python3-pip",
            "python3-venv",
            "ripgrep",
            "sed",
            "tar",
            "unzip",
            "xz-utils");

    private static final String KERNEL_PACKAGE = "linux-image-";
    /** Links here would lead out of the tree, or tell of the machine that made it. */
    private static final List<String> TRACES = List.of(
            "etc/resolv.conf",
            "etc/apt/sources.list",
            "etc/apt/sources.list.d/0000sources.list",
            "etc/dpkg/dpkg.cfg.d/99mmdebstrap");

    /**
     * What is asked for.
     *
     * @param target the directory; one that is there is replaced when the new one is whole
     * @param suite a release of Debian; empty: the host's
     * @param packages more than the usual ones
     * @param root a tree to take in the place of Debian's packages
     * @param kernel one to take in the place of Debian's
     */
    public record Request(
            Path target, Optional<String> suite, List<String> packages, Optional<Path> root, Optional<Kernel> kernel) {
        public Request {
            packages = List.copyOf(packages);
        }
    }

    /** @param modules its {@code /lib/modules/RELEASE} */
    public record Kernel(Path image, Path modules) {}

    private final Request request;
    private final Consumer<String> progress;
    private final Path fresh;
    private final Path scratch;
    private final List<String> made = new ArrayList<>();

    private ImageBuild(Request request, Path target, Consumer<String> progress) {
        this.request = request;
        this.progress = progress;
        this.fresh = target.resolveSibling(target.getFileName() + ".new");
        this.scratch = target.resolveSibling(target.getFileName() + ".scratch");
    }

    /**
     * Builds it in a directory beside, and renames that in when all is there. When it fails, what was there before still is.
     *
     * @param progress told of each step that begins
     * @return the manifest
     * @throws IsolationException if something is missing or a program failed
     */
    public static ObjectNode run(Request request, Consumer<String> progress) {
        Path target = request.target().toAbsolutePath().normalize();
        Path lock = target.resolveSibling(target.getFileName() + ".lock");
        try {
            Files.createDirectories(target.resolveSibling("."));
            try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock held = channel.tryLock()) {
                if (held == null) {
                    throw new IsolationException(new Finding(
                            "somebody builds these images already", lock + " is locked", "Wait until that has ended."));
                }
                return new ImageBuild(request, target, progress).run(target);
            }
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "the images of virtual machines could not be built",
                            e.toString(),
                            "Check the space, the owner and the mode of " + target.getParent() + "."),
                    e);
        }
    }

    private ObjectNode run(Path target) throws IOException {
        Path before = target.resolveSibling(target.getFileName() + ".before");
        if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS) && Files.isDirectory(before)) {
            // A build was ended between its two renames.
            Files.move(before, target, StandardCopyOption.ATOMIC_MOVE);
        }
        List.of(fresh, scratch, before).forEach(Tool::discard);
        try {
            directory(fresh);
            Files.createDirectory(scratch);
            Manifest manifest = fill();
            if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
                Files.move(target, before, StandardCopyOption.ATOMIC_MOVE);
            }
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
            Ext4.force(target.resolveSibling("."), StandardOpenOption.READ);
            return manifest.json();
        } finally {
            List.of(fresh, scratch, before).forEach(Tool::discard);
        }
    }

    private Manifest fill() throws IOException {
        Optional<Apt> apt = Optional.empty();
        String suite = request.suite().isPresent() ? request.suite().get() : "";
        if (request.kernel().isEmpty() || request.root().isEmpty()) {
            suite = suite.isEmpty() ? Apt.hostSuite() : suite;
            progress.accept("fetching the lists of Debian " + suite);
            apt = Optional.of(Apt.of(scratch.resolve("apt"), suite));
        }
        Kernel kernel =
                request.kernel().isPresent() ? given(request.kernel().get()) : downloaded(apt.orElseThrow(), suite);
        Files.copy(kernel.image(), fresh.resolve(MachineImages.KERNEL));
        modules(kernel.modules());
        Path tree = request.root().isPresent() ? given(request.root().get()) : debian(apt.orElseThrow(), suite);
        progress.accept("writing the root's file system");
        Ext4.readOnly(fresh.resolve(MachineImages.ROOT), tree);
        progress.accept("taking sums");
        Manifest manifest = new Manifest(
                Manifest.FORMAT,
                kernel.modules().toRealPath().getFileName().toString(),
                architecture(),
                String.join("; ", made),
                sums());
        manifest.write(fresh.resolve(Manifest.FILE));
        for (String name : manifest.files().keySet()) {
            Ext4.force(fresh.resolve(name), StandardOpenOption.READ);
        }
        return manifest;
    }

    private Kernel given(Kernel kernel) {
        for (Path path : List.of(kernel.image(), kernel.modules())) {
            if (!Files.isReadable(path)) {
                throw new IsolationException(new Finding(
                        "the kernel that was named is not there",
                        path + " cannot be read",
                        "Check --kernel and --modules."));
            }
        }
        made.add("a kernel that was given");
        return kernel;
    }

    private Path given(Path root) {
        if (!Files.isDirectory(root)) {
            throw new IsolationException(
                    new Finding("the root that was named is not there", root + " is no directory", "Check --root."));
        }
        made.add("a root that was given");
        return root;
    }

    private Kernel downloaded(Apt apt, String suite) throws IOException {
        String name = apt.dependency(KERNEL_PACKAGE + "cloud-" + architecture(), KERNEL_PACKAGE);
        progress.accept("fetching " + name);
        Path unpacked = Files.createDirectory(scratch.resolve("kernel"));
        apt.unpack(name, unpacked);
        String release = name.substring(KERNEL_PACKAGE.length());
        // Debian's newer ones are below /usr; depmod looks in /lib.
        if (!Files.exists(unpacked.resolve("lib"))) {
            Files.createSymbolicLink(unpacked.resolve("lib"), Path.of("usr/lib"));
        }
        Tool.of("depmod", "-b", unpacked.toString(), release).run();
        made.add("kernel: " + name + " of Debian " + suite);
        return new Kernel(
                unpacked.resolve("boot/vmlinuz-" + release),
                unpacked.resolve("lib/modules").resolve(release));
    }

    private void modules(Path modules) throws IOException {
        Path target = fresh.resolve(MachineImages.MODULES);
        directory(target);
        int number = 0;
        for (Path module : KernelModules.ordered(modules)) {
            Path copy = target.resolve("%02d-%s".formatted(number++, module.getFileName()));
            Files.copy(module, copy);
            // The guest has nothing to unpack them with.
            if (copy.toString().endsWith(".xz")) {
                Tool.of("xz", "-d", copy.toString()).run();
            } else if (copy.toString().endsWith(".zst")) {
                Tool.of("zstd", "-q", "-d", "--rm", copy.toString()).run();
            } else if (copy.toString().endsWith(".gz")) {
                Tool.of("gzip", "-d", copy.toString()).run();
            }
        }
    }

    private Path debian(Apt apt, String suite) throws IOException {
        if (Rights.own() != 0) {
            throw new IsolationException(new Finding(
                    "a root of Debian's packages is made by root",
                    "this is uid " + Rights.own() + ", whose files would be its own in the guest too",
                    "Run it as root, or bring a tree: cloister vm build --root DIR."));
        }
        List<String> packages = new ArrayList<>(PACKAGES);
        packages.addAll(request.packages());
        progress.accept("installing " + packages.size() + " packages of Debian " + suite + " and what they need");
        Path tree = scratch.resolve("root");
        // It mounts /dev and /sys of the host in the tree: apart, so that whoever removes the tree does not meet them.
        Tool.of(
                        "mmdebstrap",
                        "--quiet",
                        "--variant=minbase",
                        "--format=directory",
                        // A tree that the machine's death leaves half made is thrown away.
                        "--dpkgopt=force-unsafe-io",
                        "--include=" + String.join(",", packages),
                        suite,
                        tree.toString(),
                        apt.sources().toString())
                .apart()
                .run();
        for (String trace : TRACES) {
            Files.deleteIfExists(tree.resolve(trace));
        }
        Files.writeString(tree.resolve("etc/hostname"), "cloister\n");
        Files.writeString(tree.resolve("etc/hosts"), "127.0.0.1 localhost\n");
        made.add("root: " + String.join(" ", packages) + " of Debian " + suite);
        return tree;
    }

    /** Debian's name for it. */
    private static String architecture() {
        String name = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        return name.equals("aarch64") ? "arm64" : name;
    }

    private Map<String, Manifest.Content> sums() throws IOException {
        Map<String, Manifest.Content> sums = new LinkedHashMap<>();
        List<String> names = new ArrayList<>(List.of(MachineImages.KERNEL));
        try (DirectoryStream<Path> modules = Files.newDirectoryStream(fresh.resolve(MachineImages.MODULES))) {
            modules.forEach(module -> names.add(MachineImages.MODULES + module.getFileName()));
        }
        names.add(MachineImages.ROOT);
        names.subList(1, names.size() - 1).sort(null);
        for (String name : names) {
            Path file = fresh.resolve(name);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
            sums.put(name, new Manifest.Content(Files.size(file), Digest.of(file)));
        }
        return sums;
    }

    private static void directory(Path path) throws IOException {
        Files.createDirectory(path);
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
}
