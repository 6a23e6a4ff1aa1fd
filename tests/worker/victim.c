// SPDX-License-Identifier: GPL-2.0
/*
 * A process of its own that has a device, for whoever wants to do something to it.
 *
 * Callers: ends.c, cgroup.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "threads.h"
#include "victim.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static void leave(const char *message)
{
	print_error("%s\n", message);
	_exit(1);
}

/**
 * victim_start() - start the process
 * @victim: filled.
 * @run: what it does.
 * @variant: with which device.
 */
void victim_start(struct victim *victim, victim_fn run, const struct variant *variant)
{
	victim->told = mmap(NULL, sizeof(*victim->told), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(victim->told, MAP_FAILED);
	fflush(NULL);
	victim->pid = fork();
	assert_true(victim->pid >= 0);
	if (victim->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	vhc_on_failure(leave);
	run(variant, victim->told);
	_exit(1);	/* it was to be killed before */
}

/**
 * victim_kill() - the end of it
 * @victim: the process; on return it is gone.
 */
void victim_kill(struct victim *victim)
{
	int status;

	assert_int_equal(kill(victim->pid, SIGKILL), 0);
	assert_int_equal(waitpid(victim->pid, &status, 0), victim->pid);
	if (!WIFSIGNALED(status))
		fail_msg("process %d ended by itself", victim->pid);
	munmap(victim->told, sizeof(*victim->told));
}

/**
 * victim_send_frames() - a device under load, both ways; for victim_start()
 * @variant: the device.
 * @told: filled.
 */
void victim_send_frames(const struct variant *variant, struct told *told)
{
	struct vhc_traffic_config frames = rig_traffic(0);
	struct vhc_port_config config = { .ring_size = 256 };
	struct vhc_traffic *traffic;
	struct rig rig;

	frames.seconds = 3600;
	frames.stall_ms = 600000;	/* it may be held up */
	config.mem_size = vhc_traffic_mem_size(&frames, variant->features, config.ring_size, 0);
	rig_open(&rig, variant, &config);
	traffic = vhc_traffic_open(&rig.port, &frames);
	vhc_port_start(&rig.port);
	strcpy(told->tap, rig.port.tap.name);
	atomic_store(&told->dev, rig.port.dev.fd);
	vhc_traffic_run(traffic);
}

/**
 * victim_become_owner() - a device gets an owner, again and again; for victim_start()
 * @variant: the device.
 * @told: counts.
 */
void victim_become_owner(const struct variant *variant, struct told *told)
{
	struct vhc_dev dev;

	for (;;) {
		vhc_open(&dev, variant->device);
		vhc_set_owner(&dev);
		if (atomic_fetch_add(&told->rounds, 1) % 2) {
			vhc_reset_owner(&dev);
			vhc_set_owner(&dev);
		}
		vhc_close(&dev);
	}
}

/**
 * victim_moved() - frames of victim_send_frames() that were moved, one way or the other: the fewer
 * @victim: the process.
 */
unsigned int victim_moved(const struct victim *victim)
{
	unsigned int rx = 0, tx = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", victim->pid,
		 atomic_load(&victim->told->dev));
	find_number(path, "rx_packets", &rx);
	find_number(path, "tx_packets", &tx);
	return rx < tx ? rx : tx;
}

/**
 * victim_wait() - wait until victim_send_frames() has moved enough
 * @victim: the process.
 * @frames: each way.
 */
void victim_wait(const struct victim *victim, unsigned int frames)
{
	unsigned int waited;

	for (waited = 0; waited < RIG_PATIENCE_MS; waited++) {
		if (atomic_load(&victim->told->dev) && victim_moved(victim) >= frames)
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("process %d does not move %u frames", victim->pid, frames);
}

/**
 * victim_take_device() - have the process's device open, too
 * @victim: the process.
 *
 * Return: a descriptor.
 */
int victim_take_device(const struct victim *victim)
{
	int pidfd = syscall(SYS_pidfd_open, victim->pid, 0);
	int fd = syscall(SYS_pidfd_getfd, pidfd, atomic_load(&victim->told->dev), 0);

	close(pidfd);
	if (fd < 0)
		fail_msg("pidfd_getfd: %s", strerror(errno));
	return fd;
}
