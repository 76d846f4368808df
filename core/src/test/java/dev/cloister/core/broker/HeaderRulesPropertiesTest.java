package dev.cloister.core.broker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.upstream.Credential;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;

/** No header of a sandbox's own making steers the upstream or splits the request. */
class HeaderRulesPropertiesTest {
    private static final List<String> NAMES = List.of(
            "Content-Type",
            "accept",
            "anthropic-version",
            "Anthropic-Beta",
            "user-agent",
            "x-stainless-lang",
            "x-stainless-\r\nx-api-key",
            "x-stainless-a b",
            "x-api-key",
            "Authorization",
            "Host",
            "Transfer-Encoding",
            "content-length",
            "Connection",
            "proxy-authorization",
            "cookie",
            "x-forwarded-host",
            "anthropic-organization-id",
            "Expect",
            "upgrade");

    @Provide
    Arbitrary<List<HttpField>> fields() {
        Arbitrary<String> values = Arbitraries.strings()
                .withCharRange(' ', '~')
                .withChars('\r', '\n', '\0', '\t', 'ü', '\u2028')
                .ofMaxLength(20);
        return Combinators.combine(Arbitraries.of(NAMES), values)
                .as((name, value) -> new HttpField(name, value))
                .list()
                .ofMaxSize(12);
    }

    @Property
    void onlyListedNamesAndPrintableValuesCross(
            @ForAll("fields") List<HttpField> fields, @ForAll Credential.Kind kind) {
        HttpFields.Mutable request = HttpFields.build();
        fields.forEach(request::add);
        Map<String, String> headers = HeaderRules.towardsUpstream(request, new Credential(kind, "the-real-one"));
        assertThat(headers.keySet())
                .allMatch(name -> name.equals(name.toLowerCase(Locale.ROOT)))
                .doesNotContain(
                        "host",
                        "transfer-encoding",
                        "content-length",
                        "connection",
                        "proxy-authorization",
                        "cookie",
                        "x-forwarded-host",
                        "anthropic-organization-id",
                        "expect",
                        "upgrade");
        assertThat(headers.values()).allMatch(value -> value.chars().allMatch(c -> c >= ' ' && c <= '~'));
        String carrier = kind == Credential.Kind.API_KEY ? "x-api-key" : "authorization";
        assertThat(headers.get(carrier)).endsWith("the-real-one");
        assertThat(headers).doesNotContainKey(carrier.equals("x-api-key") ? "authorization" : "x-api-key");
    }
}
