package dev.cloister.cli.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.spi.IsolationMode;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/**
 * Whole servers in microVM mode, by QEMU without hardware, with the real agent. {@code ./cloister verify} brings what it needs, where
 * it is root on Debian; the module of the mode has made the images by then.
 */
@EnabledIf("areImagesThere")
class MicroVmModeTest {
    private static final String ALICE = "alice-0123456789";
    private static final String BOB = "bob-0123456789";

    static boolean areImagesThere() {
        String images = System.getenv("CLOISTER_TEST_VM_IMAGES");
        return images != null && Files.exists(Path.of(images, "manifest.json"));
    }

    private static Map<String, String> options(String... more) {
        Map<String, String> all = new HashMap<>(Map.of(
                "isolation.mode",
                "microvm",
                "microvm.images",
                System.getenv("CLOISTER_TEST_VM_IMAGES"),
                "microvm.accelerator",
                "tcg",
                "identity.admission",
                "open",
                "isolation.memory",
                "1GiB"));
        for (int i = 0; i < more.length; i += 2) {
            all.put(more[i], more[i + 1]);
        }
        return all;
    }

    private static List<ProcessHandle> machines(Path workspaces) {
        return ProcessHandle.allProcesses()
                .filter(process -> {
                    try {
                        return Files.readString(Path.of("/proc", Long.toString(process.pid()), "cmdline"))
                                .contains(workspaces + "/jails/v/m/");
                    } catch (IOException e) {
                        return false;
                    }
                })
                .toList();
    }

    @Test
    void turnsSessionsFilesAndCommandsWorkAndTenantsAreApart() throws Exception {
        Path workspaces;
        try (TestServer server = TestServer.start(options())) {
            workspaces = server.workspaces();
            assertThat(server.mode()).isEqualTo(IsolationMode.MICROVM);
            HttpResponse<String> first = server.say(
                    ALICE,
                    TestServer.script(TestServer.write("/workspace/note", "alice's"), TestServer.bash("cat note")));
            assertThat(TestServer.results(first).toString()).contains("alice's");
            assertThat(TestServer.text(server.say(ALICE, TestServer.session(first), "hello again")))
                    .contains("hello again");
            assertThat(ContainerModeTest.stdout(
                            server.exec(ALICE, "cat note; env | grep -ci anthropic_api_key; ls /sys/class/net")))
                    .isEqualTo("alice's0\nlo\n");
            assertThat(ContainerModeTest.stdout(server.exec(BOB, "ls -A /workspace")))
                    .isEmpty();
            assertThat(server.get(ALICE, "/v1/files/note").body()).isEqualTo("alice's");
            assertThat(server.get(BOB, "/v1/files/note").statusCode()).isEqualTo(404);
            // The process of a machine ends; the next turn has another, with all that was written until then.
            String session = TestServer.session(first);
            server.say(ALICE, session, TestServer.script(TestServer.write("/workspace/late", "late")));
            server.exec(ALICE, "echo later > later");
            machines(workspaces).forEach(ProcessHandle::destroyForcibly);
            assertThat(TestServer.text(server.say(ALICE, session, "after a kill")))
                    .contains("after a kill");
            assertThat(ContainerModeTest.stdout(server.exec(
                            ALICE, "cat late later; ls ~/.claude/projects/*/" + session + ".jsonl* | wc -l")))
                    .isEqualTo("latelater\n1\n");
        }
        assertThat(machines(workspaces)).isEmpty();
    }

    @Test
    void withoutImagesItSaysHowToMakeThem() {
        assertThatThrownBy(() -> TestServer.start(options("microvm.images", "/nowhere/at/all")))
                .isInstanceOf(CloisterException.class)
                .hasMessageContaining("cloister vm build");
    }
}
