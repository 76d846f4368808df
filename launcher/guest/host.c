/* What cloister-guest does on a host that starts virtual machines, before any of them runs. */
#include "guest.h"
#include <sys/mman.h>
#include <sys/sendfile.h>

enum { MEMORY = 9 };

long counter_rate(void) {
#ifdef __x86_64__
  enum { LOOK_NS = 50 * 1000 * 1000 };
  struct timespec from, to;
  unsigned long long before = __builtin_ia32_rdtsc();
  clock_gettime(CLOCK_MONOTONIC_RAW, &from);
  nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
  unsigned long long after = __builtin_ia32_rdtsc();
  clock_gettime(CLOCK_MONOTONIC_RAW, &to);
  long long nanoseconds = (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec;
  return (long)((long long)(after - before) * 1000000 / nanoseconds);
#else
  return 0;
#endif
}

/* Copies what the file has, and none of its holes. Nobody else can get at the copy, which goes with the last process that has it open. */
static bool copy_memory(const char *file) {
  struct stat all;
  int from = open(file, O_RDONLY | O_CLOEXEC), to = memfd_create("cloister-machine", 0);
  if (from < 0 || to < 0 || fstat(from, &all) != 0 || ftruncate(to, all.st_size) != 0) return false;
  off_t data = 0;
  while ((data = lseek(from, data, SEEK_DATA)) >= 0) {
    off_t hole = lseek(from, data, SEEK_HOLE);
    if (hole < 0 || lseek(to, data, SEEK_SET) < 0) return false;
    while (data < hole) if (sendfile(to, from, &data, (size_t)(hole - data)) <= 0) return false;
  }
  if (errno != ENXIO || dup2(to, MEMORY) < 0) return false;
  if (to != MEMORY) close(to);
  return true;
}

_Noreturn void run_with_memory(const char *file, char **program) {
  /* Of a machine's memory most is never touched; a huge page takes 512 times what was touched in it. */
  if (!copy_memory(file) || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) perror(file), exit(127);
  execvp(program[0], program);
  perror(program[0]), exit(127);
}
