package dev.cloister.core.broker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.upstream.Credential;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class SecretGuardTest {
    /** Made of two letters so that random text nearly matches it all the time. */
    private static final String SECRET = "aabaaabaabaaabab";

    private final SecretGuard guard = new SecretGuard(new Credential(Credential.Kind.API_KEY, SECRET));

    @Property(tries = 2000)
    void passesTheSameTextUnlessItHoldsTheSecret(@ForAll("pieces") List<String> pieces) {
        SecretGuard.Stream stream = guard.stream();
        StringBuilder passed = new StringBuilder();
        for (String piece : pieces) {
            if (!stream.found()) {
                byte[] bytes = piece.getBytes(StandardCharsets.UTF_8);
                passed.append(new String(stream.pass(bytes, bytes.length), StandardCharsets.UTF_8));
            }
        }
        passed.append(new String(stream.end(), StandardCharsets.UTF_8));
        String whole = String.join("", pieces);
        assertThat(stream.found()).isEqualTo(whole.contains(SECRET));
        assertThat(whole).startsWith(passed.toString());
        assertThat(passed.toString()).doesNotContain(SECRET);
        if (!stream.found()) {
            assertThat(passed.toString()).isEqualTo(whole);
        }
    }

    @Provide
    Arbitrary<List<String>> pieces() {
        return Arbitraries.oneOf(
                        Arbitraries.strings().withChars('a', 'b').ofMaxLength(12),
                        Arbitraries.of(SECRET, SECRET.substring(0, 9), SECRET.substring(9), "☃"))
                .list()
                .ofMaxSize(12);
    }

    @Example
    void ignoresAShortCredential() {
        SecretGuard weak = new SecretGuard(new Credential(Credential.Kind.BEARER, "a"));
        assertThat(weak.isIn("a banana")).isFalse();
        assertThat(weak.without("a banana")).isEqualTo("a banana");
        SecretGuard.Stream stream = weak.stream();
        assertThat(stream.pass(new byte[] {'a', 'b', 'c'}, 2)).containsExactly('a', 'b');
        assertThat(stream.end()).isEmpty();
    }
}
