/* The new root: made below a mount point that no source lies in, then entered with pivot_root(2). */
#include "launch.h"

/* mount_setattr(2), written out because distributions' headers are older than their kernels. */
enum { SYS_set_attributes = 442, ATTRIBUTE_RDONLY = 1, ATTRIBUTE_NOSUID = 2, ATTRIBUTE_NODEV = 4, RECURSIVE = 0x8000 };
struct mount_attributes { unsigned long long set, clear, propagation, userns; };

static void make_directory(const char *path);

/* Neighbours come one after the other, so the parent is mostly the one made last. */
static void make_parent(const char *path) {
  static char last[PATH_MAX];
  char parent[PATH_MAX];
  const char *name = strrchr(path, '/');
  snprintf(parent, sizeof parent, "%.*s", name ? (int)(name - path) : 0, path);
  if (!*parent || strcmp(parent, last) == 0) return;
  make_directory(parent);
  strcpy(last, parent);
}

/* Mostly the parents are there, or the directory itself: then it is one call. */
static void make_directory(const char *path) {
  if (mkdir(path, 0755) == 0 || errno == EEXIST) return;
  if (errno != ENOENT) fail(STAGE_MOUNT, path);
  make_parent(path);
  if (mkdir(path, 0755) != 0) fail(STAGE_MOUNT, path);
}

/* Something of the source's kind to mount it on; a template has it already. */
static void make_mount_point(const char *source, const char *path) {
  struct stat found;
  if (stat(source, &found) != 0) fail(STAGE_MOUNT, source);
  if (S_ISDIR(found.st_mode)) { make_directory(path); return; }
  make_parent(path);
  if (mknod(path, S_IFREG | 0444, 0) != 0 && errno != EEXIST) fail(STAGE_MOUNT, path);
}

/* A mount keeps the flags that it was locked with: one that dropped them would be refused in a user namespace. */
static unsigned long kept_flags(const char *path) {
  struct statvfs found;
  if (statvfs(path, &found) != 0) fail(STAGE_MOUNT, path);
  /* The two calls name most of them by the same bits. */
  unsigned long same = found.f_flag & (MS_NOEXEC | MS_NODEV | MS_NOSUID | MS_NOATIME | MS_NODIRATIME);
  return same | (found.f_flag & ST_RELATIME ? MS_RELATIME : 0);
}

static void bind_mount(const char *source, const char *path, bool read_only, bool devices) {
  unsigned long long set = ATTRIBUTE_NOSUID | (read_only ? ATTRIBUTE_RDONLY : 0) | (devices ? 0 : ATTRIBUTE_NODEV);
  struct mount_attributes wanted = {.set = set};
  if (mount(source, path, NULL, MS_BIND | MS_REC, NULL) != 0) fail(STAGE_MOUNT, source);
  if (syscall(SYS_set_attributes, AT_FDCWD, path, RECURSIVE, &wanted, sizeof wanted) == 0) return;
  if (errno != ENOSYS) fail(STAGE_MOUNT, source);
  /* Before Linux 5.12, and in gVisor, only one mount can be changed at a time: then what is mounted below the source has to
     stay away, or it would be writable. */
  if (umount2(path, MNT_DETACH) != 0 || mount(source, path, NULL, MS_BIND, NULL) != 0) fail(STAGE_MOUNT, source);
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | (read_only ? MS_RDONLY : 0) | (devices ? 0 : MS_NODEV);
  if (mount(NULL, path, NULL, flags | kept_flags(path), NULL) != 0) fail(STAGE_MOUNT, source);
}

/* An empty file takes none of the bytes, but memory of the kernel: so there may be one for each 4 KiB, and a few. */
static void mount_tmpfs(const char *path, const char *bytes) {
  char data[96];
  snprintf(data, sizeof data, "mode=1777,size=%s", bytes);
  char *end = data + strlen(data);
  snprintf(end, sizeof data - (size_t)(end - data), ",nr_inodes=%llu", strtoull(bytes, NULL, 10) / 4096 + 16);
  if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, data) == 0) return;
  /* gVisor before the middle of 2026 does not know the word (google/gvisor issue 13172). */
  *end = '\0';
  if (errno != EINVAL || mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, data) != 0) fail(STAGE_MOUNT, path);
}

static void perform(const struct operation *operation) {
  /* The working directory is the new root while it is made: an inner path without its first slash leads there. */
  const char *path = operation->b ? operation->b : operation->a;
  path += strspn(path, "/");
  bool bound = operation->kind == OP_READ || operation->kind == OP_WRITE || operation->kind == OP_DEVICE;
  if (operation->kind == OP_TMPFS || operation->kind == OP_PROC) make_directory(path);
  if (bound) {
    make_mount_point(operation->a, path);
    bind_mount(operation->a, path, operation->kind == OP_READ, operation->kind == OP_DEVICE);
  }
  if (operation->kind == OP_TMPFS) mount_tmpfs(path, operation->a);
  unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (operation->kind == OP_PROC && mount("proc", path, "proc", flags, NULL) != 0) fail(STAGE_MOUNT, path);
}

/* Afterwards nothing of the host can be named but what the operations brought in. */
void enter_root(const struct options *o) {
  if (!(o->namespaces & CLONE_NEWNS)) return;
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) fail(STAGE_ROOT, "/");
  if (!o->root_base) return;
  umask(022);
  bind_mount(o->root_source, o->root_base, true, false);
  if (chdir(o->root_base) != 0) fail(STAGE_ROOT, o->root_base);
  for (size_t i = 0; i < o->operation_count; i++) perform(&o->operations[i]);
  if (syscall(SYS_pivot_root, ".", ".") != 0) fail(STAGE_PIVOT, o->root_base);
  /* The old root now lies on top of the new one. */
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) fail(STAGE_PIVOT, "/");
}
