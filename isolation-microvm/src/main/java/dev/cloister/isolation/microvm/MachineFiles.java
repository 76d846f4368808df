package dev.cloister.isolation.microvm;

import dev.cloister.isolation.local.guest.GuestMachine;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.launch.Share;
import dev.cloister.isolation.local.plan.PrivateRoot;
import dev.cloister.isolation.microvm.image.Initramfs;
import dev.cloister.isolation.microvm.image.MachineImages;
import dev.cloister.isolation.microvm.image.ProgramsImage;
import dev.cloister.isolation.microvm.image.ProgramsImage.Extra;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * What machines are started from, and a directory for each. Kept between starts of the server, because machines outlive a server
 * that is killed. Thread-safe for different tenants.
 *
 * @param root the directory of all of it
 * @param machines the directory with one for each machine
 * @param guest this server's own {@code cloister-guest}, which runs on the host, too
 */
record MachineFiles(Path root, Path machines, MachineImages images, Path guest, Path initramfs, Path programs) {
    static final String PASSABLE = "rwx--x--x";
    private static final String PRIVATE = "rwx------";
    private static final String READABLE = "rw-r--r--";
    private static final String LAUNCHER = "cloister-launch";
    private static final String GUEST = "cloister-guest";
    /** Where the launcher is in a machine. */
    static final Path INNER_LAUNCHER = Path.of("/cloister", LAUNCHER);
    /** A unix socket's path may have 107 bytes. */
    private static final int NAME = 12;

    /**
     * Makes what is missing or is another's.
     *
     * @param machines the name of the directory for machines
     * @param jails an existing directory that only the server can write and every tenant can walk through
     */
    static MachineFiles in(Path jails, String machines, MachineImages images, List<Path> programs) {
        try {
            Path root = directory(jails.resolve("v"), PASSABLE);
            directory(root.resolve(machines), PASSABLE);
            Path guest = program(root, GUEST);
            Path launcher = program(root, LAUNCHER);
            Path initramfs = root.resolve("initramfs");
            Initramfs.write(initramfs, guest, images.modules());
            Files.setPosixFilePermissions(initramfs, PosixFilePermissions.fromString(READABLE));
            Path image = ProgramsImage.in(root, programs, extras(launcher));
            Files.setPosixFilePermissions(image, PosixFilePermissions.fromString(READABLE));
            return new MachineFiles(root, root.resolve(machines), images, guest, initramfs, image);
        } catch (IOException e) {
            throw unusable(jails, e);
        }
    }

    /** The same file as before, if it is the same program: a machine that is made of another is another. */
    private static Path program(Path root, String name) throws IOException {
        Path kept = directory(root.resolve("bin"), PRIVATE).resolve(name);
        Path fresh = root.resolve("bin.new");
        Share.delete(fresh);
        Path unpacked = Launcher.unpack(name, directory(fresh, PRIVATE));
        if (!Files.isRegularFile(kept, LinkOption.NOFOLLOW_LINKS) || Files.mismatch(kept, unpacked) != -1) {
            Files.move(unpacked, kept, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }
        Share.delete(fresh);
        return kept;
    }

    /** An image of any kind may lack them, and it is read-only. */
    private static List<Extra> extras(Path launcher) {
        List<Extra> all = new ArrayList<>();
        all.add(new Extra.Copy(INNER_LAUNCHER.toString(), launcher, true));
        all.add(new Extra.Text("/etc/passwd", "", false));
        all.add(new Extra.Text("/etc/group", "", false));
        Stream.of(PrivateRoot.PATHS.work(), PrivateRoot.PATHS.home(), "/tmp", "/proc", "/sys", "/dev", "/run")
                .map(Extra.Directory::new)
                .forEach(all::add);
        return all;
    }

    static Path directory(Path path, String mode) throws IOException {
        if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectory(path);
        }
        return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
    }

    static IsolationException unusable(Path where, IOException e) {
        return new IsolationException(
                new Finding(
                        "the directory for virtual machines cannot be used",
                        e.toString(),
                        "Check the space, the owner and the mode of " + where + "."),
                e);
    }

    /** Another one, if a machine that is started from them is another. */
    String fingerprint() throws IOException {
        return images.fingerprint() + " " + programs.getFileName() + " "
                + UUID.nameUUIDFromBytes(Files.readAllBytes(initramfs));
    }

    /** The directory of one tenant's machine, which its hypervisor's process owns. */
    Path of(SandboxSpec tenant, boolean ownUid) throws IOException {
        Path directory = directory(place(tenant.name()), PRIVATE);
        if (ownUid) {
            give(directory, tenant.uid());
        }
        return directory;
    }

    static void give(Path path, long uid) throws IOException {
        Files.setAttribute(path, "unix:gid", (int) uid, LinkOption.NOFOLLOW_LINKS);
        Files.setAttribute(path, "unix:uid", (int) uid, LinkOption.NOFOLLOW_LINKS);
    }

    /** The machine's that all others start from. */
    Path ofTemplate() throws IOException {
        return directory(machines.resolve("boot"), PRIVATE);
    }

    Path place(String tenant) {
        return machines.resolve(tenant.length() > NAME ? tenant.substring(0, NAME) : tenant);
    }

    /** Whose machine of this plan was started in a directory; kept beside it, where only the server writes. */
    void remember(String tenant, String plan) throws IOException {
        Files.writeString(notes(tenant), tenant + "\n" + plan + "\n");
    }

    record Note(String tenant, String plan) {}

    List<Note> notes() throws IOException {
        List<Note> all = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(machines, "*.note")) {
            for (Path file : files) {
                List<String> lines = Files.readAllLines(file);
                if (lines.size() == 2) {
                    all.add(new Note(lines.getFirst(), lines.getLast()));
                }
            }
        }
        return all;
    }

    private Path notes(String tenant) {
        return place(tenant).resolveSibling(place(tenant).getFileName() + ".note");
    }

    void remove(String tenant) {
        try {
            Share.delete(place(tenant));
            Files.deleteIfExists(notes(tenant));
        } catch (IOException e) {
            throw unusable(root, e);
        }
    }

    static GuestMachine.Tenant identity(SandboxSpec tenant, long tmp) {
        return new GuestMachine.Tenant(
                tenant.uid(), tmp, PrivateRoot.passwd(tenant.uid()), PrivateRoot.group(tenant.uid()));
    }
}
