package dev.cloister.core.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigurationDocumentTest {
    @Test
    void theCheckedInPageIsTheOneThatTheTableMakes() throws IOException {
        assertThat(Path.of("../docs/configuration.md"))
                .as("docs/configuration.md is out of date: run `./cloister docs` and commit the file")
                .hasContent(ConfigurationDocument.render());
    }

    @Test
    void everyKeyHasItsNameVariableAndExample() {
        String page = ConfigurationDocument.render();
        assertThat(Keys.ALL)
                .allSatisfy(key -> assertThat(page)
                        .contains("### `" + key.name() + "`\n" + key.meaning())
                        .contains("`" + key.environmentVariable() + "`")
                        .contains("`" + key.name() + ": " + key.example() + "`"));
    }

    @Test
    void namesAndVariablesAreUnique() {
        assertThat(Keys.ALL)
                .extracting(Key::name)
                .doesNotHaveDuplicates()
                .allMatch(name -> name.matches("[a-z]+(-[a-z]+)*(\\.[a-z]+(-[a-z]+)*)?"));
        assertThat(Keys.ALL).extracting(Key::environmentVariable).doesNotHaveDuplicates();
    }

    @Test
    void nothingBreaksATable() {
        assertThat(Keys.ALL)
                .allSatisfy(key -> assertThat(key.example() + key.type().description() + key.standard())
                        .doesNotContain("|")
                        .doesNotContain("\n"));
    }

    @Test
    void theMainMethodWritesThePage(@TempDir Path directory) throws IOException {
        Path page = directory.resolve("page.md");
        ConfigurationDocument.main(new String[] {page.toString()});
        assertThat(Files.readString(page)).isEqualTo(ConfigurationDocument.render());
    }
}
