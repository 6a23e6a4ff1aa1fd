// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM that takes memory away which the device uses: without access, unmapped, of a file that
 * became shorter, or under a userfaultfd.
 *
 * Caller: hostile-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/userfaultfd.h>

#include "neighbour.h"
#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { PAGE = 4096 };

/* A page that nothing else is in. */
static uint64_t own_page(const struct hostile *hostile)
{
	return hostile->buffer + 128 * 1024;
}

static void *own_host(const struct hostile *hostile)
{
	return vhc_mem_host(&hostile->rig.port.mem, own_page(hostile));
}

static void add_own_page(struct hostile *hostile)
{
	hostile_add_desc(hostile, own_page(hostile), HOSTILE_RX_LEN,
			 hostile->attack->index == VHC_RX ? VRING_DESC_F_WRITE : 0, 0);
}

/* ---- buffers ---- */

static void a_buffer_without_access(struct hostile *hostile)
{
	assert_int_equal(mprotect(own_host(hostile), PAGE, PROT_NONE), 0);
	add_own_page(hostile);
}

static void a_buffer_that_is_read_only(struct hostile *hostile)
{
	assert_int_equal(mprotect(own_host(hostile), PAGE, PROT_READ), 0);
	add_own_page(hostile);
}

static void a_buffer_that_is_unmapped(struct hostile *hostile)
{
	assert_int_equal(munmap(own_host(hostile), PAGE), 0);
	add_own_page(hostile);
}

/* Its first page is there, the second one is not. */
static void a_buffer_half_of_which_is_unmapped(struct hostile *hostile)
{
	assert_int_equal(munmap((char *)own_host(hostile) + PAGE, PAGE), 0);
	hostile_add_desc(hostile, own_page(hostile) + PAGE - 100, HOSTILE_RX_LEN,
			 hostile->attack->index == VHC_RX ? VRING_DESC_F_WRITE : 0, 0);
}

/* SIGBUS, for a process. */
static void a_buffer_in_a_truncated_file(struct hostile *hostile)
{
	int fd = memfd_create("truncated", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_ptr_equal(mmap(own_host(hostile), PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, fd, 0), own_host(hostile));
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	add_own_page(hostile);
}

static void a_table_without_access(struct hostile *hostile)
{
	assert_int_equal(mprotect(own_host(hostile), PAGE, PROT_NONE), 0);
	hostile_add_desc(hostile, own_page(hostile), 32, VRING_DESC_F_INDIRECT, 0);
}

static void a_table_in_a_truncated_file(struct hostile *hostile)
{
	a_buffer_in_a_truncated_file(hostile);
	vhc_driver_rewrite(hostile->driver, hostile->driver->out[(hostile->driver->out_first +
			   hostile->driver->out_num - 1) % hostile->driver->num],
			   own_page(hostile), 32, VRING_DESC_F_INDIRECT, 0);
}

/* Both, 200 frames each: what was taken from the tap is lost, but not the buffers. */
static void a_buffer_without_access_again_and_again(struct hostile *hostile)
{
	unsigned int i;

	assert_int_equal(mprotect(own_host(hostile), PAGE, PROT_NONE), 0);
	for (i = 0; i < 200; i++)
		add_own_page(hostile);
	vhc_queue_publish(hostile_queue(hostile));
	for (i = 0; i < 200 && hostile->attack->index == VHC_RX; i++)
		hostile_send_rx(hostile);
}

/* ---- rings ---- */

/* Whole pages; something of the other queue may be in them, too. */
static char *area_pages(const struct vhc_area *area, size_t *size)
{
	const uintptr_t start = (uintptr_t)area->host / PAGE * PAGE;

	*size = ((uintptr_t)area->host + area->len - start + PAGE - 1) / PAGE * PAGE;
	return (char *)start;
}

/* The device, but not the driver, which is in this process, looks while it is not there. */
static void look_without(struct hostile *hostile, unsigned int which, bool unmap)
{
	const struct vhc_area *area = &hostile->driver->area[which];
	size_t size;
	char *pages = area_pages(area, &size);
	void *elsewhere = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	rig_add_tx(&hostile->rig, hostile->number);
	vhc_driver_publish(hostile->driver);
	if (unmap)
		assert_ptr_equal(mremap(pages, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
					elsewhere), elsewhere);
	else
		assert_int_equal(mprotect(pages, size, PROT_NONE), 0);
	vhc_queue_kick(hostile_queue(hostile));
	sight_wait(hostile, NULL);
	if (unmap)
		assert_ptr_equal(mremap(elsewhere, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
					pages), pages);
	else
		assert_int_equal(mprotect(pages, size, PROT_READ | PROT_WRITE), 0);
	if (hostile->rig.variant->custom &&
	    !hostile_bad_count(hostile, VHC_TX, VHOST_CUSTOM_BAD_RING))
		sight_says(hostile, "not counted as a bad ring");
}

static void descriptors_without_access(struct hostile *hostile)
{
	look_without(hostile, VHC_DESC_AREA, false);
}

static void an_available_ring_without_access(struct hostile *hostile)
{
	look_without(hostile, VHC_DRIVER_AREA, false);
}

static void a_used_ring_without_access(struct hostile *hostile)
{
	look_without(hostile, VHC_DEVICE_AREA, false);
}

static void descriptors_that_are_unmapped(struct hostile *hostile)
{
	look_without(hostile, VHC_DESC_AREA, true);
}

static void an_available_ring_that_is_unmapped(struct hostile *hostile)
{
	look_without(hostile, VHC_DRIVER_AREA, true);
}

static void a_used_ring_that_is_unmapped(struct hostile *hostile)
{
	look_without(hostile, VHC_DEVICE_AREA, true);
}

/* ---- userfaultfd ---- */

/* The page is missing from now on, until it is given. */
static int take_page(struct hostile *hostile)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)own_host(hostile), .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, UFFDIO_API, &api), 0);
	assert_int_equal(madvise(own_host(hostile), PAGE, MADV_REMOVE), 0);
	assert_int_equal(ioctl(fd, UFFDIO_REGISTER, &range), 0);
	return fd;
}

static void give_page(struct hostile *hostile, int fd)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)own_host(hostile), .len = PAGE },
	};

	assert_int_equal(ioctl(fd, UFFDIO_ZEROPAGE, &zero), 0);
}

static void expect_question(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, RIG_PATIENCE_MS), 1);
}

/* Nobody answers the worker for a while; only its own queue may wait. */
static void a_buffer_under_a_userfaultfd(struct hostile *hostile)
{
	const unsigned int other = hostile->attack->index == VHC_TX ? VHC_RX : VHC_TX;
	int fd = take_page(hostile);

	add_own_page(hostile);
	vhc_queue_publish(hostile_queue(hostile));
	if (hostile->attack->index == VHC_RX)
		hostile_send_rx(hostile);
	expect_question(fd);
	if (!sight_works(hostile, other))
		sight_says(hostile, "the other queue waits, too");
	if (!neighbour_works(hostile->rig.variant->custom))
		sight_says(hostile, "another device waits, too");
	give_page(hostile, fd);
	close(fd);
}

/* A VMM that is killed while the worker waits for an answer of its. */
static void a_kill_under_a_userfaultfd(struct hostile *hostile)
{
	struct hostile victim = { .sight = hostile->sight };
	int pipes[2], fd, status;
	struct pollfd ended;
	char ready;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pipes[0]);
		hostile_open(&victim, hostile->rig.variant, VHC_TX);
		fd = take_page(&victim);
		add_own_page(&victim);
		vhc_queue_publish(hostile_queue(&victim));
		expect_question(fd);
		if (write(pipes[1], "", 1) == 1)
			pause();
		_exit(EXIT_FAILURE);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &ready, 1), 1);
	close(pipes[0]);
	ended.fd = syscall(SYS_pidfd_open, pid, 0);
	ended.events = POLLIN;
	assert_int_equal(kill(pid, SIGKILL), 0);
	if (poll(&ended, 1, RIG_PATIENCE_MS) == 1)
		assert_int_equal(waitpid(pid, &status, 0), pid);
	else
		sight_says(hostile, "the process does not end");
	close(ended.fd);
}

#define BUFFER(index_, reason_, add_, ...) CHAIN(VMM, index_, reason_, add_, ##__VA_ARGS__)
#define NAMED(name_, index_, reason_, add_, ...) \
	{ .name = name_, .group = VMM, .outcome = REFUSED, .index = (index_), \
	  .reason = VHOST_CUSTOM_BAD_##reason_, .chains = 1, .add = add_, ##__VA_ARGS__ }
#define RINGS_AWAY(apply_, ...) \
	ATTACK(VMM, VHC_TX, SURVIVED, apply_, .kick = true, ##__VA_ARGS__)

static const struct attack list[] = {
	NAMED("a_frame_without_access", VHC_TX, FAULT, a_buffer_without_access),
	NAMED("a_frame_without_access_alone", VHC_TX, FAULT, a_buffer_without_access,
	      .send_buffer = 1 << 20),
	NAMED("a_frame_that_is_unmapped", VHC_TX, FAULT, a_buffer_that_is_unmapped),
	NAMED("a_frame_half_of_which_is_unmapped", VHC_TX, FAULT,
	      a_buffer_half_of_which_is_unmapped),
	NAMED("a_frame_in_a_truncated_file", VHC_TX, FAULT, a_buffer_in_a_truncated_file),
	NAMED("a_frame_in_a_truncated_file_alone", VHC_TX, FAULT, a_buffer_in_a_truncated_file,
	      .send_buffer = 1 << 20),
	BUFFER(VHC_RX, FAULT, a_buffer_without_access),
	BUFFER(VHC_RX, FAULT, a_buffer_that_is_read_only),
	BUFFER(VHC_RX, FAULT, a_buffer_that_is_unmapped),
	BUFFER(VHC_RX, FAULT, a_buffer_in_a_truncated_file),
	BUFFER(VHC_TX, FAULT, a_table_without_access),
	BUFFER(VHC_TX, FAULT, a_table_in_a_truncated_file),
	ATTACK(VMM, VHC_RX, SURVIVED, a_buffer_without_access_again_and_again, .chains = 200),
	RINGS_AWAY(descriptors_without_access),
	RINGS_AWAY(an_available_ring_without_access),
	RINGS_AWAY(a_used_ring_without_access),
	RINGS_AWAY(descriptors_that_are_unmapped),
	RINGS_AWAY(an_available_ring_that_is_unmapped),
	RINGS_AWAY(a_used_ring_that_is_unmapped),
	{ .name = "a_frame_under_a_userfaultfd", .group = VMM, .outcome = SURVIVED,
	  .index = VHC_TX, .reason = ANY_REASON, .apply = a_buffer_under_a_userfaultfd,
	  .chains = 1 },
	{ .name = "a_buffer_under_a_userfaultfd", .group = VMM, .outcome = SURVIVED,
	  .index = VHC_RX, .reason = ANY_REASON, .apply = a_buffer_under_a_userfaultfd },
	ATTACK(VMM, VHC_TX, IGNORED, a_kill_under_a_userfaultfd),
};

const struct attacks memory_attacks = { list, ARRAY_SIZE(list) };
