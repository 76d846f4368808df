package dev.cloister.core.sandbox;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Settings for git in an environment; see git-config(1), GIT_CONFIG_COUNT. Pure. */
final class GitSettings {
    private static final String COUNT = "GIT_CONFIG_COUNT";
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,4}");

    private GitSettings() {}

    /** The environment with these settings behind those that it has; as it is if git could make nothing of its own count. */
    static Map<String, String> added(Map<String, String> environment, List<Map.Entry<String, String>> settings) {
        String count = environment.getOrDefault(COUNT, "0");
        if (settings.isEmpty() || !NUMBER.matcher(count).matches()) {
            return environment;
        }
        Map<String, String> all = new TreeMap<>(environment);
        int number = Integer.parseInt(count);
        for (Map.Entry<String, String> setting : settings) {
            all.put("GIT_CONFIG_KEY_" + number, setting.getKey());
            all.put("GIT_CONFIG_VALUE_" + number, setting.getValue());
            number++;
        }
        all.put(COUNT, Integer.toString(number));
        return all;
    }
}
