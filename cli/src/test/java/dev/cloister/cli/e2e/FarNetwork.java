package dev.cloister.cli.e2e;

import dev.cloister.cli.wiring.HostFacts;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A network with {@link FarServers} in it. As root it is a network namespace of its own behind a pair of virtual devices, which
 * goes with its one process; an ordinary user can make none beside the server's, and gets an address of the loopback device.
 *
 * @param address what {@link FarServers#HOST} means
 * @param hosts a file that says so, for a Java program's {@code jdk.net.hosts.file}
 */
record FarNetwork(String address, Path hosts, Path ca, Path trusted, Process far) implements AutoCloseable {
    static FarNetwork start(Path directory) throws IOException, InterruptedException {
        boolean own = HostFacts.uid() == 0;
        // For benchmarks of networks (RFC 2544): in use nowhere else, and in no list of what is public.
        String address = own ? "198.18.77.2" : "127.0.0.2";
        List<String> command = new ArrayList<>(own ? List.of("unshare", "--net") : List.of());
        // Nothing can be listened on before the devices are there.
        command.addAll(List.of("sh", "-c", "read go && exec \"$@\"", "far"));
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                FarServers.class.getName(),
                address,
                directory.toString()));
        File log = directory.resolve("far.log").toFile();
        Process far = new ProcessBuilder(command).redirectError(log).start();
        Path hosts = Files.writeString(
                directory.resolve("hosts"), address + " " + FarServers.HOST + " inwards.test\n127.0.0.1 localhost\n");
        FarNetwork network =
                new FarNetwork(address, hosts, directory.resolve("ca.pem"), directory.resolve("far.p12"), far);
        try {
            if (own) {
                connect(far.pid(), address);
            }
            far.outputWriter().append("go\n").flush();
            @SuppressWarnings("resource") // Closed with the process.
            BufferedReader said = far.inputReader();
            if (said.readLine() == null) {
                throw new IOException("no far servers: " + Files.readString(log.toPath()));
            }
            return network;
        } catch (IOException e) {
            network.close();
            throw e;
        }
    }

    private static void connect(long pid, String address) throws IOException, InterruptedException {
        String there = Long.toString(pid);
        String here = "cl" + there;
        String mine = Files.readSymbolicLink(Path.of("/proc/self/ns/net")).toString();
        while (Files.readSymbolicLink(Path.of("/proc", there, "ns/net"))
                .toString()
                .equals(mine)) {
            Thread.onSpinWait();
        }
        CommandProcess.run("ip", "link", "add", here, "type", "veth", "peer", "name", "far0", "netns", there);
        CommandProcess.run("ip", "addr", "add", "198.18.77.1/30", "dev", here);
        CommandProcess.run("ip", "link", "set", here, "up");
        CommandProcess.run("nsenter", "--net", "--target", there, "ip", "addr", "add", address + "/30", "dev", "far0");
        CommandProcess.run("nsenter", "--net", "--target", there, "ip", "link", "set", "far0", "up");
    }

    /** The devices go with the namespace, and that with its process. */
    @Override
    public void close() throws InterruptedException {
        far.destroyForcibly().waitFor();
    }
}
