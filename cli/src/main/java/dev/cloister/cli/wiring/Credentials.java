package dev.cloister.cli.wiring;

import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.upstream.Credential;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Optional;
import java.util.Set;

/** Where the credential for model calls comes from. A file, never the environment: processes of others may see that. */
final class Credentials {
    private static final Set<PosixFilePermission> OTHERS = Set.of(
            PosixFilePermission.GROUP_READ,
            PosixFilePermission.GROUP_WRITE,
            PosixFilePermission.OTHERS_READ,
            PosixFilePermission.OTHERS_WRITE);

    private Credentials() {}

    /** The operator's credential for all tenants; empty where each caller's own token is passed through. */
    static Optional<Credential> operator(CloisterConfig.UpstreamSettings settings) {
        return switch (settings.credential()) {
            case PASSTHROUGH -> Optional.empty();
            case OPERATOR ->
                Optional.of(settings.credentialFile()
                        .map(file -> read(file, settings.credentialKind()))
                        // The scripted upstream asks for none.
                        .orElseGet(() -> new Credential(Credential.Kind.API_KEY, "scripted")));
        };
    }

    private static Credential read(Path file, Optional<Credential.Kind> kind) {
        try {
            for (PosixFilePermission permission : Files.getPosixFilePermissions(file)) {
                if (OTHERS.contains(permission)) {
                    throw CloisterException.invalid(
                            "upstream.credential-file: others may use " + file + "; run: chmod 600 " + file);
                }
            }
            String secret = Files.readString(file).strip();
            if (secret.isEmpty() || !secret.chars().allMatch(c -> c > 0x20 && c < 0x7f)) {
                throw CloisterException.invalid(
                        "upstream.credential-file: " + file + " must hold one credential on one line");
            }
            return new Credential(kind.orElseGet(() -> kindOf(secret)), secret);
        } catch (IOException e) {
            throw CloisterException.invalid("upstream.credential-file: " + file + " cannot be read: " + e);
        }
    }

    private static Credential.Kind kindOf(String secret) {
        return secret.startsWith("sk-ant-oat") ? Credential.Kind.OAUTH : Credential.Kind.API_KEY;
    }
}
