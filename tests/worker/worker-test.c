// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about workers: which thread runs which queue, that one does not wait for the other, and
 * that the ioctls for workers find ours as they find the vhost core's. How threads end is in
 * ends.c, cgroups are in cgroup.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "threads.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { BUFFER = 2048, FRAMES = 20, STORM = 200, SIGNALS = 200, STEP = 37, ROUNDS = 12 };

/* ---- which threads there are ---- */

static void expect_named(unsigned int tid)
{
	char comm[32], want[32];

	assert_int_not_equal(tid, 0);
	assert_int_not_equal(tid, getpid());
	thread_read(tid, "comm", comm, sizeof(comm));
	snprintf(want, sizeof(want), "vhost-%d", getpid());
	assert_string_equal(comm, want);
}

static void expect_threads(const struct vhc_dev *dev, unsigned int count)
{
	unsigned int rx = thread_of(dev, VHC_RX), tx = thread_of(dev, VHC_TX);

	expect_named(rx);
	expect_named(tx);
	assert_int_equal(rx != tx, count == 2);
	threads_expect(count);
}

static void owned(struct vhc_dev *dev, const struct variant *variant, bool from_owner)
{
	vhc_open(dev, variant->device);
	/* Where there is no such ioctl, threads are the kernel's. */
	__vhc_set_fork_from_owner(dev, from_owner);
	vhc_set_owner(dev);
}

static void rx_and_tx_have_a_thread_each(const struct variant *variant)
{
	unsigned int from_owner;
	struct vhc_dev dev;

	for (from_owner = 0; from_owner < 2; from_owner++) {
		owned(&dev, variant, from_owner);
		expect_threads(&dev, 2);
		vhc_reset_owner(&dev);
		assert_int_equal(thread_of(&dev, VHC_RX), 0);
		assert_int_equal(thread_of(&dev, VHC_TX), 0);
		threads_expect(0);
		vhc_set_owner(&dev);
		expect_threads(&dev, 2);
		vhc_close(&dev);
		threads_expect(0);
	}
}

/* What the scheduler and the accounting know is the same for both. */
static void both_threads_are_alike(const struct variant *variant)
{
	static const char *const fields[] = {
		"Cpus_allowed", "Mems_allowed", "Uid", "Tgid", "PPid", "Seccomp", "NoNewPrivs",
	};
	char rx[4096], tx[4096];
	cpu_set_t before, one;
	unsigned int i, from_owner;
	struct vhc_dev dev;

	sched_getaffinity(0, sizeof(before), &before);
	CPU_ZERO(&one);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (from_owner = 0; from_owner < 2; from_owner++) {
		owned(&dev, variant, from_owner);
		for (i = 0; i < ARRAY_SIZE(fields); i++) {
			unsigned int tid[2] = { thread_of(&dev, VHC_RX), thread_of(&dev, VHC_TX) };

			thread_field(tid[0], fields[i], rx, sizeof(rx));
			thread_field(tid[1], fields[i], tx, sizeof(tx));
			/* A kernel thread is a process of its own. */
			if (strcmp(fields[i], "Tgid") || (unsigned int)atoi(rx) != tid[0])
				assert_string_equal(rx, tx);
		}
		thread_read(thread_of(&dev, VHC_RX), "cgroup", rx, sizeof(rx));
		thread_read(thread_of(&dev, VHC_TX), "cgroup", tx, sizeof(tx));
		assert_string_equal(rx, tx);
		vhc_close(&dev);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* ---- one does not wait for the other ---- */

/* A page of guest memory that nobody has until somebody lets go: whoever reads it sleeps. */
struct trap {
	int fd;
	struct uffdio_range range;
};

static void trap_set(struct trap *trap, const struct rig *rig, uint64_t addr)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_MISSING_SHMEM };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = vhc_mem_host(&rig->port.mem, addr);

	trap->range.start = (uintptr_t)page;
	trap->range.len = sysconf(_SC_PAGESIZE);
	reg.range = trap->range;
	trap->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	assert_true(trap->fd >= 0);
	assert_int_equal(ioctl(trap->fd, UFFDIO_API, &api), 0);
	assert_int_equal(madvise(page, reg.range.len, MADV_REMOVE), 0);
	assert_int_equal(ioctl(trap->fd, UFFDIO_REGISTER, &reg), 0);
}

/* Somebody sleeps there. */
static void trap_expect(const struct trap *trap)
{
	struct uffd_msg msg;

	assert_int_equal(read(trap->fd, &msg, sizeof(msg)), sizeof(msg));
	assert_int_equal(msg.event, UFFD_EVENT_PAGEFAULT);
}

static void trap_release(struct trap *trap)
{
	struct uffdio_zeropage zero = { .range = trap->range };

	assert_int_equal(ioctl(trap->fd, UFFDIO_ZEROPAGE, &zero), 0);
	close(trap->fd);
}

static uint64_t page_of_guest(struct rig *rig)
{
	const long page = sysconf(_SC_PAGESIZE);

	return vhc_mem_alloc_whole(&rig->port.mem, page, page);
}

static void exchange_tx(struct rig *rig, unsigned int first)
{
	struct vhc_driver *tx = rig_driver(rig, VHC_TX);
	struct vhc_used used;
	unsigned int i;

	for (i = first; i < first + FRAMES; i++) {
		rig_add_tx(rig, i);
		vhc_queue_publish(&rig->port.queue[VHC_TX]);
		rig_expect_tx(rig, i);
		rig_spin_until_used(rig, VHC_TX, tx->last_used + 1);
		assert_int_equal(vhc_driver_take_used(tx, &used), 1);
	}
}

static void exchange_rx(struct rig *rig, uint64_t buffer)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		rig_post_rx(rig, buffer, BUFFER);
		rig_send_rx(rig, i, 100);
		rig_expect_rx(rig, i);
	}
}

static void rx_goes_on_while_tx_is_held_up(const struct variant *variant)
{
	struct vhc_driver *tx;
	struct vhc_seg seg;
	struct trap trap;
	uint64_t buffer;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	tx = rig_driver(&rig, VHC_TX);
	seg.addr = page_of_guest(&rig);
	seg.len = rig.port.header_len + 60;
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	rig_start(&rig);
	trap_set(&trap, &rig, seg.addr);
	assert_true(vhc_driver_add(tx, &seg, 1, 0, 1) >= 0);
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	trap_expect(&trap);

	exchange_rx(&rig, buffer);
	assert_int_equal(vhc_driver_used_idx(tx), 0);
	trap_release(&trap);
	rig_spin_until_used(&rig, VHC_TX, 1);
	rig_close(&rig);
}

static void tx_goes_on_while_rx_is_held_up(const struct variant *variant)
{
	struct trap trap;
	uint64_t buffer;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	buffer = page_of_guest(&rig);
	rig_start(&rig);
	trap_set(&trap, &rig, buffer);
	rig_post_rx(&rig, buffer, BUFFER);
	rig_send_rx(&rig, 1, 100);
	trap_expect(&trap);

	exchange_tx(&rig, 0);
	assert_int_equal(vhc_driver_used_idx(rig_driver(&rig, VHC_RX)), 0);
	trap_release(&trap);
	rig_expect_rx(&rig, 1);
	rig_close(&rig);
}

/* ---- the parameter ---- */

static void run_on(unsigned int tid, unsigned int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(tid, sizeof(one), &one), 0);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/*
 * Nobody else wants its CPU, where there is more than one: that alone would end the poll. An
 * emulator stands still now and then.
 */
static void a_vmm_does_not_wait_for_the_end_of_a_poll(const struct variant *variant)
{
	unsigned int round, slow = 0;
	double began, total = 0;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	run_on(0, 0);
	run_on(thread_of(&rig.port.dev, VHC_RX), 0);
	run_on(thread_of(&rig.port.dev, VHC_TX), sysconf(_SC_NPROCESSORS_ONLN) - 1);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_TX, ~0U);
	for (round = 0; round < ROUNDS; round++) {
		exchange_tx(&rig, round * FRAMES);
		began = now();
		assert_int_equal(vhc_get_vring_busyloop_timeout(&rig.port.dev, VHC_TX), ~0U);
		slow += now() - began > 0.1;
		total += now() - began;
	}
	print_message("# %u of %u ioctls took more than 0.1 s; all together %.2f s\n", slow, ROUNDS,
		      total);
	assert_in_range(slow, 0, ROUNDS / 4);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_TX, 0);
	rig_close(&rig);
}

static void one_worker_can_have_both(const struct variant *variant)
{
	const struct vhc_traffic_config traffic = rig_traffic(2000);
	struct rig rig;

	rig_open_shared(&rig, variant, NULL);
	assert_int_equal(parameter_read("workers"), 2);
	expect_threads(&rig.port.dev, 1);
	rig_run(&rig, &traffic);
	/* What there is stays. */
	expect_threads(&rig.port.dev, 1);
	rig_close(&rig);
}

static void other_numbers_of_workers_are_refused(const struct variant *variant)
{
	static const char *const values[] = { "0", "3", "-1", "4294967297", "", "x" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_not_equal(parameter_write("workers", values[i]), *values[i] ? 0 : 1);
		assert_int_equal(parameter_read("workers"), 2);
	}
}

/* ---- the ioctls ---- */

static void worker_ioctls_find_both(const struct variant *variant)
{
	unsigned int rx, tx, tid, more;
	struct vhc_dev dev;

	owned(&dev, variant, true);
	if (!has_worker_ioctls(&dev)) {
		assert_result(__vhc_new_worker(&dev, &rx), -ENOTTY);
		vhc_close(&dev);
		return;
	}
	assert_result(__vhc_get_vring_worker(&dev, VHC_RX, &rx), 0);
	assert_result(__vhc_get_vring_worker(&dev, VHC_TX, &tx), 0);
	assert_int_not_equal(rx, tx);
	assert_result(__vhc_free_worker(&dev, rx), -EBUSY);
	assert_result(__vhc_free_worker(&dev, tx), -EBUSY);

	/* Both by one, and the other one can go. */
	tid = thread_of(&dev, VHC_TX);
	assert_result(__vhc_attach_vring_worker(&dev, VHC_RX, tx), 0);
	assert_int_equal(thread_of(&dev, VHC_RX), tid);
	assert_result(__vhc_free_worker(&dev, rx), 0);
	expect_threads(&dev, 1);
	assert_result(__vhc_attach_vring_worker(&dev, VHC_RX, rx), -ENODEV);

	/* One per queue again, this time by hand. */
	assert_result(__vhc_new_worker(&dev, &more), 0);
	assert_result(__vhc_attach_vring_worker(&dev, VHC_TX, more), 0);
	assert_int_equal(thread_of(&dev, VHC_RX), tid);
	expect_threads(&dev, 2);
	assert_result(__vhc_free_worker(&dev, tx), -EBUSY);
	vhc_close(&dev);
	threads_expect(0);
}

/* Each queue in turn moves to a new worker, and the one before is freed. */
static void move_queue(struct vhc_port *port, unsigned int round)
{
	unsigned int before, worker, queue = round % VHC_QUEUES;

	assert_result(__vhc_get_vring_worker(&port->dev, queue, &before), 0);
	assert_result(__vhc_new_worker(&port->dev, &worker), 0);
	assert_result(__vhc_attach_vring_worker(&port->dev, queue, worker), 0);
	assert_result(__vhc_free_worker(&port->dev, before), 0);
}

/* The same file again: its poll goes off and on, and what it has to say is said once more. */
static void set_kick(struct vhc_port *port, unsigned int round)
{
	const struct vhc_queue *queue = &port->queue[round % VHC_QUEUES];

	vhc_set_vring_kick(&port->dev, queue->index, queue->kick);
}

struct sender {
	struct vhc_traffic *traffic;
	atomic_bool stop;
	bool clean;
};

static void *send_until(void *arg)
{
	struct sender *sender = arg;

	do {
		sender->clean = vhc_traffic_run(sender->traffic);
	} while (sender->clean && !atomic_load(&sender->stop));
	return NULL;
}

/* Workers are named after the thread that asks for them, so that this one does that. */
static void all_arrives_in_a_storm(const struct variant *variant,
				   void (*change)(struct vhc_port *port, unsigned int round))
{
	const struct vhc_traffic_config frames = rig_traffic(500);
	struct sender sender = { 0 };
	struct residue before;
	pthread_t thread;
	unsigned int round;
	struct rig rig;

	residue_read(&before);
	rig_open(&rig, variant, NULL);
	sender.traffic = vhc_traffic_open(&rig.port, &frames);
	vhc_port_start(&rig.port);
	assert_int_equal(pthread_create(&thread, NULL, send_until, &sender), 0);
	for (round = 0; round < STORM; round++)
		change(&rig.port, round);
	atomic_store(&sender.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (!sender.clean)
		fail_msg("%s", vhc_traffic_report(sender.traffic)->trouble);
	expect_threads(&rig.port.dev, 2);
	vhc_traffic_close(sender.traffic);
	rig_close(&rig);
	residue_expect(&before, STORM);
}

static void workers_change_under_load(const struct variant *variant)
{
	struct vhc_dev dev;
	bool several;

	owned(&dev, variant, true);
	several = has_worker_ioctls(&dev);
	vhc_close(&dev);
	if (several)
		all_arrives_in_a_storm(variant, move_queue);
}

static void kicks_change_under_load(const struct variant *variant)
{
	all_arrives_in_a_storm(variant, set_kick);
}

/* ---- signals ---- */

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	signals++;
}

/* In so many microseconds; 0: not any more. */
static void signal_in(unsigned int usecs)
{
	const struct itimerval timer = { .it_value.tv_usec = usecs };

	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* A device behind an IOMMU, which is said before it has an owner. */
static void open_unowned(struct vhc_dev *dev, const struct variant *variant, bool from_owner)
{
	vhc_open(dev, variant->device);
	__vhc_set_fork_from_owner(dev, from_owner);
	vhc_set_features(dev, VHC_F_VERSION_1 | VHC_F_ACCESS_PLATFORM);
}

/* Only a device that is still behind an IOMMU takes this. */
static void expect_iommu(const struct vhc_dev *dev)
{
	struct vhost_msg message = {
		.type = VHOST_IOTLB_MSG,
		.iotlb = { .type = VHOST_IOTLB_INVALIDATE, .size = 4096 },
	};

	assert_int_equal(write(dev->fd, &message, sizeof(message)), sizeof(message));
}

/*
 * A signal comes while a device gets an owner, each time a little later: sooner or later between
 * its two threads. When it comes too late, the next one comes soon again. The owner notices nothing
 * but that its handler ran.
 *
 * README: "a signal that comes while a device gets its owner"
 */
static void a_signal_does_not_cost_a_thread(const struct variant *variant)
{
	const struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	unsigned int from_owner, i, usecs = 1, late = 0;
	struct residue before;
	struct vhc_dev dev;
	sig_atomic_t seen;

	residue_read(&before);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	for (from_owner = 0; from_owner < 2; from_owner++)
		for (i = 0; i < SIGNALS; i++) {
			open_unowned(&dev, variant, from_owner);
			seen = signals;
			signal_in(usecs);
			assert_result(__vhc_set_owner(&dev), 0);
			usecs = signals != seen ? usecs + STEP : 1 + late++ % STEP;
			signal_in(0);
			if (thread_of(&dev, VHC_RX) == thread_of(&dev, VHC_TX))
				fail_msg("device %u has one thread", i);
			expect_iommu(&dev);
			vhc_close(&dev);
		}
	print_message("# signals that came too late: %u of %u\n", late, 2 * SIGNALS);
	/* Half of them, if it is late whenever it is not at once: on a busy machine. */
	assert_in_range(late, 0, 2 * SIGNALS * 3 / 4);
	residue_expect(&before, 2 * SIGNALS);
}

static const struct claim claims[] = {
	ON(ON_VHOST_CUSTOM, rx_and_tx_have_a_thread_each),
	ON(ON_VHOST_CUSTOM, both_threads_are_alike),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_EVENT_IDX, 0, rx_goes_on_while_tx_is_held_up),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_EVENT_IDX, 0, tx_goes_on_while_rx_is_held_up),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_EVENT_IDX, 0,
	     a_vmm_does_not_wait_for_the_end_of_a_poll),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, 0, one_worker_can_have_both),
	ON(ON_VHOST_CUSTOM, other_numbers_of_workers_are_refused),
	ON(ON_VHOST_CUSTOM, worker_ioctls_find_both),
	ON(ON_VHOST_CUSTOM, a_signal_does_not_cost_a_thread),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, 0, workers_change_under_load),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, 0, kicks_change_under_load),
};

int main(int argc, char **argv)
{
	claims_add(claims, ARRAY_SIZE(claims));
	claims_add(cgroup_claims, cgroup_claim_num);
	claims_add(end_claims, end_claim_num);
	return claims_main(argc, argv);
}
