package dev.cloister.core.workspace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cloister.core.workspace.ImagePlan.Step;
import dev.cloister.core.workspace.ImageState.Tree;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImagePlanTest {
    /** Image size and quota in any unit; 0 is none. The letters: before, fresh, growing. */
    @ParameterizedTest
    @CsvSource({
        "MOUNTED, 5, '',  5, READY",
        "MOUNTED, 5, '',  9, READY",
        "MOUNTED, 5, b,   5, DELETE_BEFORE",
        "ABSENT,  5, '',  5, MOUNT",
        "POINT,   5, '',  5, MOUNT",
        "POINT,   5, b,   5, MOUNT",
        "ABSENT,  5, '',  0, MOUNT",
        "ABSENT,  5, f,   5, DISCARD_FRESH",
        "ABSENT,  5, '',  9, GROW",
        "ABSENT,  9, g,   9, GROW",
        "ABSENT,  9, g,   0, GROW",
        "ABSENT,  9, '',  5, REFUSE_SMALLER",
        "PLAIN,   5, '',  5, REFUSE_BOTH",
        "ABSENT,  0, '',  5, CREATE",
        "PLAIN,   0, '',  5, CREATE",
        "PLAIN,   0, f,   5, DISCARD_FRESH",
        "PLAIN,   0, f,   0, DISCARD_FRESH",
        "ABSENT,  0, bf,  5, PUT_BACK",
        "ABSENT,  0, b,   0, PUT_BACK",
        "POINT,   0, b,   5, REMOVE_POINT",
        "PLAIN,   0, b,   5, REFUSE_BOTH",
        "POINT,   0, '',  5, REMOVE_POINT",
        "ABSENT,  0, '',  0, PLAIN",
        "PLAIN,   0, '',  0, PLAIN"
    })
    void whatStandsThereSaysWhatIsNext(Tree tree, long image, String marks, long quota, Step step) {
        ImageState state =
                new ImageState(tree, optional(image), marks.contains("b"), marks.contains("f"), marks.contains("g"));
        assertThat(ImagePlan.next(state, optional(quota))).isEqualTo(step);
    }

    private static OptionalLong optional(long value) {
        return value == 0 ? OptionalLong.empty() : OptionalLong.of(value);
    }

    @Test
    void mountsAreReadWithBlanksInTheirNames() {
        String text = """
                22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
                91 22 7:3 / /srv/w\\040s/\\303\\244 rw,nosuid,nodev,relatime - ext4 /dev/loop3 rw,discard
                """;
        assertThat(MountTable.parse(text))
                .containsExactly(
                        new MountTable.Mount(Path.of("/"), "ext4", "/dev/vda", Set.of("rw", "relatime")),
                        new MountTable.Mount(
                                Path.of("/srv/w s/ä"),
                                "ext4",
                                "/dev/loop3",
                                Set.of("rw", "nosuid", "nodev", "relatime")));
    }
}
