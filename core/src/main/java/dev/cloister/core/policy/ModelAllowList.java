package dev.cloister.core.policy;

import dev.cloister.core.error.CloisterException;
import dev.cloister.core.error.ErrorCode;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Which models may be asked for. Immutable. */
public final class ModelAllowList {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}");

    private final List<String> patterns;
    private final List<Pattern> compiled;

    /** @param patterns names in which {@code *} stands for anything */
    public ModelAllowList(List<String> patterns) {
        this.patterns = List.copyOf(patterns);
        this.compiled = patterns.stream()
                .map(pattern -> Pattern.compile(
                        Stream.of(pattern.split("\\*", -1)).map(Pattern::quote).collect(Collectors.joining(".*"))))
                .toList();
    }

    /** @throws CloisterException NOT_FOUND, as the Messages API answers for a model that it does not have */
    public void require(String model) {
        if (!NAME.matcher(model).matches()
                || compiled.stream().noneMatch(pattern -> pattern.matcher(model).matches())) {
            String shown = NAME.matcher(model).matches() ? model : "with that name";
            throw new CloisterException(
                    ErrorCode.NOT_FOUND,
                    "model: " + shown + " is not offered here; ask for one that matches "
                            + String.join(", ", patterns));
        }
    }
}
