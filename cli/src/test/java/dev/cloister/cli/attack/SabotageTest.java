package dev.cloister.cli.attack;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.cli.wiring.HostFacts;
import dev.cloister.cli.wiring.TrialHost;
import dev.cloister.core.config.CloisterConfig;
import dev.cloister.core.config.ConfigLoader;
import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Engine;
import dev.cloister.isolation.tck.Hand;
import dev.cloister.isolation.tck.Naive;
import dev.cloister.isolation.tck.Outcome;
import dev.cloister.isolation.tck.Pair;
import dev.cloister.isolation.tck.PlainSandbox;
import dev.cloister.isolation.tck.Result;
import dev.cloister.isolation.tck.SandboxTenant;
import dev.cloister.isolation.tck.Vantage;
import dev.cloister.isolation.tck.corpus.Corpus;
import dev.cloister.spi.Guarantee;
import dev.cloister.spi.IsolationBackend;
import dev.cloister.spi.IsolationConfig;
import dev.cloister.spi.IsolationMode;
import dev.cloister.spi.IsolationProvider;
import dev.cloister.spi.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The corpus notices what the server itself owes a sandbox that is whole: a broker that checks, and the agent's rules. Holes
 * in the sandbox are the other sabotage test's.
 */
class SabotageTest {
    @TempDir
    Path data;

    /** Each part as it must be and sabotaged. */
    private record Place(
            Engine engine,
            AgentPlace agents,
            SandboxTenant victim,
            SandboxTenant attacker,
            OpenRelay open,
            String relay,
            String broker,
            EgressPlace ways,
            String naiveWay,
            Map<String, String> realWays) {
        Outcome outcome(String id, Hand agent, String socket) throws Exception {
            return outcome(id, agent, Map.of("BROKER", socket, "V_BROKER", socket));
        }

        Outcome outcome(String id, Hand agent, Map<String, String> told) throws Exception {
            Attack attack = Corpus.attack(id);
            Pair pair = new Pair(
                    "here",
                    victim,
                    attacker,
                    Map.of(Vantage.SANDBOX, Hand.of(attacker), Vantage.AGENT, agent),
                    told,
                    word -> agents.upstreamHeard(word) || open.heard(word) || ways.heard(word));
            List<Result> results = new ArrayList<>();
            engine.attack(pair, Set.of(attack.guarantee()), List.of(attack), results::add);
            return results.getFirst().outcome();
        }
    }

    private interface Trial {
        void make(Place place) throws Exception;
    }

    private void inASandbox(Trial trial) throws Exception {
        CloisterConfig config = ConfigLoader.load(
                Optional.empty(),
                Map.of(),
                Map.of(
                        "data",
                        data.toString(),
                        "upstream.url",
                        "http://127.0.0.1:1",
                        "agent.executable",
                        Objects.requireNonNull(System.getenv("CLOISTER_AGENT_EXECUTABLE"), "run by ./cloister verify")),
                HostFacts.defaults());
        try (TrialHost host = TrialHost.make(config, "sabotage");
                AgentPlace agents = new AgentPlace(config)) {
            IsolationProvider provider = host.providers().stream()
                    .filter(one -> one.mode().equals(IsolationMode.DIRECTORIES))
                    .findFirst()
                    .orElseThrow();
            IsolationConfig isolation = host.isolation(provider.mode().id());
            Path plain = host.closed("plain");
            SandboxTenant control = PlainSandbox.tenant(plain.resolve("attacker"), List.of());
            Path relay = plain.resolve("relay.sock");
            String controlsWay = plain.resolve("way.sock").toString();
            try (OpenRelay controls = OpenRelay.at(relay);
                    EgressPlace ways = EgressPlace.start();
                    NaiveProgram ignored = naiveProxy(plain.resolve("proxy"), controlsWay);
                    Engine engine = Engine.open(
                            List.of(new Pair(
                                    AttackRun.NONE,
                                    PlainSandbox.tenant(plain.resolve("victim"), List.of()),
                                    control,
                                    Map.of(Vantage.SANDBOX, Hand.of(control), Vantage.AGENT, agents.bareAgent(control)),
                                    Map.of(
                                            "BROKER", relay.toString(),
                                            "V_BROKER", relay.toString(),
                                            "EGRESS", controlsWay,
                                            "EGRESS_LISTED", controlsWay,
                                            "FAR", ways.port()),
                                    word -> controls.heard(word) || ways.heard(word))),
                            host.closed("server"));
                    IsolationBackend backend = provider.open(isolation, host.host())) {
                SandboxSpec first = host.tenant(isolation, 0);
                SandboxSpec second = host.tenant(isolation, 1);
                SandboxTenant victim = new SandboxTenant(first, backend.prepare(first));
                SandboxTenant attacker = new SandboxTenant(second, backend.prepare(second));
                try (AgentPlace.Socket socket = agents.socket(attacker);
                        OpenRelay open = OpenRelay.at(socket.share().host().resolve("open"));
                        NaiveProgram naive = naiveProxy(
                                plain.resolve("naive"),
                                socket.share().host().resolve("way").toString());
                        EgressPlace.Sockets out = ways.sockets(victim, attacker)) {
                    socket.share().admit(socket.share().host().resolve("open"));
                    socket.share().admit(socket.share().host().resolve("way"));
                    trial.make(new Place(
                            engine,
                            agents,
                            victim,
                            attacker,
                            open,
                            socket.share().inner() + "/open",
                            socket.inner(),
                            ways,
                            socket.share().inner() + "/way",
                            out.told()));
                }
            }
        }
    }

    private static NaiveProgram naiveProxy(Path home, String socket) throws IOException {
        return NaiveProgram.start(PlainSandbox.tenant(home, List.of()), Naive.proxy(), List.of(socket));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "egress-decimal",
                "egress-name-inwards",
                "egress-host-header",
                "egress-unlisted",
                "egress-unlisted-path"
            })
    void aProxyWithoutChecksIsNoticed(String attack) throws Exception {
        inASandbox(place -> {
            Hand agent = place.agents().agent(place.attacker());
            Map<String, String> naive = Map.of(
                    "EGRESS", place.naiveWay(),
                    "EGRESS_LISTED", place.naiveWay(),
                    "FAR", place.ways().port());
            assertThat(place.outcome(attack, agent, naive)).isEqualTo(Outcome.PASSED);
            assertThat(place.outcome(attack, agent, place.realWays())).isEqualTo(Outcome.BLOCKED);
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"broker-other-path", "broker-other-method", "broker-other-model", "broker-own-credential"})
    void aBrokerWithoutChecksIsNoticed(String attack) throws Exception {
        inASandbox(place -> {
            Hand agent = place.agents().agent(place.attacker());
            assertThat(place.outcome(attack, agent, place.relay())).isEqualTo(Outcome.PASSED);
            assertThat(place.outcome(attack, agent, place.broker())).isEqualTo(Outcome.BLOCKED);
        });
    }

    @ParameterizedTest
    @CsvSource({
        "agent-hook-workspace, WORKSPACE_CODE_NOT_RUN",
        "agent-hook-home, WORKSPACE_CODE_NOT_RUN",
        "agent-tool-policy-read, TOOL_POLICY_ENFORCED"
    })
    void anAgentWithoutCloistersSettingsIsNoticed(String attack, Guarantee guarantee) throws Exception {
        assertThat(Corpus.attack(attack).guarantee()).isEqualTo(guarantee);
        inASandbox(place -> {
            assertThat(place.outcome(attack, place.agents().bareAgent(place.attacker()), place.broker()))
                    .isEqualTo(Outcome.PASSED);
            assertThat(place.outcome(attack, place.agents().agent(place.attacker()), place.broker()))
                    .isEqualTo(Outcome.BLOCKED);
        });
    }
}
