package dev.cloister.core.config;

import java.util.regex.Pattern;

/**
 * What the agent takes for a rule: a tool's name, or {@code Tool(pattern)}. Narrower than the agent itself, which drops
 * every rule in silence if one of them is not to its taste. Pure.
 */
public final class ToolRule {
    private static final Pattern FORM = Pattern.compile("[A-Z][A-Za-z]*(\\([^()\\p{Cntrl}\\p{Cs}]+\\))?");

    private ToolRule() {}

    public static boolean isOne(String text) {
        return FORM.matcher(text).matches();
    }
}
