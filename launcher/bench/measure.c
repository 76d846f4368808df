/*
 * Times commands from spawn to reaped, in turns: each round runs every command once, so that a machine that grows slower
 * does so for all. Usage: measure ROUNDS WARM-UPS; standard input has the commands, each ended by a NUL, its words separated
 * by tabs, the first word its name. Prints "name<TAB>milliseconds" for each run that ended with 0, and on standard error what
 * did not.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_COMMANDS = 64, MOST_WORDS = 1024 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  static char *commands[MOST_COMMANDS][MOST_WORDS];
  char *rest = NULL, *word;
  size_t size = 0;
  int count = 0;
  for (; count < MOST_COMMANDS && getdelim(&rest, &size, '\0', stdin) > 0; count++, rest = NULL, size = 0) {
    for (int i = 0; i < MOST_WORDS - 1 && (word = strsep(&rest, "\t")); i++) commands[count][i] = word;
  }
  int rounds = argc > 1 ? atoi(argv[1]) : 0, warm = argc > 2 ? atoi(argv[2]) : 0;
  for (int round = -warm; round < rounds; round++) {
    for (int i = 0; i < count; i++) {
      pid_t child;
      int status = -1;
      double began = now();
      int failed = posix_spawn(&child, commands[i][1], NULL, NULL, commands[i] + 1, environ);
      if (!failed) waitpid(child, &status, 0);
      double took = now() - began;
      if (failed || status != 0) fprintf(stderr, "%s\t%d\t%d\n", commands[i][0], failed, status);
      else if (round >= 0) printf("%s\t%.4f\n", commands[i][0], took);
    }
  }
  return 0;
}
