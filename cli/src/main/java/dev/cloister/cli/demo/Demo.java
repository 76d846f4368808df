package dev.cloister.cli.demo;

import dev.cloister.cli.wiring.Cloister;
import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.TemporaryDirectory;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.spi.Finding;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/** A server of its own in a temporary directory, the story on it, and no trace of it afterwards. */
public final class Demo {
    private static final int NO_WALL = 2;

    private Demo() {}

    /**
     * @param out gets the table and what to do next
     * @param progress gets a line for each step
     * @param isolation a value of `isolation.mode`
     * @param keys further keys of the configuration
     * @param keep whether to serve on until the process is told to stop
     * @return the exit code: 0 if all went as it must, 1 if not, 2 if this host has no wall to show
     */
    public static int run(
            PrintWriter out, PrintWriter progress, String isolation, Map<String, String> keys, boolean keep)
            throws Exception {
        TemporaryDirectory directory = TemporaryDirectory.make("demo");
        Map<String, String> all = new HashMap<>(keys);
        all.putAll(Map.of(
                "data",
                directory.path().resolve("data").toString(),
                "port",
                "0",
                "upstream.url",
                "scripted",
                "isolation.mode",
                isolation));
        CloisterConfig config =
                ConfigLoader.load(Optional.empty(), ConfigLoader.agentIn(System.getenv()), all, HostFacts.defaults());
        Progress steps = new Progress(progress);
        steps.begin("starting a server with the scripted upstream");
        Cloister server;
        try {
            server = Cloister.start(config);
        } catch (RuntimeException e) {
            directory.close();
            throw e;
        }
        Thread stop = new Thread(
                () -> {
                    server.close();
                    directory.close();
                },
                "stop");
        Runtime.getRuntime().addShutdownHook(stop);
        steps.begin("trying the agent in its sandbox");
        server.proveAgent();
        URI base = URI.create("http://127.0.0.1:" + server.port());
        String tokenA = "demo-a-" + random();
        String tokenB = "demo-b-" + random();
        int exit;
        if (server.guarantees().weak()) {
            exit = withoutWall(out, steps, server, base, tokenA, tokenB);
        } else {
            List<Attempt> attempts;
            try (Story story = new Story(base, tokenA, tokenB, config.paths().workspaces(), steps)) {
                attempts = story.tell();
            }
            steps.end();
            boolean well = attempts.stream().allMatch(Attempt::asItShould);
            out.println();
            Table.print(out, attempts);
            out.println();
            out.println(
                    well
                            ? "A and B did their own work, and B got nothing of A's."
                            : "NOT as it should be: see the rows marked WRONG.");
            exit = well ? 0 : 1;
        }
        next(out, base, keep, tokenA, tokenB);
        out.flush();
        if (keep && exit == 0) {
            new CountDownLatch(1).await();
        }
        return exit;
    }

    private static int withoutWall(
            PrintWriter out, Progress steps, Cloister server, URI base, String tokenA, String tokenB)
            throws IOException, InterruptedException {
        try (Client a = new Client(base, tokenA);
                Client b = new Client(base, tokenB)) {
            steps.begin("A's agent works alone");
            Client.Answer own = a.turn(Client.bash("echo A works"));
            Client.Answer second = b.message("hello");
            steps.end();
            out.println();
            out.println("A's own turn: HTTP " + own.status() + ". B, a second tenant, was refused: HTTP "
                    + second.status() + ", " + second.error());
            out.println();
            out.println("This host has no wall between tenants, so there is no story to tell:");
            for (Finding finding : server.guarantees().findings()) {
                out.println("  " + finding.what() + ": " + finding.why());
                out.println("  " + finding.remedy() + " For the demo: sudo ./cloister demo");
            }
            return NO_WALL;
        }
    }

    private static void next(PrintWriter out, URI base, boolean keep, String tokenA, String tokenB) {
        out.println();
        if (!keep) {
            out.println("To go on, leave a server running with `./cloister demo --keep`, or start one that stays:");
            out.println("  ./cloister serve --upstream scripted");
            curl(out, "http://127.0.0.1:8484", "any-token-you-like", "another-token");
            return;
        }
        out.println("The server is still running on " + base + ". In another terminal:");
        curl(out, base.toString(), tokenA, tokenB);
        out.println("Stop it with Ctrl-C; its files go with it.");
    }

    private static void curl(PrintWriter out, String base, String tokenA, String tokenB) {
        out.println("  curl " + base + "/v1/messages -H 'Authorization: Bearer " + tokenA
                + "' -H 'content-type: application/json' \\");
        out.println(
                "    -d '{\"model\":\"claude-sonnet-5\",\"max_tokens\":1024,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":"
                        + "\"```script\\n[{\\\"tool\\\":\\\"Bash\\\",\\\"input\\\":{\\\"command\\\":\\\"id > id.txt; cat id.txt\\\"}}]\\n```\"}]}'");
        out.println("  curl " + base + "/v1/files/ -H 'Authorization: Bearer " + tokenA + "'");
        out.println("  curl " + base + "/v1/files/ -H 'Authorization: Bearer " + tokenB + "'");
        out.println("  curl " + base + "/v1/guarantees -H 'Authorization: Bearer " + tokenA + "'");
    }

    private static String random() {
        byte[] bytes = new byte[8];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }
}
