package dev.cloister.isolation.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.spi.Guarantee;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The engine tells attacks that are stopped from attacks that never worked. No sandbox is needed for that. */
class EngineTest {
    @TempDir
    private Path directory;

    private PlainTenant victim = new PlainTenant(Path.of("/"), List.of());
    private PlainTenant attacker = new PlainTenant(Path.of("/"), List.of());
    private Engine engine;

    /** An attacker whose commands come to nothing: the perfect wall. */
    private record Walled(PlainTenant behind) implements Tenant {
        @Override
        public Path work() {
            return behind.work();
        }

        @Override
        public Path home() {
            return behind.home();
        }

        @Override
        public String run(List<String> command, Map<String, String> environment) {
            return "nothing";
        }

        @Override
        public AutoCloseable start(List<String> command, Map<String, String> environment, String ready) {
            return () -> {};
        }
    }

    @BeforeEach
    void open() throws Exception {
        victim = PlainTenant.in(directory.resolve("victim"), List.of());
        attacker = PlainTenant.in(directory.resolve("attacker"), List.of());
        Pair plain = new Pair("none", victim, attacker);
        engine = Engine.open(List.of(plain), Files.createDirectory(directory.resolve("server")));
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private static Attack attack(Sign sign, String text) {
        return new Attack(
                "made-up", Family.DIRECT_READS, Guarantee.FILES_OF_OTHERS_UNREADABLE, Language.SH, text, sign, false);
    }

    private Result against(Tenant other, Attack attack) throws Exception {
        Pair pair = new Pair("somewhere", PlainTenant.in(directory.resolve("other"), List.of()), other);
        List<Result> results = new ArrayList<>();
        engine.attack(pair, Set.of(Guarantee.FILES_OF_OTHERS_UNREADABLE), List.of(attack), results::add);
        assertThat(results).hasSize(1);
        return results.getFirst();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "SECRET_SHOWN|cat \"$V_HOME/secret\"",
                "TREE_CHANGED|chmod 666 \"$V_HOME/secret\"",
                "PROCESS_HARMED|kill -STOP $V_PID; sleep 0.2",
                "WORD_RECEIVED|bash -c 'exec 3<>/dev/tcp/127.0.0.1/$TCP; printf %s \"$WORD\" >&3'",
                "PROCESS_LEFT|setsid sh -c \"sleep 60; : $WORD\" >/dev/null 2>&1 &",
                "GAINED|echo GAINED"
            })
    void everySignIsSeenWhereNothingStopsTheAttackAndMissedWhereSomethingDoes(Sign sign, String text) throws Exception {
        assertThat(against(attacker, attack(sign, text)).outcome()).isEqualTo(Outcome.PASSED);
        assertThat(against(new Walled(attacker), attack(sign, text)).outcome()).isEqualTo(Outcome.BLOCKED);
    }

    @ParameterizedTest
    @CsvSource({"SECRET_SHOWN", "TREE_CHANGED", "PROCESS_HARMED", "WORD_RECEIVED", "PROCESS_LEFT", "GAINED"})
    void whatComesToNothingAnywhereIsInvalidAndNoDefence(Sign sign) throws Exception {
        Result result = against(new Walled(attacker), attack(sign, "true"));
        assertThat(result.outcome()).isEqualTo(Outcome.INVALID);
        assertThat(result.promised()).isTrue();
    }

    @Test
    void oneAttackDoesNotSpoilTheNext() throws Exception {
        List<Attack> attacks = List.of(
                attack(Sign.TREE_CHANGED, "rm -rf \"$V_HOME/secret\" \"$V_WORK/.env\""),
                attack(Sign.SECRET_SHOWN, "cat \"$V_HOME/secret\""),
                attack(Sign.PROCESS_HARMED, "kill -9 $V_PID; sleep 0.2"),
                attack(Sign.SECRET_SHOWN, "cat /proc/$V_PID/environ"),
                attack(Sign.TREE_CHANGED, "true"));
        List<Outcome> outcomes = new ArrayList<>();
        Pair pair = new Pair("somewhere", PlainTenant.in(directory.resolve("other"), List.of()), attacker);
        engine.attack(pair, Set.of(), attacks, result -> outcomes.add(result.outcome()));
        assertThat(outcomes.subList(0, 4)).containsOnly(Outcome.PASSED);
        assertThat(outcomes.getLast()).isNotEqualTo(Outcome.PASSED);
    }

    @Test
    void anAttackIsToldNoSecret() throws Exception {
        Result result = against(attacker, attack(Sign.SECRET_SHOWN, "env; cat /proc/self/cmdline"));
        assertThat(result.outcome()).isEqualTo(Outcome.INVALID);
    }
}
