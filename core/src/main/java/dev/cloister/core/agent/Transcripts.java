package dev.cloister.core.agent;

import dev.cloister.core.session.SessionId;
import dev.cloister.spi.ExitStatus;
import dev.cloister.spi.ProcessSpec;
import dev.cloister.spi.Sandbox;
import dev.cloister.spi.SandboxProcess;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;

/** What the agent keeps of a session, touched as the tenant itself: the files are the tenant's. */
public final class Transcripts {
    private static final String SET_ASIDE = """
            set -eu
            for transcript in "$HOME"/.claude/projects/*/"$1".jsonl; do
                mv -- "$transcript" "$transcript.damaged-$(date +%s)"
            done
            """;

    private Transcripts() {}

    /**
     * Gives a transcript that the agent cannot read another name, so that it begins one anew. Says whether there was one, and has
     * that name now.
     */
    public static boolean setAside(Sandbox sandbox, SessionId session) throws InterruptedException {
        List<String> command = List.of("/bin/sh", "-c", SET_ASIDE, "session-damaged", session.toString());
        SandboxProcess process = sandbox.launch(
                new ProcessSpec(command, Map.of(), sandbox.paths().work()));
        try {
            process.stdin().close();
            process.stdout().transferTo(OutputStream.nullOutputStream());
            process.stderr().transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            // It was ended; how, it says itself.
            return false;
        }
        return process.await() instanceof ExitStatus.Exited(int code) && code == 0;
    }
}
