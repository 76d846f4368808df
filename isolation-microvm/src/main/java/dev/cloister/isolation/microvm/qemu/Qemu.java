package dev.cloister.isolation.microvm.qemu;

import dev.cloister.isolation.microvm.machine.Hypervisor;
import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** QEMU's machine type microvm, by hardware (KVM) or by translation (TCG). */
public final class Qemu implements Hypervisor {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final String HARDWARE = "kvm";
    /** Translated instructions take some ten times as long; limits of time are generous already. */
    private static final int TRANSLATED = 5;

    private static final Path KVM = Path.of("/dev/kvm");

    private final Path program;
    private final String version;
    private final Path guest;
    private final String accelerator;
    private final long counterRate;
    private final boolean asRoot;

    private Qemu(Path program, String version, Path guest, String accelerator, long counterRate, boolean asRoot) {
        this.program = program;
        this.version = version;
        this.guest = guest;
        this.accelerator = accelerator;
        this.counterRate = counterRate;
        this.asRoot = asRoot;
    }

    /**
     * The one of this machine.
     *
     * @param guest this server's own {@code cloister-guest}, which measures the processor's counter, and starts the hypervisor
     * @throws IsolationException if it is not there, or what it needs is not
     */
    public static Qemu ofHost(String accelerator, Path guest, boolean asRoot) {
        String name = System.getProperty("os.arch").equals("aarch64") ? "qemu-system-aarch64" : "qemu-system-x86_64";
        Path program = program(name, "qemu-system-x86");
        program("setpriv", "util-linux");
        if (accelerator.equals(HARDWARE) && !Files.isReadable(KVM)) {
            throw new IsolationException(new Finding(
                    "this machine cannot run virtual machines by hardware",
                    "there is no " + KVM + " that the server can use",
                    "Give the server access to it (group kvm), or take the slow way: microvm.accelerator=tcg."));
        }
        try {
            String version = output(List.of(program.toString(), "--version"))
                    .lines()
                    .findFirst()
                    .orElse(name);
            long counterRate = Long.parseLong(
                    output(List.of(guest.toString(), "--counter")).strip());
            return new Qemu(program, version, guest, accelerator, counterRate, asRoot);
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding("QEMU does not run", e.toString(), "Try it by hand: " + program + " --version"), e);
        }
    }

    /** A program of this host. @throws IsolationException if it is not there, naming what brings it */
    public static Path program(String name, String debian) {
        for (String directory : List.of("/usr/local/bin", "/usr/bin", "/bin")) {
            Path found = Path.of(directory, name);
            if (Files.isExecutable(found)) {
                return found;
            }
        }
        throw new IsolationException(
                new Finding("virtual machines need " + name, "it is not on this host", "apt-get install " + debian));
    }

    /** What a program prints. @throws IOException if it fails, with what it said */
    static String output(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes());
        try {
            if (process.waitFor() != 0) {
                throw new IOException(command.getFirst() + " ended with " + process.exitValue() + ": " + output);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return output;
    }

    @Override
    public String description() {
        return version + ", " + accelerator;
    }

    @Override
    public int slowness() {
        return accelerator.equals(HARDWARE) ? 1 : TRANSLATED;
    }

    /**
     * Where each processor is a thread that translates by itself, QEMU 7.2 may go on with what it translated while another processor
     * patched it; a kernel patches itself at any time, and then hangs for ever. Measured: 3 of some 200 starts.
     */
    @Override
    public int processors(int wanted) {
        return accelerator.equals(HARDWARE) ? wanted : 1;
    }

    @Override
    public Machine start(MachinePlan plan, Optional<Path> saved) {
        Path log = plan.directory().resolve("log");
        try {
            clear(plan.directory());
            Process process = new ProcessBuilder(command(plan, saved))
                    .directory(Path.of("/").toFile())
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            Files.writeString(plan.directory().resolve("pid"), Long.toString(process.pid()));
            QemuMachine machine = null;
            try {
                machine = QemuMachine.of(process.toHandle(), plan.directory(), PATIENCE);
                if (saved.isPresent()) {
                    machine.load(saved.get());
                }
                return machine;
            } catch (IOException e) {
                process.destroyForcibly();
                throw e;
            }
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "a virtual machine could not be started",
                            e.getMessage() + "; " + said(log),
                            "Look into " + plan.directory() + "; try QEMU by hand."),
                    e);
        }
    }

    /** Of an earlier machine; a socket's name can be bound once. */
    private static void clear(Path directory) throws IOException {
        for (String name : List.of(
                QemuArguments.QMP_SOCKET,
                QemuArguments.GUEST_SOCKET,
                QemuArguments.STATE_SOCKET,
                QemuArguments.MEMORY,
                "console.log",
                "pid",
                "log")) {
            Files.deleteIfExists(directory.resolve(name));
        }
    }

    private static String said(Path log) {
        try {
            List<String> lines = Files.readAllLines(log);
            return lines.isEmpty() ? "it said nothing" : "it said: " + lines.getLast();
        } catch (IOException e) {
            return "it left no log";
        }
    }

    /** With a copy of the saved memory, if any; in a session of its own, which no terminal ends; in a network of its own, and as its tenant, where the server is root. */
    private List<String> command(MachinePlan plan, Optional<Path> saved) throws IOException {
        List<String> command = new ArrayList<>();
        saved.ifPresent(state -> command.addAll(List.of(
                guest.toString(),
                "--memory",
                state.resolve(QemuArguments.MEMORY).toString())));
        command.add("setsid");
        if (asRoot) {
            command.addAll(List.of("unshare", "--net", "--ipc", "--uts", "--"));
        }
        command.addAll(List.of("setpriv", "--no-new-privs"));
        if (asRoot) {
            command.addAll(List.of("--inh-caps=-all", "--bounding-set=-all"));
        }
        if (plan.uid().isPresent()) {
            String uid = Long.toString(plan.uid().get());
            command.addAll(List.of("--reuid", uid, "--regid", uid));
            command.addAll(
                    accelerator.equals(HARDWARE)
                            ? List.of(
                                    "--groups",
                                    Files.getAttribute(KVM, "unix:gid").toString())
                            : List.of("--clear-groups"));
        }
        command.add("--");
        command.addAll(QemuArguments.of(program, accelerator, counterRate, plan, saved.isPresent()));
        return command;
    }

    @Override
    public Optional<Machine> running(MachinePlan plan) {
        try {
            long pid = Long.parseLong(Files.readString(plan.directory().resolve("pid")));
            Optional<ProcessHandle> process = ProcessHandle.of(pid).filter(handle -> isOf(handle, plan.directory()));
            if (process.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(QemuMachine.of(process.get(), plan.directory(), PATIENCE));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    private static boolean isOf(ProcessHandle handle, Path directory) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(handle.pid()), "cmdline"))
                    .contains(directory + "/" + QemuArguments.QMP_SOCKET);
        } catch (IOException e) {
            return false;
        }
    }

    static void awaitEnd(ProcessHandle process) {
        try {
            process.onExit().get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            throw new IsolationException(
                    new Finding(
                            "a virtual machine does not end",
                            "process " + process.pid() + " was killed and is still there",
                            "Look what the kernel waits for: cat /proc/" + process.pid() + "/stack"),
                    e);
        }
    }
}
