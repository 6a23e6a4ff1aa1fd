// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about cgroups: both threads are in the owner's, and what happens to that happens to them.
 *
 * A thread of the owner's is in the owner's cgroup whatever happens; a kernel thread, as on Linux
 * 6.1, is where the owner was when it became one. Caller: worker-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "threads.h"
#include "victim.h"

#define CGROUPS "/sys/fs/cgroup"

enum { NAME = 64, TEXT = 4096 };

/* ---- cgroups ---- */

static void cgroup_write(const char *cgroup, const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), CGROUPS "%s/%s", cgroup, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail_msg("\"%s\" to %s: %s", text, path, strerror(errno));
	close(fd);
}

/* Each test has cgroups of its own: one that fails leaves its behind. */
static void cgroup_create(char *cgroup, size_t size)
{
	static unsigned int number;
	char path[128];

	snprintf(cgroup, size, "/vhc-%d-%u", getpid(), number++);
	cgroup_write("", "cgroup.subtree_control", "+cpuset +pids");
	snprintf(path, sizeof(path), CGROUPS "%s", cgroup);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* What was in it leaves it a little after its end. */
static void cgroup_remove(const char *cgroup)
{
	char path[128];
	unsigned int waited;

	snprintf(path, sizeof(path), CGROUPS "%s", cgroup);
	for (waited = 0; rmdir(path); waited++) {
		if (errno != EBUSY || waited == RIG_PATIENCE_MS)
			fail_msg("rmdir %s: %s", path, strerror(errno));
		poll(NULL, 0, 1);
	}
}

static void cgroup_move(const char *cgroup, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	cgroup_write(cgroup, "cgroup.procs", text);
}

/* Version 2 alone: of version 1, as some hosts have it beside, there is none here. */
static void expect_in(const char *cgroup, unsigned int tid)
{
	char text[TEXT], want[128];

	thread_read(tid, "cgroup", text, sizeof(text));
	snprintf(want, sizeof(want), "0::%s", *cgroup ? cgroup : "/");
	if (!strstr(text, want) || strcmp(strstr(text, want), want))
		fail_msg("thread %u is in %s, not in %s", tid, text, want);
}

/* ---- claims ---- */

static void threads_are_in_the_owner_s_cgroup(const struct variant *variant)
{
	unsigned int from_owner, queue;
	char cgroup[NAME], cpu[24], text[64];
	struct vhc_dev dev;

	cgroup_create(cgroup, sizeof(cgroup));
	snprintf(cpu, sizeof(cpu), "%ld", sysconf(_SC_NPROCESSORS_ONLN) - 1);
	cgroup_write(cgroup, "cpuset.cpus", cpu);
	cgroup_move(cgroup, getpid());
	for (from_owner = 0; from_owner < 2; from_owner++) {
		vhc_open(&dev, variant->device);
		__vhc_set_fork_from_owner(&dev, from_owner);
		vhc_set_owner(&dev);
		assert_int_not_equal(thread_of(&dev, VHC_RX), thread_of(&dev, VHC_TX));
		for (queue = 0; queue < VHC_QUEUES; queue++) {
			expect_in(cgroup, thread_of(&dev, queue));
			thread_field(thread_of(&dev, queue), "Cpus_allowed_list", text,
				     sizeof(text));
			assert_string_equal(text, cpu);
		}
		vhc_close(&dev);
	}
	cgroup_move("", getpid());
	cgroup_remove(cgroup);
}

/* What vhost_custom(4) proposes: a threaded cgroup below the owner's, with CPUs of its own. */
static void a_queue_has_a_cgroup_of_its_own(const struct variant *variant)
{
	const struct vhc_traffic_config traffic = rig_traffic(1000);
	char cgroup[NAME], rx[NAME + 32], text[64];
	struct rig rig;

	cgroup_create(cgroup, sizeof(cgroup));
	cgroup_move(cgroup, getpid());
	rig_open(&rig, variant, NULL);
	snprintf(rx, sizeof(rx), CGROUPS "%s/rx", cgroup);
	assert_int_equal(mkdir(rx, 0755), 0);
	snprintf(rx, sizeof(rx), "%s/rx", cgroup);
	cgroup_write(rx, "cgroup.type", "threaded");
	cgroup_write(cgroup, "cgroup.subtree_control", "+cpuset");
	cgroup_write(rx, "cpuset.cpus", "0");
	snprintf(text, sizeof(text), "%u", thread_of(&rig.port.dev, VHC_RX));
	cgroup_write(rx, "cgroup.threads", text);
	expect_in(rx, thread_of(&rig.port.dev, VHC_RX));
	expect_in(cgroup, thread_of(&rig.port.dev, VHC_TX));
	thread_field(thread_of(&rig.port.dev, VHC_RX), "Cpus_allowed_list", text, sizeof(text));
	assert_string_equal(text, "0");
	rig_run(&rig, &traffic);
	rig_close(&rig);
	cgroup_remove(rx);
	cgroup_move("", getpid());
	cgroup_remove(cgroup);
}

/* Kernel threads are not limited. */
static void a_limit_of_threads_leaves_one(const struct variant *variant)
{
	const struct vhc_traffic_config traffic = rig_traffic(1000);
	char cgroup[NAME];
	struct rig rig;
	bool one;

	cgroup_create(cgroup, sizeof(cgroup));
	cgroup_write(cgroup, "pids.max", "2");
	cgroup_move(cgroup, getpid());
	rig_open(&rig, variant, NULL);
	one = has_worker_ioctls(&rig.port.dev);
	assert_int_equal(thread_of(&rig.port.dev, VHC_RX) == thread_of(&rig.port.dev, VHC_TX), one);
	threads_expect(one ? 1 : 2);
	rig_run(&rig, &traffic);
	rig_close(&rig);
	cgroup_move("", getpid());
	cgroup_remove(cgroup);
}

static void wait_until_frozen(const char *cgroup)
{
	char path[128], text[256];
	unsigned int waited;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), CGROUPS "%s/cgroup.events", cgroup);
	for (waited = 0; waited < RIG_PATIENCE_MS; waited++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[len < 0 ? 0 : len] = '\0';
		if (strstr(text, "frozen 1"))
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("%s does not freeze: %s", cgroup, text);
}

/* What a kernel thread has in hand it finishes; then there is nothing more. */
static void expect_rest(const struct victim *victim)
{
	unsigned int before, waited = 0;

	do {
		before = victim_moved(victim);
		poll(NULL, 0, 50);
	} while (victim_moved(victim) != before && waited++ < 100);
	assert_int_equal(victim_moved(victim), before);
}

static void traffic_goes_on_after_a_freeze(const struct variant *variant)
{
	struct residue before;
	struct victim victim;
	unsigned int moved, i;
	char cgroup[NAME];

	residue_read(&before);
	cgroup_create(cgroup, sizeof(cgroup));
	victim_start(&victim, victim_send_frames, variant);
	/* A kernel thread of the owner's cgroup is not frozen, and so neither would that be. */
	victim_wait(&victim, 1);
	cgroup_move(cgroup, victim.pid);
	for (i = 0; i < 5; i++) {
		victim_wait(&victim, (i + 1) * 200);
		cgroup_write(cgroup, "cgroup.freeze", "1");
		wait_until_frozen(cgroup);
		expect_rest(&victim);
		moved = victim_moved(&victim);
		cgroup_write(cgroup, "cgroup.freeze", "0");
		victim_wait(&victim, moved + 200);
	}
	/* And one that is killed as it is. */
	cgroup_write(cgroup, "cgroup.freeze", "1");
	wait_until_frozen(cgroup);
	victim_kill(&victim);
	residue_expect(&before, 1);
	cgroup_remove(cgroup);
}

static void traffic_goes_on_in_another_cgroup(const struct variant *variant)
{
	char cgroups[2][NAME];
	unsigned int i, queue, moved, tid[VHC_QUEUES];
	struct residue before;
	struct victim victim;
	char tgid[16];
	bool from_owner;

	residue_read(&before);
	cgroup_create(cgroups[0], sizeof(cgroups[0]));
	cgroup_create(cgroups[1], sizeof(cgroups[1]));
	victim_start(&victim, victim_send_frames, variant);
	victim_wait(&victim, 100);
	for (queue = 0; queue < VHC_QUEUES; queue++)
		tid[queue] = thread_of_process(victim.pid, atomic_load(&victim.told->dev), queue);
	thread_field(tid[0], "Tgid", tgid, sizeof(tgid));
	from_owner = atoi(tgid) == victim.pid;
	for (i = 0; i < 20; i++) {
		cgroup_move(cgroups[i % 2], victim.pid);
		for (queue = 0; queue < VHC_QUEUES; queue++)
			expect_in(from_owner ? cgroups[i % 2] : "", tid[queue]);
		moved = victim_moved(&victim);
		victim_wait(&victim, moved + 100);
	}
	victim_kill(&victim);
	residue_expect(&before, 1);
	cgroup_remove(cgroups[0]);
	cgroup_remove(cgroups[1]);
}

const struct claim cgroup_claims[] = {
	ON(ON_VHOST_CUSTOM, threads_are_in_the_owner_s_cgroup),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, a_queue_has_a_cgroup_of_its_own),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, a_limit_of_threads_leaves_one),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, traffic_goes_on_after_a_freeze),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, traffic_goes_on_in_another_cgroup),
};

const size_t cgroup_claim_num = sizeof(cgroup_claims) / sizeof(cgroup_claims[0]);
