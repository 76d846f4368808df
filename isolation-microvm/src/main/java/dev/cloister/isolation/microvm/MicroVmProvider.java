package dev.cloister.isolation.microvm;

import dev.cloister.isolation.local.guest.GuestProbe;
import dev.cloister.isolation.microvm.firecracker.FirecrackerHypervisor;
import dev.cloister.isolation.microvm.firecracker.Installation;
import dev.cloister.isolation.microvm.image.MachineImages;
import dev.cloister.isolation.microvm.machine.Hypervisor;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.isolation.microvm.qemu.Qemu;
import dev.cloister.spi.Availability;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A virtual machine for each tenant, wherever a hypervisor runs and its images are there. */
public final class MicroVmProvider implements IsolationProvider {
    private static final String FIRECRACKER = "firecracker";
    private static final GuestProbe.Words WORDS = new GuestProbe.Words(
            "virtual machines do not confine on this host",
            "Report it with the hypervisor's version.",
            "not all that virtual machines promise holds here",
            "Report it with the hypervisor's version.");

    @Override
    public IsolationMode mode() {
        return IsolationMode.MICROVM;
    }

    @Override
    public Availability probe(IsolationConfig config, Host host) {
        return GuestProbe.run(host, WORDS, run -> trial(config, host, run));
    }

    /** The mode beside one that is in use; what takes a boot to make is the same, and is kept. */
    private static MicroVmBackend trial(IsolationConfig config, Host host, Path run) {
        return open(config.withRunRoot(run), host, "t");
    }

    @Override
    public MicroVmBackend open(IsolationConfig config, Host host) {
        return open(config, host, "m");
    }

    private static MicroVmBackend open(IsolationConfig config, Host host, String machines) {
        MicroVmOptions options = MicroVmOptions.of(config);
        MachineImages images = MachineImages.open(options.images());
        requireReach(options.images(), host);
        MachineFiles files = MachineFiles.in(config.jails(), machines, images, config.programs());
        Hypervisor hypervisor = hypervisor(options, files, host);
        MachineShape shape = MachineShape.of(config.limits(), hypervisor);
        try {
            Path blank = blank(files.root().resolve("blank"), options.disk());
            MachinePlan plan = shape.plan(files, files.ofTemplate(), blank, templateUid(options, host));
            String fingerprint =
                    files.fingerprint() + " " + hypervisor.description() + " " + shape + " " + options.disk();
            Path saved = Template.in(files.root(), fingerprint, hypervisor, plan, options.boot());
            Template.removeAllBut(files.root(), saved);
            return new MicroVmBackend(hypervisor, options, config, files, shape, saved, host.isRoot());
        } catch (IOException e) {
            throw MachineFiles.unusable(files.root(), e);
        }
    }

    private static Hypervisor hypervisor(MicroVmOptions options, MachineFiles files, Host host) {
        if (!options.hypervisor().equals(FIRECRACKER)) {
            return Qemu.ofHost(options.accelerator(), files.guest(), host.isRoot());
        }
        Path executable = Qemu.program(FIRECRACKER, FIRECRACKER + " (a release of it; Debian has none)");
        try {
            Optional<Installation.Jail> jail = host.isRoot()
                    ? Optional.of(new Installation.Jail(
                            Qemu.program("jailer", FIRECRACKER + " (a release of it; Debian has none)"),
                            MachineFiles.directory(files.root().resolve("j"), MachineFiles.PASSABLE),
                            Optional.empty()))
                    : Optional.empty();
            return FirecrackerHypervisor.open(new Installation(executable, jail));
        } catch (IOException e) {
            throw MachineFiles.unusable(files.root(), e);
        }
    }

    /** A jailer gives every machine a uid; this one is nobody's. */
    private static Optional<Long> templateUid(MicroVmOptions options, Host host) {
        return options.hypervisor().equals(FIRECRACKER) && host.isRoot()
                ? Optional.of(host.probeUids())
                : Optional.empty();
    }

    /** The disk of the machine that all others start from: as large as theirs, and never looked at. */
    private static Path blank(Path file, long bytes) throws IOException {
        try (RandomAccessFile blank = new RandomAccessFile(file.toFile(), "rw")) {
            blank.setLength(bytes);
        }
        return file;
    }

    /** Machines run as their tenants, who have to get to what they are started from. */
    private static void requireReach(Path images, Host host) {
        if (!host.isRoot()) {
            return;
        }
        try {
            for (Path at = images.toRealPath(); at != null; at = at.getParent()) {
                if (Files.getAttribute(at, "unix:mode") instanceof Integer mode && (mode & 1) == 0) {
                    throw new IsolationException(new Finding(
                            "the images of virtual machines are where no tenant can get to them",
                            "each machine runs as its tenant, and " + at + " is closed to others",
                            "chmod o+x " + at + "; or build them elsewhere (cloister vm build, microvm.images)."));
                }
            }
        } catch (IOException e) {
            throw MachineFiles.unusable(images, e);
        }
    }
}
