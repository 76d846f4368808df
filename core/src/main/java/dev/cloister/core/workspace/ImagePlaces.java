package dev.cloister.core.workspace;

import dev.cloister.core.tenant.TenantId;
import java.nio.file.Path;

/**
 * Where the image of one tenant stands, and what is beside it while it is made.
 *
 * @param point the tenant's path in the workspaces, where the image is mounted
 * @param image the file that holds the file system
 * @param before the tree from before there was an image
 * @param fresh an image that is being made
 * @param mount where that is mounted meanwhile
 * @param growing there while the image is made larger
 */
record ImagePlaces(Path point, Path image, Path before, Path fresh, Path mount, Path growing) {
    static final String IMAGES = "images";
    static final String IMAGE_END = ".ext4";
    static final String FRESH_END = ".new";
    static final String MOUNT_END = ".mount";

    static ImagePlaces of(Path workspaces, TenantId tenant) {
        Path images = workspaces.resolve(IMAGES);
        return new ImagePlaces(
                workspaces.resolve(tenant.value()),
                images.resolve(tenant.value() + IMAGE_END),
                images.resolve(tenant.value() + ".before"),
                images.resolve(tenant.value() + FRESH_END),
                images.resolve(tenant.value() + MOUNT_END),
                images.resolve(tenant.value() + ".growing"));
    }

    /** The server's own place on the image, on the same mount as the tree: a rename goes no further. */
    static Path stagingIn(Path mounted) {
        return mounted.resolve("staging");
    }
}
