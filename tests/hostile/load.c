// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM does to a device that frames go through at this moment: it changes everything, from
 * many threads; or it dies.
 *
 * Caller: hostile-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "frame.h"
#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	CHANGES = 200,
	STORM = 1500,		/* ioctls of each thread */
	THREADS = 4,
	KILLS = 3,
	FRAMES = 100,
};

static const struct vhc_dev *device(const struct hostile *hostile)
{
	return &hostile->rig.port.dev;
}

/* ---- frames ---- */

/* Some both ways; where they end is no matter. */
static void send_some(struct hostile *hostile)
{
	struct vhc_driver *tx = rig_driver(&hostile->rig, VHC_TX);
	struct vhc_driver *rx = rig_driver(&hostile->rig, VHC_RX);
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = HOSTILE_RX_LEN };
	struct virtio_net_hdr header;
	struct vhc_used used;
	char frame[100];
	unsigned int i;

	vhc_frame_header(&header, false);
	vhc_frame_build(frame, sizeof(frame), VHC_RX, 0, false);
	for (i = 0; i < 16; i++) {
		const struct vhc_seg out = rig_tx_seg(&hostile->rig, i);

		vhc_driver_add(tx, &out, 1, 0, i);
		vhc_driver_add(rx, &seg, 0, 1, 0);
		/* -ENOBUFS: nobody takes them at the moment. */
		vhc_tap_send(&hostile->rig.port.tap, &header, frame, sizeof(frame));
	}
	vhc_driver_publish(tx);
	vhc_driver_publish(rx);
	vhc_queue_kick(&hostile->rig.port.queue[VHC_TX]);
	vhc_queue_kick(&hostile->rig.port.queue[VHC_RX]);
	while (vhc_driver_take_used(tx, &used) > 0)
		;
	while (vhc_driver_take_used(rx, &used) > 0)
		;
}

/* ---- one thread that changes something ---- */

struct changer {
	struct hostile *hostile;
	void (*change)(struct hostile *hostile, unsigned int number);
	unsigned int changes;
	atomic_bool done;
};

static void *change(void *arg)
{
	struct changer *changer = arg;
	unsigned int i;

	for (i = 0; i < changer->changes; i++)
		changer->change(changer->hostile, i);
	atomic_store(&changer->done, true);
	return NULL;
}

static void under_load(struct hostile *hostile,
		       void (*what)(struct hostile *hostile, unsigned int number))
{
	struct changer changer = { .hostile = hostile, .change = what, .changes = CHANGES };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, change, &changer), 0);
	while (!atomic_load(&changer.done)) {
		send_some(hostile);
		sched_yield();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* All of it, or its first half: what is in the second is out of bounds at once. */
static void set_memory(struct hostile *hostile, unsigned int number)
{
	struct vhost_memory *table = vhc_mem_table(&hostile->rig.port.mem);

	if (number % 2 == 0)
		table->regions[0].memory_size = hostile->rig.tx_slots + 4096 - VHC_MEM_BASE;
	sight_answer(hostile, "SET_MEM_TABLE", __vhc_set_mem_table(device(hostile), table), 0);
	free(table);
}

static void memory_that_shrinks_and_grows(struct hostile *hostile)
{
	under_load(hostile, set_memory);
}

static void no_memory(struct hostile *hostile, unsigned int number)
{
	struct vhost_memory *table = vhc_mem_table(&hostile->rig.port.mem);

	table->nregions = number % 2;
	sight_answer(hostile, "SET_MEM_TABLE", __vhc_set_mem_table(device(hostile), table), 0);
	free(table);
}

static void memory_that_goes_and_comes(struct hostile *hostile)
{
	under_load(hostile, no_memory);
}

/* Two regions at the same guest addresses, and a third one above. */
static void overlap(struct hostile *hostile, unsigned int number)
{
	struct vhost_memory *one = vhc_mem_table(&hostile->rig.port.mem), *table;
	unsigned int i;

	table = calloc(1, sizeof(*table) + 3 * sizeof(table->regions[0]));
	assert_non_null(table);
	table->nregions = number % 2 ? 1 : 3;
	for (i = 0; i < 3; i++)
		table->regions[i] = one->regions[0];
	table->regions[2].guest_phys_addr += 4096;
	sight_answer(hostile, "SET_MEM_TABLE", __vhc_set_mem_table(device(hostile), table), 0);
	free(table);
	free(one);
}

static void memory_regions_that_overlap(struct hostile *hostile)
{
	under_load(hostile, overlap);
}

static void set_backend(struct hostile *hostile, unsigned int number)
{
	const int fd = number % 3 == 2 ? -1 : hostile->rig.port.tap.fd;

	sight_answer(hostile, "NET_SET_BACKEND",
		     __vhc_net_set_backend(device(hostile), number / 3 % 2, fd), 0);
}

static void backends_that_come_and_go(struct hostile *hostile)
{
	under_load(hostile, set_backend);
}

/* CVE-2013-4127: to another tap, and back. */
static void move_backend(struct hostile *hostile, unsigned int number)
{
	const int *fds = hostile->aux;

	sight_answer(hostile, "NET_SET_BACKEND",
		     __vhc_net_set_backend(device(hostile), number / 2 % 2, fds[number % 2]), 0);
}

static void backends_that_move(struct hostile *hostile)
{
	struct vhc_tap other;
	int fds[2];

	vhc_tap_create(&other, VHC_TAP, hostile->rig.port.header_len, 1000);
	fds[0] = other.fd;
	fds[1] = hostile->rig.port.tap.fd;
	hostile->aux = fds;
	under_load(hostile, move_backend);
	vhc_net_set_backend(device(hostile), VHC_RX, fds[1]);
	vhc_net_set_backend(device(hostile), VHC_TX, fds[1]);
	vhc_tap_destroy(&other);
}

static void set_eventfds(struct hostile *hostile, unsigned int number)
{
	struct vhc_queue *queue = &hostile->rig.port.queue[number / 2 % 2];
	const bool away = number % 2 == 0;

	vhc_set_vring_kick(device(hostile), queue->index, away ? -1 : queue->kick);
	vhc_set_vring_call(device(hostile), queue->index, away ? -1 : queue->call);
	vhc_set_vring_err(device(hostile), queue->index, away ? -1 : queue->err);
	__vhc_set_log_fd(device(hostile), away ? -1 : queue->err);
}

static void eventfds_that_come_and_go(struct hostile *hostile)
{
	under_load(hostile, set_eventfds);
	vhc_set_log_fd(device(hostile), -1);
}

static void move_ring(struct hostile *hostile, unsigned int number)
{
	struct vhost_vring_addr addr, good;

	vhc_port_addr(&hostile->rig.port, number / 2 % 2, &good);
	addr = good;
	if (number % 2 == 0) {
		addr.desc_user_addr = addr.used_user_addr;
		addr.avail_user_addr = 4096;
	}
	sight_answer(hostile, "SET_VRING_ADDR", __vhc_set_vring_addr(device(hostile), &addr), 0);
}

static void rings_that_move(struct hostile *hostile)
{
	under_load(hostile, move_ring);
}

static void switch_log(struct hostile *hostile, unsigned int number)
{
	const uint64_t features = hostile->rig.port.features;

	sight_answer(hostile, "SET_FEATURES",
		     __vhc_set_features(device(hostile),
					features | (number % 2 ? 0 : VHC_F_LOG_ALL)), 0);
}

/* And it is only a page. */
static void a_log_that_is_too_small(struct hostile *hostile)
{
	char *log = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(log, MAP_FAILED);
	assert_int_equal(munmap(log + 4096, 4096), 0);
	vhc_set_log_base(device(hostile), (uintptr_t)log + 4096 - 8);
	under_load(hostile, switch_log);
	munmap(log, 4096);
}

/* CVE-2023-1838: the descriptor is another file's each time that it is looked up. */
static void swap_file(struct hostile *hostile, unsigned int number)
{
	const int *fds = hostile->aux;

	if (dup2(fds[number % 3], fds[3]) != fds[3])
		sight_says(hostile, "dup2 fails");
	sched_yield();
}

static void a_backend_that_is_swapped_meanwhile(struct hostile *hostile)
{
	struct changer changer = { .hostile = hostile, .change = swap_file,
				   .changes = 10 * CHANGES };
	int fds[4], ret;
	pthread_t thread;

	fds[0] = hostile->rig.port.tap.fd;
	fds[1] = eventfd(0, EFD_CLOEXEC);
	fds[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[3] = dup(fds[0]);
	hostile->aux = fds;
	assert_int_equal(pthread_create(&thread, NULL, change, &changer), 0);
	while (!atomic_load(&changer.done)) {
		ret = __vhc_net_set_backend(device(hostile), VHC_TX, fds[3]);
		if (ret != -ENOTSOCK)
			sight_answer(hostile, "NET_SET_BACKEND", ret, 0);
		vhc_net_set_backend(device(hostile), VHC_TX, -1);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	vhc_net_set_backend(device(hostile), VHC_TX, fds[0]);
	close(fds[1]);
	close(fds[2]);
	close(fds[3]);
}

/* ---- all at once ---- */

/* As a VMM does that begins anew. */
static void set_up_again(struct hostile *hostile)
{
	const struct vhc_dev *dev = device(hostile);
	struct vhc_port *port = &hostile->rig.port;
	struct vhost_memory *table = vhc_mem_table(&port->mem);
	struct vhost_vring_addr addr;
	unsigned int i;

	__vhc_reset_owner(dev);
	vhc_set_owner(dev);
	vhc_set_features(dev, port->features);
	vhc_set_mem_table(dev, table);
	free(table);
	for (i = 0; i < VHC_QUEUES; i++) {
		struct vhc_queue *queue = &port->queue[i];

		vhc_driver_rewind(&queue->driver, 0);
		vhc_port_addr(port, i, &addr);
		vhc_set_vring_num(dev, i, queue->driver.num);
		vhc_set_vring_base(dev, i, vhc_driver_base(&queue->driver));
		vhc_set_vring_addr(dev, &addr);
		vhc_set_vring_kick(dev, i, queue->kick);
		vhc_set_vring_call(dev, i, queue->call);
		vhc_set_vring_err(dev, i, queue->err);
		vhc_set_vring_busyloop_timeout(dev, i, 0);
	}
	vhc_port_start(port);
}

static void reset(struct hostile *hostile, unsigned int number)
{
	if (number % 20 == 0)
		set_up_again(hostile);
}

static void owners_that_are_reset(struct hostile *hostile)
{
	under_load(hostile, reset);
}

/* With arguments that are right now and then. */
static void any_ioctl(struct hostile *hostile, uint32_t random)
{
	struct vhc_port *port = &hostile->rig.port;
	const struct vhc_dev *dev = device(hostile);
	struct vhost_vring_addr addr;
	const unsigned int index = random >> 4 & 1, odd = random >> 5 & 1;
	unsigned int value;

	switch (random % 16) {
	case 0:
		__vhc_set_features(dev, odd ? port->features : random);
		break;
	case 1:
		set_memory(hostile, random >> 5);
		break;
	case 2:
		__vhc_set_vring_num(dev, index, odd ? 256 : random >> 8);
		break;
	case 3:
		vhc_port_addr(port, index, &addr);
		addr.used_user_addr += odd ? 0 : (random >> 8) * 4;
		__vhc_set_vring_addr(dev, &addr);
		break;
	case 4:
		__vhc_set_vring_base(dev, index, random >> 8);
		break;
	case 5:
		__vhc_get_vring_base(dev, index, &value);
		break;
	case 6:
		__vhc_set_vring_kick(dev, index, odd ? -1 : port->queue[index].kick);
		break;
	case 7:
		__vhc_set_vring_call(dev, index, odd ? -1 : port->queue[index].call);
		break;
	case 8:
		__vhc_set_vring_err(dev, index, odd ? -1 : port->queue[index].err);
		break;
	case 9:
		__vhc_set_log_base(dev, odd ? (uintptr_t)port->mem.host[0] : random);
		break;
	case 10:
		__vhc_set_vring_busyloop_timeout(dev, index, random >> 20);
		break;
	case 11:
		__vhc_set_backend_features(dev, odd ? 0 : 2);
		break;
	case 12:
		__vhc_new_worker(dev, &value);
		break;
	case 13:
		__vhc_attach_vring_worker(dev, index, random >> 20 & 3);
		break;
	case 14:
		__vhc_free_worker(dev, random >> 20 & 3);
		break;
	default:
		__vhc_net_set_backend(dev, index, odd ? -1 : port->tap.fd);
	}
}

static void *storm(void *arg)
{
	static atomic_uint seeds;
	uint32_t random = atomic_fetch_add(&seeds, 1) + 1;
	struct changer *changer = arg;
	unsigned int i;

	for (i = 0; i < STORM; i++) {
		random = random * 1664525 + 1013904223;
		any_ioctl(changer->hostile, random >> 4);
	}
	atomic_fetch_add((atomic_uint *)changer->hostile->aux, 1);
	return NULL;
}

/* No answer counts here, only what is left. */
static void ioctls_of_many_threads(struct hostile *hostile)
{
	struct changer changer = { .hostile = hostile };
	pthread_t thread[THREADS];
	atomic_uint done = 0;
	unsigned int i;

	hostile->aux = &done;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, storm, &changer), 0);
	while (atomic_load(&done) < THREADS) {
		send_some(hostile);
		sched_yield();
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	*hostile->sight->answer = '\0';
}

/* ---- the end ---- */

/* Has all files of its parent's, until the attack's process closes its end of a pipe. */
static void hold_files(const int *held)
{
	char byte;

	if (fork())
		return;
	close(held[1]);
	_exit(read(held[0], &byte, 1) ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* A process with a device under load; it says when frames flow. */
static pid_t start_victim(struct hostile *hostile, int *ready, bool ends)
{
	struct hostile victim = { .sight = hostile->sight };
	unsigned int i;
	int pipes[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hostile_open(&victim, hostile->rig.variant, VHC_TX);
		if (hostile->aux)
			hold_files(hostile->aux);
		for (i = 0; !ends || i < 20; i++) {
			send_some(&victim);
			if (i == 5 && write(pipes[1], "", 1) != 1)
				break;
		}
		vhc_close(&victim.rig.port.dev);
		_exit(EXIT_SUCCESS);
	}
	close(pipes[1]);
	*ready = read(pipes[0], &byte, 1) == 1;
	close(pipes[0]);
	return pid;
}

static void expect_end(struct hostile *hostile, pid_t pid)
{
	struct pollfd fd = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };

	if (poll(&fd, 1, RIG_PATIENCE_MS) != 1 || waitpid(pid, NULL, 0) != pid)
		sight_says(hostile, "the process does not end");
	close(fd.fd);
}

static void a_kill_under_load(struct hostile *hostile)
{
	unsigned int i;
	int ready;
	pid_t pid;

	for (i = 0; i < KILLS; i++) {
		pid = start_victim(hostile, &ready, false);
		assert_true(ready);
		assert_int_equal(kill(pid, SIGKILL), 0);
		expect_end(hostile, pid);
	}
}

static void a_close_under_load(struct hostile *hostile)
{
	unsigned int i;
	int ready;
	pid_t pid;

	for (i = 0; i < KILLS; i++) {
		pid = start_victim(hostile, &ready, true);
		assert_true(ready);
		expect_end(hostile, pid);
	}
}

/* Another process has the file, too, and closes it later. */
static void a_file_that_outlives_its_owner(struct hostile *hostile)
{
	int ready, held[2];
	pid_t pid;

	assert_int_equal(pipe2(held, O_CLOEXEC), 0);
	hostile->aux = held;
	pid = start_victim(hostile, &ready, false);
	assert_true(ready);
	assert_int_equal(kill(pid, SIGKILL), 0);
	expect_end(hostile, pid);
	close(held[0]);
	close(held[1]);
}

/* ---- the tap ---- */

static void send_frames(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		rig_add_tx(&hostile->rig, i);
	vhc_queue_publish(hostile_queue(hostile));
}

static void a_tap_that_is_down(struct hostile *hostile)
{
	vhc_tap_set_up(&hostile->rig.port.tap, false);
	send_frames(hostile);
}

static void up_again(struct hostile *hostile)
{
	vhc_tap_set_up(&hostile->rig.port.tap, true);
	vhc_tap_detach(&hostile->rig.port.tap);
	vhc_tap_attach(&hostile->rig.port.tap, VHC_FRAME_PROTOCOL);
}

/* W2: nobody takes the frames any more. README: "frames sent while the tap has no device" */
static void a_tap_that_is_deleted(struct hostile *hostile)
{
	char command[64];

	snprintf(command, sizeof(command), "ip link del %s", hostile->rig.port.tap.name);
	assert_int_equal(system(command), 0);
	send_frames(hostile);
}

static void another_tap(struct hostile *hostile)
{
	struct vhc_port *port = &hostile->rig.port;
	unsigned int index;

	vhc_port_stop(port);
	vhc_tap_destroy(&port->tap);
	vhc_tap_create(&port->tap, VHC_TAP, port->header_len, 1000);
	vhc_tap_attach(&port->tap, VHC_FRAME_PROTOCOL);
	if (hostile->attack->send_buffer)
		vhc_tap_set_sndbuf(&port->tap, hostile->attack->send_buffer);
	for (index = 0; index < VHC_QUEUES; index++)
		vhc_net_set_backend(&port->dev, index, port->tap.fd);
}

#define LOAD(outcome_, apply_, ...) ATTACK(VMM, VHC_TX, outcome_, apply_, ##__VA_ARGS__)

static const struct attack list[] = {
	LOAD(RUINED, memory_that_shrinks_and_grows),
	LOAD(RUINED, memory_that_goes_and_comes),
	LOAD(RUINED, memory_regions_that_overlap),
	LOAD(RUINED, backends_that_come_and_go),
	LOAD(RUINED, backends_that_move),
	LOAD(RUINED, eventfds_that_come_and_go),
	LOAD(RUINED, rings_that_move),
	LOAD(RUINED, a_log_that_is_too_small),
	LOAD(RUINED, a_backend_that_is_swapped_meanwhile),
	LOAD(RUINED, owners_that_are_reset, .repair = set_up_again),
	LOAD(RUINED, ioctls_of_many_threads, .repair = set_up_again),
	LOAD(IGNORED, a_kill_under_load),
	LOAD(IGNORED, a_close_under_load),
	LOAD(IGNORED, a_file_that_outlives_its_owner),
	LOAD(SURVIVED, a_tap_that_is_down, .repair = up_again, .chains = FRAMES),
	LOAD(SURVIVED, a_tap_that_is_deleted, .repair = another_tap, .chains = FRAMES),
	{ .name = "a_tap_that_is_deleted_alone", .group = VMM, .outcome = SURVIVED,
	  .index = VHC_TX, .reason = ANY_REASON, .apply = a_tap_that_is_deleted,
	  .repair = another_tap, .chains = FRAMES, .send_buffer = 1 << 20 },
};

const struct attacks load_attacks = { list, ARRAY_SIZE(list) };
