package dev.cloister.cli.e2e;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * How Cloister's commands are run as processes of their own, as an operator runs them.
 *
 * @param prefix stands before the command, such as a switch to another user
 * @param classPath holds {@code dev.cloister.cli.Main} and all it needs
 * @param home the operator's HOME
 */
record CommandProcess(List<String> prefix, String classPath, Path home) {
    private static final long PATIENCE_SECONDS = 120;

    /** What a command that has ended left. */
    record Ended(int exit, String out, String err) {}

    /** As this test's own user. */
    static CommandProcess here(Path home) {
        return new CommandProcess(List.of(), System.getProperty("java.class.path"), home);
    }

    /** As another user, which takes root; the class path is copied to where that user can read it. */
    static CommandProcess as(long uid, Path directory) throws IOException, InterruptedException {
        Path copies = Files.createDirectory(directory.resolve("lib"));
        List<String> copied = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            if (entry.isEmpty()) {
                continue;
            }
            Path copy = copies.resolve(copied.size() + "-" + Path.of(entry).getFileName());
            run("cp", "-r", "--", entry, copy.toString());
            copied.add(copy.toString());
        }
        run("chmod", "-R", "a+rX", "--", copies.toString());
        Path home = Files.createDirectory(directory.resolve("home"));
        run("chown", uid + ":" + uid, "--", home.toString());
        String id = Long.toString(uid);
        return new CommandProcess(
                List.of("setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups"),
                String.join(File.pathSeparator, copied),
                home);
    }

    /** The same behind one more program, which comes first. */
    CommandProcess behind(Path program) {
        return behind(List.of(program.toString()));
    }

    /** The same in another network: knowing the names of a hosts file and no others, and trusting other authorities. */
    CommandProcess in(FarNetwork network) {
        return behind(List.of(
                "env",
                "JDK_JAVA_OPTIONS=-Djdk.net.hosts.file=" + network.hosts() + " -Djavax.net.ssl.trustStore="
                        + network.trusted() + " -Djavax.net.ssl.trustStorePassword=" + FarServers.PASSWORD));
    }

    private CommandProcess behind(List<String> command) {
        List<String> longer = new ArrayList<>(command);
        longer.addAll(prefix);
        return new CommandProcess(longer, classPath, home);
    }

    static void run(String... command) throws IOException, InterruptedException {
        int exit = new ProcessBuilder(command).inheritIO().start().waitFor();
        if (exit != 0) {
            throw new IOException(String.join(" ", command) + " ended with " + exit);
        }
    }

    /** Starts a command; the caller ends it. */
    Process start(Path out, Path err, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                // They end before the thorough compiler would pay.
                "-XX:TieredStopAtLevel=1",
                "-Duser.home=" + home,
                "-cp",
                classPath,
                "dev.cloister.cli.Main"));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command);
        Map<String, String> environment = builder.environment();
        environment.keySet().removeIf(name -> name.startsWith("CLOISTER_"));
        environment.put("HOME", home.toString());
        environment.put("CLOISTER_AGENT_EXECUTABLE", TestServer.agent());
        return builder.directory(new File("/"))
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
    }

    /** Runs a command to its end. */
    Ended run(List<String> arguments) throws IOException, InterruptedException {
        Path out = Files.createTempFile("cloister-e2e-out", "");
        Path err = Files.createTempFile("cloister-e2e-err", "");
        Process process = start(out, err, arguments);
        try {
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError(arguments + " did not end: " + Files.readString(out) + Files.readString(err));
            }
            return new Ended(process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            process.destroyForcibly();
            Files.delete(out);
            Files.delete(err);
        }
    }
}
