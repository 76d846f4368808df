package dev.cloister.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.store.Store;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Settings: the first value stays, until another is put on purpose. */
interface SettingContract extends StoreFixture {
    @Test
    default void aSettingIsAbsentUntilItIsSet() {
        assertThat(store().setting("range")).isEmpty();
        assertThat(store().settingOrElse("range", AWKWARD)).isEqualTo(AWKWARD);
        assertThat(store().setting("range")).contains(AWKWARD);
        assertThat(store().setting("other")).isEmpty();
    }

    @Test
    default void aSettingKeepsItsFirstValue() {
        store().settingOrElse("range", "first");

        assertThat(store().settingOrElse("range", "second")).isEqualTo("first");
    }

    @Test
    default void aSettingThatIsPutReplacesTheOneBefore() {
        store().putSetting("range", "first");
        store().putSetting("range", AWKWARD);

        assertThat(openAnother().setting("range")).contains(AWKWARD);
        assertThat(store().settingOrElse("range", "third")).isEqualTo(AWKWARD);
    }

    @Test
    default void twoUsersAgreeOnASetting() throws Exception {
        List<Store> users = List.of(store(), openAnother());

        List<String> seen = StoreFixture.together(StoreFixture.times(
                16, number -> users.get(number % 2).settingOrElse("range", Integer.toString(number))));

        assertThat(seen).hasSize(16).containsOnly(seen.getFirst());
    }
}
