package dev.cloister.core.config;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Reads the keys that are set by environment variables. */
final class EnvironmentVariables {
    private static final String PREFIX = "CLOISTER_";

    /** Read by the {@code cloister} script and by tests; they are no keys. */
    private static final Set<String> NOT_KEYS = Set.of(
            "CLOISTER_BENCH_PEERS",
            "CLOISTER_CACHE",
            "CLOISTER_JAVA_OPTS",
            "CLOISTER_TEST_ISOLATION",
            "CLOISTER_TEST_ENGINE",
            "CLOISTER_TEST_IMAGE",
            "CLOISTER_TEST_VM_IMAGES",
            "CLOISTER_TEST_VM_TREE",
            "CLOISTER_TEST_LAUNCHER",
            "CLOISTER_TEST_SDK",
            ConfigLoader.AGENT_INSTALLED);

    /** What Kubernetes puts into every pod of a namespace that has a Service named "cloister". */
    private static final Pattern SERVICE_LINK =
            Pattern.compile("CLOISTER_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)");

    private static final Pattern SERVICE_LINK_VALUE = Pattern.compile("(tcp|udp|sctp)://.*");

    private EnvironmentVariables() {}

    static Map<String, RawValue> read(Map<String, String> environment, Path home, Problems problems) {
        Map<String, Key<?>> keys = Keys.ALL.stream().collect(Collectors.toMap(Key::environmentVariable, key -> key));
        Map<String, RawValue> values = new LinkedHashMap<>();
        new TreeMap<>(environment).forEach((variable, text) -> {
            if (!variable.startsWith(PREFIX) || NOT_KEYS.contains(variable) || isServiceLink(variable, text)) {
                return;
            }
            Place place = new Place(Names.shown(variable), Path.of("").toAbsolutePath(), home);
            Key<?> key = keys.get(variable);
            if (key == null) {
                problems.add(place, Names.unknownVariable(variable));
            } else {
                values.put(key.name(), new RawValue.Text(text, place));
            }
        });
        return values;
    }

    private static boolean isServiceLink(String variable, String text) {
        return SERVICE_LINK.matcher(variable).matches()
                || (variable.equals(Keys.PORT.environmentVariable())
                        && SERVICE_LINK_VALUE.matcher(text).matches());
    }
}
