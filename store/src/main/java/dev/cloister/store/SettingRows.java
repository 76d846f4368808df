package dev.cloister.store;

import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** The table {@code settings}. */
final class SettingRows {
    private SettingRows() {}

    static Optional<String> find(Handle handle, String name) {
        return handle.createQuery("SELECT value FROM settings WHERE name = :name")
                .bind("name", name)
                .mapTo(String.class)
                .findOne();
    }

    static void put(Handle handle, String name, String value) {
        handle.createUpdate("""
                        INSERT INTO settings (name, value) VALUES (:name, :value)
                        ON CONFLICT (name) DO UPDATE SET value = excluded.value
                        """).bind("name", name).bind("value", value).execute();
    }

    static String setIfAbsent(Handle handle, String name, String initial) {
        return find(handle, name).orElseGet(() -> {
            handle.createUpdate("INSERT INTO settings (name, value) VALUES (:name, :value)")
                    .bind("name", name)
                    .bind("value", initial)
                    .execute();
            return initial;
        });
    }
}
