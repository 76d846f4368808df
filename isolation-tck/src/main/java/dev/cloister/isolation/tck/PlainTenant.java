package dev.cloister.isolation.tck;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A tenant with no wall around it: processes of the server's own user, with directories of their own and nothing else.
 *
 * @param prefix stands before each command, such as {@code unshare}; may be empty
 */
public record PlainTenant(Path tree, List<String> prefix) implements Tenant {
    /** Attacks kill their parent, which must not be this JVM. */
    private static final List<String> PARENT = List.of("/bin/sh", "-c", "\"$@\"; exit", "sh");

    /** Makes its directories. */
    public static PlainTenant in(Path tree, List<String> prefix) throws IOException {
        for (String name : List.of("work", "home", "tmp")) {
            Files.createDirectories(tree.resolve(name));
        }
        return new PlainTenant(tree, List.copyOf(prefix));
    }

    @Override
    public Path work() {
        return tree.resolve("work");
    }

    @Override
    public Path home() {
        return tree.resolve("home");
    }

    private Process launch(List<String> before, List<String> command, Map<String, String> environment)
            throws IOException {
        List<String> all = new ArrayList<>(before);
        all.addAll(prefix);
        all.addAll(command);
        ProcessBuilder builder =
                new ProcessBuilder(all).directory(work().toFile()).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().clear();
        builder.environment().put("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        builder.environment().put("LANG", "C.UTF-8");
        builder.environment().put("HOME", home().toString());
        builder.environment().put("TMPDIR", tree.resolve("tmp").toString());
        builder.environment().putAll(environment);
        Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }

    @Override
    public String run(List<String> command, Map<String, String> environment) throws IOException, InterruptedException {
        Process process = launch(PARENT, command, environment);
        String said = new Output(process.getInputStream()).awaitEnd();
        process.destroyForcibly();
        process.waitFor(Output.PATIENCE_MS, TimeUnit.MILLISECONDS);
        return said;
    }

    @Override
    public AutoCloseable start(List<String> command, Map<String, String> environment, String ready)
            throws IOException, InterruptedException {
        Process process = launch(List.of(), command, environment);
        Output output = new Output(process.getInputStream());
        if (!output.awaitWord(ready)) {
            process.destroyForcibly();
            throw new IOException("the victim did not start: " + output.text());
        }
        return () -> process.destroyForcibly().waitFor();
    }
}
