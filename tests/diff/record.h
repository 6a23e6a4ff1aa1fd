/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One side of a comparison: a process with a device, its arguments at fixed addresses and
 * its files at fixed numbers, so that equal devices leave equal records.
 *
 * Callers: diff-test.c and sequences.c, and ../fuzz.
 */
#ifndef DIFF_RECORD_H
#define DIFF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From how many kinds of programs there are calls: of 64 bits, and where they can be made of 32. */
#ifdef __x86_64__
enum { CALLERS = 2 };
#else
enum { CALLERS = 1 };
#endif

enum { STEPS_MAX = 1200, ARG_SIZE = 96, NAME_SIZE = 48 };

/* Files; what is not open is CLOSED_FD. */
enum { DEV_FD = 100, TAP_FD, TUN_FD, KICK_FD, CALL_FD, ERR_FD, NULL_FD, PIPE_FD, UNIX_FD, UDP_FD,
	NETLINK_FD, PACKET_FD, LOG_FD, MEM_FD, CLOSED_FD = 200 };

/* Addresses, all below 4 GiB for calls from 32 bits. */
#define ARG_ADDR 0x10001000UL	/* an argument */
#define MEM_ADDR 0x20000000UL	/* 1 MiB of guest memory, guest address MEM_GPA */
#define MEM_SIZE 0x100000UL
#define MEM_GPA 0x100000UL
#define DRIVER_ADDR 0x30000000UL	/* the same memory, wherever the device's goes */
#define BAD_ADDR 8UL

/**
 * struct step - what a call did
 * @name: which call.
 * @ret: its result, or the negated errno.
 * @arg: the argument's bytes afterwards, and those behind it.
 * @base: result of VHOST_GET_VRING_BASE of each ring, or the negated errno.
 * @used: flags and idx of each used ring.
 * @events: of poll() on the device.
 * @calls: counts of the eventfds for calls and errors.
 * @workers: threads named after the owner; -1 where they were not counted.
 */
struct step {
	char name[NAME_SIZE];
	long ret;
	uint8_t arg[ARG_SIZE];
	long base[2];
	uint32_t used[2];
	int events;
	uint64_t calls[2];
	int workers;
};

struct record {
	unsigned int steps;
	bool complete;
	struct step step[STEPS_MAX];
};

/**
 * enum stage - what was done with the file before a sequence
 * @OPENED: nothing.
 * @OWNED: it has an owner.
 * @SET_UP: all but the backends.
 * @RUNNING: backends, too.
 * @AFTER_RESET: it ran, and its owner reset it.
 * @NOT_OWNER: another process, which lives, set it up.
 * @OWNER_GONE: another process set it up and ended.
 */
enum stage { OPENED, OWNED, SET_UP, RUNNING, AFTER_RESET, NOT_OWNER, OWNER_GONE, STAGES };

void side_open(struct record *record, const char *device, enum stage stage, bool compat);
void side_close(void);
void *arg_fill(const void *from, size_t size);
void side_settle(bool settles);
int side_workers(void);
long call(const char *name, unsigned int request, const void *arg, size_t size);
void call_at(const char *name, unsigned int request, unsigned long address);
void note(const char *name, long ret);

#endif
