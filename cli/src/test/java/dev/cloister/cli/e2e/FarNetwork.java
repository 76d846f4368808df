package dev.cloister.cli.e2e;

import dev.cloister.cli.wiring.HostFacts;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A network with {@link FarServers} in it. As root it is a network namespace of its own behind a pair of virtual devices; an
 * ordinary user can make none beside the server's, and gets an address of the loopback device.
 *
 * @param address what {@link FarServers#HOST} means
 * @param hosts a file that says so, for a Java program's {@code jdk.net.hosts.file}
 */
record FarNetwork(String address, Path hosts, Path ca, Process far, Optional<String> namespace)
        implements AutoCloseable {
    static FarNetwork start(Path directory) throws IOException, InterruptedException {
        Optional<String> namespace = HostFacts.uid() == 0
                ? Optional.of("cloister-" + ProcessHandle.current().pid())
                : Optional.empty();
        // For benchmarks of networks (RFC 2544): in use nowhere else, and in no list of what is public.
        String address = namespace.isPresent() ? "198.18.77.2" : "127.0.0.2";
        List<String> command = new ArrayList<>();
        if (namespace.isPresent()) {
            connect(namespace.get(), address);
            command.addAll(List.of("ip", "netns", "exec", namespace.get()));
        }
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
        FarNetwork network = new FarNetwork(address, hosts, directory.resolve("ca.pem"), far, namespace);
        try {
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

    private static void connect(String namespace, String address) throws IOException, InterruptedException {
        String here = device(namespace);
        ip("netns", "add", namespace);
        ip("link", "add", here, "type", "veth", "peer", "name", "far0", "netns", namespace);
        ip("addr", "add", "198.18.77.1/30", "dev", here);
        ip("link", "set", here, "up");
        ip("-n", namespace, "addr", "add", address + "/30", "dev", "far0");
        ip("-n", namespace, "link", "set", "far0", "up");
        ip("-n", namespace, "link", "set", "lo", "up");
    }

    /** A device's name has at most 15 bytes. */
    private static String device(String namespace) {
        return "cl" + namespace.substring(namespace.indexOf('-') + 1);
    }

    private static void ip(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("ip"));
        command.addAll(List.of(arguments));
        CommandProcess.run(command.toArray(String[]::new));
    }

    /** The devices go with the namespace. */
    @Override
    public void close() throws IOException, InterruptedException {
        far.destroyForcibly().waitFor();
        if (namespace.isPresent()) {
            ip("link", "delete", device(namespace.get()));
            ip("netns", "delete", namespace.get());
        }
    }
}
