package dev.cloister.core.workspace;

import java.util.OptionalLong;

/**
 * What stands on the disk for one tenant, as far as its image goes.
 *
 * @param tree what stands at the tenant's path in the workspaces
 * @param image the image's size in bytes; empty if there is none
 * @param before whether the tree from before the image is kept
 * @param fresh whether an image is half made
 * @param growing whether a growth was begun and not ended
 */
record ImageState(Tree tree, OptionalLong image, boolean before, boolean fresh, boolean growing) {
    enum Tree {
        ABSENT,
        /** An empty directory of the server's: a mount point without its mount. */
        POINT,
        /** The tenant's tree on the workspaces' own file system, or whatever else stands there. */
        PLAIN,
        MOUNTED
    }
}
