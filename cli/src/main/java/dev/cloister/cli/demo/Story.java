package dev.cloister.cli.demo;

import dev.cloister.cli.demo.Client.Answer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A keeps a secret and works; B works too, and tries everything to get at A's. Both use the real agent, which does what the
 * scripted upstream tells it.
 */
final class Story implements AutoCloseable {
    private final Client a;
    private final Client b;
    private final Path workspaces;
    private final Progress progress;
    private final String secret = "secret-" + HexFormat.of().toHexDigits(new SecureRandom().nextLong());
    private final List<Attempt> attempts = new ArrayList<>();

    Story(URI base, String tokenA, String tokenB, Path workspaces, Progress progress) {
        this.a = new Client(base, tokenA);
        this.b = new Client(base, tokenB);
        this.workspaces = workspaces;
        this.progress = progress;
    }

    List<Attempt> tell() throws Exception {
        Set<Path> before = Set.copyOf(Trees.in(workspaces));
        progress.begin("A's agent writes a secret into A's workspace");
        Answer written =
                a.turn(Client.write(a.exec("pwd").strip() + "/secret.txt", secret), Client.bash("cat secret.txt"));
        attempts.add(new Attempt(
                "A",
                "agent: Write secret.txt, cat it",
                shown(last(written)),
                last(written).contains(secret)));
        String file = a.file("secret.txt");
        attempts.add(new Attempt("A", "files API: GET secret.txt", shown(file), file.equals(secret)));

        progress.begin("A's agent stays at work (sleep) while B is about");
        CompletableFuture<Answer> busy = a.turnAside(Client.bash("sleep 100"));
        // What B attacks are the host's own names: in B's sandbox they may lead nowhere, and that is the point.
        Path tree = treeOfA(before);
        Agent agent = awaitAgent(busy, tree);
        String work = tree.resolve("work").toString();

        progress.begin("B's agent tries to reach A's secret, transcript and environment");
        attack(tree, written.session(), agent);

        progress.begin("B names A's file with @ in a prompt");
        Answer mention = b.message("What does @" + work + "/secret.txt say?");
        attempts.add(new Attempt(
                "B",
                "agent: @" + shortened(work) + "/secret.txt in the prompt",
                outcome(mention),
                !holdsSecret(mention)));

        progress.begin("B clones a git repository and works in it");
        ownWork();

        progress.begin("everything of B's is searched for A's secret");
        String found = b.exec("grep -rlF '" + secret + "' \"$HOME\" . \"$TMPDIR\" 2>/dev/null")
                .strip();
        attempts.add(new Attempt(
                "B",
                "search of B's files, transcripts, caches for it",
                found.isEmpty() ? "nothing found" : found,
                found.isEmpty()));
        String files = b.file("");
        attempts.add(new Attempt(
                "B",
                "files API: list",
                files.contains("secret.txt") ? files : "only B's own",
                !files.contains("secret.txt")));

        busy.cancel(true);
        return attempts;
    }

    /**
     * A's agent.
     *
     * @param pid its number on the host; empty where another kernel runs it: the same number would be somebody else in B's
     * @param alive whether it is still there
     */
    private record Agent(OptionalLong pid, Callable<Boolean> alive) {}

    private Agent awaitAgent(CompletableFuture<Answer> busy, Path tree) throws IOException, InterruptedException {
        for (int attempt = 0; attempt < 200 && !busy.isDone(); attempt++) {
            Optional<Agent> agent = agentOnHost(tree).or(this::agentInside);
            if (agent.isPresent()) {
                return agent.get();
            }
            Thread.sleep(100);
        }
        throw new IllegalStateException("A's agent was not seen at work");
    }

    /** A child of this process, in which the server is, or of a container engine: then its uid is A's alone, or it is not looked for. */
    private static Optional<Agent> agentOnHost(Path tree) throws IOException {
        Object uid = Files.getAttribute(tree, "unix:uid");
        boolean alone = !uid.equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        return Stream.concat(
                        ProcessHandle.current().descendants(),
                        ProcessHandle.allProcesses().filter(process -> alone && uid.equals(owner(process))))
                .filter(process -> process.info().command().orElse("").endsWith("/claude"))
                .findFirst()
                .map(process -> new Agent(OptionalLong.of(process.pid()), process::isAlive));
    }

    private static Object owner(ProcessHandle process) {
        try {
            return Files.getAttribute(Path.of("/proc", Long.toString(process.pid())), "unix:uid");
        } catch (IOException e) {
            // It ended while we looked.
            return "";
        }
    }

    /** Where another kernel runs it, A's other commands see it. */
    private Optional<Agent> agentInside() {
        try {
            return a.exec(
                            List.of(
                                    "/bin/bash",
                                    "-c",
                                    "for p in /proc/[0-9]*; do read -r -d '' name <$p/cmdline;"
                                            + " case $name in */claude) echo ${p#/proc/};; esac; done 2>/dev/null"),
                            Map.of())
                    .lines()
                    .findFirst()
                    .map(Long::parseLong)
                    .map(pid -> new Agent(
                            OptionalLong.empty(),
                            () -> a.exec("test -d /proc/" + pid + " && echo alive")
                                    .contains("alive")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    /** A's tree on the host, known by what A wrote into it; where another kernel keeps the files, by that it is new. */
    private Path treeOfA(Set<Path> before) throws IOException {
        List<Path> fresh = Trees.in(workspaces).stream()
                .filter(tree -> !before.contains(tree))
                .toList();
        return fresh.stream()
                .filter(tree -> Files.exists(tree.resolve("work/secret.txt")))
                .findFirst()
                .or(() -> fresh.size() == 1 ? Optional.of(fresh.getFirst()) : Optional.empty())
                .orElseThrow(() -> new IllegalStateException("A's workspace was not found"));
    }

    private void attack(Path tree, String session, Agent agent) throws Exception {
        String work = tree.resolve("work").toString();
        String target = work + "/secret.txt";
        String inner = a.exec("cd; ls .claude/projects/*/" + session + ".jsonl").strip();
        String transcript = tree.resolve("home") + "/" + inner;
        Map<String, ObjectNode> steps = new LinkedHashMap<>();
        steps.put("agent: Read A's file", Client.read(target));
        steps.put("agent: cat A's file", Client.bash("cat " + target));
        steps.put(
                "agent: python3 -c open(A's file)", Client.bash("python3 -c \"print(open('" + target + "').read())\""));
        steps.put(
                "agent: ln -s A's file, cat the link",
                Client.bash("ln -sf " + target + " innocent.txt && cat innocent.txt"));
        steps.put("agent: Read through the link", Client.read("innocent.txt"));
        steps.put("agent: cat A's session transcript", Client.bash("cat " + transcript));
        steps.put("agent: ls A's workspace", Client.bash("ls -la " + work));
        agent.pid().ifPresent(pid -> {
            steps.put(
                    "agent: /proc/PID/environ of A's agent", Client.bash("tr '\\0' '\\n' < /proc/" + pid + "/environ"));
            steps.put("agent: kill A's agent", Client.bash("kill -9 " + pid));
        });
        List<String> names = List.copyOf(steps.keySet());
        Answer answer = b.turn(steps.values().toArray(ObjectNode[]::new));
        JsonNode results = results(answer);
        for (int i = 0; i < steps.size(); i++) {
            String content = results.path(i).path("content").asString("no result: " + answer.error());
            boolean refused = results.path(i).path("is_error").asBoolean(false);
            attempts.add(new Attempt(
                    "B",
                    names.get(i),
                    shown(content),
                    refused && !content.contains(secret) && !content.contains("ANTHROPIC_")));
        }
        boolean alive = agent.alive().call();
        attempts.add(new Attempt("A", "A's agent afterwards", alive ? "still at work" : "gone", alive));
    }

    private void ownWork() throws IOException, InterruptedException {
        b.exec(
                "git init -q --bare -b main \"$HOME/origin.git\" && git clone -q \"$HOME/origin.git\" \"$TMPDIR/c\" 2>/dev/null"
                        + " && cd \"$TMPDIR/c\" && echo hello > README && git add README"
                        + " && git -c user.name=B -c user.email=b@example.invalid commit -qm first && git push -q origin HEAD:main");
        Answer clone = b.turn(Client.bash(
                "git clone -q \"$HOME/origin.git\" project && cat project/README && git -C project log --oneline"));
        attempts.add(new Attempt(
                "B",
                "agent: git clone, own work",
                shown(last(clone)),
                last(clone).contains("hello")));
    }

    private boolean holdsSecret(Answer answer) {
        return answer.body().toString().contains(secret);
    }

    private static String outcome(Answer answer) {
        return answer.status() == 200 ? "the model saw the words, not the file" : "HTTP " + answer.status();
    }

    /** The tool results that the scripted upstream answered with. */
    private static JsonNode results(Answer answer) {
        String text = answer.body().path("content").path(0).path("text").asString("[]");
        return JsonMapper.shared().readTree(text.isEmpty() ? "[]" : text);
    }

    private static String last(Answer answer) {
        if (answer.status() != 200) {
            return "HTTP " + answer.status() + ": " + answer.error();
        }
        JsonNode results = results(answer);
        return results.path(results.size() - 1).path("content").asString("");
    }

    /** One line, with the long and random parts of paths left out. */
    private String shown(String text) {
        String line = text.strip().lines().findFirst().orElse("");
        for (String part : text.strip().lines().toList()) {
            if (part.contains("enied") || part.contains("not permitted") || part.contains("o such ")) {
                line = part;
                break;
            }
        }
        return shortened(line);
    }

    private String shortened(String text) {
        return text.replaceAll(workspaces + "/([0-9a-f]{4})[0-9a-f]{28}", "…/$1…");
    }

    @Override
    public void close() {
        a.close();
        b.close();
    }
}
