package dev.cloister.isolation.local.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The launcher's program itself, without a server: what it refuses, what it stops at, and what its command gets. With
 * {@code CLOISTER_TEST_LAUNCHER} naming another build of it, such as the one with sanitizers, that one is tried as well.
 */
@ParameterizedClass
@MethodSource("builds")
class NativeLauncherTest {
    private static final String SHIPPED = "shipped";
    private static final int WRONG_OPTIONS = 64;
    private static final int REFUSED = 125;
    private static final boolean ROOT = uid() == 0;
    private static final String OTHER = "1700000300";

    private record Ended(int status, String out, String err) {}

    @Parameter
    String build = SHIPPED;

    @TempDir
    Path directory;

    private Path launcher = Path.of("/");
    private Path witness = Path.of("/");

    static Stream<String> builds() {
        return Stream.concat(Stream.of(SHIPPED), Stream.ofNullable(System.getenv("CLOISTER_TEST_LAUNCHER")));
    }

    private static long uid() {
        try {
            return ((Number) Files.getAttribute(Path.of("/proc/self"), "unix:uid")).longValue();
        } catch (IOException e) {
            return -1;
        }
    }

    @BeforeEach
    void unpack() throws IOException {
        // Every uid walks through, so that only what a test is about stands in a command's way.
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        launcher = build.equals(SHIPPED) ? Launcher.unpack("cloister-launch", directory) : Path.of(build);
        witness = directory.resolve("witness");
    }

    private ProcessBuilder builder(List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().clear();
        builder.environment().put("INHERITED", "yes");
        // It looks for leaks by tracing, which walls forbid; what a process has when it ends is no leak here anyway.
        builder.environment().put("ASAN_OPTIONS", "detect_leaks=0");
        return builder;
    }

    private Ended end(Process process) throws IOException, InterruptedException {
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new Ended(process.exitValue(), out, err);
    }

    private Ended launch(List<String> options, String... command) throws IOException, InterruptedException {
        return end(builder(commandLine(options, command)).start());
    }

    private List<String> commandLine(List<String> options, String... command) {
        List<String> all = new ArrayList<>(List.of(launcher.toString()));
        all.addAll(options);
        all.addAll(List.of("--cwd", "/", "--"));
        all.addAll(List.of(command));
        return all;
    }

    private static List<String> words(String line) {
        return line.isEmpty() ? List.of() : Arrays.asList(line.split(" ", -1));
    }

    /** Each: what is named as wrong, then all arguments. */
    static Stream<List<String>> mistakes() {
        return Stream.of(
                        "--cwd|-- /bin/true",
                        "--cwd|--cwd relative -- /bin/true",
                        "-- COMMAND|--cwd /",
                        "-- COMMAND|--cwd / --",
                        "-- COMMAND|--cwd / -- ",
                        "--no-such-option|--no-such-option --cwd / -- /bin/true",
                        "--control|--control relative --id a --cwd / -- /bin/true",
                        "--id|--control /socket --cwd / -- /bin/true",
                        "--id|--control /socket --id " + "a".repeat(65) + " --cwd / -- /bin/true",
                        "--ids|--ids 0 1 --cwd / -- /bin/true",
                        "--ids|--ids 1 0 --cwd / -- /bin/true",
                        "--ids|--ids 1 4294967295 --cwd / -- /bin/true",
                        "--ids|--ids -1 1 --cwd / -- /bin/true",
                        "--ids|--ids 1",
                        "--unshare|--unshare time --cwd / -- /bin/true",
                        "--unshare|--unshare user, --cwd / -- /bin/true",
                        "--unshare|--unshare",
                        "--unshare mount|--root /a /b --cwd / -- /bin/true",
                        "--root|--root / /a --cwd / -- /bin/true",
                        "--root|--root /a / --cwd / -- /bin/true",
                        "--root|--unshare mount --root /a --cwd / -- /bin/true",
                        "--root|--unshare mount --proc /proc --cwd / -- /bin/true",
                        "--bind-read|--bind-read usr /usr --cwd / -- /bin/true",
                        "--bind-read|--bind-read /usr /a/.. --cwd / -- /bin/true",
                        "--bind-write|--bind-write /usr /../usr --cwd / -- /bin/true",
                        "--device|--device /etc/passwd --cwd / -- /bin/true",
                        "--device|--device /dev/../etc/passwd --cwd / -- /bin/true",
                        "--tmpfs|--tmpfs much /tmp --cwd / -- /bin/true",
                        "--forward|--unshare pid,net --forward 0 /run/s --cwd / -- /bin/true",
                        "--forward|--unshare pid,net --forward 65536 /run/s --cwd / -- /bin/true",
                        "--forward|--unshare pid,net --forward 80 run/s --cwd / -- /bin/true",
                        "--expose|--unshare pid,net --expose run/s --cwd / -- /bin/true",
                        "--expose|--unshare pid,net --expose /" + "a".repeat(108) + " --cwd / -- /bin/true",
                        "--unshare net,pid|--unshare net --expose /run/s --cwd / -- /bin/true",
                        "--unshare net,pid|--unshare pid --forward 80 /run/s --cwd / -- /bin/true",
                        "--unshare net,pid|--unshare net --forward 80 /run/s --cwd / -- /bin/true",
                        "--proc|--proc / --cwd / -- /bin/true",
                        "--tmp|--tmp /a/../b --cwd / -- /bin/true",
                        "--rlimit|--rlimit nofile --cwd / -- /bin/true",
                        "--rlimit|--rlimit nofile=-1 --cwd / -- /bin/true",
                        "--rlimit|--rlimit nofile=18446744073709551615 --cwd / -- /bin/true",
                        "--rlimit|--rlimit stack=1 --cwd / -- /bin/true",
                        "--cgroup|--cgroup cgroup.procs --cwd / -- /bin/true",
                        "--landlock|--landlock tcp --cwd / -- /bin/true",
                        "--landlock|--allow-read /usr --cwd / -- /bin/true",
                        "--allow-read|--landlock files --allow-read usr --cwd / -- /bin/true",
                        "--allow-write|--landlock files --allow-write tmp --cwd / -- /bin/true",
                        "--setenv|--setenv NAME --cwd / -- /bin/true",
                        "--setenv|--setenv =value --cwd / -- /bin/true")
                .map(line -> List.of(line.split("\\|", 2)));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void aWrongCommandLineRunsNothing(List<String> mistake) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(words(mistake.getLast()));
        Ended ended = end(builder(command).start());
        assertThat(ended)
                .isEqualTo(new Ended(
                        WRONG_OPTIONS, "", "cloister-launch: wrong or missing: " + mistake.getFirst() + "\n"));
    }

    /** Each: options, then the stage and the errno at which the launch has to stop. */
    static Stream<List<String>> obstacles() {
        String root = "--unshare user,mount --root BASE JAIL ";
        List<String> all = new ArrayList<>(List.of(
                "--cgroup MISSING|cgroup 2",
                "--cgroup BASE|cgroup 21",
                "--cgroup /proc/sys/kernel/ostype/x|cgroup 20",
                "--unshare user,mount --root BASE MISSING|mount 2",
                "--unshare user,mount --root MISSING JAIL|mount 2",
                root + "--bind-read MISSING /usr|mount 2",
                root + "--bind-write MISSING /usr|mount 2",
                root + "--device /dev/no-such-device|mount 2",
                root + "--bind-read BASE /nowhere|mount 30",
                root + "--tmpfs 4096 /file/below|mount 20",
                root + "--bind-read BASE /file|mount 20",
                "--landlock files --allow-read MISSING|landlock 2",
                "--landlock files --allow-write MISSING|landlock 2",
                "--tmp MISSING/below|tmp 2",
                "--tmp BASE|tmp 17"));
        if (!ROOT) {
            all.add("--ids " + OTHER + " " + OTHER + "|ids 1");
        }
        return all.stream().map(line -> List.of(line.split("\\|", 2)));
    }

    @ParameterizedTest
    @MethodSource("obstacles")
    void aLayerThatCannotStandStopsTheLaunch(List<String> obstacle) throws IOException, InterruptedException {
        Path base = Files.createDirectory(directory.resolve("base"));
        Path missing = directory.resolve("missing");
        Path jail = Files.createDirectory(directory.resolve("jail"));
        Files.createDirectory(jail.resolve("usr"));
        Files.createFile(jail.resolve("file"));
        List<String> options = words(obstacle.getFirst()
                .replace("BASE", base.toString())
                .replace("JAIL", jail.toString())
                .replace("MISSING", missing.toString()));
        Ended ended = launch(options, "/bin/sh", "-c", "echo ran; : > " + witness);
        assertThat(ended.err())
                .startsWith("cloister-launch: failed " + obstacle.getLast() + " ")
                .hasLineCount(1);
        assertThat(ended.status()).isEqualTo(REFUSED);
        assertThat(ended.out()).isEmpty();
        assertThat(witness).doesNotExist();
        assertThat(missing).doesNotExist();
        assertThat(base).isEmptyDirectory();
    }

    @Test
    void theDirectoryOfAFailedLaunchIsRemovedAgain() throws IOException, InterruptedException {
        Path tmp = directory.resolve("tmp");
        Ended ended = launch(
                List.of(
                        "--tmp",
                        tmp.toString(),
                        "--landlock",
                        "files",
                        "--allow-read",
                        directory.resolve("no").toString()),
                "/bin/true");
        assertThat(ended.err()).contains("failed landlock 2 ");
        assertThat(tmp).doesNotExist();
    }

    @Test
    void theExitIsTheCommands() throws IOException, InterruptedException {
        assertThat(launch(List.of(), "/bin/sh", "-c", "exit 7").status()).isEqualTo(7);
        assertThat(launch(List.of(), "/bin/sh", "-c", "kill -9 $$").status()).isEqualTo(128 + 9);
        Ended missing = launch(List.of(), "/no/such/program");
        assertThat(missing.status()).isEqualTo(127);
        assertThat(missing.err()).isEqualTo("cloister: cannot run /no/such/program: No such file or directory\n");
    }

    @Test
    void nothingIsInheritedButTheStandardDescriptors() throws IOException, InterruptedException {
        // What the shell opens stays open over its exec.
        List<String> script = new ArrayList<>(
                List.of("/bin/bash", "-c", "exec 3</dev/null 9</dev/null 200</dev/null; exec \"$@\"", "bash"));
        script.addAll(commandLine(List.of("--setenv", "PATH=/usr/bin:/bin"), "/bin/sh", "-c", "echo /proc/$$/fd/*"));
        Ended ended = end(builder(script).start());
        assertThat(ended.out().strip().replaceAll("/proc/\\d+/fd/", ""))
                .as("and the directory that the shell reads")
                .isEqualTo("0 1 2 3");
    }

    @Test
    void theCommandGetsDefaultSignalsAndASessionOfItsOwn() throws IOException, InterruptedException {
        List<String> script =
                new ArrayList<>(List.of("/bin/sh", "-c", "trap '' INT TERM PIPE USR1; exec \"$@\"", "sh"));
        script.addAll(commandLine(List.of(), "/bin/cat", "/proc/self/status", "/proc/self/stat"));
        Ended ended = end(builder(script).start());
        assertThat(ended.out()).contains("SigBlk:\t0000000000000000").contains("SigIgn:\t0000000000000000");
        String[] stat = ended.out().lines().toList().getLast().split(" ");
        String pid = stat[0];
        assertThat(stat[5]).as("session").isEqualTo(pid);
        assertThat(stat[4]).as("process group").isEqualTo(pid);
    }

    @Test
    void theEnvironmentIsWhatWasGivenAndNoMore() throws IOException, InterruptedException {
        Ended ended =
                launch(List.of("--setenv", "B=two=2", "--setenv", "A=", "--setenv", "C=a\nb"), "/usr/bin/env", "-0");
        assertThat(ended.out()).isEqualTo("B=two=2\0A=\0C=a\nb\0");
    }

    @Test
    void nobodyReadsTheArgumentsOffAnotherProcess() throws IOException, InterruptedException {
        for (List<String> options : List.of(
                List.<String>of(),
                List.of("--tmp", directory.resolve("tmp").toString()),
                List.of("--unshare", "user,pid"))) {
            List<String> all = new ArrayList<>(options);
            all.addAll(List.of("--setenv", "SECRET=hidden"));
            Process process = builder(commandLine(all, "/bin/sh", "-c", "echo up; read line", "sh", "argument"))
                    .start();
            process.inputReader().readLine();
            List<ProcessHandle> around = Stream.concat(Stream.of(process.toHandle()), process.children())
                    .toList();
            boolean init = options.contains("user,pid");
            for (ProcessHandle one : init ? around : around.subList(0, 1)) {
                Path file = Path.of("/proc/" + one.pid() + "/cmdline");
                // The monitor may still be at it: the command does not wait for it.
                awaitWiped(file);
            }
            assertThat(end(process).status()).isEqualTo(1);
        }
    }

    private void awaitWiped(Path file) throws IOException, InterruptedException {
        String behind = "";
        for (int look = 0; look < 1000; look++) {
            behind = Files.readString(file, StandardCharsets.ISO_8859_1)
                    .substring(launcher.toString().length());
            if (Pattern.matches("\0*", behind)) {
                return;
            }
            TimeUnit.MILLISECONDS.sleep(5);
        }
        assertThat(behind).isEmpty();
    }

    @Test
    void whatTheCommandLeavesEndsWithIt() throws IOException, InterruptedException {
        for (List<String> options : List.of(List.<String>of(), List.of("--unshare", "user,pid"))) {
            String token = "61." + System.nanoTime();
            Ended ended = launch(
                    options,
                    "/bin/sh",
                    "-c",
                    "setsid sleep " + token + " >/dev/null 2>&1 & sleep " + token + " >/dev/null 2>&1 & exit 3");
            assertThat(ended.status()).isEqualTo(3);
            assertThat(ProcessHandle.allProcesses()
                            .filter(one -> one.info().commandLine().orElse("").contains(token)))
                    .isEmpty();
        }
    }

    @Test
    void theCommandHasNoPrivilegesLeft() throws IOException, InterruptedException {
        List<String> options = new ArrayList<>(List.of("--seccomp-shared"));
        if (ROOT) {
            options.addAll(List.of("--ids", OTHER, OTHER));
        }
        Map<String, String> status = new HashMap<>();
        launch(options, "/bin/cat", "/proc/self/status")
                .out()
                .lines()
                .forEach(line -> status.put(line.split(":", 2)[0], line.split(":", 2)[1].strip()));
        for (String set : ROOT
                ? List.of("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
                : List.of("CapPrm", "CapEff", "CapAmb")) {
            assertThat(status).containsEntry(set, "0000000000000000");
        }
        assertThat(status).containsEntry("NoNewPrivs", "1").containsEntry("Seccomp", "2");
        if (ROOT) {
            String ids = String.join("\t", OTHER, OTHER, OTHER, OTHER);
            assertThat(status)
                    .containsEntry("Uid", ids)
                    .containsEntry("Gid", ids)
                    .containsEntry("Groups", "");
        }
    }

    /** Linux asks for rights there, gVisor does not; a whiteout is the one device that Linux lets everybody make. */
    @Test
    void noDevicesAreMadeAndOtherPipesAre() throws IOException, InterruptedException {
        String script = "cd \"$1\" && mknod device c 0 0 2>/dev/null; test -c device && echo device; rm -f device;"
                + " mkfifo pipe && echo pipe; rm -f pipe";
        List<String> command = List.of("/bin/sh", "-c", script, "sh", directory.toString());
        assertThat(launch(List.of(), command.toArray(String[]::new)).out()).isEqualTo("device\npipe\n");
        for (String filter : List.of("--seccomp", "--seccomp-shared")) {
            assertThat(launch(List.of(filter), command.toArray(String[]::new)).out())
                    .as(filter)
                    .isEqualTo("pipe\n");
        }
    }

    /** The kernel would let them: all processes here have one uid. */
    @Test
    void whereProcessesAreSharedNobodySetsAnothersPriorityProcessorsOrLimits()
            throws IOException, InterruptedException {
        String script = """
                sleep 60 & other=$!
                exec 2>/dev/null 3>&1 >/dev/null
                renice -n 5 -p $other && echo other-priority >&3
                renice -n 5 -g $(ps -o pgid= -p $other) && echo group-priority >&3
                renice -n 5 -u $(id -u) && echo user-priority >&3
                ionice -c 3 -p $other && echo other-disk >&3
                taskset -pc 0 $other && echo other-processors >&3
                chrt -i -p 0 $other && echo other-scheduler >&3
                prlimit --pid $other --cpu=100 && echo other-limits >&3
                kill $other
                nice -n 5 true && echo priority >&3
                ionice -c 3 true && echo disk >&3
                taskset -c 0 true && echo processors >&3
                chrt -i 0 true && echo scheduler >&3
                ulimit -c 0 && echo limits >&3
                """;
        List<String> own = List.of("priority", "disk", "processors", "scheduler", "limits");
        assertThat(launch(List.of("--seccomp", "--unshare", "user,pid"), "/bin/sh", "-c", script)
                        .out()
                        .lines())
                .contains("other-priority", "other-disk", "other-processors", "other-scheduler", "other-limits")
                .containsAll(own);
        assertThat(launch(List.of("--seccomp-shared"), "/bin/sh", "-c", script)
                        .out()
                        .lines())
                .containsExactlyElementsOf(own);
    }

    /** Each says a size and sends as much, is sent it back, and ends its half; and some who go away in the middle. */
    private static final String CLIENTS = """
            import os, socket, threading
            wrong = []
            def client(number):
                try:
                    with socket.create_connection(("127.0.0.1", 3128), 30) as line:
                        sent = os.urandom(1 + number * 70001)
                        if number % 5 == 4:
                            # Goes away while the other side still sends.
                            line.sendall(sent)
                            return
                        threading.Thread(target=lambda: (line.sendall(sent), line.shutdown(socket.SHUT_WR))).start()
                        got = b""
                        while more := line.recv(1 << 16):
                            got += more
                        if got != sent: wrong.append((number, len(sent), len(got)))
                except OSError as error:
                    if number % 5 != 4: wrong.append((number, str(error)))
            all = [threading.Thread(target=client, args=(number,)) for number in range(60)]
            for one in all: one.start()
            for one in all: one.join()
            print(wrong)
            """;

    @Test
    void theForwarderLosesNothingHoweverSlowTheOtherSideIs() throws Exception {
        Path socket = directory.resolve("s");
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(socket));
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rwxrwxrwx"));
            Thread.ofPlatform().daemon(true).start(() -> echo(listener));

            String namespaces = ROOT ? "pid,net" : "user,pid,net";
            Ended ended = launch(
                    words("--unshare " + namespaces + " --forward 3128 " + socket), "/usr/bin/python3", "-c", CLIENTS);

            assertThat(ended.out()).as(ended.err()).isEqualTo("[]\n");
            assertThat(ended.status()).isZero();
        }
    }

    @Test
    void aPortInsideIsReachedBySocketOutsideByTheServersUserAlone() throws Exception {
        Path socket = directory.resolve("in");
        String namespaces = ROOT ? "pid,net" : "user,pid,net";
        Process process = builder(commandLine(
                        words("--unshare " + namespaces + " --expose " + socket),
                        "/usr/bin/python3",
                        "-u",
                        "-c",
                        "import socket\nl = socket.create_server(('127.0.0.1', 8123))\nprint('ready')\n"
                                + "while True:\n c = l.accept()[0]\n c.sendall(b'hello ' + c.recv(100))\n c.close()"))
                .start();
        try {
            assertThat(process.inputReader().readLine()).isEqualTo("ready");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                    .isEqualTo("rw-------");
            for (int i = 0; i < 20; i++) {
                try (SocketChannel channel = Exposed.connect(socket, 8123).orElseThrow()) {
                    channel.write(ByteBuffer.wrap("you".getBytes(StandardCharsets.UTF_8)));
                    assertThat(new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8))
                            .isEqualTo("hello you");
                }
                assertThat(Exposed.connect(socket, 8124)).isEmpty();
            }
        } finally {
            process.destroy();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(Exposed.connect(socket, 8123)).isEmpty();
    }

    /** Reads everything before it writes anything, so that all that the sockets do not hold has to wait. */
    private static void echo(ServerSocketChannel listener) {
        while (listener.isOpen()) {
            try {
                SocketChannel caller = listener.accept();
                Thread.ofPlatform().daemon(true).start(() -> {
                    try (caller) {
                        byte[] all = Channels.newInputStream(caller).readAllBytes();
                        ByteBuffer back = ByteBuffer.wrap(all);
                        while (back.hasRemaining()) {
                            caller.write(back);
                        }
                    } catch (IOException e) {
                        // One of those who go away in the middle.
                        return;
                    }
                });
            } catch (IOException e) {
                // The test is over.
                return;
            }
        }
    }
}
