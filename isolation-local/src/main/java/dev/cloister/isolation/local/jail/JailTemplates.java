package dev.cloister.isolation.local.jail;

import dev.cloister.isolation.local.jail.JailPlan.Entry;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The jails below one directory of the server. A template appears whole or not at all and is never changed; when a source
 * changes there is a new one. Several servers may build at once. Thread-safe.
 */
public final class JailTemplates {
    /** Part of every name, so that a newer server does not take an older one's templates. */
    private static final String FORMAT = "2";

    private static final String BUILDING = ".building-";
    private static final String MANIFEST = ".manifest";
    private static final Set<PosixFilePermission> PROGRAM = PosixFilePermissions.fromString("rwxr-xr-x");
    private static final Set<PosixFilePermission> DATA = PosixFilePermissions.fromString("rw-r--r--");
    private static final int TALK_EVERY = 500;

    private final Path jails;
    private final Path host;
    private final Consumer<String> progress;

    /**
     * @param jails an existing directory of the server, through which every tenant can walk
     * @param progress gets a line now and then while a template is built, which takes seconds
     */
    public JailTemplates(Path jails, Consumer<String> progress) {
        this(jails, Path.of("/"), progress);
    }

    JailTemplates(Path jails, Path host, Consumer<String> progress) {
        this.jails = jails;
        this.host = host;
        this.progress = progress;
    }

    /**
     * The template for a spec: the one that stands if none of its sources has changed, else a new one.
     *
     * @throws IsolationException if it cannot be built
     */
    public Path require(JailSpec spec) {
        try {
            Path manifest = manifest(spec);
            if (Files.exists(manifest)) {
                List<String> lines = Files.readAllLines(manifest);
                Path standing = jails.resolve(lines.getFirst());
                if (Files.isDirectory(standing) && Sources.unchanged(host, lines.subList(1, lines.size()))) {
                    return standing;
                }
            }
            JailPlan plan = JailPlanner.plan(host, spec);
            Path template =
                    jails.resolve(digest(Stream.concat(Stream.of(FORMAT, spec.toString()), plan.sources().stream())
                            .toList()));
            if (!Files.isDirectory(template)) {
                build(plan, template);
            }
            remember(manifest, template, plan);
            return template;
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding("a jail could not be built", e.toString(), "Check the space and the mode of " + jails),
                    e);
        }
    }

    private Path manifest(JailSpec spec) {
        return jails.resolve(digest(List.of(FORMAT, spec.toString())) + MANIFEST);
    }

    private static void remember(Path manifest, Path template, JailPlan plan) throws IOException {
        Path fresh = manifest.resolveSibling(BUILDING + UUID.randomUUID());
        Files.write(
                fresh,
                Stream.concat(Stream.of(template.getFileName().toString()), plan.sources().stream())
                        .toList());
        Files.move(fresh, manifest, StandardCopyOption.ATOMIC_MOVE);
    }

    private void build(JailPlan plan, Path template) throws IOException {
        Path fresh = Files.createDirectory(jails.resolve(BUILDING + UUID.randomUUID()));
        int done = 0;
        long bytes = 0;
        for (Map.Entry<String, Entry> entry : plan.entries().entrySet()) {
            bytes += make(fresh.resolve(entry.getKey().substring(1)), entry.getValue());
            if (++done % TALK_EVERY == 0) {
                progress.accept("building the jail: %d of %d files, %d MiB"
                        .formatted(done, plan.entries().size(), bytes >> 20));
            }
        }
        Files.setPosixFilePermissions(fresh, PROGRAM);
        try {
            Files.move(fresh, template, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
            // Somebody built the same meanwhile.
            delete(fresh);
        }
    }

    private static long make(Path target, Entry entry) throws IOException {
        return switch (entry) {
            case Entry.Directory directory -> {
                Files.createDirectory(target);
                Files.setPosixFilePermissions(target, PROGRAM);
                yield 0;
            }
            case Entry.Copy(Path source, boolean executable) -> {
                Files.copy(source, target);
                Files.setPosixFilePermissions(target, executable ? PROGRAM : DATA);
                yield Files.size(target);
            }
            case Entry.Text(String content) -> {
                Files.writeString(target, content, StandardCharsets.UTF_8);
                Files.setPosixFilePermissions(target, DATA);
                yield content.length();
            }
            case Entry.Link(String link) -> {
                Files.createSymbolicLink(target, Path.of(link));
                yield 0;
            }
        };
    }

    /**
     * Deletes every template but the one that was required last for a spec, and what crashes left. Call it while no sandbox has
     * one of them mounted.
     */
    public void removeOthers(JailSpec spec) {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(jails)) {
            Path inUse = jails.resolve(Files.readAllLines(manifest(spec)).getFirst());
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                boolean current = name.endsWith(MANIFEST)
                        && Files.readAllLines(entry)
                                .getFirst()
                                .equals(inUse.getFileName().toString());
                if (!entry.equals(inUse) && !current) {
                    delete(entry);
                }
            }
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding("old jails could not be removed", e.toString(), "Remove what is below " + jails), e);
        }
    }

    private static void delete(Path path) throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        }
    }

    private static String digest(List<String> lines) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256")
                    .digest(String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
