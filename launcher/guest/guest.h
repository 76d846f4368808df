/* What the parts of cloister-guest know of each other. */
#ifndef CLOISTER_GUEST_H
#define CLOISTER_GUEST_H
#include "../src/launch.h"

enum { HEADER = 8 };

/* Kills all that can be killed from here, but this process and the first of its namespace. */
void end_everything(void);
/* `frame` has room for the header before the payload. */
void send_frame(unsigned char *frame, unsigned id, char kind, size_t length);
void say(unsigned id, char kind, const char *text);
void say_number(unsigned id, char kind, long number);
unsigned long get(const unsigned char *at, int bytes);
/* Each connection to the socket is a conversation of its own from now on. */
void serve_socket(unsigned id, int listener);

/* How fast the counter of the processor runs that this is, in kHz; 0 where it has none that programs can read. */
long counter_rate(void);
/* Runs a program that has as descriptor 9, and nowhere else, a copy of the file in memory. */
_Noreturn void run_with_memory(const char *file, char **program);

/* The first process of a machine. Returns in a process of its own for each connection of the server's, which is its standard input and
   output then; what a connection started has ended before the next one. The number is that by which the last one was ended. */
int be_machine(void);
/* Returns when what was written to the tenant's disk, if there is one, would outlive this machine. */
bool settle_disk(void);
/* Does what only machines are asked for. Returns whether it was that. */
bool machine_obey(unsigned id, char kind, unsigned char *payload, size_t length);
#endif
