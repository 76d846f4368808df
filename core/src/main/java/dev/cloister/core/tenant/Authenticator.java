package dev.cloister.core.tenant;

import dev.cloister.core.error.CloisterException;

/** Turns a presented credential into a tenant. Thread-safe. */
public interface Authenticator {
    /**
     * @throws CloisterException UNAUTHENTICATED if the credential is not known and cannot be admitted; FORBIDDEN if the
     *     tenant is disabled, or if this host could not keep a further tenant apart
     */
    Principal authenticate(PresentedCredential credential);
}
