// SPDX-License-Identifier: GPL-2.0
/*
 * Makes calls on one device and records what each did.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "record.h"

enum { CANARY = 0xa5, AREA = 0x4000, RING_SIZE = 256, RING_BYTES = 0x4000 };

static struct record *record;
static bool from_32_bits, note_settles;
static pid_t owner;

/* On amd64 a program of 64 bits can call as one of 32 bits does. */
static long ioctl_32(int fd, unsigned int request, unsigned long arg)
{
#ifdef __x86_64__
	int ret;

	asm volatile("int $0x80" : "=a" (ret)
		     : "a" (54), "b" (fd), "c" (request), "d" (arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
#else
	errx(1, "no calls from 32 bits on this architecture");
#endif
}

static long do_ioctl(unsigned int request, unsigned long arg)
{
	long ret;

	if (from_32_bits)
		return ioctl_32(DEV_FD, request, arg);
	ret = ioctl(DEV_FD, request, arg);
	return ret < 0 ? -errno : ret;
}

static void put_at(int number, int fd)
{
	if (fd < 0)
		err(1, "file %d", number);
	if (dup2(fd, number) < 0)
		err(1, "dup2");
	close(fd);
}

/* What file @fd has, or with -1 memory of our own. */
static void map_at(unsigned long address, size_t size, int fd)
{
	void *at = mmap((void *)address, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE |
			(fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd, 0);

	if (at != (void *)address)
		err(1, "mmap");
}

static int open_tap(void)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR);

	if (ioctl(fd, TUNSETIFF, &request))
		err(1, "TUNSETIFF");
	return fd;
}

static void open_files(const char *device)
{
	int pipes[2];

	put_at(DEV_FD, open(device, O_RDWR));
	/* Who makes many records has made one. */
	if (fcntl(TAP_FD, F_GETFD) < 0)
		put_at(TAP_FD, open_tap());
	put_at(TUN_FD, open("/dev/net/tun", O_RDWR));
	put_at(KICK_FD, eventfd(0, EFD_NONBLOCK));
	put_at(CALL_FD, eventfd(0, EFD_NONBLOCK));
	put_at(ERR_FD, eventfd(0, EFD_NONBLOCK));
	put_at(LOG_FD, eventfd(0, EFD_NONBLOCK));
	put_at(NULL_FD, open("/proc/self/exe", O_RDONLY));
	if (pipe(pipes))
		err(1, "pipe");
	put_at(PIPE_FD, pipes[0]);
	put_at(UNIX_FD, socket(AF_UNIX, SOCK_DGRAM, 0));
	put_at(UDP_FD, socket(AF_INET, SOCK_DGRAM, 0));
	put_at(NETLINK_FD, socket(AF_NETLINK, SOCK_RAW, 0));
	put_at(PACKET_FD, socket(AF_PACKET, SOCK_RAW, 0));
}

static void must(unsigned int request, const void *arg)
{
	if (ioctl(DEV_FD, request, arg))
		err(1, "set-up: request %x", request);
}

static void set_up(void)
{
	struct {
		struct vhost_memory table;
		struct vhost_memory_region region;
	} mem = {
		.table.nregions = 1,
		.region = { MEM_GPA, MEM_SIZE, MEM_ADDR, 0 },
	};
	unsigned int i;

	must(VHOST_SET_MEM_TABLE, &mem);
	for (i = 0; i < 2; i++) {
		unsigned long at = MEM_ADDR + i * RING_BYTES;
		struct vhost_vring_state num = { i, RING_SIZE };
		struct vhost_vring_file kick = { i, KICK_FD }, called = { i, CALL_FD };
		struct vhost_vring_file error = { i, ERR_FD };
		struct vhost_vring_addr addr = {
			.index = i,
			.desc_user_addr = at,
			.avail_user_addr = at + 0x1000,
			.used_user_addr = at + 0x2000,
		};

		must(VHOST_SET_VRING_NUM, &num);
		must(VHOST_SET_VRING_ADDR, &addr);
		must(VHOST_SET_VRING_KICK, &kick);
		must(VHOST_SET_VRING_CALL, &called);
		must(VHOST_SET_VRING_ERR, &error);
	}
}

static void start(void)
{
	struct vhost_vring_file file = { 0, TAP_FD };

	must(VHOST_NET_SET_BACKEND, &file);
	file.index = 1;
	must(VHOST_NET_SET_BACKEND, &file);
}

/* Another process owns the file; it waits to be killed, or ends. */
static void set_up_elsewhere(bool stays)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		err(1, "pipe");
	owner = fork();
	if (!owner) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(VHOST_SET_OWNER, NULL);
		set_up();
		if (stays && write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	if (stays && read(ready[0], &byte, 1) != 1)
		errx(1, "the owner did not get ready");
	close(ready[0]);
	if (!stays) {
		waitpid(owner, NULL, 0);
		owner = 0;
	}
}

/* Count the threads below a directory that have a name, and those of them that do not sleep. */
static int count_in(const char *directory, const char *name, int *awake)
{
	char path[300], line[256];
	struct dirent *entry;
	int count = 0;
	FILE *file;
	DIR *dir = opendir(directory);

	while (dir && (entry = readdir(dir))) {
		char *begin, *end;

		snprintf(path, sizeof(path), "%s/%.20s/stat", directory, entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		/* "PID (NAME) STATE ..." */
		begin = fgets(line, sizeof(line), file);
		fclose(file);
		begin = begin ? strchr(line, '(') : NULL;
		end = begin ? strrchr(line, ')') : NULL;
		if (!end)
			continue;
		*end = '\0';
		if (strcmp(begin + 1, name))
			continue;
		count++;
		*awake += strncmp(end + 1, " S", 2) != 0;
	}
	if (dir)
		closedir(dir);
	return count;
}

static bool are_kernel_threads(void)
{
	unsigned int major, minor;
	struct utsname uts;

	uname(&uts);
	if (sscanf(uts.release, "%u.%u", &major, &minor) != 2)
		errx(1, "kernel %s", uts.release);
	return major * 100 + minor < 604;
}

/*
 * Kernel threads before 6.4, threads of the owner from then on. One that was told to stop has
 * said that it will before it is gone; nothing else keeps a worker awake here. So those that
 * sleep are counted, when all of them do.
 */
int side_workers(void)
{
	int pid = owner ? owner : getpid();
	char name[32], tasks[40];
	int tries, count;

	snprintf(name, sizeof(name), "vhost-%d", pid);
	snprintf(tasks, sizeof(tasks), "/proc/%d/task", pid);
	for (tries = 0; tries < 20000; tries++) {
		int awake = 0;

		count = count_in(are_kernel_threads() ? "/proc" : tasks, name, &awake);
		if (!awake)
			return count;
		poll(NULL, 0, 1);
	}
	errx(1, "a worker does not go to sleep");
}

static uint64_t count_of(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* Wait until no worker has anything to do before anything is noted. */
void side_settle(bool settles)
{
	note_settles = settles;
}

void note(const char *name, long ret)
{
	struct pollfd poller = { .fd = DEV_FD, .events = POLLIN | POLLOUT };
	struct step *step = &record->step[record->steps];
	unsigned int i;

	if (record->steps == STEPS_MAX)
		errx(1, "too many steps");
	if (note_settles)
		side_workers();
	snprintf(step->name, sizeof(step->name), "%s", name);
	step->ret = ret;
	memcpy(step->arg, (void *)ARG_ADDR, ARG_SIZE);
	for (i = 0; i < 2; i++) {
		struct vhost_vring_state state = { i, 0 };

		step->base[i] = ioctl(DEV_FD, VHOST_GET_VRING_BASE, &state) ? -errno :
				(long)state.num;
		memcpy(&step->used[i], (void *)(DRIVER_ADDR + i * RING_BYTES + 0x2000),
		       sizeof(step->used[i]));
	}
	poll(&poller, 1, 0);
	step->events = poller.revents;
	step->calls[0] = count_of(CALL_FD);
	step->calls[1] = count_of(ERR_FD);
	step->workers = -1;
	record->steps++;
}

void *arg_fill(const void *from, size_t size)
{
	memset((void *)ARG_ADDR, CANARY, AREA);
	if (size)
		memcpy((void *)ARG_ADDR, from, size);
	return (void *)ARG_ADDR;
}

long call(const char *name, unsigned int request, const void *arg, size_t size)
{
	long ret;

	arg_fill(arg, size);
	ret = do_ioctl(request, ARG_ADDR);
	note(name, ret);
	return ret;
}

void call_at(const char *name, unsigned int request, unsigned long address)
{
	arg_fill(NULL, 0);
	note(name, do_ioctl(request, address));
}

static void note_workers(const char *name)
{
	arg_fill(NULL, 0);
	note(name, 0);
	record->step[record->steps - 1].workers = side_workers();
}

void side_open(struct record *to, const char *device, enum stage stage, bool compat)
{
	record = to;
	from_32_bits = compat;
	map_at(ARG_ADDR, AREA, -1);
	put_at(MEM_FD, memfd_create("guest", 0));
	if (ftruncate(MEM_FD, MEM_SIZE))
		err(1, "ftruncate");
	map_at(MEM_ADDR, MEM_SIZE, MEM_FD);
	map_at(DRIVER_ADDR, MEM_SIZE, MEM_FD);
	open_files(device);
	if (stage == NOT_OWNER || stage == OWNER_GONE)
		set_up_elsewhere(stage == NOT_OWNER);
	else if (stage != OPENED)
		must(VHOST_SET_OWNER, NULL);
	if (stage == SET_UP || stage == RUNNING || stage == AFTER_RESET)
		set_up();
	if (stage == RUNNING || stage == AFTER_RESET)
		start();
	if (stage == AFTER_RESET)
		must(VHOST_RESET_OWNER, NULL);
	note_workers("begin");
}

void side_close(void)
{
	note_workers("end");
	if (owner) {
		kill(owner, SIGKILL);
		waitpid(owner, NULL, 0);
	}
	record->complete = true;
}
