package dev.cloister.core.config;

import dev.cloister.core.config.CloisterConfig.Admission;
import dev.cloister.core.config.CloisterConfig.CredentialSource;
import dev.cloister.core.config.CloisterConfig.IdentityMode;
import java.nio.file.Path;

/** What has to hold between keys. */
final class Relations {
    private static final long SMALLEST_QUOTA = 16L << 20;

    private final CloisterConfig config;
    private final Values values;
    private final Problems problems;

    Relations(CloisterConfig config, Values values, Problems problems) {
        this.config = config;
        this.values = values;
        this.problems = problems;
    }

    void check() {
        boolean scripted = config.upstream().url().isEmpty();
        CredentialSource credential = config.upstream().credential();
        if (values.sound(Keys.IDENTITY_MODE, Keys.UPSTREAM_CREDENTIAL, Keys.UPSTREAM_URL)
                && config.identity().mode() == IdentityMode.KEYS
                && credential != CredentialSource.OPERATOR
                && !scripted) {
            add(
                    Keys.IDENTITY_MODE,
                    "keys are known to this server only, so the upstream needs a credential of its own; set"
                            + " upstream.credential to operator");
        }
        if (values.sound(Keys.UPSTREAM_CREDENTIAL, Keys.UPSTREAM_URL, Keys.UPSTREAM_CREDENTIAL_FILE)
                && credential == CredentialSource.OPERATOR
                && config.upstream().credentialFile().isEmpty()
                && !scripted) {
            add(
                    Keys.UPSTREAM_CREDENTIAL,
                    "operator needs the file that holds the credential; set upstream.credential-file");
        }
        if (values.sound(Keys.HOST, Keys.IDENTITY_MODE, Keys.IDENTITY_ADMISSION)
                && config.identity().mode() == IdentityMode.TOKEN
                && config.identity().admission() == Admission.AUTO
                && !Loopback.isLoopback(config.http().host())) {
            add(
                    Keys.HOST,
                    "others can reach %s, and every token would make a new tenant; set identity.admission to open or"
                                    .formatted(config.http().host())
                            + " closed, or identity.mode to keys");
        }
        if (values.sound(Keys.WORKSPACE_QUOTA) && config.paths().quota().orElse(SMALLEST_QUOTA) < SMALLEST_QUOTA) {
            add(
                    Keys.WORKSPACE_QUOTA,
                    "%d bytes hardly hold a file system of their own; set at least 16MiB, or none"
                            .formatted(config.paths().quota().getAsLong()));
        }
        if (values.sound(Keys.MICROVM_DISK) && config.isolation().microVm().disk() < SMALLEST_QUOTA) {
            add(
                    Keys.MICROVM_DISK,
                    "%d bytes hardly hold a file system of their own; set at least 16MiB"
                            .formatted(config.isolation().microVm().disk()));
        }
        if (values.sound(Keys.EGRESS_FILE, Keys.EGRESS_MODE, Keys.EGRESS_RULES)
                && config.egress().file().isPresent()
                && (values.isSet(Keys.EGRESS_MODE) || values.isSet(Keys.EGRESS_RULES))) {
            add(Keys.EGRESS_FILE, "the file says mode and rules; take egress.mode and egress.rules away, or the file");
        }
        apart(config.paths().data(), config.paths().workspaces());
        if (values.isSet(Keys.RUN)
                && values.sound(Keys.DATA, Keys.RUN)
                && config.paths().run().startsWith(config.paths().data())) {
            add(
                    Keys.RUN,
                    "%s lies within data, where no tenant can go; set another directory"
                            .formatted(config.paths().run()));
        }
        notAbove(
                Keys.LIMITS_TURNS_PER_TENANT,
                config.limits().turnsPerTenant(),
                Keys.LIMITS_TURNS,
                config.limits().turns());
        notAbove(
                Keys.LIMITS_QUEUED_TURNS_PER_TENANT,
                config.limits().queuedTurnsPerTenant(),
                Keys.LIMITS_QUEUED_TURNS,
                config.limits().queuedTurns());
        notAbove(
                Keys.LIMITS_EXECS_PER_TENANT,
                config.limits().execsPerTenant(),
                Keys.LIMITS_EXECS,
                config.limits().execs());
        notAbove(
                Keys.LIMITS_PROMPT,
                config.limits().prompt(),
                Keys.LIMITS_BODY,
                config.limits().body());
    }

    private void apart(Path data, Path workspaces) {
        if (values.sound(Keys.DATA, Keys.WORKSPACES) && (data.startsWith(workspaces) || workspaces.startsWith(data))) {
            add(
                    Keys.WORKSPACES,
                    "%s and data %s lie within each other; tenants reach one and must never reach the other, so set two"
                                    .formatted(workspaces, data)
                            + " separate directories");
        }
    }

    private void notAbove(Key<?> part, long partValue, Key<?> whole, long wholeValue) {
        if (values.sound(part, whole) && partValue > wholeValue) {
            // The one that was written is the one to change.
            Key<?> changed = values.place(part).label().equals("default") ? whole : part;
            add(
                    changed,
                    "%s is %d and %s is %d; the first must not be above the second"
                            .formatted(part.name(), partValue, whole.name(), wholeValue));
        }
    }

    private void add(Key<?> key, String text) {
        problems.add(values.place(key), key.name() + ": " + text);
    }
}
