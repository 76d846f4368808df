package dev.cloister.core.reach;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Lists of rules by name: where the public sources of code and packages are. Pure. */
public final class EgressPresets {
    private static final Map<String, List<EgressRule>> LISTS = new LinkedHashMap<>();

    static {
        add(
                "git-hosts",
                "github.com:443",
                "*.github.com:443",
                "*.githubusercontent.com:443",
                "gitlab.com:443",
                "bitbucket.org:443",
                "codeberg.org:443");
        add("npm", "registry.npmjs.org:443");
        add("maven", "repo.maven.apache.org:443", "repo1.maven.org:443");
        add("pypi", "pypi.org:443", "files.pythonhosted.org:443");
        add("debian", "deb.debian.org", "security.debian.org");
    }

    private EgressPresets() {}

    private static void add(String name, String... rules) {
        LISTS.put(
                name,
                Stream.of(rules)
                        .map(rule -> EgressRule.parse(rule).orElseThrow())
                        .toList());
    }

    public static Optional<List<EgressRule>> find(String name) {
        return Optional.ofNullable(LISTS.get(name));
    }

    /** For people: all names. */
    public static String names() {
        return LISTS.keySet().stream().map(name -> "`" + name + "`").collect(Collectors.joining(", "));
    }
}
