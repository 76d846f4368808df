package dev.cloister.cli.attack;

import dev.cloister.cli.demo.Client;
import dev.cloister.isolation.tck.Tenant;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

/** A tenant of a running server, who does everything over its API. The client stays its owner's. */
record ServerTenant(Client client, Path tree) implements Tenant {
    /** @param trees where the server keeps its tenants' trees, on this host */
    static ServerTenant of(Client client, Path trees) throws IOException, InterruptedException {
        String mark = "mark-" + UUID.randomUUID();
        String said = client.exec("touch " + mark + " && echo marked");
        try (Stream<Path> all = Files.list(trees)) {
            Path tree = all.filter(one -> Files.exists(one.resolve("work").resolve(mark)))
                    .findFirst()
                    .orElseThrow(() -> new IOException("a tenant's workspace was not found: " + said));
            client.exec("rm " + mark);
            return new ServerTenant(client, tree);
        }
    }

    @Override
    public Path work() {
        return tree.resolve("work");
    }

    @Override
    public Path home() {
        return tree.resolve("home");
    }

    @Override
    public String run(List<String> command, Map<String, String> environment) throws IOException, InterruptedException {
        return client.exec(command, environment);
    }

    /** A session that begins with the secret. */
    @Override
    public Map<String, String> keep(String secret) throws IOException, InterruptedException {
        Client.Answer answer = client.message("Remember " + secret);
        if (answer.status() != 200) {
            throw new IOException("the victim's session did not begin: " + answer.error());
        }
        return Map.of("V_SESSION", answer.session());
    }

    @Override
    public AutoCloseable start(List<String> command, Map<String, String> environment, String ready)
            throws IOException, InterruptedException {
        InputStream events = client.execStream(command, environment);
        BufferedReader lines = new BufferedReader(new InputStreamReader(events, StandardCharsets.UTF_8));
        StringBuilder said = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            said.append(line).append('\n');
            if (line.contains(ready)) {
                return lines;
            }
        }
        throw new IOException("the victim did not start: " + said);
    }
}
