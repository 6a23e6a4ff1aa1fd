/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the device's worker threads cost and whether they sleep, seen through /proc.
 *
 * A worker is named vhost-PID after its owner. It is a kernel thread on Linux 6.1, and a
 * thread of the owner from 6.4 on. Callers: port.c, traffic.c and the tests.
 */
#ifndef LIBVHC_WORKER_H
#define LIBVHC_WORKER_H

#include <stdbool.h>
#include <stdint.h>

enum { VHC_WORKERS_MAX = 64 };

/**
 * struct vhc_worker - what one of them did
 * @tid: its number.
 * @nanoseconds: as of all.
 */
struct vhc_worker {
	unsigned int tid;
	uint64_t nanoseconds;
};

/**
 * struct vhc_workers - what all workers of this process's devices did up to now
 * @count: how many there are.
 * @awake: how many of them are not asleep.
 * @nanoseconds: on a CPU. Under the deterministic clock (qemu -icount shift=0) that is the
 *	number of instructions.
 * @runs: times that one got a CPU.
 * @each: the first %VHC_WORKERS_MAX of them.
 */
struct vhc_workers {
	unsigned int count;
	unsigned int awake;
	uint64_t nanoseconds;
	uint64_t runs;
	struct vhc_worker each[VHC_WORKERS_MAX];
};

void vhc_workers_read(struct vhc_workers *workers);
bool vhc_workers_settle(struct vhc_workers *workers, unsigned int timeout_ms);
uint64_t vhc_workers_busiest(const struct vhc_workers *before, const struct vhc_workers *after);

#endif
