package dev.cloister.cli.attack;

import dev.cloister.cli.demo.Client;
import dev.cloister.cli.demo.Trees;
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
import java.util.Set;
import java.util.UUID;

/** A tenant of a running server, who does everything over its API. The client stays its owner's. */
record ServerTenant(Client client, Path tree) implements Tenant {
    /** @param trees where the server keeps its tenants' trees, on this host */
    static ServerTenant of(Client client, Path trees) throws IOException, InterruptedException {
        Set<Path> before = Set.copyOf(Trees.in(trees));
        String mark = "mark-" + UUID.randomUUID();
        String said = client.exec("touch " + mark + " && echo marked");
        List<Path> made =
                Trees.in(trees).stream().filter(tree -> !before.contains(tree)).toList();
        List<Path> marked = Trees.in(trees).stream()
                .filter(tree -> Files.exists(tree.resolve("work").resolve(mark)))
                .toList();
        client.exec("rm " + mark);
        // Where another kernel keeps the files, the host shows no mark; but the tenant is new.
        List<Path> found = marked.isEmpty() && said.startsWith("marked") ? made : marked;
        if (found.size() != 1) {
            throw new IOException("a tenant's workspace was not found: " + said);
        }
        return new ServerTenant(client, found.getFirst());
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

    /** By a command of its own: its server shows nothing else of it. */
    @Override
    public List<String> commands() throws IOException, InterruptedException {
        return client.exec("for p in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$p; echo; done 2>/dev/null")
                .lines()
                .toList();
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
