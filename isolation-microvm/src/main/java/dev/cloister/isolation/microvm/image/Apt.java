package dev.cloister.isolation.microvm.image;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** Debian's packages of one release, from the host's own sources and with its keys. Everything it fetches is in a directory of its own. */
final class Apt {
    private static final String KEY = "/usr/share/keyrings/debian-archive-keyring.gpg";

    private final Path directory;
    private final Path sources;

    private Apt(Path directory, Path sources) {
        this.directory = directory;
        this.sources = sources;
    }

    /**
     * Fetches the release's lists.
     *
     * @param directory does not exist yet
     * @param suite such as {@code bookworm}; empty: the host's own
     */
    static Apt of(Path directory, String suite) throws IOException {
        for (String part : List.of("lists/partial", "archives/partial", "parts")) {
            Files.createDirectories(directory.resolve(part));
        }
        Apt apt = new Apt(directory, directory.resolve("sources.list"));
        Files.write(apt.sources, sources(suite));
        apt.get("update").run();
        return apt;
    }

    /** The host's release of Debian. */
    static String hostSuite() throws IOException {
        for (String line : Files.readAllLines(Path.of("/etc/os-release"))) {
            if (line.startsWith("VERSION_CODENAME=")) {
                return line.substring(line.indexOf('=') + 1).replace("\"", "");
            }
        }
        throw noDebian("/etc/os-release has no VERSION_CODENAME");
    }

    private static List<String> sources(String suite) throws IOException {
        String own = hostSuite();
        String format = "$(REPO_URI) $(CODENAME) $(COMPONENT) $(SIGNED_BY)";
        String targets = Tool.of(
                        "apt-get", "indextargets", "--format", format, "Created-By: Packages", "Origin: Debian")
                .run();
        TreeSet<String> lines = new TreeSet<>();
        for (String target : targets.split("\n", -1)) {
            String[] fields = target.split(" ", -1);
            if (fields.length >= 3
                    && List.of(own, own + "-updates", own + "-security").contains(fields[1])) {
                String key = fields.length > 3 && Files.isReadable(Path.of(fields[3])) ? fields[3] : KEY;
                lines.add("deb [signed-by=%s] %s %s%s %s"
                        .formatted(key, fields[0], suite, fields[1].substring(own.length()), fields[2]));
            }
        }
        if (lines.isEmpty()) {
            throw noDebian("apt-get indextargets names none of " + own);
        }
        return List.copyOf(lines);
    }

    private static IsolationException noDebian(String why) {
        return new IsolationException(new Finding(
                "apt on this host has no source of Debian",
                why,
                "apt-get update; or bring what is needed: cloister vm build --root DIR --kernel FILE --modules DIR."));
    }

    Path sources() {
        return sources;
    }

    /** Fetches a package and unpacks it, without its scripts. */
    void unpack(String name, Path target) throws IOException {
        Path debs = Files.createDirectory(directory.resolve("debs-" + name));
        get("download", name).in(debs).run();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(debs, "*.deb")) {
            for (Path file : files) {
                Tool.of("dpkg-deb", "-x", file.toString(), target.toString()).run();
            }
        }
    }

    /** The package that a package is only another name for: what it depends on and begins like it is said to. */
    String dependency(String name, String prefix) {
        String all = tool("apt-cache", "depends", name).run();
        for (String line : all.split("\n", -1)) {
            String found = line.strip().replaceFirst("^Depends: ", "");
            if (found.startsWith(prefix) && line.contains("Depends: ")) {
                return found;
            }
        }
        throw new IsolationException(new Finding(
                "there is no kernel to download",
                name + " depends on no " + prefix + "…",
                "Bring one: cloister vm build --kernel FILE --modules DIR."));
    }

    private Tool get(String... command) {
        return tool("apt-get", command);
    }

    private Tool tool(String program, String... command) {
        List<String> whole = new ArrayList<>(List.of(
                program,
                "-q",
                "-o",
                "Dir::Etc::sourcelist=" + sources,
                "-o",
                "Dir::Etc::sourceparts=" + directory.resolve("parts"),
                "-o",
                "Dir::State::lists=" + directory.resolve("lists"),
                "-o",
                "Dir::State::status=/dev/null",
                "-o",
                "Dir::Cache=" + directory,
                "-o",
                "Dir::Cache::archives=" + directory.resolve("archives"),
                // Its own user cannot write there.
                "-o",
                "APT::Sandbox::User=root"));
        whole.addAll(List.of(command));
        return Tool.of(whole);
    }
}
