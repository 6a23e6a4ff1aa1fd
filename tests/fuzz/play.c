// SPDX-License-Identifier: GPL-2.0
/*
 * Plays programs: see play.h. Each operation is vmm.c's, driver.c's or network.c's.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>

#include "player.h"

enum { ARG_BYTES = 4096 };

struct played played;
__thread bool racing;

long request(const char *name, unsigned int number, const void *arg, size_t size)
{
	uint64_t copy[ARG_BYTES / sizeof(uint64_t)] = { 0 };
	long ret;

	if (!racing)
		return call(name, number, arg, size);
	memcpy(copy, arg, size);
	ret = ioctl(DEV_FD, number, copy);
	return ret < 0 ? -errno : ret;
}

void noted(const char *name, long ret)
{
	if (!racing)
		note(name, ret);
}

long state_request(const char *name, unsigned int number, unsigned int index, unsigned int value)
{
	struct vhost_vring_state state = { index, value };

	return request(name, number, &state, sizeof(state));
}

long u64_request(const char *name, unsigned int number, uint64_t value)
{
	return request(name, number, &value, sizeof(value));
}

/* Mostly the queue that the operation is about. */
unsigned int index_of(const struct op *op)
{
	return op->pick >= 0xff00 ? op->value : op->queue;
}

void *guest(unsigned long offset)
{
	return (void *)(DRIVER_ADDR + offset % MEM_SIZE);
}

static void play_op(const struct op *op)
{
	static const unsigned int polls[] = { 0, 0, 10, 200 };
	static const unsigned int endians[] = { 0, 0, 1 };
	static const int log_files[] = { LOG_FD, -1, TAP_FD };
	static const uint64_t backend_features[] = { 2, 0, 2 };

	switch (op->code) {
	case OP_SETUP:
		setup(op);
		break;
	case OP_START:
		set_backend(VHC_RX, TAP_FD);
		set_backend(VHC_TX, TAP_FD);
		break;
	case OP_STOP:
		set_backend(op->queue, -1);
		if (op->pick & 1)
			set_backend(!op->queue, -1);
		break;
	case OP_OWNER:
		become_owner(op);
		break;
	case OP_RESET:
		reset_owner();
		break;
	case OP_FEATURES:
		set_features(op);
		break;
	case OP_BACKEND_FEATURES:
		u64_request("SET_BACKEND_FEATURES", VHOST_SET_BACKEND_FEATURES,
			    PICK(op, backend_features) & (played.around->both ? 2 : ~0ULL));
		break;
	case OP_ARRAY:
		array(op);
		break;
	case OP_MEM_TABLE:
		set_mem_table(op);
		break;
	case OP_NUM:
		set_num(op);
		break;
	case OP_ADDR:
		set_addr(op);
		break;
	case OP_BASE:
		set_base(op);
		break;
	case OP_ENDIAN:
		state_request("SET_VRING_ENDIAN", VHOST_SET_VRING_ENDIAN, index_of(op),
			      PICK(op, endians));
		break;
	case OP_FILE:
		set_file(op);
		break;
	case OP_BUSYLOOP:
		state_request("SET_BUSYLOOP", VHOST_SET_VRING_BUSYLOOP_TIMEOUT, index_of(op),
			      polls[op->pick % ARRAY_SIZE(polls)]);
		break;
	case OP_BACKEND:
		backend(op);
		break;
	case OP_LOG_BASE:
		log_base(op);
		break;
	case OP_LOG_FILE:
		request("SET_LOG_FD", VHOST_SET_LOG_FD, &log_files[op->pick % 3], sizeof(int));
		break;
	case OP_MODERATION:
		moderate(op);
		break;
	case OP_STATS:
		read_stats(op);
		break;
	case OP_WORKER:
		worker(op);
		break;
	case OP_FORK:
		fork_from_owner(op);
		break;
	case OP_ANY:
		any_request(op);
		break;
	case OP_OFFER:
	case OP_LIE:
		offer(op);
		break;
	case OP_POKE:
		poke(op);
		break;
	case OP_KICK:
		kick();
		break;
	case OP_FRAMES:
		frames(op);
		break;
	case OP_TAP:
		change_tap(op);
		break;
	case OP_MEMORY:
		change_memory(op);
		break;
	case OP_MAP:
		map(op);
		break;
	case OP_ANSWER:
		answer();
		break;
	case OP_SETTLE:
		if (!racing && played.has_owner)
			side_workers();
		noted("settle", 0);
		break;
	}
}

static void *race(void *arg)
{
	const struct program *program = arg;
	unsigned int i;

	racing = true;
	for (i = program->race; i < program->count; i++)
		play_op(&program->op[i]);
	return NULL;
}

/**
 * play() - play a program on the device that side_open() opened
 * @program: the program.
 * @surroundings: what there is beside the device.
 */
void play(const struct program *program, const struct surroundings *surroundings)
{
	pthread_t thread;
	unsigned int i;

	played.around = surroundings;
	played.queues[0].num = 256;
	played.queues[1].num = 256;
	/* Nobody is there to answer one that waits. */
	fcntl(DEV_FD, F_SETFL, O_RDWR | O_NONBLOCK);
	if (program->race < program->count &&
	    pthread_create(&thread, NULL, race, (void *)program))
		errx(1, "no thread");
	for (i = 0; i < program->race; i++) {
		side_settle(played.around->both && played.has_owner);
		play_op(&program->op[i]);
	}
	if (program->race < program->count)
		pthread_join(thread, NULL);
}
