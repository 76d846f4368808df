package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.BASH;
import static dev.cloister.isolation.tck.Language.NODE;
import static dev.cloister.isolation.tck.Language.PERL;
import static dev.cloister.isolation.tck.Language.PYTHON;
import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.isolation.tck.Sign.WORD_RECEIVED;
import static dev.cloister.spi.Guarantee.NETWORK_CLOSED;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** Anything beyond the broker's socket. */
final class Network {
    private Network() {}

    static List<Attack> attacks() {
        return new Attacks(Family.NETWORK)
                .add("network-tcp", NETWORK_CLOSED, WORD_RECEIVED, BASH, """
                        exec 3<>"/dev/tcp/127.0.0.1/$TCP" && printf %s "$WORD" >&3
                        """)
                .add("network-tcp-python", NETWORK_CLOSED, WORD_RECEIVED, PYTHON, """
                        import os, socket
                        socket.create_connection(("127.0.0.1", int(os.environ["TCP"])), 2).sendall(os.environ["WORD"].encode())
                        """)
                .add("network-tcp-name", NETWORK_CLOSED, WORD_RECEIVED, PYTHON, """
                        import os, socket
                        socket.create_connection(("localhost", int(os.environ["TCP"])), 2).sendall(os.environ["WORD"].encode())
                        """)
                .add("network-tcp-any-address", NETWORK_CLOSED, WORD_RECEIVED, PYTHON, """
                        import os, socket
                        socket.create_connection(("0.0.0.0", int(os.environ["TCP"])), 2).sendall(os.environ["WORD"].encode())
                        """)
                .add("network-tcp-mapped", NETWORK_CLOSED, WORD_RECEIVED, PYTHON, """
                        import os, socket
                        socket.create_connection(("::ffff:127.0.0.1", int(os.environ["TCP"])), 2).sendall(os.environ["WORD"].encode())
                        """)
                .add("network-tcp-node", NETWORK_CLOSED, WORD_RECEIVED, NODE, """
                        require("net").connect(+process.env.TCP, "127.0.0.1", function () { this.end(process.env.WORD) })
                        """)
                .add("network-tcp-perl", NETWORK_CLOSED, WORD_RECEIVED, PERL, """
                        use Socket; socket(S, PF_INET, SOCK_STREAM, 0); connect(S, sockaddr_in($ENV{TCP}, inet_aton("127.0.0.1"))) and syswrite(S, $ENV{WORD})
                        """)
                .add("network-udp", NETWORK_CLOSED, WORD_RECEIVED, BASH, """
                        printf %s "$WORD" > "/dev/udp/127.0.0.1/$UDP"
                        """)
                .add("network-udp-python", NETWORK_CLOSED, WORD_RECEIVED, PYTHON, """
                        import os, socket
                        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(os.environ["WORD"].encode(), ("127.0.0.1", int(os.environ["UDP"])))
                        """)
                .add("network-fast-open", NETWORK_CLOSED, WORD_RECEIVED, PYTHON, """
                        import os, socket
                        socket.socket().sendto(os.environ["WORD"].encode(), 0x20000000, ("127.0.0.1", int(os.environ["TCP"])))
                        """)
                .add("network-multipath", NETWORK_CLOSED, WORD_RECEIVED, PYTHON, """
                        import os, socket
                        line = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
                        line.connect(("127.0.0.1", int(os.environ["TCP"])))
                        line.sendall(os.environ["WORD"].encode())
                        """)
                .byRoot("network-raw", NETWORK_CLOSED, GAINED, PYTHON, """
                        import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); print("GAINED")
                        """)
                .byRoot("network-packet", NETWORK_CLOSED, GAINED, PYTHON, """
                        import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); print("GAINED")
                        """)
                .add("network-vsock", NETWORK_CLOSED, GAINED, PYTHON, """
                        import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM); print("GAINED")
                        """)
                .toList();
    }
}
