package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.isolation.microvm.machine.Hypervisor;
import dev.cloister.isolation.microvm.machine.Machine;
import dev.cloister.isolation.microvm.machine.MachinePlan;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Machines by Firecracker. Owns the client of their APIs; closing it ends no machine, but nothing more can be asked of them than to
 * end. Thread-safe.
 */
public final class FirecrackerHypervisor implements Hypervisor, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(FirecrackerHypervisor.class);
    private static final Path KVM = Path.of("/dev/kvm");
    private static final String RUNNING = "Running";
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Duration ANSWER = Duration.ofSeconds(10);
    private static final Duration PAUSE = Duration.ofMillis(2);
    private static final int LAST_WORDS = 500;

    private final Installation installation;
    private final HttpClient client;
    private final Duration patience;

    private FirecrackerHypervisor(Installation installation, HttpClient client, Duration patience) {
        this.installation = installation;
        this.client = client;
        this.patience = patience;
    }

    /**
     * Firecracker on this host.
     *
     * @throws IsolationException if it is not there, or the host has no KVM that this process may use
     */
    public static FirecrackerHypervisor open(Installation installation) {
        requireKvm(KVM);
        return openWithoutKvm(installation, SOON);
    }

    static void requireKvm(Path device) {
        if (!Files.isReadable(device) || !Files.isWritable(device)) {
            throw new IsolationException(
                    new Finding(
                            "Firecracker needs KVM",
                            device + (Files.exists(device) ? " may not be used by this user" : " is not there"),
                            "On a machine of its own: modprobe kvm_intel or kvm_amd. On a virtual one: allow it virtual machines of its own."
                                    + " As an ordinary user: join the group kvm. Where none of it can be had, QEMU does without."));
        }
    }

    /** @param patience how long each step of a start may take */
    static FirecrackerHypervisor openWithoutKvm(Installation installation, Duration patience) {
        requireExecutable(installation.executable());
        installation.jail().map(Installation.Jail::jailer).ifPresent(FirecrackerHypervisor::requireExecutable);
        HttpClient client = new HttpClient();
        QueuedThreadPool threads = new QueuedThreadPool();
        threads.setName("firecracker");
        threads.setDaemon(true);
        client.setExecutor(threads);
        // There is one for each machine that ever was.
        client.setDestinationIdleTimeout(SOON.toMillis());
        try {
            client.start();
        } catch (Exception e) {
            throw new IllegalStateException("the client of Firecracker's API did not start", e);
        }
        return new FirecrackerHypervisor(installation, client, patience);
    }

    private static void requireExecutable(Path program) {
        if (!Files.isExecutable(program)) {
            throw new IsolationException(new Finding(
                    "a program of Firecracker is missing",
                    program + " is not there, or may not be run",
                    "Install a release of Firecracker, which has both `firecracker` and `jailer`, and name them."));
        }
    }

    @Override
    public String description() {
        try {
            Process process = new ProcessBuilder(installation.executable().toString(), "--version")
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            try (var words = process.inputReader(StandardCharsets.UTF_8)) {
                process.getOutputStream().close();
                char[] said = new char[LAST_WORDS];
                int length = Math.max(0, words.read(said));
                return new String(said, 0, length).lines().findFirst().orElse("Firecracker") + ", KVM"
                        + (installation.jail().isPresent() ? ", jailed" : ", without the jailer");
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "Firecracker cannot be run",
                            String.valueOf(e.getMessage()),
                            "Install the release for this processor's architecture."),
                    e);
        }
    }

    @Override
    public Machine start(MachinePlan plan, Optional<Path> saved) {
        requireUid(plan);
        Place place = Place.of(installation, plan);
        List<Path> groups = groups(place);
        endLeft(plan, place, groups);
        try {
            if (saved.isEmpty()) {
                KernelImage.require(plan.kernel());
            }
            MachineFiles.lay(place, Place.files(plan, saved));
            HostProcess process = launch(plan, place);
            FirecrackerMachine machine = machine(plan, place, groups, process);
            try {
                Api api = api(place);
                awaitApi(api, place, process);
                (saved.isEmpty() ? Requests.boot(plan) : Requests.load())
                        .forEach(request -> api.send(request, patience));
                return machine;
            } catch (RuntimeException e) {
                machine.close();
                throw e;
            }
        } catch (IOException e) {
            endLeft(plan, place, groups);
            throw failed(e.toString(), e);
        } catch (IsolationException e) {
            endLeft(plan, place, groups);
            throw e;
        }
    }

    private void requireUid(MachinePlan plan) {
        if (plan.uid().isPresent() != installation.jail().isPresent()) {
            throw new IllegalArgumentException(
                    "only the jailer gives a machine's process a uid of its own, and it needs one to give");
        }
    }

    private List<Path> groups(Place place) {
        return Commands.groups(installation, place, Commands.GROUPS);
    }

    private Api api(Place place) {
        return new Api(client, place.door().resolve(Place.API));
    }

    private FirecrackerMachine machine(MachinePlan plan, Place place, List<Path> groups, HostProcess process) {
        return new FirecrackerMachine(plan, place, groups, api(place), process);
    }

    /** Two machines on one disk would destroy it. */
    private void endLeft(MachinePlan plan, Place place, List<Path> groups) {
        find(plan, place).ifPresent(left -> machine(plan, place, groups, left).close());
        FirecrackerMachine.clear(place, groups);
    }

    private static Optional<HostProcess> find(MachinePlan plan, Place place) {
        return HostProcess.find(place.id(), plan.uid().orElseGet(FirecrackerHypervisor::ownUid));
    }

    private static long ownUid() {
        try {
            return ((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).longValue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private HostProcess launch(MachinePlan plan, Place place) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(Commands.of(installation, place, plan))
                .directory(place.root().toFile())
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                // Whatever a guest makes it say, as long as it says it.
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(place.complaints().toFile());
        builder.environment().keySet().retainAll(List.of("PATH"));
        Process process = builder.start();
        return installation.jail().isPresent() ? jailed(process, place) : new HostProcess(process.toHandle());
    }

    /** The jailer ends when Firecracker is started. No guest runs yet, so nobody has changed what it wrote. */
    private HostProcess jailed(Process jailer, Place place) throws IOException {
        try {
            if (!jailer.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
                jailer.destroyForcibly();
                throw failed("the jailer did not end", new IOException("time is over"));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            jailer.destroyForcibly();
            throw new IOException("interrupted while the jailer worked", e);
        }
        if (jailer.exitValue() != 0) {
            throw new IOException("the jailer failed: " + complaints(place));
        }
        Path file = place.root().resolve(installation.executable().getFileName() + ".pid");
        try {
            return ProcessHandle.of(Long.parseLong(Files.readString(file).strip()))
                    .map(HostProcess::new)
                    .orElseThrow(() -> new IOException("it ended at once: " + complaints(place)));
        } catch (NumberFormatException e) {
            throw new IOException("the jailer left no pid", e);
        }
    }

    private void awaitApi(Api api, Place place, HostProcess process) {
        long end = System.nanoTime() + patience.toNanos();
        while (true) {
            try {
                if (Files.exists(place.door().resolve(Place.API))) {
                    api.instance(ANSWER);
                    return;
                }
            } catch (Api.Unanswered e) {
                log.debug("Firecracker does not answer yet: {}", e.toString());
            }
            if (!process.isAlive()) {
                throw failed("it ended: " + complaints(place), new IOException("no process"));
            }
            if (System.nanoTime() - end > 0) {
                throw failed("it does not answer: " + complaints(place), new IOException("time is over"));
            }
            try {
                Thread.sleep(PAUSE);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw failed("interrupted", e);
            }
        }
    }

    private static String complaints(Place place) {
        try {
            String said = Files.readString(place.complaints(), StandardCharsets.ISO_8859_1)
                    .strip();
            return said.isEmpty() ? "it said nothing" : said.substring(Math.max(0, said.length() - LAST_WORDS));
        } catch (IOException e) {
            return "it said nothing";
        }
    }

    private static IsolationException failed(String why, Exception cause) {
        return new IsolationException(
                new Finding(
                        "a machine could not be started by Firecracker",
                        why,
                        "See that the plan's files are there and may be read, that jails are on a file system where devices work"
                                + " (no nodev), and that firecracker and jailer are of the same release."),
                cause);
    }

    @Override
    public Optional<Machine> running(MachinePlan plan) {
        Place place = Place.of(installation, plan);
        List<Path> groups = groups(place);
        Optional<HostProcess> found = find(plan, place);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        FirecrackerMachine machine = machine(plan, place, groups, found.get());
        try {
            Api.Instance instance = api(place).instance(ANSWER);
            if (instance.id().equals(place.id()) && instance.state().equals(RUNNING)) {
                return Optional.of(machine);
            }
            log.info("a machine was left in the middle of being {}", instance.state());
        } catch (Api.Unanswered e) {
            log.info("a machine was left that does not answer: {}", e.toString());
        }
        // It was not ready when its server ended, and nobody else will end it.
        machine.close();
        return Optional.empty();
    }

    @Override
    public void close() {
        try {
            client.stop();
        } catch (Exception e) {
            log.debug("the client of Firecracker's API did not stop: {}", e.toString());
        }
    }
}
