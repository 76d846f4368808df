package dev.cloister.cli.bench;

import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A Messages API on loopback that plays scripts, and knows of each message with which earlier ones it came. A message is known
 * by its word, which no other has. Thread-safe.
 */
final class SoakUpstream implements AutoCloseable {
    private static final Pattern WORD = Pattern.compile("word-[0-9]+-[0-9]+");

    private final Map<String, Set<String>> conversations = new ConcurrentHashMap<>();
    private final ScriptedHttp http;

    private SoakUpstream() throws IOException {
        http = ScriptedHttp.start(this::remember);
    }

    static SoakUpstream start() throws IOException {
        return new SoakUpstream();
    }

    /** The word of a message. */
    static String word(int client, int number) {
        return "word-%d-%d".formatted(client, number);
    }

    /** For the key {@code upstream.url}. */
    String url() {
        return http.url();
    }

    /** The words of all messages that one was sent with, and its own. Forgets them. */
    Set<String> conversation(String word) {
        Set<String> words = conversations.remove(word);
        return words == null ? Set.of() : words;
    }

    private void remember(byte[] body) {
        JsonNode all;
        try {
            all = JsonMapper.shared().readTree(body);
        } catch (JacksonException e) {
            // The answer will say so.
            return;
        }
        Set<String> words = new HashSet<>();
        String last = "";
        for (JsonNode message : all.path("messages")) {
            if (message.path("role").asString("").equals("user")) {
                Matcher word = WORD.matcher(message.toString());
                while (word.find()) {
                    last = word.group();
                    words.add(last);
                }
            }
        }
        if (!last.isEmpty()) {
            // A message can need several calls, and the CLI makes some of its own that hold less.
            conversations.merge(last, Set.copyOf(words), SoakUpstream::union);
        }
    }

    private static Set<String> union(Set<String> one, Set<String> other) {
        Set<String> both = new HashSet<>(one);
        both.addAll(other);
        return Set.copyOf(both);
    }

    @Override
    public void close() {
        http.close();
    }
}
