package dev.cloister.core.config;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.reach.EgressMode;
import dev.cloister.core.reach.EgressPolicies;
import dev.cloister.core.reach.EgressPolicy;
import dev.cloister.core.reach.EgressRule;
import dev.cloister.core.reach.HostCredential;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The file of {@code egress.file}: {@code mode} and {@code rules} for all, {@code lists.NAME} to use among rules, and
 * {@code tenants.ID.mode} and {@code tenants.ID.rules} for one. A tenant's rules come on top of those for all. {@code credentials},
 * for all or for one, are what the proxy adds for a host.
 */
public final class EgressFile {
    private static final Pattern LIST = Pattern.compile("lists\\.([a-z0-9][a-z0-9-]{0,63})");
    private static final Pattern TENANT = Pattern.compile("tenants\\.([0-9a-f]{32})\\.(mode|rules|credentials)");

    private final Map<String, RawValue> raw = new TreeMap<>();
    private final Map<String, List<EgressRule>> lists = new HashMap<>();
    private final Problems problems = new Problems();

    private EgressFile() {}

    /**
     * Reads the file.
     *
     * @throws CloisterException INVALID_REQUEST, with every problem and its line
     */
    public static EgressPolicies read(Path file) {
        return new EgressFile().policies(file);
    }

    private EgressPolicies policies(Path file) {
        raw.putAll(YamlFile.read(file, file.toAbsolutePath().getRoot(), problems));
        raw.forEach((name, value) -> {
            Matcher list = LIST.matcher(name);
            if (list.matches()) {
                // Of rules only: a list of lists would need an order.
                lists.put(list.group(1), take(name, ValueTypes.egressRules(), List.of()));
            } else if (!name.equals("mode")
                    && !name.equals("rules")
                    && !name.equals("credentials")
                    && !TENANT.matcher(name).matches()) {
                problems.add(
                        value.place(),
                        Names.shown(name)
                                + ": is none of mode, rules, credentials, lists.NAME, tenants.ID.mode, tenants.ID.rules and"
                                + " tenants.ID.credentials; a NAME has small letters, digits and hyphens, an ID is what `cloister tenant list` prints");
            }
        });
        EgressPolicy standard = policy("", EgressPolicy.CLOSED);
        Map<String, EgressPolicy> tenants = new HashMap<>();
        for (String name : new TreeSet<>(raw.keySet())) {
            Matcher tenant = TENANT.matcher(name);
            if (tenant.matches()) {
                tenants.computeIfAbsent(tenant.group(1), id -> policy("tenants." + id + ".", standard));
            }
        }
        problems.throwIfAny();
        return new EgressPolicies(standard, tenants);
    }

    private EgressPolicy policy(String prefix, EgressPolicy inherited) {
        EgressMode mode = take(prefix + "mode", ValueTypes.choice(EgressMode.class), inherited.mode());
        List<EgressRule> rules = take(prefix + "rules", ValueTypes.egressRules(lists), List.of());
        List<HostCredential> credentials = take(prefix + "credentials", ValueTypes.hostCredentials(), List.of());
        return new EgressPolicy(
                mode,
                Stream.concat(inherited.rules().stream(), rules.stream()).toList(),
                // The tenant's own first: of two for one host it is the one that counts.
                Stream.concat(credentials.stream(), inherited.credentials().stream())
                        .toList());
    }

    private <T> T take(String name, ValueType<T> type, T standard) {
        RawValue value = raw.get(name);
        if (value == null) {
            return standard;
        }
        return switch (type.parse(value)) {
            case Parsed.Good<T>(T good) -> good;
            case Parsed.Bad<T>(String problem) -> {
                problems.add(value.place(), Names.shown(name) + ": " + problem);
                yield standard;
            }
        };
    }
}
