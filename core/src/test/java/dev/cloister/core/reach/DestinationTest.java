package dev.cloister.core.reach;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.IDN;
import java.net.InetAddress;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DestinationTest {
    @ParameterizedTest
    @CsvSource({
        "example.com, example.com",
        "EXAMPLE.Com, example.com",
        "example.com., example.com",
        "localhost, localhost",
        "a_b.example.com, a_b.example.com",
        "xn--bcher-kva.example, xn--bcher-kva.example",
        "1.2.3.4.example, 1.2.3.4.example",
        "3com.com, 3com.com",
        "0x7f.example, 0x7f.example"
    })
    void aNameHasOneSpelling(String written, String read) {
        assertThat(Destination.parse(written)).contains(new Destination.Name(read));
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, 127.0.0.1",
        "8.8.8.8, 8.8.8.8",
        "[::1], [0:0:0:0:0:0:0:1]",
        "[::FFFF:127.0.0.1], 127.0.0.1",
        "[::ffff:7f00:1], 127.0.0.1",
        "[2001:4860:4860::8888], [2001:4860:4860:0:0:0:0:8888]"
    })
    void anAddressToo(String written, String read) {
        assertThat(Destination.parse(written)).map(Destination::text).contains(read);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                "a..b",
                ".example.com",
                "example.com..",
                "2130706433",
                "0x7f000001",
                "0X7F.0.0.1",
                "0177.0.0.1",
                "017700000001",
                "127.1",
                "127.0.1",
                "127.0.0.1.",
                "127.0.0.01",
                "127.00.0.1",
                "127.0.0.256",
                "127.0.0.0x1",
                "0",
                "0x",
                "256.256.256.256",
                "1.2.3.4.5",
                "::1",
                "[::1",
                "[]",
                "[::1%lo]",
                "[fe80::1%25eth0]",
                "[127.0.0.1]",
                "[::1]x",
                "example.com\0.evil.example",
                "example.com%00",
                "%6c%6f%63alhost",
                "local host",
                "localhost\t",
                "user@localhost",
                "localhost#x",
                "localhost?x",
                "localhost/x",
                "localhost\\x",
                "-a.example",
                "a-.example",
                "ⓛocalhost",
                "localhost。",
                "１２７.0.0.1",
                "bücher.example",
                "loc\u00adalhost",
                "lo\u212aalhost"
            })
    void whatAnotherProgramCouldReadDifferentlyIsNeither(String written) {
        assertThat(Destination.parse(written)).isEmpty();
    }

    @Test
    void aNameMayHave253LettersAndALabel63() {
        String label = "a".repeat(63);
        assertThat(Destination.parse(label + ".example")).isPresent();
        assertThat(Destination.parse(label + "a.example")).isEmpty();
        String longest = (label + ".").repeat(3) + "a".repeat(61);
        assertThat(Destination.parse(longest)).isPresent();
        assertThat(Destination.parse(longest + "a")).isEmpty();
    }

    /** What Java itself would take for an address without asking a name server is an address here, or nothing. */
    @Property
    void noNameIsAnAddressToJava(@ForAll int number, @ForAll boolean hexadecimal) {
        String text = hexadecimal ? "0x" + Integer.toHexString(number) : Integer.toUnsignedString(number);
        assertThat(Destination.parse(text)).isEmpty();
        assertThat(Destination.parse("1.2." + text).filter(Destination.Name.class::isInstance))
                .isEmpty();
    }

    @Property
    void whatIsReadIsReadAgainAsItself(@ForAll String written) {
        Destination.parse(written).ifPresent(read -> {
            assertThat(Destination.parse(read.text())).contains(read);
            assertThat(IDN.toASCII(read.text(), IDN.ALLOW_UNASSIGNED)).isEqualTo(read.text());
        });
    }

    @Property
    void everyAddressIsReadAsItself(@ForAll byte a, @ForAll byte b, @ForAll byte c, @ForAll byte d) throws Exception {
        InetAddress address = InetAddress.getByAddress(new byte[] {a, b, c, d});
        assertThat(Destination.parse(address.getHostAddress())).contains(new Destination.Address(address));
    }
}
