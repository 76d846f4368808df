package dev.cloister.core.upstream;

/**
 * A real credential for the upstream. Lives in the server's memory only, for as long as it is needed.
 *
 * @param secret never logged, never stored in clear, never in a sandbox
 */
public record Credential(Kind kind, String secret) {
    /** How it is presented; the dummy inside the sandbox is of the same kind so that the agent sends the same headers. */
    public enum Kind {
        /** {@code x-api-key}. */
        API_KEY,
        /** {@code Authorization: Bearer} with the agent's OAuth beta header. */
        OAUTH,
        /** {@code Authorization: Bearer} of a gateway. */
        BEARER
    }

    @Override
    public String toString() {
        return "Credential[" + kind + "]";
    }
}
