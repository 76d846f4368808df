package dev.cloister.core.workspace;

import java.util.OptionalLong;

/**
 * What to do next until a tenant's tree can be used. Pure, and it goes by the disk alone: a server that was killed between
 * two steps is followed by one that sees the same state and goes on from it.
 */
final class ImagePlan {
    enum Step {
        /** The image is mounted. */
        READY,
        /** There is no image, and none is wanted. */
        PLAIN,
        MOUNT,
        GROW,
        /** Makes the image, with what the tree holds, and puts it in the tree's place. */
        CREATE,
        /** The tree was moved aside and its image did not follow. */
        PUT_BACK,
        DISCARD_FRESH,
        DELETE_BEFORE,
        REMOVE_POINT,
        REFUSE_SMALLER,
        /** Two trees, and nobody can say which is the newer one. */
        REFUSE_BOTH
    }

    private ImagePlan() {}

    /** @param quota in bytes; empty: new tenants get no image, and images that are there are used as they are */
    static Step next(ImageState state, OptionalLong quota) {
        return switch (state.tree()) {
            case MOUNTED -> state.before() ? Step.DELETE_BEFORE : Step.READY;
            case ABSENT, POINT, PLAIN ->
                state.image().isPresent()
                        ? withImage(state, state.image().getAsLong(), quota)
                        : withoutImage(state, quota);
        };
    }

    private static Step withImage(ImageState state, long size, OptionalLong quota) {
        if (state.fresh()) {
            return Step.DISCARD_FRESH;
        }
        if (state.tree() == ImageState.Tree.PLAIN) {
            return Step.REFUSE_BOTH;
        }
        if (quota.isPresent() && size > quota.getAsLong()) {
            return Step.REFUSE_SMALLER;
        }
        // A growth that was cut off has the file's new size already, and the file system's old one.
        return state.growing() || size < quota.orElse(size) ? Step.GROW : Step.MOUNT;
    }

    private static Step withoutImage(ImageState state, OptionalLong quota) {
        if (state.before()) {
            return switch (state.tree()) {
                case ABSENT -> Step.PUT_BACK;
                case POINT -> Step.REMOVE_POINT;
                case PLAIN, MOUNTED -> Step.REFUSE_BOTH;
            };
        }
        if (state.fresh()) {
            return Step.DISCARD_FRESH;
        }
        if (state.tree() == ImageState.Tree.POINT) {
            return Step.REMOVE_POINT;
        }
        return quota.isPresent() ? Step.CREATE : Step.PLAIN;
    }
}
