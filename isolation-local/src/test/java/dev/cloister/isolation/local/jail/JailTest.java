package dev.cloister.isolation.local.jail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.isolation.local.host.SystemFiles;
import dev.cloister.isolation.local.jail.JailPlan.Entry;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a made-up host, whose programs are scripts; and on this one. */
class JailTest {
    @TempDir
    private Path directory;

    private Path host = Path.of("/");
    private Path jails = Path.of("/");
    private final List<String> said = new ArrayList<>();

    @BeforeEach
    void host() throws IOException {
        host = Files.createDirectory(directory.resolve("host"));
        jails = Files.createDirectory(directory.resolve("jails"));
        Files.createDirectories(host.resolve("usr/bin"));
        Files.createDirectories(host.resolve("etc/alternatives"));
        Files.createSymbolicLink(host.resolve("bin"), Path.of("usr/bin"));
        for (String program : List.of("bash", "cat", "ls", "env", "git", "mawk")) {
            program("usr/bin/" + program, "#!/bin/bash\n");
        }
        Files.createSymbolicLink(host.resolve("usr/bin/sh"), Path.of("bash"));
        Files.createSymbolicLink(host.resolve("usr/bin/awk"), Path.of("/etc/alternatives/awk"));
        Files.createSymbolicLink(host.resolve("etc/alternatives/awk"), Path.of("/usr/bin/mawk"));
        Files.writeString(host.resolve("etc/shadow"), "secret");
        Files.createDirectories(host.resolve("opt/tool/lib"));
        program("opt/tool/run", "#!/usr/bin/env python3\n");
        Files.writeString(host.resolve("opt/tool/lib/data"), "one");
    }

    private void program(String path, String content) throws IOException {
        Files.writeString(host.resolve(path), content);
        Files.setPosixFilePermissions(host.resolve(path), PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private JailPlan plan(String... programs) {
        return JailPlanner.plan(
                host, JailSpec.ofCopies(Stream.of(programs).map(Path::of).toList()));
    }

    @Test
    void linksStayLinksAndBringWhatTheyLeadTo() {
        assertThat(plan().entries())
                .containsEntry("/bin", new Entry.Link("usr/bin"))
                .containsEntry("/usr/bin/awk", new Entry.Link("/etc/alternatives/awk"))
                .containsEntry("/etc/alternatives/awk", new Entry.Link("/usr/bin/mawk"))
                .containsEntry("/usr/bin/mawk", new Entry.Copy(host.resolve("usr/bin/mawk"), true));
    }

    @Test
    void nothingComesAlongThatNobodyNamed() {
        assertThat(plan().entries()).doesNotContainKey("/etc/shadow").doesNotContainKey("/opt/tool/run");
        assertThat(plan("/opt/tool").entries()).containsKeys("/opt/tool/run", "/opt/tool/lib/data");
    }

    @Test
    void whatNotEverybodyMayReadStaysOut() throws IOException {
        Path key = host.resolve("opt/tool/key");
        Files.writeString(key, "secret");
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"));
        assertThat(plan("/opt/tool").entries()).doesNotContainKey("/opt/tool/key");
    }

    @Test
    void whatIsMissingIsNamed() throws IOException {
        assertThatThrownBy(() -> plan("/opt/none"))
                .isInstanceOf(IsolationException.class)
                .hasMessageContaining("/opt/none")
                .hasMessageContaining("isolation.programs");
        Files.delete(host.resolve("usr/bin/git"));
        assertThatThrownBy(this::plan).hasMessageContaining("git is missing").hasMessageContaining("apt-get install");
    }

    @Test
    void aLoopOfLinksEnds() throws IOException {
        Files.createSymbolicLink(host.resolve("usr/bin/less"), Path.of("more"));
        Files.createSymbolicLink(host.resolve("usr/bin/more"), Path.of("less"));
        Files.createSymbolicLink(host.resolve("opt/tool/self"), Path.of("."));
        assertThat(plan("/opt/tool").entries()).containsEntry("/opt/tool/self", new Entry.Link("."));
    }

    @Test
    void aTemplateIsBuiltOnceAndAnewWhenASourceChanges() throws IOException {
        JailTemplates templates = new JailTemplates(jails, host, said::add);
        JailSpec spec = JailSpec.ofCopies(List.of(Path.of("/opt/tool")));
        Path first = templates.require(spec);
        assertThat(templates.require(spec)).isEqualTo(first);
        assertThat(first.resolve("opt/tool/lib/data")).hasContent("one");
        assertThat(Files.readSymbolicLink(first.resolve("bin"))).isEqualTo(Path.of("usr/bin"));

        Files.writeString(host.resolve("opt/tool/lib/data"), "two!");
        Path second = templates.require(spec);
        assertThat(second).isNotEqualTo(first);
        assertThat(second.resolve("opt/tool/lib/data")).hasContent("two!");
        assertThat(first.resolve("opt/tool/lib/data"))
                .as("what still runs keeps what it had")
                .hasContent("one");

        Files.writeString(host.resolve("opt/tool/lib/new"), "");
        Path third = templates.require(spec);
        assertThat(third.resolve("opt/tool/lib/new")).exists();

        Files.createDirectory(jails.resolve(".building-crashed"));
        templates.removeOthers(spec);
        try (Stream<Path> left = Files.list(jails)) {
            assertThat(left.filter(Files::isDirectory)).containsExactly(third);
        }
        assertThat(templates.require(spec)).isEqualTo(third);
    }

    @Test
    void theJailOfThisHostHoldsWhatAnAgentNeedsAndNoMore() throws IOException {
        JailPlan plan = JailPlanner.plan(Path.of("/"), JailSpec.ofCopies(List.of()));
        assertThat(plan.entries())
                .containsKeys(
                        "/usr/bin/bash", "/usr/bin/git", "/usr/bin/python3", "/usr/bin/perl", "/proc", "/workspace")
                .doesNotContainKeys(
                        "/etc/shadow", "/root", "/usr/bin/apt-get", "/usr/bin/gcc", "/usr/bin/sudo", "/usr/bin/su")
                .containsEntry("/etc/passwd", new Entry.Text(""));
        assertThat(plan.entries().keySet()).noneMatch(path -> path.startsWith("/etc/ssl/private/"));
    }

    @Test
    void aFrameHasPlacesForWhatIsMountedAndCopiesOfSettings() throws IOException {
        Files.createDirectories(host.resolve("etc/ssl/certs"));
        Files.createDirectories(host.resolve("usr/share/ca"));
        Files.writeString(host.resolve("usr/share/ca/one"), "certificate");
        Files.createSymbolicLink(host.resolve("etc/ssl/certs/one"), Path.of("/usr/share/ca/one"));
        Files.writeString(host.resolve("etc/ssl/openssl.cnf"), "setting");
        JailPlan plan = JailPlanner.plan(
                host,
                JailSpec.ofFrame(
                        List.of(
                                Path.of("/opt/tool"),
                                Path.of("/opt/tool/run"),
                                Path.of("/usr/bin/git"),
                                Path.of("/bin/ls")),
                        new SystemFiles(List.of("/usr"), List.of("/etc/ssl", "/etc/alternatives"))));
        assertThat(plan.entries())
                .containsEntry("/usr", new Entry.Directory())
                .containsEntry("/bin", new Entry.Link("usr/bin"))
                .containsEntry("/etc/ssl/certs/one", new Entry.Link("/usr/share/ca/one"))
                .containsEntry("/etc/ssl/openssl.cnf", new Entry.Copy(host.resolve("etc/ssl/openssl.cnf"), false))
                .containsEntry("/etc/alternatives/awk", new Entry.Link("/usr/bin/mawk"))
                .containsEntry("/opt/tool", new Entry.Directory())
                .containsEntry("/opt/tool/run", new Entry.Text(""))
                .containsKeys("/etc/passwd", "/workspace", "/dev/null", "/run/cloister");
        assertThat(plan.entries().keySet())
                .as("what is mounted brings its own")
                .noneMatch(path -> path.startsWith("/usr/") || path.startsWith("/bin/"));
        assertThatThrownBy(() -> JailPlanner.plan(
                        host,
                        JailSpec.ofFrame(List.of(Path.of("/opt/none")), new SystemFiles(List.of("/usr"), List.of()))))
                .hasMessageContaining("/opt/none is missing");
    }
}
