package dev.cloister.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.cloister.core.config.MachinePrices;
import dev.cloister.core.config.MachinePrices.Item;
import dev.cloister.core.config.MachinePrices.Price;
import java.time.LocalDate;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** What users cost, by figures that can be followed by hand. */
class CostTest {
    private static final double SMALL = 1e-9;

    private static MachinePrices prices(double memory, double vcpu, double disk, double request) {
        return new MachinePrices(
                "EUR",
                Map.of(
                        Item.MEMORY_GIB_HOUR, price(memory),
                        Item.VCPU_HOUR, price(vcpu),
                        Item.DISK_GIB_MONTH, price(disk),
                        Item.REQUEST, price(request)));
    }

    private static Price price(double amount) {
        return new Price(amount, "a | test", LocalDate.of(2026, 1, 2));
    }

    @Test
    void aMonthByHand() {
        // 10 users, 6 requests a day of 10 minutes: 1800 requests, 300 hours at work, 3600 hours ready with 12 a day.
        Workload workload = new Workload(10, 6, 600, 12, 2);
        Cost.Amounts amounts = Cost.Amounts.of(new Cost.Measures(256, 768, 2000, 512), workload);
        assertThat(amounts.restGibHours()).isCloseTo(900, within(SMALL));
        assertThat(amounts.workingGibHours()).isCloseTo(150, within(SMALL));
        assertThat(amounts.serverGibHours()).isCloseTo(360, within(SMALL));
        assertThat(amounts.vcpuHours()).isCloseTo(1, within(SMALL));
        assertThat(amounts.diskGibMonths()).isCloseTo(20, within(SMALL));
        assertThat(amounts.requests()).isCloseTo(1800, within(SMALL));

        Cost.Money money = Cost.Money.of(amounts, prices(0.01, 3, 0.5, 0.001));
        assertThat(money.rest()).isCloseTo(9, within(SMALL));
        assertThat(money.working()).isCloseTo(1.5, within(SMALL));
        assertThat(money.server()).isCloseTo(3.6, within(SMALL));
        assertThat(money.vcpu()).isCloseTo(3, within(SMALL));
        assertThat(money.disk()).isCloseTo(10, within(SMALL));
        assertThat(money.requests()).isCloseTo(1.8, within(SMALL));
        assertThat(money.total()).isCloseTo(28.9, within(SMALL));
    }

    @Test
    void lessThanNothingCostsNothing() {
        Cost.Amounts amounts = Cost.Amounts.of(new Cost.Measures(-0.1, -0.2, 0, 0), new Workload(1, 1, 60, 24, 0));
        assertThat(amounts.restGibHours()).isZero();
        assertThat(amounts.workingGibHours()).isZero();
    }

    /** But for the one server, twice the users cost twice as much; and nothing is ever negative. */
    @Property
    void costsGrowWithUsers(
            @ForAll @LongRange(min = 1, max = 100_000) long users,
            @ForAll @DoubleRange(min = 0, max = 1000) double requests,
            @ForAll @DoubleRange(min = 0, max = 4096) double rest,
            @ForAll @DoubleRange(min = 0, max = 4096) double working,
            @ForAll @DoubleRange(min = 0, max = 100) double price) {
        Cost.Measures measures = new Cost.Measures(rest, working, 1500, 200);
        MachinePrices prices = prices(price, price, price, price);
        Cost.Money once = Cost.Money.of(Cost.Amounts.of(measures, new Workload(users, requests, 60, 24, 1)), prices);
        Cost.Money twice =
                Cost.Money.of(Cost.Amounts.of(measures, new Workload(2 * users, requests, 60, 24, 1)), prices);
        assertThat(once.total()).isNotNegative();
        assertThat(twice.server()).isEqualTo(once.server());
        double expected = 2 * once.total() - once.server();
        assertThat(twice.total()).isCloseTo(expected, within(expected * 1e-9 + SMALL));
    }

    @Test
    void everyModeOfTheReportIsReckonedOrNamed() {
        Cost cost = Cost.of(new Workload(2000, 10, 60, 24, 1), prices(0.01, 0.1, 0.1, 0), LaunchPartsTest.report());
        assertThat(cost.modes()).extracting(Cost.OfMode::mode).containsExactly("microvm");
        Cost.OfMode only = cost.modes().getFirst();
        assertThat(only.measures()).isEqualTo(new Cost.Measures(100, 300, 2000, 256));
        assertThat(cost.perThousand(only)).isCloseTo(only.money().total() / 2, within(SMALL));
        assertThat(cost.leftOut()).containsKeys("namespaces", "container").doesNotContainKey("bwrap");
        assertThat(cost.leftOut().get("namespaces"))
                .contains("namespaces: working tenant")
                .contains("bench launch");
    }

    @Test
    void thePagesSayWhatTheObjectSays() {
        JsonNode json = Cost.of(new Workload(1000, 6, 600, 24, 1), prices(0.01, 0.1, 0.1, 0), LaunchPartsTest.report())
                .json();
        String total = "%.2f"
                .formatted(json.path("modes").path(0).path("cost").path("total").asDouble());
        assertThat(CostPage.text(json))
                .contains("1000 users with 6 requests a day each")
                .containsPattern("(?m)^  microvm .* " + total + " +" + total + "$")
                .contains("memory-gib-hour: 0.01 EUR; a | test, 2026-01-02")
                .contains("left out: container: ")
                .contains("Not counted: ");
        assertThat(CostPage.markdown(json))
                .contains("| " + total + " | " + total + " |")
                .contains("| memory-gib-hour | 0.01 | a \\| test | 2026-01-02 |")
                .contains("- rest: memory of a tenant at rest");
    }
}
