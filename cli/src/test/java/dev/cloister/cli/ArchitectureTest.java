package dev.cloister.cli;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The floor plan holds: which room may know which, and what stays in its room. */
class ArchitectureTest {
    private static final String ROOT = "dev.cloister";
    private static final JavaClasses CODE = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(ROOT);

    /** Who may know whom, besides itself. A module of the build is the package of its name. */
    private static final Map<String, Set<String>> MODULES = Map.of(
            "spi", Set.of(),
            "core", Set.of("spi"),
            "isolation", Set.of("spi"),
            "store", Set.of("core"),
            "server", Set.of("core", "spi"),
            "cli", Set.of("server", "store", "isolation", "core", "spi"));

    private static DescribedPredicate<JavaClass> module(String name) {
        return resideInAPackage(ROOT + "." + name + "..");
    }

    static Set<String> modules() {
        return new TreeSet<>(MODULES.keySet());
    }

    @Test
    void everyClassBelongsToAModule() {
        assertThat(CODE).hasSizeGreaterThan(100);
        assertThat(CODE.stream().map(type -> type.getPackageName().split("\\.", -1)[2]))
                .containsOnlyElementsOf(MODULES.keySet());
    }

    @ParameterizedTest
    @MethodSource("modules")
    void aModuleKnowsOnlyThoseBelowIt(String module) {
        Stream<String> foreign = MODULES.keySet().stream()
                .filter(other -> !other.equals(module)
                        && !MODULES.getOrDefault(module, Set.of()).contains(other));
        noClasses()
                .that(module(module))
                .should()
                .dependOnClassesThat(resideInAnyPackage(
                        foreign.map(other -> ROOT + "." + other + "..").toArray(String[]::new)))
                .allowEmptyShould(true)
                .check(CODE);
    }

    @Test
    void theSpiAndTheModesStandOnThePlatformAlone() {
        classes()
                // The contract is tests, and engines and hypervisors are spoken to by libraries.
                .that(module("spi")
                        .or(module("isolation"))
                        .and(not(resideInAnyPackage(
                                ROOT + ".isolation.tck.contract..",
                                ROOT + ".isolation.docker..",
                                ROOT + ".isolation.microvm.."))))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(
                        "java..", "org.jspecify..", "org.slf4j..", ROOT + ".spi..", ROOT + ".isolation.."))
                .check(CODE);
        noClasses()
                .that(module("spi"))
                .should()
                .dependOnClassesThat(resideInAPackage("org.slf4j.."))
                .check(CODE);
    }

    @Test
    void thePackagesHaveNoCycles() {
        slices().assignedFrom(new SliceAssignment() {
                    @Override
                    public SliceIdentifier getIdentifierOf(JavaClass type) {
                        return type.getPackageName().startsWith(ROOT)
                                ? SliceIdentifier.of(type.getPackageName())
                                : SliceIdentifier.ignore();
                    }

                    @Override
                    public String getDescription() {
                        return "one slice for each package";
                    }
                })
                .should()
                .beFreeOfCycles()
                .check(CODE);
    }

    @Test
    void everyPackageSaysThatNothingIsNull() {
        Set<String> packages = new TreeSet<>();
        CODE.forEach(type -> packages.add(type.getPackageName()));
        Set<String> marked = new TreeSet<>();
        CODE.stream()
                .filter(type -> type.getSimpleName().equals("package-info") && type.isAnnotatedWith(NullMarked.class))
                .forEach(type -> marked.add(type.getPackageName()));
        assertThat(marked).isEqualTo(packages);
    }

    /** Where else than in its own place a library may be used: nowhere. */
    static Stream<Map.Entry<String, String>> libraries() {
        return Stream.of(
                Map.entry("io.javalin..", ROOT + ".server.."),
                Map.entry("jakarta..", ROOT + ".server.."),
                Map.entry("org.jdbi..", ROOT + ".store.."),
                Map.entry("org.sqlite..", ROOT + ".store.."),
                Map.entry("java.sql..", ROOT + ".store.."),
                Map.entry("com.github.dockerjava..", ROOT + ".isolation.docker.."),
                Map.entry("org.junit..", ROOT + ".isolation.tck.contract.."),
                Map.entry("org.assertj..", ROOT + ".isolation.tck.contract.."),
                Map.entry("picocli..", ROOT + ".cli.."),
                Map.entry("ch.qos.logback..", ROOT + ".cli.."),
                Map.entry("org.snakeyaml..", ROOT + ".core.config.."));
    }

    @ParameterizedTest
    @MethodSource("libraries")
    void aLibraryStaysInItsLayer(Map.Entry<String, String> library) {
        assertThat(CODE.stream().flatMap(type -> type.getDirectDependenciesFromSelf().stream()))
                .as("somebody uses it")
                .anyMatch(dependency -> resideInAPackage(library.getKey()).test(dependency.getTargetClass()));
        noClasses()
                .that(not(resideInAPackage(library.getValue())))
                .should()
                .dependOnClassesThat(resideInAPackage(library.getKey()))
                .check(CODE);
    }

    @Test
    void jettyServesTheApiAndTheSocketsOfSandboxes() {
        noClasses()
                .that(not(resideInAnyPackage(
                        ROOT + ".server..",
                        ROOT + ".core.socket..",
                        ROOT + ".core.broker..",
                        ROOT + ".core.egress..",
                        // Firecracker's API is HTTP over a socket.
                        ROOT + ".isolation.microvm.firecracker..")))
                .should()
                .dependOnClassesThat(resideInAPackage("org.eclipse.jetty.."))
                .check(CODE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"org.mockito.Mockito", "org.easymock.EasyMock", "org.jmock.Mockery", "mockit.Mocked"})
    void testsUseFakes(String mockingLibrary) {
        assertThat(getClass().getClassLoader().getResource(mockingLibrary.replace('.', '/') + ".class"))
                .isNull();
    }

    @Test
    void onlyThePartsThatSpeakToAPersonUseTheStandardStreams() {
        noClasses()
                // Puts the log there.
                .that(not(named("cli.Logging"))
                        // Its table and its progress are what it is for.
                        .and(not(named("cli.demo.Demo"))))
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(Throwable.class, "printStackTrace")
                .check(CODE);
    }

    @Test
    void onlyThoseSleepWhoHaveNothingToWaitFor() {
        noClasses()
                // Time itself is what a script asks for.
                .that(not(named("core.upstream.ScriptedUpstream"))
                        // Other processes end and start without telling anybody.
                        .and(not(named("isolation.local.probe.ModeProbe")))
                        .and(not(named("isolation.local.sandbox.UidSweep")))
                        .and(not(named("isolation.tck.Bait")))
                        .and(not(named("isolation.tck.PlainSandbox$Plain")))
                        .and(not(named("isolation.local.cgroup.Patience")))
                        .and(not(named("isolation.microvm.qemu.Sockets")))
                        .and(not(named("isolation.microvm.firecracker.FirecrackerHypervisor")))
                        .and(not(named("isolation.microvm.firecracker.GuestSocket")))
                        .and(not(named("isolation.microvm.firecracker.HostProcess")))
                        .and(not(named("cli.bench.Peers")))
                        // An agent gets its head start.
                        .and(not(named("cli.bench.TurnBench")))
                        // Another process holds the file.
                        .and(not(named("store.SqliteDatabase")))
                        // Measures a server to which nothing happens.
                        .and(not(named("cli.bench.StartBench")))
                        // Asks over HTTP, as any client has to.
                        .and(not(named("cli.demo.Story")))
                        .and(not(named("cli.bench.CloisterTurns")))
                        // Clients do nothing for a while too, and a server that is measured is another process.
                        .and(not(named("cli.bench.Pause"))))
                .should()
                .callMethodWhere(DescribedPredicate.describe(
                        "sleeps",
                        call -> call.getTargetOwner().isEquivalentTo(Thread.class)
                                && call.getName().equals("sleep")))
                .check(CODE);
    }

    /** It may have a single thread, and libraries hand their answers over through it. */
    @Test
    void nobodyBlocksTheCommonPool() {
        noClasses()
                .should()
                .callMethodWhere(DescribedPredicate.describe(
                        "runs something on the common pool",
                        call -> Set.of("parallelStream", "parallel").contains(call.getName())
                                || (call.getTargetOwner().isEquivalentTo(CompletableFuture.class)
                                        && call.getName().endsWith("Async")
                                        && call.getTarget().getRawParameterTypes().stream()
                                                .noneMatch(type -> type.isEquivalentTo(Executor.class)))))
                .check(CODE);
    }

    /** A class and those inside it. An exemption for a class that is gone has to go too. */
    private static DescribedPredicate<JavaClass> named(String name) {
        String full = ROOT + "." + name;
        assertThat(CODE.contain(full)).as(full).isTrue();
        return DescribedPredicate.describe(
                full, type -> type.getName().equals(full) || type.getName().startsWith(full + "$"));
    }
}
