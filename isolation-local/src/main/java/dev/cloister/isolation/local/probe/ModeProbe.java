package dev.cloister.isolation.local.probe;

import dev.cloister.isolation.local.launch.LaunchPlan;
import dev.cloister.isolation.local.launch.Launcher;
import dev.cloister.isolation.local.plan.CommonLayers;
import dev.cloister.isolation.local.sandbox.MortalServer;
import dev.cloister.isolation.local.sandbox.Opaque;
import dev.cloister.spi.Finding;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.Host;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationException;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * Finds out what a mode holds on a host by letting one throw-away sandbox attack another through the very classes that run
 * tenants. Each attack is first made without any sandbox: one that fails even then proves nothing.
 */
public final class ModeProbe {
    /**
     * Says which guarantees it could break. The arguments: the victim's HOME on the host; the pid of a process of the victim's;
     * patterns of that process's command line and environment, written so that they do not match themselves; a file of the
     * server's; the server's pid; a TCP port that listens; a UDP port that listens.
     */
    private static final String ATTACKS = """
            home=$1 pid=$2 command=$3 secret=$4 state=$5 server=$6 tcp=$7 udp=$8
            ours() { grep -qsE "$command" "/proc/$pid/cmdline"; }
            for file in "$home/secret" "$HOME/secret" "/proc/$pid/root$home/secret" "/proc/$pid/cwd/secret"; do
              grep -qsE "$secret" "$file" && echo FILES_OF_OTHERS_UNREADABLE
            done
            ( : > "$home/planted" )
            chmod 600 "$home/secret" && echo FILES_OF_OTHERS_UNWRITABLE
            grep -qsE "$secret" /proc/[0-9]*/environ && echo ENVIRONMENT_OF_OTHERS_UNREADABLE
            ours && kill -0 "$pid" && echo PROCESSES_OF_OTHERS_UNTOUCHABLE
            grep -qsE "$command" /proc/[0-9]*/cmdline && echo PROCESSES_OF_OTHERS_INVISIBLE
            cat "$state" >/dev/null && echo SERVER_STATE_UNREADABLE
            grep -qs java "/proc/$server/comm" && cat "/proc/$server/environ" >/dev/null && echo SERVER_STATE_UNREADABLE
            bash -c "exec 3<>/dev/tcp/127.0.0.1/$tcp" && echo NETWORK_CLOSED
            bash -c "echo hello > /dev/udp/127.0.0.1/$udp"
            true
            """;

    private static final int LOOKS = 400;

    private final Host host;
    private final Site site;
    private final Function<Path, IsolationBackend> mode;
    private final String token;

    private ModeProbe(Host host, Site site, Function<Path, IsolationBackend> mode) {
        this.host = host;
        this.site = site;
        this.mode = mode;
        byte[] random = new byte[6];
        new SecureRandom().nextBytes(random);
        this.token = HexFormat.of().formatHex(random);
    }

    /**
     * @param mode opens the mode on a run root; the probe closes it
     * @throws IsolationException if the mode cannot even start a process
     */
    public static Set<Guarantee> run(Host host, Function<Path, IsolationBackend> mode) {
        try (Site site = Site.make(host)) {
            return new ModeProbe(host, site, mode).probe();
        } catch (IOException e) {
            throw failed(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failed(e);
        }
    }

    private static IsolationException failed(Exception e) {
        return new IsolationException(
                new Finding("the mode could not be tried", e.toString(), "Check the server's scratch directory."), e);
    }

    private Set<Guarantee> probe() throws IOException, InterruptedException {
        Set<Guarantee> held = EnumSet.noneOf(Guarantee.class);
        try (IsolationBackend backend = mode.apply(site.runRoot())) {
            SandboxSpec of = site.tenant("a", 0);
            Sandbox victim = backend.prepare(of);
            Sandbox attacker = backend.prepare(site.tenant("b", 1));
            held.addAll(unbroken(backend, of, victim, attacker));
            if (gainsNothing(attacker)) {
                held.add(Guarantee.PRIVILEGES_NOT_GAINABLE);
            }
            if (endsWithItsTurn(backend, attacker)) {
                held.add(Guarantee.PROCESSES_END_WITH_TURN);
            }
        }
        if (endsWithItsServer()) {
            held.add(Guarantee.PROCESSES_END_WITH_SERVER);
        }
        return held;
    }

    private Set<Guarantee> unbroken(IsolationBackend backend, SandboxSpec of, Sandbox victim, Sandbox attacker)
            throws IOException, InterruptedException {
        String secret = "secret-" + token;
        shell(victim, "echo " + secret + " > \"$HOME/secret\"", List.of());
        if (backend.keepsFiles()) {
            standIn(of, secret);
        }
        Path state = Files.createFile(
                site.root().resolve("state"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Path planted = of.home().resolve("planted");
        SandboxProcess sleeper = victim.launch(new ProcessSpec(
                List.of("/bin/sh", "-c", "exec sleep \"$1\"", "sh", sleep("1")), Map.of("SECRET", secret), "/"));
        awaitProcess(backend, sleep("1"));
        try (Launcher host = Launcher.open(site.runRoot());
                ServerSocket tcp = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
                DatagramSocket udp = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            udp.setSoTimeout(20);
            List<String> arguments = List.of(
                    of.home().toString(),
                    Long.toString(pidOnHost(host, of, secret)),
                    sleepPattern("1"),
                    "secret[-]" + token,
                    state.toString(),
                    Long.toString(ProcessHandle.current().pid()),
                    Integer.toString(tcp.getLocalPort()),
                    Integer.toString(udp.getLocalPort()));
            Set<Guarantee> without = broken(unconfined(arguments), planted, udp);
            Files.deleteIfExists(planted);
            // Root in a container lacks what it takes to look into another uid's processes; the victim itself does not.
            without.addAll(broken(asVictim(of, arguments), planted, udp));
            Files.deleteIfExists(planted);
            Set<Guarantee> within = broken(shell(attacker, ATTACKS, arguments), planted, udp);
            without.removeAll(within);
            return without;
        } finally {
            sleeper.terminate(Duration.ZERO);
        }
    }

    /** Where another kernel runs the victim, a process of the host's with the same ids stands for it: who sees that sees the host. */
    private long pidOnHost(Launcher launcher, SandboxSpec victim, String secret)
            throws IOException, InterruptedException {
        List<Long> found = processes(sleep("1"));
        if (found.isEmpty()) {
            launcher.launch(
                    LaunchPlan.bare(
                            CommonLayers.ids(victim, host.isRoot()),
                            Map.of("PATH", CommonLayers.PATH, "SECRET", secret),
                            List.of("/bin/sh", "-c", "exec sleep \"$1\"", "sh", sleep("1"))),
                    () -> {},
                    UnaryOperator.identity());
            for (int look = 0; look < LOOKS && found.isEmpty(); look++) {
                Thread.sleep(5);
                found = processes(sleep("1"));
            }
        }
        return found.stream().findFirst().orElseThrow(ModeProbe::unseen);
    }

    /** Where the victim's files are its own kernel's, some of the host's with the same name stand for them. */
    private void standIn(SandboxSpec victim, String secret) throws IOException {
        Path file = Files.writeString(victim.home().resolve("secret"), secret + "\n");
        if (host.isRoot()) {
            Files.setAttribute(file, "unix:uid", (int) victim.uid(), LinkOption.NOFOLLOW_LINKS);
        }
    }

    private static Set<Guarantee> broken(String said, Path planted, DatagramSocket udp) throws IOException {
        Set<Guarantee> broken = EnumSet.noneOf(Guarantee.class);
        said.lines().map(Guarantee::valueOf).forEach(broken::add);
        if (Files.exists(planted)) {
            broken.add(Guarantee.FILES_OF_OTHERS_UNWRITABLE);
        }
        try {
            udp.receive(new DatagramPacket(new byte[16], 16));
            broken.add(Guarantee.NETWORK_CLOSED);
        } catch (SocketTimeoutException e) {
            // Nothing came: a datagram on loopback is there as soon as it is sent.
            return broken;
        }
        return broken;
    }

    /** The same attacks as the server's own user, whom nothing confines. */
    private static String unconfined(List<String> arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", ATTACKS, "probe"));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        builder.environment().put("HOME", "/");
        builder.environment().put("PATH", "/usr/bin:/bin");
        Process process = builder.start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return said;
    }

    private String asVictim(SandboxSpec victim, List<String> arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", "exec 2>/dev/null\n" + ATTACKS, "probe"));
        command.addAll(arguments);
        try (Launcher launcher = Launcher.open(site.runRoot())) {
            return Site.outputOf(launcher.launch(
                    LaunchPlan.bare(
                            CommonLayers.ids(victim, host.isRoot()),
                            Map.of(
                                    "PATH",
                                    CommonLayers.PATH,
                                    "HOME",
                                    victim.home().toString()),
                            command),
                    () -> {},
                    UnaryOperator.identity()));
        }
    }

    /** Where the kernel's status has no line for it, the launcher has had the kernel's word before it started anything. */
    private boolean gainsNothing(Sandbox sandbox) throws IOException, InterruptedException {
        String status =
                shell(sandbox, "grep -E '^(NoNewPrivs|CapEff|CapPrm|CapInh|CapAmb)' /proc/self/status", List.of());
        return (status.contains("NoNewPrivs:\t1") || !status.contains("NoNewPrivs:"))
                && status.contains("CapEff:")
                && status.lines()
                        .filter(line -> line.startsWith("Cap"))
                        .allMatch(line -> line.endsWith("\t0000000000000000"));
    }

    /** Leaves a process behind in a session of its own, and does its worst to whoever watches. */
    private boolean endsWithItsTurn(IsolationBackend backend, Sandbox sandbox)
            throws IOException, InterruptedException {
        try {
            SandboxProcess process = sandbox.launch(leftBehind());
            process.stdin().close();
            process.await();
            // gVisor goes on listing for a moment what has been killed.
            for (int look = 0; look < LOOKS && runs(backend, sleep("2")); look++) {
                Thread.sleep(5);
            }
            return !runs(backend, sleep("2"));
        } catch (IsolationException e) {
            // It got at its launcher before that could say a word.
            return false;
        } finally {
            // What outlives its turn must not outlive the probe.
            for (long pid : processes(sleep("2"))) {
                ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
            }
        }
    }

    private ProcessSpec leftBehind() {
        // Before it is called `sleep`, nobody who looks for it would find it.
        String script = """
                setsid sleep "$1" >/dev/null 2>&1 &
                tries=0
                while read -r name <"/proc/$!/comm" && [ "$name" != sleep ] && [ $tries -lt 100000 ]; do
                  tries=$((tries + 1))
                done 2>/dev/null
                kill -9 $PPID 2>/dev/null
                exit 0
                """;
        return new ProcessSpec(List.of("/bin/sh", "-c", script, "sh", sleep("2")), Map.of(), "/");
    }

    /** A backend of its own stands for a server; its launcher ends the thread whose death the kernel reports. */
    private boolean endsWithItsServer() throws IOException, InterruptedException {
        SandboxSpec tenant = site.tenant("c", 0);
        try (IsolationBackend server = mode.apply(site.runRoot())) {
            if (!(server instanceof MortalServer mortal)) {
                return false;
            }
            SandboxProcess process =
                    server.prepare(tenant).launch(new ProcessSpec(List.of("/bin/sleep", sleep("3")), Map.of(), "/"));
            awaitProcess(server, sleep("3"));
            mortal.die();
            for (int look = 0; look < LOOKS && (process.isAlive() || runs(server, sleep("3"))); look++) {
                Thread.sleep(5);
            }
            return !process.isAlive() && !runs(server, sleep("3"));
        }
    }

    /** A duration that no other process sleeps for. */
    private String sleep(String which) {
        return "6" + which + "." + Long.parseLong(token, 16);
    }

    private String sleepPattern(String which) {
        return sleep(which).replace(".", "[.]");
    }

    private static void awaitProcess(IsolationBackend backend, String argument)
            throws InterruptedException, IOException {
        for (int look = 0; look < LOOKS; look++) {
            if (runs(backend, argument)) {
                return;
            }
            Thread.sleep(5);
        }
        throw unseen();
    }

    private static IsolationException unseen() {
        return new IsolationException(new Finding(
                "a process did not start in a sandbox",
                "`sleep` was not seen within seconds",
                "Check that the server can see all processes (hidepid) and that /bin/sleep works."));
    }

    private static boolean runs(IsolationBackend backend, String argument) throws IOException {
        return !processes(argument).isEmpty()
                || (backend instanceof Opaque opaque
                        && opaque.commands().stream().anyMatch(command -> command.contains("sleep " + argument)));
    }

    /** The pids, as the host numbers them, of what was started as `sleep` for so long. */
    private static List<Long> processes(String argument) throws IOException {
        List<Long> found = new ArrayList<>();
        try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path entry : entries) {
                try {
                    String command = Files.readString(entry.resolve("cmdline"), StandardCharsets.ISO_8859_1);
                    if (command.contains("sleep\0" + argument)) {
                        found.add(Long.parseLong(entry.getFileName().toString()));
                    }
                } catch (IOException e) {
                    // It ended while we looked.
                    continue;
                }
            }
        }
        return found;
    }

    private static String shell(Sandbox sandbox, String script, List<String> arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("/bin/sh", "-c", "exec 2>/dev/null\n" + script, "probe"));
        command.addAll(arguments);
        return Site.outputOf(sandbox.launch(
                new ProcessSpec(command, Map.of(), sandbox.paths().work())));
    }
}
