// SPDX-License-Identifier: GPL-2.0
/*
 * What the worker tests look at: threads, as /proc and debugfs show them, and what a device leaves
 * behind.
 *
 * Callers: the other files here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mount.h>

#include "threads.h"

#define DEBUGFS "/sys/kernel/debug"
#define MODULE "/sys/module/vhost_custom/"

static bool slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	text[len < 0 ? 0 : len] = '\0';
	if (fd >= 0)
		close(fd);
	return len >= 0;
}

/**
 * find_number() - the number behind a name and a colon, in one of a file's lines
 * @path: the file.
 * @name: the name.
 * @number: filled.
 *
 * Return: false if there is none.
 */
bool find_number(const char *path, const char *name, unsigned int *number)
{
	size_t len = strlen(name);
	char line[512];
	bool found = false;
	FILE *in = fopen(path, "re");

	while (in && !found && fgets(line, sizeof(line), in))
		found = !strncmp(line, name, len) && line[len] == ':' &&
			sscanf(line + len + 1, "%u", number) == 1;
	if (in)
		fclose(in);
	return found;
}

/**
 * thread_of_process() - the thread that runs a queue, as debugfs says
 * @pid: who has the device open.
 * @fd: as what.
 * @queue: VHC_RX or VHC_TX.
 *
 * Return: its number; 0 if there is none.
 */
unsigned int thread_of_process(pid_t pid, int fd, unsigned int queue)
{
	unsigned int instance, tid = 0;
	char path[64];

	if (access(DEBUGFS "/vhost_custom", F_OK))
		assert_int_equal(mount("debugfs", DEBUGFS, "debugfs", 0, NULL), 0);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (!find_number(path, "instance", &instance))
		fail_msg("%s names no instance", path);
	snprintf(path, sizeof(path), DEBUGFS "/vhost_custom/%u", instance);
	find_number(path, queue == VHC_RX ? "rx_worker" : "tx_worker", &tid);
	return tid;
}

/**
 * thread_of() - the same, for a device of this process
 * @dev: the device.
 * @queue: VHC_RX or VHC_TX.
 *
 * Return: its number; 0 if there is none.
 */
unsigned int thread_of(const struct vhc_dev *dev, unsigned int queue)
{
	return thread_of_process(getpid(), dev->fd, queue);
}

/**
 * thread_read() - a file of a thread's in /proc
 * @tid: the thread.
 * @file: its name.
 * @text: filled; ends without a new line.
 * @size: of @text.
 */
void thread_read(unsigned int tid, const char *file, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, file);
	if (!slurp(path, text, size))
		fail_msg("%s: %s", path, strerror(errno));
	if (*text)
		text[strlen(text) - 1] = '\0';
}

/**
 * thread_field() - a field of /proc/TID/status
 * @tid: the thread.
 * @field: its name.
 * @text: filled.
 * @size: of @text.
 */
void thread_field(unsigned int tid, const char *field, char *text, size_t size)
{
	char status[4096], *line;

	thread_read(tid, "status", status, sizeof(status));
	line = strstr(status, field);
	if (!line)
		fail_msg("thread %u has no %s", tid, field);
	line = strchr(line, ':') + 2;
	snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
}

static unsigned int count_tasks(const char *pid)
{
	char path[600], comm[32];
	struct dirent *entry;
	unsigned int count = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%s/comm", pid, entry->d_name);
		count += slurp(path, comm, sizeof(comm)) && !strncmp(comm, "vhost-", 6);
	}
	if (tasks)
		closedir(tasks);
	return count;
}

/* Threads of all processes, and of the kernel, that are named as workers are. */
static unsigned int threads_all(void)
{
	DIR *all = opendir("/proc");
	struct dirent *entry;
	unsigned int count = 0;

	while ((entry = readdir(all)))
		if (entry->d_name[0] > '0' && entry->d_name[0] <= '9')
			count += count_tasks(entry->d_name);
	closedir(all);
	return count;
}

/**
 * threads_expect() - so many workers there are on this host, or the test fails
 * @count: how many. One that was told to end says that it will before it is gone.
 */
void threads_expect(unsigned int count)
{
	const time_t end = time(NULL) + RIG_PATIENCE_MS / 1000;

	while (threads_all() != count) {
		if (time(NULL) > end)
			fail_msg("there are %u workers, not %u", threads_all(), count);
		poll(NULL, 0, 1);
	}
}

/**
 * has_worker_ioctls() - can a device have several workers by this kernel's vhost core?
 * @dev: an owned device.
 */
bool has_worker_ioctls(const struct vhc_dev *dev)
{
	unsigned int worker;

	return __vhc_get_vring_worker(dev, VHC_RX, &worker) != -ENOTTY;
}

/**
 * parameter_read() - one of the module's parameters
 * @name: its name.
 */
unsigned int parameter_read(const char *name)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), MODULE "parameters/%s", name);
	assert_true(slurp(path, text, sizeof(text)));
	return strtoul(text, NULL, 0);
}

/**
 * parameter_write() - set one of the module's parameters
 * @name: its name.
 * @value: what to.
 *
 * Return: 0 or -errno.
 */
int parameter_write(const char *name, const char *value)
{
	char path[128];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), MODULE "parameters/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	len = write(fd, value, strlen(value));
	len = len < 0 ? -errno : 0;
	close(fd);
	return len;
}

/*
 * Open files of all processes, more or less, and those that nobody has open but the kernel; 0 if
 * this one does not tell. What file-nr says is wrong where files are those of an overlay.
 */
static unsigned int files_all(void)
{
	unsigned int files = 0;
	char line[512];
	FILE *in = fopen("/proc/slabinfo", "re");

	while (in && fgets(line, sizeof(line), in) && sscanf(line, "filp %u", &files) != 1)
		;
	if (in)
		fclose(in);
	return files;
}

/**
 * residue_read() - look at what would grow
 * @residue: filled.
 */
void residue_read(struct residue *residue)
{
	static const char *const fields[] = { "VmallocUsed", "KernelStack", "Slab" };
	char text[32];
	unsigned int i;

	residue->threads = threads_all();
	assert_true(slurp(MODULE "refcnt", text, sizeof(text)));
	residue->users = strtoul(text, NULL, 10);
	residue->files = files_all();
	for (i = 0; i < 3; i++)
		if (!find_number("/proc/meminfo", fields[i], &residue->kib[i]))
			fail_msg("/proc/meminfo has no %s", fields[i]);
}

/*
 * What one device would leave behind, in KiB, if any of its parts were: its own memory, a thread's
 * stack, a thread.
 */
static const unsigned int device_kib[3] = { 200, 16, 8 };
/* What may come and go by itself. */
static const unsigned int noise_kib[3] = { 512, 128, 512 };
/* Of files, of which each device that is left behind has one, at least. */
enum { NOISE_FILES = 128 };

/*
 * A kernel that looks for bugs keeps what is freed for a while (KASAN's quarantine). It also says
 * by itself what is lost: see tests/in-host.
 */
static bool slabs_count(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) != 0;
}

static bool is_clean(const struct residue *before, const struct residue *now,
		     unsigned int devices)
{
	const unsigned int fields = slabs_count() ? 3 : 2;
	unsigned int i, half;

	/* Where half of what they would leave does not stand out, it says nothing. */
	for (i = 0; i < fields; i++) {
		half = devices * device_kib[i] / 2;
		if (half > noise_kib[i] && now->kib[i] > before->kib[i] + half)
			return false;
	}
	half = devices / 2;
	if (fields == 3 && half > NOISE_FILES && now->files > before->files + half)
		return false;
	return now->threads == before->threads && now->users == before->users;
}

/**
 * residue_expect() - nothing was left behind, or the test fails
 * @before: how it was.
 * @devices: that were made and that ended since; memory is looked at if there were many. It is
 *	freed a little later, as threads are.
 */
void residue_expect(const struct residue *before, unsigned int devices)
{
	const time_t end = time(NULL) + RIG_PATIENCE_MS / 1000;
	struct residue now;
	bool clean;

	do {
		residue_read(&now);
		clean = is_clean(before, &now, devices);
		if (!clean)
			poll(NULL, 0, 10);
	} while (!clean && time(NULL) <= end);
	print_message("# after %u devices: threads %u, was %u; users %u, was %u; files %u, was %u\n",
		      devices, now.threads, before->threads, now.users, before->users, now.files,
		      before->files);
	print_message("# KiB: vmalloc %u, was %u; stacks %u, was %u; slabs %u, was %u\n",
		      now.kib[0], before->kib[0], now.kib[1], before->kib[1], now.kib[2],
		      before->kib[2]);
	if (!clean)
		fail_msg("%u devices left something behind", devices);
}
