package dev.cloister.isolation.microvm.firecracker;

import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a kernel's file is. Releases of Firecracker up to 1.16 start nothing but an ELF file on x86-64, and an {@code Image} on ARM.
 *
 * @see <a href="https://docs.kernel.org/arch/x86/boot.html">The Linux/x86 boot protocol</a>
 */
enum KernelImage {
    /** A {@code vmlinux}. */
    ELF,
    /** An {@code Image} of arm64. */
    ARM64,
    /** A {@code vmlinuz} of x86: a loader with a packed {@code vmlinux} in it. */
    PACKED,
    UNKNOWN;

    private static final int HEADER = 1024;
    private static final int ELF_MAGIC = 0x464c457f;
    private static final int ARM64_AT = 0x38;
    private static final int PACKED_AT = 0x202;

    /** @param start of the file, in which what is missing is zero */
    static KernelImage of(byte[] start) {
        ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN);
        header.put(start, 0, Math.min(start.length, HEADER));
        if (header.getInt(0) == ELF_MAGIC) {
            return ELF;
        } else if (header.getInt(ARM64_AT) == magic("ARM\u0064")) {
            return ARM64;
        } else if (header.getInt(PACKED_AT) == magic("HdrS")) {
            return PACKED;
        }
        return UNKNOWN;
    }

    private static int magic(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getInt();
    }

    /** @throws IsolationException if Firecracker could not start it, with what to do about it */
    static void require(Path kernel) throws IOException {
        byte[] start;
        try (InputStream in = Files.newInputStream(kernel)) {
            start = in.readNBytes(HEADER);
        }
        switch (of(start)) {
            case ELF, ARM64 -> {}
            case PACKED ->
                throw new IsolationException(new Finding(
                        "Firecracker needs an unpacked kernel",
                        kernel + " is a bzImage",
                        "Unpack it by scripts/extract-vmlinux of the kernel's sources: extract-vmlinux " + kernel
                                + " > vmlinux; and name that file."));
            case UNKNOWN ->
                throw new IsolationException(new Finding(
                        "Firecracker needs a kernel",
                        kernel + " is neither an ELF file nor an Image",
                        "Name an unpacked kernel, a vmlinux."));
        }
    }
}
