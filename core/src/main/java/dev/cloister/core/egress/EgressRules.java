package dev.cloister.core.egress;

import dev.cloister.core.audit.Audit;
import dev.cloister.core.error.CloisterException;
import dev.cloister.core.flow.Rounds;
import dev.cloister.core.reach.EgressPolicies;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.Map;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The rules of a file, which is looked at again and again: a change counts for the next request. A file that cannot be read
 * changes nothing, and is told of in the log. Thread-safe.
 */
public final class EgressRules implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EgressRules.class);

    private final Path file;
    private final Function<Path, EgressPolicies> reader;
    private final Audit audit;
    private final Rounds rounds;
    private volatile EgressPolicies policies;
    private String seen;

    private EgressRules(Path file, Function<Path, EgressPolicies> reader, Audit audit, Duration every) {
        this.file = file;
        this.reader = reader;
        this.audit = audit;
        this.seen = state();
        this.policies = reader.apply(file);
        this.rounds = Rounds.start("egress-rules", every, this::look);
    }

    /**
     * Reads the file, and starts to look for changes.
     *
     * @param reader throws CloisterException if the file has mistakes
     * @throws CloisterException if it has mistakes now
     */
    public static EgressRules watch(Path file, Function<Path, EgressPolicies> reader, Audit audit, Duration every) {
        return new EgressRules(file, reader, audit, every);
    }

    public EgressPolicy of(TenantId tenant) {
        return policies.of(tenant.value());
    }

    private void look() {
        String now = state();
        if (now.equals(seen)) {
            return;
        }
        seen = now;
        try {
            EgressPolicies fresh = reader.apply(file);
            policies = fresh;
            audit.record(
                    "server",
                    "egress.rules",
                    Map.of("rules", fresh.rules(), "tenants", fresh.tenants().size()));
            log.info(
                    "the egress rules were read again: {} rules, {} tenants of their own",
                    fresh.rules(),
                    fresh.tenants().size());
        } catch (CloisterException e) {
            log.error("the egress rules stay what they were: {}", e.getMessage());
        } catch (RuntimeException e) {
            log.error("the egress rules stay what they were", e);
        }
    }

    /** Editors replace a file or write into it; either changes one of these. */
    private String state() {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            return attributes.lastModifiedTime() + " " + attributes.size() + " " + attributes.fileKey();
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Override
    public void close() {
        rounds.close();
    }
}
