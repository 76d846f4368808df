package dev.cloister.isolation.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cloister.spi.Guarantee;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine tells attacks that are stopped from attacks that never worked. No sandbox is needed for that. */
class EngineTest {
    @TempDir
    private Path directory;

    private SandboxTenant victim;
    private SandboxTenant attacker;
    private Engine engine;

    /** An attacker whose commands come to nothing: the perfect wall. */
    private record Walled(Tenant behind) implements Tenant {
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

    /**
     * As if another kernel ran it and kept its files: its process is called something else on the host, its directories are not
     * where they are said to be, and the attacker's numbers are far from the victim's.
     *
     * @param blind whether it does not even see itself
     */
    private record Elsewhere(Tenant behind, boolean attacking, boolean walled, boolean blind) implements Tenant {
        @Override
        public Path work() {
            return Path.of("/nowhere/tenant/work");
        }

        @Override
        public Path home() {
            return Path.of("/nowhere/tenant/home");
        }

        @Override
        public String run(List<String> command, Map<String, String> environment)
                throws IOException, InterruptedException {
            if (attacking && environment.isEmpty()) {
                return Long.toString(Long.MAX_VALUE);
            }
            return walled ? "nothing" : behind.run(command, environment);
        }

        @Override
        public AutoCloseable start(List<String> command, Map<String, String> environment, String ready)
                throws IOException, InterruptedException {
            List<String> renamed = new ArrayList<>(List.of("bash", "-c", "exec -a elsewhere \"$@\"", "bash"));
            renamed.addAll(command);
            return behind.start(renamed, environment, ready);
        }

        @Override
        public List<String> commands() throws IOException {
            List<String> all = new ArrayList<>();
            HostProcesses.where(pid -> {
                all.add(HostProcesses.read(pid, "cmdline"));
                return false;
            });
            return blind ? List.of() : all;
        }
    }

    @BeforeEach
    void open() throws Exception {
        victim = PlainSandbox.tenant(directory.resolve("victim"), List.of());
        attacker = PlainSandbox.tenant(directory.resolve("attacker"), List.of());
        Pair plain = new Pair("none", victim, attacker);
        engine = Engine.open(List.of(plain), Files.createDirectory(directory.resolve("server")));
    }

    @AfterEach
    void close() {
        engine.close();
    }

    /** An attack for each sign, which works where nothing stops it. */
    private static final Map<Sign, String> WORKING = Map.of(
            Sign.SECRET_SHOWN, "cat \"$V_HOME/secret\"",
            Sign.TREE_CHANGED, "chmod 666 \"$V_HOME/secret\"",
            Sign.PROCESS_HARMED, "kill -STOP $V_PID; sleep 0.2",
            Sign.WORD_RECEIVED, "bash -c 'exec 3<>/dev/tcp/127.0.0.1/$TCP; printf %s \"$WORD\" >&3'",
            Sign.PROCESS_LEFT, "setsid sh -c \"sleep 60; : $WORD\" >/dev/null 2>&1 &",
            Sign.GAINED, "echo GAINED");

    private static Attack attack(String id, Sign sign, String text) {
        return new Attack(
                id,
                Family.DIRECT_READS,
                Guarantee.FILES_OF_OTHERS_UNREADABLE,
                Vantage.SANDBOX,
                new Means.Code(Language.SH, text),
                sign,
                false);
    }

    private List<Result> against(Tenant other, List<Attack> attacks) throws Exception {
        Pair pair = new Pair("somewhere", PlainSandbox.tenant(directory.resolve("other"), List.of()), other);
        List<Result> results = new ArrayList<>();
        engine.attack(pair, Set.of(Guarantee.FILES_OF_OTHERS_UNREADABLE), attacks, results::add);
        return results;
    }

    @Test
    void everySignIsSeenWhereNothingStopsTheAttackAndMissedWhereSomethingDoes() throws Exception {
        List<Attack> attacks = Stream.of(Sign.values())
                .map(sign -> attack("made-up-" + sign, sign, WORKING.getOrDefault(sign, "")))
                .toList();
        assertThat(against(attacker, attacks))
                .hasSize(attacks.size())
                .allSatisfy(result ->
                        assertThat(result.outcome()).as(result.attack().id()).isEqualTo(Outcome.PASSED));
        assertThat(against(new Walled(attacker), attacks))
                .hasSize(attacks.size())
                .allSatisfy(result ->
                        assertThat(result.outcome()).as(result.attack().id()).isEqualTo(Outcome.BLOCKED));
    }

    @Test
    void everySignIsSeenFromInsideWhereAnotherKernelRunsTheTenants() throws Exception {
        List<Attack> attacks = Stream.of(Sign.values())
                .map(sign -> attack("made-up-" + sign, sign, WORKING.getOrDefault(sign, "")))
                .toList();
        assertThat(elsewhere(false, false, attacks))
                .hasSize(attacks.size())
                .allSatisfy(result ->
                        assertThat(result.outcome()).as(result.attack().id()).isEqualTo(Outcome.PASSED));
        assertThat(elsewhere(true, false, attacks))
                .hasSize(attacks.size())
                .allSatisfy(result ->
                        assertThat(result.outcome()).as(result.attack().id()).isEqualTo(Outcome.BLOCKED));
    }

    @Test
    void whereNothingWouldBeSeenNothingIsAttacked() {
        assertThatThrownBy(() -> elsewhere(true, true, List.of(attack("idle", Sign.GAINED, "true"))))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("was not seen");
    }

    private List<Result> elsewhere(boolean walled, boolean blind, List<Attack> attacks) throws Exception {
        Tenant other = PlainSandbox.tenant(directory.resolve("other"), List.of());
        Pair pair = new Pair(
                "elsewhere", new Elsewhere(other, false, false, blind), new Elsewhere(attacker, true, walled, blind));
        List<Result> results = new ArrayList<>();
        engine.attack(pair, Set.of(), attacks, results::add);
        return results;
    }

    @Test
    void whatComesToNothingAnywhereIsInvalidAndNoDefence() throws Exception {
        List<Attack> attacks = Stream.of(Sign.values())
                .map(sign -> attack("idle-" + sign, sign, "true"))
                .toList();
        assertThat(against(new Walled(attacker), attacks))
                .hasSize(attacks.size())
                .allSatisfy(result -> {
                    assertThat(result.outcome()).as(result.attack().id()).isEqualTo(Outcome.INVALID);
                    assertThat(result.promised()).isTrue();
                });
    }

    @Test
    void whatWasNotMadeToItsEndIsNoDefenceUnlessItGotThroughBefore() throws Exception {
        Hand tiring = (means, told) -> {
            Hand.of(attacker).make(means, told);
            throw new UnfinishedException("it was tired");
        };
        Pair pair = new Pair(
                "somewhere",
                PlainSandbox.tenant(directory.resolve("other"), List.of()),
                attacker,
                Map.of(Vantage.SANDBOX, tiring),
                Map.of(),
                word -> false);
        List<Attack> attacks = List.of(
                attack("says", Sign.GAINED, "echo GAINED"), attack("does", Sign.TREE_CHANGED, "rm \"$V_HOME/secret\""));
        List<Result> results = new ArrayList<>();
        engine.attack(pair, Set.of(), attacks, results::add);
        assertThat(results).extracting(Result::outcome).containsExactly(Outcome.INVALID, Outcome.PASSED);
        assertThat(results).first().extracting(Result::detail).asString().contains("it was tired");
    }

    @Test
    void oneAttackDoesNotSpoilTheNext() throws Exception {
        List<Attack> attacks = List.of(
                attack("remove", Sign.TREE_CHANGED, "rm -rf \"$V_HOME/secret\" \"$V_WORK/.env\""),
                attack("read", Sign.SECRET_SHOWN, "cat \"$V_HOME/secret\""),
                attack("kill", Sign.PROCESS_HARMED, "kill -9 $V_PID; sleep 0.2"),
                attack("environ", Sign.SECRET_SHOWN, "cat /proc/$V_PID/environ"),
                attack("nothing", Sign.TREE_CHANGED, "true"));
        List<Outcome> outcomes = new ArrayList<>();
        Pair pair = new Pair("somewhere", PlainSandbox.tenant(directory.resolve("other"), List.of()), attacker);
        engine.attack(pair, Set.of(), attacks, result -> outcomes.add(result.outcome()));
        assertThat(outcomes.subList(0, 4)).containsOnly(Outcome.PASSED);
        assertThat(outcomes.getLast()).isNotEqualTo(Outcome.PASSED);
    }

    @Test
    void anAttackIsToldNoSecret() throws Exception {
        assertThat(against(attacker, List.of(attack("told", Sign.SECRET_SHOWN, "env; cat /proc/self/cmdline"))))
                .extracting(Result::outcome)
                .containsExactly(Outcome.INVALID);
    }
}
