package dev.cloister.core.config;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** Reads the file down to texts with their lines. Only nodes are composed; nothing in the file can make an object. */
final class YamlFile {
    /** Keys are at most two deep; the bound ends documents that contain themselves by an alias. */
    private static final int DEEPEST = 8;

    private final Path file;
    private final Path home;
    private final Problems problems;
    private final Map<String, RawValue> values = new LinkedHashMap<>();

    private YamlFile(Path file, Path home, Problems problems) {
        this.file = file.toAbsolutePath();
        this.home = home;
        this.problems = problems;
    }

    /** The values by full key name, known or not. What cannot be read is added to the problems. */
    static Map<String, RawValue> read(Path file, Path home, Problems problems) {
        YamlFile reader = new YamlFile(file, home, problems);
        reader.read();
        return reader.values;
    }

    private void read() {
        try {
            // A null tag from the core schema also covers `~`, which would otherwise be read as the home directory.
            LoadSettings settings = LoadSettings.builder()
                    .setSchema(new CoreSchema())
                    .setLabel(file.toString())
                    .build();
            new Compose(settings)
                    .composeInputStream(new ByteArrayInputStream(Files.readAllBytes(file)))
                    .ifPresent(this::root);
        } catch (NoSuchFileException _) {
            problems.add(place(Optional.empty()), "the file does not exist; make it or leave the option out");
        } catch (IOException failure) {
            problems.add(
                    place(Optional.empty()),
                    "the file cannot be read (%s); make it readable for the server's user"
                            .formatted(failure.getClass().getSimpleName()));
        } catch (MarkedYamlEngineException failure) {
            problems.add(place(failure.getProblemMark()), "is not YAML: %s".formatted(failure.getProblem()));
        } catch (YamlEngineException _) {
            // Its message may quote the file, which may hold anything.
            problems.add(place(Optional.empty()), "is not YAML in UTF-8");
        }
    }

    private void root(Node root) {
        if (root instanceof MappingNode mapping) {
            mapping(mapping, "", 0);
        } else if (!root.getTag().equals(Tag.NULL)) {
            problems.add(place(root.getStartMark()), "is not a mapping; write `key: value` lines");
        }
    }

    private void mapping(MappingNode mapping, String prefix, int depth) {
        for (NodeTuple entry : mapping.getValue()) {
            Place place = place(entry.getKeyNode().getStartMark());
            if (!(entry.getKeyNode() instanceof ScalarNode key)
                    || key.getValue().isBlank()) {
                problems.add(place, "has a key that is not a name");
                continue;
            }
            value(prefix + key.getValue(), entry.getValueNode(), place, depth);
        }
    }

    private void value(String name, Node node, Place place, int depth) {
        if (node instanceof MappingNode mapping) {
            if (depth == DEEPEST) {
                problems.add(place, "is nested too deeply; keys have at most two parts");
            } else {
                mapping(mapping, name + ".", depth + 1);
            }
            return;
        }
        if (node.getTag().equals(Tag.NULL)) {
            problems.add(place, Names.shown(name) + ": has no value; write one or remove the line");
            return;
        }
        RawValue previous = values.putIfAbsent(name, raw(name, node, place));
        if (previous != null) {
            problems.add(
                    place,
                    "%s: is set twice, first at %s; remove one"
                            .formatted(Names.shown(name), previous.place().label()));
        }
    }

    private RawValue raw(String name, Node node, Place place) {
        List<String> items = new ArrayList<>();
        if (node instanceof SequenceNode sequence) {
            for (Node item : sequence.getValue()) {
                if (item instanceof ScalarNode scalar && !item.getTag().equals(Tag.NULL)) {
                    items.add(scalar.getValue());
                } else {
                    problems.add(
                            place(item.getStartMark()),
                            Names.shown(name) + ": has an item that is not a text; quote it");
                }
            }
            return new RawValue.Sequence(items, place);
        }
        return new RawValue.Text(node instanceof ScalarNode scalar ? scalar.getValue() : "", place);
    }

    private Place place(Optional<Mark> mark) {
        String line = mark.map(position -> ":" + (position.getLine() + 1)).orElse("");
        return new Place(file + line, Optional.ofNullable(file.getParent()).orElse(file), home);
    }
}
