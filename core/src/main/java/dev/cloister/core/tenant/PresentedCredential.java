package dev.cloister.core.tenant;

/** What a client sent to say who it is. */
public record PresentedCredential(Header header, String secret) {
    /** The header it came in. */
    public enum Header {
        AUTHORIZATION_BEARER,
        X_API_KEY
    }

    @Override
    public String toString() {
        return "PresentedCredential[" + header + "]";
    }
}
